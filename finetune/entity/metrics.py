"""How good found entities are: strict F1 by entity and by character, KLUE's two figures, and what went wrong.

Two sentences with five entities, of which the model finds two:

    gold      <김다온:PS>은 <1952년:DT> <새솔대학교:OG>를 세웠다.      <한별:PS>은 <9시:TI>에 왔다.
    answer    <김다온:PS>은 <1952년:DT> <새솔대학교를:OG> 세웠다.      <한별:OG>은 9시에 왔다.
                                       boundary                     type         missed

    entity_f1           span and type are right for 2 of 4 answers, and 2 of 5 entities are found          44.4 %
    entity_macro_f1     the mean of PS 66.7 %, DT 100 %, OG 0 % and TI 0 %                                 41.7 %
    char_f1             13 of 16 tagged characters are right, 13 of 17 are found; B-PS is not I-PS         78.8 %
    klue_entity_f1      as entity_macro_f1, but without spaces                                             41.7 %
    klue_char_f1        the mean of the F1 of KLUE's 13 character tags, O among them                       75.7 %

KLUE's figures are those of its baseline (Park et al. 2021, https://arxiv.org/abs/2105.09680), which tags subwords and
compares characters afterwards, of which spaces are none. It puts all sentences one after the other, each between the O of
[CLS] and the O of [SEP], and drops the tags of the spaces. An answer that begins at a space so loses its B- tag and, as
strict IOB2 has it, is no entity. A tag of which there is none, neither marked nor answered, counts as 100 %; the short
example has four of them (B-LC, I-LC, B-QT, I-QT). So klue_char_f1 compares only where the types are the same.
"""

from bisect import bisect
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from data.entities import NamedEntity
from finetune.entity.answers import Answer, FoundEntity, inline
from finetune.entity.tag_sequence import TagSequence

MISSED, MADE_UP = "missed", "made up"
"""Among the predicted types: the entity was not found. Among the gold types: there is no entity."""

_SHORTEST = (1, 2, 3, 4, 5, 6, 8, 11, 16)
"""The bins of `length_scores`."""


@dataclass(frozen=True)
class TypeScores:
    """One type's figures, as fractions; its row of `entities.csv`."""

    type: str
    precision: float
    """Right answers among those of this type; 0 where there are none."""
    recall: float
    """Right answers among the entities of this type; 0 where there are none."""
    f1: float
    support: int
    """Entities of this type that are marked."""
    predicted: int
    """Answers of this type."""


@dataclass(frozen=True)
class LengthScores:
    """The figures of entities of some length in characters."""

    shortest: int
    longest: int | None
    """None in the last bin, which has no end."""
    f1: float
    """As a fraction; 0 where there are neither entities nor answers."""
    support: int
    """Marked entities of this length."""
    predicted: int
    """Answers of this length."""


@dataclass(frozen=True)
class Mistake:
    """A text in which something is wrong."""

    answer: Answer
    kinds: Mapping[str, int]
    """How often each kind of mistake occurs, in the order missed, made up, type, boundary.

    An entity without an answer that overlaps it is missed, an answer without an entity that overlaps it is made up. An
    entity is compared with the answer that shares the most characters with it: another type and another span count both.
    """
    score: float | None
    """The highest score of a wrong answer; None where entities are missed and no answer is wrong."""

    @property
    def gold(self) -> str:
        """The text with the marked entities."""
        return inline(self.answer.text.text, self.answer.text.entities or ())

    @property
    def found(self) -> str:
        """The text with the answers."""
        return inline(self.answer.text.text, self.answer.entities)


