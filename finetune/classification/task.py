"""Classification as a task: a label for a text or a pair of texts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from bert_core.model import Bert
from data.classification import ClassificationFile, LabelledText, label_order, read_classification
from data.errors import DataError
from data.rows import RowFile, counted
from data.sample.files import write_topics
from data.tokenizer import WordPiece
from finetune.class_predictions import ClassPredictions
from finetune.class_task import SHARES, ClassTask
from finetune.classification.config import ClassificationConfig
from finetune.classification.model import (
    NUMBER,
    BertForClassification,
    ClassificationModel,
    Encoded,
    TextBatch,
    make_batch,
)
from finetune.losses import r_drop
from finetune.rows import Rows
from finetune.settings import Settings
from finetune.task import FileSource, Line, Objective, Outcome, PredictionsT, Prepared, Run, Task, Words

ClassificationRun = Run[ClassificationConfig, LabelledText, Encoded, TextBatch, np.ndarray]

METRICS = {"accuracy": "accuracy", "macro_f1": "macro F1"}
"""Those that the benchmarks report, of the names of `metrics.json`, and what people call them."""


class TextTask(Task[ClassificationConfig, LabelledText, Encoded, TextBatch, np.ndarray, PredictionsT]):
    """What labels and numbers for texts have in common."""

    name: ClassVar[str] = "classification"
    model_class = ClassificationModel

    def text_of(self, row: LabelledText) -> str:
        return row.text if row.pair is None else f"{row.text}\n{row.pair}"

    def read(
        self,
        path: Path,
        config: ClassificationConfig,
        *,
        labelled: bool,
        like: RowFile[LabelledText] | None = None,
    ) -> ClassificationFile:
        numbers = config.regression
        if isinstance(like, ClassificationFile):
            numbers = like.numbers
        file = read_classification(
            path,
            text=config.text,
            pair=config.text_pair,
            label=config.label,
            numbers=numbers,
            needs_label=labelled,
            strict=config.strict,
        )
        if isinstance(like, ClassificationFile) and (like.columns.pair is None) != (file.columns.pair is None):
            one, two = (like.path, file.path) if like.columns.pair is None else (file.path, like.path)
            raise DataError(f"{two} has pairs of texts and {one} has not; name the columns with --text and --text_pair")
        return file

    def open(self, path: Path, config: ClassificationConfig, outputs: Sequence[str]) -> FileSource[LabelledText]:
        numbers = list(outputs) == [NUMBER]
        return FileSource(self.read(path, replace(config, regression=numbers), labelled=False), self.words.unread)

    def write_sample(self, folder: Path) -> tuple[Path, Path]:
        return write_topics(folder)

    def input_report(self, run: ClassificationRun) -> dict[str, Any]:
        return {"longer_than_max_length": longer(run)}

    def head_lines(self, config: ClassificationConfig) -> list[Line]:
        return [("head", "pooler, dropout, linear")]

    def grid_figures(self, config: ClassificationConfig, outputs: Sequence[str]) -> dict[str, str]:
        titles = self.metrics_titles
        tested = {f"test_{name}": f"test {title}" for name, title in titles.items()} if config.test_file else {}
        return {name: f"dev {title}" for name, title in titles.items()} | tested


class ClassificationTask(
    TextTask[ClassPredictions[LabelledText]], ClassTask[ClassificationConfig, LabelledText, Encoded, TextBatch]
):
    """`--task classification` where labels are classes."""

    words: ClassVar[Words] = Words("labels of texts", sample="generated texts", unread=SHARES)
    metrics_titles: ClassVar[Mapping[str, str]] = METRICS
    thing: ClassVar[str] = "label"

    # ---- rows ----

    def outputs(self, file: RowFile[LabelledText], config: ClassificationConfig) -> list[str]:
        labels = label_order({row.label for row in file.rows if row.label is not None})
        if len(labels) < 2:
            raise DataError(f"{file.path} has one label only ({labels[0]}); give rows of two or more")
        return labels

    # ---- learning ----

    def prepare(
        self,
        config: ClassificationConfig,
        settings: Settings,
        encoder: Bert,
        wordpiece: WordPiece,
        rows: Rows[LabelledText],
    ) -> Prepared[LabelledText, Encoded, TextBatch, np.ndarray]:
        network = BertForClassification(encoder, len(rows.outputs), settings.dropout)
        counts = np.array(self.counts(rows), dtype=np.float64)
        prior = (counts / counts.sum()).tolist()
        model = ClassificationModel(network, wordpiece, rows.outputs, prior, settings.max_length)
        numbers = {label: number for number, label in enumerate(rows.outputs)}
        targets = torch.tensor([numbers[row.label] for row in rows.train if row.label is not None])

        def losses(scores: Tensor, batch: TextBatch) -> Tensor:
            return F.cross_entropy(scores, batch.targets, reduction="none")  # [B]

        def apart(one: Tensor, other: Tensor) -> Tensor:
            return r_drop(one.log_softmax(-1), other.log_softmax(-1))  # [B]

        return prepared(config, model, rows, targets, losses, apart)

    # ---- answers ----

    def score(self, outputs: Sequence[str]) -> tuple[str, ...]:
        return ("accuracy", "macro_f1")

    # ---- what people look at ----

    def data_lines(self, run: ClassificationRun) -> list[Line]:
        return [self.label_line(run), length_line(run)]

    def examples(self, run: ClassificationRun, most: int) -> list[Line]:
        """Of different labels where possible."""
        seen: set[str | None] = set()
        shown: list[Line] = []
        for row, encoded in zip(run.rows.train, run.inputs["train"], strict=True):
            if row.label not in seen and len(shown) < most:
                seen.add(row.label)
                shown.append(example(run, row, encoded))
        return shown

    def explanation(self, run: ClassificationRun, outcome: Outcome[ClassPredictions[LabelledText]]) -> list[str]:
        return ["Macro F1 is the unweighted mean over the labels. A guess answers with the most common one."]

    def curves(self, config: ClassificationConfig, outputs: Sequence[str]) -> dict[str, str]:
        return {"accuracy": "Accuracy", "macro_f1": "Macro F1"}


def prepared(
    config: ClassificationConfig,
    model: ClassificationModel,
    rows: Rows[LabelledText],
    targets: Tensor,
    losses: Callable[[Tensor, TextBatch], Tensor],
    apart: Callable[[Tensor, Tensor], Tensor],
) -> Prepared[LabelledText, Encoded, TextBatch, np.ndarray]:
    """Encoded rows, and the loss of the linear layer's outputs.

    Args:
        config: of the run.
        model: to be trained.
        rows: its rows.
        targets: of the training rows, [N].
        losses: of each row, [B, C] → [B].
        apart: how far two passes with other dropout are apart, for R-Drop, [B, C], [B, C] → [B].
    """
    inputs = {use: model.inputs(part) for use, part in rows.parts.items()}
    encoded, network = inputs["train"], model.network

    def loss(batch: TextBatch) -> Tensor:
        one = network(batch.packed)
        each = losses(one, batch)
        if config.r_drop:
            other = network(batch.packed)
            each = (each + losses(other, batch) + config.r_drop * apart(one, other)) / 2
        return each.sum()

    objective = Objective(
        network=network,
        lengths=np.array([row.length for row in encoded]),
        build=lambda chosen: make_batch(encoded, targets, chosen),
        loss=loss,
        places=[row.where for row in rows.train],
    )
    return Prepared(model, inputs, objective)


def longer(run: ClassificationRun) -> dict[str, Any]:
    """The rows that were cut, by use."""
    return {
        use: counted([row.where for row, own in zip(rows, run.inputs[use], strict=True) if own.cut])
        for use, rows in run.rows.parts.items()
    }


def length_line(run: ClassificationRun) -> Line:
    encoded = [row for part in run.inputs.values() for row in part]
    lengths, cut = [row.length for row in encoded], sum(row.cut > 0 for row in encoded)
    return "length", (
        f"{sum(lengths) / len(lengths):.0f} tokens on average, {max(lengths)} at the most; "
        + (f"{cut:,} of {len(encoded):,} rows lose text at their end" if cut else "no row is cut")
    )


def example(run: ClassificationRun, row: LabelledText, encoded: Encoded) -> Line:
    """What a row is, and its tokens."""
    tokens = run.model.wordpiece.tokens
    label = row.label if row.score is None else f"{row.score:g}"
    return f"{encoded.length} tokens: {label}", " ".join(tokens[index] for index in encoded.ids)


CLASSIFICATION = ClassificationTask()
