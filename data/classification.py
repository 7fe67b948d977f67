r"""Labelled texts and pairs of texts, read from a user's file and checked row by row.

Four layouts, told apart by content: TSV and CSV with a heading, a JSON list of objects (or one under "data"), and an object a line.

    id      document                 label          NSMC                 sentence1  sentence2  gold_label    KorNLI, XNLI
    9620    나름 교훈이 있는 영화    1              score  sentence1  sentence2                              KorSTS
    {"guid": …, "premise": …, "hypothesis": …, "gold_label": …}                                              KLUE-NLI
    {"guid": …, "sentence1": …, "sentence2": …, "labels": {"real-label": 3.7, …}}                            KLUE-STS
    {"guid": …, "title": …, "label": …}                                                                      YNAT

The columns are recognised by these names, or named by their reader. A TSV's quotes are text, as these files have them; a CSV's are
quotes. Labels are classes; they are numbers, to be predicted as such, where one of them is a decimal.
"""

import csv
import io
import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

from data.cleaning import normalize
from data.entity_formats import read_text
from data.errors import DataError
from data.rows import RowFile, counted

NO_OBJECT = "not an object"
WRONG_COLUMNS = "another number of columns than the heading"
NO_TEXT = "no text"
NO_LABEL = "no label"
NOT_A_NUMBER = "label is no finite number"
UNKNOWN_LABEL = "label is not among those of the model"

TEXTS = ("document", "title", "text", "premise", "sentence1", "question1", "sentence", "review")
PAIRS = ("hypothesis", "sentence2", "question2", "text_pair")
LABELS = ("gold_label", "real-label", "label", "labels", "score", "is_duplicate", "similarity")
IDS = ("guid", "id", "idx")
PUBLISHED = ("entailment", "neutral", "contradiction")
"""The order of inference labels in KLUE, KorNLI and XNLI."""

