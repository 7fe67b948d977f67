r"""What is in a text file, where its documents begin and end, and what their text is.

Three formats, told apart by content and never by name:

* `petitions`: JSON lines, an object a line with a string under "content" (or "text") and, if there is one, "title".
  One line is one document: {"title": "청원합니다", "content": "안녕하세요. …"}.
* `namuwikitext`: a heading of the first level opens a page, which lasts until the next such heading:

       = 집성목 =             <- title, first line of the document

       = = 개요 = =           <- headings inside a page: dropped, they are no sentences
      나무 조각을 접착제로 붙여 만든 목재.

* `plain`: a sentence or a paragraph a line, blank lines between documents.

A document of the last two formats that is longer than `LONGEST_DOCUMENT` is cut at a line end, so that a file of 1 GB
without a blank line is not one document of 1 GB: whoever needs one sentence of a document reads and cleans all of it.

What this does not do: it does not clean text, split sentences, or guess at encodings. Text is UTF-8; a file in CP949 or
UTF-16 is refused with the name of its encoding.
"""

import codecs
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from data.errors import DataError
from data.lines import BLOCK, BOM, LONGEST_LINE, plain_newlines

LONGEST_DOCUMENT = 2**15
"""Characters after which a page or a block of plain text is cut, at a line end; a single line is never cut."""

HEAD = 2**16
"""Bytes from the start of a file that decide on its format."""

BROKEN_JSON = "broken JSON line"
NO_TEXT = 'JSON line without "content" or "text"'
EMPTY_DOCUMENT = "empty document"
TOO_LONG = "line longer than 16 MiB"


class Format(StrEnum):
    """How documents are laid out in a file."""

    PETITIONS = "petitions"
    NAMUWIKITEXT = "namuwikitext"
    PLAIN = "plain"


class Refused(DataError):
    """A file that cannot be used, with the reason for the report: counted in a folder, an error when named directly."""

    def __init__(self, name: str, reason: str, advice: str):
        super().__init__(f"{name} is {reason}: {advice}.")
        self.name = name
        self.reason = reason


class Rejected(Exception):
    """A document that cannot be used; `str(rejected)` is the reason for the report."""


class Span(NamedTuple):
    """Consecutive lines of a file that make up one document."""

    line: int
    """Number of the first line, from 1."""
    text: str
    """The lines, without the last newline."""
    continues: bool = False
    """Whether it goes on with a document that was cut because of its length."""

    @property
    def lines(self) -> int:
        """How many lines."""
        return self.text.count("\n") + 1


class Content(NamedTuple):
    """The text of one document, as the file has it."""

    title: str
    """Empty if there is none."""
    paragraphs: list[str]
    """Without blank ones; at least one."""


# --- Which format -----------------------------------------------------------------------------------------------------

_BINARY = {
    b"%PDF": "a PDF document",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an HWP or old Office document",
    b"PK\x03\x04": "a zip archive inside an archive",
    b"\x1f\x8b": "a gzip archive inside an archive",
    b"\xfd7zXZ\x00": "an xz archive inside an archive",
    b"BZh": "a bzip2 archive inside an archive",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive inside an archive",
}
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_MARKUP = re.compile(r"\s*<(!doctype|\?xml|html|mediawiki)\b", re.IGNORECASE)
_JSON_ARRAY = re.compile(r"\s*\[\s*[{\[]")
_JSON_OBJECT = re.compile(r'\s*\{\s*["}]')


def detect(path: Path, name: str) -> Format:
    """The format of a file, from its first 64 KiB (or its first line, if that is longer).

    Raises Refused, with a sentence that calls the file `name`, for what is empty, binary, in another encoding, markup,
    or JSON of another shape; OSError if it cannot be read.
    """
    with open(path, "rb") as file:
        head = file.read(HEAD)
        while head.find(b"\n") < 0 and len(head) < LONGEST_LINE and (more := file.read(BLOCK)):
            head += more
        whole = not file.read(1)
    text = _decode_head(head, name, whole)
    lines = [line for line in text.split("\n")[: None if whole else -1] if line.strip()] or [text]
    if not text.strip():
        raise Refused(
            name, "an empty file" if whole else "a file that begins with blank lines only", "give a file of text"
        )
    if _MARKUP.match(text):
        raise Refused(name, "HTML or XML markup", "extract the text first")
    if _JSON_ARRAY.match(text):
        raise Refused(name, "a JSON array", "write one JSON object a line")
    if _holds_text(lines[0]) or lines[0].strip() == "{" or sum(map(_looks_like_json, lines)) * 2 > len(lines):
        _check_json(lines, name)
        return Format.PETITIONS
    if _TITLE.match(lines[0]) or (any(map(_TITLE.match, lines)) and any(map(_SECTION.match, lines))):
        return Format.NAMUWIKITEXT
    return Format.PLAIN


