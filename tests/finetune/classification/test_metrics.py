"""Metrics of numbers and of classes: scipy's and scikit-learn's figures, cases worked out by hand, and what must hold for any answers."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import accuracy_score, f1_score

from finetune.class_metrics import class_metrics, class_scores
from finetune.classification.metrics import number_metrics

YNAT = ["IT과학", "경제", "사회", "생활문화", "세계", "스포츠", "정치"]


def figures(gold, answers):
    return number_metrics(np.array(gold, dtype=float), np.array(answers, dtype=float))


# Few different numbers, so that ties are common.
columns = st.integers(2, 25).flatmap(
    lambda rows: st.tuples(*[st.lists(st.integers(0, 20).map(lambda n: n / 4), min_size=rows, max_size=rows)] * 2)
)


def test_the_example_of_the_module_by_hand():
    found = figures([0.0, 2.0, 4.0, 5.0], [1.0, 1.5, 3.5, 2.5])
    assert found["pearson"] == pytest.approx(6.125 / np.sqrt(14.75 * 3.6875))
    assert found["spearman"] == pytest.approx(0.8)  # 1 - 6 Σd² / (n³ - n), d = 0 0 1 1
    assert found["f1_at_3"] == pytest.approx(2 / 3)
    assert [f"{100 * value:.1f}" for value in found.values()] == ["83.1", "80.0", "66.7"]


@given(columns)
def test_scipys_and_klues_figures_for_any_answers(case):
    gold, answers = ([0.0, 5.0, *numbers] for numbers in case)
    found = figures(gold, answers)
    same, answered = np.array(gold) >= 3, np.array(answers) >= 3
    assert found["f1_at_3"] == pytest.approx(f1_score(same, answered, average="binary"))
    assert found["pearson"] == pytest.approx(pearsonr(gold, answers)[0], abs=1e-12)
    assert found["spearman"] == pytest.approx(spearmanr(gold, answers)[0], abs=1e-12)


@pytest.mark.parametrize("constant", [0.1, 3.0, 1e-9, -7e8])
def test_one_number_for_all_rows_correlates_with_nothing(constant):
    numbers = np.linspace(10, 15, 31)
    for gold, answers in (
        (numbers, np.full(31, constant)),
        (np.full(31, constant), numbers),
        (numbers[:1], numbers[:1]),
    ):
        assert number_metrics(gold, answers) == {"pearson": 0.0, "spearman": 0.0}


def test_three_is_the_same_already():
    assert figures([0.0, 5.0, 3.0], [0.0, 3.0, 2.999])["f1_at_3"] == pytest.approx(2 / 3)
    assert figures([0.0, 5.0, 2.999], [0.0, 3.0, 3.0])["f1_at_3"] == pytest.approx(2 / 3)
    assert figures([0.0, 5.0], [5.0, 0.0])["f1_at_3"] == figures([0.0, 5.0], [1.0, 2.0])["f1_at_3"] == 0


@pytest.mark.parametrize(
    ("gold", "similar"),
    [
        ([0.0, 3.2, 5.0], True),
        ([0.4, 4.8], True),
        ([0.0, 0.5, 1.0], False),
        ([1.0, 3.5, 5.0], False),
        ([0.0, 2.0, 4.0], False),
        ([0.0, 5.5], False),
        ([-0.5, 5.0], False),
    ],
    ids=["klue", "sample", "shares", "marks", "to_four", "above", "below"],
)
def test_f1_at_3_is_for_similarities_alone(gold, similar):
    assert ("f1_at_3" in figures(gold, gold[::-1])) is similar
    assert ("f1_at_3" in figures([1.0, 3.0, 5.0], [0.0, 2.0, 5.0])) is False  # whatever the answers are


@given(columns, st.floats(0.01, 100), st.floats(-100, 100))
def test_scale_and_offset_do_not_matter_to_correlations(case, factor, offset):
    gold, answers = map(np.array, case)
    before, after = number_metrics(gold, answers), number_metrics(gold, answers * factor + offset)
    assert after["pearson"] == pytest.approx(before["pearson"], abs=1e-9)
    assert number_metrics(gold, -answers)["pearson"] == pytest.approx(-before["pearson"], abs=1e-12)


def test_perfect_answers():
    gold = np.linspace(0, 5, 1001, dtype=np.float32)
    found = number_metrics(gold, gold)
    assert found == pytest.approx({"pearson": 1, "spearman": 1, "f1_at_3": 1}) and max(found.values()) <= 1
    assert number_metrics(gold, np.exp(gold))["spearman"] == pytest.approx(1)
    json.dumps(found)


@pytest.mark.parametrize(
    ("gold", "answers", "what"),
    [
        ([], [], "N > 0"),
        ([1.0, 2.0], [1.0], "do not fit"),
        ([[1.0]], [[1.0]], "N > 0"),
        ([1.0, 2.0], [1.0, np.nan], "row 1"),
        ([np.inf, 2.0], [1.0, 2.0], "row 0"),
    ],
    ids=["no_rows", "fewer", "column", "nan", "infinite"],
)
def test_what_cannot_be_measured(gold, answers, what):
    with pytest.raises(ValueError, match=what):
        figures(gold, answers)


@given(st.lists(st.tuples(*[st.sampled_from(YNAT)] * 2), min_size=1, max_size=40))
def test_ynats_figures_are_scikit_learns(pairs):
    gold, answers = zip(*pairs, strict=True)
    probabilities = np.array([[float(label == answer) for label in YNAT] for answer in answers])
    found = class_metrics(probabilities, gold, YNAT)
    assert found["accuracy"] == found["micro_f1"] == pytest.approx(accuracy_score(gold, answers))
    macro = f1_score(gold, answers, labels=YNAT, average="macro", zero_division=0)
    assert found["macro_f1"] == pytest.approx(macro)
    each = {score.label: score.f1 for score in class_scores(probabilities, gold, YNAT)}
    assert [each[label] for label in YNAT] == pytest.approx(
        f1_score(gold, answers, labels=YNAT, average=None, zero_division=0)
    )
