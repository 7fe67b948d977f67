"""The clock of a run, its checkpoints, and dropout that can be drawn again."""

import itertools

import pytest
import torch

from experiment import callbacks
from experiment.callbacks import Checkpoints, DropoutSeeds, RunClock


class Strategy:
    root_device = torch.device("cpu")


class Module:
    device = torch.device("cpu")


class Trainer:
    lightning_module, is_global_zero, accumulate_grad_batches, strategy = Module(), True, 1, Strategy()

    def __init__(self, world_size=1, step=0, rank=0):
        self.world_size, self.global_step, self.global_rank, self.saved = world_size, step, rank, []
        self.is_global_zero = rank == 0

    def save_checkpoint(self, path):
        self.saved.append(self.global_step)
        path.parent.mkdir(exist_ok=True)
        path.write_text("whole")


@pytest.fixture
def time(monkeypatch):
    """Seconds that a test sets."""
    now = [100.0]
    monkeypatch.setattr(callbacks.time, "perf_counter", lambda: now[0])
    return now


def step(clock, trainer, time, seconds):
    time[0] += seconds
    trainer.global_step += 1
    clock.on_train_batch_end(trainer, Module(), None, None, 0)


def test_the_first_step_is_not_counted(time):
    clock, trainer = RunClock(10), Trainer()
    clock.on_train_start(trainer, Module())
    assert clock.seconds == 0
    step(clock, trainer, time, 60)
    assert clock.seconds == 0 and clock.synchronised
    step(clock, trainer, time, 2)
    assert clock.seconds == 2
    clock.on_train_end(trainer, Module())
    time[0] += 50
    resumed = RunClock(10)
    resumed.load_state_dict(clock.state_dict())
    resumed.on_train_start(Trainer(step=2), Module())
    assert resumed.seconds == 2


def test_several_processes_agree_seldom_and_reckon_in_between(time, monkeypatch):
    reductions = []

    def all_reduce(values, operation):
        reductions.append(values.tolist())
        values[0] += 1.0  # the main process's clock is a second ahead

    monkeypatch.setattr(torch.distributed, "all_reduce", all_reduce)
    clock, trainer = RunClock(at_most=50), Trainer(world_size=2)
    clock.on_train_start(trainer, Module())
    seen = []
    for _ in range(200):
        step(clock, trainer, time, 0.1)
        seen.append((clock.synchronised, clock.seconds))
    assert len(reductions) < 15  # about every two seconds of 0.1 a step
    assert [number + 1 for number, (agreed, _) in enumerate(seen) if agreed][:2] == [1, 2]
    assert seen[-1][1] == pytest.approx(0.1 * 199 + 1, rel=0.05)
    assert all(later >= earlier for (_, earlier), (_, later) in itertools.pairwise(seen))


def test_any_process_can_ask_for_the_end(time, monkeypatch):
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda values, operation: values.clamp_(min=15.0))
    clock, trainer = RunClock(10), Trainer(world_size=2)
    clock.on_train_start(trainer, Module())
    step(clock, trainer, time, 0.1)
    assert clock.requested == 15


def test_the_last_two_checkpoints_stay_and_none_has_a_name_before_it_is_whole(tmp_path, time, monkeypatch):
    clock, trainer, looked = RunClock(10), Trainer(), []
    checkpoints = Checkpoints(tmp_path / "checkpoints", clock, minutes=1, before=looked.append)
    clock.on_train_start(trainer, Module())
    checkpoints.on_train_start(trainer, Module())
    for _ in range(5):
        step(clock, trainer, time, 40)
        checkpoints.on_train_batch_end(trainer, Module(), None, None, 0)
    assert trainer.saved == [3, 5] and len(looked) == 2
    checkpoints.save(trainer)
    trainer.global_step = 6
    checkpoints.save(trainer)
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == ["step=5.ckpt", "step=6.ckpt"]


def test_dropout_is_a_function_of_seed_step_and_process():
    def drawn(seed=0, step=3, rank=0):
        DropoutSeeds(seed).on_train_batch_start(Trainer(step=step, rank=rank), Module(), None, 0)
        return torch.rand(4).tolist()

    assert drawn() == drawn()
    assert len({tuple(drawn(**other)) for other in ({}, {"seed": 1}, {"step": 4}, {"rank": 1})}) == 4
