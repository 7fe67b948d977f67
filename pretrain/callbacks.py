"""What happens around a training step: the budget, the curves, the watch over the loss, evaluation, and checkpoints."""

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor

from experiment.training import NotFiniteError, log, stepped
from pretrain.batches import PreTrainingBatch
from pretrain.module import PreTrainingModule, Sums
from pretrain.stream import StreamModule


class Budget(pl.Callback):
    """How much of a run is done, by steps or by time; stops it at the end.

    The time is that of training, evaluation included. It is part of the checkpoint, so a resumed run goes on with what
    is left, and the same on all devices, so that they agree on the learning rate.
    """

    def __init__(self, max_steps: int | None, max_minutes: float | None) -> None:
        self.max_steps = max_steps
        self.max_seconds = None if max_minutes is None else max_minutes * 60
        self._before = 0.0  # seconds of this run's earlier processes
        self._started: float | None = None
        self._synchronised: float | None = None  # seconds, as the first device counts them

    @property
    def seconds(self) -> float:
        """Of training so far."""
        if self._synchronised is not None:
            return self._synchronised
        return self._before + (time.perf_counter() - self._started if self._started is not None else 0.0)

    def progress(self, step: int) -> float:
        """Share of the run that is done after `step` steps. A step counts from its middle: the learning rate of the first
        is not 0, nor is that of the last."""
        if self.max_steps is not None:
            return min(1.0, (step + 0.5) / self.max_steps)
        assert self.max_seconds is not None
        return min(1.0, self.seconds / self.max_seconds)

    def share(self, steps: float) -> float:
        """The same for data that is fetched ahead of the training: by steps that it is for, or by time."""
        return steps / self.max_steps if self.max_steps is not None else self.progress(0)

    def finished(self, step: int) -> bool:
        return step >= self.max_steps if self.max_steps is not None else self.progress(step) >= 1

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._started = time.perf_counter()

    def on_train_batch_start(self, trainer: pl.Trainer, *args: Any) -> None:
        if trainer.world_size > 1:
            self._synchronised = None
            seconds = torch.tensor(self.seconds, device=trainer.strategy.root_device)
            torch.distributed.broadcast(seconds, src=0)
            self._synchronised = seconds.item()

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        if self.finished(trainer.global_step):
            trainer.should_stop = True

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._before, self._started = self.seconds, None

    def state_dict(self) -> dict[str, float]:
        return {"seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, float]) -> None:
        self._before = state_dict["seconds"]


class Watch(pl.Callback):
    """Logs the curves, and stops the run at the first loss or gradient that is not finite.

    Reading a number off a device waits for it, so both happen every `log_every` steps, and before each checkpoint:
    what is saved has been looked at.

    Args:
        stream: is told what has been trained on, and tells how long the training has waited for data.
        log_every: optimizer steps between two points.
        flops_per_token: arithmetic of a training step for a real token.
        matmul_rate: FLOP/s that the machine reaches in a plain matrix product; the measure of MFU.
        where: a document's file and line, for the sentence that names them.
    """

    def __init__(
        self,
        stream: StreamModule,
        *,
        log_every: int,
        flops_per_token: float,
        matmul_rate: float,
        where: Callable[[int], str],
    ) -> None:
        self.stream, self.log_every = stream, log_every
        self.flops_per_token, self.matmul_rate, self.where = flops_per_token, matmul_rate, where
        self.latest: dict[str, float] = {}
        """The last point of each curve."""
        self.tokens = 0
        """Real tokens trained on, by all devices."""
        self._pending: list[tuple[int, Tensor, tuple[int, ...]]] = []
        self._since = (0.0, 0, 0.0)  # time, tokens and waiting time of the last point

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._since = (time.perf_counter(), self.tokens, self.stream.waited)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: PreTrainingBatch, batch_idx: int
    ) -> None:
        assert isinstance(pl_module, PreTrainingModule)
        self.stream.place = batch.following
        self.tokens += batch.tokens * trainer.world_size
        health = outputs["loss"].detach() + 0 * pl_module.gradient_norm.to(outputs["loss"].device)
        self._pending.append((trainer.global_step, health, batch.documents))
        if stepped(trainer, batch_idx) and trainer.global_step % self.log_every == 0:
            self.look()
            self._log(trainer, pl_module)

    def look(self) -> None:
        """Checks the steps since the last look.

        Raises:
            NotFiniteError: naming the first bad step and where its text comes from.
        """
        pending, self._pending = self._pending, []
        if not pending:
            return
        finite = torch.isfinite(torch.stack([health for _, health, _ in pending])).tolist()
        if not all(finite):
            step, _, documents = pending[finite.index(False)]
            shown = ", ".join(self.where(document) for document in documents[:5])
            more = f" and {len(documents) - 5} more" if len(documents) > 5 else ""
            raise NotFiniteError(
                f"the loss or its gradient was not finite at step {step:,}, in a batch from {shown}{more}; "
                "lower --learning_rate or look at these documents, and go on from the last checkpoint with --resume"
            )

    def _log(self, trainer: pl.Trainer, module: PreTrainingModule) -> None:
        now, tokens, waited = time.perf_counter(), self.tokens, self.stream.waited
        seconds = max(1e-9, now - self._since[0])
        rate = (tokens - self._since[1]) / seconds
        self._since, waiting = (now, tokens, waited), (waited - self._since[2]) / seconds
        metrics = {f"train_{name}": value for name, value in module.sums.metrics().items()}
        module.sums = Sums()
        self.latest = metrics | {
            "learning_rate": trainer.optimizers[0].param_groups[0]["lr"],
            "gradient_norm": float(module.gradient_norm),
            "real_tokens_per_second": rate,
            "mfu": rate * self.flops_per_token / (self.matmul_rate * trainer.world_size),
            "data_wait": waiting,
            "tokens_seen": tokens,
        }
        log(trainer, self.latest)

    def on_save_checkpoint(self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: Any) -> None:
        self.look()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.look()  # at the steps after the last point, before the model is saved

    def state_dict(self) -> dict[str, int]:
        return {"tokens": self.tokens}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        self.tokens = state_dict["tokens"]


