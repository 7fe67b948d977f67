"""What the slots of `words/entity_frames.yaml` stand for: names of the invented world, facts about their bearers, and free words.

    cast = Slots(build_lexicon(), random.Random(0)).cast(development=False)
    cast.words("사람")      ->  ("명누봄", "PS")
    cast.words("사람.소속")  ->  ("다온출판사", "OG")         the employer of that same 명누봄
    cast.words("사람.직함")  ->  ("시인", None)              no entity
    cast.words("명:2-40")  ->  ("열두 명", "QT")

A part of the names is kept for the development sentences.
"""

import random
import re
from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Any

from data.sample.entity_words import drawn, hanja_of, quantity
from data.sample.lexicon import Event, Lexicon, Organisation, Person, Place, korean_date
from data.sample.names import name_parts
from data.sample.relation_facts import World
from data.sample.vocabulary import read_words

Thing = Person | Organisation | Place | Event | str
"""Whatever has a name; people from abroad, offices and countries are their names."""
Fact = tuple[str | None, Callable[[Any], Thing | None]]
"""The type that the fact has as an entity, and how to know it, None where it is not known."""

_KEPT = 0.3
"""How many of the names are kept from the training sentences; how often a development sentence draws one of them."""
_IN_FULL = 0.35
"""How often the place around it is named with a place: 한빛구 새별동."""
_SLOT = re.compile(r"(?P<key>(?P<name>[^\d.:]+)\d*)(?:\.(?P<fact>\w+))?(?::(?P<low>\d+)-(?P<high>\d+))?")

_BORN_AFTER = 1950
"""Of whom the news may tell what people do who have not retired."""
_FOREIGNERS = 160


def _family_name(person: Person) -> str | None:
    return None if " " in person.name else person.name[0]


def _in_the_news(person: Person) -> bool:
    return person.died is None and person.born.year > _BORN_AFTER and " " not in person.name


def _title_of_a_work(person: Person) -> str | None:
    """The first without a word that is an entity elsewhere."""
    others = read_words("entity_words")["때"]["제목에 없는 때"]
    return next((work.title for work in person.works if not any(word in work.title for word in others)), None)


_OF_PERSON: dict[str, Fact] = {
    "성": ("PS", _family_name),
    "이름": ("PS", lambda person: person.name[1:] if _family_name(person) else None),
    "한자": ("PS", lambda person: hanja_of(person.name)),
    "성한자": ("PS", lambda person: hanja_of(person.name[0])),
    "별호": ("PS", lambda person: person.alias),
    "아버지": ("PS", lambda person: person.father),
    "어머니": ("PS", lambda person: person.mother),
    "배우자": ("PS", lambda person: person.spouse),
    "자녀": ("PS", lambda person: person.children[0] if person.children else None),
    "직함": (None, lambda person: person.title),
    "작품": (None, _title_of_a_work),
    "나이": ("QT", lambda person: str(World.this_year - person.born.year)),
    "생일": ("DT", lambda person: korean_date(person.born)),
    "사망일": ("DT", lambda person: korean_date(person.died) if person.died else None),
    "고향": ("LC", lambda person: person.birthplace if person.country == "대한민국" else None),
    "소속": ("OG", lambda person: person.employer),
    "학교": ("OG", lambda person: person.school),
}
_OF_ORGANISATION: dict[str, Fact] = {
    "소재지": ("LC", lambda organisation: organisation.location),
    "설립일": ("DT", lambda organisation: korean_date(organisation.founded)),
    "설립자": ("PS", lambda organisation: organisation.founder),
    "대표": ("PS", lambda organisation: organisation.head),
    "직원": ("QT", lambda organisation: f"{organisation.employees:,}명"),
    "약칭": ("OG", lambda organisation: organisation.alias),
}
_OF_PLACE: dict[str, Fact] = {
    "소재지": ("LC", lambda place: place.parent),
    "청": ("OG", lambda place: f"{place.name}청"),
}
_OF_EVENT: dict[str, Fact] = {
    "소재지": ("LC", lambda event: event.location),
    "주최": ("OG", lambda event: event.host),
}
_OF_FOREIGNER: dict[str, Fact] = {"이름": ("PS", lambda name: name.split()[0])}
_FACTS = {Person: _OF_PERSON, Organisation: _OF_ORGANISATION, Place: _OF_PLACE, Event: _OF_EVENT, str: _OF_FOREIGNER}


