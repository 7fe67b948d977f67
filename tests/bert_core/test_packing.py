import pytest
import torch

from bert_core.packing import Packed, pack, pad, unpad

IDS = [[2, 11, 12, 3], [2, 3], [2, 13, 3]]
TYPES = [[0, 0, 1, 1], [0, 0], [0, 1, 1]]


def test_the_example_of_the_docstring():
    packed = pack(IDS, TYPES)
    assert packed.input_ids.tolist() == [2, 11, 12, 3, 2, 3, 2, 13, 3]
    assert packed.token_type_ids.tolist() == [0, 0, 1, 1, 0, 0, 0, 1, 1]
    assert packed.position_ids.tolist() == [0, 1, 2, 3, 0, 1, 0, 1, 2]
    assert packed.boundaries.tolist() == [0, 4, 6, 9] and packed.boundaries.dtype == torch.int32
    assert packed.slots.tolist() == [0, 1, 2, 3, 4, 5, 8, 9, 10]
    assert (packed.sequences, packed.tokens, packed.max_length, packed.is_rectangle) == (3, 9, 4, False)


def test_segments_default_to_the_first():
    assert not pack(IDS).token_type_ids.any()


def test_pad_puts_each_token_in_its_row_and_zeros_behind():
    packed = pack(IDS)
    rows = torch.arange(1.0, 19.0).view(9, 2)
    rectangle = pad(rows, packed)
    assert rectangle.shape == (3, 4, 2)
    assert torch.equal(rectangle[1], torch.stack([rows[4], rows[5], torch.zeros(2), torch.zeros(2)]))
    assert torch.equal(unpad(rectangle, packed), rows)


@pytest.mark.parametrize("ids", [IDS, [[1, 2], [3, 4]]])
def test_gradients_of_pad_and_unpad(ids):
    packed = pack(ids)
    rows = torch.randn(packed.tokens, 3, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(packed.sequences, packed.max_length, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda r: unpad(pad(r, packed) * weights, packed), (rows,))


def test_equal_lengths_are_a_view():
    packed = pack([[1, 2], [3, 4]])
    rows = torch.randn(4, 3)
    assert packed.is_rectangle and pad(rows, packed).data_ptr() == rows.data_ptr()


@pytest.mark.parametrize(("ids", "types"), [([], None), ([[1], []], None), ([[1, 2]], [[0]]), ([[1]], [[0], [0]])])
def test_what_cannot_be_packed_is_refused(ids, types):
    with pytest.raises(ValueError):
        pack(ids, types)


def test_moves_to_another_dtype_or_device_as_one():
    moved = pack(IDS).to("meta")
    assert isinstance(moved, Packed) and moved.input_ids.device.type == moved.slots.device.type == "meta"
    assert moved.max_length == 4
