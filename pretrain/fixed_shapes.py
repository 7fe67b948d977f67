"""Batches of one shape, for a compiler that would compile anew for each: sequences that only fill up, and are not counted.

    tokens    [CLS] 국민 … [SEP] | [CLS] 도로 … [SEP] | [PAD] [PAD] [PAD] …      to a fixed number, in sequences of their own
    masked    2   7   11   19   24   0   0                                       to a fixed number, whose labels are ignored

Only the number of sequences differs from batch to batch, and the kernel for packed sequences takes any.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, Self

import torch
import torch.nn.functional as F

from bert_core.packing import Packed
from pretrain.batches import IGNORED, PreTrainingBatch


class Shape(NamedTuple):
    """What batches of fixed shapes have in common; the number of their sequences is left open. About 3 % of a step go into what
    it adds to batches of 65,536 tokens."""

    tokens: int
    """T."""
    masked: int
    """M."""
    longest: int
    """L."""

    @classmethod
    def around(cls, batches: Sequence[PreTrainingBatch], longest: int) -> Self:
        """Holds the largest of these, 2 % and a sequence more: batches like them fit, too. Multiples of 128, as matrix
        products want them."""
        tokens = max(batch.packed.tokens for batch in batches)
        masked = max(batch.masked.numel() for batch in batches)
        share = 1.02 + longest / tokens
        return cls(128 * math.ceil(tokens * share / 128), 128 * math.ceil(masked * share / 128), longest)


def padded(batch: PreTrainingBatch, shape: Shape) -> PreTrainingBatch:
    """The batch in a fixed shape; losses, gradients and counts stay what they are.

    What is added to the tokens are sequences of their own, since a kernel that goes by the boundaries leaves whatever is
    outside them undefined. All that is added has the label `IGNORED`. A batch that does not fit gets the next larger
    shape, in steps of a sixteenth.
    """
    packed, longest = batch.packed, shape.longest
    tokens = _enough(shape.tokens, packed.tokens)
    masked = _enough(shape.masked, batch.masked.numel()) - batch.masked.numel()
    ends = torch.arange(packed.tokens + longest, tokens + longest, longest, dtype=torch.int32).clamp(max=tokens)
    boundaries = torch.cat((packed.boundaries, ends))
    rows = torch.arange(len(boundaries) - 1).repeat_interleave(boundaries.diff())  # [T], the sequence of each token
    positions = torch.arange(tokens) - boundaries[rows]
    return replace(
        batch,
        packed=Packed(
            input_ids=F.pad(packed.input_ids, (0, tokens - packed.tokens)),
            token_type_ids=F.pad(packed.token_type_ids, (0, tokens - packed.tokens)),
            position_ids=positions,
            boundaries=boundaries,
            slots=rows * longest + positions,
            max_length=longest,
        ),
        masked=F.pad(batch.masked, (0, masked)),
        labels=F.pad(batch.labels, (0, masked), value=IGNORED),
        next_sentence=F.pad(batch.next_sentence, (0, len(ends)), value=IGNORED),
    )


def _enough(capacity: int, needed: int) -> int:
    """The capacity, and as many sixteenths of it more as are needed."""
    step = capacity // 16
    return capacity + step * max(0, math.ceil((needed - capacity) / step))
