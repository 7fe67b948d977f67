"""Where fine-tuning starts from: a folder with a BERT, and the pretraining run that it came from."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch

from bert_core.config import BertConfig
from bert_core.model import Bert
from bert_core.pretrained import CONFIG_FILE, from_pretrained
from data.tokenizer import WordPiece
from experiment.console import Console
from experiment.errors import UsageError
from experiment.machine import Machine
from experiment.run_directory import RunDirectory
from experiment.speed import Speed
from experiment.threads import choose_threads
from experiment.tracking import RUN_FILE
from finetune.config import EPOCHS, SAMPLE_EPOCHS, FineTuneConfig, learning_rate_for

PRETRAINING = "pretrain"

LONGEST = 256
"""Tokens of a row where no --max_length is given and the encoder has as many positions."""

AnyConfig = TypeVar("AnyConfig", bound=FineTuneConfig)


@dataclass(frozen=True)
class Checkpoint:
    """A BERT to start from."""

    path: Path
    """As the user may name it again: the run, or the folder of the model."""
    model: Path
    """The folder with the weights and the tokenizer."""
    mlflow_run: str | None
    """Id of the MLflow run that the weights came from, where it is known."""

    @property
    def tags(self) -> dict[str, str]:
        """For the tracking store: what leads from the fine-tuning run back to the pretraining run."""
        return {"checkpoint": str(self.path)} | ({"pretraining_run_id": self.mlflow_run} if self.mlflow_run else {})

    def wordpiece(self) -> WordPiece:
        """Raises:
        DataError: the folder has no usable tokenizer.
        """
        return WordPiece.load(self.model)

    def encoder(self, dropout: float | None, random_weights: bool) -> Bert:
        """The network, or one of the same size with new weights.

        Raises:
            PretrainedError: the folder holds no usable BERT.
        """
        rates = {} if dropout is None else dict.fromkeys(_DROPOUTS, dropout)
        encoder = from_pretrained(Bert, self.model, **rates)
        return Bert(encoder.config) if random_weights else encoder


class Rows(Protocol):
    """The rows of a run."""

    @property
    def train(self) -> Sequence[Any]: ...
    @property
    def dev(self) -> Sequence[Any]: ...
    @property
    def notes(self) -> list[str]:
        """What people should know about them, a sentence each."""
        ...

    @property
    def fingerprint(self) -> str: ...
    def report(self) -> dict[str, Any]:
        """For `data_report.json`."""
        ...


class Run(Protocol):
    """What a task brings together before the first step, and all stages of a run share."""

    @property
    def config(self) -> Any:
        """Complete: nothing is left open."""
        ...

    @property
    def checkpoint(self) -> Checkpoint: ...
    @property
    def directory(self) -> RunDirectory: ...
    @property
    def console(self) -> Console: ...
    @property
    def machine(self) -> Machine: ...
    @property
    def speed(self) -> Speed: ...
    @property
    def rows(self) -> Any: ...


_DROPOUTS = ("hidden_dropout_prob", "attention_probs_dropout_prob")


def find_checkpoint(config: FineTuneConfig) -> Checkpoint:
    """The BERT that the configuration asks for, by default of the latest pretraining run.

    Raises:
        UsageError: there is none.
    """
    path = config.checkpoint
    if path is None:
        try:
            path = RunDirectory.latest(config.output_dir, PRETRAINING).path
        except UsageError:
            raise UsageError(
                f"{config.output_dir / PRETRAINING} has no finished run to start from; pretrain one with python run.py, "
                "or name a BERT with --checkpoint DIR"
            ) from None
    model = path if (path / CONFIG_FILE).is_file() else path / "model"
    if not (model / CONFIG_FILE).is_file():
        raise UsageError(
            f"--checkpoint {path} holds no BERT: neither {CONFIG_FILE} nor model/{CONFIG_FILE} is there; name a run of "
            "run.py, or a folder in Hugging Face's layout"
        )
    remembered = model.resolve().parent / RUN_FILE
    run_id = json.loads(remembered.read_text(encoding="utf-8")).get("run_id") if remembered.is_file() else None
    return Checkpoint(path, model, run_id)


def complete(config: AnyConfig, checkpoint: Checkpoint, encoder: BertConfig, head_factor: float = 1.0) -> AnyConfig:
    """The configuration with what follows from the checkpoint: nothing is left open.

    Args:
        config: as the user gave it.
        checkpoint: where it starts.
        encoder: its network.
        head_factor: how much faster the task's head learns where nothing else is said.

    Raises:
        UsageError: --max_length is more than the encoder has positions.
    """
    positions = encoder.max_position_embeddings
    if config.max_length and config.max_length > positions:
        raise UsageError(
            f"--max_length {config.max_length} is more than the {positions} positions of the BERT in {checkpoint.path}"
        )
    learning_rate = config.learning_rate or learning_rate_for(encoder.hidden_size)
    return replace(
        config,
        checkpoint=checkpoint.path,
        epochs=config.epochs or (EPOCHS if config.train_file else SAMPLE_EPOCHS),
        learning_rate=learning_rate,
        head_learning_rate=config.head_learning_rate or head_factor * learning_rate,
        max_length=config.max_length or min(LONGEST, positions),
        dropout=encoder.hidden_dropout_prob if config.dropout is None else config.dropout,
        threads=choose_threads(config.threads, config.devices),
    )


def seed_everything(seed: int) -> None:
    """New weights and dropout follow from it, on every device alike."""
    torch.manual_seed(seed)
