"""Batches by real tokens, a window at a time: what a batch holds depends on its number alone, not on who builds it.

    epoch 0   window 0: examples 0 … 255   → sorted by length, cut into 8 batches of about `batch_tokens`, shuffled
              window 1: examples 256 … 511 → …
    epoch 1   …

A window is the unit of work: a loader worker builds all its batches at once. Windows are numbered through all epochs.
Each batch carries the place that follows it, so that a checkpoint knows what has been trained on, whatever the loader has
fetched ahead. How windows become a stream is `pretrain.stream`'s.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple, Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from bert_core.packing import Packed, balanced_groups, pack
from pretrain.masking import Masker
from pretrain.pairs import Example, PairBuilder

BATCHES_A_WINDOW = 8
"""At the most. More make lengths more alike within a batch, fewer make a worker's share of work smaller."""

_PROBE = 256
"""Examples that are built to learn their mean length."""

IGNORED = -100
"""Label of what is in a batch for its shape alone; `cross_entropy` passes over it."""


class Place(NamedTuple):
    """The next batch to be trained on, in the stream of `pretrain.stream`."""

    phase: int = 0
    """Which of the stream's builders."""
    turn: int = 0
    """Windows of it that each device has finished."""
    batch: int = 0
    """Batches of the present window that are finished."""
    batches: int = 0
    """Finished in all."""


@dataclass(frozen=True)
class PreTrainingBatch:
    """What a training step needs: B sequences, T tokens, M masked."""

    packed: Packed
    masked: Tensor
    """int64 [M], which of the T tokens are to be predicted."""
    labels: Tensor
    """int64 [M], what they were."""
    next_sentence: Tensor
    """int64 [B], 0: segment B is next."""
    documents: tuple[int, ...]
    """Corpus numbers of the documents that it was made from."""
    tokens: int
    """Real ones: T, less what `padded` added."""
    following: Place = Place()
    """Place of the next batch; set by the stream."""

    def to(self, *args: Any, **kwargs: Any) -> Self:
        return self._each("to", *args, **kwargs)

    def pin_memory(self) -> Self:
        return self._each("pin_memory")

    def _each(self, method: str, *args: Any, **kwargs: Any) -> Self:
        movable = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(
            self,
            **{
                name: getattr(value, method)(*args, **kwargs)
                for name, value in movable.items()
                if isinstance(value, Tensor | Packed)
            },
        )


class WindowBuilder(Dataset[list[PreTrainingBatch]]):
    """Builds all batches of a numbered window.

    Every window of a stream has the same number of batches, and examples enough to give each about `batch_tokens`. So
    all devices move from window to window in step, and one place stands for all of them.

    Args:
        pairs: gives the examples.
        masker: hides their tokens.
        batch_tokens: real tokens of a batch, on average.
        seed: of the run.
    """

    def __init__(self, pairs: PairBuilder, masker: Masker, batch_tokens: int, seed: int) -> None:
        self.pairs, self.masker, self.seed = pairs, masker, seed
        probe = range(min(pairs.examples, _PROBE))
        self.mean_length = sum(len(pairs.example(0, index).ids) for index in probe) / len(probe)
        """Real tokens of an example."""
        batches_an_epoch = max(1, round(pairs.examples * self.mean_length / batch_tokens))
        self.batches_a_window = min(BATCHES_A_WINDOW, batches_an_epoch, pairs.examples)
        self.windows_an_epoch = max(1, batches_an_epoch // self.batches_a_window)

    def epoch_of(self, window: int) -> int:
        return window // self.windows_an_epoch

    def __getitem__(self, window: int) -> list[PreTrainingBatch]:
        epoch, number = divmod(window, self.windows_an_epoch)
        bounds = (self.pairs.examples * n // self.windows_an_epoch for n in (number, number + 1))
        examples = [(index, self.pairs.example(epoch, index)) for index in range(*bounds)]
        examples.sort(key=lambda item: len(item[1].ids))
        lengths = [len(example.ids) for _, example in examples]
        groups = [examples[group] for group in balanced_groups(lengths, self.batches_a_window)]
        order = np.random.default_rng((self.seed, window, 2)).permutation(len(groups))
        return [self._batch(epoch, groups[group]) for group in order]

    def _batch(self, epoch: int, group: list[tuple[int, Example]]) -> PreTrainingBatch:
        shown, masked, labels, offset = [], [], [], 0
        for index, example in group:
            rng = np.random.default_rng((self.seed, epoch, index, 3))
            ids, positions = self.masker.mask(example.ids, rng)
            shown.append(ids)
            masked.append(positions + offset)
            labels.append(example.ids[positions])
            offset += len(ids)
        return PreTrainingBatch(
            packed=pack(shown, [example.types for _, example in group]),
            masked=torch.from_numpy(np.concatenate(masked)),
            labels=torch.from_numpy(np.concatenate(labels)),
            next_sentence=torch.tensor([example.label for _, example in group]),
            documents=tuple(sorted({document for _, example in group for document in example.documents})),
            tokens=offset,
        )


class Shape(NamedTuple):
    """What batches of fixed shapes have in common; the number of their sequences is left open."""

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


class FixedShapes(Dataset[list[PreTrainingBatch]]):
    """Windows whose batches have one shape, so that torch.compile compiles for it once.

    The shape is set by the builder's first window. About 3 % of a step go into what it adds to batches of 65,536 tokens.
    """

    def __init__(self, builder: WindowBuilder) -> None:
        self.builder = builder
        self.shape = Shape.around(builder[0], builder.pairs.options.max_length)

    def __getitem__(self, window: int) -> list[PreTrainingBatch]:
        return [padded(batch, self.shape) for batch in self.builder[window]]
