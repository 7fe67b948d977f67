"""One invented world of people, organisations, places, works and events, from which every built-in sample is composed.

`build_lexicon(seed)` gives the same world for the same seed: persons with a birthday, an occupation, an employer, a family and
works; organisations with a founding date, a seat, a head, members and products; places within places. So a wiki page of
the sample, a relation and a named entity taken from it agree with one another:

    >>> person = build_lexicon().persons[0]
    >>> person.name, person.born, person.employer.name, person.employer.location.name

The attributes cover what KLUE-RE's 30 relations ask for, and each entity tells its type in KLUE-RE's words (`type`: PER, ORG, LOC,
POH; dates and counts are DAT and NOH) and, through `NER_TYPES`, in KLUE-NER's. All names are put together from syllables
and chosen to be nobody's: no real person or organisation is meant, and no real place but the countries. The world knows nothing of
sentences: those are made by `data.sample.petitions` and `data.sample.pages`.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import ClassVar

from data.josa import agree
from data.sample.names import name_parts, occupations, organisation_kinds, place_kinds, religions, roots

_INITIALS = "BDGHJKLMNPSTVXYZ"

NER_TYPES = {"PER": "PS", "ORG": "OG", "LOC": "LC", "DAT": "DT", "NOH": "QT"}
"""KLUE-NER's tag for each of KLUE-RE's entity types; a time of day (TI) has no counterpart there, and POH none in NER."""


@dataclass(eq=False, slots=True)
class Place:
    """A town, a mountain, a station; `parent` is the place that it lies in, None for a city or a county."""

    name: str
    kind: str
    root: str
    parent: "Place | None" = field(default=None, repr=False)
    type: ClassVar[str] = "LOC"

    @property
    def full_name(self) -> str:
        """The name after that of the place around it: 한빛구 새별동."""
        return f"{self.parent.name} {self.name}" if self.parent else self.name

    @property
    def district(self) -> "Place":
        """The city, county or borough (시·군·구) in which the place lies, or which it is."""
        return self if self.parent is None or self.kind == "구" else self.parent.district


@dataclass(eq=False, slots=True)
class Organisation:
    """A school, a company, a party. Links to other entities are set once the world is complete."""

    name: str
    kind: str
    location: Place
    founded: date
    employees: int
    alias: str | None = None
    dissolved: date | None = None
    affiliation: str | None = None
    parent: "Organisation | None" = field(default=None, repr=False)
    members: list["Organisation"] = field(default_factory=list, repr=False)
    founder: "Person | None" = field(default=None, repr=False)
    head: "Person | None" = field(default=None, repr=False)
    products: list[str] = field(default_factory=list)
    type: ClassVar[str] = "ORG"


@dataclass(eq=False, slots=True)
class Person:
    """Somebody with an occupation (`occupation`, the group; `title`, the word), a life and a family."""

    name: str
    occupation: str
    title: str
    country: str
    born: date
    birthplace: Place
    residence: Place
    school: Organisation
    employer: Organisation
    died: date | None = None
    deathplace: Place | None = None
    alias: str | None = None
    religion: str | None = None
    father: "Person | None" = field(default=None, repr=False)
    mother: "Person | None" = field(default=None, repr=False)
    spouse: "Person | None" = field(default=None, repr=False)
    children: list["Person"] = field(default_factory=list, repr=False)
    siblings: list["Person"] = field(default_factory=list, repr=False)
    colleagues: list["Person"] = field(default_factory=list, repr=False)
    works: list["Work"] = field(default_factory=list, repr=False)
    type: ClassVar[str] = "PER"

    @property
    def grandparents(self) -> "list[Person]":
        """The parents of the parents, as far as they are known."""
        parents = [parent for parent in (self.father, self.mother) if parent]
        return [elder for parent in parents for elder in (parent.father, parent.mother) if elder]


@dataclass(eq=False, slots=True)
class Work:
    """A novel, a film, a game: a title, its maker, the house that brought it out and the day."""

    title: str
    kind: str
    creator: Person
    publisher: Organisation
    released: date
    type: ClassVar[str] = "POH"

    @property
    def name(self) -> str:
        return self.title


@dataclass(eq=False, slots=True)
class Event:
    """A yearly festival of a place, with the organisation that holds it."""

    name: str
    kind: str
    location: Place
    host: Organisation
    first_held: date
    theme: str
    type: ClassVar[str] = "POH"


@dataclass(eq=False, slots=True)
class Lexicon:
    """The entities of the world, each kind in the order in which it was made."""

    places: list[Place]
    organisations: list[Organisation]
    persons: list[Person]
    works: list[Work]
    events: list[Event]

    def of_kind(self, kind: str) -> list[Place | Organisation]:
        """The places or organisations of one kind (산, 병원), or of a group of kinds (회사, 구단)."""
        kinds = name_parts("종류의 묶음").get(kind, [kind])
        entities: list[Place | Organisation] = [*self.places, *self.organisations]
        return [entity for entity in entities if entity.kind in kinds]

    def towns_of(self, district: Place) -> list[Place]:
        """The towns (동·읍·면) of a city, a county or a borough."""
        towns = [place for place in self.places if place.kind in {"동", "읍", "면"} and place.parent]
        return [town for town in towns if district in (town.parent, town.parent.parent if town.parent else None)]


def korean_date(day: date) -> str:
    """The day as Korean text writes it: 1974년 3월 12일."""
    return f"{day.year}년 {day.month}월 {day.day}일"


@lru_cache(maxsize=4)
def build_lexicon(seed: int = 0) -> Lexicon:
    """The world of `seed`, built in well under a second; shared between callers, so leave it unchanged."""
    return _Builder(random.Random(f"lexicon {seed}")).build()


class _Builder:
    """Makes the world from the ground up: places, organisations in them, people who work there, what they made."""

    def __init__(self, rng: random.Random):
        self.rng = rng
        self.used: set[str] = set()
        self.by_kind: dict[str, list[Organisation]] = {}
        self.districts: list[Place] = []

    def build(self) -> Lexicon:
        self.districts = self.make_districts()
        places = self.districts + list(self.make_sites())
        organisations = list(self.make_organisations(places))
        persons = [*self.make_families(150), *self.make_clergy(24)]
        works = list(self.make_works(persons))
        self.link(persons, organisations)
        events = [self.make_event(place) for place in self.rng.sample(self.districts, 40)]
        return Lexicon(places, organisations, persons, works, events)

    def new(self, make: Callable[[], str]) -> str:
        """A name that `make` gives and nothing in the world has yet."""
        while (name := make()) in self.used:
            pass
        self.used.add(name)
        return name

    def new_brand(self) -> str:
        parts = name_parts("상표")
        return self.new(lambda: self.rng.choice(parts["앞"]) + self.rng.choice(parts["뒤"]))

    def day(self, first_year: int, last_year: int) -> date:
        start = date(first_year, 1, 1)
        return start + timedelta(days=self.rng.randrange((date(last_year, 12, 31) - start).days))

    def make_districts(self) -> list[Place]:
        """14 cities, of which six have three boroughs each, and 16 counties."""
        names = iter(self.rng.sample(roots(), 48))
        cities = [Place(root + "시", "시", root) for root, _ in zip(names, range(14), strict=False)]
        counties = [Place(root + "군", "군", root) for root, _ in zip(names, range(16), strict=False)]
        boroughs = [Place(root + "구", "구", root, cities[n // 3]) for n, root in enumerate(names) if n < 18]
        return cities + counties + boroughs

    def make_sites(self) -> Iterator[Place]:
        counties = [place for place in self.districts if place.kind == "군"]
        urban = self.districts[6:14] + [place for place in self.districts if place.kind == "구"]
        for kind, (size, pattern) in place_kinds().items():
            around = counties if kind in {"읍", "면"} else urban if kind in {"동", "아파트", "빌라"} else self.districts
            for root in self.rng.sample(roots(), size):
                brand = self.new_brand() if "{상표}" in pattern else ""
                yield Place(pattern.format(지명=root, 상표=brand), kind, root, self.rng.choice(around))

    def make_organisations(self, places: list[Place]) -> Iterator[Organisation]:
        towns = [place for place in places if place.kind in {"동", "읍", "면"}]
        mascots, parties = name_parts("구단")["상징"], name_parts("정당")["이름"]
        for kind, known in organisation_kinds().items():
            seats = self.rng.sample(towns if kind == "주민센터" else self.districts, known.size)
            for number, (seat, root) in enumerate(zip(seats, self.rng.sample(roots(), known.size), strict=True)):
                religion = list(religions())[number % len(religions())]
                name = known.pattern.format(
                    지명=root,
                    상표=self.new_brand() if "{상표}" in known.pattern else "",
                    시군구=seat.district.name,
                    동네=seat.name,
                    상징=mascots[number % len(mascots)],
                    정당=parties[number % len(parties)],
                    종교=religions()[religion].pattern.format(지명=root),
                )
                made = Organisation(name, kind, seat, self.day(*known.founded), self.rng.randint(*known.employees))
                self.describe(made, religion)
                self.by_kind.setdefault(kind, []).append(made)
                yield made

    def describe(self, made: Organisation, religion: str) -> None:
        """Alias, affiliation, products and, for some, the end of an organisation."""
        rng = self.rng
        products = organisation_kinds()[made.kind].products
        if made.kind == "대학교":
            made.alias = made.name[:-2]
        elif products or made.kind in {"은행", "건설사", "게임사", "방송사"}:
            made.alias = self.new(lambda: "".join(rng.sample(_INITIALS, 3)))
        if products:
            made.products = [f"{self.new_brand()} {noun}" for noun in rng.sample(products, 3)]
        if made.kind == "정당":
            made.affiliation = rng.choice(name_parts("정당")["노선"])
        elif made.kind == "종교단체":
            made.affiliation = religion
        if made.kind not in {"주민센터", "의회", "부대"} and rng.random() < 0.1:
            made.dissolved = self.day(2017, 2019)

    def make_families(self, couples: int) -> Iterator[Person]:
        """Couples with up to three children, a third of whom marry and have children of their own."""
        for _ in range(couples):
            father = self.make_person(self.day(1928, 1958))
            mother = self.make_person(self.day(father.born.year - 2, father.born.year + 5))
            yield from self.make_household(father, mother, depth=1)

    def make_household(self, father: Person, mother: Person, depth: int) -> Iterator[Person]:
        rng = self.rng
        father.spouse, mother.spouse = mother, father
        yield from (father, mother)
        family = None if " " in father.name else father.name[0]
        years = [mother.born.year + 24 + 4 * n for n in range(rng.randint(1, 3))]
        children = [self.make_person(self.day(year, year + 2), family) for year in years if year < 1993]
        father.children = mother.children = children
        for child in children:
            child.father, child.mother = father, mother
            child.siblings = [other for other in children if other is not child]
            if depth and child.born.year < 1972 and rng.random() < 0.35:
                partner = self.make_person(self.day(child.born.year - 2, child.born.year + 3))
                yield from self.make_household(child, partner, depth - 1)
            else:
                yield child

    def make_clergy(self, count: int) -> Iterator[Person]:
        for _ in range(count):
            person = self.make_person(self.day(1930, 1980), occupation="종교인")
            person.religion = person.employer.affiliation or ""
            person.title = religions()[person.religion].title
            yield person

    def make_person(self, born: date, family: str | None = None, occupation: str | None = None) -> Person:
        rng = self.rng
        open_to = [name for name, of in occupations().items() if name != "종교인" and born.year >= of.earliest_birth]
        occupation = occupation or rng.choice(open_to)
        died = self.day(max(born.year + 45, 1985), 2019) if born.year < 1950 and rng.random() < 0.75 else None
        foreign = family is None and rng.random() < 0.05
        abroad = name_parts("사람")["외국 이름"]
        person = Person(
            name=self.new(lambda: " ".join(rng.sample(abroad, 2)) if foreign else self.person_name(family)),
            occupation=occupation,
            title=rng.choice(occupations()[occupation].titles),
            country=rng.choice(name_parts("나라")["이름"]) if foreign else "대한민국",
            born=born,
            birthplace=rng.choice(self.districts),
            residence=rng.choice(self.districts),
            school=self.founded_before(born.year + 18, ["대학교"] if rng.random() < 0.75 else ["고등학교"]),
            employer=self.founded_before(
                min(died.year - 2 if died else 2014, born.year + 38), occupations()[occupation].employers
            ),
            died=died,
        )
        if died:
            person.deathplace = rng.choice(self.districts)
        if rng.random() < 0.3:
            person.alias = rng.choice(roots())
        if rng.random() < 0.35:
            person.religion = rng.choice(list(religions()))
        return person

    def founded_before(self, year: int, kinds: list[str]) -> Organisation:
        """An organisation of one of the kinds that was there by `year`, or failing that the oldest."""
        found = [organisation for kind in kinds for organisation in self.by_kind[kind]]
        early = [organisation for organisation in found if organisation.founded.year < year]
        return self.rng.choice(early) if early else min(found, key=lambda organisation: organisation.founded)

    def person_name(self, family: str | None = None) -> str:
        parts = name_parts("사람")
        while True:
            first, second = self.rng.choice(parts["첫 글자"]), self.rng.choice(parts["끝 글자"])
            if first != second and first + second not in parts["쓰지 않는 이름"]:
                return (family or self.rng.choice(parts["성"])) + first + second

    def make_works(self, persons: list[Person]) -> Iterator[Work]:
        for person in persons:
            kind = occupations()[person.occupation].work
            if kind is None:
                continue
            last = person.died.year if person.died else 2019
            first = min(max(person.born.year + 24, person.employer.founded.year), last - 1)
            for day in sorted(self.day(first, last) for _ in range(self.rng.randint(1, 3))):
                work = Work(self.new(self.work_title), kind, person, person.employer, min(day, person.died or day))
                person.works.append(work)
                yield work

    def work_title(self) -> str:
        before, after = name_parts("작품")["앞"], name_parts("작품")["뒤"]
        left, right = self.rng.choice(before), self.rng.choice(after)
        if self.rng.random() < 0.15:
            return agree(f"{right}과(와) {self.rng.choice([word for word in after if word != right])}")
        return f"{left} {right}"

    def link(self, persons: list[Person], organisations: list[Organisation]) -> None:
        """Who works together, who leads, who founded, and which organisation belongs to which."""
        rng = self.rng
        staff: dict[str, list[Person]] = {}
        for person in persons:
            staff.setdefault(person.employer.name, []).append(person)
        for person in persons:
            others = [other for other in staff[person.employer.name] if other is not person]
            person.colleagues = rng.sample(others, min(2, len(others)))
        living = [person for person in persons if not person.died]
        clergy = [person for person in living if person.occupation == "종교인"]
        managers = [
            person for person in living if person.occupation in {"기업인", "정치인", "과학자", "언론인", "의사"}
        ]
        for organisation in organisations:
            people = staff.get(organisation.name, [])
            year = organisation.founded.year
            elders = [person for person in people or rng.sample(managers, 8) if person.born.year + 25 < year]
            organisation.founder = next(
                (person for person in elders if not person.died or person.died.year > year), None
            )
            others = [person for person in clergy if person.religion == organisation.affiliation] or managers
            organisation.head = rng.choice([person for person in people if not person.died] or others)
            if organisation.kind not in {"협회", "주민센터", "부대", "의회"} and rng.random() < 0.4:
                organisation.parent = rng.choice(self.by_kind["협회"])
                organisation.parent.members.append(organisation)

    def make_event(self, place: Place) -> Event:
        theme = self.rng.choice(name_parts("축제")["주제"])
        host = self.rng.choice(self.by_kind["재단"] + self.by_kind["협회"])
        name = f"{place.name[:-1]} {theme} 축제"
        return Event(name, "축제", place, host, self.day(1984, 2012), theme)
