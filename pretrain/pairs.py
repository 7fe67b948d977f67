"""Sentence pairs for NSP, as Google's script makes them, without its faults and without holding the corpus in memory.

    document 7   [제목] [문장 1] [문장 2] [문장 3] [문장 4] …
    chunk               [문장 1] [문장 2] [문장 3]                filled up to the length, from a place within the document
    A | B               [문장 1] | [문장 2] [문장 3]              cut at a random sentence; label 0, "is next"
    A | B'              [문장 1] | [문장 9 of document 512]       half of all pairs; label 1, "is not next"

Example i of epoch e is a function of (seed, e, i) and nothing else: not of the number of workers or devices, not of what
was built before or is built with it. A document gives as many examples an epoch as its text fills; which of them is
example i is settled by `Permutation`, so that no list of examples exists anywhere.

Examples are built many at a time, each step of the work for all of them, as rows of arrays.

Google's script takes a negative from the same document after ten failed draws, and makes every chunk of one sentence a
negative; here a negative always comes from another document and exactly half the pairs of an epoch are negatives. Where
A and B together are too long, A loses its beginning and B its end, so that they still meet where they join.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from data.errors import DataError
from data.ranges import bounds, ranges
from data.tokens import TokenSource
from pretrain.chunks import Chunks, Documents
from pretrain.draws import Draws, seed_words
from pretrain.examples import Examples
from pretrain.permutation import Permutation

SecondObjective = Literal["nsp", "sop", "none"]
Segments = Literal["filled", "sentences"]
Truncation = Literal["longest_first", "second_first"]

IS_NEXT, NOT_NEXT = 0, 1
"""Labels, as in `transformers`."""

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


class _Places(NamedTuple):
    """Where N examples begin."""

    documents: np.ndarray
    """int64 [N]."""
    firsts: np.ndarray
    """int64 [N], number of the document's first sentence."""
    lasts: np.ndarray
    """int64 [N], of the next document's."""
    fractions: np.ndarray
    """float64 [N], how far into the document an example begins, in [0, 1)."""


class _Segments(NamedTuple):
    """Segments A and B of N examples, before they are cut to the length."""

    ids: np.ndarray
    """int64, of all of them."""
    first: np.ndarray
    second: np.ndarray
    """int64 [2, N], where each begins and ends among the ids."""
    documents: np.ndarray
    """int64 [N, 2]."""
    targets: np.ndarray
    """int64 [N], tokens that both together aim at."""


