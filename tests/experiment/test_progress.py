"""The training line: what it shows, how often, and that it ends well whatever happens."""

import io
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from experiment.console import Console
from experiment.progress import ProgressStatus, TrainingProgress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Tiny(pl.LightningModule):
    """Takes ten seconds a step by the clock of the test; calls `disturb(step)` in each."""

    def __init__(self, now: list[float], disturb: Any = None) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
        self.now, self.disturb = now, disturb

    def training_step(self, batch: list[torch.Tensor], index: int) -> torch.Tensor:
        self.now[0] += 10
        if self.disturb:
            self.disturb(index)
        return self.layer(batch[0]).sum()

    def validation_step(self, batch: list[torch.Tensor], index: int) -> None:
        self.now[0] += 1

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)

    def train_dataloader(self) -> torch.utils.data.DataLoader:
        return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.zeros(400, 1)))

    def val_dataloader(self) -> torch.utils.data.DataLoader:
        return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.zeros(2, 1)))


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr("experiment.progress.time.monotonic", lambda: now[0])
    monkeypatch.setenv("COLUMNS", "110")
    monkeypatch.setenv("TERM", "xterm-256color")
    return now


def fit(out: io.StringIO, module: Tiny, steps: int, asked: list[int] | None = None) -> Console:
    console = Console(out)

    def status(trainer: pl.Trainer) -> ProgressStatus:
        if asked is not None:
            asked.append(trainer.global_step)
        fields = [("step", f"{trainer.global_step}/{steps}"), ("MLM", "4.812"), ("tokens/s", "12.3k")]
        return ProgressStatus(trainer.global_step / steps, fields)

    pl.Trainer(
        max_steps=steps,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        val_check_interval=5,
        num_sanity_val_steps=0,
        callbacks=[TrainingProgress(console, status)],
    ).fit(module)
    return console


def test_a_log_gets_a_line_every_ten_seconds_from_the_first_step_on(now: list[float]) -> None:
    out = io.StringIO()
    fit(out, Tiny(now), 4)
    lines = out.getvalue().splitlines()
    assert lines == [
        "   50 % · 20 s left · step 2/4 · MLM 4.812 · 12.3k tokens/s",
        "   75 % · 10 s left · step 3/4 · MLM 4.812 · 12.3k tokens/s",
        "  100 % · 30 s in all · step 4/4 · MLM 4.812 · 12.3k tokens/s",
    ]


def test_long_runs_do_not_flood_a_log(now: list[float]) -> None:
    out = io.StringIO()
    asked: list[int] = []
    fit(out, Tiny(now), 360, asked)  # an hour
    assert 60 < len(out.getvalue().splitlines()) < 160
    assert len(asked) <= len(out.getvalue().splitlines()) + 2  # the figures are not fetched for nothing


def test_a_terminal_shows_one_live_line(now: list[float]) -> None:
    out = Terminal()
    console: list[Console] = []
    fit(out, Tiny(now), 10)
    shown = out.getvalue()
    assert "\r\x1b[2K" in shown and "━" in shown
    assert "evaluating" in shown
    assert shown.count("\n") == 1  # the last state stays
    assert "\x1b[?25h" in shown[shown.rindex("100 %") :]  # the cursor is back
    assert not console


def test_a_narrow_terminal_keeps_what_matters(now: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    out = Terminal()
    fit(out, Tiny(now), 4)
    assert " 50 % · 20 s left · step 2/4" in out.getvalue() and "━" not in out.getvalue()


@pytest.mark.parametrize("error", [RuntimeError("a fault"), KeyboardInterrupt()])
def test_an_error_ends_the_live_line(now: list[float], error: BaseException) -> None:
    def fail(step: int) -> None:
        if step == 3:
            raise error

    out = Terminal()
    with pytest.raises((RuntimeError, SystemExit)):
        fit(out, Tiny(now, fail), 10)
    assert out.getvalue().endswith("\n\x1b[?25h")
    assert " 30 % " in out.getvalue()


def test_what_is_left_is_judged_by_this_process(now: list[float]) -> None:
    out = io.StringIO()
    progress = TrainingProgress(Console(out), lambda trainer: ProgressStatus(now[0] / 10_000))
    trainer, module = pl.Trainer(logger=False, enable_checkpointing=False, accelerator="cpu"), Tiny(now)
    now[0] = 5_000.0  # resumed in the middle
    progress.on_train_start(trainer, module)
    progress.on_train_batch_end(trainer, module, None, None, 0)  # from here on it is judged
    now[0] = 6_000.0
    progress.on_train_batch_end(trainer, module, None, None, 1)
    assert out.getvalue() == "   60 % · 1:06:40 left\n"
