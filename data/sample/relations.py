"""Relations for the sample, in the layout of KLUE-RE's files: a sentence, two entities marked in it, and their relation's label.

    {"guid": "sample-re_train_00000", "sentence": "다온출판사 소속 시인 명누봄은 2013년 5월 황새벌구에서 도마휘(억새마루)를 만났다.",
     "subject_entity": {"word": "명누봄", "start_idx": 12, "end_idx": 14, "type": "PER"},
     "object_entity": {"word": "다온출판사", "start_idx": 0, "end_idx": 4, "type": "ORG"}, "label": "per:employee_of", "source": "sample"}

A sentence (`data.sample.relation_sentences`) knows which facts it states, so the label of every pair of words in it follows: the other
way round the pair above is org:top_members/employees, 다온출판사 and 도마휘, of whom the world knows nothing either, are no_relation, and what
the world knows but the sentence does not say is no row at all. A row is one such pair. It is taken only where another pair of the
same types has another label, and no_relation from sentences made for a relation: so neither the words of a sentence nor the
types of a pair give the label away, but who stands where.
"""

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from data.sample.lexicon import Organisation, Person, build_lexicon
from data.sample.relation_facts import ALTERNATE, World, names, stated_relation
from data.sample.relation_sentences import Mention, Sentence, SentenceWriter

Row = dict[str, Any]

NO_RELATION = "no_relation"
LABEL_COUNTS = {
    "no_relation": 9534,
    "org:top_members/employees": 4284,
    "per:employee_of": 3573,
    "per:title": 2103,
    "org:member_of": 1866,
    "org:alternate_names": 1320,
    "per:origin": 1234,
    "org:place_of_headquarters": 1195,
    "per:date_of_birth": 1130,
    "per:alternate_names": 1001,
    "per:spouse": 795,
    "per:colleagues": 534,
    "per:parents": 520,
    "org:founded": 450,
    "org:members": 420,
    "per:date_of_death": 418,
    "org:product": 380,
    "per:children": 304,
    "per:place_of_residence": 193,
    "per:other_family": 190,
    "per:place_of_birth": 166,
    "org:founded_by": 155,
    "per:product": 139,
    "per:siblings": 136,
    "org:political/religious_affiliation": 98,
    "per:religion": 96,
    "per:schools_attended": 82,
    "org:dissolved": 66,
    "org:number_of_employees/members": 48,
    "per:place_of_death": 40,
}
"""How often each label occurs in KLUE-RE's training file (Park et al. 2021, KLUE: Korean Language Understanding Evaluation)."""

_NO_RELATION_SHARE = 0.35
_UNSEEN_SHARE = 0.25
_SECOND_ROW = 0.2
"""How many of the sentences have a second row."""
_RIVALS = {"org:top_members/employees": 1.2, "per:employee_of": 1.2, "per:title": 1.0, "org:place_of_headquarters": 0.9}
_OTHER_RIVALS = 0.2
"""How many rows of no_relation come from sentences made for a label, in proportion to its own: most where few labels share its types."""
_LARGER_CROWD, _ATTEMPTS = 12, 2000
"""How many sentences to try for a row with two other labels of the same types; and in all, of which the latter half need no other label."""


class _Request(NamedTuple):
    """A row to be found: its label, the label that its sentence is made for, and whether it is said in an unseen way."""

    label: str
    made_for: str
    unseen: bool


class _Labelled(NamedTuple):
    subject: Mention
    object: Mention
    label: str

    @property
    def types(self) -> tuple[str, str]:
        return self.subject.type, self.object.type


def compose_relations(train: int, dev: int, seed: int) -> tuple[list[Row], list[Row]]:
    """`train` and `dev` rows in KLUE-RE's layout, with the labels of `label_counts`; no sentence is in both.

    About a fifth of the sentences have two rows. A quarter of the development rows of each label are said in a way that no training
    row has. Raises ValueError for fewer rows than can hold every label.
    """
    drawing = _Drawing(World(build_lexicon(seed)), random.Random(f"relations {seed}"))
    counts = label_counts(train, least=6), label_counts(dev, least=3)
    return drawing.rows("train", counts[0], unseen_share=0.0), drawing.rows("dev", counts[1], _UNSEEN_SHARE)


