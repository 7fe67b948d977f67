"""How good a classifier's answers for the rows of a file are: figures, files for people, and the lines of a table."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from data.rows import RowT
from finetune.class_metrics import ClassScores, class_metrics, class_scores
from finetune.class_predictions import ClassPredictions
from finetune.spreadsheets import write_csv


def metrics_of(predictions: ClassPredictions[RowT], negative: str | None = None) -> dict[str, float]:
    """The figures of `metrics.json` over the labelled rows, as fractions; `loss` in nats a row, over the rows whose label
    the model knows."""
    known = predictions.labelled()
    metrics = class_metrics(known.probabilities, _gold(known), known.labels, negative)
    number = {label: index for index, label in enumerate(known.labels)}
    right = [(row, number[label]) for row, label in enumerate(_gold(known)) if label in number]
    if right:
        metrics["loss"] = float(-np.log(np.maximum(known.probabilities[tuple(np.array(right).T)], 1e-12)).mean())
    return metrics


def scores_of(predictions: ClassPredictions[RowT]) -> list[ClassScores]:
    """The figures of each label over the labelled rows."""
    known = predictions.labelled()
    return class_scores(known.probabilities, _gold(known), known.labels)


def guess(predictions: ClassPredictions[RowT], shares: np.ndarray, negative: str | None = None) -> dict[str, float]:
    """The figures of who knows only how common the labels are: the most common one is the answer to every row, and each
    label's curve is that of a random order, whose precision is the label's share of the rows wherever it is cut."""
    every = np.tile(shares, (len(predictions.ids), 1))
    guessed = replace(predictions, probabilities=every)
    known = predictions.labelled()
    among = sum(label in known.labels for label in _gold(known)) / len(known.ids)
    return metrics_of(guessed, negative) | {"auprc": among / len(known.labels)}


def write_scores(path: Path, scores: Sequence[ClassScores], thing: str) -> None:
    """Writes `relations.csv` or `labels.csv`, for a spreadsheet; `thing` is what a label is called."""
    rows = (
        (
            score.label,
            *(f"{value:.5f}" for value in (score.precision, score.recall, score.f1)),
            score.support,
            score.predicted,
            "" if score.auprc is None else f"{score.auprc:.5f}",
        )
        for score in scores
    )
    header = (thing, "precision", "recall", "f1", "support", "predicted", "auprc")
    write_csv(path, header, rows)


def score_rows(scores: Sequence[ClassScores]) -> list[tuple[str, ...]]:
    """A line for each label, in percent."""
    return [
        (
            score.label,
            *(f"{100 * value:.1f}" for value in (score.precision, score.recall, score.f1)),
            f"{score.support:,}",
            f"{score.predicted:,}",
            "" if score.auprc is None else f"{100 * score.auprc:.1f}",
        )
        for score in scores
    ]


SCORE_HEADER = ("precision", "recall", "F1", "rows", "predicted", "AUPRC")
"""Behind the label's name."""


def _gold(predictions: ClassPredictions[RowT]) -> list[str]:
    return [label for label in predictions.gold if label is not None]
