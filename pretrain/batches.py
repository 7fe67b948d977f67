"""Batches by real tokens, a window at a time: what an optimizer step trains on depends on its number alone.

    epoch 0   window 0: examples 0 … 2047    → eight steps of about `batch_tokens`, each of sequences of similar length
              window 1: examples 2048 … 4095 → …
    epoch 1   …

A window is the unit of work: a loader worker builds its device's share of all its steps at once. Its examples lie in
blocks, each sorted by length and cut into eight slices; step k has the k-th slice of every block, so a device that builds
some of the blocks has an equal part of each step. Devices, and the forward passes of a device, deal a step's sequences out
among themselves: how many there are changes nothing of what a step trains on, only who computes it.

How windows become a stream is `pretrain.stream`'s.
"""

import math
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from bert_core.packing import Packed, balanced_groups, pack
from pretrain.draws import Draws
from pretrain.examples import Examples
from pretrain.masking import Masker
from pretrain.pairs import PairBuilder

STEPS_A_WINDOW = 8
"""At the most. More make lengths more alike within a step, fewer make a worker's share of work smaller."""

BLOCK_TOKENS, MOST_BLOCKS = 4096, 64
"""A step has a block for each so many tokens: as many devices can share the work of building, each a part of the blocks."""

_PROBE = 256
"""Examples that are built to learn their mean length."""

IGNORED = -100
"""Label of what is in a batch for its shape alone (`pretrain.fixed_shapes`); `cross_entropy` passes over it."""


class Place(NamedTuple):
    """The next step to be trained on, in the stream of `pretrain.stream`: the same number for all devices."""

    phase: int = 0
    """Which of the stream's builders."""
    step: int = 0
    """Steps of it that are finished."""
    steps: int = 0
    """Finished in all."""


@dataclass(frozen=True)
class PreTrainingBatch:
    """What a forward pass needs: B sequences, T tokens, M masked."""

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
    step_counts: Tensor
    """int64 [2], the masked tokens and the sequences of this device's whole share of the step: what its losses are divided by."""
    following: Place = Place()
    """Place after this batch; set by the stream."""

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
    """Builds all steps of a numbered window; `builder[n]` gives each of them whole, as one batch.

    Every window of a stream has the same number of steps, and examples enough to give each about `batch_tokens`.

    Args:
        pairs: gives the examples.
        masker: hides their tokens.
        batch_tokens: real tokens of a step, over all devices, on average.
        seed: of the run.
    """

    def __init__(self, pairs: PairBuilder, masker: Masker, batch_tokens: int, seed: int) -> None:
        self.pairs, self.masker, self.seed = pairs, masker, seed
        self.mean_length = float(pairs.build(0, np.arange(min(pairs.examples, _PROBE))).lengths.mean())
        """Real tokens of an example."""
        steps_an_epoch = max(1, round(pairs.examples * self.mean_length / batch_tokens))
        self.steps_a_window = min(STEPS_A_WINDOW, steps_an_epoch, pairs.examples)
        self.windows_an_epoch = max(1, steps_an_epoch // self.steps_a_window)
        sequences = pairs.examples // (self.windows_an_epoch * self.steps_a_window)  # of a step, at least
        wanted = min(MOST_BLOCKS, batch_tokens // BLOCK_TOKENS, sequences)
        self.blocks = 1 << (max(1, wanted).bit_length() - 1)
        """Of a window; a power of two, so that two, four or eight devices divide them evenly."""

    def epoch_of(self, window: int) -> int:
        return window // self.windows_an_epoch

    def __getitem__(self, window: int) -> list[PreTrainingBatch]:
        return [batch for (batch,) in self.share(window)]

    def first(self, count: int) -> PreTrainingBatch:
        """The first examples, for people to look at."""
        return self.batch(self.pairs.build(0, np.arange(min(count, self.pairs.examples))))

    def share(self, window: int, *, rank: int = 0, devices: int = 1, passes: int = 1) -> list[list[PreTrainingBatch]]:
        """One device's part of each step of a window: `passes` batches a step.

        All devices together have each example once, and about equally many tokens. Devices among which the blocks cannot be
        divided build the same ones and divide their sequences. A pass that no sequence is left for gets one that does not count.
        """
        epoch, number = divmod(window, self.windows_an_epoch)
        first, last = (self.pairs.examples * n // self.windows_an_epoch for n in (number, number + 1))
        builders = math.gcd(self.blocks, devices)  # devices that build different blocks
        built: list[Examples] = []
        steps: list[list[np.ndarray]] = [[] for _ in range(self.steps_a_window)]  # rows of all that is built
        for block in range(rank % builders, self.blocks, builders):
            bounds = (first + (last - first) * n // self.blocks for n in (block, block + 1))
            examples = self.pairs.build(epoch, np.arange(*bounds))
            order = np.argsort(examples.lengths, kind="stable")
            groups = balanced_groups(examples.lengths[order], self.steps_a_window)
            before = sum(map(len, built))
            for step, group in zip(steps, groups, strict=True):
                step.append(before + order[group])
            built.append(examples)
        whole = Examples.join(built)
        parts, own = devices // builders * passes, rank // builders * passes
        order = np.random.default_rng((self.seed, window, 2)).permutation(self.steps_a_window)
        return [
            self._passes(whole.take(np.concatenate(steps[step])), range(own, own + passes), parts) for step in order
        ]

    def _passes(self, examples: Examples, own: range, parts: int) -> list[PreTrainingBatch]:
        """Those of a step's `parts` that are this device's."""
        # Dealt out in turn, so that each part has short and long sequences; an empty one borrows the first, uncounted.
        order = np.argsort(examples.lengths, kind="stable")
        batches = [
            self.batch(examples.take(order[part::parts]))
            if part < len(order)
            else uncounted(self.batch(examples.take(order[:1])))
            for part in own
        ]
        counts = torch.stack([batch.step_counts for batch in batches]).sum(0)
        return [replace(batch, step_counts=counts) for batch in batches]

    def batch(self, examples: Examples) -> PreTrainingBatch:
        """Masks and packs some examples."""
        draws = Draws(self.seed, examples.epochs, examples.numbers, 3)
        shown, masked = self.masker.mask(examples.ids, examples.lengths, draws)
        return PreTrainingBatch(
            packed=pack(examples.split(shown), examples.split(examples.types)),
            masked=torch.from_numpy(masked),
            labels=torch.from_numpy(examples.ids[masked]),
            next_sentence=torch.from_numpy(examples.labels),
            documents=tuple(np.unique(examples.documents).tolist()),
            tokens=len(shown),
            step_counts=torch.tensor([len(masked), len(examples)]),
        )


def uncounted(batch: PreTrainingBatch) -> PreTrainingBatch:
    """A batch that costs its time and teaches nothing."""
    return replace(
        batch,
        labels=torch.full_like(batch.labels, IGNORED),
        next_sentence=torch.full_like(batch.next_sentence, IGNORED),
        tokens=0,
        step_counts=torch.zeros_like(batch.step_counts),
    )
