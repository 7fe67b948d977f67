"""Pictures of what a model finds: how well it knows each type, which it takes for which, and how far its scores can be believed.

    plot_types(type_scores(answers, types), types, plots / "f1_by_type.png")
    plot_confusion(confusion(answers, types), types, plots / "confusion.png")
    plot_lengths(length_scores(answers), plots / "f1_by_length.png")
    plot_entity_counts({"train": {"PS": 4318, "DT": 2304}, "dev": {…}}, types, plots / "types.png")
    plot_calibration([(0.98, True), (0.71, False), …], plots / "calibration.png")

Of <금강산:LC> <관광:OG>이 the answer may be <금강산 관광:OG>이. Among the types that is an LC and an OG missed, and an OG made
up. In the confusion matrix each entity is compared with the answer that shares most characters with it: an LC taken for an
OG, and an OG whose type is right. Among the lengths it is an entity of three and one of two characters that were missed, and
a wrong answer of six. Its score, 0.71, is one of those between 0.7 and 0.8, of which about three in four should be right.

Of more than `MOST_LABELS` types the most frequent are shown, and a line below the picture says what became of the others. A
name that no installed font can draw (인물 on a server without Hangul) becomes "label 3", the third of the model's types.
Each function gives False (and no file) when there is nothing to draw.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from experiment.figures import SMALL, WIDTH, beside, names_for, page, title
from experiment.label_figures import (
    BLUE,
    FAINT,
    FEW,
    MOST_LABELS,
    ORANGE,
    draw_matrix,
    legend,
    matrix_inches,
    plot_frequencies,
    plot_scores,
)
from experiment.plots import INK, MUTED, short
from finetune.entity.metrics import MADE_UP, MISSED, LengthScores, TypeScores

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BINS = 10
"""Of scores, equally wide."""


def plot_types(scores: Sequence[TypeScores], types: Sequence[str], path: Path) -> bool:
    """Draw each type's F1 as a bar, with precision and recall as marks.

    Args:
        scores: in the order in which they are drawn, from the top.
        types: the model's, for the numbers of names that cannot be drawn.
        path: of the PNG file.
    """
    named = [(score.type, score) for score in scores]
    return plot_scores(named, types, path, heading="F1 of each type", things="types", of="entities")


def plot_confusion(confusion: Mapping[tuple[str, str], int], types: Sequence[str], path: Path) -> bool:
    """Draw which type is taken for which: a row for each type of the gold entities, a column for each of the answers.

    The last row are answers where no entity is, the last column entities for which there is no answer. Colour is the share
    of the row, blue where the type is right and orange where it is wrong. Types that nothing has are left out.

    Args:
        confusion: entities by gold type (or MADE_UP) and answered type (or MISSED).
        types: the model's; gold entities may have others.
        path: of the PNG file.
    """
    pairs = {pair: count for pair, count in confusion.items() if count}
    if not pairs:
        return False
    support: Counter[str] = Counter()
    for (gold, _), count in pairs.items():
        support[gold] += count
    found = {gold for gold, _ in pairs} - {MADE_UP} | {answer for _, answer in pairs} - {MISSED}
    known = [*types, *sorted(found - set(types))]
    present = sorted(found, key=lambda type_: (-support[type_], known.index(type_)))
    shown = present if len(present) <= MOST_LABELS else present[: MOST_LABELS - 1]
    names = names_for(known)
    places = [names.shown[type_] for type_ in shown]
    notes = [
        "Each row is 100 %, the deeper the more: blue is the right type, orange is wrong. An entity is compared "
        "with the answer that overlaps it most, whatever their bounds."
    ]
    if left := len(known) - len(present):
        notes.append(f"{left} of {len(known)} types have neither an entity nor an answer and are left out.")
    if rest := present[len(shown) :]:
        places.append("others")
        right = sum(pairs.get((type_, type_), 0) for type_ in rest)
        total = sum(support[type_] for type_ in rest)
        notes.append(
            f"others: the {len(rest)} types with fewest entities; {right:,} of these {total:,} have the right type."
        )
    if len(places) >= FEW:
        notes[0] += " Wrong types below 5 % of the row have no number."

    index = {type_: number for number, type_ in enumerate(shown)}
    counts = np.zeros((len(places) + 1, len(places) + 1), dtype=int)
    others = len(shown)  # where there are none, every type has a place
    for (gold, answer), count in pairs.items():
        row = -1 if gold == MADE_UP else index.get(gold, others)
        column = -1 if answer == MISSED else index.get(answer, others)
        counts[row, column] += count

    cell, width, height = matrix_inches([*places, MADE_UP])
    with page(path, width, height, names, notes) as figure:
        axes = figure.subplots()
        _draw_cells(axes, counts, places, others if rest else None, cell)
        title(axes, "Which type is taken for which")
    return True


def _draw_cells(axes: "Axes", counts: np.ndarray, places: Sequence[str], others: int | None, cell: float) -> None:
    """The matrix, with the share of the right type and the total to its right.

    Args:
        counts: of `places` and, last, of MADE_UP by `places` and MISSED.
        others: the place of all the rarer types together.
        cell: inches of a cell's side.
    """
    from matplotlib.colors import to_rgb

    last = len(places)
    numbered = np.eye(last + 1, dtype=bool)
    colours = np.full((*counts.shape, 3), to_rgb(ORANGE))
    colours[numbered] = to_rgb(BLUE)
    numbered[last] = numbered[:, last] = True
    if others is not None:
        colours[others, others] = to_rgb(MUTED)  # right and wrong ones
    empty = np.zeros(counts.shape, dtype=bool)
    empty[last, last] = True
    rows, columns = [*places, MADE_UP], [*places, MISSED]
    shares = draw_matrix(axes, counts, colours, rows, columns, empty=empty, numbered=numbered, cell=cell)
    total = counts.sum(1)
    for row in range(last + 1):
        comparable = total[row] and row not in (others, last)
        beside(axes, row, 54, f"{100 * shares[row, row]:.0f} %" if comparable else "–")
        beside(axes, row, 94, f"{total[row]:,}", MUTED)
    beside(axes, -0.5, 54, "right type", rise=8)
    beside(axes, -0.5, 94, "total", MUTED, rise=8)
    for axis in (axes.xaxis, axes.yaxis):
        axis.get_ticklabels()[last].set_color(MUTED)
    edge = last - 0.5
    axes.plot([-0.5, last + 0.5], [edge, edge], color=MUTED, linewidth=1)
    axes.plot([edge, edge], [-0.5, last + 0.5], color=MUTED, linewidth=1)
    axes.set_xlabel("type of the answer", fontsize=SMALL + 1)
    axes.set_ylabel("type of the entity", fontsize=SMALL + 1)


def plot_lengths(scores: Sequence[LengthScores], path: Path) -> bool:
    """Draw F1 by the length of the entities, and below it how many there are and how many were answered."""
    if not any(score.support or score.predicted for score in scores):
        return False
    lengths = [_span(score) for score in scores]
    places = np.arange(len(scores))
    notes = [
        "Where an answer has wrong bounds, it is wrong under its own length, and the entity is missed under its own."
    ]
    with page(path, WIDTH, 4.6, names_for(lengths), notes) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
        upper.bar(places, [100 * score.f1 for score in scores], color=BLUE, alpha=0.35, width=0.74)
        for place, score in enumerate(scores):
            text = f"{100 * score.f1:.1f}" if score.support or score.predicted else "–"
            _above(upper, place, 100 * score.f1, text, INK)
        upper.set(ylim=(0, 108), yticks=range(0, 101, 20), ylabel="F1 (%)")
        title(upper, "F1 by length")

        support = [score.support for score in scores]
        predicted = [score.predicted if score.support or score.predicted else math.nan for score in scores]
        lower.bar(places, support, color=FAINT, alpha=0.7, width=0.74, label="entities")
        lower.plot(places, predicted, "D", color=ORANGE, markersize=4.5, label="answers", clip_on=False, zorder=4)
        for place, score in enumerate(scores):
            _above(lower, place, max(score.support, score.predicted), f"{score.support:,}", MUTED, rise=7)
        lower.set(ylim=(0, 1.28 * np.nanmax([support, predicted])), ylabel="count", xlabel="characters")
        _plain_counts(lower)
        lower.set_xticks(places, lengths)
        for axes in (upper, lower):
            axes.grid(axis="x", visible=False)
            axes.tick_params(axis="x", length=0, pad=7, labelcolor=INK)
        legend(lower)
    return True


def _span(score: LengthScores) -> str:
    """The lengths of a bar: 5, 6–7 or 16+."""
    if score.longest is None:
        return f"{score.shortest}+"
    return str(score.shortest) if score.longest == score.shortest else f"{score.shortest}–{score.longest}"


def plot_entity_counts(counts: Mapping[str, Mapping[str, int]], types: Sequence[str], path: Path) -> bool:
    """Draw how frequent each type is among the training entities, the dev entities and so on.

    Args:
        counts: entities by type, by the name of what they are for; the first with any decides the order.
        types: the model's, for the numbers of names that cannot be drawn.
        path: of the PNG file.
    """
    return plot_frequencies(counts, types, path, heading="How frequent each type is", things="types", of="entities")


def plot_calibration(pairs: Sequence[tuple[float, bool]], path: Path) -> bool:
    """Draw how many of the answers are right by their score, in ten bins, and below it how many there are.

    A dot stands at the mean score of its bin, with the 95 % interval of the share that is right (Wilson 1927,
    https://doi.org/10.1080/01621459.1927.10502953). On the diagonal a score says exactly how likely the answer is right.
    The line below gives the expected calibration error, the mean distance from it (Guo et al. 2017,
    https://arxiv.org/abs/1706.04599).

    Args:
        pairs: each answer's score, from 0 to 1, and whether it is right.
        path: of the PNG file.
    """
    if not pairs:
        return False
    scores, right = (np.array(part, dtype=float) for part in zip(*pairs, strict=True))
    bins = np.minimum((scores * _BINS).astype(int), _BINS - 1)
    counts = np.bincount(bins, minlength=_BINS)
    filled = np.flatnonzero(counts)
    mean_score = np.bincount(bins, scores, _BINS)[filled] / counts[filled]
    share = np.bincount(bins, right, _BINS)[filled] / counts[filled]
    error = float(np.average(abs(share - mean_score), weights=counts[filled]))
    notes = [
        f"Expected calibration error {100 * error:.1f} %: how far answers are from the diagonal on average. "
        "Below it a model is too sure, above it not sure enough. Vertical lines: 95 % intervals."
    ]
    with page(path, 6.4, 6.2, names_for([]), notes) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        middles = (np.arange(_BINS) + 0.5) * 100 / _BINS
        upper.plot([0, 100], [0, 100], color=MUTED, linewidth=1, linestyle=(0, (4, 3)), zorder=2)
        upper.bar(middles[filled], 100 * share, width=9.2, color=BLUE, alpha=0.2)
        interval = _wilson(share, counts[filled])
        upper.vlines(100 * mean_score, *(100 * interval), color=BLUE, linewidth=1.4, zorder=3, clip_on=False)
        upper.plot(100 * mean_score, 100 * share, "o", color=BLUE, markeredgecolor="white", clip_on=False, zorder=4)
        upper.set(ylim=(0, 100), ylabel="right (%)")
        title(upper, "How often an answer is right")
        lower.bar(middles, counts, width=9.2, color=FAINT, alpha=0.7)
        for middle, count in zip(middles[filled].tolist(), counts[filled].tolist(), strict=True):
            _above(lower, middle, count, f"{count:,}", MUTED)
        lower.set(xlim=(0, 100), xlabel="score (%)", ylim=(0, 1.28 * counts.max()), ylabel="answers")
        lower.set_xticks(range(0, 101, 10))
        _plain_counts(lower)
        lower.grid(axis="x", visible=False)
    return True


def _wilson(share: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Lower and upper end of the 95 % interval of a share of so many, [2, N]."""
    z = 1.96
    middle = share + z * z / (2 * counts)
    reach = z * np.sqrt(share * (1 - share) / counts + (z / (2 * counts)) ** 2)
    return np.clip(np.stack([middle - reach, middle + reach]) / (1 + z * z / counts), 0, 1)


def _above(axes: "Axes", x: float, y: float, text: str, colour: str, rise: float = 4) -> None:
    """Write above the end of a bar, `rise` points."""
    from matplotlib.patheffects import withStroke

    axes.annotate(
        text,
        (x, y),
        xytext=(0, rise),
        textcoords="offset points",
        ha="center",
        fontsize=SMALL,
        color=colour,
        path_effects=[withStroke(linewidth=2.5, foreground="white")],  # no line of the grid through it
    )


def _plain_counts(axes: "Axes") -> None:
    """Whole numbers beside the axis, 1500 as 1.5k."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.yaxis.set_major_locator(MaxNLocator(nbins=3, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
