"""What happens around the steps of any training: its clock, its checkpoints, and dropout that a resumed run draws again.

Processes of one run agree at every so many steps only (`RunClock`), since each agreement waits for the device: between two of
them everything that all must decide alike (learning rate, end, checkpoint) follows from what was agreed and the step.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch

from experiment.training import stepped

_SECONDS_BETWEEN_AGREEMENTS = 2.0
"""At the most, where a step is shorter: a scheduler's signal has to be heeded in time."""


class RunClock(pl.Callback):
    """Seconds of training, the same in all processes, evaluation included.

    It begins when a process's first step is done, so that preparing and compiling do not count, and is part of the
    checkpoint, so that a resumed run goes on with what is left. Processes agree on it after the first steps, then every few
    seconds and every `at_most` steps at the most; between, it is what the main process's last steps took.

    Args:
        at_most: steps between two agreements.
        requested: the signal that asks this process to end the run, or 0.
    """

    def __init__(self, at_most: int, requested: Callable[[], int] = lambda: 0) -> None:
        self.at_most, self._own_request = at_most, requested
        self.synchronised = False
        """Whether all processes agreed after the step that has just ended: the moment for what they do together."""
        self.requested = 0
        """The signal that asks one of the processes to end the run, or 0."""
        self._before = 0.0  # seconds of this run's earlier processes
        self._started: float | None = None
        self._alone = True
        self._first = self._step = 0  # of this process; the present one
        self._agreed, self._agreed_at = 0.0, 0  # seconds, as the main process counts them, at a step
        self._seconds_a_step = 0.0
        self._next = 0

    @property
    def seconds(self) -> float:
        """Of training so far."""
        if self._started is None:
            return self._before
        if self._alone:
            return self._own()
        return self._agreed + (self._step - self._agreed_at) * self._seconds_a_step

    def _own(self) -> float:
        assert self._started is not None
        return self._before + time.perf_counter() - self._started

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._alone = trainer.world_size == 1
        self._first = self._step = self._agreed_at = self._next = trainer.global_step
        self._agreed = self._before

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.synchronised = False
        if not stepped(trainer, batch_idx):
            return
        self._step = trainer.global_step
        if self._started is None:
            if pl_module.device.type != "cpu":
                torch.accelerator.synchronize(pl_module.device)
            self._started = time.perf_counter()
        if self._alone:
            self.synchronised, self.requested = True, self._own_request()
        elif self._step >= self._next:
            self._agree(trainer)

    def _agree(self, trainer: pl.Trainer) -> None:
        own = self._own() if trainer.is_global_zero else 0.0
        values = torch.tensor([own, float(self._own_request())], device=trainer.strategy.root_device)
        torch.distributed.all_reduce(values, torch.distributed.ReduceOp.MAX)
        seconds, requested = values.tolist()
        pause = 1.0
        if (
            self._agreed_at > self._first
        ):  # the first interval has the first step in it, which is no measure of the others
            self._seconds_a_step = max(0.0, seconds - self._agreed) / (self._step - self._agreed_at)
            pause = _SECONDS_BETWEEN_AGREEMENTS / max(self._seconds_a_step, 1e-9)
        self._agreed, self._agreed_at, self.requested = seconds, self._step, int(requested)
        self._next = self._step + int(min(max(1.0, pause), self.at_most))
        self.synchronised = True

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._before, self._started = self.seconds, None

    def state_dict(self) -> dict[str, float]:
        return {"seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, float]) -> None:
        self._before = state_dict["seconds"]


class Checkpoints(pl.Callback):
    """Saves at intervals of time and keeps the last two; never between the passes of one step, whose gradients a checkpoint
    does not hold. A checkpoint gets its name (`step=120.ckpt`) when it is whole.

    Args:
        directory: made if it is not there.
        clock: says when the processes are at one.
        minutes: between two checkpoints.
        before: is called with the module in all processes before one is saved, and raises where nothing is to be saved.
    """

    def __init__(
        self, directory: Path, clock: RunClock, minutes: float, before: Callable[[pl.LightningModule], None]
    ) -> None:
        self.directory, self.clock, self.seconds_between, self.before = directory, clock, 60 * minutes, before
        self._saved_at = 0.0  # seconds of the clock

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._saved_at = self.clock.seconds

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self.clock.synchronised and self.clock.seconds - self._saved_at >= self.seconds_between:
            self.save(trainer)

    def save(self, trainer: pl.Trainer) -> None:
        """Called in all processes at the same step."""
        path = self.directory / f"step={trainer.global_step}.ckpt"
        unfinished = path.with_name(f".{path.name}")
        self._saved_at = self.clock.seconds
        self.before(trainer.lightning_module)
        trainer.save_checkpoint(unfinished)
        if trainer.is_global_zero:
            os.replace(unfinished, path)
            for old in sorted(self.directory.glob("*.ckpt"), key=lambda each: each.stat().st_mtime_ns)[:-2]:
                old.unlink()


class DropoutSeeds(pl.Callback):
    """Draws dropout anew from (seed, number of the forward pass, process): a resumed run draws what it would have drawn, and
    no two devices the same."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        passes = trainer.accumulate_grad_batches
        number = trainer.global_step * passes + batch_idx % passes
        entropy = np.random.SeedSequence((self.seed, number, trainer.global_rank))
        torch.manual_seed(int(entropy.generate_state(1, np.uint64)[0]))
