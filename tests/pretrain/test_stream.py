import itertools

import pytest
import torch

from experiment.errors import UsageError
from pretrain.stream import BatchStream, DeviceShare, StreamModule


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
    one, many = (take(BatchStream([DeviceShare(builder)], workers=n), 20) for n in (0, workers))
    assert all(same(a, b) for a, b in zip(one, many, strict=True))


def test_the_stream_goes_on_from_any_place(windows):
    builder = windows()
    whole = take(BatchStream([DeviceShare(builder)], workers=0), 40)
    for consumed in (1, 7, builder.steps_a_window, 23):
        rest = take(BatchStream([DeviceShare(builder)], workers=0, start=whole[consumed - 1].following), 40 - consumed)
        assert all(same(a, b) for a, b in zip(whole[consumed:], rest, strict=True))


def test_a_phase_begins_with_a_window_and_a_resumed_stream_keeps_to_it(windows):
    short, long = windows(batch_tokens=96), windows(batch_tokens=200)

    def stream(**options):
        return BatchStream(
            [DeviceShare(short), DeviceShare(long)], phase_of=lambda batches: int(batches >= 10), workers=0, **options
        )

    whole = take(stream(), 40)
    switch = -(-10 // short.steps_a_window) * short.steps_a_window
    assert all(
        same(a, b)
        for a, b in zip(whole[:switch], take(BatchStream([DeviceShare(short)], workers=0), switch), strict=True)
    )
    assert [batch.following.phase for batch in whole] == [0] * switch + [1] * (40 - switch)
    fresh = take(BatchStream([DeviceShare(long)], workers=0), 40 - switch)
    assert all(torch.equal(a.packed.input_ids, b.packed.input_ids) for a, b in zip(whole[switch:], fresh, strict=True))
    for consumed in (3, 10, switch, switch + 5):
        rest = take(stream(start=whole[consumed - 1].following), 40 - consumed)
        assert all(same(a, b) for a, b in zip(whole[consumed:], rest, strict=True))


def test_all_devices_are_at_one_place_and_any_other_number_of_them_goes_on_from_it(windows):
    """Every example of the rest is used once, whichever device wrote the checkpoint and however many go on."""
    builder = windows(batch_tokens=256)
    passes = 2

    def streams(devices, passes, **options):
        shares = [DeviceShare(builder, rank=rank, devices=devices, passes=passes) for rank in range(devices)]
        return [BatchStream([share], workers=0, **options) for share in shares]

    def documents(batches):
        return sorted(tuple(batch.labels[batch.labels >= 0].tolist()) for batch in batches if batch.tokens)

    whole = take(BatchStream([DeviceShare(builder)], workers=0), 20)
    two = [take(stream, 9 * passes) for stream in streams(2, passes)]
    assert [batch.following for batch in two[0]] == [batch.following for batch in two[1]]
    assert [batch.following.steps for batch in two[0]] == [step + last for step in range(9) for last in (0, 1)]
    place = two[1][-1].following
    three = [take(stream, 11) for stream in streams(3, 1, start=place)]
    labels = torch.cat([batch.labels[batch.labels >= 0] for rank in [*two, *three] for batch in rank if batch.tokens])
    assert torch.equal(labels.sort().values, torch.cat([batch.labels for batch in whole]).sort().values)
    assert documents(two[0]) and three[0][-1].following == whole[-1].following


def test_a_place_of_an_older_version_is_refused(windows):
    stream = StreamModule([DeviceShare(windows())], lambda steps: 0, workers=0)
    stream.load_state_dict({"place": (0, 9, 70)})
    assert stream.place.step == 9
    with pytest.raises(UsageError, match="older version"):
        stream.load_state_dict({"place": (0, 1, 2, 70)})


def test_waiting_is_counted(windows):
    stream = BatchStream([DeviceShare(windows())], workers=0)
    take(stream, 9)
    assert stream.waited > 0


@pytest.mark.parametrize("pin_memory", [True, False])
def test_a_copy_from_page_locked_memory_does_not_wait(windows, pin_memory, monkeypatch):
    batch, seen = windows()[0][0], []
    to = torch.Tensor.to
    monkeypatch.setattr(torch.Tensor, "to", lambda self, *where, **how: seen.append(how) or to(self, *where, **how))
    stream = StreamModule([DeviceShare(windows())], lambda batches: 0, workers=0, pin_memory=pin_memory)
    moved = stream.transfer_batch_to_device(batch, torch.device("cpu"), 0)
    assert seen and all(how == {"non_blocking": pin_memory} for how in seen)
    assert torch.equal(moved.packed.input_ids, batch.packed.input_ids)
