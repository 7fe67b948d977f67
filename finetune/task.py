"""What a task is: the contract between a task's own room and what fine-tuning does for all of them.

    rows ── prepare ── first screen ── training ── the best evaluation's model/ ── predictions ── files, report, last screen

is a run whatever its task (`finetune.run`), a grid is many of those (`finetune.pipeline`), and predicting begins at the fourth
step (`finetune.predict`). A task says how its rows are read and encoded, what is minimised, what the answers mean and how good
they are, and what people want to look at.

    RelationTask(Task[RelationConfig, Relation, Marked, RelationBatch, np.ndarray, RelationPredictions])

names the types on the way: configuration, row of a file, row as the network reads it, batch, what the network says of a row, and
the answers for all rows of a file.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np
from torch import Tensor, nn

from bert_core.model import Bert
from data.rows import Row, RowFile, RowT
from data.tokenizer import WordPiece
from experiment.console import Console
from experiment.machine import Machine
from experiment.report import Block
from experiment.run_directory import RunDirectory
from experiment.speed import Speed
from finetune.checkpoint import Checkpoint
from finetune.config import FineTuneConfig
from finetune.data_module import BatchT
from finetune.model import AnswerT, InputT, TaskModel
from finetune.rows import Rows
from finetune.settings import Settings

SomeRowT = TypeVar("SomeRowT", bound=Row, covariant=True)
ConfigT = TypeVar("ConfigT", bound=FineTuneConfig)

Line = tuple[str, str]
"""A name and what is said of it."""


class Predictions(Protocol):
    """The answers for the rows of a file, or of a part of it."""

    def __len__(self) -> int:
        """Rows."""
        ...


PredictionsT = TypeVar("PredictionsT", bound=Predictions)


@dataclass(frozen=True)
class Objective(Generic[BatchT]):
    """What the training minimises."""

    network: nn.Module
    """All that computes it: the encoder with the head, and what else has to move to the device."""
    lengths: np.ndarray
    """Tokens of each training row, int64 [N]."""
    build: Callable[[Sequence[int]], BatchT]
    """Makes the batch of these rows."""
    loss: Callable[[BatchT], Tensor]
    """Of a batch: the sum over its rows, a scalar."""
    places: Sequence[str]
    """Of the rows in their files, for people."""
    units: float = 1.0
    """Of a row on average; the loss is reported, and its gradient taken, for each: 1, or elements of a text."""


@dataclass(frozen=True)
class Prepared(Generic[RowT, InputT, BatchT, AnswerT]):
    """What a task makes of the rows of a run before the first step."""

    model: TaskModel[RowT, InputT, AnswerT]
    inputs: dict[str, list[InputT]]
    """By use: train, dev, test; those that are there."""
    objective: Objective[BatchT]


@dataclass(frozen=True)
class Run(Generic[ConfigT, RowT, InputT, BatchT, AnswerT]):
    """What all stages of a run share."""

    config: ConfigT
    """Complete: what `settings` settles stands in it, too."""
    settings: Settings
    checkpoint: Checkpoint
    directory: RunDirectory
    console: Console
    machine: Machine
    speed: Speed
    rows: Rows[RowT]
    prepared: Prepared[RowT, InputT, BatchT, AnswerT]

    @property
    def model(self) -> TaskModel[RowT, InputT, AnswerT]:
        return self.prepared.model

    @property
    def inputs(self) -> dict[str, list[InputT]]:
        return self.prepared.inputs

    @property
    def encoder(self) -> Bert:
        return self.prepared.model.bert


@dataclass(frozen=True)
class Outcome(Generic[PredictionsT]):
    """What a trained model answers, and how good that is."""

    figures: dict[str, float]
    """Of the training: steps, seconds, speed."""
    predictions: dict[str, PredictionsT]
    """By use: for the dev rows, and for the test rows if there are any."""
    metrics: dict[str, dict[str, float]]
    """By use."""
    guess: dict[str, float] | None
    """What a guess would score on the rows that are looked at in detail, where a guess makes sense."""

    @property
    def use(self) -> str:
        """The rows that are looked at in detail: test, where there are any."""
        return list(self.predictions)[-1]

    @property
    def last(self) -> PredictionsT:
        """The predictions for them."""
        return self.predictions[self.use]

    def no_better(self, names: Iterable[str]) -> list[str]:
        """Which of these metrics are not above a guess, or above 0 where nothing is guessed."""
        metrics = self.metrics[self.use]
        return [name for name in names if metrics[name] <= (self.guess[name] if self.guess else 0.0)]


@dataclass(frozen=True)
class Words:
    """What a task's things are called on the screen."""

    noun: str
    """What is found: "relations"."""
    rows: str = "rows"
    """What a file consists of."""
    unread: str = "they have no answer"
    """What becomes of rows of --predict that could not be read."""
    labels: str = "labels"
    """What training rows may lack: "types" of entities."""
    labelled: str = "rows"
    """What has a label."""
    sample: str = "generated rows"
    """What the built-in sample consists of."""


