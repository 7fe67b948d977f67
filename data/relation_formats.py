"""The three formats of relation files, each read into the same rows.

They are told apart by content, never by name. The same row in each:

* `klue-json`: a JSON list, or one object a line. `end_idx` is the last character, not the one after it.

      {"guid": "a-17", "sentence": "새솔대학교는 1952년 김다온이 세웠다.",
       "subject_entity": {"word": "새솔대학교", "start_idx": 0, "end_idx": 4, "type": "ORG"},
       "object_entity": {"word": "김다온", "start_idx": 13, "end_idx": 15, "type": "PER"},
       "label": "org:founded_by", "source": "wikipedia"}

* `competition-csv`: the same fields as columns, the entities as Python writes a dict.

      id,sentence,subject_entity,object_entity,label,source
      17,새솔대학교는 1952년 김다온이 세웠다.,"{'word': '새솔대학교', 'start_idx': 0, …}","{'word': '김다온', …}",org:founded_by,wikipedia

* `marked-tsv`: columns between tabs, in any order, no heading. <e1> is the subject, <e2> the object; a further column is the
  label, two further columns are the id and the label, which may be empty. Entities have no type.

      17  org:founded_by  <e1>새솔대학교</e1>는 1952년 <e2>김다온</e2>이 세웠다.

A row that does not say all of it comes out as the reason why (`Rejected`); whether offsets and labels make sense is judged
in `data.relations`.
"""

import ast
import csv
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from data.errors import DataError
from data.lines import plain_newlines
from data.records import read_records
from data.relation_rows import (
    MALFORMED_ENTITY,
    MALFORMED_ROW,
    MARKER_MISSING,
    MARKER_TWICE,
    MARKERS_CROSSED,
    WRONG_COLUMNS,
    Fields,
    Mention,
    Rejected,
    Row,
    read_fields,
    read_label,
    row_id,
)

RelationFormat = Literal["klue-json", "competition-csv", "marked-tsv"]


def read_rows(path: Path) -> tuple[RelationFormat, list[Row]]:
    """The format of a file and all its rows in order, each with what it says or why it says nothing.

    Raises DataError, one sentence, for a file that cannot be opened, is empty, not UTF-8, of another format, or broken
    in a way that leaves it unclear where the rows are.
    """
    text, name = _read_text(path), path.name
    if not text.strip():
        raise DataError(f"{path} is empty: give a file with relations.")
    if re.match(r"\s*\[\s*[{\]]", text):
        return "klue-json", list(_json_list(text, name))
    if re.match(r"\s*\{\s*[\"}]", text):
        return "klue-json", list(_json_lines(text, name))
    columns = _heading(text)
    if "sentence" in columns and {"subject_entity", "object_entity"} & set(columns):
        return "competition-csv", list(_csv_rows(text, name))
    if _MARKER.search(text):
        return "marked-tsv", list(_marked_rows(text, name))
    raise DataError(
        f"{path} holds no relations in a known format: give KLUE-RE JSON, a CSV with the columns sentence, subject_entity "
        "and object_entity, or tab-separated text with <e1>…</e1> and <e2>…</e2> around the entities."
    )


