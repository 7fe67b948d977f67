from collections import Counter
from typing import NamedTuple

import numpy as np
import pytest

from data.errors import DataError
from pretrain.pairs import PairBuilder, PairOptions

CLS, SEP = 2, 3


def builder(source, documents=None, seed=0, **options):
    options = PairOptions(**({"max_length": 32} | options))
    documents = np.arange(len(source.documents)) if documents is None else documents
    characters = np.array([2 * sum(map(len, source.documents[d])) for d in documents])
    return PairBuilder(
        source, documents, characters, characters_per_token=2.0, cls_id=CLS, sep_id=SEP, options=options, seed=seed
    )


class Example(NamedTuple):
    ids: np.ndarray
    types: np.ndarray
    label: int
    documents: tuple[int, int]


def examples_of(built):
    """One by one."""
    documents = map(tuple, built.documents.tolist())
    columns = (built.split(built.ids), built.split(built.types), built.labels.tolist(), documents)
    return [Example(*example) for example in zip(*columns, strict=True)]


def epoch(pairs, number=0):
    return examples_of(pairs.build(number, np.arange(pairs.examples)))


def example_of(pairs, number, index):
    return examples_of(pairs.build(number, np.array([index])))[0]


def segments(example: Example):
    """Token ids of A and B without special tokens."""
    words = example.ids >= 1000
    return example.ids[words & (example.types == 0)], example.ids[words & (example.types == 1)]


