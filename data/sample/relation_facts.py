"""What the sample's world knows, in terms of KLUE-RE's 30 relations.

An entity's facts go by attribute, and the attribute names the relation: of somebody, `employer` is an organisation, which stands to them as
per:employee_of, and to which they stand as org:top_members/employees:

    world = World(build_lexicon())
    world.facts(person, "employer")    ->  [an Organisation]
    RELATIONS["employer"]              ->  ("per:employee_of", "org:top_members/employees")
    world.related(person, "새솔대학교")   ->  True, if that is the employer, the school, … of the person

A sentence of the sample states facts by attribute (`words/relation_frames.yaml`), so that it and its label cannot disagree. `related` is wider:
everything known to join two entities, and whatever a reader might take for it (all of a family, the city around a birthplace),
so that no_relation is claimed of strangers only.
"""

from collections.abc import Callable
from datetime import date
from functools import lru_cache

from data.sample.lexicon import Event, Lexicon, Organisation, Person, Place, Work, korean_date
from data.sample.names import occupations, organisation_kinds

Fact = Person | Organisation | Place | Work | Event | str

_WORK_FOR = ("per:employee_of", "org:top_members/employees")
_HIRE = _WORK_FOR[::-1]
_KIN = ("per:other_family", "per:other_family")

RELATIONS: dict[str, tuple[str | None, str | None]] = {
    "born": ("per:date_of_birth", None),
    "birth_year": ("per:date_of_birth", None),
    "died": ("per:date_of_death", None),
    "death_year": ("per:date_of_death", None),
    "birthplace": ("per:place_of_birth", None),
    "hometown": ("per:origin", None),
    "country": ("per:origin", None),
    "deathplace": ("per:place_of_death", None),
    "residence": ("per:place_of_residence", None),
    "title": ("per:title", None),
    "post": ("per:title", None),
    "religion": ("per:religion", None),
    "school": ("per:schools_attended", None),
    "work": ("per:product", None),
    "employer": _WORK_FOR,
    "leads": _WORK_FOR,
    "foundation": (None, "org:founded_by"),
    "colleague": ("per:colleagues", "per:colleagues"),
    "father": ("per:parents", "per:children"),
    "mother": ("per:parents", "per:children"),
    "child": ("per:children", "per:parents"),
    "fathered": ("per:children", "per:parents"),
    "mothered": ("per:children", "per:parents"),
    "spouse": ("per:spouse", "per:spouse"),
    "husband": ("per:spouse", "per:spouse"),
    "wife": ("per:spouse", "per:spouse"),
    "older": ("per:siblings", "per:siblings"),
    "younger": ("per:siblings", "per:siblings"),
    **dict.fromkeys(
        ("grandfather", "grandmother", "grandchild", "nephew", "father_in_law", "mother_in_law", "daughter_in_law"),
        _KIN,
    ),
    "founded": ("org:founded", None),
    "founding_year": ("org:founded", None),
    "dissolved": ("org:dissolved", None),
    "closing_year": ("org:dissolved", None),
    "location": ("org:place_of_headquarters", None),
    "founder": ("org:founded_by", None),
    "head": _HIRE,
    "staff": _HIRE,
    "parent": ("org:member_of", "org:members"),
    "member": ("org:members", "org:member_of"),
    "product": ("org:product", None),
    "publication": ("org:product", None),
    "affiliation": ("org:political/religious_affiliation", None),
    "employees": ("org:number_of_employees/members", None),
}
"""The relation of an entity to the fact, and that of the fact to the entity; None where KLUE-RE has no label for it."""

_ENTAILED: dict[tuple[str, str], str] = {
    ("father", "mother"): "per:spouse",
    ("mother", "father"): "per:spouse",
    ("child", "child2"): "per:siblings",
    ("child2", "child"): "per:siblings",
    **{(partner, "child"): "per:children" for partner in ("spouse", "wife", "husband")},
    **{("child", partner): "per:parents" for partner in ("spouse", "wife", "husband")},
    ("colleague", "employer"): "per:employee_of",
    ("employer", "colleague"): "org:top_members/employees",
}
"""The relation between two facts of one person, where a sentence that states both cannot but state it as well."""

ALTERNATE = {Person: "per:alternate_names", Organisation: "org:alternate_names"}

_DATES = ("born", "birth_year", "died", "death_year", "founded", "founding_year", "dissolved", "closing_year")
_TYPES = {
    **dict.fromkeys(_DATES, "DAT"),
    **dict.fromkeys(("title", "post", "product"), "POH"),
    "country": "LOC",
    "religion": "ORG",
    "employees": "NOH",
}
_ESTABLISHED_BY_LAW = {"의회", "주민센터", "부대"}
"""Kinds of organisation that nobody founds."""


def names(fact: Fact) -> list[str]:
    """The words by which a fact goes, the usual ones first."""
    if isinstance(fact, str):
        return [fact]
    if isinstance(fact, Person | Organisation) and fact.alias:
        return [fact.name, fact.alias]
    return [fact.name]