class HeldOut(pl.Callback):
    """Evaluates held-out text before the first step and at even distances over the run; the end is the pipeline's."""

    def __init__(self, batches: Sequence[PreTrainingBatch], budget: Budget, watch: Watch, evaluations: int) -> None:
        self.batches, self.budget, self.watch, self.evaluations = batches, budget, watch, evaluations
        self.latest: dict[str, float] = {}
        self._done = -1  # evaluations behind us, the one before the first step not counted

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._done < 0:
            self.evaluate(trainer, pl_module)
            self._done = 0

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: Any) -> None:
        due = int(self.budget.progress(trainer.global_step) * self.evaluations)
        if self._done < due < self.evaluations:
            self._done = due
            self.evaluate(trainer, pl_module)

    def evaluate(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> dict[str, float]:
        assert isinstance(pl_module, PreTrainingModule)
        metrics = pl_module.evaluate(self.batches)
        self.latest = {f"heldout_{name}": value for name, value in metrics.items()}
        log(trainer, self.latest | {"tokens_seen": self.watch.tokens})
        return metrics

    def state_dict(self) -> dict[str, int]:
        return {"done": self._done}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        self._done = state_dict["done"]


class Checkpoints(ModelCheckpoint):
    """Saves at intervals of time and keeps the last two; never between the passes of one optimizer step, whose gradients
    a checkpoint does not hold."""

    def __init__(self, directory: Path, minutes: float) -> None:
        super().__init__(
            directory,
            filename="{step}",
            monitor="step",
            mode="max",
            save_top_k=2,
            train_time_interval=timedelta(minutes=minutes),
        )

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if stepped(trainer, batch_idx):
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
