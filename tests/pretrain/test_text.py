"""What a run makes of its text once, and finds again."""

from contextlib import contextmanager

import numpy as np

from data.tokenizer import WordPiece
from pretrain.text import prepare_text


@contextmanager
def silent(label, unit):
    yield lambda done, total: None


def test_a_second_run_over_the_same_text_tokenises_the_held_out_documents_alone(configure, monkeypatch):
    config = configure().resolved()
    first = prepare_text(config, silent)
    tokenised = []
    encode = WordPiece.encode
    monkeypatch.setattr(WordPiece, "encode", lambda self, texts: tokenised.extend(texts) or encode(self, texts))
    again = prepare_text(config, silent)
    held_out = [sentence for document in first.held_out.tolist() for sentence in first.corpus.sentences(document)]
    assert tokenised == held_out
    assert np.array_equal(first.frequencies, again.frequencies) and abs(again.frequencies.sum() - 1) < 1e-12
    assert first.coverage == again.coverage
    assert not [path for path in config.cache_dir.iterdir() if "unfinished" in path.name]


def test_the_frequencies_of_another_vocabulary_are_others(configure):
    one, two = (prepare_text(configure(vocab_size=size).resolved(), silent) for size in (400, 450))
    assert len(one.frequencies) == 400 and len(two.frequencies) == 450
    assert not one.frequencies[one.wordpiece.reserved].any() and (one.frequencies[~one.wordpiece.reserved] > 0).all()
