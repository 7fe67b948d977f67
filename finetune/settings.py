"""What a run's configuration leaves open until the checkpoint is known, settled."""

from dataclasses import dataclass
from pathlib import Path

from bert_core.config import BertConfig
from experiment.errors import UsageError
from experiment.threads import choose_threads
from finetune.config import EPOCHS, SAMPLE_EPOCHS, FineTuneConfig, learning_rate_for

LONGEST = 256
"""Tokens of a row where no --max_length is given and the encoder has as many positions."""


@dataclass(frozen=True)
class Settings:
    """The options of a configuration that may be left out, by the same names."""

    checkpoint: Path
    epochs: int
    learning_rate: float
    head_learning_rate: float
    max_length: int
    """Tokens that are read at once, at the most."""
    dropout: float
    threads: int


def settle(config: FineTuneConfig, checkpoint: Path, encoder: BertConfig, head_factor: float) -> Settings:
    """What follows from the checkpoint where the configuration says nothing.

    Args:
        config: as the user gave it.
        checkpoint: where it starts.
        encoder: the shape of its network.
        head_factor: how much faster the task's head learns where nothing else is said.

    Raises:
        UsageError: --max_length is more than the encoder has positions.
    """
    positions = encoder.max_position_embeddings
    if config.max_length and config.max_length > positions:
        raise UsageError(
            f"--max_length {config.max_length} is more than the {positions} positions of the BERT in {checkpoint}"
        )
    learning_rate = config.learning_rate or learning_rate_for(encoder.hidden_size)
    return Settings(
        checkpoint=checkpoint,
        epochs=config.epochs or (EPOCHS if config.train_file else SAMPLE_EPOCHS),
        learning_rate=learning_rate,
        head_learning_rate=config.head_learning_rate or head_factor * learning_rate,
        max_length=config.max_length or min(LONGEST, positions),
        dropout=encoder.hidden_dropout_prob if config.dropout is None else config.dropout,
        threads=choose_threads(config.threads, config.devices),
    )
