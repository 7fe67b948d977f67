"""Rows of relations as token sequences that say where the two entities are and that stay within max_length.

Who founded 새솔대학교 (the subject, ORG)? 김다온 (the object, PER), says 새솔대학교는 1952년 김다온이 세웠다. In each scheme:

    none                       새솔대학교 ##는 1952 ##년 김다온 ##이 세웠다 .
    entity_mask                [SUBJ:ORG] ##는 1952 ##년 [OBJ:PER] ##이 세웠다 .
    entity_marker              [SUBJ] 새솔대학교 [/SUBJ] ##는 1952 ##년 [OBJ] 김다온 [/OBJ] ##이 세웠다 .
    entity_marker_punct        @ 새솔대학교 @ ##는 1952 ##년 # 김다온 # ##이 세웠다 .
    typed_entity_marker        [SUBJ:ORG] 새솔대학교 [/SUBJ:ORG] ##는 1952 ##년 [OBJ:PER] 김다온 [/OBJ:PER] ##이 세웠다 .
    typed_entity_marker_punct  @ * 단체 * 새솔대학교 @ ##는 1952 ##년 # ^ 사람 ^ 김다온 # ##이 세웠다 .

The names are those of Zhou & Chen (2022, arXiv 2102.01373); the last scheme is theirs, with the types in Korean. `query` adds
a second segment: 새솔대학교 ##와 김다온 ##의 관계 ##는 ? In entity_mask it names the masks, or they would hide nothing.

A sentence is encoded in five pieces: before, first entity, between, second entity, after. A particle stays a particle: ##는,
although a marker stands before it, for 는 alone is another token. So the tokens, markers aside, are those of the whole
sentence wherever that has a boundary at the ends of the entities. Where it has none there is one all the same: 대통령 in
전대통령 is encoded as a word's beginning, so that an entity has the same tokens wherever it stands. A type that a row does
not give, or that the model was not trained on, leaves the marker without a type.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np

from data.josa import final_consonant
from data.relations import Entity, Relation
from data.tokenizer import WordPiece
from experiment.errors import UsageError
from finetune.relation.config import MarkerScheme
from finetune.relation.marker_tokens import PUNCTUATION, SHOWS_TYPES, choose_tokens

Cut = Literal["", "context", "middle", "entity"]
"""What of the sentence gave way to max_length: nothing; text before and after the entities; that, and text between them;
all text, and tokens of the entities themselves."""


@dataclass(frozen=True)
class MarkerOptions:
    """How rows are written."""

    scheme: MarkerScheme
    query: bool
    """Whether a second segment asks for the relation: A와 B의 관계는?"""
    max_length: int
    """Tokens at the most; [CLS], [SEP], markers and query count."""

    def __post_init__(self) -> None:
        if self.scheme not in get_args(MarkerScheme):
            raise ValueError(f"markers must be one of {' · '.join(get_args(MarkerScheme))}, not {self.scheme!r}")


class Marked(NamedTuple):
    """A row as the network reads it; spans are half-open token positions."""

    ids: np.ndarray
    """int64 [L]: [CLS] sentence [SEP], and with a query: query [SEP]."""
    types: np.ndarray
    """int64 [L], segments: 0, and 1 for the query and its [SEP]."""
    subject: tuple[int, int]
    """The entity's own tokens, at least one; in entity_mask the mask."""
    object: tuple[int, int]
    subject_block: tuple[int, int]
    """The entity with its markers."""
    object_block: tuple[int, int]
    cut: Cut

    @property
    def length(self) -> int:
        """Tokens."""
        return len(self.ids)

    @property
    def longest(self) -> int:
        """Tokens that are read at once."""
        return len(self.ids)


class Parts(NamedTuple):
    """The token ids of a sentence around its entities, without markers."""

    before: list[int]
    first: list[int]
    between: list[int]
    second: list[int]
    after: list[int]

    @property
    def length(self) -> int:
        return sum(map(len, self))


class Frame(NamedTuple):
    """The token ids before and after an entity."""

    opening: list[int]
    closing: list[int]


_NO_FRAME = Frame([], [])


class Query(NamedTuple):
    """The token ids of a query, its entities left out: 와/과, 의 관계는?"""

    particle: list[int]
    end: list[int]


_QUERY_END = "의 관계는?"


