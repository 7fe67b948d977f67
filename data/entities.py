"""Named entities in sentences, read from a user's file and checked sentence by sentence.

KLUE-NER gives each character of 김다온이 새솔대학교를 세웠다. a tag, spaces included:

    김    다    온    이  ␣  새    솔    대    학    교    를  …
    B-PS  I-PS  I-PS  O   O  B-OG  I-OG  I-OG  I-OG  I-OG  O

It becomes

    TaggedText(id="a-17", text="김다온이 새솔대학교를 세웠다.", where="train.tsv:17",
               entities=(NamedEntity(0, 3, "PS"), NamedEntity(5, 10, "OG")))

with the text as it stands in the file: answers are given in the user's own characters, and `data.offsets` leads from there
to the normalised text that a model reads. The second format, text with <김다온:PS> in it, is described in
`data.entity_formats`.

A sentence with a mistake is left out as a whole, counted under the first reason that was found. One that repeats another is
kept and counted: whether 47 copies matter is for the user to judge.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any, ClassVar

from data.cleaning import normalize
from data.entity_formats import read_sentences
from data.entity_marks import EMPTY_SPAN, NO_SENTENCE, Marked, Rejected
from data.errors import DataError
from data.offsets import CharacterMap
from data.rows import RowFile, counted

CUT_CHARACTER = "an entity cuts a character in two"


@dataclass(frozen=True, slots=True)
class NamedEntity:
    """A name in a text, and what it names."""

    start: int
    """First code point in `TaggedText.text`."""
    end: int
    """One after the last."""
    type: str
    """PS, OG, … as the file says."""


@dataclass(frozen=True, slots=True)
class TaggedText:
    """A sentence and the entities in it."""

    id: str
    """The file's; else the number of the sentence in the file, from 1."""
    text: str
    """Exactly as in the file, not normalised."""
    entities: tuple[NamedEntity, ...] | None
    """In order, not overlapping; None where nobody has labelled the text."""
    where: str
    """For messages: "train.tsv:17", the line of the first character or the only line."""

    @property
    def sentence(self) -> str:
        """The text, under the name that `data.splits` groups by."""
        return self.text

    @property
    def label(self) -> str | None:
        """The types that occur, sorted, as "DT+PS", which `data.splits` stratifies by; "" for none, None where nobody labelled."""
        if self.entities is None:
            return None
        return "+".join(sorted({entity.type for entity in self.entities}))


