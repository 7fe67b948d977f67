"""What happens around a pretraining step: the budget, evaluation, and the last step."""

import math
from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch

from experiment.callbacks import Checkpoints, RunClock
from experiment.console import Console
from experiment.distributed import global_sums
from experiment.monitor import TrainingMonitor
from experiment.training import log
from pretrain.heldout import HeldOutText
from pretrain.module import SUMS, PreTrainingModule, means


class Budget(pl.Callback):
    """How much of a run is done, by steps or by time; stops it at the end.

    Args:
        clock: the time.
        max_steps, max_minutes: one of them is None.
    """

    def __init__(self, clock: RunClock, max_steps: int | None, max_minutes: float | None) -> None:
        self.clock, self.max_steps = clock, max_steps
        self.max_seconds = None if max_minutes is None else max_minutes * 60
        self.seconds_a_step = 0.0
        """What a step is expected to take before one is done."""

    def progress(self, step: int) -> float:
        """Share of the run that is done after `step` steps. A step counts from its middle: the learning rate of the first
        is not 0, nor is that of the last."""
        if self.max_steps is not None:
            return min(1.0, (step + 0.5) / self.max_steps)
        assert self.max_seconds is not None
        return min(1.0, max(self.clock.seconds, self.seconds_a_step / 2) / self.max_seconds)

    def share(self, steps: float) -> float:
        """The same for data that is fetched ahead of the training: by steps that it is for, or by time."""
        return steps / self.max_steps if self.max_steps is not None else self.progress(0)

    def finished(self, step: int) -> bool:
        return step >= self.max_steps if self.max_steps is not None else self.progress(step) >= 1

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        trainer.should_stop = self.finished(
            trainer.global_step
        )  # of a run that was stopped between its last step and its end

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        if self.finished(trainer.global_step):
            trainer.should_stop = True


class HeldOut(pl.Callback):
    """Evaluates held-out text before the first step and at even distances over the run.

    Args:
        text: what is evaluated.
        budget: says how much of the run is done.
        monitor: says how many tokens have been trained on.
        evaluations: after the first, the one at the end included.
        console: shows the first one as a phase of its own.
    """

    def __init__(
        self, text: HeldOutText, budget: Budget, monitor: TrainingMonitor, evaluations: int, console: Console
    ) -> None:
        self.text, self.budget, self.monitor, self.evaluations = text, budget, monitor, evaluations
        self.console = console
        self.latest: dict[str, float] = {}
        self._done = -1

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._done < 0:
            with self.console.phase("Evaluating before training"):
                self.evaluate(trainer, pl_module)
            self._done = 0

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: Any) -> None:
        due = int(self.budget.progress(trainer.global_step) * self.evaluations)
        if self._done < due < self.evaluations:
            self._done = due
            with self.monitor.paused():
                self.evaluate(trainer, pl_module)

    def evaluate(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> dict[str, float]:
        """Means over the whole text, the same for any number of devices: each batch is summed on one of them, and the sums are
        added in one order."""
        assert isinstance(pl_module, PreTrainingModule)
        parts = torch.zeros(len(self.text), len(SUMS), device=pl_module.device)
        for number in range(trainer.global_rank, len(self.text), trainer.world_size):
            parts[number] = self.text.sums(number, pl_module.batch_sums)
        metrics = means([math.fsum(column) for column in zip(*global_sums(parts).tolist(), strict=True)])
        self.latest = {f"heldout_{name}": value for name, value in metrics.items()}
        log(trainer, self.latest | {"tokens_seen": self.monitor.tokens})
        return metrics

    def state_dict(self) -> dict[str, int]:
        return {"done": self._done}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        self._done = state_dict["done"]


class Finish(pl.Callback):
    """What follows the last step, while the network is still where it was trained: the steps are looked at, the model and a
    checkpoint are saved, and then held-out text is evaluated. Nothing that can fail stands between the last step and the model.

    Args:
        monitor, checkpoints, evaluation: of the run.
        save_model: writes the model; called in the main process.
        console: shows the evaluation as a phase.
    """

    def __init__(
        self,
        monitor: TrainingMonitor,
        checkpoints: Checkpoints,
        evaluation: HeldOut,
        save_model: Callable[[], None],
        console: Console,
    ) -> None:
        self.monitor, self.checkpoints, self.evaluation = monitor, checkpoints, evaluation
        self.save_model, self.console = save_model, console
        self.metrics: dict[str, float] = {}
        """Of the held-out text, at the end."""

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.monitor.settle(pl_module)
        if trainer.is_global_zero:
            self.save_model()
        self.checkpoints.save(trainer)
        with self.console.phase("Evaluating"):
            self.metrics = self.evaluation.evaluate(trainer, pl_module)
