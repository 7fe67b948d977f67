"""What a sentence of an entity file says, in whatever format it is written, or why it says nothing.

    Marked(text="김다온이 새솔대학교를 세웠다.", entities=(Mark(0, 3, "PS"), Mark(5, 10, "OG")))

All of it is as the file has it: nobody has looked yet what normalising does to the text. That is done in `data.entities`.
"""

from dataclasses import dataclass
from typing import NamedTuple

NO_TAB = "a line without a tab between character and tag"
NO_CHARACTER = "no character before the tab"
SEVERAL_CHARACTERS = "several characters on a line, where each has its own"
MALFORMED_TAG = "tag is not O, B-… or I-…"
CONTINUES_NOTHING = "I- continues no entity of its type"
NO_SENTENCE = "no sentence, only white space"
EMPTY_SPAN = "an entity of nothing, or of white space"
NESTED = "one span lies within another"
UNCLOSED = "a span is not closed with >"
UNOPENED = "a span is not opened with <, or it is unclear with which"


class Mark(NamedTuple):
    """An entity as the file has it, in code points of the sentence as it stands there; half-open."""

    start: int
    end: int
    type: str


class Marked(NamedTuple):
    """What a sentence of the file says."""

    text: str
    """As it stands in the file, without the marks."""
    entities: tuple[Mark, ...]
    """In order, not overlapping."""


class Rejected(Exception):
    """A sentence that cannot be used. `reason` is one of few, to be counted; `about` names what is wrong in this one."""

    def __init__(self, reason: str, about: str = "", line: int = 0):
        super().__init__(f"{reason} ({about})" if about else reason)
        self.reason = reason
        self.line = line
        """Lines between the sentence's first and the one with the mistake."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of the file, usable or not."""

    id: str
    """The file's; its number, from 1, where it has none."""
    where: str
    """"train.tsv:17": the line of its first character, or its only line."""
    place: str
    """"train.tsv:19 (a-17)": the line with the mistake, and the id that the file gives it."""
    content: Marked | Rejected