def _read_text(path: Path) -> str:
    """The file without a byte order mark, line ends as they are."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path} does not exist: give the path of a file with relations.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): give a file that you may open.") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}:{line} is not UTF-8: convert the file (iconv -f CP949 -t UTF-8, if a Korean Excel saved it)."
        ) from None


# ---- JSON ----


def _json_list(text: str, name: str) -> Iterator[Row]:
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(
            f"{name}:{error.lineno} is broken JSON ({error.msg}): correct the file from there on."
        ) from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, lists in lists in lists
        raise DataError(f"{name} is JSON that cannot be read ({error}): write a list of flat objects.") from None
    for number, value in enumerate(values, 1):
        yield _row(value, f"{name}, row {number}", number)


def _json_lines(text: str, name: str) -> Iterator[Row]:
    number = 0
    for line, written in enumerate(plain_newlines(text).split("\n"), 1):
        if not written.strip():
            continue
        number += 1
        try:
            value = json.loads(written)
        except (ValueError, RecursionError) as error:
            raise DataError(
                f"{name}:{line} is no JSON object on one line ({error}): write one object a line, or all in a list."
            ) from None
        yield _row(value, f"{name}:{line}", number)


def _row(value: object, where: str, number: int) -> Row:
    """A row of JSON."""
    if not isinstance(value, dict):
        return Row(where, str(number), where, Rejected(MALFORMED_ROW))
    id = row_id(value)
    return Row(where, id or str(number), f"{where} ({id})" if id else where, read_fields(value))


# ---- CSV ----

_LONGEST_ENTITY = 10_000
"""Characters of a dictionary in a CSV field. A parser of Python is not to be fed with anything at any length."""


def _heading(text: str) -> list[str]:
    """The names in the first line that is not blank, if it is a heading of CSV."""
    first = next(line for line in plain_newlines(text).split("\n") if line.strip())
    try:
        return [name.strip() for name in next(csv.reader([first]))]
    except csv.Error:
        return []


def _csv_rows(text: str, name: str) -> Iterator[Row]:
    records = read_records(text, name)
    _, heading = next(records)
    columns = [column.strip() for column in heading]
    for column in ("subject_entity", "object_entity"):
        if column not in columns:
            raise DataError(f"{name} has no column {column} (found: {', '.join(columns)}): give it this name.")
    for number, (line, values) in enumerate(records, 1):
        where = f"{name}:{line}"
        fields: dict[str, object] = dict(zip(columns, values, strict=False))
        id = row_id(fields) or str(number)
        try:
            if len(values) != len(columns):
                raise Rejected(WRONG_COLUMNS)
            for role in ("subject_entity", "object_entity"):
                fields[role] = _dictionary(values[columns.index(role)])
            content = read_fields(fields)
        except Rejected as rejected:
            content = rejected
        yield Row(where, id, where, content)


def _dictionary(written: str) -> object:
    """The dictionary that a field spells out. Literals only: nothing in it is run."""
    if not written.strip():
        return None
    if len(written) > _LONGEST_ENTITY:
        raise Rejected(MALFORMED_ENTITY)
    try:
        return ast.literal_eval(written.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise Rejected(MALFORMED_ENTITY) from None


# ---- tab-separated text with markers ----

_MARKER = re.compile(r"<(/?)e([12])>")


def _marked_rows(text: str, name: str) -> Iterator[Row]:
    lines = [(n, line.split("\t")) for n, line in enumerate(plain_newlines(text).split("\n"), 1) if line.strip()]
    columns = Counter(len(values) for _, values in lines).most_common(1)[0][0]
    if columns > 3:
        raise DataError(
            f"{name} has {columns} columns: give an id, a label and the sentence with its markers, or fewer."
        )
    marked = [value for _, values in lines for value in values if _MARKER.search(value)]
    quoted = all(len(value) > 1 and value[0] == value[-1] == '"' for value in map(str.strip, marked))
    for number, (line, values) in enumerate(lines, 1):
        where = f"{name}:{line}"
        sentences = [value for value in values if _MARKER.search(value)]
        others = [value for value in values if value not in sentences]
        id = (others[0].strip() if len(others) == 2 else "") or str(number)
        try:
            if len(values) != columns:
                raise Rejected(WRONG_COLUMNS)
            if len(sentences) != 1:
                raise Rejected(MARKER_TWICE if sentences else MARKER_MISSING)
            sentence, subject, object_ = _unmarked(sentences[0].strip()[1:-1] if quoted else sentences[0])
            content: Fields | Rejected = Fields(sentence, subject, object_, read_label(others[-1] if others else None))
        except Rejected as rejected:
            content = rejected
        yield Row(where, id, where, content)


def _unmarked(marked: str) -> tuple[str, Mention, Mention]:
    """The sentence without its markers, and what they stood around: subject, object."""
    markers = list(_MARKER.finditer(marked))
    names = [marker[0] for marker in markers]
    if len(set(names)) < 4:
        raise Rejected(MARKER_MISSING)
    if len(names) > 4:
        raise Rejected(MARKER_TWICE)
    opened, closed, opened_next, closed_next = markers
    pairs = ((opened, closed), (opened_next, closed_next))
    if any(first[1] or not last[1] or first[2] != last[2] for first, last in pairs):
        raise Rejected(MARKERS_CROSSED)
    sentence, mentions = "", {}
    after = 0
    for first, last in pairs:
        sentence += marked[after : first.start()]
        word = marked[first.end() : last.start()]
        mentions[first[2]] = Mention(word, len(sentence), len(sentence) + len(word))
        sentence += word
        after = last.end()
    return sentence + marked[after:], mentions["1"], mentions["2"]