def attribute_of(path: str) -> str:
    """The last attribute of a path, without the number that tells a second child from the first: child for p.child2."""
    return path.rpartition(".")[2].rstrip("0123456789")


def stated_relation(subject: str, other: str) -> str | None:
    """The relation that a sentence states by naming the facts at two paths: per:employee_of for p and p.employer.

    None if it states none, or one that has no label.
    """
    owner, _, own = other.rpartition(".")
    subjects_owner, _, subjects_own = subject.rpartition(".")
    if owner == subject:
        return RELATIONS[attribute_of(other)][0]
    if subjects_owner == other:
        return RELATIONS[attribute_of(subject)][1]
    return _ENTAILED.get((subjects_own, own)) if owner and owner == subjects_owner else None


def type_of(fact: Fact, attribute: str) -> str:
    """The fact's entity type in KLUE-RE's words."""
    if not isinstance(fact, str):
        return fact.type
    if attribute == "affiliation":
        return "POH" if fact.endswith("주의") else "ORG"
    return _TYPES[attribute]


class World:
    """The lexicon with its links in both directions; facts in the same order everywhere."""

    this_year = 2019
    """The last year of which anything is told."""

    def __init__(self, lexicon: Lexicon):
        self.lexicon = lexicon
        self.staff: dict[Organisation, list[Person]] = {}
        self.pupils: dict[Organisation, list[Person]] = {}
        self.founded: dict[Person, list[Organisation]] = {}
        self.led: dict[Person, list[Organisation]] = {}
        self.published: dict[Organisation, list[Work]] = {}
        for person in lexicon.persons:
            self.staff.setdefault(person.employer, []).append(person)
            self.pupils.setdefault(person.school, []).append(person)
        for organisation in lexicon.organisations:
            if organisation.founder and organisation.kind not in _ESTABLISHED_BY_LAW:
                self.founded.setdefault(organisation.founder, []).append(organisation)
            if organisation.head and not organisation.dissolved and _post(organisation):
                self.led.setdefault(organisation.head, []).append(organisation)
        for work in lexicon.works:
            self.published.setdefault(work.publisher, []).append(work)
        self._related = lru_cache(maxsize=None)(self._find_related)

    def facts(self, entity: Fact, attribute: str) -> list[Fact]:
        """What is known of the entity under the attribute; empty if nothing is."""
        if isinstance(entity, Person):
            found = _OF_PERSON[attribute](self, entity)
        elif isinstance(entity, Organisation):
            found = _OF_ORGANISATION[attribute](self, entity)
        else:
            found = []
        return [fact for fact in found if fact]

    def related(self, entity: Person | Organisation, word: str) -> bool:
        """Whether anything joins the entity and what `word` names, or might be taken to."""
        return word in self._related(entity)

    def active(self, entity: Person | Organisation) -> tuple[int, int]:
        """The years, both included, in which the news may tell of the entity."""
        if isinstance(entity, Organisation):
            return entity.founded.year + 1, entity.dissolved.year - 1 if entity.dissolved else self.this_year
        athlete = entity.occupation.endswith("선수")
        last = entity.born.year + (37 if athlete else 70)
        return entity.born.year + (20 if athlete else 27), min(
            last, entity.died.year - 1 if entity.died else self.this_year
        )

    def _find_related(self, entity: Person | Organisation) -> frozenset[str]:
        return frozenset(_words_of_person(self, entity) if isinstance(entity, Person) else _words_of(self, entity))


def _family(person: Person) -> set[Person]:
    """Everybody who is joined to the person by blood or marriage, at whatever distance."""
    found, open_ends = {person}, [person]
    while open_ends:
        one = open_ends.pop()
        near = [one.father, one.mother, one.spouse, *one.children, *one.siblings]
        new = {other for other in near if other} - found
        found |= new
        open_ends += new
    return found


def _words_of_person(world: World, person: Person) -> set[str]:
    near = {person.employer, *world.led.get(person, ()), *world.founded.get(person, ())}
    organisations = near | {person.school, *(other for other in world.lexicon.organisations if other.head is person)}
    people = _family(person) | {other for one in organisations for other in world.staff.get(one, ())}
    people |= {other for one in organisations for other in (one.head, one.founder) if other}
    places = [person.birthplace, person.residence, person.deathplace, *(one.location for one in near)]
    return {
        *(name for other in people | organisations for name in (other.name, other.alias) if name),
        *(name for place in places if place for name in _around(place)),
        *(word for day in (person.born, person.died) for word in _dates(day)),
        *occupations()[person.occupation].titles,
        *(_post(one) for one in organisations),
        *(work.title for work in world.lexicon.works if work.creator is person),
        person.country,
        person.religion or "",
    }


