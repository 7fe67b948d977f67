"""The report of a run: one HTML page that needs nothing but itself.

    write_report(run.path / "report.html", "SaeBERT tiny", [
        Section("Result", [
            Table([("MLM loss", "6.21", "8.14")], header=("held out", "model", "unigram guess")),
            Picture(run.plots / "curves.png", "Training and held-out curves"),
        ]),
        Section("Examples", [Example("[CLS] 이번에 올라 ##온 [MASK] 에", "pair 1: next", marks=("[MASK]",))]),
    ])

Plots are embedded, there is no script and no link to the network, and the page can be mailed, archived as an MLflow
artifact, read in a light or a dark browser, and printed. Its looks stand in `templates/`. Every text is escaped; it is not
Markdown.
"""

import base64
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from experiment.console import is_number
from experiment.run_directory import replacing

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


class Block(Protocol):
    """A piece of a section."""

    def html(self) -> "Markup": ...


@cache
def html_templates(package: str) -> "Environment":
    """The HTML templates in the folder `templates` of a package, which escape all that they are given but `Markup`."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )


def _blocks() -> Any:
    """The macros of `templates/blocks.html`."""
    return html_templates(__package__).get_template("blocks.html").module


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of plain text."""

    text: str

    def html(self) -> "Markup":
        return _blocks().paragraph(self.text)


@dataclass(frozen=True)
class Table:
    """Rows of cells. Without a header the first column holds names; figures are aligned to the right under one."""

    rows: Sequence[Sequence[str]]
    header: Sequence[str] = ()

    def html(self) -> "Markup":
        numeric = [bool(self.header) and all(map(is_number, column)) for column in zip(*self.rows, strict=True)]

        def cells(row: Sequence[str]) -> list[tuple[str, bool]]:
            return list(zip(row, numeric if self.rows else [False] * len(row), strict=True))

        return _blocks().table(cells(self.header) if self.header else [], list(map(cells, self.rows)))


@dataclass(frozen=True)
class Picture:
    """A PNG file, embedded. A file that is not there (a plot without data) leaves the block out."""

    path: Path
    caption: str

    def html(self) -> "Markup":
        from markupsafe import Markup

        if not self.path.exists():
            return Markup()
        png = self.path.read_bytes()
        # The width stands at a fixed place of a PNG; 160 dots an inch are shown as a browser's 96.
        width = round(int.from_bytes(png[16:20], "big") * 96 / 160)
        return _blocks().picture(base64.b64encode(png).decode("ascii"), width, self.caption)


@dataclass(frozen=True)
class Example:
    """A text as it is, line breaks kept, with a caption above it; the words in `marks` stand out."""

    text: str
    caption: str = ""
    marks: Sequence[str] = ()

    def html(self) -> "Markup":
        words = "|".join(map(re.escape, sorted(self.marks, key=len, reverse=True)))
        pieces = re.split(f"({words})", self.text) if words else [self.text]
        return _blocks().example([(piece, number % 2) for number, piece in enumerate(pieces)], self.caption)


@dataclass(frozen=True)
class Section:
    """A part of the report under its own heading."""

    heading: str
    blocks: Sequence[Block]


def write_report(path: Path, title: str, sections: Sequence[Section], subtitle: str = "") -> None:
    """Write the page, whole or not at all. `subtitle` is the line under the title; the date is added to it."""
    written = time.strftime("%Y-%m-%d %H:%M")
    page = html_templates(__package__).get_template("report.html")
    below = f"{subtitle} · {written}" if subtitle else written
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        # Piece by piece: with its plots and texts a page can be large.
        file.writelines(page.generate(title=title, subtitle=below, sections=sections))
