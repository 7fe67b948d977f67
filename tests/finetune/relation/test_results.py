"""The last screen: a result that is no better than the guess beside it is called so, and nothing is built on it."""

import numpy as np
import pytest

from experiment.console import Console
from experiment.run_directory import RunDirectory
from finetune.class_predictions import ClassPredictions
from finetune.relation.task import RELATIONS
from finetune.report import show_results
from finetune.run import prepare
from finetune.task import Outcome

FIGURES = dict(
    best_epoch=1.0, epochs_trained=1.0, steps=12, tokens_seen=100, wall_seconds=1.0, real_tokens_per_second=100.0
)


COMMON = "per:employee_of"
"""What most of the training rows are."""


@pytest.fixture
def last_screen(configure, tmp_path, capsys):
    """What is shown for answers that follow from the dev rows' labels, as numbers."""

    def show(answer):
        run = prepare(RELATIONS, configure(), RunDirectory.create(tmp_path, "finetune/re", None), Console(), None)
        labels = run.rows.outputs
        assert labels[int(np.argmax(RELATIONS.counts(run.rows)))] == COMMON
        probabilities = np.full((len(run.rows.dev), len(labels)), 0.01)
        for row, probable in zip(run.rows.dev, probabilities, strict=True):
            probable[answer(labels, row.label)] = 1.0
        answers = ClassPredictions.of_rows(run.rows.dev, labels, probabilities / probabilities.sum(1, keepdims=True))
        capsys.readouterr()
        metrics = RELATIONS.metrics(answers, labels, run.config)
        guess = RELATIONS.guess(answers, run.rows, run.config)
        show_results(RELATIONS, run, Outcome(FIGURES, {"dev": answers}, {"dev": metrics}, guess), None)
        return " ".join(capsys.readouterr().out.split())

    return show


def test_a_model_that_knows_the_relations_is_there_to_predict_with(last_screen):
    shown = last_screen(lambda labels, label: labels.index(label))
    assert "--predict FILE" in shown and "no better than" not in shown


@pytest.mark.parametrize(
    ("answer", "worse"),
    [
        (lambda labels, label: 0, "micro F1"),
        (lambda labels, label: (labels.index(label) + 1) % len(labels), "micro F1, macro F1, accuracy, AUPRC"),
    ],
    ids=["one answer to all", "always wrong"],
)
def test_what_is_no_better_than_a_guess_is_called_so_and_nothing_is_built_on_it(last_screen, answer, worse):
    shown = last_screen(answer)
    assert f"By {worse}" in shown and "this model is no better than a guess. It has not learnt the relations" in shown
    assert "--predict" not in shown


def test_accuracy_alone_does_not_make_a_model_useless(last_screen):
    """The most common relation is always found and every other row is wrong: no more rows are right than with a guess, but
    those that are answered with a relation more often."""

    def answer(labels, label):
        return {"no_relation": 1, COMMON: labels.index(COMMON)}.get(label, 0)

    shown = last_screen(answer)
    assert "By accuracy this model is no better than a guess. A guess answers" in shown
    assert "--predict FILE" in shown