class PairBuilder:
    """Builds any examples of any epoch.

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
        self._cls, self._sep = cls_id, sep_id
        self._special = 2 if options.second_objective == "none" else 3
        self._room = options.max_length - self._special
        self._characters_per_token = characters_per_token
        shares = np.maximum(1, np.ceil(characters / (self._room * characters_per_token))).astype(np.int64)
        self._ends = np.cumsum(shares)  # document d gives examples ends[d - 1] … ends[d] - 1
        total = int(self._ends[-1]) if len(shares) else 0
        self.examples = total - total % 2 if options.second_objective != "none" else total
        """Examples an epoch; even where half of them are negatives (the one left out differs from epoch to epoch)."""
        self._slots = total

    def build(self, epoch: int, numbers: np.ndarray) -> Examples:
        """Some examples of an epoch.

        Args:
            epoch: from 0.
            numbers: int64 [N], of 0 … `examples` - 1.

        Raises:
            DataError: a thousand draws met no document with enough sentences.
        """
        draws = Draws(self.seed, epoch, numbers)
        slots = Permutation(self._slots, self.seed, epoch)(numbers)
        labels = np.full_like(numbers, IS_NEXT)
        if self.options.second_objective == "none":
            segments = self._one_segment(slots, draws)
        else:
            # One of the examples 2k and 2k + 1, by lot: exactly half.
            lots = seed_words((self.seed, epoch, numbers // 2, 1), 1)[0]
            labels = (numbers ^ lots) & 1
            segments = self._two_segments(slots, draws)
            if self.options.second_objective == "nsp":
                segments = self._replace_second(segments, np.flatnonzero(labels == NOT_NEXT), draws)
            else:
                first, second = segments.first, segments.second
                first, second = np.where(labels == NOT_NEXT, (second, first), (first, second))
                segments = segments._replace(first=first, second=second)
        ids, lengths, cuts = self._assemble(segments)
        return Examples(np.full_like(numbers, epoch), numbers, ids, lengths, cuts, labels, segments.documents)

    def _one_segment(self, slots: np.ndarray, draws: Draws) -> _Segments:
        places = self._find(slots, 1, np.arange(len(slots)), draws)
        documents, targets = self._documents(places), np.full(len(slots), self._room)
        chunks = documents.chunks(documents.begin(places.fractions, targets, 1), targets, 1)
        begins, ends = chunks.tokens(0, chunks.sentences)
        ends = np.minimum(ends, begins + self._room)
        return _Segments(
            chunks.ids, np.stack((begins, ends)), np.stack((ends, ends)), _twice(places.documents), targets
        )

    def _two_segments(self, slots: np.ndarray, draws: Draws) -> _Segments:
        """Consecutive sentences, cut in two."""
        rows, targets = np.arange(len(slots)), np.full(len(slots), self._room)
        places = self._find(slots, 2, rows, draws)
        if self.options.segments == "sentences":
            begins = places.firsts + _sentence(places)
            sizes, ids = self.source.tokens(begins, begins + 2)
            chunks, cuts = Chunks(ids, bounds(sizes), 2 * rows, np.full_like(rows, 2)), np.ones_like(rows)
        else:
            short = rows[draws.random(rows) < self.options.short_rate]
            targets[short] = draws.integers(2, targets[short] + 1, short)
            documents = self._documents(places)
            chunks = documents.chunks(documents.begin(places.fractions, targets, 2), targets, 2)
            cuts = draws.integers(1, chunks.sentences, rows)
        first, second = chunks.tokens(0, cuts), chunks.tokens(cuts, chunks.sentences)
        return _Segments(chunks.ids, first, second, _twice(places.documents), targets)

    def _replace_second(self, segments: _Segments, rows: np.ndarray, draws: Draws) -> _Segments:
        """Gives some of the examples a segment B from another document, where a chunk there would have had its B.

        So the B of a negative looks like that of a positive: it never is a title, it is as long, and it ends as often with
        its document. Anything else would give the label away.
        """
        if not len(rows):
            return segments
        targets = segments.targets[rows]
        rooms = targets - (segments.first[1] - segments.first[0])[rows]
        places = self._find_others(segments.documents[rows, 0], rows, draws)
        if self.options.segments == "sentences":
            begins = places.firsts + 1 + _sentence(places)
            sizes, ids = self.source.tokens(begins, begins + 1)
            found = np.stack((bounds(sizes)[:-1], bounds(sizes)[1:]))
        else:
            documents = self._documents(places)
            first = documents.begin(places.fractions, targets, 2)
            first += draws.integers(1, np.maximum(2, documents.end(first, targets) - first), rows)
            latest = np.maximum(1, np.minimum(first, documents.begin(1.0, rooms, 1)))
            first = np.where(documents.characters >= targets * self._characters_per_token, latest, first)
            chunks = documents.chunks(first, np.maximum(1, rooms), 1)
            ids, found = chunks.ids, chunks.tokens(0, chunks.sentences)
        second, origins = segments.second.copy(), segments.documents.copy()
        second[:, rows], origins[rows, 1] = len(segments.ids) + found, places.documents
        return segments._replace(ids=np.concatenate((segments.ids, ids)), second=second, documents=origins)

    def _documents(self, places: _Places) -> Documents:
        return Documents(self.source, places.firsts, places.lasts, self._characters_per_token)

    def _find(self, slots: np.ndarray, sentences: int, rows: np.ndarray, draws: Draws) -> _Places:
        """The documents of some slots, and where in them the examples begin.

        A document with too few sentences after cleaning gives way to another, drawn in proportion to its length.

        Args:
            slots: int64 [R].
            sentences: the fewest that are enough.
            rows: of the draws that go with the slots, int64 [R].
            draws: of the examples.
        """
        documents, firsts, lasts = np.zeros((3, len(slots)), dtype=np.int64)
        found = _Places(documents, firsts, lasts, np.zeros(len(slots)))
        left = np.arange(len(slots))
        for _ in range(_DRAWS):
            numbers = self._ends.searchsorted(slots, side="right")
            documents = self.documents[numbers]
            firsts, lasts = self.source.sentence_ranges(documents)
            # The first example begins at the beginning, the others anywhere in their share of the text.
            begins = np.where(numbers > 0, self._ends[numbers - 1], 0)
            places, shares = slots - begins, self._ends[numbers] - begins
            enough = lasts - firsts >= sentences
            inside = np.flatnonzero(enough & (places > 0))
            fractions = np.zeros(len(slots))
            fractions[inside] = (places[inside] - draws.random(rows[left[inside]])) / shares[inside]
            for column, values in zip(found, (documents, firsts, lasts, np.maximum(0.0, fractions)), strict=True):
                column[left] = values
            left = left[~enough]
            if not len(left):
                return found
            slots = draws.integers(0, self._slots, rows[left])
        raise DataError(
            f"{_DRAWS} documents drawn at random have fewer than {sentences} sentences each after cleaning; "
            "join lines into documents, or choose --second_objective none"
        )

    def _find_others(self, documents: np.ndarray, rows: np.ndarray, draws: Draws) -> _Places:
        """Documents of two sentences or more, none of which is the given one."""
        found = self._find(draws.integers(0, self._slots, rows), 2, rows, draws)
        for _ in range(_DRAWS):
            same = np.flatnonzero(found.documents == documents)
            if not len(same):
                return found
            again = self._find(draws.integers(0, self._slots, rows[same]), 2, rows[same], draws)
            for column, values in zip(found, again, strict=True):
                column[same] = values
        raise DataError(
            "next-sentence prediction found one document only with two sentences or more after cleaning; "
            "add text, or choose --second_objective sop"
        )

    def _assemble(self, segments: _Segments) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """[CLS] A [SEP] B [SEP], cut to the length: the ids, and of each its length and the tokens before B."""
        a, b = (ends - begins for begins, ends in (segments.first, segments.second))
        a, b = _lengths_that_fit(a, b, self._room, self.options.truncation)
        cuts = a + 2
        lengths = a + b + self._special
        begins = bounds(lengths)[:-1]
        ids = np.full(int(lengths.sum()), self._sep)
        ids[begins] = self._cls
        last, first = segments.first[1], segments.second[0]
        ids[ranges(begins + 1, begins + 1 + a)] = segments.ids[ranges(last - a, last)]
        ids[ranges(begins + cuts, begins + cuts + b)] = segments.ids[ranges(first, first + b)]
        return ids, lengths, cuts


def _twice(documents: np.ndarray) -> np.ndarray:
    return np.stack((documents, documents), axis=1)


def _sentence(places: _Places) -> np.ndarray:
    """The sentence of each document at which an example begins that needs one more."""
    sentences = places.lasts - places.firsts
    return np.minimum((places.fractions * (sentences - 1)).astype(np.int64), sentences - 2)


def _lengths_that_fit(a: np.ndarray, b: np.ndarray, room: int, truncation: Truncation) -> tuple[np.ndarray, np.ndarray]:
    """How many tokens of A and B stay when both must share `room` tokens; at least one of each."""
    fits = a + b <= room
    if truncation == "second_first":
        keep_b = np.maximum(1, np.minimum(b, room - a))
        keep_a = np.minimum(a, room - keep_b)
    else:
        # Taking from the longer until both fit ends with the shorter whole, or with halves.
        half = room // 2
        keep_b = np.where(np.minimum(a, b) > half, half, np.where(a <= b, room - a, b))
        keep_a = room - keep_b
    return np.where(fits, a, keep_a), np.where(fits, b, keep_b)
