"""Held-out text as fixed pairs with fixed masks: the same for every run over a corpus with one tokenizer and one length.

They depend neither on the run's seed nor on its batches or devices, so figures of different runs can be compared.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from bert_core.packing import balanced_groups
from experiment.memory import in_halves
from pretrain.batches import Numbered, PreTrainingBatch, WindowBuilder

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
        examples: list[Numbered] = []
        for number in range(min(EXAMPLES, PASSES * an_epoch)):
            epoch, index = divmod(number, an_epoch)
            examples.append((epoch, index, builder.pairs.example(epoch, index)))
        examples.sort(key=lambda example: len(example[2].ids))
        lengths = [len(example.ids) for _, _, example in examples]
        count = min(len(examples), max(1, round(sum(lengths) / BATCH_TOKENS)))
        self._groups = [examples[group] for group in balanced_groups(lengths, count)]

    def __len__(self) -> int:
        """Batches."""
        return len(self._groups)

    @property
    def examples(self) -> int:
        return sum(map(len, self._groups))

    def sums(self, number: int, of_batch: Callable[[PreTrainingBatch], Tensor]) -> Tensor:
        """What `of_batch` gives for a batch; where that does not fit into memory, the sum of its halves."""
        parts = in_halves(lambda group: of_batch(self.builder.batch(group)), self._groups[number])
        return torch.stack([found for _, found in parts]).sum(0)

    def labels(self) -> np.ndarray:
        """All masked tokens, int64."""
        return np.concatenate([self.builder.batch(group).labels.numpy() for group in self._groups])
