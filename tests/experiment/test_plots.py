"""Plots: what is drawn, what is left out, and files that are whole or absent."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from experiment.plots import Line, Panel, Reference, plot_curves, plot_histogram, smooth


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that were saved, for a look inside."""
    figures: list[Figure] = []
    save = Figure.savefig

    def keep(figure: Figure, *args: Any, **kwargs: Any) -> None:
        figures.append(figure)
        save(figure, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", keep)
    return figures


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


MLM = Panel(
    "Masked language model",
    "loss (nats)",
    [Line("mlm_loss", "training"), Line("held_out_mlm_loss", "held out", "points")],
    [Reference(8.1, "unigram entropy")],
)


def test_curves_are_drawn_and_labelled(tmp_path: Path, drawn: list[Figure]) -> None:
    steps = list(range(100))
    curves = {"mlm_loss": (steps, [9.0 - step / 50 for step in steps]), "held_out_mlm_loss": ([50, 99], [8.0, 7.1])}
    path = tmp_path / "plots" / "curves.png"
    assert plot_curves(curves, [MLM], path)
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and [file.name for file in path.parent.iterdir()] == [
        path.name
    ]
    (axes,) = drawn[0].axes
    assert sorted(texts(drawn[0])) == ["held out", "training", "unigram entropy"]
    assert axes.get_title(loc="left") == MLM.title and axes.get_xlabel() == "step"
    faint, course = axes.lines[0], axes.lines[1]
    assert np.asarray(faint.get_ydata()).tolist() == curves["mlm_loss"][1]
    np.testing.assert_allclose(np.asarray(course.get_ydata()), curves["mlm_loss"][1])  # a straight line stays one
    assert 8.1 in [line.get_ydata()[0] for line in axes.lines]  # type: ignore[index]


def test_few_values_are_drawn_as_they_are(tmp_path: Path, drawn: list[Figure]) -> None:
    plot_curves({"mlm_loss": ([0, 1, 2], [9.0, 5.0, 8.0])}, [MLM], tmp_path / "a.png")
    assert np.asarray(drawn[0].axes[0].lines[0].get_ydata()).tolist() == [9.0, 5.0, 8.0]


def test_what_was_not_logged_is_left_out(tmp_path: Path, drawn: list[Figure]) -> None:
    path = tmp_path / "a.png"
    assert not plot_curves({}, [MLM], path)
    assert not plot_curves({"mlm_loss": ([0], [float("nan")])}, [MLM], path)
    assert not path.exists()
    other = Panel("Other", "", [Line("nothing", "nothing")])
    assert plot_curves({"mlm_loss": ([0, 1], [9.0, float("nan")])}, [other, MLM], path)
    assert [axes.get_title(loc="left") for axes in drawn[0].axes] == [MLM.title]


def test_another_metric_can_be_the_x_axis(tmp_path: Path, drawn: list[Figure]) -> None:
    curves = {"mlm_loss": ([0, 5, 10], [9.0, 8.0, 7.0]), "tokens_seen": ([0, 10], [1000.0, 3000.0])}
    plot_curves(curves, [MLM], tmp_path / "a.png", x="tokens_seen", x_label="real tokens")
    assert np.asarray(drawn[0].axes[0].lines[0].get_xdata()).tolist() == [1000.0, 2000.0, 3000.0]
    assert drawn[0].axes[0].get_xlabel() == "real tokens"


def test_fractions_can_be_shown_as_percentages(tmp_path: Path, drawn: list[Figure]) -> None:
    panel = Panel("NSP", "accuracy (%)", [Line("accuracy", "training", "exact")], [Reference(0.5, "coin")], scale=100)
    plot_curves({"accuracy": ([0, 1], [0.25, 0.75])}, [panel], tmp_path / "a.png")
    assert np.asarray(drawn[0].axes[0].lines[0].get_ydata()).tolist() == [25.0, 75.0]
    assert 50.0 in [line.get_ydata()[0] for line in drawn[0].axes[0].lines]  # type: ignore[index]


def test_a_spike_does_not_flatten_the_curve(tmp_path: Path, drawn: list[Figure]) -> None:
    values = [1.0 + 0.01 * (step % 7) for step in range(1000)]
    values[500] = 1e6
    plot_curves(
        {"mlm_loss": (range(1000), values)}, [Panel("", "", [Line("mlm_loss", "training")])], tmp_path / "a.png"
    )
    low, high = drawn[0].axes[0].get_ylim()
    assert low > -1e5 and high < 1e5


def test_labels_that_would_overlap_are_moved_apart(tmp_path: Path, drawn: list[Figure]) -> None:
    lines = [Line(name, name, "exact") for name in "abcdefgh"]
    plot_curves({name: ([0, 1], [0.0, 1.0]) for name in "abcdefgh"}, [Panel("", "", lines)], tmp_path / "a.png")
    heights = sorted(text.xy[1] for text in drawn[0].axes[0].texts)  # type: ignore[attr-defined]
    assert len(heights) == 8 and min(np.diff(heights)) > 0.06 and heights[0] >= 0 and heights[-1] <= 1


def test_a_drawing_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")

    def fail(figure: Figure, file: Path, **kwargs: Any) -> None:
        file.write_bytes(b"half")
        raise OSError

    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(OSError):
        plot_curves({"mlm_loss": ([0, 1], [9.0, 8.0])}, [MLM], path)
    assert path.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1


def test_histogram_counts_everything(tmp_path: Path, drawn: list[Figure]) -> None:
    path = tmp_path / "h.png"
    assert not plot_histogram([], path, title="Length", x_label="tokens")
    assert not plot_histogram([float("nan")], path, title="Length", x_label="tokens")
    assert not path.exists()
    lengths = [*range(100)] * 10 + [1_000_000]
    assert plot_histogram(lengths, path, title="Length", x_label="tokens", references=[Reference(64, "limit")])
    (axes,) = drawn[0].axes
    assert sum(bar.get_height() for bar in axes.patches) == len(lengths)  # type: ignore[attr-defined]
    assert axes.get_xlim()[1] < 200 and "and more" in axes.get_xlabel()
    assert texts(drawn[0]) == ["median 50", "limit"]


def test_small_whole_numbers_have_a_bar_each(tmp_path: Path, drawn: list[Figure]) -> None:
    plot_histogram([1, 1, 2, 4], tmp_path / "h.png", title="", x_label="sentences")
    assert [bar.get_height() for bar in drawn[0].axes[0].patches] == [2, 1, 0, 1]  # type: ignore[attr-defined]
    plot_histogram([5, 5], tmp_path / "h.png", title="", x_label="sentences")
    assert [bar.get_height() for bar in drawn[1].axes[0].patches] == [2]  # type: ignore[attr-defined]


@given(
    slope=st.floats(-10, 10),
    start=st.floats(-10, 10),
    length=st.integers(2, 60),
    width=st.floats(1, 20),
)
def test_smoothing_keeps_straight_lines(slope: float, start: float, length: int, width: float) -> None:
    line = start + slope * np.arange(length)
    np.testing.assert_allclose(smooth(line, width), line, atol=1e-6)


def test_smoothing_takes_the_noise_out() -> None:
    x = np.linspace(0, 6, 1000)
    noisy = np.sin(x) + np.random.default_rng(0).normal(0, 0.3, 1000)
    assert np.abs(smooth(noisy, 20) - np.sin(x)).max() < 0.2


def test_smoothing_of_almost_nothing() -> None:
    assert smooth(np.array([3.0]), 5).tolist() == [3.0]
    assert smooth(np.array([]), 5).tolist() == []