def _decode_head(head: bytes, name: str, whole: bool) -> str:
    """The head as text, if it is text in UTF-8, give or take a few bytes."""
    for magic, kind in _BINARY.items():
        if head.startswith(magic):
            raise Refused(name, kind, "extract the text first")
    if head[257:262] == b"ustar":
        raise Refused(name, "a tar archive", "extract its files first")
    if head.startswith(_UTF16):
        raise Refused(name, "text in UTF-16", "convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)")
    text = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode(head.removeprefix(BOM), final=whole)
    if len(_CONTROL.findall(text)) * 100 > len(text):
        raise Refused(name, "a binary file", "give text in UTF-8")
    broken = len(re.findall("[\udc80-\udcff]", text))
    if broken * 2 > len(text) - len(text.encode("ascii", "ignore")):  # more than half of what is not ASCII
        korean = head.decode("cp949", "replace")
        if len(re.findall("[가-힣]", korean)) > 10 * korean.count("\ufffd"):
            raise Refused(name, "text in CP949 (EUC-KR)", "convert it to UTF-8 (iconv -f CP949 -t UTF-8)")
        raise Refused(name, "not text in UTF-8", "convert it to UTF-8")
    return plain_newlines(text)


def _looks_like_json(line: str) -> bool:
    return _JSON_OBJECT.match(line) is not None


def _holds_text(line: str) -> bool:
    """Whether a line is a JSON object with text in it."""
    try:
        return _text_field(_fields(line)) is not None
    except Rejected:
        return False


def _check_json(lines: Sequence[str], name: str) -> None:
    """Raises Refused unless text is found in one of the lines of JSON."""
    if any(map(_holds_text, lines)):
        return
    for line in lines:
        with suppress(Rejected):
            keys = ", ".join(f'"{key}"' for key in list(_fields(line))[:8])
            advice = f"give the field with the text this name (found: {keys})"
            raise Refused(name, 'JSON without "content" or "text"', advice)
    raise Refused(name, "JSON that is not one object a line", "write one JSON object a line")


# --- Where documents begin and end ------------------------------------------------------------------------------------

_BLANK_LINES = re.compile(r"\n\s*\n")
_LEADING_BLANK_LINES = re.compile(r"\s*\n")
_HEADING = r" = (?!= )([^\r\n]+) =[ \t]*"
"""Of the first level: the title of a page."""
_TITLE = re.compile(rf"{_HEADING}$")
_SECTION = re.compile(r" (?:= ){2,}.+(?: =){2,}[ \t]*$")
_PAGE = re.compile(rf"\n(?={_HEADING}(?:\n|\Z))")


def decode_blocks(blocks: Iterable[bytes], reject: Callable[[int, str], None], *, begins: bool = True) -> Iterator[str]:
    """Blocks of a file as `data.lines.read_blocks` gives them, as text: "\\n" for every line end, no byte order mark.

    With `begins` the first block is the file's first; lines are counted from the first block's on.

    A byte that is not UTF-8 becomes a lone surrogate, which no valid text holds, so that the documents with such bytes
    can be told from those that hold U+FFFD. A line that came in pieces, being too long, is told to `reject` with its
    number and left empty.
    """
    line = 1
    inside = False
    for number, block in enumerate(blocks):
        text = plain_newlines(
            (block if number or not begins else block.removeprefix(BOM)).decode("utf-8", "surrogateescape")
        )
        if inside:
            _, end, text = text.partition("\n")
            inside, text = not end, end + text
        elif len(block) > LONGEST_LINE and "\n" not in text:
            reject(line, TOO_LONG)
            inside, text = True, ""
        line += text.count("\n")
        yield text


_BORDER = {
    Format.PETITIONS: re.compile(rb"\n"),
    Format.NAMUWIKITEXT: re.compile(rf"\n(?={_HEADING}\r?\n)".encode()),
    Format.PLAIN: re.compile(rb"\n[ \t\r]*\n(?=\S)"),
}
"""Some of the borders between documents, in bytes: enough to cut a large file at."""

_LONGEST_BORDER = 4096
"""Bytes; a longer title, or more blanks in a row, are looked over."""


