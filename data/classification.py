r"""Labelled texts and pairs of texts, read from a user's file and checked row by row.

    id      document                 label                         NSMC
    premise / hypothesis / gold_label                              KLUE-NLI
    sentence1  sentence2  gold_label                               KorNLI, XNLI
    … id  score  sentence1  sentence2                              KorSTS
    id  sentence1  sentence2  label                                PAWS-X
    question1  question2  is_duplicate                             pairs of questions
    {"guid": …, "title": …, "label": …}                            YNAT; older files have predefined_news_category alone
    {"guid": …, "sentence1": …, "sentence2": …, "labels": {"label": 3.7, "real-label": 3.714, "binary-label": 1}}      KLUE-STS

The first becomes

    LabelledText(id="9620", text="나름 교훈이 있는 영화", pair=None, label="1", score=None, where="train.tsv:2")

with the text in the one form of `data.cleaning.normalize`. Columns are recognised by the names above, in capitals or not, or named by
the reader; where names leave it open which column is meant, that is an error. How files are written is told in
`data.classification_formats`.

A label is a class, or a number to be predicted as such. Rows that repeat or contradict another are kept and counted.
"""

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

from data.classification_formats import Record, Table, read_table
from data.cleaning import normalize
from data.errors import DataError
from data.relation_rows import BROKEN_CHARACTER, Rejected, written_label
from data.rows import RowFile, counted

NO_TEXT = "no text"
NO_LABEL = "no label"
MALFORMED_LABEL = "label is neither text nor number"
NOT_A_NUMBER = "label is no finite number"

PAIRS = (("premise", "hypothesis"), ("sentence1", "sentence2"), ("question1", "question2"), ("text", "text_pair"))
TEXTS = ("document", "title", "sentence", "review", *(first for first, _ in PAIRS))
LABELS = ("gold_label", "label", "labels", "score", "is_duplicate")
LAST_RESORT = "predefined_news_category"
"""Stands beside `label` in YNAT, which is what KLUE counts."""
IDS = ("guid", "id", "idx", "pairid")

PUBLISHED = ("entailment", "neutral", "contradiction")
"""The order of inference labels in KLUE, KorNLI and XNLI."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_SHOWN = 12
"""Columns that a message names."""


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
        """16 hexadecimal digits for the usable rows: ids, texts, labels, and their order."""
        rows = [(row.id, row.text, row.pair, row.label, row.score) for row in self.rows]
        return blake2b(json.dumps(rows).encode(), digest_size=8).hexdigest()

    def report(self) -> dict[str, Any]:
        """Counts for JSON, with the first 100 places under each reason.

        `duplicates` are rows that repeat an earlier row's texts, `conflicting_labels` those of them that give another label than
        the first. Both are among the usable rows, as are rows with a repeated id.
        """
        first: dict[tuple[str, str | None], str | float | None] = {}
        duplicates, conflicts = [], []
        for row in self.rows:
            key, label = (row.text, row.pair), row.score if self.numbers else row.label
            if key in first:
                duplicates.append(row.where)
            if first.setdefault(key, label) != label:
                conflicts.append(row.where)
        scores = [row.score for row in self.rows if row.score is not None]
        return {
            "file": str(self.path),
            "format": self.format,
            "fingerprint": self.fingerprint,
            "columns": {name: column for name, column in vars(self.columns).items() if column is not None},
            "rows": self.size,
            "usable": len(self.rows),
            "rejected": {reason: counted(places) for reason, places in self.rejected.items()},
            "duplicates": counted(duplicates),
            "conflicting_labels": counted(conflicts),
            "repeated_ids": counted([id for id, count in Counter(self.ids).items() if count > 1]),
            "labels": dict(Counter(row.label for row in self.rows if row.label is not None).most_common()),
            "scores": {"least": min(scores), "mean": math.fsum(scores) / len(scores), "most": max(scores)}
            if scores
            else {},
            "unlabelled": sum(not row.has_label for row in self.rows),
        }


# ---- reading ----


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
        text, pair, label: columns, where they are not to be recognised. With `text` alone, no column is taken for the second text.
        numbers: whether labels are numbers. When left out, they are where one of them is not whole and most are numbers, and
            in KLUE-STS's files; whole numbers are classes, also 1.0, which is how pandas writes 1 beside an empty cell. KLUE-STS's
            classes are its binary labels.
        needs_label: whether a row without a label is left out. "-" in a column gold_label, with which SNLI and its kind mark a row
            that people did not agree on, is no label.
        strict: whether the first row that has to be left out is an error.

    Raises:
        DataError: one sentence. The file cannot be read as a whole (see `read_table`), its columns are not recognised or not there, or
            it has no usable row; with `strict`, for the first row with a mistake, by its place.
    """
    path = Path(path)
    table = read_table(path)
    columns = _columns(path, table, text, pair, label, needs_label)
    if numbers is None:
        numbers = _are_numbers([_value(record, columns.label) for record in table.records])
    rows: list[LabelledText] = []
    ids: list[str] = []
    rejected: defaultdict[str, list[str]] = defaultdict(list)
    for number, record in enumerate(table.records, 1):
        ids.append(_written_id(_value(record, columns.id)) or str(number))
        try:
            rows.append(_row(record, ids[-1], columns, numbers, needs_label))
        except Rejected as problem:
            if strict:
                raise DataError(
                    f"{record.where}: {problem}; correct the row, or leave out --strict to go on without it."
                ) from None
            rejected[problem.reason].append(record.where)
    if not rows:
        reason, places = max(rejected.items(), key=lambda item: len(item[1]))
        raise DataError(
            f"{path} has no usable row: of {len(ids):,} rows {len(places):,} were left out because of “{reason}”, first "
            f"{places[0]}; correct the file or give another."
        )
    return ClassificationFile(path, table.format, rows, dict(rejected), ids, columns, numbers)


