"""Raw and normalised text, character by character: where a span of a file stands in the text a model reads, and back.

macOS writes 한빛군 as nine jamo, so for 한빛군에 with its last syllable composed

    raw     ᄒ ᅡ ᆫ ᄇ ᅵ ᆾ ᄀ ᅮ ᆫ 에        text    한 빛 군 에
                                          starts  0  3  6  9
                                          ends    3  6  9  10

    to_raw(1, 3) = (3, 9)    from_raw(3, 9) = (1, 3)    from_raw(3, 8) = None, since it ends within 군

`CharacterMap` is for entities, which a model finds in the normalised text and the user wants in his own; labels go the other
way. `normalize` composes (NFC), gives single characters their usual form, which may be none, and composes again: Ａ´ becomes
A´ and then Á. Each step has its cuts, places at which the text can be divided so that both sides are rewritten on their own;
the pieces that the map knows lie between the cuts that all three steps have in common.

NFC joins a character only to what stands directly before it, or to the letter that its accents follow. So there is a cut
before a character that is no combining mark and does not compose with the piece before it. Where accents of a letter
change their order or compose in part, the letter and its accents stay one piece, whose characters share its span.

`place_by_offsets` is for relations, whose offsets come with the word that should stand there. Files in decomposed form whose
offsets were counted on the composed text exist, and so do offsets that are simply wrong: a span is believed only when it
gives its word. For this the span is normalised apart from what surrounds it, which takes no map, and finds a word that ends
between two accents of a letter as well; no span of the map does.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from data.cleaning import normalize


@dataclass(frozen=True)
class CharacterMap:
    """Which code points of a raw text the characters of the normalised text come from.

    Spans are half-open. The time to build it is linear in the length, but for pages of nothing but combining marks.
    """

    raw: str
    text: str = field(init=False, compare=False)
    """`normalize(raw)`."""
    starts: np.ndarray = field(init=False, compare=False, repr=False)
    ends: np.ndarray = field(init=False, compare=False, repr=False)
    """Character `i` of `text` comes from `raw[starts[i]:ends[i]]`; int64 [len(text)], neither ever decreases.

    Characters of one piece have the same span (U+095C ड़ is two characters in NFC), all others have spans that do not
    overlap. Code points that vanish belong to the piece around them, or to no character.
    """

    def __post_init__(self) -> None:
        text = normalize(self.raw)
        if text == self.raw:
            starts = np.arange(len(text), dtype=np.int64)
            ends = starts + 1
        else:
            starts, ends = _spans(self.raw)
        for name, value in (("text", text), ("starts", starts), ("ends", ends)):
            object.__setattr__(self, name, value)

    @property
    def composes(self) -> bool:
        """Whether a character of `text` comes from several of `raw`."""
        return bool(np.any(self.ends - self.starts > 1))

    def to_raw(self, start: int, end: int) -> tuple[int, int]:
        """The span of `raw` that a span of `text` comes from: all of each piece that it touches.

        Two spans of `text` that meet within a piece therefore overlap in `raw`. Raises ValueError for an empty span or
        one outside the text.
        """
        _check(start, end, len(self.text))
        return int(self.starts[start]), int(self.ends[end - 1])

    def from_raw(self, start: int, end: int) -> tuple[int, int] | None:
        """The span of `text` that a span of `raw` becomes.

        None where the span begins or ends within a piece, or where nothing is left of it. Raises ValueError for an empty
        span or one outside the raw text.
        """
        _check(start, end, len(self.raw))
        first, last = self._place(start), self._place(end)
        return None if first is None or last is None or first == last else (first, last)

    def _place(self, place: int) -> int | None:
        """The characters of `text` before a place in `raw`; None within a piece."""
        before = int(np.searchsorted(self.ends, place, side="right"))
        return before if before == len(self.text) or self.starts[before] >= place else None


def _check(start: int, end: int, length: int) -> None:
    if not 0 <= start < end <= length:
        raise ValueError(
            f"[{start}, {end}) is no span of a text with {length} characters; give 0 <= start < end <= {length}"
        )


# ---- cuts ----


def _spans(raw: str) -> tuple[np.ndarray, np.ndarray]:
    """`starts` and `ends` of a raw text."""
    composed, cuts, places = _compose(raw)
    # In composed text, normalising rewrites single characters: one for one, or one for none.
    usual = {character: normalize(character) for character in set(composed)}
    kept = np.fromiter((len(usual[character]) for character in composed), np.int64, len(composed))
    places = np.concatenate(([0], np.cumsum(kept)))[places]
    _, later_cuts, later_places = _compose("".join(map(usual.__getitem__, composed)))
    at = np.searchsorted(later_cuts, places)
    common = later_cuts[at] == places
    cuts, places = cuts[common], later_places[at[common]]
    lengths = np.diff(places)
    return np.repeat(cuts[:-1], lengths), np.repeat(cuts[1:], lengths)


def _compose(text: str) -> tuple[str, np.ndarray, np.ndarray]:
    """The text in NFC, and its cuts: places in the text and, for each, the place in the text in NFC."""
    if unicodedata.is_normalized("NFC", text):
        every = np.arange(len(text) + 1)
        return text, every, every
    pieces: list[str] = []
    cuts, places = [0], [0]
    for piece in _pieces(text):
        composed = unicodedata.normalize("NFC", piece)
        pieces.append(composed)
        if composed == piece:  # any part of a composed text is composed
            cuts += range(cuts[-1] + 1, cuts[-1] + len(piece) + 1)
            places += range(places[-1] + 1, places[-1] + len(piece) + 1)
        else:
            cuts.append(cuts[-1] + len(piece))
            places.append(places[-1] + len(composed))
    return "".join(pieces), np.array(cuts), np.array(places)


def _pieces(text: str) -> list[str]:
    """The text, not empty, divided into pieces that NFC rewrites each on its own."""
    marks = {character: _begins_with_mark(character) for character in set(text)}
    apart: dict[tuple[str, str], bool] = {}
    pieces = []
    start = 0
    for place in range(1, len(text)):
        character = text[place]
        if marks[character]:
            continue
        pair = text[start:place], character
        if pair not in apart:
            apart[pair] = _composes_apart(*pair)
        if apart[pair]:
            pieces.append(pair[0])
            start = place
    pieces.append(text[start:])
    return pieces


def _begins_with_mark(character: str) -> bool:
    """Whether the character, decomposed, begins with a mark that is put in order among those before it."""
    return unicodedata.combining(unicodedata.normalize("NFD", character)[0]) > 0


def _composes_apart(piece: str, character: str) -> bool:
    apart = unicodedata.normalize("NFC", piece) + unicodedata.normalize("NFC", character)
    return unicodedata.normalize("NFC", piece + character) == apart


# ---- words at offsets ----


class Place(NamedTuple):
    """Where a word stands in a normalised text, half-open."""

    start: int
    end: int


class CutCharacter(ValueError):
    """A span that gives its word, but begins or ends within a character of the normalised text."""


def place_by_offsets(raw: str, text: str, word: str, start: int, end: int) -> Place | None:
    """The place in `text` of the word that `raw[start:end]` is; None if it is another word.

    Args:
        raw: the text that the offsets count the code points of. Where they do not give the word, they are tried as
            offsets of the composed text (NFC) and of the normalised text.
        text: `normalize(raw)`.
        word: what should stand there. Both are compared in normalised form and without white space at their ends, which
            is left out of the place as well.
        start, end: half-open, `0 <= start < end`.

    Raises CutCharacter if the word is there but cannot be taken out of the normalised text.
    """
    word = normalize(word).strip()
    forms = [raw] if raw == text else [raw, unicodedata.normalize("NFC", raw), text]
    for form in forms:
        mapped = _through_normalisation(form, text, start, end)
        if mapped and text[slice(*mapped)].strip() == word:
            return _trimmed(text, mapped)
    if normalize(raw[start:end]).strip() == word:
        raise CutCharacter(word)
    return None


def places_of(word: str, text: str) -> list[Place]:
    """Wherever the word, normalised and without white space at its ends, stands in a normalised text."""
    word = normalize(word).strip()
    places = []
    start = text.find(word)
    while start >= 0:
        places.append(Place(start, start + len(word)))
        start = text.find(word, start + 1)
    return places


def _through_normalisation(form: str, text: str, start: int, end: int) -> Place | None:
    """The offsets of a form of the text as offsets of the normalised text, unless they are outside or cut a character."""
    if end > len(form):
        return None
    if form == text:
        return Place(start, end)  # any part of a normalised text is normalised
    before, inside, after = normalize(form[:start]), normalize(form[start:end]), normalize(form[end:])
    if before + inside + after != text:
        return None
    return Place(len(before), len(before) + len(inside))


def _trimmed(text: str, place: Place) -> Place:
    """The place without the white space at its ends."""
    inside = text[slice(*place)]
    start = place.start + len(inside) - len(inside.lstrip())
    return Place(start, start + len(inside.strip()))


# ---- characters to a reader ----

_JOINER = "\u200d"
_SYLLABLE = re.compile(
    "[\u1100-\u115f\ua960-\ua97c]+[\u1160-\u11a7\ud7b0-\ud7c6]+[\u11a8-\u11ff\ud7cb-\ud7fb]*"  # old Hangul
    "|[가-힣][\u1160-\u11a7\ud7b0-\ud7c6]*[\u11a8-\u11ff\ud7cb-\ud7fb]*"
)
_FLAG = re.compile("[\U0001f1e6-\U0001f1ff]{2}")
_CONTINUES = re.compile("[\u200d\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]")
"""What follows a picture besides marks: a joiner, skin tones, the tags of regional flags."""


def is_one_character(text: str) -> bool:
    """Whether code points are one character to a reader: a syllable of jamo, a letter with its accents, an emoji.

    After the grapheme clusters of Unicode (UAX 29), with less in one: ᄏᄏᄏ, one cluster there, is three characters.
    """
    if len(text) < 2 or len(normalize(text)) == 1:
        return bool(text)
    whole = _SYLLABLE.match(text) or _FLAG.match(text)
    rest = whole.end() if whole else 1
    return all(
        unicodedata.category(character)[0] == "M"
        or _CONTINUES.match(character)
        or (before == _JOINER and unicodedata.category(character)[0] == "S")
        for before, character in pairwise(text[rest - 1 :])
    )
