"""Batches: every row once an epoch, equal work in each, the same for the same seed and for any number of devices."""

import itertools
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.batches import EVALUATION_TOKENS, evaluation_batches, training_batches
from finetune.data_module import FineTuningData


@given(st.integers(1, 300), st.data())
def test_every_row_comes_once_an_epoch_and_no_batch_is_empty(rows, data):
    lengths = np.array(data.draw(st.lists(st.integers(1, 200), min_size=rows, max_size=rows)))
    count = data.draw(st.integers(1, rows))
    batches = training_batches(lengths, count, seed=0, epoch=0)
    assert len(batches) == count and all(len(batch) for batch in batches)
    assert sorted(np.concatenate(batches).tolist()) == list(range(rows))


def test_batches_have_about_equally_many_tokens_and_similar_lengths():
    lengths = np.random.default_rng(0).integers(10, 200, 4000)
    batches = training_batches(lengths, 125, seed=0, epoch=0)
    tokens = np.array([lengths[batch].sum() for batch in batches])
    assert tokens.std() / tokens.mean() < 0.1
    padded = sum(len(batch) * lengths[batch].max() for batch in batches)
    assert padded / lengths.sum() < 1.25  # 1.9 in batches drawn without regard to length


def test_the_order_depends_on_seed_and_epoch_alone():
    lengths = np.random.default_rng(0).integers(10, 200, 400)
    same, again, other_epoch, other_seed = (
        [batch.tolist() for batch in training_batches(lengths, 12, seed, epoch)]
        for seed, epoch in ((0, 0), (0, 0), (0, 1), (1, 0))
    )
    assert same == again
    assert same != other_epoch and same != other_seed


@given(st.lists(st.integers(1, 600), max_size=200))
def test_evaluation_takes_every_row_once_in_batches_of_bounded_size(lengths):
    batches = evaluation_batches(np.array(lengths, dtype=np.int64))
    assert sorted(row for batch in batches for row in batch.tolist()) == list(range(len(lengths)))
    for batch in batches:
        assert sum(lengths[row] for row in batch) <= 1.5 * EVALUATION_TOKENS + max(lengths)


@dataclass(frozen=True)
class Rows:
    """Stands for a batch."""

    rows: tuple[int, ...]


def data(rows, **changes):
    settings = dict(batch_size=8, seed=0, pin_memory=False) | changes
    return FineTuningData(np.full(rows, 10), lambda chosen: Rows(tuple(chosen)), **settings)


class Trainer:
    def __init__(self, rank=0, devices=1, passes=1, step=0):
        self.global_rank, self.world_size = rank, devices
        self.accumulate_grad_batches, self.global_step = passes, step


def stream(module, count, **where):
    module.trainer = Trainer(**where)
    return [batch.rows for batch in itertools.islice(module.train_dataloader(), count)]


@pytest.mark.parametrize("passes", [1, 2])
@pytest.mark.parametrize("devices", [1, 2, 3])
def test_a_step_has_the_same_rows_however_it_is_shared_out(devices, passes):
    module = data(101)
    steps = 2 * module.steps_an_epoch
    whole = stream(module, steps)
    shares = [stream(module, steps * passes, rank=r, devices=devices, passes=passes) for r in range(devices)]
    for step, rows in enumerate(whole):
        parts = [row for share in shares for part in share[step * passes : (step + 1) * passes] for row in part]
        assert sorted(parts) == sorted(rows)
    assert sorted(row for rows in whole[: steps // 2] for row in rows) == list(range(101))


def test_the_stream_goes_on_from_any_step_with_any_number_of_devices():
    module = data(50)
    whole = stream(module, 20)
    for step in (0, 3, 6, 13):
        assert stream(module, 20 - step, step=step) == whole[step:]
        half = [stream(module, 20 - step, step=step, rank=rank, devices=2) for rank in range(2)]
        assert [sorted(a + b) for a, b in zip(*half, strict=True)] == [sorted(rows) for rows in whole[step:]]


def test_a_device_that_no_row_is_left_for_takes_part_without_counting():
    module = data(5, batch_size=2)
    shares = [stream(module, 2, rank=rank, devices=4) for rank in range(4)]
    assert [len(share) for share in shares] == [2] * 4 and () in shares[3]


def test_the_batch_size_is_that_of_a_step():
    assert data(100, batch_size=32).steps_an_epoch == 3
    assert data(100, batch_size=32).rows_a_step == pytest.approx(100 / 3)
    assert data(3, batch_size=32).steps_an_epoch == 1


@pytest.mark.parametrize("pin_memory", [True, False])
def test_a_copy_from_page_locked_memory_does_not_wait(pin_memory):
    class Moved:
        def to(self, *where, **how):
            return where, how

    moved = data(8, pin_memory=pin_memory).transfer_batch_to_device(Moved(), "a device", 0)
    assert moved == (("a device",), {"non_blocking": pin_memory})
