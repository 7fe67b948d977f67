"""What a file of labelled rows holds, whatever its task: the usable rows, and what had to be left out, by reason and place."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

PLACES = 100
"""Rows that a report names under each reason; all of them are counted."""


class Row(Protocol):
    """A relation, a text with named entities, a text with a label."""

    @property
    def id(self) -> str: ...
    @property
    def where(self) -> str:
        """For messages: "train.json, row 17" or "train.csv:17"."""
        ...

    @property
    def sentence(self) -> str:
        """By which rows belong together (`data.splits`)."""
        ...

    @property
    def label(self) -> str | None:
        """What is to be spread evenly (`data.splits`)."""
        ...


RowT = TypeVar("RowT", bound=Row)


@dataclass(frozen=True)
class RowFile(ABC, Generic[RowT]):
    """What a file holds, and what had to be left out of it."""

    path: Path
    format: str
    rows: list[RowT]
    """The usable ones in the file's order."""
    rejected: dict[str, list[str]]
    """Places of the rows that were left out, under the reason."""
    ids: list[str]
    """Of all rows in the file's order, also of those that were left out."""

    noun: ClassVar[str] = "rows"

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """16 hexadecimal digits for all that training reads of the usable rows, and their order."""

    @abstractmethod
    def report(self) -> dict[str, Any]:
        """Counts for JSON, with the first places under each reason."""

    @property
    def left_out(self) -> int:
        """How many rows were."""
        return sum(map(len, self.rejected.values()))

    @property
    def size(self) -> int:
        """Of all rows, also of those that were left out."""
        return len(self.ids)

    def notes(self, use: str) -> list[str]:
        """What people should know about it, a sentence each; `use` is train, dev or test."""
        if not self.rejected:
            return []
        reasons = ", ".join(f"{len(places):,} {reason}" for reason, places in self.rejected.items())
        return [
            f"{self.left_out:,} of {self.size:,} {use} {self.noun} are left out: {reasons} (places in data_report.json)."
        ]


def counted(places: Sequence[str]) -> dict[str, Any]:
    """How many places there are, and the first of them, for JSON."""
    return {"count": len(places), "places": list(places[:PLACES])}
