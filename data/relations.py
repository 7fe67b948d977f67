"""Relations between two entities of a sentence, read from a user's file and checked row by row.

A row of KLUE-RE says that 김다온 founded 새솔대학교:

    {"guid": "a-17", "sentence": "새솔대학교는 1952년 김다온이 세웠다.",
     "subject_entity": {"word": "새솔대학교", "start_idx": 0, "end_idx": 4, "type": "ORG"},
     "object_entity": {"word": "김다온", "start_idx": 13, "end_idx": 15, "type": "PER"}, "label": "org:founded_by"}

It becomes

    Relation(id="a-17", sentence="새솔대학교는 1952년 김다온이 세웠다.",
             subject=Entity(0, 5, "ORG"), object=Entity(13, 16, "PER"), label="org:founded_by", where="train.json, row 1")

with the sentence in the one form of `data.cleaning.normalize` and the spans, now half-open, moved along with it
(`data.offsets`). Nothing else of the sentence is changed, white space included. The other two formats are described in
`data.relation_formats`.

An offset is believed when it gives the word beside it. Where it does not, and the word stands once in the sentence, that is
where it is, and the row is counted in `found_again`. Any other mistake leaves the row out, counted under its reason. Rows
that repeat or contradict another are kept and counted: whether 47 copies matter is for the user to judge.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

from data.cleaning import normalize
from data.errors import DataError
from data.offsets import CutCharacter, Place, place_by_offsets, places_of
from data.relation_formats import read_rows
from data.relation_rows import (
    NO_SENTENCE,
    NO_WORD,
    Fields,
    Mention,
    Rejected,
    Row,
    read_fields,
    row_id,
    written_label,
)
from data.rows import RowFile, counted

NO_LABEL = "no label"
UNKNOWN_LABEL = "label is not in the list of relations"
EMPTY_SPAN = "empty span"
REVERSED_SPAN = "span ends before it starts"
OUTSIDE = "span lies outside the sentence"
CUT_CHARACTER = "span cuts a character in two"
NOT_IN_SENTENCE = "word is not in the sentence"
WRONG_OFFSETS = "offsets do not give the word, which stands more than once"
NO_OFFSETS = "offsets are missing, and the word stands more than once"
OVERLAP = "subject and object overlap"

_PLACEHOLDER = "100"
"""What the competition's test file has for a label, in every row."""


@dataclass(frozen=True, slots=True)
class Entity:
    """One of the two entities of a relation."""

    start: int
    """First character in `Relation.sentence`."""
    end: int
    """One after the last."""
    type: str | None
    """PER, ORG, … as the file says; None where it does not."""


@dataclass(frozen=True, slots=True)
class Relation:
    """Two entities of a sentence and what the one is to the other. The entities do not overlap."""

    id: str
    """The row's guid or id; else its number in the file, from 1."""
    sentence: str
    """Normalised with `data.cleaning.normalize`."""
    subject: Entity
    object: Entity
    label: str | None
    """None where the file has none."""
    where: str
    """For messages: "train.json, row 17" or "train.csv:17"."""

    @property
    def subject_word(self) -> str:
        """The subject as the sentence writes it."""
        return self.sentence[self.subject.start : self.subject.end]

    @property
    def object_word(self) -> str:
        """The object as the sentence writes it."""
        return self.sentence[self.object.start : self.object.end]


