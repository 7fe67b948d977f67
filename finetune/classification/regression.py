"""`--task classification` where labels are numbers: how alike two texts are, how good a film."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from bert_core.model import Bert
from data.classification import LabelledText
from data.errors import DataError
from data.rows import RowFile
from data.tokenizer import WordPiece
from experiment.plots import plot_histogram
from experiment.run_directory import RunDirectory
from finetune.classification.config import ClassificationConfig
from finetune.classification.metrics import number_metrics
from finetune.classification.model import NUMBER, BertForClassification, ClassificationModel, Encoded, TextBatch
from finetune.classification.plots import plot_numbers
from finetune.classification.task import (
    ClassificationRun,
    TextTask,
    example,
    length_line,
    prepared,
)
from finetune.model import TaskModel, read_description
from finetune.predict import model_folders
from finetune.rows import Rows
from finetune.settings import Settings
from finetune.spreadsheets import write_csv
from finetune.task import FileSource, Line, Outcome, Prepared, Source, Words

HEADER = ("id", "score", "pred_score")


@dataclass(frozen=True, eq=False)
class Numbers:
    """The answers for the rows of one file."""

    ids: list[str]
    answers: np.ndarray
    """float64 [N]"""
    gold: list[float | None]
    """None where it is not known."""
    texts: list[str]
    """For people; empty where only the answers are at hand."""

    def __len__(self) -> int:
        return len(self.ids)

    def labelled(self) -> tuple[np.ndarray, np.ndarray]:
        """Right numbers and answers of the rows that have both, [M] each."""
        known = [row for row, right in enumerate(self.gold) if right is not None]
        return np.array([self.gold[row] for row in known], dtype=np.float64), self.answers[known]


class RegressionTask(TextTask[Numbers]):
    """Numbers instead of labels; otherwise the same task."""

    words: ClassVar[Words] = Words(
        "numbers for texts", sample="generated texts", unread="they are answered with the mean of the training rows"
    )
    metrics_titles: ClassVar[Mapping[str, str]] = {"pearson": "Pearson", "spearman": "Spearman", "f1_at_3": "F1 at 3"}
    suffix: ClassVar[str] = ".csv"

    # ---- rows ----

    def outputs(self, file: RowFile[LabelledText], config: ClassificationConfig) -> list[str]:
        if len({row.score for row in file.rows}) < 2:
            raise DataError(f"{file.path} has one number only; give rows of two or more")
        return [NUMBER]

    def labels_of(self, row: LabelledText) -> Sequence[str]:
        return ()

    def count(self, rows: Rows[LabelledText]) -> dict[str, Any]:
        scores = _scores(rows.train)
        return {"numbers": {"least": scores.min(), "mean": scores.mean(), "most": scores.max()}}

    # ---- learning ----

    def prepare(
        self,
        config: ClassificationConfig,
        settings: Settings,
        encoder: Bert,
        wordpiece: WordPiece,
        rows: Rows[LabelledText],
    ) -> Prepared[LabelledText, Encoded, TextBatch, np.ndarray]:
        network, scores = BertForClassification(encoder, 1, settings.dropout), _scores(rows.train)
        with torch.no_grad():
            network.classifier.bias.fill_(scores.mean())  # else the first epoch goes into learning it
        model = ClassificationModel(network, wordpiece, rows.outputs, [float(scores.mean())], settings.max_length)

        def losses(answers: Tensor, batch: TextBatch) -> Tensor:
            return (answers[:, 0] - batch.targets) ** 2  # [B]

        def apart(one: Tensor, other: Tensor) -> Tensor:
            return (one[:, 0] - other[:, 0]) ** 2  # [B]

        return prepared(config, model, rows, torch.from_numpy(scores).float(), losses, apart)

    # ---- answers ----

    def score(self, outputs: Sequence[str]) -> tuple[str, ...]:
        return ("pearson", "spearman")

    def predictions(
        self,
        rows: Sequence[LabelledText],
        answers: Sequence[np.ndarray],
        model: TaskModel[LabelledText, Encoded, np.ndarray],
    ) -> Numbers:
        numbers = np.array(answers, dtype=np.float64).reshape(-1)
        return Numbers([row.id for row in rows], numbers, [row.score for row in rows], list(map(self.text_of, rows)))

    def metrics(self, predictions: Numbers, outputs: Sequence[str], config: ClassificationConfig) -> dict[str, float]:
        return number_metrics(*predictions.labelled())

    def is_labelled(self, predictions: Numbers) -> bool:
        return any(right is not None for right in predictions.gold)

    def guess(self, predictions: Numbers, rows: Rows[LabelledText], config: ClassificationConfig) -> dict[str, float]:
        """Of who answers every row with the mean of the training rows."""
        gold, answers = predictions.labelled()
        return number_metrics(gold, np.full_like(answers, _scores(rows.train).mean()))

    def mean(self, parts: Mapping[str, Numbers]) -> Numbers:
        (name, first), *others = parts.items()
        for other, part in others:
            if part.ids != first.ids:
                raise DataError(f"{name} and {other} cannot be averaged: they are about other rows")
        answers = np.mean([part.answers for part in parts.values()], axis=0)
        return Numbers(first.ids, answers, first.gold, first.texts)

    def join(self, parts: Sequence[Numbers]) -> Numbers:
        return Numbers(
            [name for part in parts for name in part.ids],
            np.concatenate([part.answers for part in parts]),
            [right for part in parts for right in part.gold],
            [text for part in parts for text in part.texts],
        )

    # ---- files ----

    def write(self, path: Path, predictions: Numbers) -> None:
        gold = ("" if right is None else repr(right) for right in predictions.gold)
        rows = zip(predictions.ids, gold, map(repr, predictions.answers.tolist()), strict=True)
        write_csv(path, HEADER, rows, for_people=False)

    def read_predictions(self, path: Path, outputs: Sequence[str], known: Sequence[LabelledText]) -> Numbers:
        texts = {row.id: self.text_of(row) for row in known}
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                rows = [(row["id"], row["score"], float(row["pred_score"])) for row in csv.DictReader(file)]
            gold = [float(right) if right else None for _, right, _ in rows]
        except (OSError, UnicodeError, csv.Error, KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"{path} cannot be read as predictions ({error}); its columns are {','.join(HEADER)}."
            ) from None
        answers = np.array([answer for _, _, answer in rows])
        return Numbers([name for name, _, _ in rows], answers, gold, [texts.get(name, "") for name, _, _ in rows])

    def write_evaluation(self, folder: Path, prefix: str, predictions: Numbers, outputs: Sequence[str]) -> list[str]:
        rows = ((*_row(predictions, row), predictions.texts[row]) for row in _farthest(predictions))
        write_csv(folder / f"{prefix}errors.csv", (*HEADER, "text"), rows)
        return [f"{prefix}errors.csv"]

    def write_answers(
        self,
        path: Path,
        parts: Iterator[Numbers],
        source: Source[LabelledText],
        models: Mapping[str, TaskModel[LabelledText, Encoded, np.ndarray]],
    ) -> tuple[Numbers | None, list[Line]]:
        """A row that could not be read is answered with the mean of the training rows."""
        assert isinstance(source, FileSource)
        joined = self.join(list(parts))
        prior = float(np.mean([model.prior for model in models.values()]))
        answers: list[float] = []
        gold: list[float | None] = []
        texts: list[str] = []
        following = 0  # rows stand in the file's order; ids alone may repeat
        for name in source.file.ids:
            found = following < len(joined) and joined.ids[following] == name
            answers.append(float(joined.answers[following]) if found else prior)
            gold.append(joined.gold[following] if found else None)
            texts.append(joined.texts[following] if found else "")
            following += found
        complete = Numbers(source.file.ids, np.array(answers), gold, texts)
        self.write(path, complete)
        return joined if self.is_labelled(joined) else None, []

    # ---- what people look at ----

    def sizes(self, run: ClassificationRun) -> dict[str, int]:
        return {}

    def data_lines(self, run: ClassificationRun) -> list[Line]:
        scores = _scores(run.rows.train)
        numbers = f"from {scores.min():g} to {scores.max():g}, {scores.mean():.2f} on average"
        return [("numbers", numbers), length_line(run)]

    def examples(self, run: ClassificationRun, most: int) -> list[Line]:
        pairs = list(zip(run.rows.train, run.inputs["train"], strict=True))[:most]
        return [example(run, row, encoded) for row, encoded in pairs]

    def explanation(self, run: ClassificationRun, outcome: Outcome[Numbers]) -> list[str]:
        said = [
            "Pearson and Spearman correlate the answers with the right numbers, as values and as ranks; a guess answers "
            "with the mean."
        ]
        if "f1_at_3" in outcome.metrics[outcome.use]:
            said.append("F1 at 3 is KLUE-STS's: of the pairs with 3 or more, the right and the answered ones.")
        return said

    def label_table(
        self, predictions: Numbers, outputs: Sequence[str]
    ) -> tuple[list[tuple[str, ...]], tuple[str, ...]] | None:
        return None

    def mistakes(self, predictions: Numbers, most: int) -> list[Line]:
        return [
            (f"{predictions.gold[row]:g}, answered as {predictions.answers[row]:.2f}", predictions.texts[row])
            for row in _farthest(predictions)[:most]
        ]

    def plot(self, run: ClassificationRun, outcome: Outcome[Numbers]) -> tuple[list[Line], list[Line]]:
        plots = run.directory.plots
        plot_numbers(*outcome.last.labelled(), plots / "numbers.png")
        lengths = [row.length for part in run.inputs.values() for row in part]
        plot_histogram(lengths, plots / "lengths.png", title="Lengths of the rows", x_label="tokens")
        return [("numbers.png", "Right numbers and answers")], [("lengths.png", "Lengths")]

    def loss_unit(self, config: ClassificationConfig, outputs: Sequence[str]) -> str:
        return "squared difference"

    def curves(self, config: ClassificationConfig, outputs: Sequence[str]) -> dict[str, str]:
        return {"pearson": "Pearson", "spearman": "Spearman"}


def learns_numbers(config: ClassificationConfig) -> bool:
    """Whether a run learns numbers: as the configuration says, or else as the labels of its training file are.

    Raises:
        DataError: the file cannot be read.
    """
    if config.regression is not None or config.train_file is None:
        return bool(config.regression)
    return REGRESSION.read(config.train_file, config, labelled=True).numbers


def predicts_numbers(config: ClassificationConfig) -> bool:
    """Whether the model that is to predict answers with numbers.

    Raises:
        UsageError, DataError: there is no such model.
    """
    path = (config.ensemble or [config.checkpoint or RunDirectory.latest(config.output_dir, REGRESSION.kind).path])[0]
    return read_description(model_folders(path, REGRESSION.name)[0]).get("outputs") == [NUMBER]


def _scores(rows: Sequence[LabelledText]) -> np.ndarray:
    return np.array([row.score for row in rows if row.score is not None], dtype=np.float64)


def _farthest(predictions: Numbers) -> list[int]:
    """The labelled rows, the one with the answer farthest from the right number first."""
    known = [row for row, right in enumerate(predictions.gold) if right is not None]
    return sorted(known, key=lambda row: -abs(predictions.answers[row] - (predictions.gold[row] or 0.0)))


def _row(predictions: Numbers, row: int) -> tuple[str, str, str]:
    return predictions.ids[row], json.dumps(predictions.gold[row]), f"{predictions.answers[row]:.5f}"


REGRESSION = RegressionTask()
