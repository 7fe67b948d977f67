"""What a row of a relation file says, in whatever format it is written, or why it says nothing.

    Fields(sentence="새솔대학교는 1952년 김다온이 세웠다.", subject=Mention("새솔대학교", 0, 5, "ORG"),
           object=Mention("김다온", 13, 16, "PER"), label="org:founded_by")

All of it is as the file has it: the offsets count the code points of the sentence as it stands there, and nobody has looked yet
whether they give the words. That is done in `data.relations`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple
from unicodedata import normalize as compose

MALFORMED_ROW = "not an object"
WRONG_COLUMNS = "another number of columns than the rest of the file"
NO_SENTENCE = "no sentence"
NO_ENTITY = "no subject or object entity"
MALFORMED_ENTITY = "entity is not a dictionary with word, start_idx and end_idx"
NO_WORD = "entity without a word"
NOT_WHOLE = "offset is not a whole number"
MALFORMED_LABEL = "label is not a string"
BROKEN_CHARACTER = "half a character (a lone surrogate)"
MARKER_MISSING = "<e1>, </e1>, <e2> or </e2> is missing"
MARKER_TWICE = "a marker stands twice"
MARKERS_CROSSED = "markers are nested, crossed or closed before they are opened"

_SURROGATE = re.compile("[\ud800-\udfff]")


class Rejected(Exception):
    """A row that cannot be used. `reason` is one of few, to be counted; `about` names what is wrong in this row."""

    def __init__(self, reason: str, about: str = ""):
        super().__init__(f"{reason} ({about})" if about else reason)
        self.reason = reason


class Mention(NamedTuple):
    """An entity as the file has it."""

    word: str
    start: int | None
    """First code point in the sentence as it stands in the file; None where the file does not say."""
    end: int | None
    """One after the last."""
    type: str | None = None


class Fields(NamedTuple):
    """What a row says."""

    sentence: str
    """As it stands in the file, which the offsets count."""
    subject: Mention
    object: Mention
    label: str | None


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the file, usable or not."""

    where: str
    """"train.json, row 17" or "train.csv:17", the line it begins on."""
    id: str
    """Its guid or id; its number, from 1, where it has none."""
    place: str
    """`where`, with the guid of a row of JSON."""
    content: Fields | Rejected


def row_id(fields: Mapping[str, object]) -> str:
    """A row's guid or id, empty if there is none that can be written down."""
    for key in ("guid", "id"):
        value = fields.get(key)
        if isinstance(value, str | int) and not isinstance(value, bool) and not _SURROGATE.search(str(value)):
            return str(value).strip()
    return ""


def read_fields(fields: Mapping[str, object]) -> Fields | Rejected:
    """What the fields of JSON or CSV say, the entities as dictionaries."""
    try:
        sentence = fields.get("sentence")
        if not isinstance(sentence, str) or not sentence.strip():
            raise Rejected(NO_SENTENCE)
        subject, object_ = _mention(fields.get("subject_entity")), _mention(fields.get("object_entity"))
        return Fields(_whole(sentence), subject, object_, read_label(fields.get("label")))
    except Rejected as rejected:
        return rejected


def _mention(value: object) -> Mention:
    if value is None or value == "":
        raise Rejected(NO_ENTITY)
    if not isinstance(value, dict):
        raise Rejected(MALFORMED_ENTITY)
    word, type = value.get("word"), value.get("type")
    if word is None or (isinstance(word, str) and not word.strip()):
        raise Rejected(NO_WORD)
    if not isinstance(word, str) or not isinstance(type, str | None):
        raise Rejected(MALFORMED_ENTITY)
    start, last = _offset(value.get("start_idx")), _offset(value.get("end_idx"))
    return Mention(_whole(word), start, None if last is None else last + 1, _whole(type or "").strip() or None)


def _offset(value: object) -> int | None:
    """A whole number, which True, 3.0 and "3" are not."""
    if value is None:
        return None
    if type(value) is not int:
        raise Rejected(NOT_WHOLE, repr(value)[:40])
    return value


def read_label(value: object) -> str | None:
    """A label in the form of `written_label`; None if there is none. Raises Rejected if it is no string."""
    if not isinstance(value, str | None):
        raise Rejected(MALFORMED_LABEL)
    return written_label(value or "") or None


def written_label(value: str) -> str:
    """A label in the one form that labels are compared in: composed (NFC), without white space around it."""
    return compose("NFC", _whole(value).strip())


def _whole(value: str) -> str:
    """The string itself, unless JSON made half a character of it ("\\ud83d"), which could not be written anywhere."""
    if not value.isascii() and _SURROGATE.search(value):
        raise Rejected(BROKEN_CHARACTER)
    return value