@dataclass(frozen=True)
class RelationFile(RowFile[Relation]):
    """What a file holds, and what had to be left out of it."""

    found_again: list[str]
    """Places of the rows whose offsets were wrong or missing, and whose word stands once in the sentence."""

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits for the usable rows: ids, sentences, entities, labels, and their order."""
        rows = [
            (row.id, row.sentence, _span(row.subject), row.subject.type, _span(row.object), row.object.type, row.label)
            for row in self.rows
        ]
        return blake2b(json.dumps(rows).encode(), digest_size=8).hexdigest()

    def notes(self, use: str) -> list[str]:
        """What people should know about it, a sentence each."""
        notes = super().notes(use)
        if self.found_again:
            notes.append(
                f"In {len(self.found_again):,} {use} rows an entity stands at another place than its offsets say."
            )
        return notes

    def report(self) -> dict[str, Any]:
        """Counts for JSON, with the first 100 places under each reason.

        `duplicates` are rows that repeat an earlier row's sentence and entities, `conflicting_labels` those of them that
        give another label than the first. Both are among the usable rows, as are rows with a repeated id.
        """
        first: dict[tuple[str, Place, Place], str | None] = {}
        duplicates, conflicts = [], []
        for row in self.rows:
            key = row.sentence, _span(row.subject), _span(row.object)
            if key in first:
                duplicates.append(row.where)
            if first.setdefault(key, row.label) != row.label:
                conflicts.append(row.where)
        labels_in_all = Counter(row.label for row in self.rows if row.label is not None)
        return {
            "file": str(self.path),
            "format": self.format,
            "fingerprint": self.fingerprint,
            "rows": len(self.ids),
            "usable": len(self.rows),
            "rejected": {reason: counted(places) for reason, places in self.rejected.items()},
            "found_again": counted(self.found_again),
            "duplicates": counted(duplicates),
            "conflicting_labels": counted(conflicts),
            "repeated_ids": counted([id for id, count in Counter(self.ids).items() if count > 1]),
            "labels": dict(labels_in_all.most_common()),
            "unlabelled": len(self.rows) - labels_in_all.total(),
            "subject_types": _types(row.subject for row in self.rows),
            "object_types": _types(row.object for row in self.rows),
        }


def _span(entity: Entity) -> Place:
    return Place(entity.start, entity.end)


def _types(entities: Iterable[Entity]) -> dict[str, int]:
    """How often each type stands, the most frequent first; entities without a type are not counted."""
    return dict(Counter(entity.type for entity in entities if entity.type is not None).most_common())


# ---- reading ----


def read_relations(
    path: str | Path, *, labels: Sequence[str] | None = None, needs_label: bool = True, strict: bool = False
) -> RelationFile:
    """The relations of a file in any of the three formats.

    Args:
        path: the file. Its name says nothing.
        labels: the relations that there are; a row with another label is left out. None takes any label.
        needs_label: whether a row without a label is left out. If not, such rows come with the label None, and so do
            all rows of a competition file whose every label is "100", as in the competition's own test file.
        strict: whether the first row that has to be left out, or whose entity has to be found again, is an error.

    Raises DataError, one sentence, for a file that cannot be read as a whole (see `read_rows`), one without a usable
    row, and with `strict` for the first row with a mistake, by its place.
    """
    path = Path(path)
    format, rows = read_rows(path)
    if not rows:
        raise DataError(f"{path} has no rows: give a file with relations.")
    known = None if labels is None else {written_label(label) for label in labels}
    ignores_labels = format == "competition-csv" and not needs_label and _all_placeholders(rows)

    relations: list[Relation] = []
    found_again: list[str] = []
    rejected: defaultdict[str, list[str]] = defaultdict(list)
    for row in rows:
        try:
            if isinstance(row.content, Rejected):
                raise row.content
            label = None if ignores_labels else row.content.label
            if label is None and needs_label:
                raise Rejected(NO_LABEL)
            if label is not None and known is not None and label not in known:
                raise Rejected(UNKNOWN_LABEL, label[:60])
            sentence, subject, object_, believed = _entities(row.content)
        except Rejected as problem:
            if strict:
                raise DataError(
                    f"{row.place}: {problem}; correct the row, or leave out --strict to go on without it."
                ) from None
            rejected[problem.reason].append(row.place)
            continue
        if not believed:
            if strict:
                raise DataError(
                    f"{row.place}: offsets do not give the word, which stands elsewhere in the sentence; correct them, or "
                    "leave out --strict to take the word where it stands."
                )
            found_again.append(row.place)
        relations.append(Relation(row.id, sentence, subject, object_, label, row.where))

    if not relations:
        reason, places = max(rejected.items(), key=lambda item: len(item[1]))
        raise DataError(
            f"{path} has no usable row: of {len(rows):,} rows {len(places):,} were left out because of “{reason}”, "
            f"first {places[0]}; correct the file or give another."
        )
    return RelationFile(path, format, relations, dict(rejected), [row.id for row in rows], found_again)


def relation_of(fields: Mapping[str, object], where: str) -> Relation:
    """One row as KLUE-RE writes it in JSON; its label may be left out.

    Raises DataError, one sentence, where it does not say which entities of which sentence.
    """
    content = read_fields(fields)
    try:
        if isinstance(content, Rejected):
            raise content
        sentence, subject, object_, _ = _entities(content)
    except Rejected as problem:
        raise DataError(
            f"{where}: {problem}; give sentence, subject_entity and object_entity as KLUE-RE has them."
        ) from None
    return Relation(row_id(fields), sentence, subject, object_, content.label, where)


def _all_placeholders(rows: Iterable[Row]) -> bool:
    return {row.content.label for row in rows if isinstance(row.content, Fields)} == {_PLACEHOLDER}


def _entities(fields: Fields) -> tuple[str, Entity, Entity, bool]:
    """The normalised sentence, its subject and object, and whether the offsets of both were right."""
    sentence = normalize(fields.sentence)
    if not sentence.strip():
        raise Rejected(NO_SENTENCE)
    subject, subject_believed = _place(fields.subject, fields.sentence, sentence)
    object_, object_believed = _place(fields.object, fields.sentence, sentence)
    if subject.start < object_.end and object_.start < subject.end:
        raise Rejected(OVERLAP)
    return (
        sentence,
        Entity(*subject, fields.subject.type),
        Entity(*object_, fields.object.type),
        subject_believed and object_believed,
    )


def _place(mention: Mention, raw: str, sentence: str) -> tuple[Place, bool]:
    """Where an entity stands in the normalised sentence, and whether the file's offsets said so."""
    word, start, end = mention.word, mention.start, mention.end
    shown = word[:40]
    if start is not None and end is not None:
        if end == start:
            raise Rejected(EMPTY_SPAN, shown)
        if end < start:
            raise Rejected(REVERSED_SPAN, shown)
        if start < 0 or end > len(raw):
            raise Rejected(OUTSIDE, shown)
    if not normalize(word).strip():
        raise Rejected(NO_WORD)
    if start is not None and end is not None:
        try:
            place = place_by_offsets(raw, sentence, word, start, end)
        except CutCharacter:
            raise Rejected(CUT_CHARACTER, shown) from None
        if place is not None:
            return place, True
    places = places_of(word, sentence)
    if not places:
        raise Rejected(NOT_IN_SENTENCE, shown)
    if len(places) > 1:
        stands = f"{shown}, {len(places)} times"
        raise Rejected(NO_OFFSETS if start is None or end is None else WRONG_OFFSETS, stands)
    return places[0], False


