"""Sentence pairs for NSP, as Google's script makes them, without its faults and without holding the corpus in memory.

    document 7   [제목] [문장 1] [문장 2] [문장 3] [문장 4] …
    chunk               [문장 1] [문장 2] [문장 3]                filled up to the length, from a place within the document
    A | B               [문장 1] | [문장 2] [문장 3]              cut at a random sentence; label 0, "is next"
    A | B'              [문장 1] | [문장 9 of document 512]       half of all pairs; label 1, "is not next"

Example i of epoch e is a function of (seed, e, i) and nothing else: not of the number of workers or devices, not of what
was built before. A document gives as many examples an epoch as its text fills; which of them is example i is settled by
`Permutation`, so that no list of examples exists anywhere.

Google's script takes a negative from the same document after ten failed draws, and makes every chunk of one sentence a
negative; here a negative always comes from another document and exactly half the pairs of an epoch are negatives. Where
A and B together are too long, A loses its beginning and B its end, so that they still meet where they join.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from data.errors import DataError
from data.tokens import TokenSource
from pretrain.permutation import Permutation

SecondObjective = Literal["nsp", "sop", "none"]
Segments = Literal["filled", "sentences"]
Truncation = Literal["longest_first", "second_first"]

IS_NEXT, NOT_NEXT = 0, 1
"""Labels, as in `transformers`."""

_BLOCK = 1024
"""Examples whose places are looked up at once."""

_ZERO = np.zeros(1, dtype=np.int64)

_DRAWS = 1000
"""Tries to find a document that fits before the corpus is found unfit."""


@dataclass(frozen=True)
class PairOptions:
    """How pairs are made; the names are those of the command line."""

    max_length: int
    """Tokens of a sequence, [CLS] and [SEP] included."""
    second_objective: SecondObjective = "nsp"
    """nsp: is B next or from another document; sop: are A and B in order (Lan et al. 2020); none: one segment."""
    segments: Segments = "filled"
    """filled: consecutive sentences up to the length; sentences: one sentence each."""
    truncation: Truncation = "longest_first"
    """Which segment gives way when both are too long together."""
    short_rate: float = 0.1
    """Share of filled chunks that aim at a random shorter length, so that short inputs are known, too."""


@dataclass(frozen=True)
class Example:
    """One sequence, not yet masked."""

    ids: np.ndarray
    """int64 [length], with [CLS] and [SEP]."""
    types: np.ndarray
    """int64 [length], 0 in segment A, 1 in segment B."""
    label: int
    """0: B is next (or in order, or there is no B); 1: it is not."""
    documents: tuple[int, int]
    """Where A and B come from."""


class PairBuilder:
    """Builds any example of any epoch.

    Args:
        source: sentences as tokens.
        documents: which of its documents are used, int [documents].
        characters: characters of each of these, int [documents]; decides how many examples a document gives.
        characters_per_token: of the tokenizer on this text.
        cls_id, sep_id: of the tokenizer.
        options: see `PairOptions`.
        seed: of the run.

    Raises:
        DataError: NSP is asked of fewer than two documents.
    """

    def __init__(
        self,
        source: TokenSource,
        documents: np.ndarray,
        characters: np.ndarray,
        *,
        characters_per_token: float,
        cls_id: int,
        sep_id: int,
        options: PairOptions,
        seed: int,
    ) -> None:
        if options.second_objective == "nsp" and len(documents) < 2:
            raise DataError(
                "next-sentence prediction takes its negatives from other documents, but the corpus has one only; "
                "separate documents by blank lines, add text, or choose --second_objective sop"
            )
        self.source, self.documents, self.options, self.seed = source, documents, options, seed
        self._cls, self._sep = np.array([cls_id]), np.array([sep_id])
        self._special = 2 if options.second_objective == "none" else 3
        self._characters_per_token = characters_per_token
        room = (options.max_length - self._special) * characters_per_token
        shares = np.maximum(1, np.ceil(characters / room)).astype(np.int64)
        self._ends = np.cumsum(shares)  # document d gives examples ends[d - 1] … ends[d] - 1
        total = int(self._ends[-1]) if len(shares) else 0
        self.examples = total - total % 2 if options.second_objective != "none" else total
        """Examples an epoch; even where half of them are negatives (the one left out differs from epoch to epoch)."""
        self._slots = total
        self._shuffled = (-1, -1, np.zeros(0, dtype=np.int64))

    def example(self, epoch: int, index: int) -> Example:
        """Example `index` (0 … `examples` - 1) of an epoch.

        Raises:
            DataError: a thousand draws met no document with enough sentences.
        """
        rng = np.random.default_rng((self.seed, epoch, index))
        slot = self._slot(epoch, index)
        if self.options.second_objective == "none":
            return self._single(slot, rng)
        negative = self._is_negative(epoch, index)
        if self.options.second_objective == "nsp":
            return self._next_sentence(slot, negative, rng)
        return self._sentence_order(slot, negative, rng)

    def _slot(self, epoch: int, index: int) -> int:
        """Where the permutation of an epoch sends an example. Worked out for a block of neighbours, who are asked for next."""
        block, place = divmod(index, _BLOCK)
        if self._shuffled[:2] != (epoch, block):
            numbers = np.arange(block * _BLOCK, min((block + 1) * _BLOCK, self._slots))
            self._shuffled = (epoch, block, Permutation(self._slots, self.seed, epoch)(numbers))
        return int(self._shuffled[2][place])

    def _is_negative(self, epoch: int, index: int) -> bool:
        """One of the examples 2k and 2k + 1, by lot: exactly half."""
        lot = np.random.SeedSequence((self.seed, epoch, index // 2, 1)).generate_state(1)[0] & 1
        return bool((index ^ int(lot)) & 1)

    def _next_sentence(self, slot: int, negative: bool, rng: np.random.Generator) -> Example:
        document, first, second, target = self._two_segments(slot, rng)
        other = document
        if negative:
            other, second = self._from_elsewhere(document, target, target - sum(map(len, first)), rng)
        return self._assemble(first, second, NOT_NEXT if negative else IS_NEXT, (document, other))

    def _sentence_order(self, slot: int, swapped: bool, rng: np.random.Generator) -> Example:
        document, first, second, _ = self._two_segments(slot, rng)
        if swapped:
            first, second = second, first
        return self._assemble(first, second, int(swapped), (document, document))

    def _single(self, slot: int, rng: np.random.Generator) -> Example:
        document, lengths, fraction = self._find(slot, 1, rng)
        sentences = self._chunk(document, lengths, fraction, self.options.max_length - self._special, 1)
        ids = np.concatenate((self._cls, np.concatenate(sentences)[: self.options.max_length - 2], self._sep))
        return Example(ids, np.zeros_like(ids), IS_NEXT, (document, document))

    def _two_segments(self, slot: int, rng: np.random.Generator) -> tuple[int, list[np.ndarray], list[np.ndarray], int]:
        """A document, its segments A and B, and the tokens that they aim at."""
        document, lengths, fraction = self._find(slot, 2, rng)
        target = self.options.max_length - self._special
        if self.options.segments == "sentences":
            start = min(int(fraction * (len(lengths) - 1)), len(lengths) - 2)
            first, second = self.source.tokens(document, start, start + 2)
            return document, [first], [second], target
        if rng.random() < self.options.short_rate:
            target = int(rng.integers(2, target + 1))
        chunk = self._chunk(document, lengths, fraction, target, 2)
        cut = int(rng.integers(1, len(chunk)))
        return document, chunk[:cut], chunk[cut:], target

    def _find(self, slot: int, sentences: int, rng: np.random.Generator) -> tuple[int, np.ndarray, float]:
        """The document of a slot, its sentences' lengths, and how far into it the example begins, in [0, 1).

        A document with too few sentences after cleaning gives way to another, drawn in proportion to its length.
        """
        for _ in range(_DRAWS):
            index = int(self._ends.searchsorted(slot, side="right"))
            document = int(self.documents[index])
            lengths = self.source.lengths(document)
            if len(lengths) >= sentences:
                begin = int(self._ends[index - 1]) if index else 0
                # The first example begins at the beginning, the others anywhere in their share of the text.
                place = slot - begin
                fraction = max(0.0, (place - rng.random()) / (int(self._ends[index]) - begin)) if place else 0.0
                return document, lengths, fraction
            slot = int(rng.integers(self._slots))
        raise DataError(
            f"{_DRAWS} documents drawn at random have fewer than {sentences} sentences each after cleaning; "
            "join lines into documents, or choose --second_objective none"
        )

    def _chunk(self, document: int, lengths: np.ndarray, fraction: float, target: int, fewest: int) -> list[np.ndarray]:
        """Consecutive sentences from about `fraction` of the document on, until they hold `target` tokens or it ends."""
        starts = np.concatenate((_ZERO, lengths.cumsum()))
        return self._fill(document, starts, self._first(starts, fraction, target, fewest), target, fewest)

    def _first(self, starts: np.ndarray, fraction: float, target: int, fewest: int) -> int:
        """The sentence that a chunk begins with: early enough for `target` tokens and `fewest` sentences to follow."""
        characters = int(starts[-1])
        place = min(fraction * characters, max(0.0, characters - target * self._characters_per_token))
        first = int(starts.searchsorted(place, side="right")) - 1
        return min(first, len(starts) - 1 - fewest)

    def _fill(self, document: int, starts: np.ndarray, first: int, target: int, fewest: int) -> list[np.ndarray]:
        """Sentences from number `first` on until they hold `target` tokens, at least `fewest` of them."""
        chunk: list[np.ndarray] = []
        tokens, last = 0, first
        while last < len(starts) - 1 and (tokens < target or len(chunk) < fewest):
            # By the characters still wanted: what is tokenised and not used costs more than a second call for the rest.
            reach = starts[last] + (target - tokens) * self._characters_per_token
            end = int(starts.searchsorted(reach))
            end = min(max(end, first + fewest, last + 1), len(starts) - 1)
            for sentence in self.source.tokens(document, last, end):
                if tokens >= target and len(chunk) >= fewest:
                    return chunk
                chunk.append(sentence)
                tokens += len(sentence)
            last = end
        return chunk

    def _from_elsewhere(
        self, document: int, target: int, room: int, rng: np.random.Generator
    ) -> tuple[int, list[np.ndarray]]:
        """Another document and a segment B of `room` tokens, where a chunk of `target` tokens there would have had its B.

        So the B of a negative looks like that of a positive: it never is a title, it is as long, and it ends as often with
        its document. Anything else would give the label away.
        """
        for _ in range(_DRAWS):
            other, lengths, fraction = self._find(int(rng.integers(self._slots)), 2, rng)
            if other == document:
                continue
            starts = np.concatenate((_ZERO, lengths.cumsum()))
            if self.options.segments == "sentences":
                first = 1 + min(int(fraction * (len(lengths) - 1)), len(lengths) - 2)
                return other, self.source.tokens(other, first, first + 1)
            first = self._first(starts, fraction, target, 2)
            reach = starts[first] + target * self._characters_per_token
            sentences = min(int(starts.searchsorted(reach)), len(lengths)) - first
            first += int(rng.integers(1, max(2, sentences)))
            if starts[-1] >= target * self._characters_per_token:
                first = max(1, min(first, self._first(starts, 1.0, room, 1)))
            return other, self._fill(other, starts, first, max(1, room), 1)
        raise DataError(
            "next-sentence prediction found one document only with two sentences or more after cleaning; "
            "add text, or choose --second_objective sop"
        )

    def _assemble(
        self, first: list[np.ndarray], second: list[np.ndarray], label: int, documents: tuple[int, int]
    ) -> Example:
        """[CLS] A [SEP] B [SEP], cut to the length."""
        a, b = np.concatenate(first), np.concatenate(second)
        keep_a, keep_b = _lengths_that_fit(len(a), len(b), self.options.max_length - 3, self.options.truncation)
        a, b = a[len(a) - keep_a :], b[:keep_b]
        ids = np.concatenate((self._cls, a, self._sep, b, self._sep))
        types = np.zeros_like(ids)
        types[len(a) + 2 :] = 1
        return Example(ids, types, label, documents)


def _lengths_that_fit(a: int, b: int, room: int, truncation: Truncation) -> tuple[int, int]:
    """How many tokens of A and B stay when both must share `room` tokens; at least one of each."""
    if a + b <= room:
        return a, b
    if truncation == "second_first":
        b = max(1, min(b, room - a))
        return min(a, room - b), b
    # Taking from the longer until both fit ends with the shorter whole, or with halves.
    if min(a, b) <= room // 2:
        return (a, room - a) if a <= b else (room - b, b)
    return room - room // 2, room // 2
