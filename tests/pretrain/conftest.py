import numpy as np
import pytest

from pretrain.batches import WindowBuilder
from pretrain.masking import Masker
from pretrain.pairs import PairBuilder, PairOptions


class ListSource:
    """A `TokenSource` over lists: document d, sentence s holds the ids that `sentence` gives; two characters a token."""

    def __init__(self, documents):
        self.documents = [[np.array(ids, dtype=np.int64) for ids in document] for document in documents]
        self.asked = []

    def lengths(self, document):
        return np.array([2 * len(ids) for ids in self.documents[document]])

    def tokens(self, document, first, last):
        self.asked.append((document, first, last))
        return self.documents[document][first:last]


@pytest.fixture
def list_source():
    return ListSource


@pytest.fixture
def marked_documents():
    """40 documents of 2 to 21 sentences; id 1000 d + s tells document and sentence of every token."""
    rng = np.random.default_rng(0)
    return [
        [[1000 * (d + 1) + s] * int(rng.integers(3, 15)) for s in range(int(rng.integers(2, 22)))] for d in range(40)
    ]


@pytest.fixture
def windows(list_source, marked_documents):
    def make(batch_tokens=128, documents=marked_documents, seed=0):
        source = list_source(documents)
        characters = np.array([source.lengths(d).sum() for d in range(len(documents))])
        pairs = PairBuilder(
            source, np.arange(len(documents)), characters, characters_per_token=2.0, cls_id=2, sep_id=3,
            options=PairOptions(max_length=32), seed=seed,
        )  # fmt: skip
        vocabulary = np.arange(200_000)
        masker = Masker(mask_id=4, reserved=vocabulary < 1000, continues=vocabulary < 0)
        return WindowBuilder(pairs, masker, batch_tokens, seed)

    return make
