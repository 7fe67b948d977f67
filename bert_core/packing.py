"""Sequences laid end to end, so that padding enters no linear layer.

Three sequences of 4, 2 and 3 tokens are one row of 9 real tokens:

    input_ids     [CLS] 국민 청원 [SEP] | [CLS] [SEP] | [CLS] 찬성 [SEP]
    position_ids    0    1    2    3   |   0     1   |   0    1    2
    boundaries      0                      4             6            9
    slots           0    1    2    3   |   4     5   |   8    9    10      (row b of a 3 × 4 rectangle starts at 4 b)

Only attention must know where a sequence ends. The varlen kernel reads `boundaries`; the other kernels want a rectangle
[B, L, …], into which `pad` puts each token at its slot and out of which `unpad` takes it. Everything here is built once a
batch, in the loader's worker, not in the training step.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Packed:
    """A batch of B sequences with T real tokens, the longest of them L tokens."""

    input_ids: Tensor  # int64 [T]
    token_type_ids: Tensor  # int64 [T]
    position_ids: Tensor  # int64 [T], from 0 in each sequence
    boundaries: Tensor  # int32 [B + 1], where each sequence begins; the last is T
    slots: Tensor  # int64 [T], row * L + position
    max_length: int  # L

    @property
    def sequences(self) -> int:
        return self.boundaries.numel() - 1

    @property
    def tokens(self) -> int:
        return self.input_ids.numel()

    @property
    def is_rectangle(self) -> bool:
        """Whether all sequences are equally long, so that [T, …] is [B, L, …] without moving anything."""
        return self.tokens == self.sequences * self.max_length

    def to(self, *args: Any, **kwargs: Any) -> Self:
        return self._each(lambda tensor: tensor.to(*args, **kwargs))

    def pin_memory(self) -> Self:
        return self._each(Tensor.pin_memory)

    def _each(self, change: Any) -> Self:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{name: change(value) for name, value in values.items() if isinstance(value, Tensor)})


Row = Sequence[int] | np.ndarray
"""The ids of one sequence."""


def pack(input_ids: Sequence[Row], token_type_ids: Sequence[Row] | None = None) -> Packed:
    """Lays sequences of token ids end to end.

    Args:
        input_ids: B sequences of at least one id each.
        token_type_ids: segments, of the same lengths; all 0 when left out.

    Raises:
        ValueError: no sequence, an empty one, or segments of other lengths than the ids.
    """
    lengths = np.fromiter((len(ids) for ids in input_ids), dtype=np.int64, count=len(input_ids))
    if not len(lengths) or not lengths.min():
        raise ValueError("a packed batch needs at least one sequence, and each at least one token")
    if token_type_ids is not None and [len(types) for types in token_type_ids] != lengths.tolist():
        raise ValueError("token_type_ids must be as long as input_ids, sequence by sequence")
    boundaries = np.concatenate(([0], np.cumsum(lengths)))
    position_ids = np.arange(boundaries[-1]) - np.repeat(boundaries[:-1], lengths)
    ids = np.concatenate([np.asarray(ids, dtype=np.int64) for ids in input_ids])
    types = (
        np.zeros_like(ids)
        if token_type_ids is None
        else np.concatenate([np.asarray(types, dtype=np.int64) for types in token_type_ids])
    )
    max_length = int(lengths.max())
    return Packed(
        input_ids=torch.from_numpy(ids),
        token_type_ids=torch.from_numpy(types),
        position_ids=torch.from_numpy(position_ids),
        boundaries=torch.from_numpy(boundaries.astype(np.int32)),
        slots=torch.from_numpy(position_ids + np.repeat(np.arange(len(lengths)) * max_length, lengths)),
        max_length=max_length,
    )


def balanced_groups(lengths: Sequence[int] | np.ndarray, count: int) -> list[slice]:
    """Cuts a row of sequences into `count` consecutive groups, none empty, of about equally many tokens.

    Of sequences that are sorted by length, each group is a batch that costs what the others cost, with little padding in
    its attention.
    """
    ends = np.cumsum(lengths)
    cuts = np.searchsorted(ends, ends[-1] * np.arange(1, count) / count) + 1
    room = np.arange(1, count)  # at least one sequence before each cut, and one after
    cuts = np.clip(np.maximum.accumulate(cuts - room), 0, len(ends) - count) + room
    return [slice(low, high) for low, high in pairwise([0, *cuts.tolist(), len(ends)])]


class _Pad(torch.autograd.Function):
    """Rows to their slots in a rectangle of zeros; the gradient takes the same way back. No slot is used twice, so both
    directions are plain copies, which index_select's own gradient (an atomic index_add) is not."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, slots: Tensor, total: int) -> Tensor:
        ctx.save_for_backward(slots)
        return rows.new_zeros(total, *rows.shape[1:]).index_copy_(0, slots, rows)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (slots,) = ctx.saved_tensors
        return gradients[0].index_select(0, slots), None, None


class _Unpad(torch.autograd.Function):
    """The inverse of `_Pad`."""

    @staticmethod
    def forward(ctx: Any, rectangle: Tensor, slots: Tensor) -> Tensor:
        ctx.save_for_backward(slots)
        ctx.total = rectangle.shape[0]
        return rectangle.index_select(0, slots)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (slots,) = ctx.saved_tensors
        (gradient,) = gradients
        return gradient.new_zeros(ctx.total, *gradient.shape[1:]).index_copy_(0, slots, gradient), None


def pad(rows: Tensor, packed: Packed) -> Tensor:
    """[T, …] → [B, L, …] with zeros after each sequence's end."""
    if not packed.is_rectangle:
        rows = _Pad.apply(rows, packed.slots, packed.sequences * packed.max_length)
    return rows.view(packed.sequences, packed.max_length, *rows.shape[1:])


def unpad(rectangle: Tensor, packed: Packed) -> Tensor:
    """[B, L, …] → [T, …], the inverse of `pad`."""
    rows = rectangle.flatten(0, 1)
    return rows if packed.is_rectangle else _Unpad.apply(rows, packed.slots)