def entity_metrics(answers: Sequence[Answer], types: Sequence[str]) -> dict[str, float]:
    """The figures of `metrics.json`, as fractions from 0 to 1.

    entity_precision, entity_recall, entity_f1: over the entities of all types; one is found where an answer has its span and
        its type.
    entity_macro_f1: unweighted mean of the F1 of all types that occur among entities or answers.
    char_f1: micro-F1 over the B- and I- tags of the characters, spaces included.
    klue_entity_f1: `entity_macro_f1` of what strict IOB2 reads from the tags of the characters that are not U+0020.
    klue_char_f1: unweighted mean of the F1 of the tags O, B-X and I-X of those characters, and of an O before and after each
        sentence; 1 for a tag that does not occur.

    Where there is nothing to be right about, neither an entity nor an answer, all figures but klue_char_f1 are 0.

    Args:
        answers: for texts whose entities are known.
        types: those that the model knows. Types that only entities have count as well.

    Raises:
        ValueError: there are no texts, or the entities of one are not known.
    """
    names = _types(answers, types)
    right, predicted, support = _by_type(answers, names)
    tags = TagSequence(answers, names)
    as_klue = tags.without_spaces()
    return {
        "entity_f1": _micro_f1(right, predicted, support),
        "entity_precision": float(_ratio(right.sum(), predicted.sum())),
        "entity_recall": float(_ratio(right.sum(), support.sum())),
        "entity_macro_f1": _macro_f1(right, predicted, support),
        "char_f1": _micro_f1(*(count[1:] for count in tags.by_tag())),
        "klue_entity_f1": _macro_f1(*as_klue.by_type()),
        "klue_char_f1": float(_f1(*as_klue.by_tag(), empty=1.0).mean()),
    }


def type_scores(answers: Sequence[Answer], types: Sequence[str]) -> list[TypeScores]:
    """Each type's figures, the one with most entities first; equal ones in the order of `types`.

    Types that only entities have follow those of the model.

    Raises:
        ValueError: as `entity_metrics`.
    """
    names = _types(answers, types)
    right, predicted, support = _by_type(answers, names)
    precision, recall, f1 = _ratio(right, predicted), _ratio(right, support), _f1(right, predicted, support)
    return [
        TypeScores(names[i], float(precision[i]), float(recall[i]), float(f1[i]), int(support[i]), int(predicted[i]))
        for i in np.argsort(-support, kind="stable")
    ]


def length_scores(answers: Sequence[Answer]) -> list[LengthScores]:
    """The figures of entities of 1, 2, 3, 4, 5, 6 to 7, 8 to 10, 11 to 15, and 16 or more characters, in this order.

    An answer counts where its own length belongs, right or wrong.

    Raises:
        ValueError: as `entity_metrics`.
    """
    _check(answers)
    edges = [*_SHORTEST, np.iinfo(np.int64).max]
    lengths: list[list[int]] = [[], [], []]
    for answer in answers:
        gold, found = _spans(answer.text.entities or ()), _spans(answer.entities)
        for part, spans in zip(lengths, (gold & found, found, gold), strict=True):
            part.extend(end - start for start, end, _ in spans)
    right, predicted, support = (np.histogram(np.array(part, dtype=np.int64), edges)[0] for part in lengths)
    f1 = _f1(right, predicted, support)
    longest = [*(edge - 1 for edge in _SHORTEST[1:]), None]
    return [
        LengthScores(_SHORTEST[i], longest[i], float(f1[i]), int(support[i]), int(predicted[i]))
        for i in range(len(_SHORTEST))
    ]


def confusion(answers: Sequence[Answer], types: Sequence[str]) -> dict[tuple[str, str], int]:
    """How often an entity of one type was answered as another: (gold type, predicted type) → count, where there are any.

    An entity is compared with the answer that shares the most characters with it, the first of equal ones; the spans need
    not be equal. (type, MISSED) are entities that no answer overlaps, (MADE_UP, type) answers that overlap no entity. The
    order is that of `types`, then of types that only entities have, then MISSED and MADE_UP.

    Raises:
        ValueError: as `entity_metrics`.
    """
    names = _types(answers, types)
    counts: Counter[tuple[str, str]] = Counter()
    for answer in answers:
        for entity, found in _pairs(answer):
            counts[entity.type if entity else MADE_UP, found.type if found else MISSED] += 1
    pairs = [(row, column) for row in [*names, MADE_UP] for column in [*names, MISSED]]
    return {pair: counts[pair] for pair in pairs if pair in counts}