_DECIMAL = re.compile(r"[+-]?\d*\.\d+|[+-]?\d+\.\d*")


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text, or two of them, and what they are."""

    id: str
    """The file's; else the row's number, from 1."""
    text: str
    """Normalised with `data.cleaning.normalize`."""
    pair: str | None
    """The second text, normalised; None where there is only one."""
    label: str | None
    """The class; None where the file has none, and where labels are numbers."""
    score: float | None
    """The number, where labels are numbers."""
    where: str
    """For messages: "train.tsv:17" or "train.json, row 17"."""

    @property
    def sentence(self) -> str:
        """The first text, under the name that `data.splits` groups by: one premise has several hypotheses."""
        return self.text

    @property
    def has_label(self) -> bool:
        return self.label is not None or self.score is not None


@dataclass(frozen=True)
class Columns:
    """The names of what is read."""

    text: str
    pair: str | None
    label: str | None
    id: str | None


@dataclass(frozen=True)
class ClassificationFile(RowFile[LabelledText]):
    """What a file holds, and what had to be left out of it."""

    columns: Columns
    numbers: bool
    """Whether labels are numbers."""

    @cached_property
    def fingerprint(self) -> str:
        rows = [(row.id, row.text, row.pair, row.label, row.score) for row in self.rows]
        return blake2b(json.dumps(rows).encode(), digest_size=8).hexdigest()

    def report(self) -> dict[str, Any]:
        """Counts for JSON. `duplicates` repeat the texts of an earlier row, `conflicting_labels` are those of them that are
        labelled otherwise; both are among the usable rows."""
        first: dict[tuple[str, str | None], str | float | None] = {}
        duplicates, conflicts = [], []
        for row in self.rows:
            key, label = (row.text, row.pair), row.score if self.numbers else row.label
            if key in first:
                duplicates.append(row.where)
            if first.setdefault(key, label) != label:
                conflicts.append(row.where)
        return {
            "file": str(self.path),
            "format": self.format,
            "fingerprint": self.fingerprint,
            "columns": {name: value for name, value in vars(self.columns).items() if value},
            "rows": self.size,
            "usable": len(self.rows),
            "rejected": {reason: counted(places) for reason, places in self.rejected.items()},
            "duplicates": counted(duplicates),
            "conflicting_labels": counted(conflicts),
            "repeated_ids": counted([id for id, count in Counter(self.ids).items() if count > 1]),
            "labels": dict(Counter(row.label for row in self.rows if row.label is not None).most_common()),
            "unlabelled": sum(not row.has_label for row in self.rows),
        }


class _Rejected(Exception):
    """A row that cannot be used, with the reason."""


@dataclass(frozen=True, slots=True)
class _Record:
    where: str
    fields: Mapping[str, object] | None
    """None for a row that has other columns than the heading, or is no object."""


def read_classification(
    path: str | Path,
    *,
    text: str | None = None,
    pair: str | None = None,
    label: str | None = None,
    numbers: bool | None = None,
    needs_label: bool = True,
    strict: bool = False,
) -> ClassificationFile:
    """The labelled texts of a file.

    Args:
        path: the file. Its name says nothing.
        text, pair, label: columns, where they are not to be recognised.
        numbers: whether labels are numbers; by their look when left out.
        needs_label: whether a row without a label is left out.
        strict: whether the first row that has to be left out is an error.

    Raises:
        DataError: the file cannot be read as a whole, has none of the columns or no usable row; with `strict`, for the first row
            with a mistake, by its place.
    """
    path = Path(path)
    format, records = _records(path)
    names = list(dict.fromkeys(name for record in records[:100] for name in record.fields or ()))
    columns = _columns(path, names, text, pair, label, needs_label)
    written = [_label(record.fields, columns) for record in records]
    if numbers is None:
        numbers = any(_DECIMAL.fullmatch(each) for each in written if each)
    rows: list[LabelledText] = []
    ids: list[str] = []
    rejected: defaultdict[str, list[str]] = defaultdict(list)
    for number, (record, own) in enumerate(zip(records, written, strict=True), 1):
        given = str((record.fields or {}).get(columns.id, "")).strip() if columns.id else ""
        ids.append(given or str(number))
        try:
            rows.append(_row(record, own, columns, ids[-1], numbers, needs_label))
        except _Rejected as problem:
            if strict:
                raise DataError(
                    f"{record.where}: {problem}; correct the row, or leave out --strict to go on without it."
                ) from None
            rejected[str(problem)].append(record.where)
    if not rows:
        reason, places = max(rejected.items(), key=lambda item: len(item[1]))
        raise DataError(
            f"{path} has no usable row: of {len(records):,} rows {len(places):,} were left out because of “{reason}”, first "
            f"{places[0]}; correct the file or give another."
        )
    return ClassificationFile(path, format, rows, dict(rejected), ids, columns, numbers)


def label_order(labels: Iterable[str]) -> list[str]:
    """The distinct labels in the order of a model's outputs: as published, by number, or sorted."""
    distinct = set(labels)
    if distinct <= set(PUBLISHED):
        return [label for label in PUBLISHED if label in distinct]
    if all(re.fullmatch(r"-?\d+", label) for label in distinct):
        return sorted(distinct, key=int)
    return sorted(distinct)


def _row(
    record: _Record, label: str | None, columns: Columns, id: str, numbers: bool, needs_label: bool
) -> LabelledText:
    if record.fields is None:
        raise _Rejected(NO_OBJECT if ", row" in record.where else WRONG_COLUMNS)
    texts = []
    for name in (columns.text, columns.pair):
        value = record.fields.get(name) if name else None
        normal = normalize(value) if isinstance(value, str) else ""
        if name and not normal.strip():
            raise _Rejected(NO_TEXT)
        texts.append(normal if name else None)
    if label is None and needs_label:
        raise _Rejected(NO_LABEL)
    score = None
    if numbers and label is not None:
        try:
            score = float(label)
        except ValueError:
            raise _Rejected(NOT_A_NUMBER) from None
        if not math.isfinite(score):
            raise _Rejected(NOT_A_NUMBER)
    assert texts[0] is not None
    return LabelledText(id, texts[0], texts[1], None if numbers else label, score, record.where)


