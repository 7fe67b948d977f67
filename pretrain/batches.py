"""Batches by real tokens, a window at a time: what a batch holds depends on its number alone, not on who builds it.

    epoch 0   window 0: examples 0 … 255   → sorted by length, cut into 8 batches of about `batch_tokens`, shuffled
              window 1: examples 256 … 511 → …
    epoch 1   …

A window is the unit of work: a loader worker builds all its batches at once. Windows are numbered through all epochs.
Each batch carries the place that follows it, so that a checkpoint knows what has been trained on, whatever the loader has
fetched ahead. How windows become a stream is `pretrain.stream`'s.
"""

from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple, Self

import numpy as np
import torch
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
"""Label of what is in a batch for its shape alone (`pretrain.fixed_shapes`); `cross_entropy` passes over it."""


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
    """Real ones: T, less what only fills the batch up."""
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
