"""Runs of consecutive sentences out of many documents at once, as long as tokens are wanted.

    characters   | 12 | 40 | 31 | 55 | 28 |        of each sentence, known: where a chunk begins follows from them
    tokens            | 21 | 17 | 30 | …           learnt by reading: where it ends

How much to read is guessed by characters, and more is read where that was too little.
"""

from typing import NamedTuple

import numpy as np

from data.ranges import bounds, ranges
from data.tokens import TokenSource


class Chunks(NamedTuple):
    """Of N documents some sentences each."""

    ids: np.ndarray
    """int64 [T]; more than the chunks' tokens where more was read."""
    ends: np.ndarray
    """int64 [S + 1]: tokens before each of the sentences that were read, and of all."""
    begins: np.ndarray
    """int64 [N]: the first sentence of each chunk, among these."""
    sentences: np.ndarray
    """int64 [N]: how many it has."""

    def tokens(self, first: int | np.ndarray, last: np.ndarray) -> np.ndarray:
        """Where among `ids` sentences first … last - 1 of each chunk begin and end, int64 [2, N]."""
        return np.stack((self.ends[self.begins + first], self.ends[self.begins + last]))


class Documents:
    """The sentences of N documents.

    Args:
        source: of tokens.
        firsts, lasts: numbers of each document's first sentence and of the next document's, int64 [N].
        characters_per_token: of the tokenizer on this text.
    """

    def __init__(self, source: TokenSource, firsts: np.ndarray, lasts: np.ndarray, characters_per_token: float) -> None:
        self.source, self.firsts, self.sentences = source, firsts, lasts - firsts
        self._characters_per_token = characters_per_token
        self._starts = bounds(source.characters(firsts, lasts))  # all of the documents' characters in a row
        self._begins = bounds(self.sentences)[:-1]
        self._zero = self._starts[self._begins]
        self.characters = self._starts[self._begins + self.sentences] - self._zero
        """Of each document, int64 [N]."""

    def begin(self, fraction: np.ndarray | float, target: np.ndarray, fewest: int) -> np.ndarray:
        """The sentence that a chunk begins with, about `fraction` of its document from the beginning, int64 [N]: early enough
        for `target` tokens and `fewest` sentences to follow."""
        latest = np.maximum(0.0, self.characters - target * self._characters_per_token)
        place = np.minimum(fraction * self.characters, latest).astype(np.int64)
        found = self._starts.searchsorted(self._zero + place, side="right") - 1 - self._begins
        return np.minimum(found, self.sentences - fewest)

    def end(self, first: np.ndarray, target: np.ndarray, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """The sentence before which about `target` tokens from sentence `first` on end, int64, for some of the documents."""
        before = self._starts[self._begins[rows] + first] - self._zero[rows]
        place = np.ceil(before + target * self._characters_per_token).astype(np.int64)
        found = self._starts.searchsorted(self._zero[rows] + place) - self._begins[rows]
        return np.minimum(found, self.sentences[rows])

    def chunks(self, first: np.ndarray, target: np.ndarray, fewest: int) -> Chunks:
        """Sentences from number `first` on until they hold `target` tokens, at least `fewest`; fewer where a document ends."""
        last, tokens = first.copy(), np.zeros_like(first)
        read: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        while len(rows := np.flatnonzero((last < self.sentences) & ((tokens < target) | (last - first < fewest)))):
            # What is tokenised and not used costs more than another round for the rest.
            guess = self.end(last[rows], target[rows] - tokens[rows], rows)
            least = np.minimum(np.maximum(first[rows] + fewest, last[rows] + 1), self.sentences[rows])
            until = np.maximum(guess, least)
            sizes, ids = self.source.tokens(self.firsts[rows] + last[rows], self.firsts[rows] + until)
            owners = np.repeat(rows, until - last[rows])
            tokens += np.bincount(owners, weights=sizes, minlength=len(tokens)).astype(np.int64)
            last[rows] = until
            read.append((owners, sizes, ids))
        owners, sizes, ids = (np.concatenate(parts) for parts in zip(*read, strict=True))
        order, places = np.argsort(owners, kind="stable"), bounds(sizes)
        ids, ends = ids[ranges(places[order], places[order + 1])], bounds(sizes[order])
        begins = bounds(last - first)[:-1]
        enough = ends.searchsorted(ends[begins] + target) - begins
        return Chunks(ids, ends, begins, np.minimum(np.maximum(enough, fewest), last - first))
