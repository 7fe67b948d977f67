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

Unit = Literal["token", "word", "span"]

_WEIGHTS = 0.2 * 0.8 ** np.arange(10)
SPAN_LENGTHS = np.cumsum(_WEIGHTS / _WEIGHTS.sum())
"""Distribution of the words of a span: geometric with 0.2, up to 10, a mean of 3.8 (Joshi et al. 2020, SpanBERT)."""


@dataclass(frozen=True)
class Masker:
    """Hides tokens of one sequence; the same random generator gives the same masks."""

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

    def mask(self, ids: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Hides part of a sequence.

        Args:
            ids: int64 [length]; left as it is.
            rng: the example's own generator.

        Returns:
            The ids as the network sees them, and the chosen positions in ascending order; the labels are
            `ids[positions]`. A sequence with nothing but reserved tokens comes back whole, with no position.
        """
        candidates = np.flatnonzero(self._open[ids])  # type: ignore[attr-defined]
        shown = ids.copy()
        if not len(candidates):
            return shown, candidates
        # The fraction is settled by lot: rounding it would hide too few tokens of short sequences, or too many.
        budget = max(1, int(len(candidates) * self.rate + rng.random()))
        if self.unit == "token":
            chosen = candidates[_smallest(rng.random(len(candidates)), budget)]
            groups = np.arange(len(chosen))
        else:
            chosen, groups = self._choose_words(ids, candidates, budget, rng)
        # SpanBERT settles what to show once a span, Google's whole-word masking once a token.
        lots = rng.random(len(chosen))
        if self.unit == "span":
            lots = lots[groups]
        random_ids = self._drawable[rng.integers(len(self._drawable), size=len(chosen))]  # type: ignore[attr-defined]
        shown[chosen] = np.where(lots < 0.8, self.mask_id, np.where(lots < 0.9, random_ids, ids[chosen]))
        return shown, np.sort(chosen)

    def _choose_words(
        self, ids: np.ndarray, candidates: np.ndarray, budget: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Whole words, or spans of them, in random order until the budget is met; what would overshoot is passed over.

        Returns positions, and for each the number of the word or span that it came with.
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
        return np.concatenate(chosen), np.repeat(np.arange(len(chosen)), [len(span) for span in chosen])


def _smallest(values: np.ndarray, count: int) -> np.ndarray:
    """Where the `count` smallest values are, in ascending order: a stable sort of all, of which few are wanted."""
    bound = np.partition(values, count - 1)[count - 1]
    few = np.flatnonzero(values <= bound)
    return few[np.argsort(values[few], kind="stable")[:count]]