def mistakes(answers: Sequence[Answer]) -> list[Mistake]:
    """The texts in which something is wrong, the surest wrong answers first; those where something is only missing last.

    Texts whose entities are not known are left out.
    """
    found = []
    for answer in answers:
        if answer.text.entities is None:
            continue
        gold = _spans(answer.text.entities)
        wrong = [entity.score for entity in answer.entities if (entity.start, entity.end, entity.type) not in gold]
        if wrong or len(gold) > len(answer.entities):
            found.append(Mistake(answer, _kinds(answer), max(wrong, default=None)))
    return sorted(found, key=lambda mistake: 1 if mistake.score is None else -mistake.score)


def _check(answers: Sequence[Answer]) -> None:
    if not answers:
        raise ValueError("there are no texts to measure")
    for answer in answers:
        if answer.text.entities is None:
            raise ValueError(f"{answer.text.where}: the entities of this text are not known")


def _types(answers: Sequence[Answer], types: Sequence[str]) -> list[str]:
    """The model's types, then all others, sorted."""
    _check(answers)
    occurring: set[str] = set()
    for answer in answers:
        occurring.update(entity.type for entity in answer.text.entities or ())
        occurring.update(entity.type for entity in answer.entities)
    return [*dict.fromkeys([*types, *sorted(occurring)])]


def _spans(entities: Iterable[NamedEntity | FoundEntity]) -> set[tuple[int, int, str]]:
    return {(entity.start, entity.end, entity.type) for entity in entities}


def _by_type(answers: Sequence[Answer], names: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Right answers, answers, and entities, by type."""
    right, predicted, support = Counter[str](), Counter[str](), Counter[str]()
    for answer in answers:
        gold, found = _spans(answer.text.entities or ()), _spans(answer.entities)
        right.update(type for _, _, type in gold & found)
        predicted.update(type for _, _, type in found)
        support.update(type for _, _, type in gold)

    def of_names(counts: Counter[str]) -> np.ndarray:
        return np.array([counts[name] for name in names], dtype=np.int64)

    return of_names(right), of_names(predicted), of_names(support)


def _pairs(answer: Answer) -> list[tuple[NamedEntity | None, FoundEntity | None]]:
    """Each entity with the answer that shares the most characters with it, and the answers that share none.

    The answer with an entity's own span is that one, since answers do not overlap.
    """
    pairs: list[tuple[NamedEntity | None, FoundEntity | None]] = []
    alone = dict.fromkeys(answer.entities)
    for entity in answer.text.entities or ():
        best: FoundEntity | None = None
        most = 0
        for index in range(bisect(answer.entities, entity.start, key=_end), len(answer.entities)):
            found = answer.entities[index]
            if found.start >= entity.end:
                break
            alone.pop(found, None)
            shared = min(found.end, entity.end) - max(found.start, entity.start)
            if shared > most:
                best, most = found, shared
        pairs.append((entity, best))
    return [*pairs, *((None, found) for found in alone)]


def _end(entity: FoundEntity) -> int:
    return entity.end


def _kinds(answer: Answer) -> dict[str, int]:
    counts = {MISSED: 0, MADE_UP: 0, "type": 0, "boundary": 0}
    for entity, found in _pairs(answer):
        if found is None:
            counts[MISSED] += 1
        elif entity is None:
            counts[MADE_UP] += 1
        else:
            counts["type"] += entity.type != found.type
            counts["boundary"] += (entity.start, entity.end) != (found.start, found.end)
    return {kind: count for kind, count in counts.items() if count}


def _f1(right: np.ndarray, predicted: np.ndarray, support: np.ndarray, empty: float = 0.0) -> np.ndarray:
    """Harmonic mean of precision and recall; `empty` where there are neither answers nor entities."""
    return np.where(predicted + support > 0, _ratio(2 * right, predicted + support), empty)


def _micro_f1(right: np.ndarray, predicted: np.ndarray, support: np.ndarray) -> float:
    """Over all of them together."""
    return float(_f1(right.sum(), predicted.sum(), support.sum()))


def _macro_f1(right: np.ndarray, predicted: np.ndarray, support: np.ndarray) -> float:
    """Mean over what occurs; 0 where nothing does."""
    occurs = predicted + support > 0
    return float(_f1(right, predicted, support)[occurs].mean()) if occurs.any() else 0.0


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, and 0 where both are 0."""
    return part / np.maximum(whole, 1)
