"""Pictures of what a classifier answers: which labels it takes for which, and how well it knows each.

    plot_confusion(predictions, plots / "confusion.png")
    plot_f1(class_scores(…), labels, plots / "f1_by_relation.png", "relation")
    plot_precision_recall(predictions, plots / "precision_recall.png")
    plot_classes({"train": ["per:title", …], "dev": […]}, labels, plots / "classes.png", "relation")

They are as wide as a page of the report and as high as the labels need. Of more than `MOST_LABELS` labels the most frequent
are shown, and a line below the picture says what became of the others. A name that no installed font can draw (인물:배우자 on a
server without Hangul) becomes "label 7", the seventh of the model's labels.

Rows without a gold label are left out. Each function gives False (and no file) when nothing is left to draw.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data.rows import RowT
from experiment.figures import SMALL, WIDTH, Names, beside, names_for, page, title
from experiment.label_figures import (
    BLUE,
    FAINT,
    FEW,
    MOST_LABELS,
    ORANGE,
    draw_matrix,
    matrix_inches,
    plot_frequencies,
    plot_scores,
)
from experiment.plots import INK, MUTED
from finetune.class_metrics import ClassScores, precision_recall
from finetune.class_predictions import ClassPredictions

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_CURVES = 11
"""Labels with a precision-recall curve of their own."""


@dataclass(frozen=True)
class _Place:
    """A row and column of the confusion matrix: a label, the others together (None), or the heading of a group."""

    label: str | None
    name: str
    heading: bool = False


def plot_confusion(predictions: ClassPredictions[RowT], path: Path) -> bool:
    """Draw which labels are taken for which: a row for each gold label, a column for each answer.

    Colour is the share of the row, blue where the answer is right and orange where it is wrong. Labels stand by the group
    before their colon, and in it by their rows. Those that neither a row nor an answer has are left out.
    """
    gold, answers = _labelled(predictions)
    if not gold:
        return False
    support = Counter(gold)
    known = list(dict.fromkeys([*predictions.labels, *gold]))
    present = sorted({*gold, *answers}, key=lambda label: (-support[label], known.index(label)))
    shown = present if len(present) <= MOST_LABELS else present[: MOST_LABELS - 1]
    names = names_for(known)
    places = _places(shown, support, names)
    notes = ["Each row is 100 %, the deeper the more: blue is right, orange is wrong."]
    if len(places) > FEW:
        notes[0] += " Shares below 5 % have no number."
    if left := len(known) - len(present):
        notes.append(f"{left} of {len(known)} labels have neither a row nor an answer and are left out.")
    if rest := set(present) - set(shown):
        if any(place.heading for place in places):
            places.append(_Place(None, "", heading=True))
        places.append(_Place(None, "others"))
        right = sum(label == answer for label, answer in zip(gold, answers, strict=True) if label in rest)
        total = sum(support[label] for label in rest)
        notes.append(f"others: the {len(rest)} labels with fewest rows; {right:,} of these {total:,} rows are right.")

    index = {place.label: number for number, place in enumerate(places) if not place.heading}
    counts = np.zeros((len(places), len(places)), dtype=int)
    for label, answer in zip(gold, answers, strict=True):
        counts[index.get(label, -1), index.get(answer, -1)] += 1  # the others stand last

    cell, width, height = matrix_inches([place.name for place in places])
    with page(path, width, height, names, notes) as figure:
        axes = figure.subplots()
        _draw_cells(axes, counts, places, cell)
        title(axes, "Which label is taken for which")
    return True


def _places(labels: Sequence[str], support: Mapping[str, int], names: Names) -> list[_Place]:
    """The rows of the matrix, with a heading for each group where there are many labels in few groups."""
    groups: dict[str, list[str]] = {}
    for label in labels:
        groups.setdefault(label.partition(":")[0] if ":" in label else "", []).append(label)
    if groups.keys() == {""} or len(groups) > 7 or len(labels) <= FEW:
        return [_Place(label, names.shown[label]) for label in labels]
    places = []
    for group in sorted(groups, key=lambda name: (name != "", -sum(support[label] for label in groups[name]))):
        cut = 0
        if group and all(names.shown[label].startswith(f"{group}:") for label in groups[group]):
            places.append(_Place(None, f"{group}:", heading=True))
            cut = len(group) + 1
        places += [_Place(label, names.shown[label][cut:]) for label in groups[group]]
    return places


def _draw_cells(axes: "Axes", counts: np.ndarray, places: Sequence[_Place], cell: float) -> None:
    """The matrix with recall and rows to its right; `cell` is the size of one in inches."""
    from matplotlib.colors import to_rgb

    heading = np.array([place.heading for place in places])
    others = np.array([place.label is None for place in places])
    right = np.eye(len(places), dtype=bool)
    colours = np.full((*counts.shape, 3), to_rgb(ORANGE))
    colours[right] = to_rgb(BLUE)
    colours[np.outer(others, others)] = to_rgb(MUTED)  # right and wrong ones
    names = [place.name for place in places]
    empty = np.logical_or.outer(heading, heading)
    shares = draw_matrix(axes, counts, colours, names, names, empty=empty, numbered=right, cell=cell)
    total = counts.sum(1)
    for row in np.flatnonzero(~heading).tolist():
        recall = f"{100 * shares[row, row]:.0f} %" if total[row] and not others[row] else "–"
        beside(axes, row, 34, recall)
        beside(axes, row, 70, f"{total[row]:,}", MUTED)
    beside(axes, -0.5, 34, "recall", rise=8)
    beside(axes, -0.5, 70, "rows", MUTED, rise=8)
    for axis in (axes.xaxis, axes.yaxis):
        for place in np.flatnonzero(heading):
            axis.get_ticklabels()[place].set_color(MUTED)
    axes.set_xlabel("answer", fontsize=SMALL + 1)
    axes.set_ylabel("label of the row", fontsize=SMALL + 1)


def plot_f1(scores: Sequence[ClassScores], labels: Sequence[str], path: Path, thing: str) -> bool:
    """Draw each label's F1 as a bar, with precision and recall as marks.

    Args:
        scores: in the order in which they are drawn, from the top.
        labels: the model's, for the numbers of names that cannot be drawn.
        path: of the PNG file.
        thing: what a label is called: "relation".
    """
    named = [(score.label, score) for score in scores]
    return plot_scores(named, labels, path, heading=f"F1 of each {thing}", things=f"{thing}s", of="rows")


def plot_precision_recall(predictions: ClassPredictions[RowT], path: Path) -> bool:
    """Draw precision over recall: of all labels together (micro-averaged), and of each of the most frequent ones.

    A dot shows where the answers are, each row's highest probability.
    """
    gold, answers = _labelled(predictions)
    if not gold:
        return False
    labels = np.array(predictions.labels)
    right, given = np.array(gold)[:, None] == labels, np.array(answers)[:, None] == labels
    probabilities = predictions.probabilities[[label is not None for label in predictions.gold]]
    support = right.sum(0)
    frequent = [column for column in np.argsort(-support, kind="stable") if support[column]]
    names = names_for(predictions.labels)
    notes = [
        "Dot: the answers. Grey: all labels together, for comparison. AUPRC is the mean of the areas of all labels."
    ]
    if left := len(labels) - len(frequent[:MOST_CURVES]):
        notes.append(f"The {left} labels with fewest rows have no picture of their own.")
    panels = [("all labels together", np.arange(len(labels)))]
    panels += [(names.shown[labels[column]], np.array([column])) for column in frequent[:MOST_CURVES]]
    across = min(4, len(panels))
    down = math.ceil(len(panels) / across)
    with page(path, WIDTH * max(across, 2) / 4, 0.8 + 2.2 * down, names, notes) as figure:
        grid = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True)
        together = precision_recall(probabilities.ravel(), right.ravel())
        for number, (axes, (name, columns)) in enumerate(zip(grid.flat, panels, strict=False)):
            positive, answered = right[:, columns], given[:, columns]
            curve = precision_recall(probabilities[:, columns].ravel(), positive.ravel())
            axes.plot(*_thinned(together[0], together[1]), color=FAINT, linewidth=1)
            axes.plot(*_thinned(curve[0], curve[1]), color=BLUE if number else INK, linewidth=1.8)
            if answered.any():
                hits = (positive & answered).sum()
                place = (hits / positive.sum(), hits / answered.sum())
                axes.plot(*place, "o", color=ORANGE, markersize=5.5, markeredgecolor="white", zorder=5, clip_on=False)
            rows = int(positive.sum())
            axes.set_title(name, loc="left", fontsize=SMALL + 0.5, color=INK, pad=4)
            axes.text(0.04, 0.06, f"area {100 * curve[2]:.1f} %, {rows:,} rows", fontsize=SMALL, color=INK, zorder=6)
            axes.set(xlim=(0, 1), ylim=(0, 1.03), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
            lowest = number + across >= len(panels)
            axes.tick_params(labelsize=SMALL, labelbottom=lowest)
            axes.set_xlabel("recall" if lowest else "", fontsize=SMALL + 1)
            axes.set_ylabel("" if number % across else "precision", fontsize=SMALL + 1)
        for axes in grid.flat[len(panels) :]:
            axes.set_visible(False)
    return True


def plot_classes(rows: Mapping[str, Sequence[str | None]], labels: Sequence[str], path: Path, thing: str) -> bool:
    """Draw how frequent each label is among the training rows, the dev rows and so on.

    Args:
        rows: the label of each row, by the name of what the rows are for; the first decides the order.
        labels: the model's, for the numbers of names that cannot be drawn.
        path: of the PNG file.
        thing: what a label is called: "relation".
    """
    counts = {use: Counter(label for label in part if label is not None) for use, part in rows.items()}
    return plot_frequencies(
        counts, labels, path, heading=f"How frequent each {thing} is", things=f"{thing}s", of="rows"
    )


def _labelled(predictions: ClassPredictions[RowT]) -> tuple[list[str], list[str]]:
    """Gold labels and answers of the rows that have both."""
    pairs = zip(predictions.gold, predictions.answers, strict=True)
    known = [(label, answer) for label, answer in pairs if label is not None]
    return [label for label, _ in known], [answer for _, answer in known]


def _thinned(recall: np.ndarray, precision: np.ndarray, most: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """A curve with no more points than can be seen, its ends among them."""
    kept = np.unique(np.linspace(0, len(recall) - 1, most).astype(int))
    return recall[kept], precision[kept]
