"""What every training shares beside Lightning: its schedule, its curves, and quiet libraries."""

import logging
import os
import warnings

import pytorch_lightning as pl

from experiment.quiet import quiet_compilers


class NotFiniteError(Exception):
    """The loss or the gradient became infinite or not a number; `str(error)` is one sentence for the user."""


def stepped(trainer: pl.Trainer, batch_idx: int) -> bool:
    """Whether the optimizer took its step with this batch, rather than only adding up gradients."""
    return (batch_idx + 1) % trainer.accumulate_grad_batches == 0


def log(trainer: pl.Trainer, metrics: dict[str, float]) -> None:
    """Appends a point to each curve, at the present step; on the first device only."""
    if trainer.is_global_zero:
        for logger in trainer.loggers:
            logger.log_metrics(metrics, step=trainer.global_step)


def warmup_then_linear(done: float, warmup: float) -> float:
    """Share of the highest learning rate when the share `done` of a run is over: up in a line over the first `warmup`,
    down in a line to 0 (Devlin et al. 2019)."""
    if done < warmup:
        return done / warmup
    return max(0.0, 1 - done) / (1 - warmup)


def quiet_libraries() -> None:
    """What libraries say to developers hides what the run says to its user."""
    for name in ("pytorch_lightning", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    quiet_compilers()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
