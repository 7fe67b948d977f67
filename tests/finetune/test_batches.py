"""Batches: every row once an epoch, equal work in each, the same for the same seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiment.errors import UsageError
from finetune.batches import EVALUATION_TOKENS, FineTuningData, evaluation_batches, training_batches


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


def data(rows, **changes):
    settings = dict(batch_size=8, accumulate=1, seed=0, pin_memory=False) | changes
    return FineTuningData(np.full(rows, 10), list, **settings)


def test_devices_share_an_epoch_evenly_and_leave_no_row_out():
    class Trainer:
        world_size = 3

    shares = []
    for rank in range(3):
        module = data(101)
        module.trainer = Trainer()
        module.trainer.global_rank = rank
        shares.append(list(module.train_dataloader()))
    assert {len(share) for share in shares} == {data(101).batches_an_epoch(3)}
    assert sorted(row for share in shares for batch in share for row in batch) == list(range(101))


def test_an_epoch_is_a_whole_number_of_optimizer_steps():
    assert data(100, accumulate=4).batches_an_epoch(1) == 12
    assert data(100, accumulate=4).rows_a_batch(1) == pytest.approx(100 / 12)
    with pytest.raises(UsageError, match="3 training rows do not fill the 4 batches"):
        data(3, accumulate=4).batches_an_epoch(1)


@pytest.mark.parametrize("pin_memory", [True, False])
def test_a_copy_from_page_locked_memory_does_not_wait(pin_memory):
    class Moved:
        def to(self, *where, **how):
            return where, how

    moved = data(8, pin_memory=pin_memory).transfer_batch_to_device(Moved(), "a device", 0)
    assert moved == (("a device",), {"non_blocking": pin_memory})
