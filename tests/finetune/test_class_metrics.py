"""Metrics: KLUE's two functions as they are defined, cases worked out by hand, and what must hold for any answers."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, auc, f1_score, precision_recall_curve

from finetune.class_metrics import class_metrics, class_scores, precision_recall

LABELS = ["no_relation", "per:spouse", "per:title"]


def klue_micro_f1(probabilities, gold, labels):
    """Micro-F1 in percent over the listed labels without no_relation."""
    counted = [number for number, label in enumerate(labels) if label != "no_relation"]
    numbers = [labels.index(label) for label in gold]
    return 100 * f1_score(numbers, probabilities.argmax(1), labels=counted, average="micro", zero_division=0)


def klue_auprc(probabilities, gold, labels):
    """Trapezoids below each class's curve, one-hot gold against its column, meaned, in percent."""
    one_hot = np.array([[label == name for name in labels] for label in gold], dtype=int)
    areas = []
    for column in range(len(labels)):
        precision, recall, _ = precision_recall_curve(one_hot[:, column], probabilities[:, column])
        areas.append(auc(recall, precision))
    return 100 * np.mean(areas)


def agrees_with_klue(probabilities, gold, labels=LABELS):
    metrics = class_metrics(probabilities, gold, labels, "no_relation")
    numbers = [labels.index(label) for label in gold]
    counted = [number for number, label in enumerate(labels) if label != "no_relation"]
    macro = f1_score(numbers, probabilities.argmax(1), labels=counted, average="macro", zero_division=0)
    assert metrics["micro_f1"] * 100 == pytest.approx(klue_micro_f1(probabilities, gold, labels), abs=1e-9)
    assert metrics["auprc"] * 100 == pytest.approx(klue_auprc(probabilities, gold, labels), abs=1e-9)
    assert metrics["macro_f1"] == pytest.approx(macro, abs=1e-12)
    assert metrics["accuracy"] == pytest.approx(accuracy_score(numbers, probabilities.argmax(1)))
    return metrics


def one_hot(answers, labels=LABELS):
    return np.array([[float(label == answer) for label in labels] for answer in answers])


@st.composite
def answers_and_gold(draw):
    """Probabilities of few different values, so that ties are common, and labels that may lack rows."""
    rows, columns = draw(st.integers(1, 25)), draw(st.integers(2, 6))
    labels = [f"per:{number}" for number in range(columns)]
    labels[draw(st.integers(0, columns - 1))] = "no_relation"
    levels = draw(st.lists(st.integers(0, 4), min_size=rows * columns, max_size=rows * columns))
    weights = np.array(levels, dtype=float).reshape(rows, columns) + 0.5
    gold = draw(st.lists(st.sampled_from(labels), min_size=rows, max_size=rows))
    return weights / weights.sum(1, keepdims=True), gold, labels


@pytest.mark.filterwarnings("ignore:No positive class")
@given(answers_and_gold())
def test_klues_figures_for_any_answers(case):
    agrees_with_klue(*case)


@pytest.mark.filterwarnings("ignore:No positive class")
def test_klues_figures_where_they_degenerate():
    rng = np.random.default_rng(0)
    some = rng.dirichlet(np.ones(3), 12)
    nothing_found = agrees_with_klue(
        one_hot(["no_relation"] * 4), ["per:spouse", "per:title", "no_relation", "per:title"]
    )
    assert nothing_found["micro_f1"] == 0 and nothing_found["accuracy"] == 0.25
    assert agrees_with_klue(some, ["no_relation"] * 12)["micro_f1"] == 0
    assert agrees_with_klue(one_hot(["no_relation"]), ["no_relation"])["accuracy"] == 1
    agrees_with_klue(some, ["per:spouse", "no_relation"] * 6)  # no row of per:title
    agrees_with_klue(some[:1], ["per:title"])
    agrees_with_klue(np.full((5, 3), 1 / 3), ["per:title", "per:spouse", "no_relation", "per:title", "no_relation"])
    perfect = agrees_with_klue(one_hot(LABELS * 3), LABELS * 3)
    assert perfect == {"micro_f1": 1, "macro_f1": 1, "accuracy": 1, "auprc": 1}
    worst = agrees_with_klue(one_hot(["per:spouse", "per:title", "no_relation"]), LABELS)
    assert worst["micro_f1"] == worst["macro_f1"] == worst["accuracy"] == 0


def test_the_example_of_the_module_by_hand():
    probabilities = np.array([[0.1, 0.8, 0.1], [0.2, 0.5, 0.3], [0.7, 0.1, 0.2], [0.3, 0.6, 0.1]])
    gold = ["per:spouse", "per:spouse", "per:title", "no_relation"]
    metrics = class_metrics(probabilities, gold, LABELS, "no_relation")
    assert metrics["micro_f1"] == pytest.approx(2 / 3)  # 2 of 3 relations found, 2 of 3 named ones right
    assert metrics["macro_f1"] == pytest.approx((0.8 + 0) / 2)
    assert metrics["accuracy"] == 0.5
    # per:spouse: precision 1 up to recall 1/2, then from 1/2 up to 2/3 at recall 1. The others: the right row is second.
    spouse, second = 1 / 2 * 1 + 1 / 2 * (1 / 2 + 2 / 3) / 2, (0 + 1 / 2) / 2
    assert metrics["auprc"] == pytest.approx((second + spouse + second) / 3)
    scores = class_scores(probabilities, gold, LABELS)
    assert [score.label for score in scores] == ["per:spouse", "no_relation", "per:title"]  # by rows, then as listed
    first = scores[0]
    assert (first.precision, first.recall, first.f1) == pytest.approx((2 / 3, 1, 0.8))
    assert (first.support, first.predicted, first.auprc) == (2, 3, pytest.approx(spouse))
    assert (scores[2].precision, scores[2].recall, scores[2].f1, scores[2].predicted) == (0, 0, 0, 0)


