"""What a model finds in a text, and what several models find together.

Three models read "김다온은 새솔대학교를 세웠다." and give each entity the probability of exactly this span and type:

    first     <김다온:PS> 0.98   <새솔대학교:OG> 0.91
    second    <김다온:PS> 0.95   <새솔대학교:OG> 0.64
    third     <김다온:PS> 0.99   <새솔대학교를:OG> 0.55
    ----------------------------------------------------------
    together  <김다온:PS> 0.97   <새솔대학교:OG> 0.52

A model's vote for what it does not find is 0, so 새솔대학교를 has 0.55 / 3 and is left out: an entity needs half of all votes.
"""

from bisect import bisect, insort
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import fsum

from data.entities import NamedEntity, TaggedText
from data.errors import DataError

MAJORITY = 0.5
"""The mean score from which on several models together have found an entity."""


@dataclass(frozen=True, slots=True)
class FoundEntity:
    """An entity that a model found."""

    start: int
    """First character (code point) in `TaggedText.text`."""
    end: int
    """One after the last."""
    type: str
    score: float
    """Probability of exactly this span and type, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A text with the entities that a model found in it.

    Raises:
        ValueError: an entity is empty, lies outside the text, or begins before the one before it has ended.
    """

    text: TaggedText
    entities: tuple[FoundEntity, ...]
    """In order, not overlapping."""

    def __post_init__(self) -> None:
        free = 0
        for entity in self.entities:
            if not free <= entity.start < entity.end <= len(self.text.text):
                raise ValueError(f"{self.text.where}: {entity} is no entity of the text, or overlaps the one before it")
            free = entity.end


def inline(text: str, entities: Iterable[NamedEntity | FoundEntity]) -> str:
    """The text with its entities marked for people: <김다온:PS>은 <1952년:DT>에. Nothing is escaped.

    Args:
        text: what the entities' spans count the characters of.
        entities: in order, not overlapping.
    """
    parts, end = [], 0
    for entity in entities:
        parts += [text[end : entity.start], f"<{text[entity.start : entity.end]}:{entity.type}>"]
        end = entity.end
    return "".join([*parts, text[end:]])


def mean_answers(parts: Mapping[str, Sequence[Answer]]) -> list[Answer]:
    """What several models find together in the same texts.

    An entity's score is the mean over all models, 0 for each that did not find exactly its span and type. Of the entities
    with at least `MAJORITY`, each that overlaps one with a higher score is left out; of equal ones the earlier, then the
    longer one stays. The answers of one model alone stay as they are.

    Args:
        parts: by a name for messages, the model's folder for example; at least one.

    Raises:
        DataError: the texts are not the same, or have other entities marked.
    """
    (first_name, first), *others = parts.items()
    texts = [answer.text for answer in first]
    for name, part in others:
        apart = f"{first_name} and {name} cannot be averaged"
        if len(part) != len(texts):
            raise DataError(
                f"{apart}: one has {len(texts):,} texts, the other {len(part):,}; use predictions for the same file."
            )
        for number, (text, answer) in enumerate(zip(texts, part, strict=True)):
            other = answer.text
            if (other.id, other.text) != (text.id, text.text):
                raise DataError(
                    f"{apart}: text {number + 1:,} is {_shown(text)} in one, {_shown(other)} in the other; use predictions "
                    "for the same file."
                )
            if text.entities is None:
                texts[number] = replace(text, entities=other.entities)
            elif other.entities not in (None, text.entities):
                raise DataError(
                    f"{apart}: other entities are marked in text {number + 1:,}, {_shown(text)}; use predictions for the "
                    "same file."
                )
    if not others:
        return list(first)
    columns = zip(*parts.values(), strict=True)
    return [Answer(text, _vote(votes)) for text, votes in zip(texts, columns, strict=True)]


def _vote(answers: Sequence[Answer]) -> tuple[FoundEntity, ...]:
    """The entities that are found together in one text, in order."""
    scores = defaultdict(list)
    for answer in answers:
        for entity in answer.entities:
            scores[entity.start, entity.end, entity.type].append(entity.score)
    # fsum makes the order of the models irrelevant.
    mean = [FoundEntity(*span, score=fsum(votes) / len(answers)) for span, votes in scores.items()]
    kept: list[FoundEntity] = []
    for entity in sorted(mean, key=lambda entity: (-entity.score, entity.start, -entity.end, entity.type)):
        after = bisect(kept, entity.start, key=_start)
        is_free = (after == 0 or kept[after - 1].end <= entity.start) and (
            after == len(kept) or entity.end <= kept[after].start
        )
        if entity.score >= MAJORITY and is_free:
            insort(kept, entity, key=_start)
    return tuple(kept)


def _start(entity: FoundEntity) -> int:
    return entity.start


def _shown(text: TaggedText) -> str:
    return f"{text.id} ({text.text[:30]}…)" if len(text.text) > 30 else f"{text.id} ({text.text})"
