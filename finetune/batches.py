"""Batches of rows that are in memory already: cut by real tokens, as in pretraining, and different in every epoch.

    epoch 0   rows shuffled → windows of eight steps' rows → each sorted by length, cut into eight steps of equally
              many tokens, their order shuffled
    epoch 1   shuffled anew, …

A step has rows of similar length, so attention pads little, and each costs the same. Its rows depend on (seed, number of the
step) alone; devices, and the forward passes of a device, deal them out among themselves. Building a batch from token ids takes
less than a thousandth of what a step does, so no loader process does.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
import pytorch_lightning as pl
import torch

from bert_core.packing import Packed, balanced_groups

STEPS_A_WINDOW = 8
"""More make lengths more alike within a step, fewer leave more to chance which rows meet in one."""

EVALUATION_TOKENS = 8192
"""Of a batch without gradients."""


@dataclass(frozen=True)
class Batch:
    """What a step needs; each task adds its tensors, which move together."""

    packed: Packed
    """The tokens."""
    rows: tuple[int, ...]
    """Which rows these are; none where the batch only takes part in a step that has no row left for it, and does not count."""

    def to(self, *args: Any, **kwargs: Any) -> Self:
        return self._each("to", *args, **kwargs)

    def pin_memory(self) -> Self:
        return self._each("pin_memory")

    def _each(self, method: str, *args: Any, **kwargs: Any) -> Self:
        values = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "rows"}
        return replace(self, **{name: getattr(value, method)(*args, **kwargs) for name, value in values.items()})


Build = Callable[[Sequence[int]], Batch]
"""Makes the batch of these rows."""


def training_batches(lengths: np.ndarray, count: int, seed: int, epoch: int) -> list[np.ndarray]:
    """The rows of each of `count` batches, every row once.

    Args:
        lengths: real tokens of each row.
        count: batches of the epoch; at most as many as there are rows.
        seed, epoch: what the order depends on.
    """
    rng = np.random.default_rng((seed, epoch))
    order = rng.permutation(len(lengths))
    windows = -(-count // STEPS_A_WINDOW)
    batches: list[np.ndarray] = []
    for number in range(windows):
        first, last = count * number // windows, count * (number + 1) // windows
        rows = order[len(order) * first // count : len(order) * last // count]
        rows = rows[np.argsort(lengths[rows], kind="stable")]
        groups = balanced_groups(lengths[rows], last - first)
        batches += [rows[groups[index]] for index in rng.permutation(last - first)]
    return batches


def evaluation_batches(lengths: np.ndarray) -> list[np.ndarray]:
    """The rows of each batch for evaluation, by length: about `EVALUATION_TOKENS` in each."""
    if not len(lengths):
        return []
    order = np.argsort(lengths, kind="stable")
    count = min(len(order), max(1, round(int(lengths.sum()) / EVALUATION_TOKENS)))
    return [order[group] for group in balanced_groups(lengths[order], count)]


class FineTuningData(pl.LightningDataModule):
    """The training rows as Lightning wants them: an endless stream of steps, epoch after epoch.

    Args:
        lengths: real tokens of each row.
        build: makes a batch.
        batch_size: rows of an optimizer step, over all devices, on average.
        seed: of the order.
        pin_memory: for copies to a GPU that do not wait.
    """

    def __init__(self, lengths: np.ndarray, build: Build, *, batch_size: int, seed: int, pin_memory: bool) -> None:
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

    def passes(self, rows: np.ndarray, rank: int, devices: int, passes: int) -> list[Batch]:
        """One device's forward passes of a step. Dealt out in turn, so that each has short and long rows."""
        parts = devices * passes
        return [
            self.build(rows[part::parts].tolist())
            if part < len(rows)
            else replace(self.build(rows[:1].tolist()), rows=())  # takes part, and does not count
            for part in range(rank * passes, (rank + 1) * passes)
        ]

    def longest(self, rank: int, devices: int, passes: int) -> Batch:
        """The largest batch of the first epoch, by what its padded rectangle takes: what fits with it, fits."""
        rows = max(self.steps(0), key=lambda rows: len(rows) * int(self.lengths[rows].max()))
        return self.passes(rows, rank, devices, passes)[0]

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Lightning would copy tensor by tensor and wait for each, and so for all of the step before."""
        return batch.to(device, non_blocking=self.pin_memory)

    def train_dataloader(self) -> Any:
        assert self.trainer is not None
        return _Stream(self, self.trainer)


class _Stream:
    """One device's forward passes, from the trainer's next step on."""

    def __init__(self, data: FineTuningData, trainer: pl.Trainer) -> None:
        self.data, self.trainer = data, trainer

    def __iter__(self) -> Iterator[Any]:
        data, trainer = self.data, self.trainer
        epoch, done = divmod(trainer.global_step, data.steps_an_epoch)
        while True:
            for rows in data.steps(epoch)[done:]:
                for batch in data.passes(
                    rows, trainer.global_rank, trainer.world_size, trainer.accumulate_grad_batches
                ):
                    yield batch.pin_memory() if data.pin_memory else batch
            epoch, done = epoch + 1, 0
