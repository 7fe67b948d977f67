"""Batches of rows that are in memory already: cut by real tokens, as in pretraining, and different in every epoch.

    epoch 0   rows shuffled → windows of eight steps' rows → each sorted by length, cut into eight steps of equally
              many tokens, their order shuffled
    epoch 1   shuffled anew, …

A step has rows of similar length, so attention pads little, and each costs the same. Its rows depend on (seed, number of the
step) alone.
"""

from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np

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
