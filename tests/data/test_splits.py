"""Splits share no sentence, keep each label's share, and depend on the rows and the seed alone."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import DataError
from data.relations import Entity, Relation
from data.splits import folds_by_sentence, sentence_key, split_by_sentence

ROOT = Path(__file__).parents[2]


def relation(sentence: str, label: str | None) -> Relation:
    return Relation("", sentence, Entity(0, 1, None), Entity(1, 2, None), label, "")


def table(sizes: dict[str | None, int]) -> list[Relation]:
    """Rows of each label, each with a sentence of its own."""
    return [relation(f"{label} {number}", label) for label, count in sizes.items() for number in range(count)]


def sentences(relations, rows) -> set[str]:
    return {sentence_key(relations[row].sentence) for row in rows}


rows = st.tuples(st.integers(0, 30), st.sampled_from(["no_relation", "no_relation", "per:title", "org:founded", None]))
tables = st.lists(rows, min_size=2, max_size=120).map(
    lambda rows: [
        relation(f"문장 {number}" if i % 2 else f"문장{number}", label) for i, (number, label) in enumerate(rows)
    ]
)


def one_sentence_each(labels: list[str]) -> list[Relation]:
    return [relation(str(number), label) for number, label in enumerate(labels)]


# --- a share held out -------------------------------------------------------------------------------------------------


@given(tables, st.sampled_from([0.1, 0.2, 0.5, 0.8]), st.integers(0, 3))
def test_no_sentence_is_on_both_sides(relations, share, seed):
    try:
        train, held = split_by_sentence(relations, share, seed)
    except DataError:
        return
    assert sorted(train + held) == list(range(len(relations)))
    assert train == sorted(train) and held == sorted(held)
    assert train and held
    assert not sentences(relations, train) & sentences(relations, held)
    assert {relation.label for relation in relations} == {relations[row].label for row in train}


@given(
    st.lists(st.integers(0, 29).map(lambda number: f"label {int(number**0.7)}"), min_size=60, max_size=400),
    st.floats(0.05, 0.5),
    st.integers(0, 3),
)
def test_all_rows_and_each_label_keep_their_share(labels, share, seed):
    relations = one_sentence_each(labels)
    _, held = split_by_sentence(relations, share, seed)
    counts, held_counts = Counter(labels), Counter(labels[row] for row in held)
    spared = sum(count == 1 for count in counts.values())  # labels of one sentence, which are made up for by others
    assert abs(len(held) - share * len(relations)) <= 1
    for label, count in counts.items():
        assert abs(held_counts[label] - share * count) <= 1.01 + spared * share
        assert held_counts[label] < count
        assert held_counts[label] or share * count < 1


def test_labels_of_many_sizes_keep_their_share():
    relations = table({"no_relation": 2000, "per:title": 331, "org:founded": 45, "per:siblings": 10, "per:religion": 2})
    _, held = split_by_sentence(relations, 0.1, seed=0)
    counts = Counter(relations[row].label for row in held)
    assert len(held) == round(0.1 * len(relations))
    assert counts["no_relation"] in (199, 200, 201)
    assert counts["per:title"] in (32, 33, 34)
    assert counts["org:founded"] in (4, 5)
    assert counts["per:siblings"] == 1
    assert counts["per:religion"] in (0, 1)


def test_sentences_with_many_rows_keep_the_share():
    relations = [
        relation(f"문장 {number}", "per:title" if number % 10 == 0 and row == 0 else "no_relation")
        for number in range(300)
        for row in range(number % 7 + 1)
    ]
    _, held = split_by_sentence(relations, 0.2, seed=1)
    titles = sum(relations[row].label == "per:title" for row in held)
    assert abs(len(held) - 0.2 * len(relations)) <= 3.5
    assert titles == 6


def test_a_label_with_sentences_enough_has_one_held_out():
    relations = [
        *[relation("한 문장", "org:founded")] * 9,  # trained on, so that nine tenths of a row are to be made up for
        *[relation(f"문장 {number % 3}", "org:members") for number in range(9)],  # by holding out three rows
        *table({"per:siblings": 10, "no_relation": 100}),
    ]
    for seed in range(10):
        _, held = split_by_sentence(relations, 0.1, seed)
        assert sum(relations[row].label == "per:siblings" for row in held) == 1


def test_a_label_of_one_sentence_is_trained_on():
    for seed in range(20):
        train, _ = split_by_sentence(table({"per:title": 1, "no_relation": 9}), 0.5, seed)
        assert 0 in train


def test_re_spaced_copies_are_one_sentence():
    copies = ["새솔대학교는 한빛군에 있다.", "새솔 대학교는 한빛 군에 있다.", "새솔대학교는\n한빛군에\u3000있다."]
    relations = [relation(sentence, "no_relation") for sentence in copies] + table({"no_relation": 3})
    for seed in range(20):
        train, _ = split_by_sentence(relations, 0.5, seed)
        assert len({row in train for row in range(3)}) == 1


def test_rows_without_a_label_are_one_stratum():
    train, held = split_by_sentence(table({None: 50, "no_relation": 50}), 0.1, seed=0)
    assert (len(train), len(held)) == (90, 10)
    assert sum(row < 50 for row in held) == 5


def test_a_split_depends_on_the_seed_and_not_on_the_order_of_the_rows():
    relations = table({"no_relation": 60, "per:title": 20})
    backwards = relations[::-1]
    held = [sentences(relations, split_by_sentence(relations, 0.3, seed)[1]) for seed in (0, 0, 1, 2)]
    assert held[0] == held[1] == sentences(backwards, split_by_sentence(backwards, 0.3, 0)[1])
    assert held[0] != held[2] != held[3]
    folds = folds_by_sentence(relations, 4, 0)
    assert folds == folds_by_sentence(relations, 4, 0) != folds_by_sentence(relations, 4, 1)


def test_a_split_does_not_depend_on_the_hash_seed():
    code = """