# ---- labels ----


def read_relation_list(path: str | Path) -> list[str]:
    """The relations that a file lists, in its order: {"relations": ["no_relation", …]} or the list alone, as JSON.

    Raises DataError, one sentence, for a file that cannot be opened or is no such list of distinct names.
    """
    path = Path(path)
    try:
        value = json.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        raise DataError(f"{path} does not exist: give the path of a list of relations.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): give a file that you may open.") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no JSON in UTF-8 ({error}): write a list of names.") from None
    if isinstance(value, dict):
        value = value.get("relations")
    if not isinstance(value, list) or not value:
        raise DataError(f'{path} lists no relations: write ["no_relation", …] or {{"relations": [ … ]}}.')
    names: list[str] = []
    for number, name in enumerate(value, 1):
        if not isinstance(name, str) or not name.strip() or not name.strip().isprintable():
            raise DataError(
                f"{path}, entry {number} is no name of a relation: write a printable string that is not empty."
            )
        name = written_label(name)
        if name in names:
            raise DataError(f"{path}, entry {number} lists {name} for a second time: keep one of them.")
        names.append(name)
    return names


def label_order(labels: Iterable[str], negative: str) -> list[str]:
    """The distinct labels in the order of a model's outputs: `negative` first if it is among them, the rest sorted."""
    return sorted(set(labels), key=lambda label: (label != negative, label))
