"""Examples as rows of arrays, as `pretrain.pairs` builds them and `pretrain.batches` masks and packs them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Self

import numpy as np

from data.ranges import bounds, ranges


@dataclass(frozen=True)
class Examples:
    """N sequences, not yet masked."""

    epochs: np.ndarray
    """int64 [N]."""
    numbers: np.ndarray
    """int64 [N], of each within its epoch."""
    ids: np.ndarray
    """int64 [T], one sequence after the other, with [CLS] and [SEP]."""
    lengths: np.ndarray
    """int64 [N], tokens of each."""
    cuts: np.ndarray
    """int64 [N], tokens before segment B; all where there is none."""
    labels: np.ndarray
    """int64 [N]. 0: B is next (or in order, or there is no B); 1: it is not."""
    documents: np.ndarray
    """int64 [N, 2], where A and B come from."""

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def types(self) -> np.ndarray:
        """int64 [T], 0 in segment A, 1 in segment B."""
        parts = np.stack((self.cuts, self.lengths - self.cuts), axis=1)
        return np.repeat(np.arange(2 * len(self)) % 2, parts.ravel())

    def split(self, tokens: np.ndarray) -> list[np.ndarray]:
        """What there is of each token, [T], sequence by sequence."""
        return [tokens[first:last] for first, last in pairwise(bounds(self.lengths).tolist())]

    def take(self, rows: np.ndarray) -> Self:
        """Some of them, in this order."""
        places = bounds(self.lengths)
        chosen = {field.name: getattr(self, field.name)[rows] for field in fields(self) if field.name != "ids"}
        return replace(self, ids=self.ids[ranges(places[rows], places[rows + 1])], **chosen)

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """All of them."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))