from data.relations import Entity, Relation
from data.splits import folds_by_sentence, split_by_sentence
rows = [Relation("", f"문장 {n % 50}", Entity(0, 1, None), Entity(1, 2, None), f"{n % 7}", "") for n in range(90)]
print(split_by_sentence(rows, 0.3, 1), folds_by_sentence(rows, 3, 1))
"""
    printed = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, cwd=ROOT, capture_output=True, check=True
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(printed) == 1


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, float("nan")])
def test_a_share_outside_0_and_1_is_refused(share):
    with pytest.raises(ValueError, match="between 0 and 1"):
        split_by_sentence(table({"no_relation": 9}), share, seed=0)


@pytest.mark.parametrize("relations", [[], [relation("한 문장", "a"), relation("한문장", "b")]])
def test_fewer_than_two_sentences_are_refused(relations):
    with pytest.raises(DataError, match="give more sentences"):
        split_by_sentence(relations, 0.5, seed=0)
    with pytest.raises(DataError, match="give more sentences"):
        folds_by_sentence(relations, 2, seed=0)


def test_a_share_that_holds_nothing_out_is_refused():
    with pytest.raises(DataError, match="give a larger share"):
        split_by_sentence(table({"no_relation": 9}), 0.01, seed=0)
    with pytest.raises(DataError, match="give a larger share"):
        split_by_sentence(one_sentence_each(["a", "b", "c"]), 0.5, seed=0)


# --- folds ------------------------------------------------------------------------------------------------------------


@given(tables, st.integers(2, 7), st.integers(0, 3))
def test_folds_are_a_partition_of_the_sentences(relations, folds, seed):
    if len(sentences(relations, range(len(relations)))) < folds:
        with pytest.raises(DataError):
            folds_by_sentence(relations, folds, seed)
        return
    held = folds_by_sentence(relations, folds, seed)
    assert len(held) == folds and all(held)
    assert sorted(row for fold in held for row in fold) == list(range(len(relations)))
    keys = [sentences(relations, fold) for fold in held]
    assert sum(map(len, keys)) == len(set().union(*keys))


@given(st.lists(st.sampled_from("aaaaaaaabbbbccd"), min_size=20, max_size=300), st.integers(2, 10), st.integers(0, 3))
def test_folds_spread_each_label_evenly(labels, folds, seed):
    held = folds_by_sentence(one_sentence_each(labels), folds, seed)
    assert max(map(len, held)) - min(map(len, held)) <= 1
    for label in set(labels):
        counts = [sum(labels[row] == label for row in fold) for fold in held]
        assert max(counts) - min(counts) <= 1


def test_folds_of_sentences_with_many_rows_are_even():
    relations = [
        relation(f"문장 {number}", f"label {row % 3}") for number in range(200) for row in range(1 + number % 4)
    ]
    held = folds_by_sentence(relations, 5, seed=0)
    for label in ("label 0", "label 1", "label 2"):
        counts = [sum(relations[row].label == label for row in fold) for fold in held]
        assert max(counts) - min(counts) <= 3


def test_a_rare_label_is_spread_evenly_whatever_else_its_sentences_have():
    relations = [relation(f"문장 {number}", "per:title") for number in range(40)]
    relations += [relation(f"문장 {number}", "no_relation") for number in range(240) for _ in range(number % 9)]
    for seed in range(5):
        held = folds_by_sentence(relations, 5, seed)
        assert [sum(row < 40 for row in fold) for fold in held] == [8] * 5


def test_small_sentences_level_out_large_ones():
    relations = table({"per:title": 30}) + [relation("긴 이야기", "per:title")] * 10
    for seed in range(5):
        assert [len(fold) for fold in folds_by_sentence(relations, 4, seed)] == [10] * 4


def test_impossible_folds_are_refused():
    with pytest.raises(ValueError, match="give 2 or more"):
        folds_by_sentence(table({"a": 5}), 1, seed=0)
    with pytest.raises(DataError, match="5 different sentences do not make 6 folds"):
        folds_by_sentence(table({"a": 5}), 6, seed=0)
