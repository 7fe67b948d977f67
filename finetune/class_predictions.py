"""Probabilities of labels, one of which each row has: their mean over models, `predictions.csv`, a competition's submission, and
`errors.csv` for people.

    predictions.csv     id,label,pred_label,probs
                        a-17,per:spouse,per:spouse,"[0.1, 0.8, 0.1]"
    a submission        id,pred_label,probs
    errors.csv          id,text,label,pred_label,pred_prob,label_prob
                        a-18,《룸》은 <S:PER>조지 해리슨</S>이 <O:ORG>비틀즈</O>에서 …,per:title,no_relation,0.70000,0.20000

`probs` is a JSON list in the order of the model's labels, with as many digits as give back the same numbers, and so the
same metrics. `label` is empty where the row has none. A row that could not be read has no place in training or in metrics,
but a submission must have it: its probabilities are the shares of the labels among the training rows
(`ClassPredictions.among`).

`errors.csv` is as `finetune.spreadsheets` writes it. Every file is written whole or not at all.
"""

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Self

import numpy as np

from data.errors import DataError
from data.rows import RowFile, RowT
from experiment.errors import UsageError
from finetune.spreadsheets import write_csv

HEADER = ("id", "label", "pred_label", "probs")

_SUM_TOLERANCE = 1e-3
"""Files of other programs round their probabilities."""


@dataclass(frozen=True, eq=False)
class ClassPredictions(Generic[RowT]):
    """The answers for the rows of one file.

    Raises:
        ValueError: shapes do not fit, or a row of probabilities is not finite or does not sum to 1.
    """

    ids: list[str]
    labels: list[str]
    """The columns' names, in the order of the model's outputs."""
    probabilities: np.ndarray
    """[N, C]"""
    gold: list[str | None]
    """None where it is not known."""
    rows: list[RowT | None]
    """None for a row that was rejected, and wherever only the answers are at hand."""

    def __post_init__(self) -> None:
        rows = len(self.ids)
        if self.probabilities.shape != (rows, len(self.labels)):
            raise ValueError(f"{rows} rows, {len(self.labels)} labels, probabilities {self.probabilities.shape}")
        if len(self.gold) != rows or len(self.rows) != rows:
            raise ValueError(f"{rows} ids, {len(self.gold)} gold labels, {len(self.rows)} read")
        if not (np.abs(self.probabilities.sum(1) - 1) <= _SUM_TOLERANCE).all():
            raise ValueError("the probabilities of a row do not sum to 1")

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def of_rows(cls, rows: Sequence[RowT], labels: Sequence[str], probabilities: np.ndarray) -> Self:
        """The answers for rows that could all be read: `probabilities` is [len(rows), C]."""
        return cls([row.id for row in rows], list(labels), probabilities, [row.label for row in rows], list(rows))

    def among(self, ids: Sequence[str], shares: np.ndarray) -> Self:
        """The answers for all rows of a file, in its order, those that were rejected included.

        Args:
            ids: of all rows; those of the answers are among them, in their order.
            shares: the answer for a rejected row, [C]: of each label among the training rows.

        Raises:
            ValueError: an answer's row is not among them.
        """
        rows: list[RowT | None] = []
        probabilities, gold = [], []
        following = 0
        for row_id in ids:
            found = following < len(self.ids) and self.ids[following] == row_id
            rows.append(self.rows[following] if found else None)
            gold.append(self.gold[following] if found else None)
            probabilities.append(self.probabilities[following] if found else shares)
            following += found
        if following < len(self.ids):
            raise ValueError(f"row {self.ids[following]} is not among the ids of the file, in their order")
        stacked = np.array(probabilities).reshape(-1, len(self.labels))
        return type(self)(list(ids), self.labels, stacked, gold, rows)

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """The answers for different rows, one after the other."""
        return cls(
            [row for part in parts for row in part.ids],
            parts[0].labels,
            np.concatenate([part.probabilities for part in parts]),
            [label for part in parts for label in part.gold],
            [row for part in parts for row in part.rows],
        )

    def with_rows(self, known: Iterable[RowT]) -> Self:
        """The same with the rows of these ids, where only the answers were at hand."""
        by_id = {row.id: row for row in known}
        return type(self)(self.ids, self.labels, self.probabilities, self.gold, [by_id.get(name) for name in self.ids])

    def labelled(self) -> Self:
        """Those for the rows that have a gold label and could be read."""
        pairs = zip(self.gold, self.rows, strict=True)
        kept = [index for index, (label, row) in enumerate(pairs) if label is not None and row is not None]
        if len(kept) == len(self.ids):
            return self
        return type(self)(
            [self.ids[index] for index in kept],
            self.labels,
            self.probabilities[kept],
            [self.gold[index] for index in kept],
            [self.rows[index] for index in kept],
        )

    @classmethod
    def unread(cls, labels: Sequence[str], prior: np.ndarray) -> Self:
        """What a model answers to one row that it has not read: `prior`, [C]."""
        return cls([""], list(labels), prior[None], [None], [None])

    @property
    def answers(self) -> list[str]:
        """The label of the highest probability of each row; the first of equal ones."""
        return [self.labels[index] for index in self.probabilities.argmax(1)]


