"""Character offsets that survive normalisation: from a span of the text in a file to the span of the normalised text.

macOS writes 한빛군에 as nine jamo, so a file may say that 빛군 is characters 3 to 8 of

    raw          ᄒ ᅡ ᆫ ᄇ ᅵ ᆾ ᄀ ᅮ ᆫ ᄋ ᅦ        [3, 9)
    normalised   한빛군에                          [1, 3)

`normalize` changes lengths, but it works character by character: cut at the ends of the span, the three pieces 한, 빛군 and 에
are normalised to the same characters as the whole text. So the new offsets are the lengths of what stands before.

That fails where the cut goes through a character that is composed across it (ᄒ ᅡ | ᆫ): such a span has no counterpart.
Files in decomposed form whose offsets were counted on the composed text exist as well, and so do offsets that are simply
wrong. A span is therefore believed only when it gives the word that the file names beside it.
"""

import unicodedata
from typing import NamedTuple

from data.cleaning import normalize


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