@dataclass(frozen=True)
class EntityFile(RowFile[TaggedText]):
    """What a file holds, and what had to be left out of it."""

    composed: list[str]
    """Places of the usable sentences in which normalising makes one character of several code points."""

    noun: ClassVar[str] = "texts"

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits for the usable sentences: ids, texts, entities, and their order."""
        rows = [
            (text.id, text.text, [(each.start, each.end, each.type) for each in text.entities or ()])
            for text in self.rows
        ]
        return blake2b(json.dumps(rows).encode(), digest_size=8).hexdigest()

    def report(self) -> dict[str, Any]:
        """Counts for JSON, with the first 100 places under each reason.

        `texts` are all sentences of the file; what follows `rejected` is of the usable ones. `characters` are code points as
        in the file. `duplicates` repeat an earlier sentence, `conflicting_entities` are those of them that mark others in it.
        """
        first: dict[str, tuple[NamedEntity, ...] | None] = {}
        duplicates, conflicts = [], []
        for text in self.rows:
            if text.text in first:
                duplicates.append(text.where)
            if first.setdefault(text.text, text.entities) != text.entities:
                conflicts.append(text.where)
        entities = Counter(entity.type for text in self.rows for entity in text.entities or ())
        return {
            "file": str(self.path),
            "format": self.format,
            "fingerprint": self.fingerprint,
            "texts": self.size,
            "usable": len(self.rows),
            "rejected": {reason: counted(places) for reason, places in self.rejected.items()},
            "composed": counted(self.composed),
            "duplicates": counted(duplicates),
            "conflicting_entities": counted(conflicts),
            "repeated_ids": counted([id for id, n in Counter(text.id for text in self.rows).items() if n > 1]),
            "without_entities": sum(not text.entities for text in self.rows),
            "characters": sum(len(text.text) for text in self.rows),
            "entities": dict(entities.most_common()),
        }


# ---- reading ----


def read_entities(path: str | Path, *, strict: bool = False) -> EntityFile:
    """The sentences of a file in either format, with their entities.

    Args:
        path: the file. Its name says nothing.
        strict: whether the first sentence that has to be left out is an error.

    Raises DataError, one sentence, for a file that cannot be read as a whole (see `read_sentences`), one without a usable
    sentence, and with `strict` for the first sentence with a mistake, by its place.
    """
    path = Path(path)
    format, sentences = read_sentences(path)
    texts: list[TaggedText] = []
    composed: list[str] = []
    rejected: defaultdict[str, list[str]] = defaultdict(list)
    for sentence in sentences:
        try:
            if isinstance(sentence.content, Rejected):
                raise sentence.content
            composes = _check(sentence.content)
        except Rejected as problem:
            if strict:
                raise DataError(
                    f"{sentence.place}: {problem}; correct the sentence, or leave out --strict to go on without it."
                ) from None
            rejected[problem.reason].append(sentence.place)
            continue
        entities = tuple(NamedEntity(*mark) for mark in sentence.content.entities)
        texts.append(TaggedText(sentence.id, sentence.content.text, entities, sentence.where))
        if composes:
            composed.append(sentence.where)
    if not texts:
        reason, places = max(rejected.items(), key=lambda item: len(item[1]))
        raise DataError(
            f"{path} has no usable sentence: of {len(sentences):,} {len(places):,} were left out because of “{reason}”, first "
            f"{places[0]}; correct the file or give another."
        )
    return EntityFile(path, format, texts, dict(rejected), [sentence.id for sentence in sentences], composed)


def _check(sentence: Marked) -> bool:
    """Whether normalising composes characters of the sentence. Raises Rejected if nothing is left of it or of an entity."""
    if not normalize(sentence.text).strip():
        raise Rejected(NO_SENTENCE)
    for start, end, type in sentence.entities:
        if not normalize(sentence.text[start:end]).strip():
            raise Rejected(EMPTY_SPAN, type)
    characters = CharacterMap(sentence.text)
    for start, end, _ in sentence.entities:
        if characters.from_raw(start, end) is None:
            raise Rejected(CUT_CHARACTER, sentence.text[start:end][:40])
    return characters.composes


# ---- tags ----


def bio_tags(length: int, entities: Sequence[NamedEntity]) -> list[str]:
    """A tag for each of `length` characters (IOB2): B-PS for the first of an entity, I-PS for its others, O outside.

    Raises ValueError for entities that overlap, are empty, or lie outside the text.
    """
    tags = ["O"] * length
    after = 0
    for entity in sorted(entities, key=lambda entity: entity.start):
        if not after <= entity.start < entity.end <= length:
            raise ValueError(f"{entity} is empty, overlaps another or lies outside a text with {length} characters")
        tags[entity.start] = f"B-{entity.type}"
        tags[entity.start + 1 : entity.end] = [f"I-{entity.type}"] * (entity.end - entity.start - 1)
        after = entity.end
    return tags


def entities_of(tags: Sequence[str]) -> list[NamedEntity]:
    """The entities of a sequence of tags, by the strict reading of IOB2.

    An I- that does not continue an entity of its type is none, and ends the one before it.
    """
    entities: list[NamedEntity] = []
    start, type = 0, ""
    for place, tag in enumerate([*tags, "O"]):
        if type and tag != f"I-{type}":
            entities.append(NamedEntity(start, place, type))
            type = ""
        if tag.startswith("B-"):
            start, type = place, tag[2:]
    return entities


def entity_types(texts: Iterable[TaggedText]) -> list[str]:
    """The types that occur in the texts, sorted."""
    return sorted({entity.type for text in texts for entity in text.entities or ()})
