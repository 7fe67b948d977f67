"""What `data.sample.lexicon` composes its invented names of: the tables of `words/`, ready for use.

황새 + 벌 + 시  →  황새벌시         심 + 새린  →  심새린         라비 + 벨 + 전자  →  라비벨전자         느린 + 정거장  →  느린 정거장
"""

from functools import cache
from typing import NamedTuple

from data.sample.vocabulary import read_words


class Occupation(NamedTuple):
    """A group of occupations."""

    titles: list[str]
    employers: list[str]
    """Kinds of organisation that employ such people."""
    work: str | None
    """The kind of work that they make, if any."""
    earliest_birth: int
    """The year before which nobody of the occupation is born."""


class OrganisationKind(NamedTuple):
    """A kind of organisation."""

    size: int
    """How many there are."""
    pattern: str
    """Of the name."""
    founded: tuple[int, int]
    """The first and the last year."""
    employees: tuple[int, int]
    """The fewest and the most."""
    post: str
    """What its head is called; empty where whoever the world made head is no such thing."""
    products: list[str]


class PlaceKind(NamedTuple):
    """A kind of place below a district."""

    size: int
    """How many there are."""
    pattern: str
    """Of the name."""


class Religion(NamedTuple):
    pattern: str
    """Of a house's name."""
    title: str
    """Of who serves there."""


def name_parts(block: str) -> dict[str, list[str]]:
    """A block of `words/names.yaml`."""
    return read_words("names")[block]


@cache
def roots() -> list[str]:
    """What names of places begin with: 황새벌."""
    parts = name_parts("지명")
    return [start + end for start in parts["앞"] for end in parts["뒤"] if start + end not in parts["실재"]]


@cache
def occupations() -> dict[str, Occupation]:
    return {
        name: Occupation(
            lists["직함"], lists["일터"], next(iter(lists.get("작품", ())), None), int(lists.get("출생", ["0"])[0])
        )
        for name, lists in read_words("occupations").items()
    }


@cache
def organisation_kinds() -> dict[str, OrganisationKind]:
    return {
        kind: OrganisationKind(
            int(lists["수"][0]),
            lists["이름"][0],
            _range(lists["설립"][0]),
            _range(lists["규모"][0]),
            "".join(lists.get("직책", ["대표"])),
            lists.get("제품", []),
        )
        for kind, lists in read_words("organisations").items()
    }


@cache
def place_kinds() -> dict[str, PlaceKind]:
    return {kind: PlaceKind(int(lists["수"][0]), lists["이름"][0]) for kind, lists in read_words("places").items()}


@cache
def religions() -> dict[str, Religion]:
    return {name: Religion(*entries) for name, entries in name_parts("종교").items()}


def _range(written: str) -> tuple[int, int]:
    """Both ends of 1925-2012."""
    low, high = written.split("-")
    return int(low), int(high)
