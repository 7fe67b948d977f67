"""Curves and histograms of a run as PNG files, drawn off screen with matplotlib.

    panels = [
        Panel(
            "Masked language model", "loss (nats)",
            curves=[Line("mlm_loss", "training"), Line("held_out_mlm_loss", "held out", "points")],
            references=[Reference(8.14, "unigram entropy")],
        ),
        Panel(
            "Next sentence", "accuracy (%)", scale=100,
            curves=[Line("nsp_accuracy", "training"), Line("held_out_nsp_accuracy", "held out", "points")],
            references=[Reference(0.5, "coin")],
        ),
    ]
    plot_curves(history.curves(), panels, run.plots / "curves.png", x="tokens_seen", x_label="real tokens")

Training curves are drawn faint as they were logged and, on top, smoothed; held-out figures as points. Labels stand
beside what they name instead of in a legend. The colours are Okabe and Ito's, which colour-blind readers tell apart.
Files are written whole or not at all. Labels are meant to be English: matplotlib's own font has no Hangul. Plots of one
task, which live with it, are drawn on the pages of `experiment.figures` in the same style, with whatever font a name needs.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from experiment.run_directory import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Curves = Mapping[str, tuple[Sequence[int], Sequence[float]]]
"""Steps and values by metric name, as `MetricHistory.curves` gives them."""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
INK, MUTED, GRID = "#222222", "#6B6B6B", "#E6E6E6"
_PANEL_INCHES = (6.4, 3.6)
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.edgecolor": "#BBBBBB",
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.direction": "out",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "figure.constrained_layout.w_pad": 0.15,
    "figure.constrained_layout.h_pad": 0.12,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


@dataclass(frozen=True)
class Line:
    """One metric of a panel."""

    metric: str
    """Its name in the history."""
    label: str
    style: Literal["noisy", "exact", "points"] = "noisy"
    """noisy: faint as logged, its smoothed course on top; exact: as logged; points: few figures, the held-out ones."""


@dataclass(frozen=True)
class Reference:
    """A horizontal line to compare with: what a guess without any learning scores."""

    value: float
    label: str


@dataclass(frozen=True)
class Panel:
    """One pair of axes. Metrics that the history lacks are left out, and so is a panel with none."""

    title: str
    y_label: str
    curves: Sequence[Line]
    references: Sequence[Reference] = field(default_factory=tuple)
    scale: float = 1.0
    """Factor between the logged and the shown value; 100 shows fractions as percentages."""


def plot_curves(
    curves: Curves, panels: Sequence[Panel], path: Path, *, x: str = "step", x_label: str | None = None
) -> bool:
    """Draw the panels, two in a row, to a PNG file; gives False (and no file) when there is nothing to draw.

    `x` is "step" or the name of a metric that grows with the steps, tokens seen for example.
    """
    shown = [panel for panel in panels if any(_points(curves, line.metric)[0].size for line in panel.curves)]
    if not shown:
        return False
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    columns = min(2, len(shown))
    rows = math.ceil(len(shown) / columns)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(_PANEL_INCHES[0] * columns, _PANEL_INCHES[1] * rows), layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes, panel in zip(grid.flat, shown, strict=False):
            _draw_panel(axes, panel, curves, x)
            axes.set_xlabel(x_label or x)
            axes.xaxis.set_major_locator(MaxNLocator(nbins=9, integer=True))
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
        for axes in grid.flat[len(shown) :]:
            axes.set_visible(False)
        save_png(figure, path)
    return True


def plot_histogram(
    values: Sequence[float] | np.ndarray,
    path: Path,
    *,
    title: str,
    x_label: str,
    y_label: str = "count",
    bins: int = 40,
    references: Sequence[Reference] = (),
) -> bool:
    """Draw how often values occur, with their median (and other references) as vertical lines.

    The highest hundredth shares the last bar when it lies far out. Gives False (and no file) without finite values.
    """
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    if finite.size == 0:
        return False
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

    low, high, far = finite.min(), finite.max(), np.quantile(finite, 0.99)
    cut = high > low + 2 * (far - low)
    if cut:
        high = far
    if bool(np.all(finite == np.round(finite))) and high - low < bins:
        edges = np.arange(low, high + 2) - 0.5  # whole numbers: a bar each
    else:
        edges = np.linspace(low, high if high > low else low + 1, bins + 1)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=_PANEL_INCHES, layout="constrained")
        axes = figure.subplots()
        axes.hist(np.minimum(finite, edges[-1]), bins=edges.tolist(), color=COLOURS[0], alpha=0.85, rwidth=0.92)
        axes.grid(axis="x", visible=False)
        axes.margins(y=0.12)
        for reference in [
            Reference(float(np.median(finite)), f"median {short(float(np.median(finite)))}"),
            *references,
        ]:
            axes.axvline(reference.value, color=INK, linewidth=1, linestyle=(0, (4, 3)))
            axes.annotate(
                reference.label,
                (reference.value, 1),
                xycoords=("data", "axes fraction"),
                xytext=(4, -2),
                textcoords="offset points",
                va="top",
                fontsize=9,
                color=INK,
            )
        axes.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK, pad=10)
        axes.set_xlabel(f"{x_label} (last bar: and more)" if cut else x_label)
        axes.set_ylabel(y_label)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
        save_png(figure, path)
    return True


def smooth(values: np.ndarray, width: float) -> np.ndarray:
    """The course of a noisy curve: at each place, a straight line fitted to the values around it.

    Neighbours count by a Gaussian of `width` values (one standard deviation). Unlike a running mean the result neither
    lags behind nor bends towards the middle at its ends. All values must be finite.
    """
    reach = min(math.ceil(3 * width), len(values) - 1)
    if reach < 1:
        return values.astype(float)
    away = np.arange(-reach, reach + 1)
    weight = np.exp(-0.5 * (away / width) ** 2)

    def around(power: int, what: np.ndarray) -> np.ndarray:
        """Sum over the neighbours of weight × distance^power × what."""
        return np.convolve(what, (weight * away**power)[::-1])[reach:-reach]

    one = np.ones(len(values))
    s0, s1, s2 = (around(power, one) for power in range(3))
    return (s2 * around(0, values) - s1 * around(1, values)) / (s0 * s2 - s1**2)


def _draw_panel(axes: "Axes", panel: Panel, curves: Curves, x: str) -> None:
    """One panel: curves, reference lines, and the labels at their right ends."""
    labels: list[tuple[float, str, str]] = []
    extent: list[float] = []
    lines = [line for line in panel.curves if _points(curves, line.metric)[0].size]
    for line, colour in zip(lines, itertools.cycle(COLOURS), strict=False):
        steps, values = _points(curves, line.metric)
        places, values = _places(curves, x, steps), values * panel.scale
        course = values
        if line.style == "points":
            size = 5 if len(values) < 40 else 3.5
            axes.plot(places, values, color=colour, linewidth=1, alpha=0.5, zorder=2.5)
            axes.plot(places, values, "o", color=colour, markersize=size, markeredgecolor="white", zorder=5)
        else:
            if line.style == "noisy" and len(values) > 30:
                course = smooth(values, len(values) / 60)
                axes.plot(places, values, color=colour, linewidth=0.7, alpha=0.22)
                # A spike may leave the picture; what nearly all values do has to stay in it.
                extent += np.quantile(values, [0.005, 0.995]).tolist()
            axes.plot(places, course, color=colour, linewidth=2, zorder=3, solid_capstyle="round")
        extent += [course.min(), course.max()]
        labels.append((float(course[-1]), line.label, colour))
    for reference in panel.references:
        value = reference.value * panel.scale
        axes.axhline(value, color=MUTED, linewidth=1, linestyle=(0, (4, 3)), zorder=2)
        extent.append(value)
        labels.append((value, reference.label, MUTED))
    low, high = min(extent), max(extent)
    margin = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    axes.set_ylim(low - margin, high + margin)
    axes.margins(x=0.02)
    axes.set_title(panel.title, loc="left", fontsize=11, fontweight="bold", color=INK, pad=10)
    axes.set_ylabel(panel.y_label)
    _label_ends(axes, labels)


def _label_ends(axes: "Axes", labels: list[tuple[float, str, str]]) -> None:
    """Write labels right of the axes at the heights they belong to, moved apart where they would overlap."""
    low, high = axes.get_ylim()
    labels = sorted(labels, key=lambda label: label[0])
    places = np.array([(value - low) / (high - low) for value, _, _ in labels])
    least = 0.075  # of the panel's height: a line of text
    for _ in range(100):
        overlap = np.maximum(least - np.diff(places), 0) / 2
        places[:-1] -= overlap
        places[1:] += overlap
        places = np.clip(places, 0, 1)
    for place, (_, text, colour) in zip(places, labels, strict=True):
        axes.annotate(
            text,
            (1.0, float(place)),
            xycoords="axes fraction",
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=colour,
            annotation_clip=False,
        )


def _points(curves: Curves, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Steps and values of a metric where it is finite; empty when it was never logged."""
    steps, values = (np.asarray(part, dtype=float) for part in curves.get(metric, ((), ())))
    finite = np.isfinite(values)
    return steps[finite], values[finite]


def _places(curves: Curves, x: str, steps: np.ndarray) -> np.ndarray:
    """Where steps lie on the x axis: between the logged values of the metric `x`."""
    if x == "step":
        return steps
    known_steps, known_values = _points(curves, x)
    return np.interp(steps, known_steps, known_values) if known_steps.size else steps


def short(value: float) -> str:
    """A tick label: 1500000 as 1.5M."""
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{letter}"
    return f"{value:.4g}"


def save_png(figure: "Figure", path: Path) -> None:
    """Write the figure whole or not at all; 160 dots an inch, which the report shows as a browser's 96."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=160)
