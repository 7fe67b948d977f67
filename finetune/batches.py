"""Batches of rows that are in memory already: cut by real tokens, as in pretraining, and different in every epoch.

    epoch 0   rows shuffled → windows of eight batches' rows → each sorted by length, cut into eight batches of equally
              many tokens, their order shuffled
    epoch 1   shuffled anew, …

A batch holds rows of similar length, so attention pads little, and each costs the same. It depends on (seed, epoch) alone;
devices take turns. Building one from token ids takes less than a thousandth of what a step does, so no loader process does.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
import pytorch_lightning as pl
import torch

from bert_core.packing import Packed, balanced_groups
from experiment.errors import UsageError

BATCHES_A_WINDOW = 8
"""More make lengths more alike within a batch, fewer leave more to chance which rows meet in one."""

EVALUATION_TOKENS = 8192
"""Of a batch without gradients."""


@dataclass(frozen=True)
class Batch:
    """What a step needs; each task adds its tensors, which move together."""

    packed: Packed
    """The tokens."""
    rows: tuple[int, ...]
    """Which rows these are."""

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
    windows = -(-count // BATCHES_A_WINDOW)
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
    """The training rows as Lightning wants them.

    Args:
        lengths: real tokens of each row.
        build: makes a batch.
        batch_size: rows of a batch, on average.
        accumulate: batches an optimizer step.
        seed: of the order.
        pin_memory: for copies to a GPU that do not wait.
    """

    def __init__(
        self, lengths: np.ndarray, build: Build, *, batch_size: int, accumulate: int, seed: int, pin_memory: bool
    ) -> None:
        super().__init__()
        self.lengths, self.build, self.seed, self.pin_memory = lengths, build, seed, pin_memory
        self.batch_size, self.accumulate = batch_size, accumulate

    def batches_an_epoch(self, devices: int) -> int:
        """Of one device; a multiple of the passes that make an optimizer step.

        Raises:
            UsageError: there are fewer rows than batches.
        """
        together = devices * self.accumulate
        steps = max(1, round(len(self.lengths) / (self.batch_size * together)))
        if steps * together > len(self.lengths):
            raise UsageError(
                f"{len(self.lengths)} training rows do not fill the {together} batches of one optimizer step; lower "
                "--accumulate or --devices"
            )
        return steps * self.accumulate

    def rows_a_batch(self, devices: int) -> float:
        """On average."""
        return len(self.lengths) / (self.batches_an_epoch(devices) * devices)

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Lightning would copy tensor by tensor and wait for each, and so for all of the step before."""
        return batch.to(device, non_blocking=self.pin_memory)

    def train_dataloader(self) -> Any:
        assert self.trainer is not None
        return _Epochs(self, self.trainer.global_rank, self.trainer.world_size)


class _Epochs:
    """One device's batches; each iteration is the next epoch."""

    def __init__(self, data: FineTuningData, rank: int, devices: int) -> None:
        self.data, self.rank, self.devices = data, rank, devices
        self.epoch = 0

    def __len__(self) -> int:
        return self.data.batches_an_epoch(self.devices)

    def __iter__(self) -> Iterator[Any]:
        data = self.data
        batches = training_batches(data.lengths, len(self) * self.devices, data.seed, self.epoch)
        self.epoch += 1
        for rows in batches[self.rank :: self.devices]:
            batch = data.build(rows.tolist())
            yield batch.pin_memory() if data.pin_memory else batch
