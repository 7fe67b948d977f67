"""Sentences of the invented world that know what stands where in them.

A scene of `words/relation_frames.yaml` has roles, and open places for phrases about whoever plays them. Chosen and filled, it becomes
text in steps:

    {p+소개}은(는) {d} {x}에서 {q+소개}을(를) 만났다.
    {p.employer} 소속 {p.title} {p}은(는) {d} {x}에서 {q}({q.alias})을(를) 만났다.
    다온출판사 소속 시인 명누봄은 2013년 5월 황새벌구에서 도마휘(억새마루)를 만났다.

The text grows from left to right, each particle agreeing with what is there already, so that every slot's place is known as it is
written (명누봄 at [12, 15)) and never has to be searched for: a name may stand twice.
"""

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from data.josa import agree
from data.sample.lexicon import Organisation, Person
from data.sample.relation_facts import ALTERNATE, Fact, World, attribute_of, names, stated_relation, type_of
from data.sample.vocabulary import read_words

Cast = dict[str, Person | Organisation]

_SLOT = re.compile(r"\{([^{}]*)\}")
_OPEN = re.compile(r"\{([a-z])\+(\w+)\}")
_ENDINGS = {"고", "으며", "는데", "지만", "다"}
_KINDS = {"p": "p", "q": "p", "r": "p", "o": "o", "k": "o"}
_PREDICATES = {"p": "생애", "o": "연혁"}
_PROP_TYPES = {"d": "DAT", "n": "NOH"}
_BARE = 0.15
"""How often somebody is called by name alone."""
_NEW_SCENE = 0.25
"""How often, of the sentences with something unseen in them, that is the scene."""
_SAME = {
    **{"birth_year": "born", "death_year": "died", "founding_year": "founded", "closing_year": "dissolved"},
    **{"hometown": "birthplace", "wife": "spouse", "husband": "spouse", "fathered": "child", "mothered": "child"},
    **{"deathplace": "died", "mother": "father", "staff": "head"},
}
"""Attributes of which one sentence tells only one."""


class Frame:
    """A scene, or a phrase about p or o to put into one; `unseen` ones are kept from the training rows."""

    def __init__(self, line: str, place: str = ""):
        self.text = line.removesuffix("*").strip()
        self.place = place
        """Where it may stand: "p 소개", "o 연혁"; "" for a scene."""
        self.unseen = line.endswith("*")
        self.slots = [slot for slot in _SLOT.findall(self.text) if "|" not in slot]
        self.open = _OPEN.findall(self.text)
        attributes = {attribute_of(slot) for slot in self.slots if slot.count(".") == 1}
        self.topics = {_SAME.get(attribute, attribute) for attribute in attributes}
        if place.endswith(tuple(_PREDICATES.values())):
            self.topics.add(self.text.rpartition(" ")[2])  # nobody is born twice

    def labels(self) -> set[str]:
        """The relations that the frame states."""
        paths = [slot for slot in (self.place[:1], *self.slots) if slot and not slot.endswith("alias")]
        stated = {stated_relation(one, other) for one in paths for other in paths}
        if "p.alias" in self.slots:
            stated.add(ALTERNATE[Person])
        elif "o.alias" in self.slots:
            stated.add(ALTERNATE[Organisation])
        return {label for label in stated if label}


@dataclass(frozen=True, slots=True, eq=False)
class Mention:
    """The characters [start, end) of a sentence: a role, or a fact of a role by its path (p.employer)."""

    start: int
    end: int
    path: str
    type: str
    fact: Fact


@dataclass(frozen=True, slots=True, eq=False)
class Sentence:
    text: str
    mentions: tuple[Mention, ...]
    unseen: bool
    """Whether it is said in a way that is kept from the training rows."""


@lru_cache(maxsize=1)
def _frames() -> tuple[dict[str, list[Frame]], list[Frame]]:
    """The phrases by where they may stand, and the scenes."""
    words = read_words("relation_frames")
    phrases = {
        f"{role} {what}": [Frame(line, f"{role} {what}") for line in lines]
        for role in ("p", "o")
        for what, lines in words[role].items()
    }
    return phrases, [Frame(line) for line in words["장면"]["문장"]]


