"""The texts that are to be read for entities, in whatever file they stand.

    character-tsv, inline     as training reads them; compared with the entities that are marked
    JSON lines                an object a line, its text under "text" or "sentence", its id under "id" or "guid"
    anything else             a text a line

What is not labelled may be larger than memory. A file counts as `inline` where it marks types that the model knows: what
merely looks like a span is text.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from data.entities import TaggedText, read_entities
from data.entity_formats import beginning_of
from data.errors import DataError
from data.lines import open_lines
from data.rows import counted
from finetune.task import FileSource, Source

NO_JSON, NO_TEXT = "no JSON object", "no text under text or sentence"


def open_texts(path: Path, types: Sequence[str], cache_dir: Path, strict: bool) -> Source[TaggedText]:
    """The texts of a file.

    Args:
        path: of the file. Its name says nothing.
        types: that the model knows.
        cache_dir: for the index of a large file.
        strict: whether a line that cannot be read is an error.

    Raises:
        DataError: the file cannot be read, or holds no text.
    """
    beginning = beginning_of(path)
    if beginning.format == "character-tsv" or (beginning.format == "inline" and beginning.types & set(types)):
        return FileSource(read_entities(path, strict=strict), "they have no answer")
    return LineSource(path, cache_dir, strict=strict, json_lines=beginning.format == "json")


class LineSource:
    """A file with a text a line.

    Attributes:
        size: lines, where some may be empty.
    """

    def __init__(self, path: Path, cache_dir: Path, *, strict: bool, json_lines: bool) -> None:
        self.path, self.strict, self.json_lines = path, strict, json_lines
        self.format = "JSON lines" if json_lines else "a text a line"
        self._lines = open_lines(path, cache_dir)
        self.size = len(self._lines)
        self._empty = self._texts = 0
        self._broken: list[str] = []
        self._rejected: dict[str, list[str]] = {}
        if not any(self._lines.getline(number).strip() for number in range(1, self.size + 1)):
            raise DataError(f"{path} holds no text: give a file with a text a line.")

    @property
    def rows(self) -> Iterator[TaggedText]:
        """The lines that have a text; the others are counted."""
        self._empty = self._texts = 0
        self._broken, self._rejected = [], {}
        for number in range(1, self.size + 1):
            line, where = self._lines.getline(number).rstrip("\n"), f"{self.path.name}:{number}"
            if not line.strip():
                self._empty += 1
                continue
            if "\ufffd" in line:
                if self.strict:
                    raise DataError(
                        f"{where} has U+FFFD, which stands for bytes that are not UTF-8; convert the file "
                        "(iconv -f CP949 -t UTF-8), or leave out --strict"
                    )
                self._broken.append(where)
            name, text = self._read(line, str(number), where) if self.json_lines else (str(number), line)
            if text is not None:
                self._texts += 1
                yield TaggedText(name, text, None, where)
        if not self._texts:
            raise DataError(f"{self.path} holds no text that can be read ({', '.join(self._rejected)}).")

    def _read(self, line: str, number: str, where: str) -> tuple[str, str | None]:
        """Id and text of a line of JSON; no text where it has none."""
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        reason = NO_JSON
        if isinstance(value, dict):
            text = next((value[name] for name in ("text", "sentence") if isinstance(value.get(name), str)), None)
            if text is not None and text.strip():
                given = next((value[name] for name in ("id", "guid") if isinstance(value.get(name), str | int)), number)
                return str(given), text
            reason = NO_TEXT
        if self.strict:
            raise DataError(f"{where}: {reason}; correct the line, or leave out --strict to go on without it.")
        self._rejected.setdefault(reason, []).append(where)
        return number, None

    def report(self) -> dict[str, Any]:
        return {
            "file": str(self.path),
            "format": self.format,
            "lines": self.size,
            "texts": self._texts,
            "empty": self._empty,
            "not_utf_8": counted(self._broken),
            "rejected": {reason: counted(places) for reason, places in self._rejected.items()},
        }

    def warnings(self) -> list[str]:
        said = [f"Empty lines: {self._empty:,}. They have no answer."] if self._empty else []
        if self._broken:
            said.append(
                f"Lines with U+FFFD, which stands for bytes that are not UTF-8: {len(self._broken):,}, {self._broken[0]} "
                "first."
            )
        said += [
            f"{len(places):,} lines could not be read ({reason}, {places[0]} first); they have no answer."
            for reason, places in self._rejected.items()
        ]
        return said
