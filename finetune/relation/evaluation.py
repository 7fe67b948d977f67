"""How good a model's answers for the rows of a file are: figures, files for people, and the lines of a table."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from experiment.run_directory import replacing
from finetune.relation.metrics import RelationScores, per_relation, relation_metrics
from finetune.relation.predictions import Predictions, write_errors, write_scores

METRICS = {"micro_f1": "micro F1", "macro_f1": "macro F1", "accuracy": "accuracy", "auprc": "AUPRC"}
"""The names of `metrics.json`, and those for people."""


def labelled(predictions: Predictions) -> Predictions:
    """Of the rows that have a gold label and could be read."""
    rows = zip(predictions.gold, predictions.relations, strict=True)
    kept = [index for index, (label, relation) in enumerate(rows) if label is not None and relation is not None]
    if len(kept) == len(predictions.ids):
        return predictions
    return Predictions(
        [predictions.ids[index] for index in kept],
        predictions.labels,
        predictions.probabilities[kept],
        [predictions.gold[index] for index in kept],
        [predictions.relations[index] for index in kept],
    )


def metrics_of(predictions: Predictions, negative: str) -> dict[str, float]:
    """The figures of `metrics.json` over the labelled rows, as fractions; `loss` in nats a row, over the rows whose label
    the model knows."""
    known = labelled(predictions)
    metrics = relation_metrics(known.probabilities, _gold(known), known.labels, negative)
    number = {label: index for index, label in enumerate(known.labels)}
    right = [(row, number[label]) for row, label in enumerate(_gold(known)) if label in number]
    if right:
        metrics["loss"] = float(-np.log(np.maximum(known.probabilities[tuple(np.array(right).T)], 1e-12)).mean())
    return metrics


def scores_of(predictions: Predictions) -> list[RelationScores]:
    """The figures of each relation over the labelled rows."""
    known = labelled(predictions)
    return per_relation(known.probabilities, _gold(known), known.labels)


def guess(predictions: Predictions, shares: np.ndarray, negative: str) -> dict[str, float]:
    """The figures of who knows only how common the labels are: the most common one is the answer to every row, and each
    label's curve is that of a random order, whose precision is the label's share of the rows wherever it is cut."""
    every = np.tile(shares, (len(predictions.ids), 1))
    guessed = replace(predictions, probabilities=every)
    known = labelled(predictions)
    among = sum(label in known.labels for label in _gold(known)) / len(known.ids)
    return metrics_of(guessed, negative) | {"auprc": among / len(known.labels)}


def write_evaluation(folder: Path, prefix: str, predictions: Predictions, metrics: Mapping[str, float]) -> None:
    """Writes `metrics.json`, `errors.csv` and `relations.csv` into a folder, each with the prefix before its name."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / f"{prefix}metrics.json") as temporary:
        temporary.write_text(json.dumps(dict(metrics), indent=2) + "\n", encoding="utf-8")
    write_errors(folder / f"{prefix}errors.csv", predictions)
    write_scores(folder / f"{prefix}relations.csv", scores_of(predictions))


def score_rows(scores: list[RelationScores]) -> list[tuple[str, ...]]:
    """A line for each relation, in percent."""
    return [
        (
            score.relation,
            *(f"{100 * value:.1f}" for value in (score.precision, score.recall, score.f1)),
            f"{score.support:,}",
            f"{score.predicted:,}",
            "" if score.auprc is None else f"{100 * score.auprc:.1f}",
        )
        for score in scores
    ]


SCORE_HEADER = ("relation", "precision", "recall", "F1", "rows", "predicted", "AUPRC")


def _gold(predictions: Predictions) -> list[str]:
    return [label for label in predictions.gold if label is not None]
