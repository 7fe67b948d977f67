"""Which tokens MLM hides, and behind what (Devlin et al. 2019, section 3.1).

    원문    [CLS] 국민 ##청 ##원에 동의 ##합니다 [SEP] …
    chosen              ##원에                          15 % of the tokens that are not special, at least one
    shown               [MASK]                          80 %: [MASK]; 10 %: a random word; 10 %: itself
    label               ##원에

Unlike Google's script: special tokens neither count towards the 15 % nor are drawn as the random word; and the masks are
new whenever an example is built, hence each epoch.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from pretrain.draws import Draws

Unit = Literal["token", "word", "span"]

_WEIGHTS = 0.2 * 0.8 ** np.arange(10)
SPAN_LENGTHS = np.cumsum(_WEIGHTS / _WEIGHTS.sum())
"""Distribution of the words of a span: geometric with 0.2, up to 10, a mean of 3.8 (Joshi et al. 2020, SpanBERT)."""


@dataclass(frozen=True)
class Masker:
    """Hides tokens of sequences; the same random generators give the same masks."""

    mask_id: int
    """[MASK]."""
    reserved: np.ndarray
    """bool [V]: ids that are neither hidden nor drawn (special, marker and unused tokens)."""
    continues: np.ndarray
    """bool [V]: pieces that belong to the word before them (`##…`)."""
    rate: float = 0.15
    """Share of the tokens that are not reserved."""
    unit: Unit = "token"
    """What is chosen as one: a token; a whole word, all its pieces; or a span of whole words (SpanBERT)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_open", ~self.reserved)
        object.__setattr__(self, "_drawable", np.flatnonzero(~self.reserved))

    def mask(self, ids: np.ndarray, lengths: np.ndarray, draws: Draws) -> tuple[np.ndarray, np.ndarray]:
        """Hides part of each sequence.

        Args:
            ids: int64 [T], one sequence after the other; left as it is.
            lengths: int64 [N], of the sequences.
            draws: of the sequences, one generator each.

        Returns:
            The ids as the network sees them, and the chosen positions in ascending order; the labels are
            `ids[positions]`. A sequence with nothing but reserved tokens comes back whole, with no position.
        """
        candidates = np.flatnonzero(self._open[ids])  # type: ignore[attr-defined]
        if not len(candidates):
            return ids.copy(), candidates
        owners = np.repeat(np.arange(len(lengths)), lengths)[candidates]
        counts = np.bincount(owners, minlength=len(lengths))
        rows = np.flatnonzero(counts)
        # The fraction is settled by lot: rounding it would hide too few tokens of short sequences, or too many.
        budgets = np.zeros_like(counts)
        budgets[rows] = np.maximum(1, (counts[rows] * self.rate + draws.random(rows)).astype(np.int64))
        if self.unit == "token":
            places = _smallest(draws.random(owners), counts, budgets)
            chosen, owners = candidates[places], owners[places]
            lots = draws.random(owners)
            drawn = draws.integers(0, len(self._drawable), owners)  # type: ignore[attr-defined]
        else:
            parts = np.split(candidates, np.cumsum(counts)[:-1])
            found = [
                self._choose_words(ids, parts[row], int(budgets[row]), draws.generator(row)) for row in rows.tolist()
            ]
            chosen, lots, drawn = (np.concatenate(parts) for parts in zip(*found, strict=True))
        random_ids = self._drawable[drawn]  # type: ignore[attr-defined]
        shown = ids.copy()
        shown[chosen] = np.where(lots < 0.8, self.mask_id, np.where(lots < 0.9, random_ids, ids[chosen]))
        return shown, np.sort(chosen)

    def _choose_words(
        self, ids: np.ndarray, candidates: np.ndarray, budget: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Whole words of a sequence, or spans of them, in random order until the budget is met; what would overshoot is passed
        over.

        Returns positions, and for each the lot that says what is shown, and the number of the random word.
        """
        # A word begins at each candidate that continues nothing, or whose predecessor is no candidate.
        follows = self.continues[ids[candidates]] & np.concatenate(([False], np.diff(candidates) == 1))
        words = np.split(candidates, np.flatnonzero(~follows)[1:])
        taken = np.zeros(len(words), dtype=bool)
        chosen: list[np.ndarray] = []
        left = budget
        for first in rng.permutation(len(words)):
            length = 1 + int(np.searchsorted(SPAN_LENGTHS, rng.random())) if self.unit == "span" else 1
            span = []
            for word in range(first, min(first + length, len(words))):
                if taken[word] or len(words[word]) > left:
                    break
                taken[word] = True
                left -= len(words[word])
                span.append(words[word])
            if span:
                chosen.append(np.concatenate(span))
            if not left:
                break
        if not chosen:  # every word is longer than the budget: at least one mask a sequence all the same
            chosen = [words[rng.integers(len(words))]]
        positions = np.concatenate(chosen)
        # SpanBERT settles what to show once a span, Google's whole-word masking once a token.
        lots = rng.random(len(positions))
        if self.unit == "span":
            lots = np.repeat(lots[: len(chosen)], [len(span) for span in chosen])
        return positions, lots, rng.integers(len(self._drawable), size=len(positions))  # type: ignore[attr-defined]


def _smallest(values: np.ndarray, counts: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Where the smallest values of each row are, in ascending order.

    Args:
        values: float64 [sum of counts], below 1, one row after the other.
        counts: int64 [N], values of each row.
        wanted: int64 [N], how many are wanted of each.

    Returns:
        int64 [sum of wanted].
    """
    table = np.ones((len(counts), counts.max()))
    table[np.arange(table.shape[1]) < counts[:, None]] = values
    order = table.argsort(axis=1)[:, : wanted.max()]
    order += (np.cumsum(counts) - counts)[:, None]
    return order[np.arange(order.shape[1]) < wanted[:, None]]