def label_counts(rows: int, least: int) -> dict[str, int]:
    """How many of `rows` have each label: 35% no_relation, the others in KLUE-RE's proportions, but `least` or more.

    A file of fewer than `60 * least` rows gets by with fewer of the rarest. Raises ValueError below 60 rows.
    """
    room = 2 * len(LABEL_COUNTS)
    if rows < room:
        raise ValueError(f"{rows} rows are too few for {len(LABEL_COUNTS)} labels: ask for {room} or more")
    counts = {NO_RELATION: round(_NO_RELATION_SHARE * rows)}
    left, known = rows - counts[NO_RELATION], sum(LABEL_COUNTS.values()) - LABEL_COUNTS[NO_RELATION]
    for label, count in sorted(
        LABEL_COUNTS.items(), key=lambda item: item[1]
    ):  # the rarest first: what is left shrinks
        if label != NO_RELATION:
            counts[label] = max(min(least, rows // room), round(left * count / known))
            left, known = left - counts[label], known - count
    return counts


def labelled_pairs(world: World, sentence: Sentence) -> list[_Labelled]:
    """Every pair of mentions in the sentence whose relation, or lack of one, is beyond doubt."""
    pairs = ((one, other, _label(world, one, other)) for one in sentence.mentions for other in sentence.mentions)
    return [_Labelled(one, other, label) for one, other, label in pairs if label]


def _label(world: World, subject: Mention, other: Mention) -> str | None:
    """The relation that the sentence states; no_relation between strangers; None for whatever else the world knows of the two."""
    entity, fact = subject.fact, other.fact
    if not isinstance(entity, Person | Organisation):
        return None
    paths = [mention.path.removesuffix(".alias") for mention in (subject, other)]
    if entity is fact:
        return ALTERNATE[type(entity)] if subject.path != other.path and paths[0] == paths[1] else None
    if stated := stated_relation(*paths):
        return stated
    known = any(world.related(entity, name) for name in names(fact))
    if isinstance(fact, Person | Organisation):
        known = known or any(world.related(fact, name) for name in names(entity))
    return None if known else NO_RELATION


class _Drawing:
    """Draws rows until every label has its number; no sentence comes twice, whichever file it is for."""

    def __init__(self, world: World, rng: random.Random):
        self.world = world
        self.rng = rng
        self.writer = SentenceWriter(world, rng)
        self.written: set[str] = set()

    def rows(self, name: str, counts: dict[str, int], unseen_share: float) -> list[Row]:
        requests = self._requests(counts, unseen_share)
        left = Counter(requests)
        found: list[tuple[Sentence, _Labelled]] = []
        for request in requests:
            if not left[request]:
                continue
            sentence, pairs, pair = self._find(request)
            left[request] -= 1
            found.append((sentence, pair))
            if self.rng.random() < _SECOND_ROW and (second := self._second(pairs, pair, left, request.unseen)):
                left[second[0]] -= 1
                found.append((sentence, second[1]))
        self.rng.shuffle(found)
        return [_row(f"sample-re_{name}_{number:05}", *row) for number, row in enumerate(found)]

    def _requests(self, counts: dict[str, int], unseen_share: float) -> list[_Request]:
        """One for each row, in random order."""
        relations = [label for label in counts if label != NO_RELATION]
        weights = [counts[label] * _RIVALS.get(label, _OTHER_RIVALS) for label in relations]
        rivals = self.rng.choices(relations, weights=weights, k=counts[NO_RELATION])
        requests = []
        for label, count in counts.items():
            made_for = rivals if label == NO_RELATION else [label] * count
            unseen = round(unseen_share * count)
            requests += [_Request(label, relation, number < unseen) for number, relation in enumerate(made_for)]
        self.rng.shuffle(requests)
        return requests

    def _find(self, request: _Request) -> tuple[Sentence, list[_Labelled], _Labelled]:
        """A new sentence, its pairs and one of them that fits the request."""
        for attempt in range(_ATTEMPTS):
            sentence = self.writer.write(request.made_for, request.unseen)
            if sentence is None or sentence.text in self.written:
                continue
            pairs = labelled_pairs(self.world, sentence)
            crowd = 3 if attempt < _LARGER_CROWD and request.made_for not in _RIVALS else 2
            if fitting := _fitting(pairs, request, crowd if attempt < _ATTEMPTS // 2 else 1):
                self.written.add(sentence.text)
                return sentence, pairs, self.rng.choice(fitting)
        raise RuntimeError(
            f"data/sample/words/relation_frames.yaml has too few phrases for {request.made_for}: add some"
        )

    def _second(
        self, pairs: list[_Labelled], first: _Labelled, left: Counter[_Request], unseen: bool
    ) -> tuple[_Request, _Labelled] | None:
        """Another pair of the same sentence, with a request that is still open and that it fits, if there are any."""
        open_requests = sorted(request for request, count in left.items() if count and request.unseen == unseen)
        others = [(request, pair) for request in open_requests for pair in _fitting(pairs, request, 2) if pair != first]
        return self.rng.choice(others) if others else None


def _fitting(pairs: Sequence[_Labelled], request: _Request, crowd: int) -> list[_Labelled]:
    """The pairs with the label that is asked for, of types with which `crowd` labels occur, `made_for` among them."""
    labels: dict[tuple[str, str], set[str]] = {}
    for pair in pairs:
        labels.setdefault(pair.types, set()).add(pair.label)
    types = {types for types, found in labels.items() if request.made_for in found and len(found) >= crowd}
    return [pair for pair in pairs if pair.label == request.label and pair.types in types]


def _row(guid: str, sentence: Sentence, pair: _Labelled) -> Row:
    return {
        "guid": guid,
        "sentence": sentence.text,
        "subject_entity": _entity(sentence, pair.subject),
        "object_entity": _entity(sentence, pair.object),
        "label": pair.label,
        "source": "sample",
    }


def _entity(sentence: Sentence, mention: Mention) -> dict[str, str | int]:
    word = sentence.text[mention.start : mention.end]
    return {"word": word, "start_idx": mention.start, "end_idx": mention.end - 1, "type": mention.type}
