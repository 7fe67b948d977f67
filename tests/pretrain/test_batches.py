import numpy as np
import pytest
import torch

from pretrain.batches import IGNORED


def test_an_epoch_holds_every_example_once(windows):
    builder = windows()
    batches = [batch for w in range(builder.windows_an_epoch) for batch in builder[w]]
    assert sum(batch.packed.sequences for batch in batches) == builder.pairs.examples
    labels = torch.cat([batch.next_sentence for batch in batches])
    assert labels.sum() * 2 == len(labels)


def test_batches_hold_about_the_budget_of_real_tokens(windows):
    builder = windows(batch_tokens=200)
    tokens = [batch.packed.tokens for w in range(builder.windows_an_epoch) for batch in builder[w]]
    assert np.mean(tokens) == pytest.approx(200, rel=0.15)
    assert max(tokens) < 300 and min(tokens) > 100
    assert {len(builder[w]) for w in range(builder.windows_an_epoch)} == {builder.steps_a_window}


def test_lengths_within_a_batch_are_alike(windows):
    builder = windows()
    padded = real = 0
    for w in range(builder.windows_an_epoch):
        for batch in builder[w]:
            padded += batch.packed.sequences * batch.packed.max_length
            real += batch.packed.tokens
    assert real / padded > 0.9


def test_masks_are_new_each_epoch(windows):
    builder = windows()
    masked = [
        {
            tuple(batch.masked.tolist())
            for w in range(builder.windows_an_epoch)
            for batch in builder[e * builder.windows_an_epoch + w]
        }
        for e in (0, 1)
    ]
    assert not masked[0] & masked[1]


def test_labels_are_what_was_hidden(windows):
    for batch in windows()[0]:
        shown = batch.packed.input_ids[batch.masked]
        assert (batch.labels >= 1000).all()
        hidden = shown == 4
        assert 0.5 < hidden.float().mean() <= 1
        assert len(batch.masked) / batch.packed.tokens == pytest.approx(0.13, abs=0.06)


def test_a_tiny_corpus_still_makes_batches(windows):
    builder = windows(batch_tokens=4096, documents=[[[1000] * 5, [1001] * 5], [[2000] * 5, [2001] * 5]])
    assert builder.windows_an_epoch == builder.steps_a_window == 1
    assert [builder.epoch_of(window) for window in (0, 1, 2)] == [0, 1, 2]
    assert all(len(builder[window]) == 1 for window in (0, 1))


def test_batches_move_to_a_device(windows):
    batch = windows()[0][0].to("meta")
    assert batch.labels.device.type == batch.packed.input_ids.device.type == "meta"
    assert batch.documents


def test_a_batch_knows_its_real_tokens(windows):
    assert all(batch.tokens == batch.packed.tokens for batch in windows()[0])


def _key(batch, sequence):
    first, last = batch.packed.boundaries[sequence : sequence + 2].tolist()
    return tuple(batch.packed.input_ids[first:last].tolist()), int(batch.next_sentence[sequence])


@pytest.mark.parametrize("devices", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("passes", [1, 3])
def test_a_step_is_the_same_however_it_is_shared_out(windows, devices, passes):
    """Each of its sequences once, masked alike, whoever computes it."""
    builder = windows(batch_tokens=512)
    builder.blocks = 4  # as a step of 16,384 tokens has
    whole = builder[1]
    shares = [builder.share(1, rank=rank, devices=devices, passes=passes) for rank in range(devices)]
    for step, batch in enumerate(whole):
        parts = [part for share in shares for part in share[step] if part.tokens]
        assert len({len(share[step]) for share in shares} | {passes}) == 1
        assert sorted(_key(part, n) for part in parts for n in range(part.packed.sequences)) == sorted(
            _key(batch, n) for n in range(batch.packed.sequences)
        )
        assert sum(part.tokens for part in parts) == batch.tokens
        counts = sum(share[step][0].step_counts for share in shares)
        assert counts.tolist() == [batch.masked.numel(), batch.packed.sequences]
        assert all(
            torch.equal(part.step_counts, share[step][0].step_counts) for share in shares for part in share[step]
        )


def test_devices_build_different_blocks_of_a_window(windows):
    """The work of building is shared, not done by each."""
    builder = windows(batch_tokens=512)
    builder.blocks, built = 4, []
    build = builder.pairs.build
    builder.pairs.build = lambda epoch, numbers: built.extend(numbers.tolist()) or build(epoch, numbers)
    for rank in range(4):
        builder.share(0, rank=rank, devices=4)
    assert len(built) == len(set(built))


def test_a_pass_without_a_sequence_does_not_count(windows):
    builder = windows(batch_tokens=40)
    shares = [builder.share(0, rank=rank, devices=8) for rank in range(8)]
    empty = [batch for share in shares for step in share for batch in step if not batch.tokens]
    assert empty and all((batch.labels == IGNORED).all() and not batch.step_counts.any() for batch in empty)
