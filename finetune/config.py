"""What any fine-tuning run can be asked for; each task adds its own options in a dataclass of its own.

A field that is None is filled once the checkpoint and the data are known (`resolved` of the task's configuration). Imports
nothing heavy, so that `--help` answers at once.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from experiment.options import Options, option


@dataclass(frozen=True)
class FineTuneConfig(Options):
    """The options that all tasks share; the docstring under each field is its help text."""

    checkpoint: Path | None = option(None, "Data", "DIR")
    """Where to start: a pretraining run, its model/ folder, or any BERT in Hugging Face's layout. OUTPUT_DIR/pretrain/latest
    when left out. With --predict: a fine-tuned run."""
    random_weights: bool = option(False, "Data")
    """Start from random weights of the checkpoint's size, with its tokenizer: the baseline that shows what pretraining gains."""
    train_file: Path | None = option(None, "Data", "FILE")
    """Rows to train on. Without it the run uses the built-in sample."""
    dev_file: Path | None = option(None, "Data", "FILE")
    """Rows to choose the best evaluation by. Without it, --dev_share of the training rows, no sentence on both sides."""
    test_file: Path | None = option(None, "Data", "FILE")
    """Rows to report on once, at the end."""
    dev_share: float = option(0.1, "Data")
    """Share of the training rows that is kept for evaluation where there is no --dev_file."""
    split_seed: int = option(0, "Data")
    """Of the split, of the folds and of --train_rows: the same for all seeds of the training."""
    train_rows: int | None = option(None, "Data")
    """Train on so many rows only, the labels in proportion."""
    strict: bool = option(False, "Data")
    """Refuse files with any faulty row, instead of leaving such rows out and counting them."""

    max_length: int | None = option(None, "Input")
    """Tokens that are read at once, at the most."""

    predict: Path | None = option(None, "Prediction", "FILE")
    """Predict these rows with the fine-tuned run of --checkpoint (the latest when left out) instead of training; where they
    are labelled, evaluate, too."""
    ensemble: list[Path] = option([], "Prediction", "RUN")
    """Predict with the mean of these fine-tuned runs' probabilities."""
    output: Path | None = option(None, "Prediction", "FILE")
    """Where the predictions go; into the run's folder predictions/ when left out."""

    epochs: int | None = option(None, "Training")
    """Passes over the training rows; 3, and 12 on the built-in sample, when left out."""
    batch_size: int = option(32, "Training")
    """Rows of an optimizer step, over all devices, on average: steps are cut by real tokens, so that each costs the same."""
    learning_rate: float | None = option(None, "Training")
    """Highest learning rate; by the network's width when left out."""
    head_learning_rate: float | None = option(None, "Training")
    """Highest learning rate of the layers that pretraining does not know; by the task when left out."""
    layer_decay: float = option(1.0, "Training")
    """Factor on the learning rate from each layer to the one below it; 1 treats all alike."""
    warmup: float = option(0.1, "Training")
    """Share of the run in which the learning rate rises."""
    weight_decay: float = option(0.01, "Training")
    """AdamW's, on weight matrices and embeddings only."""
    clip: float = option(1.0, "Training")
    """Longest gradient; a longer one is shortened to it."""
    dropout: float | None = option(None, "Training")
    """Rate on hidden states, attention probabilities and the head's inputs; the checkpoint's when left out."""
    r_drop: float = option(0.0, "Training")
    """Weight of R-Drop: two passes with different dropout are to agree; twice the cost. 0 turns it off."""
    evaluations: int = option(1, "Training")
    """Evaluations an epoch; the weights of the best one are kept."""
    patience: int | None = option(None, "Training")
    """Stop after so many evaluations without a better one."""
    seed: int = option(0, "Training")
    """Of new weights, shuffling and dropout."""

    seeds: list[int] = option([], "Experiments", "N")
    """Train once with each of these seeds, and show mean and spread."""
    folds: int | None = option(None, "Experiments")
    """Cross-validation: train on all but one of so many parts, in turn; no sentence in two parts."""
    sweep: str | None = option(None, "Experiments", "FILE")
    """A grid of settings to compare: a YAML file, or the name of one that comes with the package."""
    resume: str | None = option(None, "Experiments", "auto|DIR")
    """Go on with an unfinished run, sweep, cross-validation or series of seeds: the newest (auto; where there is none, one is
    begun) or this one."""

    accelerator: str = option("auto", "Device")
    """As in PyTorch Lightning: auto, cpu, gpu, mps."""
    devices: int | None = option(None, "Device")
    """How many of this machine; all GPUs, or one CPU process, when left out."""
    strategy: Literal["auto", "ddp"] = option("auto", "Device")
    """As in PyTorch Lightning; several devices are DDP's."""
    device_batch_size: int | None = option(None, "Device")
    """Rows of a forward pass on one device, at the most; a step takes as many passes as it needs. What fits into memory, when
    left out."""
    accumulate: int | None = option(None, "Device")
    """Forward passes of an optimizer step on each device; follows from --device_batch_size when left out."""
    precision: Literal["auto", "32", "bf16", "16"] = option("auto", "Device")
    """auto: bf16 where the device computes in it, else 32."""

    output_dir: Path = option(Path("runs"), "Run", "DIR")
    """Holds the run directories (finetune/TASK/NAME) and the tracking store."""
    name: str | None = option(None, "Run")
    """Of the run directory and the MLflow run; date and time when left out."""
    checkpoint_minutes: float = option(10.0, "Run", "M")
    """Minutes between checkpoints, from which --resume goes on; the last two are kept until the run is finished."""
    log_every: int = option(10, "Run")
    """Optimizer steps between two points of the curves."""
    tracking_uri: str | None = option(None, "Run", "URI")
    """MLflow's; none trains without MLflow; OUTPUT_DIR/mlflow.db when left out."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.predict:
            for name in ("train_file", "dev_file", "test_file", "sweep", "folds", "seeds", "resume"):
                if getattr(self, name):
                    raise ValueError(f"--predict uses a model that is trained already; leave out --{name}")
        if self.ensemble and not self.predict:
            raise ValueError("--ensemble predicts with several runs; say which rows with --predict FILE")
        if self.ensemble and self.checkpoint:
            raise ValueError("--ensemble names the runs to predict with; leave out --checkpoint")
        if self.output and not self.predict:
            raise ValueError("--output is where --predict writes; give both or neither")
        if self.folds and self.dev_file:
            raise ValueError("--folds evaluates on parts of the training rows; leave out --dev_file")
        if (self.dev_file or self.test_file) and not self.train_file and not self.resume:
            raise ValueError("--dev_file and --test_file belong to a --train_file; give it, too")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("--seeds names a seed twice; each gives one run")
        if not 0 < self.dev_share < 1:
            raise ValueError(f"--dev_share must lie above 0 and below 1, not {self.dev_share}")
        for name in ("warmup", "dropout"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < 1:
                raise ValueError(f"--{name} must lie at 0 or above and below 1, not {value}")
        if not 0 < self.layer_decay <= 1:
            raise ValueError(f"--layer_decay must lie above 0 and at 1 at the most, not {self.layer_decay}")
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"--{name} must be at least {least}, not {value}")
        for name in ("learning_rate", "head_learning_rate", "clip", "checkpoint_minutes"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"--{name} must be above 0, not {value}")


_LEAST = {
    "split_seed": 0, "train_rows": 2, "epochs": 1, "batch_size": 1, "device_batch_size": 1, "accumulate": 1, "weight_decay": 0, "r_drop": 0,
    "evaluations": 1, "patience": 1, "seed": 0, "folds": 2, "devices": 1, "log_every": 1,
}  # fmt: skip

SAMPLE_EPOCHS, EPOCHS = 12, 3

LEARNING_RATES = {256: 5e-4, 512: 1e-4, 768: 5e-5, 1024: 2e-5}
"""By hidden size, for the next smaller network as well: BERT's own 5e-5 for base and 2e-5 for large (Devlin et al. 2019,
KLUE-baseline). For 256 it was measured: on 4,000 rows of KLUE-RE's training file the pretrained mini reached a micro-F1 of
59.8, 64.1 and 63.1 % on held-out ones at 3e-4, 5e-4 and 1e-3 (one seed); 512 lies between."""


def learning_rate_for(hidden_size: int) -> float:
    """The learning rate of a network of this width, unless one is given."""
    return LEARNING_RATES[min((width for width in LEARNING_RATES if width >= hidden_size), default=max(LEARNING_RATES))]
