import itertools

import pytest
import torch

from pretrain.stream import BatchStream, StreamModule


def take(stream, count):
    return list(itertools.islice(stream, count))


def same(one, two):
    return (
        torch.equal(one.packed.input_ids, two.packed.input_ids)
        and torch.equal(one.packed.boundaries, two.packed.boundaries)
        and torch.equal(one.masked, two.masked)
        and torch.equal(one.labels, two.labels)
        and torch.equal(one.next_sentence, two.next_sentence)
        and one.documents == two.documents
        and one.following == two.following
    )


@pytest.mark.parametrize("workers", [1, 3])
def test_the_stream_is_the_same_for_any_number_of_workers(windows, workers):
    builder = windows()
    one, many = (take(BatchStream([builder], workers=n), 20) for n in (0, workers))
    assert all(same(a, b) for a, b in zip(one, many, strict=True))


def test_the_stream_goes_on_from_any_place(windows):
    builder = windows()
    whole = take(BatchStream([builder], workers=0), 40)
    for consumed in (1, 7, builder.batches_a_window, 23):
        rest = take(BatchStream([builder], workers=0, start=whole[consumed - 1].following), 40 - consumed)
        assert all(same(a, b) for a, b in zip(whole[consumed:], rest, strict=True))


def test_a_phase_begins_with_a_window_and_a_resumed_stream_keeps_to_it(windows):
    short, long = windows(batch_tokens=96), windows(batch_tokens=200)

    def stream(**options):
        return BatchStream([short, long], phase_of=lambda batches: int(batches >= 10), workers=0, **options)

    whole = take(stream(), 40)
    switch = -(-10 // short.batches_a_window) * short.batches_a_window
    assert all(same(a, b) for a, b in zip(whole[:switch], take(BatchStream([short], workers=0), switch), strict=True))
    assert [batch.following.phase for batch in whole] == [0] * switch + [1] * (40 - switch)
    fresh = take(BatchStream([long], workers=0), 40 - switch)
    assert all(torch.equal(a.packed.input_ids, b.packed.input_ids) for a, b in zip(whole[switch:], fresh, strict=True))
    for consumed in (3, 10, switch, switch + 5):
        rest = take(stream(start=whole[consumed - 1].following), 40 - consumed)
        assert all(same(a, b) for a, b in zip(whole[consumed:], rest, strict=True))


def test_devices_share_the_windows_and_move_in_step(windows):
    builder = windows()
    ranks = [take(BatchStream([builder], workers=0, rank=r, world_size=3), 30) for r in range(3)]
    seen = [batch.labels.tolist() for rank in ranks for batch in rank]
    assert len({tuple(labels) for labels in seen}) == len(seen)
    assert [batch.following for batch in ranks[0]] == [batch.following for batch in ranks[2]]
    for consumed in (1, builder.batches_a_window, builder.batches_a_window + 2):
        for saver in range(3):  # whichever device writes the checkpoint, all go on rightly from its place
            for rank in range(3):
                again = BatchStream(
                    [builder], workers=0, start=ranks[saver][consumed - 1].following, rank=rank, world_size=3
                )
                assert same(next(iter(again)), ranks[rank][consumed])


def test_waiting_is_counted(windows):
    stream = BatchStream([windows()], workers=0)
    take(stream, 9)
    assert stream.waited > 0


@pytest.mark.parametrize("pin_memory", [True, False])
def test_a_copy_from_page_locked_memory_does_not_wait(windows, pin_memory, monkeypatch):
    batch, seen = windows()[0][0], []
    to = torch.Tensor.to
    monkeypatch.setattr(torch.Tensor, "to", lambda self, *where, **how: seen.append(how) or to(self, *where, **how))
    stream = StreamModule([windows()], lambda batches: 0, workers=0, pin_memory=pin_memory)
    moved = stream.transfer_batch_to_device(batch, torch.device("cpu"), 0)
    assert seen and all(how == {"non_blocking": pin_memory} for how in seen)
    assert torch.equal(moved.packed.input_ids, batch.packed.input_ids)
