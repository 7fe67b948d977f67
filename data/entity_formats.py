r"""The two formats of entity files, each read into the same sentences.

They are told apart by content, never by name. The same sentence in each:

* `character-tsv`, KLUE-NER's: a character, a tab and its tag a line, spaces included, and a blank line between sentences.

      ## a-17\t<김다온:PS>이 <새솔대학교:OG>를 세웠다.
      김\tB-PS
      다\tI-PS
      온\tI-PS
      이\tO
      …

  The tag stands behind the last tab of a line, so that a character may be a tab or a "#". Lines that begin with "##" and
  are no character with a tag are comments; one directly before a sentence gives its id, the first column of it.

* `inline`: a sentence a line, as KLUE's comments show it.

      <김다온:PS>이 <새솔대학교:OG>를 세웠다.

  The last colon of a span separates its type. A type is letters, digits, "_" and "-" and begins with a letter; every other
  "<", ">" and ":" is text: <기생충>, a < b, <18:30>. So is what looks like half a span, unless spans of the file have its
  type: then it is a mistake.

A character may be several code points (a decomposed syllable, an emoji with its joiners). A sentence with a mistake comes
out as the reason why it cannot be used (`data.entity_marks.Rejected`); what normalising does to it is judged in `data.entities`.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice, pairwise
from pathlib import Path
from typing import Literal, NamedTuple

from data.entity_marks import (
    CONTINUES_NOTHING,
    MALFORMED_TAG,
    NESTED,
    NO_CHARACTER,
    NO_TAB,
    SEVERAL_CHARACTERS,
    UNCLOSED,
    UNOPENED,
    Mark,
    Marked,
    Rejected,
    Sentence,
)
from data.errors import DataError
from data.lines import plain_newlines
from data.offsets import is_one_character

EntityFormat = Literal["character-tsv", "inline"]


def read_sentences(path: Path) -> tuple[EntityFormat, list[Sentence]]:
    """The format of a file and all its sentences in order, each with what it says or why it says nothing.

    Raises DataError, one sentence, for a file that cannot be opened, is empty, not UTF-8, or marks no entities.
    """
    text = read_text(path)
    if not text.strip():
        raise DataError(f"{path} is empty: give a file with sentences and their entities.")
    format = _format(text)
    if format == "text":
        raise DataError(
            f"{path} marks no entities: give KLUE-NER's layout, a character, a tab and its tag a line, or a sentence a line "
            "with <김다온:PS> around its entities."
        )
    read = _character_sentences if format == "character-tsv" else _inline_sentences
    return format, list(read(text, path.name))


class Beginning(NamedTuple):
    """What a file is, to judge by its first megabyte."""

    format: Literal["character-tsv", "inline", "json", "text"]
    """json: an object a line, whatever it says; text: nothing is marked."""
    types: set[str]
    """Of the entities that an `inline` marks."""


def beginning_of(path: str | Path) -> Beginning:
    """What a file is.

    Raises DataError, one sentence, for a file that cannot be opened or does not begin as UTF-8 does.
    """
    text = read_text(Path(path), _BEGINNING)
    if re.match(r"\s*\{\s*[\"}]", text):
        return Beginning("json", set())
    types = {type for line in text.split("\n") if _CLOSING.search(line) for type in _types(_scan(line)[0])}
    return Beginning(_format(text), types)


def read_text(path: Path, size: int | None = None) -> str:
    r"""The file without a byte order mark, "\n" for every line end; of a longer one than `size` bytes its first whole lines.

    Raises DataError, one sentence, for a file that cannot be opened or is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            content = file.read(size)
    except FileNotFoundError:
        raise DataError(f"{path} does not exist: give the path of a file with sentences.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): give a file that you may open.") from None
    if len(content) == size:
        content = content[: content.rfind(b"\n") + 1] or content
    try:
        # Of a single line that is longer than `size`, a character may be cut.
        return plain_newlines(content.decode("utf-8-sig", "ignore" if len(content) == size else "strict"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{path} is UTF-16: convert the file (iconv -f UTF-16 -t UTF-8).")
    raise DataError(
        f"{path}:{line} is not UTF-8: convert the file (iconv -f CP949 -t UTF-8, if a Korean Excel saved it)."
    )


_LOOK, _BEGINNING = 1000, 1 << 20
"""Lines, within so many bytes, that decide whether a file is a `character-tsv`."""


def _has_tags(text: str) -> bool:
    """Whether most of the first lines have a tab and a tag."""
    lines = (match[0] for match in re.finditer("[^\n]+", text))
    first = list(islice((line for line in lines if line != "\t" and not _is_comment(line)), _LOOK))
    return 2 * sum(map(_has_tag, first)) > len(first)


def _format(text: str) -> Literal["character-tsv", "inline", "text"]:
    """The format by the content: `inline` where a line holds a span, "text" where nothing is marked."""
    if _has_tags(text):
        return "character-tsv"
    if any(_types(_scan(line)[0]) for line in text.split("\n") if _CLOSING.search(line)):
        return "inline"
    return "text"


# ---- characters with tags ----

_TAG = re.compile(r"O|[BI]-[\w-]+")


def _has_tag(line: str) -> bool:
    """Whether a line is a character, a tab and whatever stands for a tag, or anything with a proper tag."""
    token, _, tag = line.rpartition("\t")
    return is_one_character(token) or bool(token and _TAG.fullmatch(tag.strip(" ")))


def _is_comment(line: str) -> bool:
    r"""Whether a line is a comment: "## a-17\tO" is; "##은\tO" is half a word with its tag."""
    return line.startswith("##") and (" " in line.rpartition("\t")[0] or not _has_tag(line))


def _character_sentences(text: str, name: str) -> Iterator[Sentence]:
    """The sentences of a `character-tsv`. A comment ends a sentence as well as a blank line."""
    number = 0
    id = ""
    lines: list[str] = []
    for line_number, line in enumerate([*text.split("\n"), ""], 1):
        if line and line != "\t" and not _is_comment(line):
            lines.append(line)
            continue
        if lines:
            number += 1
            first = line_number - len(lines)
            content: Marked | Rejected
            try:
                content, mistake = _tagged(lines), first
            except Rejected as rejected:
                content, mistake = rejected, first + rejected.line
            place_of_mistake = f"{name}:{mistake} ({id})" if id else f"{name}:{mistake}"
            yield Sentence(id or str(number), f"{name}:{first}", place_of_mistake, content)
            lines = []
        id = _comment_id(line)


def _comment_id(comment: str) -> str:
    r"""The first column of a comment; none for one that explains the file, as KLUE's "## 컬럼명 : CHAR\tNE_TAG"."""
    id = comment.lstrip("#").partition("\t")[0].strip()
    return "" if " : " in id else id


def _tagged(lines: list[str]) -> Marked:
    """The sentence of lines with a character, a tab and a tag each."""
    characters: list[str] = []
    marks: list[Mark] = []
    length = start = 0
    open = ""  # the type of the entity that the characters from `start` on belong to
    for number, line in enumerate(lines):
        character, tab, tag = line.rpartition("\t")
        if len(character) != 1:
            _check_character(character, tab, number, line)
        if tag == "O":
            if open:
                marks.append(Mark(start, length, open))
                open = ""
        else:
            kind, type = _parts(tag)
            if not kind:
                raise Rejected(MALFORMED_TAG, tag[:40], number)
            if kind != "I" and open:
                marks.append(Mark(start, length, open))
            if kind == "I" and type != open:
                raise Rejected(CONTINUES_NOTHING, tag[:40], number)
            if kind == "B":
                start = length
            open = type
        characters.append(character)
        length += len(character)
    if open:
        marks.append(Mark(start, length, open))
    return Marked("".join(characters), tuple(marks))


def _check_character(character: str, tab: str, number: int, line: str) -> None:
    """Raises Rejected unless there is one character before a tab."""
    if not tab:
        raise Rejected(NO_TAB, line[:40], number)
    if not character:
        raise Rejected(NO_CHARACTER, "", number)
    if not is_one_character(character):
        raise Rejected(SEVERAL_CHARACTERS, character[:40], number)


@lru_cache(maxsize=4096)
def _parts(tag: str) -> tuple[str, str]:
    """("B", "PS") of B-PS, ("O", "") of O, and ("", "") of what is no tag. Types are composed (NFC)."""
    tag = unicodedata.normalize("NFC", tag.strip(" "))
    return (tag[0], tag[2:]) if _TAG.fullmatch(tag) else ("", "")


# ---- spans in the text ----

_CLOSING = re.compile(r":([^\W\d_][\w-]*)>")
_BRACKET = re.compile(rf"<|{_CLOSING.pattern}|>")


class _Span(NamedTuple):
    """<김다온:PS> in a line."""

    opening: int
    colon: int
    end: int
    type: str


def _scan(line: str) -> tuple[list[_Span], list[str]]:
    """The spans in the order in which they close, and the types of what closes without one certain opening.

    A span opens with the last "<" that is still open; a plain ">" closes a plain "<". One with white space behind it, as in
    a < b, opens a span only if no other is open.
    """
    spans: list[_Span] = []
    loose: list[str] = []
    opened: list[int] = []
    tight: list[int] = []  # those of them without white space behind
    for bracket in _BRACKET.finditer(line):
        place, type = bracket.start(), bracket[1]
        if bracket[0] == "<":
            opened.append(place)
            if not line[place + 1 : place + 2].isspace():
                tight.append(place)
        elif type and not (opened and (not tight or tight[-1] == opened[-1])):
            loose.append(type)
        elif opened:
            opening = opened.pop()
            if tight and tight[-1] == opening:
                tight.pop()
            if type:
                spans.append(_Span(opening, place, bracket.end(), type))
    return spans, loose


def _types(spans: Iterable[_Span]) -> set[str]:
    """The types that a file has: of its spans that are not empty."""
    return {span.type for span in spans if span.colon > span.opening + 1}


def _inline_sentences(text: str, name: str) -> Iterator[Sentence]:
    lines = [(place, line) for place, line in enumerate(text.split("\n"), 1) if line]
    scanned = [_scan(line) if _CLOSING.search(line) else ([], []) for _, line in lines]
    types = _types(span for spans, _ in scanned for span in spans)
    unclosed = re.compile(rf"<[^<>]*:({'|'.join(map(re.escape, sorted(types)))})(?![\w>-])")
    for number, ((place, line), (spans, loose)) in enumerate(zip(lines, scanned, strict=True), 1):
        where = f"{name}:{place}"
        content: Marked | Rejected
        try:
            content = _unmarked(line, spans, loose, types, unclosed)
        except Rejected as rejected:
            content = rejected
        yield Sentence(str(number), where, where, content)


def _unmarked(line: str, spans: list[_Span], loose: list[str], types: set[str], unclosed: re.Pattern[str]) -> Marked:
    """The sentence without its marks."""
    spans = [span for span in spans if span.type in types]  # <:D> is no span of a file that has no type D
    for inner, span in pairwise(spans):
        if span.opening < inner.opening:
            raise Rejected(NESTED, line[span.opening : span.end][:60])
    for type in loose:
        if type in types:
            raise Rejected(UNOPENED, f"{type}>")
    half = unclosed.search(line)
    if half:
        raise Rejected(UNCLOSED, half[0][:60])
    parts: list[str] = []
    marks: list[Mark] = []
    length = after = 0
    for span in spans:
        before, word = line[after : span.opening], line[span.opening + 1 : span.colon]
        parts += before, word
        length += len(before)
        marks.append(Mark(length, length + len(word), unicodedata.normalize("NFC", span.type)))
        length += len(word)
        after = span.end
    return Marked("".join(parts) + line[after:], tuple(marks))