@dataclass(frozen=True)
class Mistake:
    """A row with a wrong answer."""

    id: str
    text: str
    """The row, for people."""
    label: str
    """The right one."""
    answer: str
    probability: float
    """Of the answer."""
    label_probability: float
    """Of the right label; 0 where the model does not know it."""


def mean_predictions(parts: Mapping[str, ClassPredictions[RowT]]) -> ClassPredictions[RowT]:
    """The mean of several models' probabilities for the same rows (soft voting).

    Args:
        parts: by a name for messages, the model's folder for example; at least one. Labels in another order are brought
            into that of the first.

    Raises:
        UsageError: models know different labels.
        DataError: the rows are not the same, or say different things of the right label.
    """
    (first_name, first), *others = parts.items()
    total = first.probabilities.astype(np.float64)
    gold, rows = list(first.gold), list(first.rows)
    for name, part in others:
        if set(part.labels) != set(first.labels):
            apart = sorted(set(part.labels) ^ set(first.labels))
            raise UsageError(
                f"{first_name} and {name} cannot be averaged: only one of them knows {_listed(apart)}; use models that "
                "were trained with the same labels."
            )
        if part.ids != first.ids:
            raise DataError(
                f"{first_name} and {name} cannot be averaged: {_first_difference(first.ids, part.ids)}; use predictions "
                "for the same file."
            )
        for row, label in enumerate(part.gold):
            if label is not None and gold[row] not in (None, label):
                raise DataError(
                    f"{first_name} and {name} cannot be averaged: row {first.ids[row]} is labelled {gold[row]} in one, "
                    f"{label} in the other; use predictions for the same file."
                )
            gold[row] = gold[row] or label
            rows[row] = rows[row] or part.rows[row]
        total += part.probabilities[:, [part.labels.index(label) for label in first.labels]]
    return type(first)(first.ids, first.labels, total / len(parts), gold, rows)


def mistakes(predictions: ClassPredictions[RowT], text_of: Callable[[RowT], str]) -> list[Mistake]:
    """The rows whose answer is wrong, the surest first. Rows without a gold label or a sentence are left out.

    Args:
        predictions: of all rows.
        text_of: what people are shown of a row.
    """
    number = {label: index for index, label in enumerate(predictions.labels)}
    found = []
    rows = zip(predictions.rows, predictions.gold, predictions.answers, predictions.probabilities, strict=True)
    for row_id, (row, label, answer, own) in zip(predictions.ids, rows, strict=True):
        if row and label is not None and answer != label:
            sure = float(own[number[label]]) if label in number else 0.0
            found.append(Mistake(row_id, text_of(row), label, answer, float(own.max()), sure))
    return sorted(found, key=lambda mistake: -mistake.probability)


def write_predictions(path: Path, predictions: ClassPredictions[RowT]) -> None:
    """Writes `predictions.csv`."""
    rows = zip(predictions.ids, predictions.gold, predictions.answers, _lists(predictions), strict=True)
    write_csv(path, HEADER, rows, for_people=False)


