"""A grid's cells as a picture: each run a small dot, each cell's mean a large one, a line of one standard deviation to
either side.

One row a cell, the best on top. Two changes where they make a picture easier to read: of two settings, the one with fewer
values (up to four) becomes the colour, so that split and shared lie beside each other in the row of cls,e1,e2; and the
values of a single numeric setting keep their own order, since what one looks for is a trend.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from experiment.figures import fonts_for
from experiment.plots import COLOURS, GRID, INK, MUTED, STYLE, save_png
from finetune.grid.sweep import as_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_COLOURS = 4
_LONGEST_LABEL = 46
_WIDTH, _ROW, _SERIES, _FRAME = 8.6, 0.3, 0.17, 1.35
"""Inches: of the picture, of a row, of each further series in it, and of what is above and below the rows."""

Cell = tuple[Mapping[str, Any], Sequence[float]]
"""A cell's settings and its runs' values, as fractions; no values where all of them failed."""


def plot_cells(cells: Sequence[Cell], path: Path, *, title: str, x_label: str) -> bool:
    """Draw the cells, given from the best to the worst, to a PNG file; gives False (and no file) without any value."""
    if not any(values for _, values in cells):
        return False
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    row_names, colour_name = _arrange([settings for settings, _ in cells])
    series = _in_order([settings[colour_name] for settings, _ in cells]) if colour_name else [None]
    rows: dict[str, list[tuple[int, list[float]]]] = {}
    for settings, values in _ordered(cells, row_names):
        place = series.index(settings[colour_name]) if colour_name else 0
        rows.setdefault(_label(settings, row_names), []).append((place, [100 * value for value in values]))
    height = _ROW + _SERIES * (len(series) - 1)
    families, lacking = fonts_for([title, *rows, *map(as_text, series)])

    def drawable(text: str) -> str:
        return text.translate({ord(character): "?" for character in lacking}).replace("$", r"\$")

    with matplotlib.rc_context(STYLE | {"font.family": families}):
        figure = Figure(figsize=(_WIDTH, _FRAME + height * len(rows)), layout="constrained")
        axes = figure.subplots()
        for row, cells_of_row in enumerate(rows.values()):
            for place, values in cells_of_row:
                away = (place - (len(series) - 1) / 2) * _SERIES / height
                _draw_cell(axes, row + away, values, COLOURS[place % len(COLOURS)])
        axes.set_yticks(range(len(rows)), [drawable(label) for label in rows], color=INK, fontsize=9)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="y", visible=False)
        for line in range(1, len(rows)):
            axes.axhline(line - 0.5, color=GRID, linewidth=0.6, zorder=0)
        axes.spines["left"].set_visible(False)
        axes.margins(x=0.06)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=8))
        axes.set_xlabel(x_label)
        axes.set_title(drawable(title), loc="left", fontsize=11, fontweight="bold", color=INK, pad=26)
        axes.annotate(" · ".join(row_names), (0, 1), xycoords="axes fraction", xytext=(-5, 8),
                      textcoords="offset points", ha="right", fontsize=9, color=MUTED)  # fmt: skip
        if colour_name:
            _name_colours(axes, colour_name, [drawable(as_text(value)) for value in series])
        save_png(figure, path)
    return True


def _arrange(settings: Sequence[Mapping[str, Any]]) -> tuple[list[str], str | None]:
    """The settings that make the rows, and the one that makes the colours, if any."""
    names = list(settings[0])
    counts = {name: len({as_text(cell[name]) for cell in settings}) for name in names}
    if len(names) != 2:
        return names, None
    colour = min(names, key=lambda name: counts[name])
    other = next(name for name in names if name != colour)
    # A colour that each row has only one dot of would say nothing that its label could not.
    if counts[colour] > _MOST_COLOURS or len(settings) <= counts[other]:
        return names, None
    return [other], colour


def _numeric(values: Sequence[Any]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _in_order(values: Sequence[Any]) -> list[Any]:
    """Each value once: numbers by size, others as their texts are sorted."""
    unique = [value for index, value in enumerate(values) if value not in values[:index]]
    return sorted(unique) if _numeric(unique) else sorted(unique, key=as_text)


def _ordered(cells: Sequence[Cell], row_names: Sequence[str]) -> list[Cell]:
    """The cells in the order in which their rows are to appear."""
    if len(row_names) == 1 and _numeric([settings[row_names[0]] for settings, _ in cells]):
        return sorted(cells, key=lambda cell: cell[0][row_names[0]])
    return list(cells)


def _label(settings: Mapping[str, Any], names: Sequence[str]) -> str:
    """A row's name; what is too long, a path for one, loses its beginning."""
    text = " · ".join(as_text(settings[name]) for name in names)
    return text if len(text) <= _LONGEST_LABEL else f"…{text[1 - _LONGEST_LABEL :]}"


def _draw_cell(axes: "Axes", y: float, values: Sequence[float], colour: str) -> None:
    if not values:
        axes.annotate("failed", (1, y), xycoords=("axes fraction", "data"), xytext=(8, 0), textcoords="offset points",
                      va="center", fontsize=8.5, color=MUTED)  # fmt: skip
        return
    mean = fmean(values)
    text = f"{mean:.2f}"
    if len(values) > 1:
        spread = stdev(values)
        text += f" ± {spread:.2f}"
        axes.plot([mean - spread, mean + spread], [y, y], color=colour, linewidth=2, alpha=0.3, solid_capstyle="round")
        axes.plot(values, [y] * len(values), "o", color="white", markeredgecolor=colour, markersize=3.8, zorder=5)
    axes.plot([mean], [y], "o", color=colour, markersize=8.5, markeredgecolor="white", markeredgewidth=1, zorder=4)
    axes.annotate(text, (1, y), xycoords=("axes fraction", "data"), xytext=(8, 0), textcoords="offset points",
                  va="center", fontsize=8.5, color=colour, annotation_clip=False)  # fmt: skip


def _name_colours(axes: "Axes", name: str, series: Sequence[str]) -> None:
    """A line under the title: the setting's name, and its values in their colours."""
    from matplotlib.artist import Artist
    from matplotlib.offsetbox import AnnotationBbox, HPacker, TextArea

    words: list[Artist] = [TextArea(name, textprops={"color": MUTED, "fontsize": 9})]
    for place, value in enumerate(series):
        colour = COLOURS[place % len(COLOURS)]
        words.append(TextArea(value, textprops={"color": colour, "fontsize": 9, "fontweight": "bold"}))
    line = HPacker(children=words, align="baseline", pad=0, sep=9)
    place_of_line: dict[str, Any] = {"xycoords": "axes fraction", "boxcoords": "offset points", "box_alignment": (0, 0)}
    axes.add_artist(AnnotationBbox(line, (0, 1), xybox=(14, 6), frameon=False, pad=0, **place_of_line))
