import numpy as np
import pytest
import torch


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
    assert {len(builder[w]) for w in range(builder.windows_an_epoch)} == {builder.batches_a_window}


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
    assert builder.windows_an_epoch == builder.batches_a_window == 1
    assert [builder.epoch_of(window) for window in (0, 1, 2)] == [0, 1, 2]
    assert all(len(builder[window]) == 1 for window in (0, 1))


def test_batches_move_to_a_device(windows):
    batch = windows()[0][0].to("meta")
    assert batch.labels.device.type == batch.packed.input_ids.device.type == "meta"
    assert batch.documents


def test_a_batch_knows_its_real_tokens(windows):
    assert all(batch.tokens == batch.packed.tokens for batch in windows()[0])
