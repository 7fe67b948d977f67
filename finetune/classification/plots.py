"""A picture of predicted numbers against the right ones; the pictures of classes are in `finetune.class_plots`."""

from pathlib import Path

import numpy as np

from experiment.figures import SMALL, names_for, page, title
from experiment.label_figures import BLUE
from experiment.plots import INK, MUTED

MOST_DOTS = 400
"""Rows that are drawn one by one; of more, a hexagon's colour says how many fall into it."""

_WIDTH, _HEIGHT = 6.4, 6.0


def plot_numbers(gold: np.ndarray, answers: np.ndarray, path: Path) -> bool:
    """Draw the rows by right number, to the right, and answer, upwards; gives False (and no file) without rows.

    Args:
        gold: the right numbers, [N].
        answers: the predicted ones, [N].
        path: of the PNG file.
    """
    if not len(gold):
        return False
    low, high = min(gold.min(), answers.min()), max(gold.max(), answers.max())
    margin = 0.04 * (high - low) or 0.5
    ends = (low - margin, high + margin)
    notes = [f"{len(gold):,} rows. On the line an answer is right, above it too high, below it too low."]
    with page(path, _WIDTH, _HEIGHT, names_for([]), notes) as figure:
        axes = figure.subplots()
        if len(gold) <= MOST_DOTS:
            axes.plot(gold, answers, "o", color=BLUE, markersize=4.5, alpha=0.4, markeredgewidth=0)
        else:
            from matplotlib.colors import LinearSegmentedColormap

            shades = LinearSegmentedColormap.from_list("rows", ["#D3E6F3", BLUE, "#00263C"])
            cells = axes.hexbin(
                gold,
                answers,
                gridsize=(26, 15),
                extent=(*ends, *ends),
                mincnt=1,
                bins="log",
                cmap=shades,
                linewidths=0.3,
            )
            counts = np.array(cells.get_array())
            ticks = np.unique(np.rint(np.geomspace(counts.min(), counts.max(), 3)))
            bar = figure.colorbar(cells, ax=axes, ticks=ticks, format="{x:,g}", shrink=0.5, aspect=25, pad=0.02)
            bar.minorticks_off()
            bar.set_label("rows in a cell", fontsize=SMALL + 1)
            bar.ax.tick_params(labelsize=SMALL)
            bar.outline.set_visible(False)
        axes.plot(ends, ends, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        axes.set(xlim=ends, ylim=ends, aspect="equal")
        axes.set_xlabel("right number", fontsize=SMALL + 1, color=INK)
        axes.set_ylabel("answer", fontsize=SMALL + 1, color=INK)
        title(axes, "Right numbers and answers")
    return True
