"""What every training shares beside Lightning: ending well, by hand or by a number that is none, and quiet libraries."""

import logging
import os
import signal
import warnings
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytorch_lightning as pl

from experiment.quiet import quiet_compilers


class NotFiniteError(Exception):
    """The loss or the gradient became infinite or not a number; `str(error)` is one sentence for the user."""


class InterruptedRun(Exception):
    """The run was stopped by hand or by the system. `str(error)` is one sentence for the user: what is kept, and how to
    go on."""


class StopByHand(pl.Callback):
    """On Ctrl-C or SIGTERM finishes the step and ends the run; a second Ctrl-C ends it at once.

    Args:
        conclude: saves what is to be saved, in every process, and returns the sentence of the `InterruptedRun`.
    """

    def __init__(self, conclude: Callable[[pl.Trainer], str]) -> None:
        self.conclude = conclude
        self._signal: int | None = None
        self._old: dict[int, Any] = {}

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        # Before Lightning sets handlers of its own, which hold the trainer and all that it trains: it takes them back
        # before `teardown`, and who put them in place again would keep the network in memory.
        self._old = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        for number in self._old:
            signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._signal = number
        signal.signal(number, self._old[number] or signal.SIG_DFL)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if not stepped(trainer, batch_idx):
            return
        asked = self._signal is not None
        if trainer.world_size > 1:
            asked = trainer.strategy.reduce_boolean_decision(asked, all=False)
        if asked:
            raise InterruptedRun(self.conclude(trainer))

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)


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
