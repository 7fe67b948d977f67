r"""The four layouts of files with labelled texts, each read into the same records.

They are told apart by content, never by name. The same row in each:

* `tsv` and `csv`, with a heading of column names:

      id      document                 label
      9620    나름 교훈이 있는 영화    1

  A quote in a TSV is text, as in NSMC, KorNLI, KorSTS and XNLI, which have it anywhere (그는 "갈게"라고 했다); unless every quote of the
  file encloses a cell or stands doubled in one, as spreadsheets and pandas write them. In a CSV quotes enclose.

* `json`: a list of objects, or an object with such a list under "data".

      [{"guid": "a-17", "title": "나름 교훈이 있는 영화", "label": "1"}]

* `json-lines`: an object a line.

A row that cannot be read comes out as the reason why. Which columns hold what is judged in `data.classification`.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from data.entity_formats import read_text
from data.errors import DataError
from data.records import read_records
from data.relation_rows import MALFORMED_ROW, Rejected

ClassificationFormat = Literal["tsv", "csv", "json", "json-lines"]

RAGGED = "another number of columns than the heading"


@dataclass(frozen=True, slots=True)
class Record:
    """A row of the file, usable or not."""

    where: str
    """"train.json, row 17" or "train.tsv:17", the line it begins on."""
    content: Mapping[str, object] | Rejected
    """Values by column."""


@dataclass(frozen=True)
class Table:
    """What a file holds."""

    format: ClassificationFormat
    columns: list[str]
    """As the heading names them, or all keys of JSON in the order in which they come."""
    records: list[Record]


def read_table(path: Path) -> Table:
    """All rows of a file, in order; a TSV or CSV may have a single column.

    Raises DataError, one sentence, for a file that cannot be opened, is empty, not UTF-8, broken in a way that leaves it unclear where
    the rows are, or has no rows.
    """
    content, name = read_text(path), path.name
    if not content.strip():
        raise DataError(f"{path} is empty: give a file with labelled texts.")
    if re.match(r"\s*(\[\s*[\[{\"\]]|\{\s*[\"}])", content):
        format, records = _json(content, name)
        contents = [record.content for record in records]
        columns = list(dict.fromkeys(key for row in contents if not isinstance(row, Rejected) for key in row))
        if records and not columns:
            raise DataError(f'{path} holds no JSON object with keys: write a list of {{"text": …, "label": …}}.')
    else:
        heading = next(line for line in content.split("\n") if line.strip())
        format = "csv" if "," in heading and "\t" not in heading else "tsv"
        if format == "tsv" and not _encloses(content):
            rows = _lines(content)
        else:
            rows = read_records(content, name, "\t" if format == "tsv" else ",")
        columns = [cell.strip() for cell in next(rows)[1]]
        if twice := [column for column, count in Counter(columns).items() if column and count > 1]:
            raise DataError(f"{path} has two columns {twice[0]}: give each a name of its own.")
        records = [_record(f"{name}:{line}", columns, cells) for line, cells in rows]
    if not records:
        raise DataError(f"{path} has no rows: give a file with labelled texts.")
    return Table(format, columns, records)


# ---- JSON ----


def _json(content: str, name: str) -> tuple[ClassificationFormat, list[Record]]:
    try:
        values = json.loads(content)
    except json.JSONDecodeError as error:
        if content.lstrip().startswith("{"):
            return "json-lines", list(_json_lines(content, name))
        raise DataError(
            f"{name}:{error.lineno} is broken JSON ({error.msg}): correct the file from there on."
        ) from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, lists in lists in lists
        raise DataError(f"{name} is JSON that cannot be read ({error}): write a list of flat objects.") from None
    if isinstance(values, dict) and not isinstance(values.get("data"), list):
        return "json-lines", list(_json_lines(content, name))  # a single line, or none of rows
    rows = values["data"] if isinstance(values, dict) else values
    return "json", [_object(f"{name}, row {number}", value) for number, value in enumerate(rows, 1)]


def _json_lines(content: str, name: str) -> Iterator[Record]:
    for number, line in enumerate(content.split("\n"), 1):
        if line.strip():
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise DataError(
                    f"{name}:{number} is no JSON object on one line ({error}): write one object a line, or all in a list."
                ) from None
            yield _object(f"{name}:{number}", value)


def _object(where: str, value: object) -> Record:
    return Record(where, value if isinstance(value, dict) else Rejected(MALFORMED_ROW))


# ---- TSV and CSV ----

_UNQUOTED, _QUOTED = r'[^"\t\n]*+', r'"(?:[^"\t]++|"")*+"'
_ENCLOSED = re.compile(rf"(?:(?:{_QUOTED}|{_UNQUOTED})[\t\n])*+(?:{_QUOTED}|{_UNQUOTED})")
_NEEDED = re.compile(r'(?:^|\t)"[^"\t\n]*(?:""|$)', re.MULTILINE)
"""What a cell must have been enclosed for: a quote or a line end in it. Nobody encloses a whole "좋다" for what it is."""


def _encloses(content: str) -> bool:
    """Whether a TSV's quotes enclose cells: all could, and the heading's do, or some cell needs it."""
    if '"' not in content or not _ENCLOSED.fullmatch(content):
        return False
    return content.lstrip().startswith('"') or bool(_NEEDED.search(content))


def _lines(content: str) -> Iterator[tuple[int, list[str]]]:
    """The cells of each line that is not blank, with its number."""
    for number, line in enumerate(content.split("\n"), 1):
        if line.strip(" "):
            yield number, line.split("\t")


def _record(where: str, columns: list[str], cells: list[str]) -> Record:
    if len(cells) != len(columns):
        return Record(where, Rejected(RAGGED, f"{len(cells)} instead of {len(columns)}"))
    return Record(where, dict(zip(columns, cells, strict=True)))