def write_submission(path: Path, predictions: ClassPredictions[RowT]) -> None:
    """Writes what a competition asks for: `predictions.csv` without the right labels."""
    rows = zip(predictions.ids, predictions.answers, _lists(predictions), strict=True)
    write_csv(path, [name for name in HEADER if name != "label"], rows, for_people=False)


def write_answers(
    path: Path,
    parts: Iterable[ClassPredictions[RowT]],
    file: RowFile[RowT],
    priors: Mapping[str, ClassPredictions[RowT]],
) -> ClassPredictions[RowT]:
    """Writes the answers for all rows of a file, those that could not be read included, and the submission beside them.

    Args:
        path: of the predictions; the submission is PATH_submission.csv.
        parts: answers for the rows that could be read, in their order.
        file: what was read.
        priors: of each model, by name: an answer for one row that it has not read.
    """
    complete = ClassPredictions.joined(list(parts)).among(file.ids, mean_predictions(priors).probabilities[0])
    write_predictions(path, complete)
    write_submission(submission_path(path), complete)
    return complete


def submission_path(path: Path) -> Path:
    """Where the submission of the predictions at `path` lies."""
    return path.with_name(f"{path.stem}_submission.csv")


def write_errors(path: Path, wrong_rows: Iterable[Mistake]) -> None:
    """Writes `errors.csv`, for a spreadsheet."""
    rows = (
        (
            wrong.id,
            wrong.text,
            wrong.label,
            wrong.answer,
            f"{wrong.probability:.5f}",
            f"{wrong.label_probability:.5f}",
        )
        for wrong in wrong_rows
    )
    write_csv(path, ("id", "text", "label", "pred_label", "pred_prob", "label_prob"), rows)


def read_predictions(path: Path, labels: Sequence[str]) -> ClassPredictions[Any]:
    """Reads what `write_predictions` or `write_submission` wrote; the sentences are not in it.

    Args:
        path: the file.
        labels: those of the model that wrote it, in its order; the file has only their probabilities.

    Raises:
        DataError: the file cannot be read, or a row does not fit the labels; names the line.
    """
    ids, gold, rows = [], [], []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in HEADER if name not in (reader.fieldnames or ()) and name != "label"]
            if missing:
                raise DataError(f"{path} has no column {_listed(missing)}; its first line must be {','.join(HEADER)}.")
            for fields in reader:
                rows.append(_read_row(f"{path}:{reader.line_num}", fields, labels))
                ids.append(fields["id"])
                gold.append(fields.get("label") or None)
    except (OSError, UnicodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as predictions: {error}; it must be a CSV file in UTF-8.") from error
    probabilities = np.array(rows, dtype=np.float64).reshape(len(rows), len(labels))
    return ClassPredictions(ids, list(labels), probabilities, gold, [None] * len(rows))


def _read_row(where: str, fields: Mapping[str, Any], labels: Sequence[str]) -> np.ndarray:
    try:
        row = np.array(json.loads(fields["probs"]), dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{where}: probs is no list of numbers; write it as [0.1, 0.9].") from None
    if row.shape != (len(labels),):
        raise DataError(f"{where}: probs has {row.size} numbers for {len(labels)} labels; is it another model's file?")
    if not abs(row.sum() - 1) <= _SUM_TOLERANCE or row.min() < 0:
        raise DataError(f"{where}: probs are no probabilities, their sum is {row.sum():g}; they must sum to 1.")
    answer = fields["pred_label"]
    if answer not in labels or row[labels.index(answer)] < row.max():
        raise DataError(
            f"{where}: pred_label is {answer}, but the highest probability is {labels[int(row.argmax())]}'s in the model's "
            "order of labels; is it another model's file?"
        )
    return row


def _lists(predictions: ClassPredictions[RowT]) -> Iterable[str]:
    return (json.dumps(row) for row in predictions.probabilities.tolist())


def _listed(names: Sequence[str], shown: int = 5) -> str:
    return ", ".join(names[:shown]) + (f" and {len(names) - shown} more" if len(names) > shown else "")


def _first_difference(one: Sequence[str], other: Sequence[str]) -> str:
    for row, (left, right) in enumerate(zip(one, other, strict=False), 1):
        if left != right:
            return f"row {row:,} is {left} in one, {right} in the other"
    return f"one has {len(one):,} rows, the other {len(other):,}"
