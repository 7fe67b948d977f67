"""Pictures of labels that more than one task draws: how well each is known, how frequent it is, and which is taken for which.

    plot_scores([("PS", scores), …], ["DT", "PS"], path, heading="F1 of each type", things="types", of="entities")
    plot_frequencies({"train": {"PS": 4318, "DT": 2304}, "dev": {…}}, ["DT", "PS"], path, heading=…, things=…, of=…)

The first writes a bar for PS as long as its F1, with marks at its precision and recall and "88.2  4,318" beside it; the
second a dot for each use at the share of the entities that are PS. Both are as high as the labels need; of more than
`MOST_LABELS` the first are shown, and a line below the picture says what became of the others.

A matrix of what is taken for what differs more from task to task; `draw_matrix` draws its cells, numbers and names.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from experiment.figures import SMALL, WIDTH, beside, columns, label_rows, names_for, page, title
from experiment.plots import COLOURS, GRID, INK, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, ORANGE, GREEN = COLOURS[:3]
FAINT = "#C4C4C4"
MOST_LABELS = 40
FEW = 12
"""Rows of a matrix that has room for every number."""

_A_ROW = 0.235
"""Inches of height for one label among others."""


class Scores(Protocol):
    """A label's figures, as fractions and counts."""

    @property
    def precision(self) -> float: ...
    @property
    def recall(self) -> float: ...
    @property
    def f1(self) -> float: ...
    @property
    def support(self) -> int: ...
    @property
    def predicted(self) -> int: ...


def plot_scores(
    scores: Sequence[tuple[str, Scores]], known: Sequence[str], path: Path, *, heading: str, things: str, of: str
) -> bool:
    """Draw each label's F1 as a bar, with precision and recall as marks; gives False (and no file) without labels.

    Where nothing was answered there is no precision, and where nothing has the label no recall.

    Args:
        scores: labels with their figures, in the order in which they are drawn, from the top.
        known: the model's labels, for the numbers of names that cannot be drawn.
        path: of the PNG file.
        heading: what stands above.
        things: what the labels are, in the plural: "relations".
        of: what has the labels, in the plural: "rows".
    """
    if not scores:
        return False
    shown = [figures for _, figures in scores[:MOST_LABELS]]
    names = names_for(list(dict.fromkeys([*known, *(label for label, _ in scores)])))
    notes = []
    if left := len(scores) - len(shown):
        notes.append(f"{left} {things}, with at most {shown[-1].support:,} {of} each, are left out.")
    with page(path, WIDTH, 1.4 + _A_ROW * len(shown), names, notes) as figure:
        axes = figure.subplots()
        rows = np.arange(len(shown))
        axes.barh(rows, [100 * score.f1 for score in shown], color=BLUE, alpha=0.35, height=0.74, label="F1")
        precision = [100 * score.precision if score.predicted else math.nan for score in shown]
        recall = [100 * score.recall if score.support else math.nan for score in shown]
        for values, colour, marker, label in ((precision, ORANGE, "D", "precision"), (recall, GREEN, "o", "recall")):
            axes.plot(values, rows, marker, color=colour, markersize=4.5, label=label, zorder=4, clip_on=False)
        for row, score in enumerate(shown):
            beside(axes, row, 34, f"{100 * score.f1:.1f}")
            beside(axes, row, 74, f"{score.support:,}", MUTED)
        beside(axes, -0.6, 34, "F1", rise=6)
        beside(axes, -0.6, 74, of, MUTED, rise=6)
        label_rows(axes, [names.shown[label] for label, _ in scores[:MOST_LABELS]])
        axes.tick_params(axis="y", pad=7)  # clear of a mark at 0
        axes.set(xlim=(0, 100), xlabel="%")
        title(axes, heading)
        legend(axes)
    return True


