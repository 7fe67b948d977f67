"""Where fine-tuning starts from: a folder with a BERT, and the pretraining run that it came from."""

import json
from dataclasses import dataclass
from pathlib import Path

from bert_core.model import Bert
from bert_core.pretrained import CONFIG_FILE, from_pretrained
from data.tokenizer import WordPiece
from experiment.errors import UsageError
from experiment.program import command
from experiment.run_directory import RunDirectory
from experiment.tracking import RUN_FILE
from finetune.config import FineTuneConfig

PRETRAINING = "pretrain"
"""Where pretraining runs lie."""


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
                f"{config.output_dir / PRETRAINING} has no finished run to start from; pretrain one with {command('run.py')}, "
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