def document_of(ids):
    found = set((ids // 1000 - 1).tolist())
    assert len(found) == 1
    return found.pop()


@pytest.fixture
def pairs(list_source, marked_documents):
    return builder(list_source(marked_documents))


def test_layout(pairs):
    for example in epoch(pairs):
        ids, types = example.ids.tolist(), example.types.tolist()
        middle = ids.index(SEP)
        assert ids[0] == CLS and ids[-1] == SEP and ids.count(SEP) == 2 and ids.count(CLS) == 1
        assert types == [0] * (middle + 1) + [1] * (len(ids) - middle - 1)
        assert len(ids) <= 32 and 1 < middle < len(ids) - 2


@pytest.mark.parametrize("segments_option", ["filled", "sentences"])
def test_exactly_half_are_negatives_and_none_of_the_same_document(list_source, marked_documents, segments_option):
    pairs = builder(list_source(marked_documents), segments=segments_option)
    for number in range(3):
        examples = epoch(pairs, number)
        assert sum(example.label for example in examples) * 2 == len(examples)
        for example in examples:
            a, b = map(document_of, segments(example))
            assert (a, b) == example.documents
            assert (a == b) == (example.label == 0)


def test_positives_are_consecutive_and_meet_where_they_join(pairs):
    for example in epoch(pairs):
        if example.label == 0:
            a, b = segments(example)
            assert b[0] == a[-1] + 1
            joined = np.concatenate([a, b])
            assert set(np.diff(joined).tolist()) <= {0, 1}


def test_b_is_never_the_first_sentence_of_a_document(pairs):
    # A positive's B cannot be; if a negative's could, titles would give the label away.
    assert all(segments(example)[1][0] % 1000 > 0 for example in epoch(pairs))


def test_example_depends_on_seed_epoch_and_index_alone(list_source, marked_documents, pairs):
    def same(one, two):
        return np.array_equal(one.ids, two.ids) and one.label == two.label and one.documents == two.documents

    again, together = builder(list_source(marked_documents)), epoch(pairs, 3)
    for index in reversed(range(pairs.examples)):  # another order, a new builder, without the others
        assert same(example_of(again, 3, index), together[index])
    assert not all(same(one, two) for one, two in zip(together[:10], epoch(pairs, 4)[:10], strict=True))
    other = builder(list_source(marked_documents), seed=1)
    assert not all(same(example_of(pairs, 3, i), example_of(other, 3, i)) for i in range(10))


def test_an_epoch_covers_the_text(list_source, marked_documents):
    pairs = builder(list_source(marked_documents), short_rate=0.0)
    seen = Counter()
    for number in range(3):
        for example in epoch(pairs, number):
            a, b = segments(example)
            seen.update(set(a.tolist()) | (set(b.tolist()) if example.label == 0 else set()))
    sentences = [ids[0] for document in marked_documents for ids in document]
    assert len(seen.keys() & set(sentences)) / len(sentences) > 0.9
    per_document = Counter(example.documents[0] for example in epoch(pairs))
    longest = max(range(40), key=lambda d: sum(map(len, marked_documents[d])))
    assert per_document[longest] == pytest.approx(sum(map(len, marked_documents[longest])) / 29, abs=1.1)


def test_chunks_are_filled_except_for_the_short_ones(list_source):
    documents = [[[1000 * d + s] * 5 for s in range(40)] for d in range(1, 30)]
    lengths = np.array([len(e.ids) for e in epoch(builder(list_source(documents)))])
    assert 0.85 < np.mean(lengths == 32) < 0.95
    assert lengths.min() < 20
    assert all(len(e.ids) == 32 for e in epoch(builder(list_source(documents), short_rate=0.0)))


@pytest.mark.parametrize("sentences", [(2, 6), (2, 22), (40, 60)], ids=["short", "mixed", "long"])
def test_lengths_do_not_give_the_label_away(list_source, sentences):
    rng = np.random.default_rng(1)
    documents = [
        [[1000 * (d + 1) + s] * int(rng.integers(3, 15)) for s in range(int(rng.integers(*sentences)))]
        for d in range(60)
    ]
    pairs = builder(list_source(documents), max_length=64)
    examples = [example for number in range(25) for example in epoch(pairs, number)]
    labels = np.array([example.label for example in examples])
    for measure in (lambda e: len(e.ids), lambda e: len(segments(e)[0]), lambda e: len(segments(e)[1])):
        values = np.array([measure(example) for example in examples])
        # How well the best threshold on this length guesses the label; 50 % is a coin.
        guesses = [abs(((values > threshold) == labels).mean() - 0.5) for threshold in np.unique(values)]
        assert max(guesses) < 0.09


def test_single_sentences(list_source, marked_documents):
    pairs = builder(list_source(marked_documents), segments="sentences")
    for example in epoch(pairs):
        a, b = segments(example)
        assert len(set(a.tolist())) == len(set(b.tolist())) == 1
        if example.label == 0:
            assert b[0] == a[0] + 1


def test_sentence_order(list_source, marked_documents):
    examples = epoch(builder(list_source(marked_documents), second_objective="sop"))
    assert sum(example.label for example in examples) * 2 == len(examples)
    for example in examples:
        a, b = segments(example)
        assert document_of(a) == document_of(b)
        assert (a.max() < b.min()) if example.label == 0 else (b.max() < a.min())


def test_no_second_objective_fills_one_segment(list_source):
    documents = [[[1000 * d + s] * 5 for s in range(20)] for d in range(1, 6)] + [[[9000] * 9]]
    examples = epoch(builder(list_source(documents), second_objective="none"))
    assert all(not example.types.any() and example.ids.tolist().count(SEP) == 1 for example in examples)
    full = [example for example in examples if example.documents[0] < 5]
    assert all(len(example.ids) == 32 for example in full)
    assert any(example.documents[0] == 5 for example in examples)  # a document of one sentence serves, too


def test_a_document_of_one_sentence_gives_way_and_halves_stay_exact(list_source, marked_documents):
    lonely = [*marked_documents, [[99_000] * 200]]  # fills many slots, can make no pair
    examples = epoch(builder(list_source(lonely)))
    assert sum(example.label for example in examples) * 2 == len(examples)
    assert all(40 not in example.documents for example in examples)


@pytest.mark.parametrize("truncation", ["longest_first", "second_first"])
def test_truncation(list_source, truncation):
    documents = [[[1000 * d + s] * (20 if s % 2 else 60) for s in range(6)] for d in range(1, 9)]
    pairs = builder(list_source(documents), truncation=truncation, segments="sentences", max_length=43)
    shapes = Counter()
    for example in epoch(pairs):
        a, b = segments(example)
        shapes[len(a), len(b)] += 1
        assert len(example.ids) == 43
    if truncation == "longest_first":
        assert set(shapes) <= {(20, 20)}
    else:
        assert set(shapes) <= {(39, 1), (20, 20)}


def test_a_keeps_its_end_and_b_its_beginning(list_source):
    documents = [[list(range(1000 * d + 100 * s, 1000 * d + 100 * s + 50)) for s in range(2)] for d in range(1, 9)]
    for example in epoch(builder(list_source(documents), segments="sentences")):
        a, b = segments(example)
        assert a[-1] % 100 == 49 and b[0] % 100 == 0


def test_one_document_is_refused_with_a_reason(list_source):
    with pytest.raises(DataError, match=r"one only.*--second_objective sop"):
        builder(list_source([[[1000] * 5, [1001] * 5]]))
    builder(list_source([[[1000] * 5, [1001] * 5]]), second_objective="sop")


def test_one_usable_document_among_many_is_refused(list_source):
    with pytest.raises(DataError, match=r"one document only|fewer than 2 sentences"):
        epoch(builder(list_source([[[1000] * 5, [1001] * 5], [[2000] * 5], [[3000] * 5]])))


def test_held_out_documents_stay_out(list_source, marked_documents):
    chosen = np.array([3, 5, 8, 30])
    seen = {d for e in epoch(builder(list_source(marked_documents), chosen)) for d in e.documents}
    assert seen == {3, 5, 8, 30}


def test_only_the_sentences_that_are_needed_are_tokenised(list_source):
    source = list_source([[[1000 * d + s] * 5 for s in range(500)] for d in range(1, 4)])
    pairs = builder(source, short_rate=0.0)
    source.asked = 0
    pairs.build(0, np.arange(20))
    assert source.asked <= 20 * 2 * 9