class RelationMarker:
    """Marks rows; built once a run.

    Args:
        wordpiece: any BERT's.
        options: how rows are written.
        types: of the training rows' entities.
        tokens: of the marker that a saved model was trained with; then `types` is not looked at.

    Attributes:
        tokens: what is written for each marker, as tokens with spaces between: "SUBJ:ORG" → "[SUBJ:ORG]" and "/SUBJ:ORG" →
            "[/SUBJ:ORG]", or "@ * 단체 *" and "@". See `choose_tokens`.
        unknown_types: how often `mark` met a type that it has no marker for.
        untyped: how many entities without a type it met in a scheme that shows types.

    Raises:
        DataError: the vocabulary lacks tokens for the markers, or there are no types for a scheme that needs them.
        UsageError: max_length has no room for two entities with their markers and query.
    """

    def __init__(
        self,
        wordpiece: WordPiece,
        options: MarkerOptions,
        types: Sequence[str] = (),
        tokens: Mapping[str, str] | None = None,
    ) -> None:
        self.wordpiece = wordpiece
        self.options = options
        self.tokens = choose_tokens(wordpiece, options.scheme, types) if tokens is None else dict(tokens)
        self.unknown_types: Counter[str] = Counter()
        self.untyped = 0
        ids = {name: [wordpiece.id_of(token) for token in text.split(" ")] for name, text in self.tokens.items()}
        self._frames = {name: Frame(ids[name], ids.get(f"/{name}", [])) for name in ids if not name.startswith("/")}
        if options.scheme == "none":
            self._frames = dict.fromkeys(PUNCTUATION, _NO_FRAME)
        self._cls, self._sep, self._unknown = ([wordpiece.id_of(token)] for token in ("[CLS]", "[SEP]", "[UNK]"))
        if options.max_length < (least := self._least_length()):
            raise UsageError(
                f"--max_length {options.max_length} has no room for two entities as --markers {options.scheme}"
                f"{' --query' if options.query else ''} writes them; give {least} or more"
            )

    def mark(self, relations: Sequence[Relation]) -> list[Marked]:
        """The rows in their order, none longer than `options.max_length`.

        A sentence that is too long loses tokens far from its entities first, as `fit` says; before that, a query that is
        longer than a third of max_length loses tokens from the middle of the entities it names.
        """
        parts = self._encode(relations)
        queries = self._encode_queries(relations) if self.options.query else [None] * len(relations)
        return [self._assemble(*row) for row in zip(relations, parts, queries, strict=True)]

    def _encode(self, relations: Sequence[Relation]) -> list[Parts]:
        words: list[str] = []  # before, first entity, second entity of each row
        goes_on: list[str] = []  # between, after
        entities: list[str] = []  # what those stand after
        for row in relations:
            first, second = sorted((row.subject, row.object), key=lambda entity: entity.start)
            before, between = row.sentence[: first.start], row.sentence[first.end : second.start]
            names = [row.sentence[entity.start : entity.end] for entity in (first, second)]
            words += [before, *names]
            goes_on += [between, row.sentence[second.end :]]
            entities += names
        encoded = iter(self.wordpiece.encode(words))
        continued = iter(self.wordpiece.encode_continuations(goes_on, after=entities))
        return [
            # An entity of characters that the tokenizer drops, such as a zero-width space, is [UNK].
            Parts(before, first or self._unknown, next(continued), second or self._unknown, next(continued))
            for before, first, second in zip(encoded, encoded, encoded, strict=True)
        ]

    def _encode_queries(self, relations: Sequence[Relation]) -> list[Query]:
        subjects, objects = [row.subject_word for row in relations], [row.object_word for row in relations]
        # Not `agree`: it would also choose within the names, and 은(는) may be part of one.
        particles = ["과" if final_consonant(word) else "와" for word in subjects]
        return [
            Query(particle, end)
            for particle, end in zip(
                self.wordpiece.encode_continuations(particles, after=subjects),
                self.wordpiece.encode_continuations([_QUERY_END] * len(objects), after=objects),
                strict=True,
            )
        ]

    def _assemble(self, row: Relation, parts: Parts, query: Query | None) -> Marked:
        subject_first = row.subject.start < row.object.start
        frames = [self._frame("SUBJ", row.subject), self._frame("OBJ", row.object)]
        if not subject_first:
            frames.reverse()
        if self.options.scheme == "entity_mask":
            parts = parts._replace(first=frames[0].opening, second=frames[1].opening)
            frames = [_NO_FRAME, _NO_FRAME]
        room = self.options.max_length - 2 - sum(len(ids) for frame in frames for ids in frame)
        question: list[int] = []
        if query is not None:
            question = self._question(query, parts, subject_first, room)
            room -= len(question)
        parts, cut = fit(parts, room)

        ids = self._cls.copy()
        spans = []
        for context, entity, frame in zip(
            (parts.before, parts.between), (parts.first, parts.second), frames, strict=True
        ):
            block = len(ids) + len(context)
            start = block + len(frame.opening)
            end = start + len(entity)
            ids += [*context, *frame.opening, *entity, *frame.closing]
            spans.append(((start, end), (block, len(ids))))
        if not subject_first:
            spans.reverse()
        (subject, subject_block), (object_, object_block) = spans
        ids += parts.after + self._sep
        types = np.repeat(np.array([0, 1]), (len(ids), len(question)))
        return Marked(np.array(ids + question), types, subject, object_, subject_block, object_block, cut)

    def _frame(self, role: str, entity: Entity) -> Frame:
        if self.options.scheme not in SHOWS_TYPES:
            return self._frames[role]
        if entity.type is None:
            self.untyped += 1
            return self._frames[role]
        frame = self._frames.get(f"{role}:{entity.type}")
        if frame is None:
            self.unknown_types[entity.type] += 1
            return self._frames[role]
        return frame

    def _question(self, query: Query, parts: Parts, subject_first: bool, room: int) -> list[int]:
        """The query and its [SEP]; shortened where it and the sentence do not fit in `room`."""
        entities = (parts.first, parts.second) if subject_first else (parts.second, parts.first)
        fixed = len(query.particle) + len(query.end) + 1
        own = len(parts.first) + len(parts.second)
        if parts.length + fixed + own > room:
            # No more than a third, and never so much that the entities would have to be cut in the sentence instead.
            entities = shorten(*entities, max(2, min(self.options.max_length // 3, room - own) - fixed))
        subject, object_ = entities
        return [*subject, *query.particle, *object_, *query.end, *self._sep]

    def _least_length(self) -> int:
        """The least max_length: [CLS], [SEP], the longest markers, a token of each entity; with a query, those once more."""
        least = 2 + 2
        if self.options.scheme != "entity_mask":  # there the marker is the entity's one token
            for role in PUNCTUATION:
                frames = [frame for name, frame in self._frames.items() if name.partition(":")[0] == role]
                least += max(len(frame.opening) + len(frame.closing) for frame in frames)
        if self.options.query:
            for texts in (["과", "와"], [_QUERY_END]):
                # After a name that ends in a syllable and after one that ends in punctuation.
                encoded = [self.wordpiece.encode_continuations(texts, after=[end] * len(texts)) for end in "가)"]
                least += max(len(ids) for either in encoded for ids in either)
            least += 2 + 1
        return least


def type_notes(marker: RelationMarker) -> list[str]:
    """What people should know of the entities' types that a marker has met."""
    notes = [
        f"The model has no marker for the entity type {kind} ({count:,} times); it is marked without a type."
        for kind, count in marker.unknown_types.items()
    ]
    if marker.untyped:
        notes.append(f"{marker.untyped:,} entities have no type; they are marked without one.")
    return notes


# ---- fitting ----


def fit(parts: Parts, room: int) -> tuple[Parts, Cut]:
    """The parts in `room` tokens or fewer, both entities included.

    What is farthest from them goes first: of the text outside, the same is kept before and after (more of one where the other
    is short); then of the text between, the same beside either entity; then of the entities themselves the middle.

    Args:
        parts: of a sentence; each entity has at least one token.
        room: at least 2.
    """
    if parts.length <= room:
        return parts, ""
    left = room - len(parts.first) - len(parts.second)
    if left < 0:
        first, second = shorten(parts.first, parts.second, room)
        return Parts([], first, [], second, []), "entity"
    if left < len(parts.between):
        return parts._replace(before=[], between=_ends(parts.between, left), after=[]), "middle"
    before, after = _share(left - len(parts.between), len(parts.before), len(parts.after))
    kept = parts._replace(before=parts.before[len(parts.before) - before :], after=parts.after[:after])
    return kept, "context"


def shorten(first: list[int], second: list[int], room: int) -> tuple[list[int], list[int]]:
    """Two entities in `room` tokens, the first and the last ones of each; at least one of each if `room` is 2 or more."""
    of_first, of_second = _share(room, len(first), len(second))
    return _ends(first, of_first), _ends(second, of_second)


def _share(room: int, first: int, second: int) -> tuple[int, int]:
    """How much of `room` each of two lengths gets: half, or what the other does not need."""
    of_first = min(first, max((room + 1) // 2, room - second))
    return of_first, min(second, room - of_first)


def _ends(ids: list[int], count: int) -> list[int]:
    """`count` of the tokens, from the beginning and from the end."""
    return ids[: count - count // 2] + ids[len(ids) - count // 2 :]
