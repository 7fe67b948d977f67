"""The invented world is whole, consistent and nobody's."""

import os
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from data.sample.lexicon import NER_TYPES, Lexicon, build_lexicon, korean_date
from data.sample.names import occupations, organisation_kinds, place_kinds, religions, roots
from data.sample.topics import topics

ROOT = Path(__file__).parents[2]
DUMP = """
from data.sample.lexicon import build_lexicon
world = build_lexicon({seed})
for kind in (world.places, world.organisations, world.persons, world.works, world.events):
    print(kind)
for person in world.persons:
    links = [person.father, person.mother, person.spouse, *person.children, *person.siblings, *person.colleagues]
    print([link and link.name for link in links], [work.name for work in person.works])
for organisation in world.organisations:
    print([link and link.name for link in (organisation.founder, organisation.head, organisation.parent)])
"""


@pytest.fixture(scope="module", params=[0, 1, 7])
def world(request: pytest.FixtureRequest) -> Lexicon:
    return build_lexicon(request.param)


def dump(hash_seed: int, seed: int) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-c", DUMP.format(seed=seed)]
    return subprocess.run(command, env=environment, capture_output=True, check=True, encoding="utf-8").stdout


def test_the_same_world_whatever_the_hash_seed() -> None:
    assert dump(0, seed=3) == dump(1, seed=3)
    assert dump(0, seed=3) != dump(0, seed=4)


def test_names_are_unique(world: Lexicon) -> None:
    kinds = (world.places, world.organisations, world.persons, world.works, world.events)
    counts = Counter(entity.name for entities in kinds for entity in entities)
    assert not [name for name, count in counts.items() if count > 1]
    assert counts.total() > 2000


def test_every_kind_is_there(world: Lexicon) -> None:
    assert {place.kind for place in world.places} == {*place_kinds(), "시", "군", "구"}
    assert {organisation.kind for organisation in world.organisations} == set(organisation_kinds())
    assert {person.occupation for person in world.persons} == set(occupations())
    assert {work.kind for work in world.works} == {each.work for each in occupations().values() if each.work}
    for topic in topics().values():
        assert world.of_kind(topic["시설"][0])


def test_types_are_those_of_klue(world: Lexicon) -> None:
    kinds = (world.persons, world.organisations, world.places, world.works, world.events)
    assert [kind[0].type for kind in kinds] == ["PER", "ORG", "LOC", "POH", "POH"]
    assert NER_TYPES == {"PER": "PS", "ORG": "OG", "LOC": "LC", "DAT": "DT", "NOH": "QT"}


def test_places_lie_in_districts(world: Lexicon) -> None:
    for place in world.places:
        assert place.district.kind in {"시", "군", "구"}
        assert place.full_name.endswith(place.name)
        if place.kind in {"시", "군"}:
            assert place.parent is None
        else:
            assert place.parent is not None and place.full_name == f"{place.parent.name} {place.name}"
        if place.kind in {"읍", "면"}:
            assert place.parent is not None and place.parent.kind == "군"
    towns = [town for district in world.places if district.kind == "구" for town in world.towns_of(district)]
    assert towns and {town.kind for town in towns} == {"동"}


def test_families_fit_together(world: Lexicon) -> None:
    for person in world.persons:
        if person.spouse:
            assert person.spouse.spouse is person and person.spouse.children == person.children
        for child in person.children:
            assert person in (child.father, child.mother)
            assert child.born.year - person.born.year >= 18
            if " " not in child.name and child.father and " " not in child.father.name:
                assert child.name[0] == child.father.name[0]
        for other in person.siblings:
            assert other is not person and other.father is person.father and person in other.siblings
        for elder in person.grandparents:
            assert elder.born < person.born
    assert any(person.grandparents for person in world.persons)
    assert not any(person.spouse for person in world.persons if person.occupation == "종교인")


def test_lives_and_dates_fit_together(world: Lexicon) -> None:
    for person in world.persons:
        assert person.born < (person.died or date(2020, 1, 1)) <= date(2020, 1, 1)
        assert (person.died is None) == (person.deathplace is None)
        assert person.title in occupations()[person.occupation].titles
        for work in person.works:
            assert work.creator is person and person.born < work.released <= (person.died or date(2019, 12, 31))
    for organisation in world.organisations:
        assert organisation.dissolved is None or organisation.founded < organisation.dissolved
        assert organisation.founder is None or organisation.founder.born.year + 25 < organisation.founded.year
        assert organisation.head is not None and organisation.head.died is None
        assert organisation.parent is None or organisation in organisation.parent.members
        assert bool(organisation.products) == bool(organisation_kinds()[organisation.kind].products)


OF_PERSONS = """
    born died birthplace deathplace residence country employer school alias title religion
    father mother children siblings spouse grandparents colleagues works
"""
OF_ORGANISATIONS = "dissolved founded location alias parent members affiliation products founder head employees"


def test_everything_that_the_relations_of_klue_ask_for_is_known_of_somebody(world: Lexicon) -> None:
    for attribute in OF_PERSONS.split():
        assert any(getattr(person, attribute) for person in world.persons), attribute
    for attribute in OF_ORGANISATIONS.split():
        assert any(getattr(organisation, attribute) for organisation in world.organisations), attribute


def test_religious_houses_have_clergy_of_their_religion(world: Lexicon) -> None:
    houses = [organisation for organisation in world.organisations if organisation.kind == "종교단체"]
    assert {house.affiliation for house in houses} == set(religions())
    for person in world.persons:
        if person.occupation == "종교인":
            assert person.religion == person.employer.affiliation
            assert person.religion and person.title == religions()[person.religion].title


def test_names_are_not_a_handful() -> None:
    assert len(set(roots())) == len(roots()) > 500
    given = {person.name[1:] for person in build_lexicon().persons if " " not in person.name}
    assert len(given) > 300


def test_dates_in_korean() -> None:
    assert korean_date(date(1974, 3, 12)) == "1974년 3월 12일"
