"""The training rows as Lightning wants them: steps without end, dealt out to devices and their forward passes.

Building a batch from token ids takes less than a thousandth of what a step does, so no loader process does it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Generic, TypeVar

import numpy as np
import pytorch_lightning as pl
import torch

from finetune.batches import Batch, training_batches

BatchT = TypeVar("BatchT", bound=Batch)


class FineTuningData(pl.LightningDataModule, Generic[BatchT]):
    """The training rows as Lightning wants them: an endless stream of steps, epoch after epoch.

    Args:
        lengths: real tokens of each row.
        build: makes a batch.
        batch_size: rows of an optimizer step, over all devices, on average.
        seed: of the order.
        pin_memory: for copies to a GPU that do not wait.
    """

    def __init__(
        self,
        lengths: np.ndarray,
        build: Callable[[Sequence[int]], BatchT],
        *,
        batch_size: int,
        seed: int,
        pin_memory: bool,
    ) -> None:
        super().__init__()
        self.lengths, self.build, self.seed, self.pin_memory = lengths, build, seed, pin_memory
        self.steps_an_epoch = max(1, round(len(lengths) / batch_size))

    @property
    def rows_a_step(self) -> float:
        """On average."""
        return len(self.lengths) / self.steps_an_epoch

    def steps(self, epoch: int) -> list[np.ndarray]:
        """The rows of each step of an epoch, by length."""
        return training_batches(self.lengths, self.steps_an_epoch, self.seed, epoch)

    def passes(self, rows: np.ndarray, rank: int, devices: int, passes: int) -> list[BatchT]:
        """One device's forward passes of a step. Dealt out in turn, so that each has short and long rows."""
        parts = devices * passes
        return [
            self.build(rows[part::parts].tolist())
            if part < len(rows)
            else replace(self.build(rows[:1].tolist()), rows=())  # takes part, and does not count
            for part in range(rank * passes, (rank + 1) * passes)
        ]

    def longest(self, rank: int, devices: int, passes: int) -> BatchT:
        """The largest batch of the first epoch, by what its padded rectangle takes: what fits with it, fits."""
        rows = max(self.steps(0), key=lambda rows: len(rows) * int(self.lengths[rows].max()))
        return self.passes(rows, rank, devices, passes)[0]

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Lightning would copy tensor by tensor and wait for each, and so for all of the step before."""
        return batch.to(device, non_blocking=self.pin_memory)

    def train_dataloader(self) -> Any:
        assert self.trainer is not None
        return _Stream(self, self.trainer)


class _Stream(Generic[BatchT]):
    """One device's forward passes, from the trainer's next step on."""

    def __init__(self, data: FineTuningData[BatchT], trainer: pl.Trainer) -> None:
        self.data, self.trainer = data, trainer

    def __iter__(self) -> Iterator[BatchT]:
        data, trainer = self.data, self.trainer
        epoch, done = divmod(trainer.global_step, data.steps_an_epoch)
        while True:
            for rows in data.steps(epoch)[done:]:
                for batch in data.passes(
                    rows, trainer.global_rank, trainer.world_size, trainer.accumulate_grad_batches
                ):
                    yield batch.pin_memory() if data.pin_memory else batch
            epoch, done = epoch + 1, 0