def label_order(labels: Iterable[str]) -> list[str]:
    """The distinct labels in the order of a model's outputs: as published, by number, or sorted."""
    distinct = set(labels)
    if distinct <= set(PUBLISHED):
        return [label for label in PUBLISHED if label in distinct]
    if all(_NUMBER.fullmatch(label) for label in distinct):
        return sorted(distinct, key=lambda label: (float(label), label))
    return sorted(distinct)


def _row(record: Record, id: str, columns: Columns, numbers: bool, needs_label: bool) -> LabelledText:
    if isinstance(record.content, Rejected):
        raise record.content
    text = _text(record.content.get(columns.text))
    pair = None if columns.pair is None else _text(record.content.get(columns.pair))
    label = None
    if columns.label is not None:
        label = _label(record.content.get(columns.label), numbers)
        if label == "-" and columns.label.casefold() == "gold_label":
            label = None
    if label is None:
        if needs_label:
            raise Rejected(NO_LABEL)
        return LabelledText(id, text, pair, None, None, record.where)
    if not numbers:
        return LabelledText(id, text, pair, label, None, record.where)
    if not _NUMBER.fullmatch(label) or not math.isfinite(score := float(label)):
        raise Rejected(NOT_A_NUMBER, label[:40])
    return LabelledText(id, text, pair, None, score, record.where)


def _text(value: object) -> str:
    text = normalize(value) if isinstance(value, str) else ""
    if not text.strip():
        raise Rejected(NO_TEXT)
    if not text.isascii() and re.search("[\ud800-\udfff]", text):
        raise Rejected(BROKEN_CHARACTER)
    return text


def _label(value: object, numbers: bool) -> str | None:
    """A row's label as it is written; None where there is none, for which JSON may have NaN."""
    if isinstance(value, dict):  # KLUE-STS
        value = value.get("real-label" if numbers else "binary-label", value.get("label"))
    if value is None or (not numbers and isinstance(value, float) and math.isnan(value)):
        return None
    if not isinstance(value, str | int | float):
        raise Rejected(MALFORMED_LABEL)
    return written_label(str(value)) or None


def _are_numbers(values: Sequence[object]) -> bool:
    if any(isinstance(value, dict) and "real-label" in value for value in values):
        return True
    written = [str(value).strip() for value in values if isinstance(value, str | int | float)]
    numbers = [float(each) for each in written if _NUMBER.fullmatch(each)]
    return not all(number.is_integer() for number in numbers) and 2 * len(numbers) > sum(map(bool, written))


def _value(record: Record, column: str | None) -> object:
    return None if column is None or isinstance(record.content, Rejected) else record.content.get(column)


def _written_id(value: object) -> str:
    """Empty where there is none that can be written down."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        return ""
    return str(value).encode("utf-8", "replace").decode().strip()


# ---- columns ----


def _columns(
    path: Path, table: Table, text: str | None, pair: str | None, label: str | None, needs_label: bool
) -> Columns:
    """Which columns are read: those that were named, and else those that are recognised."""
    by_name = {name.casefold(): name for name in reversed(table.columns)}
    shown = ", ".join(name[:40] or "(no name)" for name in table.columns[:_SHOWN])
    shown += ", …" if len(table.columns) > _SHOWN else ""
    given = {"text": text, "text_pair": pair, "label": label}
    for flag, name in given.items():
        if name is not None and name not in table.columns:
            raise DataError(f"{path} has no column {name} (--{flag}); its columns are {shown}.")
    named = [name for name in given.values() if name is not None]
    if len(set(named)) < len(named):
        raise DataError(f"{path}: --text, --text_pair and --label name one column twice; its columns are {shown}.")

    def one_of(found: Sequence[str], what: str, flags: str) -> str | None:
        if len(found) > 1:
            raise DataError(
                f"{path} has several columns that may be the {what} ({', '.join(found)}); say which with {flags}."
            )
        return found[0] if found else None

    def recognised(names: Iterable[str]) -> list[str]:
        return [by_name[name] for name in names if name in by_name and by_name[name] not in named]

    if text is None:
        pairs = [] if pair else [both for names in PAIRS if len(both := recognised(names)) == 2]
        if one_of([" and ".join(both) for both in pairs], "texts", "--text and --text_pair"):
            text, pair = pairs[0]
        else:
            text = one_of(recognised(TEXTS), "text", "--text")
    label = label or one_of(recognised(LABELS), "label", "--label") or next(iter(recognised([LAST_RESORT])), None)
    if text is None or (label is None and needs_label):
        what, flag = ("text", "--text (and --text_pair)") if text is None else ("label", "--label")
        raise DataError(
            f"{path}: no column is recognised as the {what}; name it with {flag}, or give the file a heading if it has none: its "
            f"columns are {shown}."
        )
    return Columns(text, pair, label, _id_column(table, recognised(IDS)))


def _id_column(table: Table, candidates: Sequence[str]) -> str | None:
    """The first that tells nine rows in ten apart; KorSTS's id does so only together with other columns."""
    for column in candidates:
        ids = [id for record in table.records if (id := _written_id(_value(record, column)))]
        if 10 * len(set(ids)) >= 9 * len(ids):
            return column
    return None
