"""A page for a picture of one task: in the style of `experiment.plots`, with names out of a user's file and notes below.

    names = names_for(["no_relation", "인물:배우자"])
    with page(path, WIDTH, 4.0, names, ["Rows without a label are left out."]) as figure:
        axes = figure.subplots()
        axes.barh(...)
        label_rows(axes, [names.shown[label] for label in labels])
        beside(axes, 0, 34, "1,204")

matplotlib's own font has no Hangul, but the machine may have one that does; `names_for` looks for it. Where there is none,
인물:배우자 becomes "label 2", and a note on the page says so. The picture is written, whole or not at all, when the block ends.
"""

import textwrap
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from experiment.plots import INK, MUTED, STYLE, save_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 9.6
"""Inches; the report shows a picture of this width in its own size."""

SMALL = 8.0
"""Points; of what is written in numbers."""

_LONGEST_NAME = 36
_FIRST = "DejaVu Sans"
_HANGUL = (
    "Noto Sans KR",
    "Noto Sans CJK KR",
    "NanumGothic",
    "NanumBarunGothic",
    "Pretendard",
    "Malgun Gothic",
    "Apple SD Gothic Neo",
    "AppleGothic",
    "Source Han Sans KR",
    "Baekmuk Gulim",
    "UnDotum",
)
"""Preferred in this order: sans-serif, as the rest of a plot. Whatever else is installed comes after them."""


@dataclass(frozen=True)
class Names:
    """How names out of a user's file are written into a picture."""

    shown: dict[str, str]
    families: list[str]
    """Of each character, matplotlib takes the first font that has it."""
    note: str
    """For below the picture; empty where every name can be drawn."""


def names_for(labels: Sequence[str]) -> Names:
    """Names cut at 36 columns; numbers, from 1 in the order of `labels`, for those that no installed font can draw."""
    families, lacking = fonts_for(labels)
    shown = {}
    for number, label in enumerate(labels, 1):
        short = label
        while columns(short) > _LONGEST_NAME:
            short = short.removesuffix("…")[:-1] + "…"
        shown[label] = f"label {number}" if set(label) & set(lacking) else short.replace("$", r"\$")  # no formula
    note = "No installed font has all the names (NanumGothic would do for Korean): label 3 is the third that the model knows."
    return Names(shown, families, note if lacking else "")


def columns(text: str) -> int:
    """The width of a text, in letters: a syllable of Hangul is as wide as two."""
    return sum(1 + (unicodedata.east_asian_width(character) in "WF") for character in text)


def fonts_for(texts: Iterable[str]) -> tuple[list[str], str]:
    """Installed font families that together can draw the texts, and the characters that none of them has, sorted."""
    lacking = set("".join(texts)) - _characters(_FIRST)
    families = [_FIRST]
    for family in _installed() if lacking else ():
        if lacking & (has := _characters(family)):
            families.append(family)
            lacking -= has
        if not lacking:
            break
    return families, "".join(sorted(lacking))


@contextmanager
def page(path: Path, width: float, height: float, names: Names, notes: Sequence[str] = ()) -> Iterator["Figure"]:
    """An empty figure of so many inches, which becomes the PNG file when the block ends well.

    Lines of notes stand below it, the one about the names last, and make it higher.
    """
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    lines = [line for note in (*notes, names.note) for line in textwrap.wrap(note, int(width * 15))]
    below = 0.17 * len(lines) + 0.1 * bool(lines)
    height += below
    with matplotlib.rc_context(STYLE | {"font.family": names.families}):
        layout = ConstrainedLayoutEngine(rect=(0, below / height, 1, 1 - below / height))
        figure = Figure(figsize=(width, height), layout=layout)
        figure.text(0.12 / width, 0.1 / height, "\n".join(lines), va="bottom", fontsize=SMALL, color=MUTED)
        yield figure
        save_png(figure, path)


def title(axes: "Axes", text: str) -> None:
    """What the picture shows, above its left corner."""
    # In one family: matplotlib complains of others that have no bold.
    axes.set_title(text, loc="left", fontsize=11, fontweight="bold", fontfamily=_FIRST, color=INK, pad=20)


def label_rows(axes: "Axes", names: Sequence[str]) -> None:
    """The names of horizontal bars at 0, 1, 2 …, the first one on top."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0, labelsize=SMALL + 0.5, labelcolor=INK)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)


def beside(axes: "Axes", y: float, offset: float, text: str, colour: str = INK, rise: float = 0) -> None:
    """Write a cell of a table to the right of the axes, at the height `y` of the data, `rise` points above it.

    `offset` is the distance, in points, of the text's right end from the axes.
    """
    axes.annotate(
        text,
        (1, y),
        xycoords=("axes fraction", "data"),
        xytext=(offset, rise),
        textcoords="offset points",
        ha="right",
        va="center",
        fontsize=SMALL,
        color=colour,
        annotation_clip=False,
    )


def _installed() -> list[str]:
    """Families in the order in which they are asked."""
    from matplotlib import font_manager

    # "Last Resort" has a box for every character, which is what is to be avoided.
    names = {font.name for font in font_manager.fontManager.ttflist if not font.name.startswith("Last Resort")}
    return [name for name in _HANGUL if name in names] + sorted(names - {_FIRST, *_HANGUL})


@lru_cache
def _characters(family: str) -> frozenset[str]:
    """That a family can draw, in its normal weight if there are several."""
    from matplotlib import font_manager
    from matplotlib.ft2font import FT2Font

    files = [font for font in font_manager.fontManager.ttflist if font.name == family]
    plain = min(files, key=lambda font: (font.style != "normal", font.weight not in (400, "normal", "regular")))
    return frozenset(map(chr, FT2Font(plain.fname).get_charmap()))
