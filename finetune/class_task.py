"""What tasks share whose rows have one label each: relations, and labels of texts."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from data.rows import RowT
from experiment.plots import plot_histogram
from finetune.class_evaluation import SCORE_HEADER, guess, metrics_of, score_rows, scores_of, write_scores
from finetune.class_plots import plot_classes, plot_confusion, plot_f1, plot_precision_recall
from finetune.class_predictions import (
    ClassPredictions,
    mean_predictions,
    mistakes,
    read_predictions,
    submission_path,
    write_answers,
    write_errors,
    write_predictions,
)
from finetune.data_module import BatchT
from finetune.model import InputT, TaskModel
from finetune.rows import Rows
from finetune.task import ConfigT, FileSource, Line, Outcome, Run, Source, Task

SHARES = "they are answered with the labels' shares in training"


class ClassTask(Task[ConfigT, RowT, InputT, BatchT, np.ndarray, ClassPredictions[RowT]]):
    """A task whose answers are probabilities of labels, float64 [C] for each row."""

    thing: ClassVar[str]
    """What a label is called: "relation"."""
    suffix: ClassVar[str] = ".csv"

    @abstractmethod
    def text_of(self, row: RowT) -> str:
        """A row for people."""

    def negative_label(self, config: ConfigT) -> str | None:
        """The label that says that there is nothing, and that micro and macro F1 leave out."""
        return None

    # ---- rows ----

    def labels_of(self, row: RowT) -> Sequence[str]:
        return () if row.label is None else (row.label,)

    def counts(self, rows: Rows[RowT]) -> list[int]:
        """Training rows of each label."""
        counts = Counter(row.label for row in rows.train)
        return [counts[label] for label in rows.outputs]

    def count(self, rows: Rows[RowT]) -> dict[str, Any]:
        return {"labels": dict(zip(rows.outputs, self.counts(rows), strict=True))}

    # ---- answers ----

    def predictions(
        self, rows: Sequence[RowT], answers: Sequence[np.ndarray], model: TaskModel[RowT, InputT, np.ndarray]
    ) -> ClassPredictions[RowT]:
        probabilities = np.array(answers).reshape(-1, len(model.outputs))
        return ClassPredictions.of_rows(rows, model.outputs, probabilities)

    def metrics(self, predictions: ClassPredictions[RowT], outputs: Sequence[str], config: ConfigT) -> dict[str, float]:
        return metrics_of(predictions, self.negative_label(config))

    def is_labelled(self, predictions: ClassPredictions[RowT]) -> bool:
        return any(label is not None for label in predictions.gold)

    def guess(self, predictions: ClassPredictions[RowT], rows: Rows[RowT], config: ConfigT) -> dict[str, float] | None:
        counts = np.array(self.counts(rows), dtype=np.float64)
        return guess(predictions, counts / counts.sum(), self.negative_label(config))

    def mean(self, parts: Mapping[str, ClassPredictions[RowT]]) -> ClassPredictions[RowT]:
        return mean_predictions(parts)

    def join(self, parts: Sequence[ClassPredictions[RowT]]) -> ClassPredictions[RowT]:
        return ClassPredictions.joined(parts)

    # ---- files ----

    def write(self, path: Path, predictions: ClassPredictions[RowT]) -> None:
        write_predictions(path, predictions)

    def read_predictions(self, path: Path, outputs: Sequence[str], known: Sequence[RowT]) -> ClassPredictions[RowT]:
        return read_predictions(path, outputs).with_rows(known)

    def write_evaluation(
        self, folder: Path, prefix: str, predictions: ClassPredictions[RowT], outputs: Sequence[str]
    ) -> list[str]:
        names = [f"{prefix}errors.csv", f"{prefix}{self.thing}s.csv"]
        write_errors(folder / names[0], mistakes(predictions, self.text_of))
        write_scores(folder / names[1], scores_of(predictions), self.thing)
        return names

    def write_answers(
        self,
        path: Path,
        parts: Iterator[ClassPredictions[RowT]],
        source: Source[RowT],
        models: Mapping[str, TaskModel[RowT, InputT, np.ndarray]],
    ) -> tuple[ClassPredictions[RowT] | None, list[Line]]:
        assert isinstance(source, FileSource)
        priors: dict[str, ClassPredictions[RowT]] = {
            name: ClassPredictions.unread(model.outputs, model.prior)
            for name, model in models.items()
            if model.prior is not None
        }
        complete = write_answers(path, parts, source.file, priors)
        known = complete if self.is_labelled(complete) else None
        return known, [("submission", str(submission_path(path)))]

    # ---- what people look at ----

    def sizes(self, run: Run[ConfigT, RowT, InputT, BatchT, np.ndarray]) -> dict[str, int]:
        return {f"{self.thing}s": len(run.rows.outputs)}

    def label_line(self, run: Run[ConfigT, RowT, InputT, BatchT, np.ndarray]) -> Line:
        """How many labels there are, and the most frequent ones."""
        rows = run.rows
        common = sorted(zip(rows.outputs, self.counts(rows), strict=True), key=lambda pair: -pair[1])[:3]
        shares = ", ".join(f"{label} {count / len(rows.train):.0%}" for label, count in common)
        return f"{self.thing}s", f"{len(rows.outputs)}; {shares}"

    def label_table(
        self, predictions: ClassPredictions[RowT], outputs: Sequence[str]
    ) -> tuple[list[tuple[str, ...]], tuple[str, ...]] | None:
        return score_rows(scores_of(predictions)), (self.thing, *SCORE_HEADER)

    def mistakes(self, predictions: ClassPredictions[RowT], most: int) -> list[Line]:
        return [
            (
                f"{wrong.label}, answered as {wrong.answer} ({wrong.probability:.0%}; {wrong.label_probability:.0%} for the "
                "label)",
                wrong.text,
            )
            for wrong in mistakes(predictions, self.text_of)[:most]
        ]

    def plot(
        self,
        run: Run[ConfigT, RowT, InputT, BatchT, np.ndarray],
        outcome: Outcome[ClassPredictions[RowT]],
    ) -> tuple[list[Line], list[Line]]:
        plots, answers, labels = run.directory.plots, outcome.last, run.rows.outputs
        f1 = f"f1_by_{self.thing}.png"
        plot_f1(scores_of(answers), labels, plots / f1, self.thing)
        plot_confusion(answers, plots / "confusion.png")
        plot_precision_recall(answers, plots / "precision_recall.png")
        counts = {use: [row.label for row in part] for use, part in run.rows.parts.items()}
        plot_classes(counts, labels, plots / "classes.png", self.thing)
        lengths = [row.length for part in run.inputs.values() for row in part]
        plot_histogram(lengths, plots / "lengths.png", title="Lengths of the rows", x_label="tokens")
        by_label = [
            (f1, f"F1 of each {self.thing}"),
            ("confusion.png", "Labels and answers"),
            ("precision_recall.png", "Precision and recall"),
        ]
        return by_label, [("classes.png", f"{self.thing.capitalize()}s among the rows"), ("lengths.png", "Lengths")]
