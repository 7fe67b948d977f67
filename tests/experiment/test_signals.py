"""Signals: what interrupts, what is only noted, and that one request is one, however many signals it comes as."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from experiment import signals
from experiment.callbacks import RunClock, StopOnSignal
from experiment.errors import InterruptedRun
from experiment.program import run_main

REPOSITORY = Path(__file__).parents[2]
NUMBERS = pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGUSR1, 143)]
)


@NUMBERS
def test_a_program_that_is_not_training_ends_as_by_ctrl_c(
    number: int, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    before = [signal.getsignal(each) for each in signals.SIGNALS]

    def main() -> None:
        os.kill(os.getpid(), number)
        time.sleep(60)

    assert run_main(main, interrupted="the cache is kept.") == status
    assert capsys.readouterr().err == "\nthe cache is kept.\n"
    assert [signal.getsignal(each) for each in signals.SIGNALS] == before


def test_copies_of_a_signal_do_not_disturb_what_the_first_has_begun(capsys: pytest.CaptureFixture[str]) -> None:
    saved = []

    def main() -> None:
        try:
            os.kill(os.getpid(), signal.SIGUSR1)
            time.sleep(60)
        finally:
            os.kill(os.getpid(), signal.SIGUSR1)  # as a launcher passes it on
            os.kill(os.getpid(), signal.SIGTERM)  # as Slurm sends it next
            saved.append(True)

    assert run_main(main) == 143 and saved


def test_a_second_signal_after_a_while_ends_the_program_at_once() -> None:
    program = """
import os, signal, time
from experiment import signals
from experiment.program import run_main
def main():
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signals.SECONDS_APART = 0.0
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
run_main(main)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, timeout=50)
    assert done.returncode == -signal.SIGTERM


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert run_main(lambda: os.kill(os.getpid(), signal.SIGINT)) == 0
    finally:
        signal.signal(signal.SIGINT, before)


class Network(pl.LightningModule):
    """Sends itself a signal in a step of its training, or in another of Lightning's hooks."""

    def __init__(self, where: str, action: Callable[[], None]) -> None:
        super().__init__()
        self.layer, self.where, self.action = torch.nn.Linear(1, 1), where, action

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        if self.where == "step" and batch_idx == 4:
            self.action()
        return self.layer(batch).sum()

    def on_train_start(self) -> None:
        if self.where == "start":
            self.action()

    def on_train_epoch_end(self) -> None:
        if self.where == "after the last step":
            self.action()

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), 0.1)


def train(network: Network, accumulate: int = 1) -> list[int]:
    """Trains for eight batches; gives the steps at which everything was saved."""
    saved: list[int] = []

    def conclude(trainer: pl.Trainer) -> str:
        saved.append(trainer.global_step)
        return f"stopped at step {trainer.global_step}."

    pl.Trainer(
        accelerator="cpu", max_epochs=1, accumulate_grad_batches=accumulate, callbacks=[clock := RunClock(10), StopOnSignal(clock, conclude)], logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    ).fit(network, torch.utils.data.DataLoader(torch.ones(8, 1)))  # fmt: skip
    return saved


@NUMBERS
@pytest.mark.parametrize(
    ("where", "accumulate", "step"),
    [("start", 1, 1), ("step", 1, 5), ("step", 2, 3), ("after the last step", 1, 8)],
    ids=["before the first step", "in a step", "between the passes of a step", "after the last step"],
)
@pytest.mark.filterwarnings("ignore:.*many workers.*")
def test_a_training_finishes_its_step_saves_and_ends(
    number: int, status: int, where: str, accumulate: int, step: int, capsys: pytest.CaptureFixture[str]
) -> None:
    before = [signal.getsignal(each) for each in signals.SIGNALS]
    steps = []

    def action() -> None:
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)

    def main() -> None:
        try:
            train(Network(where, action), accumulate)
        except InterruptedRun as error:
            steps.append(error.signal)
            raise

    assert run_main(main) == status and steps == [number]
    assert capsys.readouterr().err.endswith(f"\nstopped at step {step}.\n")
    assert [signal.getsignal(each) for each in signals.SIGNALS] == before


@pytest.mark.filterwarnings("ignore:.*many workers.*")
def test_the_signals_of_an_earlier_training_are_forgotten() -> None:
    with pytest.raises(InterruptedRun):
        train(Network("step", lambda: os.kill(os.getpid(), signal.SIGTERM)))
    assert train(Network("", lambda: None)) == []