def test_an_error_between_two_relations_counts_twice():
    among_relations = class_metrics(one_hot(["per:title", "per:title"]), LABELS[1:], LABELS, "no_relation")
    missed = class_metrics(one_hot(["no_relation", "per:title"]), LABELS[1:], LABELS, "no_relation")
    made_up = class_metrics(one_hot(["per:spouse", "per:title"]), ["no_relation", "per:title"], LABELS, "no_relation")
    assert among_relations["micro_f1"] == pytest.approx(2 / 4)  # 2 · right / (named + relations) = 2 / (2 + 2)
    assert missed["micro_f1"] == pytest.approx(2 / 3) == made_up["micro_f1"]


def test_without_a_negative_label_micro_f1_is_the_accuracy():
    rng = np.random.default_rng(1)
    gold = [LABELS[number] for number in rng.integers(0, 3, 40)]
    metrics = class_metrics(rng.dirichlet(np.ones(3), 40), gold, LABELS, "none_of_these")
    assert metrics["micro_f1"] == pytest.approx(metrics["accuracy"])


def test_a_label_that_the_model_does_not_know_is_missed():
    probabilities = one_hot(["per:spouse", "no_relation", "per:spouse"])
    gold = ["per:spouse", "per:origin", "per:origin"]
    metrics = class_metrics(probabilities, gold, LABELS, "no_relation")
    # As if the model had a column of zeros for it.
    wider = np.hstack([probabilities, np.zeros((3, 1))])
    assert metrics | {"auprc": 0} == class_metrics(wider, gold, [*LABELS, "per:origin"], "no_relation") | {"auprc": 0}
    assert metrics["micro_f1"] == pytest.approx(2 * 1 / (2 + 3)) and metrics["accuracy"] == pytest.approx(1 / 3)
    unknown = next(score for score in class_scores(probabilities, gold, LABELS) if score.label == "per:origin")
    assert (unknown.f1, unknown.support, unknown.predicted, unknown.auprc) == (0, 2, 0, None)
    # AUPRC is over the labels that the model knows, for which these rows are wrong ones.
    known = [
        precision_recall(probabilities[:, i], np.array([label == g for g in gold]))[2] for i, label in enumerate(LABELS)
    ]
    assert metrics["auprc"] == pytest.approx(np.mean(known))


def test_an_unknown_negative_label_is_left_out_too():
    metrics = class_metrics(
        one_hot(["per:spouse"] * 2, LABELS[1:]), ["per:spouse", "no_relation"], LABELS[1:], "no_relation"
    )
    assert metrics["micro_f1"] == pytest.approx(2 / 3)


@pytest.mark.filterwarnings("ignore:No positive class")
@given(answers_and_gold())
def test_the_table_adds_up(case):
    _, gold, labels = case
    scores, metrics = class_scores(*case), class_metrics(*case, "no_relation")
    assert sum(score.support for score in scores) == sum(score.predicted for score in scores) == len(gold)
    assert [score.support for score in scores] == sorted((score.support for score in scores), reverse=True)
    assert {score.label for score in scores} == set(labels)
    assert np.mean([score.auprc for score in scores]) == pytest.approx(metrics["auprc"])
    assert np.mean([s.f1 for s in scores if s.label != "no_relation"]) == pytest.approx(metrics["macro_f1"])
    assert sum(score.recall * score.support for score in scores) == pytest.approx(metrics["accuracy"] * len(gold))


@given(answers_and_gold(), st.randoms(use_true_random=False))
def test_the_order_of_rows_and_labels_does_not_matter(case, random):
    probabilities, gold, labels = case
    probabilities = probabilities + np.arange(len(labels)) * 1e-3  # the order of the labels decides ties
    rows, columns = list(range(len(gold))), list(range(len(labels)))
    random.shuffle(rows)
    random.shuffle(columns)
    moved = probabilities[rows][:, columns], [gold[row] for row in rows], [labels[column] for column in columns]
    before = class_metrics(probabilities, gold, labels, "no_relation")
    assert class_metrics(*moved, "no_relation") == pytest.approx(before)


@pytest.mark.parametrize(
    ("probabilities", "gold", "labels", "what"),
    [
        (np.ones((2, 3)) / 3, ["per:title"], LABELS, r"shape \(1, 3\), not \(2, 3\)"),
        (np.ones((1, 2)) / 2, ["per:title"], LABELS, "shape"),
        (np.ones(3) / 3, ["per:title"], LABELS, "shape"),
        (np.array([[0.5, 0.5, 0], [0.5, np.nan, 0.5]]), LABELS[:2], LABELS, "row 1 .* not finite"),
        (np.ones((0, 3)), [], LABELS, "no rows"),
        (np.ones((1, 2)) / 2, ["a"], ["a", "a"], "twice"),
    ],
)
def test_what_cannot_be_measured(probabilities, gold, labels, what):
    with pytest.raises(ValueError, match=what):
        class_metrics(probabilities, gold, labels, "no_relation")


def test_fast_enough_to_be_called_often():
    rng = np.random.default_rng(2)
    labels = ["no_relation", *(f"per:{number}" for number in range(29))]
    gold = [labels[number] for number in rng.integers(0, 30, 7765)]
    probabilities = rng.dirichlet(np.full(30, 0.1), 7765)
    class_metrics(probabilities, gold, labels, "no_relation")
    start = time.process_time()
    class_metrics(probabilities, gold, labels, "no_relation")
    assert time.process_time() - start < 1