class Task(ABC, Generic[ConfigT, RowT, InputT, BatchT, AnswerT, PredictionsT]):
    """The parts of fine-tuning that depend on the task. Has no state."""

    name: ClassVar[str]
    """As --task has it; the runs lie in finetune/NAME."""
    words: ClassVar[Words]
    model_class: type[TaskModel[RowT, InputT, AnswerT]]
    metrics_titles: ClassVar[Mapping[str, str]]
    """Names of `metrics.json`, and those for people; fractions, of which more is better."""
    most_labels_shown: ClassVar[int] = 12
    """Labels whose figures stand on the last screen; with more, they are in the report alone."""
    head_factor: ClassVar[float] = 1.0
    """How much faster the head learns than the encoder, where nothing else is said."""

    @property
    def kind(self) -> str:
        """Where its runs lie."""
        return f"finetune/{self.name}"

    # ---- rows ----

    @abstractmethod
    def read(self, path: Path, config: ConfigT, *, labelled: bool, like: RowFile[RowT] | None = None) -> RowFile[RowT]:
        """The rows of a file.

        Args:
            path: of the file.
            config: of the run.
            labelled: whether rows without a label are left out.
            like: the training file, which decides what a file leaves open.

        Raises:
            DataError: the file cannot be used.
        """

    def open(self, path: Path, config: ConfigT, outputs: Sequence[str]) -> "Source[RowT]":
        """The rows that are to be predicted by a model with these outputs; a task whose files may be larger than memory reads
        them as it goes."""
        return FileSource(self.read(path, config, labelled=False), self.words.unread)

    @abstractmethod
    def write_sample(self, folder: Path) -> tuple[Path, Path]:
        """Writes the built-in sample: training and dev rows."""

    @abstractmethod
    def outputs(self, file: RowFile[RowT], config: ConfigT) -> list[str]:
        """What the network's outputs stand for, in their order, from all rows of the training file.

        Raises:
            DataError: there is nothing to be told apart.
        """

    @abstractmethod
    def labels_of(self, row: RowT) -> Sequence[str]:
        """The labels of a row; none where nobody has given it any."""

    def notes(self, rows: Rows[RowT], config: ConfigT) -> list[str]:
        """What is out of the ordinary in these rows, beside what is said of any task's; a sentence each."""
        return []

    @abstractmethod
    def count(self, rows: Rows[RowT]) -> dict[str, Any]:
        """Counts of labels, for `data_report.json`."""

    # ---- learning ----

    @abstractmethod
    def prepare(
        self, config: ConfigT, settings: Settings, encoder: Bert, wordpiece: WordPiece, rows: Rows[RowT]
    ) -> Prepared[RowT, InputT, BatchT, AnswerT]:
        """A new head, encoded rows and the loss.

        Raises:
            UsageError, DataError: a user's mistake, in one sentence.
        """

    # ---- answers ----

    @abstractmethod
    def score(self, outputs: Sequence[str]) -> tuple[str, ...]:
        """The metric that tells the best evaluation; where it is equal, the next one decides."""

    @abstractmethod
    def predictions(
        self, rows: Sequence[RowT], answers: Sequence[AnswerT], model: TaskModel[RowT, InputT, AnswerT]
    ) -> PredictionsT:
        """What the network's answers mean."""

    @abstractmethod
    def metrics(self, predictions: PredictionsT, outputs: Sequence[str], config: ConfigT) -> dict[str, float]:
        """The figures of `metrics.json` over the labelled rows."""

    @abstractmethod
    def is_labelled(self, predictions: PredictionsT) -> bool:
        """Whether there is anything to compare the answers with."""

    def guess(self, predictions: PredictionsT, rows: Rows[RowT], config: ConfigT) -> dict[str, float] | None:
        """The metrics of who knows only how common the labels are; None where that makes no sense."""
        return None

    @abstractmethod
    def mean(self, parts: Mapping[str, PredictionsT]) -> PredictionsT:
        """What several models say of the same rows together.

        Args:
            parts: by a name for messages; at least one.

        Raises:
            UsageError, DataError: they are not about the same.
        """

    @abstractmethod
    def join(self, parts: Sequence[PredictionsT]) -> PredictionsT:
        """The answers for different rows, one after the other; at least one part."""

    # ---- files ----

    suffix: ClassVar[str]
    """Of a file of predictions."""

    @abstractmethod
    def write(self, path: Path, predictions: PredictionsT) -> None:
        """Writes a run's predictions."""

    @abstractmethod
    def read_predictions(self, path: Path, outputs: Sequence[str], known: Sequence[RowT]) -> PredictionsT:
        """Reads what `write` wrote; `known` are the rows of the file that they are about."""

    @abstractmethod
    def write_evaluation(
        self, folder: Path, prefix: str, predictions: PredictionsT, outputs: Sequence[str]
    ) -> list[str]:
        """Writes errors and figures by label, each with the prefix before its name; gives the names."""

    page: ClassVar[str | None] = None
    """Name of a run's page of answers to look at in a browser, where there is one."""

    def write_pages(self, folder: Path, prefix: str, title: str, predictions: PredictionsT) -> list[str]:
        """Writes what is to be looked at in a browser, like `write_evaluation`."""
        return []

    @abstractmethod
    def write_answers(
        self,
        path: Path,
        parts: Iterator[PredictionsT],
        source: "Source[RowT]",
        models: Mapping[str, TaskModel[RowT, InputT, AnswerT]],
    ) -> tuple[PredictionsT | None, list[Line]]:
        """Writes the answers of `--predict` as they come.

        Returns:
            All of them where there is anything to compare them with, and the files beside the one at `path`, with a name for
            each.
        """

    # ---- what people look at ----

    @abstractmethod
    def sizes(self, run: Run[ConfigT, RowT, InputT, BatchT, AnswerT]) -> dict[str, int]:
        """What follows from the data, for the tracking store."""

    @abstractmethod
    def input_report(self, run: Run[ConfigT, RowT, InputT, BatchT, AnswerT]) -> dict[str, Any]:
        """What encoding did to the rows, for `data_report.json`."""

    @abstractmethod
    def data_lines(self, run: Run[ConfigT, RowT, InputT, BatchT, AnswerT]) -> list[Line]:
        """Labels and lengths, for the first screen and the report."""

    @abstractmethod
    def head_lines(self, config: ConfigT) -> list[Line]:
        """How rows are read and what the head is built of."""

    @abstractmethod
    def examples(self, run: Run[ConfigT, RowT, InputT, BatchT, AnswerT], most: int) -> list[Line]:
        """A title and the tokens of some training rows."""

    @abstractmethod
    def explanation(
        self, run: Run[ConfigT, RowT, InputT, BatchT, AnswerT], outcome: Outcome[PredictionsT]
    ) -> list[str]:
        """What people should know of the figures, a sentence each."""

    @abstractmethod
    def label_table(
        self, predictions: PredictionsT, outputs: Sequence[str]
    ) -> tuple[list[tuple[str, ...]], tuple[str, ...]] | None:
        """Figures of each label, and their header; None where there are no labels."""

    @abstractmethod
    def mistakes(self, predictions: PredictionsT, most: int) -> list[Line]:
        """The surest ones: what is wrong, and the text."""

    def mistake_blocks(self, predictions: PredictionsT, most: int) -> list[Block] | None:
        """The same for the report, where it shows more than a text."""
        return None

    @abstractmethod
    def plot(
        self, run: Run[ConfigT, RowT, InputT, BatchT, AnswerT], outcome: Outcome[PredictionsT]
    ) -> tuple[list[Line], list[Line]]:
        """Draws the run's pictures into `directory.plots`, but for the curves.

        Returns:
            File names and captions of those by label, and of those of the rows.
        """

    def loss_unit(self, config: ConfigT, outputs: Sequence[str]) -> str:
        return "nats a row"

    @abstractmethod
    def curves(self, config: ConfigT, outputs: Sequence[str]) -> dict[str, str]:
        """The metrics whose curves are drawn, with their titles."""

    @abstractmethod
    def grid_figures(self, config: ConfigT, outputs: Sequence[str]) -> dict[str, str]:
        """The metrics of a grid's tables with their titles; the first one orders the cells."""