def _label(fields: Mapping[str, object] | None, columns: Columns) -> str | None:
    """A row's label as it is written; None where there is none, or "-", with which SNLI's kind marks a row without consent."""
    value = fields.get(columns.label) if fields and columns.label else None
    if isinstance(value, dict):  # KLUE-STS
        value = value.get("real-label", value.get("label"))
    if value is None or isinstance(value, dict | list):
        return None
    written = normalize(str(value)).strip()
    return None if written in ("", "-") else written


def _columns(
    path: Path, names: Sequence[str], text: str | None, pair: str | None, label: str | None, needs_label: bool
) -> Columns:
    """Which columns are read: those that were named, and else those that are recognised."""
    by_name = {name.strip().casefold(): name for name in reversed(names)}

    def find(known: Sequence[str]) -> str | None:
        return next((by_name[name] for name in known if name in by_name), None)

    for flag, given in (("text", text), ("text_pair", pair), ("label", label)):
        if given is not None and given not in names:
            raise DataError(f"{path} has no column {given} (--{flag}); it has {', '.join(names) or 'none'}.")
    found = Columns(
        text or find(TEXTS) or "", pair or (None if text else find(PAIRS)), label or find(LABELS), find(IDS)
    )
    for flag, column, needed in (("text", found.text, True), ("label", found.label, needs_label)):
        if needed and not column:
            raise DataError(
                f"{path}: no column is recognised as the {flag}; it has {', '.join(names) or 'none'}. Name it with --{flag}."
            )
    return found


def _records(path: Path) -> tuple[str, list[_Record]]:
    """The format, and all rows."""
    content = read_text(path)
    if not content.strip():
        raise DataError(f"{path} is empty: give a file with labelled texts.")
    opening = content.lstrip()[:1]
    if opening == "[" or (opening == "{" and _is_one_object(content)):
        return "JSON", _json(content, path)
    if opening == "{":
        return "JSON lines", list(_json_lines(content, path))
    heading = content.split("\n", 1)[0]
    if "\t" in heading:
        return "TSV", list(_table((line.split("\t") for line in content.split("\n")), path))
    if "," in heading:
        try:
            return "CSV", list(_table(csv.reader(io.StringIO(content), strict=True), path))
        except csv.Error as error:
            raise DataError(f"{path} is broken CSV ({error}); quote fields with commas and quotes in them.") from None
    raise DataError(
        f"{path} holds no labelled texts: give TSV or CSV with a heading, a JSON list of objects, or an object a line."
    )


def _is_one_object(content: str) -> bool:
    try:
        return isinstance(json.loads(content).get("data"), list)
    except (ValueError, RecursionError):
        return False


def _json(content: str, path: Path) -> list[_Record]:
    try:
        values = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is broken JSON ({error}); correct the file from there on.") from None
    values = values["data"] if isinstance(values, dict) else values
    return [
        _Record(f"{path.name}, row {number}", value if isinstance(value, dict) else None)
        for number, value in enumerate(values, 1)
    ]


def _json_lines(content: str, path: Path) -> Iterator[_Record]:
    for number, line in enumerate(content.split("\n"), 1):
        if line.strip():
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise DataError(f"{path.name}:{number} is no JSON object on one line ({error}).") from None
            yield _Record(f"{path.name}:{number}", value if isinstance(value, dict) else None)


def _table(lines: Iterable[Sequence[str]], path: Path) -> Iterator[_Record]:
    """Rows below a heading; blank ones are none."""
    heading: list[str] = []
    line_number = 1
    for cells in lines:
        line = line_number
        line_number += 1 + sum(cell.count("\n") for cell in cells)
        if not any(cell.strip() for cell in cells):
            continue
        if not heading:
            heading = [cell.strip() for cell in cells]
            continue
        fields = dict(zip(heading, cells, strict=True)) if len(cells) == len(heading) else None
        yield _Record(f"{path.name}:{line}", fields)
