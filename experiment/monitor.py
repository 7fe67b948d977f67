"""The watch over a training: its curves, its speed, and a loss or weights that are lost."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import pytorch_lightning as pl
import torch
from torch import Tensor

from experiment.distributed import global_sums
from experiment.training import NotFiniteError, log, stepped


class Monitored(Protocol):
    """What a module keeps for the monitor."""

    gradient_norm: Tensor
    """Of the last optimizer step, before clipping."""

    def take_metrics(self) -> dict[str, float]:
        """Means over the steps since the last time, of all devices: called in all processes at the same step."""
        ...


class TrainingMonitor(pl.Callback):
    """Logs the curves, and stops the run when it has lost its weights or its loss.

    Reading a number off a device waits for it, so both happen every `log_every` steps, before each checkpoint and at the end:
    what is saved has been looked at. A gradient that is not finite is routine where fp16 is scaled, since the step is left out
    then; what ends a run is a parameter that is not finite, or a loss that stays so for `PATIENCE` steps.

    Args:
        log_every: optimizer steps between two points.
        flops_per_token: arithmetic of a training step for a real token.
        matmul_rate: FLOP/s that the machine reaches in a plain matrix product, the measure of MFU; None where it is not known.
        counts: real tokens and rows of a batch.
        places: of a batch, for the sentence that names them, as they are kept until the next look.
        where: that sentence's part: what such places are in the user's files.
        waited: seconds that the training has waited for data so far.
    """

    PATIENCE = 5

    def __init__(
        self,
        *,
        log_every: int,
        flops_per_token: float,
        matmul_rate: float | None,
        counts: Callable[[Any], tuple[int, int]],
        places: Callable[[Any], tuple[int, ...]],
        where: Callable[[tuple[int, ...]], str],
        waited: Callable[[], float] | None = None,
    ) -> None:
        self.log_every, self.flops_per_token, self.matmul_rate = log_every, flops_per_token, matmul_rate
        self.counts, self.places, self.where, self.waited = counts, places, where, waited
        self.latest: dict[str, float] = {}
        """The last point of each curve."""
        self.tokens = self.rows = 0
        """Trained on, by all devices, as far as they have been added up."""
        self.untimed = (0, 0)
        """Tokens and rows of them that were trained on before the time was taken: a process's first step."""
        self._own = [0, 0]  # of this device, since they were added up
        self._pending: list[tuple[int, Tensor, Tensor, tuple[int, ...]]] = []
        self._lost = 0  # steps in a row, up to now, whose loss was not finite
        self._first = 1
        self._before = self._paused = 0.0
        self._started: float | None = None
        self._since = (0.0, 0, 0.0)  # training seconds, tokens and waiting time of the last point

    @property
    def seconds(self) -> float:
        """Spent in training steps, but for each process's first; evaluation is left out."""
        return self._before + (time.perf_counter() - self._started - self._paused if self._started else 0.0)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What goes on within the `with` is no training."""
        started = time.perf_counter()
        yield
        self._paused += time.perf_counter() - started

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._first = trainer.global_step + 1

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        tokens, rows = self.counts(batch)
        self._own[0] += tokens
        self._own[1] += rows
        loss, norm = outputs["loss"].detach(), pl_module.gradient_norm.detach()
        self._pending.append((trainer.global_step, loss.float(), norm.to(loss.device).float(), self.places(batch)))
        if not stepped(trainer, batch_idx):
            return
        if trainer.global_step == self._first:
            tokens, rows = self._add_up(pl_module)
            self.untimed = (self.untimed[0] + tokens, self.untimed[1] + rows)
            self._started, self._paused = time.perf_counter(), 0.0
            self._since = (self.seconds, self.tokens, self.waited() if self.waited else 0.0)
        if trainer.global_step % self.log_every == 0:
            self.look(pl_module)
            self._log(trainer, pl_module)

    def _add_up(self, module: pl.LightningModule) -> tuple[int, int]:
        """Adds up what all devices have trained on since the last time, and gives it."""
        tokens, rows = global_sums(torch.tensor(self._own, device=module.device)).tolist()
        self._own = [0, 0]
        self.tokens += tokens
        self.rows += rows
        return tokens, rows

    def settle(self, module: pl.LightningModule) -> None:
        """Looks at all steps so far and adds them up; called in all processes at the same step."""
        self.look(module)
        self._add_up(module)

    def look(self, module: pl.LightningModule) -> None:
        """Checks the steps since the last look.

        Raises:
            NotFiniteError: naming the first bad step and where its rows come from.
        """
        pending, self._pending = self._pending, []
        if not pending:
            return
        found = torch.stack([torch.stack((loss, norm)) for _, loss, norm, _ in pending]).isfinite().tolist()
        if all(loss and norm for loss, norm in found):
            self._lost = 0
            return
        for loss, _ in found:
            self._lost = 0 if loss else self._lost + 1
        sound = all(bool(parameter.isfinite().all()) for parameter in module.parameters())
        if sound and self._lost < self.PATIENCE:
            return
        step, _, _, places = pending[next(index for index, finite in enumerate(found) if not all(finite))]
        raise NotFiniteError(
            f"the loss or its gradient was not finite at step {step:,}, in a batch from {self.where(places)}; lower "
            "--learning_rate or look at that text, and go on from the last checkpoint with --resume"
        )

    def _log(self, trainer: pl.Trainer, module: Any) -> None:
        self._add_up(module)
        metrics = {f"train_{name}": value for name, value in module.take_metrics().items()}
        seconds, tokens, waited = self.seconds, self.tokens, self.waited() if self.waited else 0.0
        passed, trained = seconds - self._since[0], tokens - self._since[1]
        group = trainer.optimizers[0].param_groups[0]
        self.latest = metrics | {
            "learning_rate": group["lr"],
            "gradient_norm": float(module.gradient_norm),
            "tokens_seen": tokens,
        }
        if trained and passed > 0:
            self.latest["real_tokens_per_second"] = trained / passed
            if self.matmul_rate:
                arithmetic = trained / passed * self.flops_per_token
                self.latest["mfu"] = arithmetic / (self.matmul_rate * trainer.world_size)
            if self.waited:
                self.latest["data_wait"] = (waited - self._since[2]) / passed
        self._since = (seconds, tokens, waited)
        log(trainer, self.latest)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._before, self._started = self.seconds, None

    def state_dict(self) -> dict[str, Any]:
        return {"tokens": self.tokens, "rows": self.rows, "untimed": self.untimed, "seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.tokens, self.rows = state_dict["tokens"], state_dict["rows"]
        self.untimed, self._before = tuple(state_dict["untimed"]), state_dict["seconds"]
