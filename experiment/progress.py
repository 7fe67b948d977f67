"""The line that a training run shows while it goes on.

    ━━━━━━━━━━━━━━━━━━━━   42 % · 14:05 left · step 8,400/20,000 · MLM 4.812 · NSP 0.402 · 12.3k tokens/s · MFU 31 %

What is in it is the caller's: `TrainingProgress(console, status)` asks `status(trainer)` for the share that is done and
for the figures to show, at most four times a second on a terminal and every ten seconds (later every minute) elsewhere.
`status` may therefore read values off the GPU, which waits for it, without slowing the training down.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytorch_lightning as pl
from rich.cells import cell_len
from rich.live import Live
from rich.text import Text

from experiment.console import SECONDS_BETWEEN_LINES, Console, duration

_SECONDS_BETWEEN_DRAWINGS = 0.25
_BAR_WIDTH, _LEAST_BAR_WIDTH = 20, 8


@dataclass(frozen=True)
class ProgressStatus:
    """How far a run is, and what to show of it."""

    fraction: float
    """Share of the run that is done, 0 to 1, by steps or by time."""
    fields: list[tuple[str, str]] = field(default_factory=list)
    """Name and value of each figure, as shown: ("MLM", "4.812"), ("tokens/s", "12.3k"). The first ones matter most: a
    narrow terminal cuts the end off."""


class TrainingProgress(pl.Callback):
    """A Lightning callback that shows the progress of `fit` in the main process.

    Use it with `Trainer(enable_progress_bar=False)`.
    """

    def __init__(self, console: Console, status: Callable[[pl.Trainer], ProgressStatus]) -> None:
        super().__init__()
        self._console = console
        self._status = status
        self._live: Live | None = None
        self._start = self._last = 0.0
        self._first_fraction = self._fraction = 0.0
        self._line = ""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._start = 0.0

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if not trainer.is_global_zero:
            return
        if not self._start:  # the first step is done: what came before, compiling for one, says nothing of the others
            self._start = self._last = time.monotonic()
            self._first_fraction = self._status(trainer).fraction
            if self._console.live:
                self._live = Live(console=self._console.rich, auto_refresh=False, transient=True)
                self._live.start()
        elif self._due():
            self._show(trainer)

    def on_validation_batch_start(self, trainer: pl.Trainer, *args: Any, **kwargs: Any) -> None:
        if self._live is not None and not trainer.sanity_checking and self._due():
            self._draw(f"{self._line} · evaluating")

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.is_global_zero and self._start:
            self._show(trainer)
            self._close(keep=True)

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self._close(keep=True)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        self._close(keep=False)

    def _due(self) -> bool:
        """Whether it is time to show the figures again; notes the time if so."""
        now = time.monotonic()
        # A log of three days should not have 26,000 lines: a minute apart once the run is an hour old.
        pause = min(max(SECONDS_BETWEEN_LINES, (now - self._start) / 60), 60.0)
        if now - self._last < (_SECONDS_BETWEEN_DRAWINGS if self._live is not None else pause):
            return False
        self._last = now
        return True

    def _show(self, trainer: pl.Trainer) -> None:
        status = self._status(trainer)
        self._fraction = fraction = min(max(status.fraction, 0.0), 1.0)
        elapsed = time.monotonic() - self._start
        # What is left is judged by this process alone: a resumed run may be on another machine.
        done = fraction - self._first_fraction
        parts = [f"{100 * fraction:3.0f} %"]
        if fraction >= 1:
            parts.append(f"{duration(elapsed)} in all")
        elif done > 0:
            parts.append(f"{duration(elapsed * (1 - fraction) / done)} left")
        before, self._line = self._line, " · ".join([*parts, *(_figure(name, value) for name, value in status.fields)])
        if self._live is not None:
            self._draw(self._line)
        elif self._line != before:
            self._console.rich.print(f"  {self._line}", soft_wrap=True)

    def _draw(self, line: str) -> None:
        assert self._live is not None
        text = Text("  ", no_wrap=True, overflow="ellipsis")
        width = min(_BAR_WIDTH, self._console.rich.width - cell_len(line) - 4)
        if width >= _LEAST_BAR_WIDTH:
            full = round(self._fraction * width)
            text.append("━" * full, style="green").append("━" * (width - full), style="dim").append("  ")
        self._live.update(text.append(line), refresh=True)

    def _close(self, keep: bool) -> None:
        """End the live line; with `keep` its last state stays on the screen."""
        if self._live is None:
            return
        self._live.transient = not keep
        self._live.stop()
        self._live = None


def _figure(name: str, value: str) -> str:
    """A name before its value ("MLM 4.812"), but a unit behind it ("12.3k tokens/s")."""
    return f"{value} {name}" if "/" in name else f"{name} {value}"