class SentenceWriter:
    """Draws sentences that state a given relation, with strangers beside whom it is about."""

    def __init__(self, world: World, rng: random.Random):
        self.world = world
        self.rng = rng
        self.phrases, self.scenes = _frames()
        self.sites = [place for kind in ("시", "군", "구", "도서관") for place in world.lexicon.of_kind(kind)]
        self._stating: dict[tuple[str, bool], list[Frame]] = {}
        for frame in (frame for frames in self.phrases.values() for frame in frames):
            for label in sorted(frame.labels()):
                self._stating.setdefault((label, frame.unseen), []).append(frame)
        self._told: dict[tuple[Person | Organisation, Frame], bool] = {}
        self._tellable: dict[Frame, list[Person | Organisation]] = {}

    def write(self, label: str, unseen: bool) -> Sentence | None:
        """A sentence that states the relation, or None where what was drawn does not go together.

        With `unseen`, the phrase that states it, or else the scene, is one that is kept from the training rows; without, nothing is.
        """
        kept = self._stating.get((label, True), []) if unseen else []
        new_scene = unseen and (not kept or self.rng.random() < _NEW_SCENE)
        frame = self.rng.choice(kept if kept and not new_scene else self._stating[label, False])
        places = [
            (scene, number)
            for scene in self.scenes
            if (scene.unseen if new_scene else unseen or not scene.unseen)
            for number, (role, what) in enumerate(scene.open)
            if _place(role, what) == frame.place
        ]
        if not places:
            return None
        scene, number = self.rng.choice(places)
        cast = self._cast(scene, scene.open[number][0], frame)
        date = self._date(cast.values()) if "d" in scene.slots else ""
        if date is None or not _strangers(self.world, cast):
            return None
        chosen = self._choose(scene, number, frame, cast, unseen)
        if chosen is None:
            return None
        phrases = (
            re.sub(r"\{[po](?=[.}])", "{" + role, phrase.text) + (what if what in _ENDINGS else "")
            for phrase, (role, what) in zip(chosen, scene.open, strict=True)
        )
        text = _OPEN.sub(lambda match: next(phrases), scene.text)
        return self._fill(text, {**self._props(date), **cast}, unseen)

    def _entities(self, role: str) -> Sequence[Person | Organisation]:
        return self.world.lexicon.persons if _KINDS[role] == "p" else self.world.lexicon.organisations

    def _cast(self, scene: Frame, leading: str, frame: Frame) -> Cast:
        """Who plays which role; of the leading one everything is known that the frame tells."""
        if frame not in self._tellable:
            self._tellable[frame] = [entity for entity in self._entities(leading) if self._can_tell(entity, frame)]
        roles = {slot[0] for slot in scene.slots} & set(_KINDS)
        others = {role: self.rng.choice(self._entities(role)) for role in sorted(roles - {leading})}
        return {leading: self.rng.choice(self._tellable[frame]), **others}

    def _can_tell(self, entity: Person | Organisation, frame: Frame) -> bool:
        """Whether everything is known of the entity that the frame tells of it."""
        key = (entity, frame)
        if key not in self._told:
            self._told[key] = all(self._knows(entity, path.split(".")[1:]) for path in frame.slots)
        return self._told[key]

    def _knows(self, entity: Fact, attributes: list[str]) -> bool:
        for attribute in attributes:
            name = attribute_of(attribute)
            facts = self.world.facts(entity, name)
            if len(facts) < int(attribute.removeprefix(name) or 1):
                return False
            entity = facts[0]
        return True

    def _date(self, cast: Iterable[Person | Organisation]) -> str | None:
        """A date at which all of the cast were about, if there is one."""
        spans = [self.world.active(entity) for entity in cast]
        first, last = max(year for year, _ in spans), min(year for _, year in spans)
        if first > last:
            return None
        year, month, day = self.rng.randint(first, last), self.rng.randint(1, 12), self.rng.randint(1, 28)
        if last == self.world.this_year and self.rng.random() < 0.5:
            return self.rng.choice((f"지난 {day}일", f"지난 {month}월 {day}일", f"지난해 {month}월"))
        return self.rng.choice((f"{year}년 {month}월 {day}일", f"{year}년 {month}월", f"{year}년"))

    def _props(self, date: str) -> dict[str, Fact]:
        """The date, and a place, a festival and a number that mean nothing to the cast."""
        number = f"{self.rng.randint(12, 900)}명" if self.rng.random() < 0.6 else f"{self.rng.randint(2, 40)}0여 명"
        site, event = self.rng.choice(self.sites), self.rng.choice(self.world.lexicon.events)
        return {"d": date, "x": site, "e": event, "n": number}

    def _choose(self, scene: Frame, leading: int, frame: Frame, cast: Cast, unseen: bool) -> list[Frame] | None:
        """A phrase for each open place of the scene; nothing is told twice, and what somebody did in the order of a life.

        None if nothing is left to tell of somebody.
        """
        chosen: list[Frame] = []
        told = {role: set(frame.topics) if role == scene.open[leading][0] else set() for role, _ in scene.open}
        for number, (role, what) in enumerate(scene.open):
            frames = self.phrases[_place(role, what)]
            possible = [
                phrase
                for phrase in frames
                if (unseen or not phrase.unseen)
                and phrase.topics.isdisjoint(told[role])
                and self._can_tell(cast[role], phrase)
            ]
            if not possible:
                return None
            bare = what == "소개" and self.rng.random() < _BARE
            phrase = frame if number == leading else frames[0] if bare else self.rng.choice(possible)
            told[role] |= phrase.topics
            chosen.append(phrase)
        for role in told:
            own = [number for number, (other, what) in enumerate(scene.open) if other == role and what in _ENDINGS]
            in_order = sorted((chosen[number] for number in own), key=self.phrases[_place(role, "다")].index)
            for number, phrase in zip(own, in_order, strict=True):
                chosen[number] = phrase
        return chosen

    def _fill(self, text: str, cast: dict[str, Fact], unseen: bool) -> Sentence | None:
        """The text with every slot filled; None if one thing would be told of somebody in two ways."""
        drawn: dict[str, list[Fact]] = {}
        mentions: list[Mention] = []
        paths: dict[tuple[str, str], str] = {}
        written = ""
        for number, part in enumerate(_SLOT.split(text)):
            if number % 2 and "|" not in part:
                fact, word, its_type = self._resolve(part, cast, drawn)
                if paths.setdefault((part[0], word), part) != part:
                    return None
                mentions.append(Mention(len(written), len(written) + len(word), part, its_type, fact))
                written += word
            else:
                part = self.rng.choice(part.split("|"))
                written = agree(written + part) if "(" in part else written + part
        return Sentence(written, tuple(mentions), unseen)

    def _resolve(self, path: str, cast: dict[str, Fact], drawn: dict[str, list[Fact]]) -> tuple[Fact, str, str]:
        """What a path stands for in this sentence, its words and its type."""
        owner_path, _, attribute = path.rpartition(".")
        if not owner_path:
            fact = cast[path]
            return fact, names(fact)[0], _PROP_TYPES.get(path) or type_of(fact, path)
        owner = self._resolve(owner_path, cast, drawn)[0]
        if attribute == "alias":
            return owner, names(owner)[1], type_of(owner, attribute)
        name = attribute_of(path)
        key = f"{owner_path}.{name}"
        if key not in drawn:
            facts = self.world.facts(owner, name)
            drawn[key] = self.rng.sample(facts, len(facts))
        fact = drawn[key][int(attribute.removeprefix(name) or 1) - 1]
        return fact, names(fact)[0], type_of(fact, name)


def _strangers(world: World, cast: Cast) -> bool:
    """Whether nobody in the cast has to do with anybody else there."""
    return not any(
        one is other or any(world.related(one, name) for name in names(other))
        for role, one in cast.items()
        for other_role, other in cast.items()
        if role != other_role
    )


def _place(role: str, what: str) -> str:
    """The list from which an open place of a scene is filled: "p 생애" for {q+고}."""
    return f"{_KINDS[role]} {_PREDICATES[_KINDS[role]] if what in _ENDINGS else what}"
