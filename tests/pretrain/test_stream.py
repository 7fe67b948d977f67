import itertools

import pytest
import torch

from pretrain.stream import BatchStream


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
    one, many = (take(BatchStream(builder, workers=n), 20) for n in (0, workers))
    assert all(same(a, b) for a, b in zip(one, many, strict=True))


def test_the_stream_goes_on_from_any_place(windows):
    builder = windows()
    whole = take(BatchStream(builder, workers=0), 40)
    for consumed in (1, 7, builder.batches_a_window, 23):
        rest = take(BatchStream(builder, workers=0, start=whole[consumed - 1].following), 40 - consumed)
        assert all(same(a, b) for a, b in zip(whole[consumed:], rest, strict=True))


def test_devices_share_the_windows_and_move_in_step(windows):
    builder = windows()
    ranks = [take(BatchStream(builder, workers=0, rank=r, world_size=3), 30) for r in range(3)]
    seen = [batch.following for rank in ranks for batch in rank]
    assert len(set(seen)) == len(seen)
    for consumed in (1, builder.batches_a_window, builder.batches_a_window + 2):
        for saver in range(3):  # whichever device writes the checkpoint, all go on rightly from its place
            for rank in range(3):
                again = BatchStream(
                    builder, workers=0, start=ranks[saver][consumed - 1].following, rank=rank, world_size=3
                )
                assert same(next(iter(again)), ranks[rank][consumed])


def test_waiting_is_counted(windows):
    stream = BatchStream(windows(), workers=0)
    take(stream, 9)
    assert stream.waited > 0