def parts(path: Path, format: Format, size: int, wanted: int) -> Iterator[tuple[int, int]]:
    """First byte and end of parts of a file that can be read one by one: `split_documents` finds the same documents in them.

    Args:
        path: the file, of `size` bytes.
        wanted: bytes of a part, at the least; it ends with the next border that is found from there on.
    """
    begin, border = 0, _BORDER[format]
    with open(path, "rb", buffering=0) as file:
        while begin < size:
            place = begin + wanted
            file.seek(place)
            text, end = b"", size
            while place < size and (more := file.read(BLOCK // 64)):
                text += more
                if found := border.search(text):
                    end = place + found.end()
                    break
                dropped = max(0, len(text) - _LONGEST_BORDER)
                text, place = text[dropped:], place + dropped
            yield begin, end
            begin = end


def split_documents(format: Format, blocks: Iterable[str]) -> Iterator[Span]:
    """The documents of a file in order, from the text that `decode_blocks` gives."""
    if format is Format.PETITIONS:
        return _line_by_line(blocks)
    return _between(_PAGE if format is Format.NAMUWIKITEXT else _BLANK_LINES, blocks)


def _line_by_line(blocks: Iterable[str]) -> Iterator[Span]:
    first = 1
    for block in blocks:
        for line, text in enumerate(block.split("\n"), first):
            if text and not text.isspace():
                yield Span(line, text)
        first += block.count("\n")


def _between(border: re.Pattern[str], blocks: Iterable[str]) -> Iterator[Span]:
    """What lies between borders, cut where it is too long. Only an open document is held from one block to the next."""
    text, line, continues = "", 1, False
    for block in blocks:
        text += block
        start = 0
        borders = border.finditer(text)
        found = next(borders, None)
        while True:
            end = found.start() if found else len(text) - text.endswith("\n")
            cut = _cut(text, start, end) if end - start > LONGEST_DOCUMENT else None
            if cut is not None:
                end, after = cut, cut + 1
            elif found:
                after = found.end()
            else:
                break
            if span := _span(text[start:end], line, continues):
                yield span
            continues = cut is not None
            if found and not continues:
                found = next(borders, None)
            line += text.count("\n", start, after)
            start = after
        text = text[start:]
    if span := _span(text, line, continues):
        yield span


def _cut(text: str, start: int, end: int) -> int | None:
    """The newline at which to cut `text[start:end]`, or None if it is short enough or one line.

    Which one it is depends on the document alone, not on how much of it has been read so far.
    """
    if blank := _LEADING_BLANK_LINES.match(text, start, end):
        start = blank.end()
    if end - start <= LONGEST_DOCUMENT:
        return None
    place = text.rfind("\n", start, start + LONGEST_DOCUMENT)
    if place < 0:
        place = text.find("\n", start, end)
    return place if place >= 0 else None


def _span(text: str, line: int, continues: bool) -> Span | None:
    """The text without blank lines around it, if anything is left."""
    if blank := _LEADING_BLANK_LINES.match(text):
        line += text.count("\n", 0, blank.end())
        text = text[blank.end() :]
    text = text.rstrip()
    return Span(line, text, continues) if text else None


# --- What the text is -------------------------------------------------------------------------------------------------


def read_document(format: Format, lines: Sequence[str]) -> Content:
    """Title and paragraphs of the document that `lines` hold. Raises Rejected if there is no text in it."""
    if format is Format.PETITIONS:
        fields = _fields(lines[0])
        text = _text_field(fields)
        if text is None:
            raise Rejected(NO_TEXT)
        title = fields.get("title")
        content = Content(" ".join(title.split()) if isinstance(title, str) else "", _not_blank(text.splitlines()))
    elif format is Format.NAMUWIKITEXT:
        found = _TITLE.match(lines[0])
        body = lines[1:] if found else lines
        content = Content(
            found[1].strip() if found else "", _not_blank(line for line in body if not _SECTION.match(line))
        )
    else:
        content = Content("", _not_blank(lines))
    if not content.paragraphs:
        raise Rejected(EMPTY_DOCUMENT)
    return content


def _not_blank(lines: Iterable[str]) -> list[str]:
    return [stripped for line in lines if (stripped := line.strip())]


def _fields(line: str) -> dict[str, object]:
    """The object on a line of JSON."""
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        raise Rejected(BROKEN_JSON) from None
    if not isinstance(fields, dict):
        raise Rejected(BROKEN_JSON)
    return fields


def _text_field(fields: dict[str, object]) -> str | None:
    """The document's text among the fields, if there is any."""
    for key in ("content", "text"):
        value = fields.get(key)
        if isinstance(value, str):
            return value
    return None
