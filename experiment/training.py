"""What every training shares beside Lightning: ending well, by a signal or by a number that is none, and quiet libraries."""

import logging
import os
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, NoReturn

import pytorch_lightning as pl

from experiment import signals
from experiment.errors import InterruptedRun


class NotFiniteError(Exception):
    """The loss or the gradient became infinite or not a number; `str(error)` is one sentence for the user."""


class StopOnSignal(pl.Callback):
    """On SIGINT, SIGTERM or SIGUSR1 finishes the step, saves, and ends the run; a second one of the same ends it at once.

    Several processes have to end at the same step, though the signal may reach only one of them, or each in another step.
    So they do not go by what each has received, but by what they have agreed on.

    Args:
        conclude: saves what is to be saved, in every process, and returns the sentence of the `InterruptedRun`.
        agreed: the signal that all processes agreed on after the step that has just ended, or 0; asked once a step. A
            process alone may leave it out, and goes by what it has received.
    """

    def __init__(self, conclude: Callable[[pl.Trainer], str], agreed: Callable[[], int] | None = None) -> None:
        self.conclude = conclude
        self.agreed = agreed or (lambda: self.requested or 0)
        self._training = ExitStack()

    @property
    def requested(self) -> int | None:
        """The signal that this process has received; None without any."""
        return signals.requested()

    def stop(self, trainer: pl.Trainer, number: int) -> NoReturn:
        """Saves and ends the run, in every process at the same step.

        Raises:
            InterruptedRun: always.
        """
        signals.request(number)
        raise InterruptedRun(self.conclude(trainer), number)

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        # Lightning's own handlers end the training without saving it, and speak to the other processes from within the
        # handler and once more before each step.
        setattr(trainer._signal_connector, "register_signal_handlers", lambda: None)  # noqa: B010
        setattr(trainer.fit_loop.epoch_loop, "_broadcast_sigterm_tensor", lambda: None)  # noqa: B010

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._training.enter_context(signals.noted())

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if stepped(trainer, batch_idx) and (number := self.agreed()):
            self.stop(trainer, number)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.world_size == 1 and self.requested:  # it came after the last step
            self.stop(trainer, self.requested)
        self._training.close()
        if self.requested:  # too late to be agreed on
            raise signals.SignalInterrupt(self.requested)

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self._training.close()


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
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
