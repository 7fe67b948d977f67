"""How a run ends, and when its time begins."""

import json
import time

import pytest
from pytorch_lightning.strategies import Strategy

from experiment.history import read_curves
from pretrain.callbacks import Budget, HeldOut
from pretrain.module import PreTrainingModule
from pretrain.pipeline import pretrain


def test_the_model_is_saved_and_evaluated_where_it_was_trained(configure, monkeypatch):
    """Before Lightning takes the network off the device and ends the process group."""
    config, seen = configure(name="run"), []
    directory = config.output_dir / "pretrain" / "run"
    teardown, evaluate = Strategy.teardown, HeldOut.evaluate

    def evaluated(self, *arguments):
        seen.append("model" if (directory / "model" / "model.safetensors").exists() else "evaluation")
        return evaluate(self, *arguments)

    monkeypatch.setattr(HeldOut, "evaluate", evaluated)
    monkeypatch.setattr(Strategy, "teardown", lambda self: seen.append("teardown") or teardown(self))
    pretrain(config)
    assert seen == ["evaluation", "evaluation", "model", "teardown"]


def test_what_fails_after_the_last_step_costs_nothing(configure, monkeypatch):
    config, evaluate = configure(name="run", evaluations=1), HeldOut.evaluate
    monkeypatch.setattr(
        HeldOut, "evaluate", lambda self, *arguments: 1 / 0 if self._done == 0 else evaluate(self, *arguments)
    )
    with pytest.raises(ZeroDivisionError):
        pretrain(config)
    directory = config.output_dir / "pretrain" / "run"
    saved = (directory / "model" / "model.safetensors").read_bytes()
    monkeypatch.setattr(HeldOut, "evaluate", evaluate)
    monkeypatch.setattr(PreTrainingModule, "training_step", lambda *_: pytest.fail("there is no step left"))
    again = pretrain(type(config)(resume="auto", output_dir=config.output_dir))
    assert again == directory and json.loads((again / "metrics.json").read_text())["steps"] == 12
    assert (again / "model" / "model.safetensors").read_bytes() == saved


def test_the_time_begins_with_the_first_step_that_is_done(configure, monkeypatch):
    """Compiling, here a sleep, is no part of it, so that the warm-up is not skipped."""
    original, slept = PreTrainingModule.training_step, []

    def slow_at_first(self, batch, batch_idx):
        if not slept:
            slept.append(time.sleep(4))
        return original(self, batch, batch_idx)

    monkeypatch.setattr(PreTrainingModule, "training_step", slow_at_first)
    directory = pretrain(configure(max_steps=None, max_minutes=2 / 60, log_every=1, warmup=0.5, learning_rate=1e-3))
    metrics = json.loads((directory / "metrics.json").read_text())
    assert 2 <= metrics["wall_seconds"] < 5 and metrics["steps"] > 3
    rates = read_curves(directory / "metrics.jsonl")["learning_rate"][1]
    assert 0 < rates[0] < 5e-4 and max(rates) > 7e-4


class Clock:
    seconds = 0.0


def test_the_first_step_of_a_run_by_time_learns():
    budget = Budget(Clock(), None, max_minutes=1)
    budget.seconds_a_step = 3.0
    assert budget.progress(0) == pytest.approx(1.5 / 60)
    budget.clock.seconds = 30.0
    assert budget.progress(7) == 0.5 and not budget.finished(7)