class Slots:
    """The names to be drawn, each pool in two parts: for all sentences, and for the development sentences only."""

    def __init__(self, lexicon: Lexicon, rng: random.Random):
        self.lexicon = lexicon
        self.rng = rng
        self.kept: set[str] = set()
        pools = _pools(lexicon, rng)
        decided = {*name_parts("나라")["이름"], *_country_signs()}
        for _, things in pools.values():
            undecided = sorted({name_of(thing) for thing in things} - decided)
            self.kept.update(rng.sample(undecided, round(_KEPT * len(undecided))))
            decided.update(undecided)
        self.pools: dict[str, tuple[str | None, list[Thing], list[Thing]]] = {}
        for slot, (tag, things) in pools.items():
            known = [thing for thing in things if name_of(thing) not in self.kept]
            self.pools[slot] = tag, known, [thing for thing in things if name_of(thing) in self.kept]

    def cast(self, development: bool) -> "Cast":
        """Nobody as yet: slots are filled as they are asked for."""
        return Cast(self, development)


def _pools(lexicon: Lexicon, rng: random.Random) -> dict[str, tuple[str | None, Sequence[Thing]]]:
    """Each slot's type and what may be drawn for it."""
    kinds: dict[str, tuple[str, list[Thing]]] = {}
    for place in lexicon.places:
        kinds.setdefault(place.kind, ("LC", []))[1].append(place)
    for organisation in lexicon.organisations:
        kinds.setdefault(organisation.kind, ("OG", []))[1].append(organisation)
    groups = {
        slot: (kinds[group[0]][0], [one for kind in group for one in kinds[kind][1]])
        for slot, group in name_parts("종류의 묶음").items()
    }
    districts = groups["시군구"][1]
    offices = {
        slot: ("OG", [pattern.format(곳=name_of(place)) for place in districts for pattern in patterns])
        for slot, patterns in name_parts("관공서").items()
    }
    people, countries, signs = name_parts("사람"), name_parts("나라")["이름"], _country_signs()
    foreigners = [" ".join(names) for names in permutations(people["외국 이름"], 2)]
    return {
        "사람": ("PS", [person for person in lexicon.persons if _in_the_news(person)]),
        "인물": ("PS", lexicon.persons),
        "외국인": ("PS", rng.sample(foreigners, _FOREIGNERS)),
        "아이": ("PS", people["낱말 이름"]),
        "낱말이름": ("PS", people["낱말 성명"]),
        **groups,
        **kinds,
        **offices,
        "지자체": ("OG", districts),
        "나라": ("LC", countries),
        "정부": ("OG", [*countries, *(f"{country} 정부" for country in countries)]),
        "나라한자": ("LC", signs),
        "정부한자": ("OG", signs),
        "축제": (None, lexicon.events),
    }


def _country_signs() -> list[str]:
    """The Hanja by which headlines call a country: 佛."""
    return [written.split()[1] for written in name_parts("나라")["한자"]]


def name_of(thing: Thing) -> str:
    return thing if isinstance(thing, str) else thing.name


class Cast:
    """Who and what one sentence is about; a slot that comes twice is the same both times."""

    def __init__(self, slots: Slots, development: bool):
        self.slots = slots
        self.rng = slots.rng
        self.development = development
        self.members: dict[str, Thing] = {}

    def words(self, slot: str) -> tuple[str, str | None] | None:
        """The words for a slot and their type, which is None for no entity.

        Nothing at all where whoever it is about has no such thing, or is in the sentence already. KeyError for an unknown slot.
        """
        parts = _SLOT.fullmatch(slot)
        if parts is None:
            raise KeyError(slot)
        name = parts["name"]
        if parts["low"]:
            return quantity(self.rng, name, int(parts["low"]), int(parts["high"])), "QT"
        if name in drawn():
            tag, draw = drawn()[name]
            return draw(self.rng), tag
        tag, known, kept = self.slots.pools[name]
        thing = self.members.get(parts["key"]) or self._draw(parts["key"], known, kept)
        if thing is None:
            return None
        if parts["fact"]:
            found = self._fact(thing, parts["fact"])
            if found is None:
                return None
            tag, thing = found
        if isinstance(thing, Place) and tag == "LC" and self.rng.random() < _IN_FULL:
            return thing.full_name, tag
        return name_of(thing), tag

    def _draw(self, key: str, known: Sequence[Thing], kept: Sequence[Thing]) -> Thing | None:
        """Somebody new for the slot, None if they are in the sentence already."""
        pool = kept if self.development and kept and self.rng.random() < _KEPT else known
        thing = self.rng.choice(pool)
        if thing in self.members.values():
            return None
        self.members[key] = thing
        return thing

    def _fact(self, thing: Thing, fact: str) -> tuple[str | None, Thing] | None:
        """The type and the value of what is known of `thing`; None if nothing is, or if a training sentence may not tell it."""
        if fact == "동네":
            towns: Sequence[Thing] = self.slots.lexicon.towns_of(thing) if isinstance(thing, Place) else ()
            return self._told("LC", self.rng.choice(towns) if towns else None)
        tag, know = _FACTS[type(thing)][fact]
        return self._told(tag, know(thing))

    def _told(self, tag: str | None, found: Thing | None) -> tuple[str | None, Thing] | None:
        if found is None or (not self.development and name_of(found) in self.slots.kept):
            return None
        return tag, found