def plot_frequencies(
    counts: Mapping[str, Mapping[str, int]], known: Sequence[str], path: Path, *, heading: str, things: str, of: str
) -> bool:
    """Draw each label's share of the training data, the dev data and so on; gives False (and no file) where all is 0.

    Args:
        counts: of each label, by the name of what the data are for; the first with any decides the order.
        known, path, heading, things, of: as for `plot_scores`.
    """
    counts = {use: {label: count for label, count in part.items() if count} for use, part in counts.items()}
    counts = {use: part for use, part in counts.items() if part}
    if not counts:
        return False
    totals = {use: sum(part.values()) for use, part in counts.items()}
    main, first = next(iter(counts.items()))
    order = sorted(set().union(*counts.values()), key=lambda label: (-first.get(label, 0), label))
    shown = order[:MOST_LABELS]
    names = names_for(list(dict.fromkeys([*known, *order])))
    notes = []
    if rest := order[MOST_LABELS:]:
        share = sum(first.get(label, 0) for label in rest) / totals[main]
        notes.append(f"{len(rest)} rarer {things} are left out: {100 * share:.1f} % of the {main} {of}.")
    from matplotlib.ticker import FuncFormatter, NullFormatter

    shares = np.array([[100 * part.get(label, 0) / totals[use] for label in shown] for use, part in counts.items()])
    shares[shares == 0] = math.nan
    with page(path, WIDTH, 1.4 + _A_ROW * len(shown), names, notes) as figure:
        axes = figure.subplots()
        places = np.arange(len(shown))
        least, most = float(np.nanmin(shares)), float(np.nanmax(shares))
        if most > 20 * least:
            axes.set_xscale("log")
            axes.set_xlim(least / 1.3, 130)
        else:
            axes.set_xlim(0, 1.1 * most)
        axes.hlines(places, np.nanmin(shares, 0), np.nanmax(shares, 0), color=FAINT, linewidth=1.5, zorder=2)
        for number, (use, part) in enumerate(counts.items()):
            # Where shares are equal, each mark is seen around the next.
            colour, marker, points = ((BLUE, "o", 10.5), (ORANGE, "D", 5), (GREEN, "s", 3.2))[number % 3]
            axes.plot(
                shares[number],
                places,
                marker,
                color=colour,
                label=use,
                markersize=points,
                markeredgecolor="white",
                markeredgewidth=0.6,
                zorder=4,
            )
            offset = 40 * (number + 1)
            for place, label in enumerate(shown):
                count = part.get(label, 0)
                beside(axes, place, offset, f"{count:,}", INK if count else MUTED)
            beside(axes, -0.6, offset, use, colour, rise=6)
        label_rows(axes, [names.shown[label] for label in shown])
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel(f"% of the {of} ({', '.join(f'{use} {total:,}' for use, total in totals.items())})")
        title(axes, heading)
        legend(axes)
    return True


def matrix_inches(names: Sequence[str]) -> tuple[float, float, float]:
    """Of a matrix with these rows and columns: a cell's side, and the width and height of the page that it needs."""
    margin = 1.6 + max(map(columns, names)) * 0.6 * SMALL / 72
    cell = min(0.6, (WIDTH - margin) / len(names))
    side = cell * len(names)
    return cell, max(6.4, side + margin), side + margin - 0.4


def draw_matrix(
    axes: "Axes",
    counts: np.ndarray,
    colours: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    empty: np.ndarray,
    numbered: np.ndarray,
    cell: float,
) -> np.ndarray:
    """Draw what is taken for what; gives each cell's share of its row, [N, N].

    A cell is the deeper the greater that share is. Its count stands in it; where there are more than `FEW` rows, small ones
    (below 5 % of the row) only in the `numbered` cells.

    Args:
        axes: nothing else may be drawn on them yet.
        counts: of each row by column, [N, N].
        colours: of a cell that has all of its row, red, green and blue, [N, N, 3].
        rows, columns: names.
        empty: where there are no cells, bool [N, N]; their counts must be 0.
        numbered: where a small count is of interest, too, bool [N, N].
        cell: inches of a cell's side.
    """
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    size = len(counts)
    shares = counts / np.maximum(counts.sum(1), 1)[:, None]
    pixels = 1 - np.sqrt(shares)[..., None] * (1 - colours)  # the root, so that one row in twenty can be seen
    cells = np.argwhere(~empty)
    squares = [Rectangle((column - 0.5, row - 0.5), 1, 1) for row, column in cells]
    axes.add_collection(PatchCollection(squares, facecolor=pixels[tuple(cells.T)], edgecolor=GRID, linewidth=0.6))

    points = min(9.0, max(5.6, cell * 72 * 0.43))
    for row, column in np.argwhere(counts > 0):
        if numbered[row, column] or shares[row, column] >= 0.05 or size <= FEW:
            dark = pixels[row, column] @ (0.299, 0.587, 0.114) < 0.6
            colour = "white" if dark else INK
            axes.text(column, row, _short(counts[row, column]), ha="center", va="center", fontsize=points, color=colour)

    for axis, names, rotation in ((axes.xaxis, columns, 90), (axes.yaxis, rows, 0)):
        axis.set_ticks(range(size), names, rotation=rotation)
        axis.set_tick_params(length=0, labelsize=SMALL, labelcolor=INK)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    edges = (-0.53, size - 0.47)
    axes.set(xlim=edges, ylim=edges[::-1], aspect="equal")
    return shares


def legend(axes: "Axes") -> None:
    """Above the right corner, beside the title."""
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, frameon=False, fontsize=SMALL + 1, borderaxespad=1.6)


def _short(count: int) -> str:
    """At most four characters, which is what a cell has room for."""
    return f"{count / 1000:.{1 if count < 9950 else 0}f}k" if count > 999 else str(count)