class Source(Protocol[SomeRowT]):
    """Rows that are to be predicted."""

    @property
    def path(self) -> Path: ...
    @property
    def format(self) -> str:
        """As which they are read."""
        ...

    @property
    def size(self) -> int:
        """Of all rows, also of those that will be left out."""
        ...

    @property
    def rows(self) -> Iterable[SomeRowT]: ...

    def report(self) -> dict[str, Any]:
        """What was read and what was left out, for JSON; once the rows are read."""
        ...

    def warnings(self) -> list[str]:
        """What was left out, a sentence each; once the rows are read."""
        ...


@dataclass(frozen=True)
class FileSource(Generic[RowT]):
    """A file that is read already."""

    file: RowFile[RowT]
    unread: str
    """What becomes of rows that could not be read."""

    @property
    def path(self) -> Path:
        return self.file.path

    @property
    def format(self) -> str:
        return self.file.format

    @property
    def size(self) -> int:
        return self.file.size

    @property
    def rows(self) -> Iterable[RowT]:
        return self.file.rows

    def report(self) -> dict[str, Any]:
        return self.file.report()

    def warnings(self) -> list[str]:
        return [
            f"{len(places):,} {self.file.noun} could not be read ({reason}, {places[0]} first); {self.unread}."
            for reason, places in self.file.rejected.items()
        ]
