"""Characters and tokens: what the network reads, what is tagged, and the way back to the characters of a file.

오에 겐자부로는 소설가다, with the vocabulary of some BERT:

    tokens          오에            겐  ##자부  ##로는           [UNK]
    characters    오  에  (space)  겐   자  부   로  는  (space)  소  설  가  다
    token of        0   0    0      1    2   2    3   3    3      4   4   4   4
    place         1/2 2/2    –     1/1  1/2 2/2  1/2 2/2   –     1/4 …

What is tagged (an element) depends on `unit`:

    both         every character, spaces included; it looks at the token that covers it, or at the one before where none does
    subword      every token, with the tag of its first character
    character    every character is a token of its own (겐 ##자 ##부 ##로 ##는), and spaces are no elements

The tag of an element is that of its first character; an entity reaches from the first character of its first element to the last
one of its last. So only `both` can say that 로 ends the name and 는 does not, and only there is the word 소설가다, of which the
vocabulary knows nothing, more than one [UNK].

A sentence of more tokens than fit is read in windows that overlap by a quarter. Each token counts in the window in which it
stands farthest from an edge, so every element is tagged once, and the CRF sees the sentence whole.

The network reads `data.cleaning.normalize` of a text; `data.offsets` leads back to the characters of the file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, get_args

import numpy as np
from tokenizers import Encoding

from data.entities import NamedEntity
from data.offsets import CharacterMap
from data.tokenizer import WordPiece
from finetune.entity.config import SHORTEST_WINDOW, Unit
from finetune.entity.crf import OUTSIDE, beginning, inside

PLACES_COUNTED = 8
"""Characters of a subword whose place is told apart; those after them share a place."""
NO_PLACE = 0
"""Of a character that no token covers."""
PLACES = 1 + 2 * PLACES_COUNTED

OVERLAP = 0.25
"""Share of a window that it has in common with the next one."""


@dataclass(frozen=True)
class AlignmentOptions:
    """How texts are read."""

    unit: Unit
    max_length: int
    """Tokens of a window at the most, [CLS] and [SEP] included."""

    def __post_init__(self) -> None:
        if self.unit not in get_args(Unit):
            raise ValueError(f"unit must be one of {' · '.join(get_args(Unit))}, not {self.unit!r}")
        if self.max_length < SHORTEST_WINDOW:
            raise ValueError(f"max_length must be at least {SHORTEST_WINDOW}, not {self.max_length}")


class Aligned(NamedTuple):
    """A text as the network reads it; E elements."""

    map: CharacterMap
    windows: list[np.ndarray]
    """Token ids with [CLS] and [SEP], int64, at least one window."""
    token: np.ndarray
    """int64 [E]: which token an element looks at, counted through all windows laid end to end."""
    spans: np.ndarray
    """int64 [E, 2]: its characters in the normalised text, half-open; ascending, not overlapping."""
    places: np.ndarray
    """int64 [E]: where in its token the first character stands; below `PLACES`."""

    @property
    def length(self) -> int:
        """Tokens of all windows."""
        return sum(map(len, self.windows))

    @property
    def longest(self) -> int:
        """Tokens that are read at once."""
        return max(map(len, self.windows))

    def tags(self, entities: Sequence[NamedEntity], types: Sequence[str]) -> np.ndarray:
        """The number of each element's tag, int64 [E], a legal BIO sequence.

        An entity of a type that is not among `types` is not tagged, nor is one without an element of its own (its characters
        lie in tokens that begin before it, or it is nothing but spaces and those are no elements).
        """
        kinds = {name: kind for kind, name in enumerate(types)}
        tags = np.full(len(self.spans), OUTSIDE)
        for entity in entities:
            place = self.map.from_raw(entity.start, entity.end)
            if place is None or entity.type not in kinds:
                continue
            first, stop = np.searchsorted(self.spans[:, 0], place)
            tags[first:stop] = inside(kinds[entity.type])
            tags[first : min(first + 1, stop)] = beginning(kinds[entity.type])
        return tags

    def entities(self, spans: np.ndarray, types: Sequence[str]) -> list[NamedEntity]:
        """The entities, in characters of the file, of spans of elements: int64 [S, 3], first, one after the last, type."""
        found = []
        for first, stop, kind in spans.tolist():
            start, end = self.map.to_raw(int(self.spans[first, 0]), int(self.spans[stop - 1, 1]))
            found.append(NamedEntity(start, end, types[kind]))
        return found


def spans_of(tags: np.ndarray) -> np.ndarray:
    """The entities of a legal tag sequence, int64 [E] → [S, 3]: first element, one after the last, type."""
    starts = np.flatnonzero(tags % 2 == 1)
    breaks = np.append(np.flatnonzero((tags == OUTSIDE) | (tags % 2 == 1)), len(tags))
    return np.stack((starts, breaks[np.searchsorted(breaks, starts + 1)], (tags[starts] - 1) // 2), 1)


class Aligner:
    """Reads texts; built once a run.

    Args:
        wordpiece: any BERT's.
        options: how texts are read.
    """

    def __init__(self, wordpiece: WordPiece, options: AlignmentOptions) -> None:
        self.wordpiece, self.options = wordpiece, options
        self._cls, self._sep, self._unknown = (wordpiece.id_of(token) for token in ("[CLS]", "[SEP]", "[UNK]"))
        self._pieces: dict[tuple[str, bool], int] = {}

    def align(self, texts: Sequence[str]) -> list[Aligned]:
        """The texts, as they stand in a file, in their order."""
        maps = [CharacterMap(text) for text in texts]
        encoded = self.wordpiece.tokenizer.encode_batch([each.text for each in maps], add_special_tokens=False)
        return [self._align(each, encoding) for each, encoding in zip(maps, encoded, strict=True)]

    def _align(self, characters: CharacterMap, encoding: Encoding) -> Aligned:
        ids = np.array(encoding.ids, dtype=np.int64)
        offsets = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2)
        if self.options.unit == "character":
            ids, offsets = self._characters(characters.text, encoding)
        windows, number = self._windows(ids)
        if self.options.unit == "both":
            starts = np.arange(len(characters.text))
            token, place = _covering(offsets, len(starts))
            spans = np.stack((starts, starts + 1), 1)
            # Without any token there is still [CLS].
            return Aligned(characters, windows, number[token] if len(ids) else np.zeros_like(starts), spans, place)
        # Decomposed letters can give several tokens within one character: one element then.
        reached = np.maximum.accumulate(np.concatenate(([0], offsets[:-1, 1]))) if len(ids) else offsets[:, 0]
        kept = (offsets[:, 0] >= reached) & (offsets[:, 1] > offsets[:, 0])
        return Aligned(characters, windows, number[kept], offsets[kept], np.zeros(int(kept.sum()), dtype=np.int64))

    def _characters(self, text: str, encoding: Encoding) -> tuple[np.ndarray, np.ndarray]:
        """Ids and offsets where every character of every word is a token."""
        ids, offsets = [], []
        last_word = None
        end = 0
        for (start, stop), word in zip(encoding.offsets, encoding.word_ids, strict=True):
            for position in range(max(start, end), stop):
                ids.append(self._piece(text[position], word == last_word))
                offsets.append((position, position + 1))
                last_word = word
            end = max(end, stop)
        return np.array(ids, dtype=np.int64), np.array(offsets, dtype=np.int64).reshape(-1, 2)

    def _piece(self, character: str, continues: bool) -> int:
        """The id of a character as a token, remembered."""
        known = self._pieces.get((character, continues))
        if known is None:
            normalizer = self.wordpiece.tokenizer.normalizer
            form = (normalizer.normalize_str(character) if normalizer else character).strip()
            found = self.wordpiece.tokenizer.token_to_id(f"##{form}" if continues else form)
            known = self._pieces[character, continues] = self._unknown if found is None else found
        return known

    def _windows(self, ids: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
        """The windows of a text, and the place of each of its tokens when they are laid end to end."""
        room = self.options.max_length - 2
        count = 1
        if len(ids) > room:
            overlap = int(OVERLAP * room)
            count = -(-(len(ids) - overlap) // (room - overlap))
        starts = np.linspace(0, max(0, len(ids) - room), count).round().astype(np.int64)
        windows = [np.concatenate(([self._cls], ids[start : start + room], [self._sep])) for start in starts]
        # A token belongs to the next window from the middle of their common part on.
        borders = (starts[1:] + starts[:-1] + room) // 2
        window = np.searchsorted(borders, np.arange(len(ids)), side="right")
        before = np.concatenate(([0], np.cumsum([len(each) for each in windows[:-1]], dtype=np.int64)))
        return windows, before[window] + 1 + np.arange(len(ids)) - starts[window]


def _covering(offsets: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """The token that each character looks at, and its place in it; both int64 [length]."""
    sizes = offsets[:, 1] - offsets[:, 0]
    owner = np.repeat(np.arange(len(offsets)), sizes)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    position = offsets[owner, 0] + within
    token, place = np.full(length, -1), np.full(length, NO_PLACE)
    # Backwards, so that the first of several tokens within one character is the one that stays.
    is_last = within == sizes[owner] - 1
    token[position[::-1]] = owner[::-1]
    place[position[::-1]] = (1 + 2 * np.minimum(within, PLACES_COUNTED - 1) + is_last)[::-1]
    return np.maximum(np.maximum.accumulate(token), 0), place