def _words_of(world: World, organisation: Organisation) -> set[str]:
    people = {*world.staff.get(organisation, ()), *world.pupils.get(organisation, ()), organisation.head}
    organisations = {organisation, organisation.parent, *organisation.members}
    return {
        *(
            name
            for one in people | organisations | {organisation.founder}
            if one
            for name in (one.name, one.alias)
            if name
        ),
        *_around(organisation.location),
        *(word for day in (organisation.founded, organisation.dissolved) for word in _dates(day)),
        *organisation.products,
        *(work.title for work in world.published.get(organisation, ())),
        organisation.affiliation or "",
        f"{organisation.employees:,}명",
        "대한민국",
    }


def _around(place: Place) -> list[str]:
    return [place.name, place.full_name, *(_around(place.parent) if place.parent else ())]


def _dates(day: date | None) -> tuple[str, ...]:
    return (korean_date(day), f"{day.year}년", f"{day.year}년 {day.month}월") if day else ()


def _day(day: date | None) -> list[Fact]:
    return [korean_date(day)] if day else []


def _year(day: date | None) -> list[Fact]:
    return [f"{day.year}년"] if day else []


def _post(organisation: Organisation) -> str:
    return organisation_kinds()[organisation.kind].post


def _one(fact: Fact | None) -> list[Fact]:
    return [fact] if fact else []


def _is_father(person: Person) -> bool:
    return any(child.father is person for child in person.children)


def _is_mother(person: Person) -> bool:
    return any(child.mother is person for child in person.children)


def _husband(person: Person) -> Person | None:
    return person.spouse if _is_mother(person) else None


_OF_PERSON: dict[str, Callable[[World, Person], list[Fact]]] = {
    "alias": lambda world, person: _one(person.alias),
    "born": lambda world, person: _day(person.born),
    "birth_year": lambda world, person: _year(person.born),
    "died": lambda world, person: _day(person.died),
    "death_year": lambda world, person: _year(person.died),
    "birthplace": lambda world, person: [person.birthplace] if person.country == "대한민국" else [],
    "hometown": lambda world, person: [person.birthplace] if person.country == "대한민국" else [],
    "country": lambda world, person: [person.country],
    "deathplace": lambda world, person: _one(person.deathplace),
    "residence": lambda world, person: [person.residence],
    "title": lambda world, person: [person.title],
    "post": lambda world, person: _one(_post(world.led[person][0]) if len(world.led.get(person, ())) == 1 else None),
    "religion": lambda world, person: _one(person.religion if person.occupation != "종교인" else None),
    "school": lambda world, person: [person.school],
    "work": lambda world, person: [*person.works],
    "employer": lambda world, person: [person.employer],
    "leads": lambda world, person: [*world.led[person]] if len(world.led.get(person, ())) == 1 else [],
    "foundation": lambda world, person: [*world.founded.get(person, ())],
    "colleague": lambda world, person: [other for other in person.colleagues if other not in _family(person)],
    "father": lambda world, person: _one(person.father),
    "mother": lambda world, person: _one(person.mother),
    "child": lambda world, person: [*person.children],
    "fathered": lambda world, person: [*person.children] if _is_father(person) else [],
    "mothered": lambda world, person: [*person.children] if _is_mother(person) else [],
    "spouse": lambda world, person: _one(person.spouse),
    "husband": lambda world, person: _one(_husband(person)),
    "wife": lambda world, person: _one(person.spouse if _is_father(person) else None),
    "older": lambda world, person: [other for other in person.siblings if other.born < person.born],
    "younger": lambda world, person: [other for other in person.siblings if other.born > person.born],
    "grandfather": lambda world, person: _one(person.father.father if person.father else None),
    "grandmother": lambda world, person: _one(person.father.mother if person.father else None),
    "grandchild": lambda world, person: [grandchild for child in person.children for grandchild in child.children],
    "nephew": lambda world, person: [child for other in person.siblings for child in other.children],
    "father_in_law": lambda world, person: _one(husband.father if (husband := _husband(person)) else None),
    "mother_in_law": lambda world, person: _one(husband.mother if (husband := _husband(person)) else None),
    "daughter_in_law": lambda world, person: [child.spouse for child in person.children if child.spouse],
}
_OF_ORGANISATION: dict[str, Callable[[World, Organisation], list[Fact]]] = {
    "alias": lambda world, one: _one(one.alias),
    "founded": lambda world, one: _day(one.founded),
    "founding_year": lambda world, one: _year(one.founded),
    "dissolved": lambda world, one: _day(one.dissolved),
    "closing_year": lambda world, one: _year(one.dissolved),
    "location": lambda world, one: [one.location],
    "founder": lambda world, one: _one(None if one.kind in _ESTABLISHED_BY_LAW else one.founder),
    "head": lambda world, one: _one(one.head if one.head and one in world.led.get(one.head, ()) else None),
    "staff": lambda world, one: [*world.staff.get(one, ())],
    "parent": lambda world, one: _one(one.parent),
    "member": lambda world, one: [*one.members],
    "product": lambda world, one: [*one.products],
    "publication": lambda world, one: [*world.published.get(one, ())],
    "affiliation": lambda world, one: _one(one.affiliation),
    "employees": lambda world, one: [f"{one.employees:,}명"],
}
