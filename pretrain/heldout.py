"""Held-out text as fixed pairs with fixed masks: the same for every run over a corpus with one tokenizer and one length.

They depend neither on the run's seed nor on its batches or devices, so figures of different runs can be compared.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from bert_core.packing import balanced_groups
from experiment.memory import in_halves
from pretrain.batches import PreTrainingBatch, WindowBuilder
from pretrain.examples import Examples

EXAMPLES = 1024
"""At the most: about 15,000 masked tokens at 128 tokens each, a standard error of 0.02 nats; and 1.6 points of NSP accuracy."""
PASSES = 8
"""Over a text too small for so many, with other pairs and other masks each time."""
BATCH_TOKENS = 8192
"""Of a batch without gradients."""


class HeldOutText:
    """The first `EXAMPLES` examples of the held-out documents, in batches by length.

    Args:
        builder: of the held-out documents.
    """

    def __init__(self, builder: WindowBuilder) -> None:
        self.builder = builder
        an_epoch = builder.pairs.examples
        count = min(EXAMPLES, PASSES * an_epoch)
        epochs = [
            builder.pairs.build(epoch, np.arange(min(an_epoch, count - first)))
            for epoch, first in enumerate(range(0, count, an_epoch))
        ]
        examples = Examples.join(epochs)
        self.examples = examples.take(np.argsort(examples.lengths, kind="stable"))
        lengths = self.examples.lengths
        batches = min(count, max(1, round(int(lengths.sum()) / BATCH_TOKENS)))
        self._groups = [np.arange(group.start, group.stop) for group in balanced_groups(lengths, batches)]

    def __len__(self) -> int:
        """Batches."""
        return len(self._groups)

    def _batch(self, chosen: np.ndarray) -> PreTrainingBatch:
        return self.builder.batch(self.examples.take(chosen))

    def batches(self) -> list[PreTrainingBatch]:
        """All of them."""
        return [self._batch(group) for group in self._groups]

    def labels(self) -> np.ndarray:
        """All masked tokens, int64."""
        return np.concatenate([batch.labels.numpy() for batch in self.batches()])

    def sums(self, number: int, of_batch: Callable[[PreTrainingBatch], Tensor], device: torch.device) -> Tensor:
        """What `of_batch` gives for a batch; where that does not fit into the device's memory, the sum of its parts.

        Raises:
            UsageError: not even one example fits.
        """
        parts = in_halves(
            lambda chosen: of_batch(self._batch(np.array(chosen))),
            [self._groups[number]],
            self.examples.lengths,
            device,
        )
        return torch.stack([found for _, found in parts]).sum(0)
