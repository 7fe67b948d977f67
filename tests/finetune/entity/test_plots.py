"""Plots of entities: each is counted where it belongs, nothing is left out without a word, nothing leaves the page."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import experiment.figures
from experiment.figures import WIDTH
from experiment.label_figures import MOST_LABELS
from experiment.plots import COLOURS, MUTED
from finetune.entity.metrics import MADE_UP, MISSED, LengthScores, TypeScores
from finetune.entity.plots import (
    _wilson,
    plot_calibration,
    plot_confusion,
    plot_entity_counts,
    plot_lengths,
    plot_types,
)


def numbers(axes):
    """The numbers in the cells of a confusion matrix, by row and column."""
    inside = [text for text in axes.texts if not hasattr(text, "xycoords")]
    return {(int(text.get_position()[1]), int(text.get_position()[0])): text.get_text() for text in inside}


def beside(axes, row):
    return [text.get_text() for text in axes.texts if hasattr(text, "xycoords") and text.xy[1] == row]


def above(axes):
    """The numbers above bars, by place."""
    return [text.get_text() for text in sorted(axes.texts, key=lambda text: text.xy[0])]


def names(axis):
    return [tick.get_text() for tick in axis.get_ticklabels()]


def notes(figure):
    return " ".join(text.get_text().replace("\n", " ") for text in figure.texts)


KLUE = ["DT", "LC", "OG", "PS", "QT", "TI"]
SCORES = [
    TypeScores("PS", 0.5, 1.0, 2 / 3, 1200, 2400),
    TypeScores("LC", 0.0, 0.0, 0.0, 3, 0),
    TypeScores("QT", 0.0, 0.0, 0.0, 0, 2),
]
CONFUSION = {
    ("PS", "PS"): 9,
    ("PS", "OG"): 2,
    ("PS", MISSED): 1,
    ("OG", "OG"): 4,
    ("LC", MISSED): 3,
    (MADE_UP, "QT"): 5,
    (MADE_UP, "OG"): 5,
}
LENGTHS = [LengthScores(1, 1, 0.5, 4, 2), LengthScores(6, 7, 0.0, 0, 0), LengthScores(16, None, 0.0, 0, 3)]
DRAWINGS = {
    "types": (lambda path: plot_types(SCORES, KLUE, path), lambda path: plot_types([], KLUE, path)),
    "confusion": (
        lambda path: plot_confusion(CONFUSION, KLUE, path),
        lambda path: plot_confusion({("PS", "PS"): 0}, KLUE, path),
    ),
    "lengths": (lambda path: plot_lengths(LENGTHS, path), lambda path: plot_lengths([LENGTHS[1]], path)),
    "counts": (
        lambda path: plot_entity_counts({"train": {"PS": 3, "QT": 0}, "dev": {"PS": 1}, "test": {}}, KLUE, path),
        lambda path: plot_entity_counts({"train": {"PS": 0}, "dev": {}}, KLUE, path),
    ),
    "calibration": (
        lambda path: plot_calibration([(0.93, True), (0.95, False), (0.3, False)], path),
        lambda path: plot_calibration([], path),
    ),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_png_file_is_written_or_none(name, tmp_path):
    path = tmp_path / "plots" / "a.png"
    draw, draw_nothing = DRAWINGS[name]
    assert draw_nothing(path) is False and not path.exists()
    assert draw(path) is True and path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("name", DRAWINGS)
def test_nothing_leaves_the_page(name, tmp_path):
    kept = []
    with pytest.MonkeyPatch.context() as patch:
        save = Figure.savefig
        patch.setattr(
            Figure, "savefig", lambda figure, *args, **more: kept.append(figure) or save(figure, *args, **more)
        )
        DRAWINGS[name][0](tmp_path / "a.png")
    (figure,) = kept
    width, height = figure.get_size_inches()
    assert 6.4 <= width <= WIDTH and 1.5 < height < 10
    renderer = FigureCanvasAgg(figure).get_renderer()
    note_top = max((text.get_window_extent(renderer).y1 for text in figure.texts), default=0)
    boxes = [axes.get_tightbbox(renderer) for axes in figure.axes]
    for box in boxes:
        assert box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
        assert box.y0 >= note_top
    assert all(upper.y0 >= lower.y1 for upper, lower in pairwise(boxes))


def test_f1_bars_and_marks(tmp_path, drawn):
    plot_types(SCORES, KLUE, tmp_path / "a.png")
    (axes,) = drawn[0].axes
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([200 / 3, 0, 0])
    precision, recall = (line.get_xdata().tolist() for line in axes.lines)
    # Where nothing was answered there is no precision, and where there are no entities no recall.
    np.testing.assert_array_equal(precision, [50, np.nan, 0])
    np.testing.assert_array_equal(recall, [100, 0, np.nan])
    assert names(axes.yaxis) == ["PS", "LC", "QT"] and beside(axes, 0) == ["66.7", "1,200"]
    assert beside(axes, -0.6) == ["F1", "entities"]


def test_f1_of_many_types(tmp_path, drawn):
    scores = [TypeScores(f"T{n}", 0.5, 0.5, 0.5, 100 - n, 9) for n in range(50)]
    plot_types(scores, [], tmp_path / "a.png")
    assert len(drawn[0].axes[0].patches) == MOST_LABELS
    assert "10 types, with at most 61 entities each" in notes(drawn[0])


def test_confusion_has_what_is_missed_and_made_up_last(tmp_path, drawn):
    plot_confusion(CONFUSION, KLUE, tmp_path / "a.png")
    (axes,) = drawn[0].axes
    assert names(axes.yaxis) == ["PS", "OG", "LC", "QT", "made up"]  # by entities
    assert names(axes.xaxis) == ["PS", "OG", "LC", "QT", "missed"]
    assert numbers(axes) == {
        (0, 0): "9", (0, 1): "2", (0, 4): "1", (1, 1): "4", (2, 4): "3", (4, 3): "5", (4, 1): "5",
    }  # fmt: skip
    assert [beside(axes, row) for row in range(5)] == [
        ["75 %", "12"],
        ["100 %", "4"],
        ["0 %", "3"],
        ["–", "0"],
        ["–", "10"],
    ]
    assert "2 of 6 types have neither an entity nor an answer" in notes(drawn[0])


def test_right_is_blue_wrong_is_orange_and_the_last_cell_is_none(tmp_path, drawn):
    plot_confusion({**CONFUSION, ("OG", "OG"): 4}, KLUE, tmp_path / "a.png")
    (cells,) = drawn[0].axes[0].collections
    colours = cells.get_facecolor()[:, :3]
    assert len(colours) == 24
    np.testing.assert_allclose(colours[6], to_rgb(COLOURS[0]), atol=1e-6)  # every OG has its type
    np.testing.assert_allclose(colours[14], to_rgb(COLOURS[1]), atol=1e-6)  # every LC is missed
    np.testing.assert_allclose(colours[7], (1, 1, 1))


def test_only_made_up_answers_and_types_that_the_model_lacks(tmp_path, drawn):
    plot_confusion({(MADE_UP, "PS"): 2}, ["PS"], tmp_path / "a.png")
    assert numbers(drawn[0].axes[0]) == {(1, 0): "2"} and "left out" not in notes(drawn[0])
    plot_confusion({("AF", MISSED): 2, ("PS", "PS"): 1}, ["PS"], tmp_path / "a.png")
    assert names(drawn[1].axes[0].yaxis) == ["AF", "PS", "made up"]


def test_of_many_types_the_rarest_become_one(tmp_path, drawn):
    types = [f"T{n:02}" for n in range(60)]
    counts = {(type_, type_): 600 - 10 * n for n, type_ in enumerate(types)}
    counts |= {(types[59], types[58]): 4, (types[59], types[0]): 1, (types[50], MISSED): 2, (MADE_UP, types[45]): 3}
    counts |= {(types[0], MISSED): 6}
    plot_confusion(counts, types, tmp_path / "a.png")
    (axes,) = drawn[0].axes
    others = MOST_LABELS - 1
    assert names(axes.yaxis) == [*types[:others], "others", "made up"]
    shown = numbers(axes)
    rest = sum(600 - 10 * n for n in range(others, 60))
    assert shown[others, others] == f"{(rest + 4) / 1000:.1f}k" and beside(axes, others) == ["–", f"{rest + 7:,}"]
    assert f"the 21 types with fewest entities; {rest:,} of these {rest + 7:,} have the right type" in notes(drawn[0])
    # What is missed or made up has its number, be it less than 5 % of the row; a wrong type has none then.
    assert shown[others, others + 1] == "2" and shown[others + 1, others] == "3" and shown[0, others + 1] == "6"
    assert (others, 0) not in shown and "below 5 %" in notes(drawn[0])
    (cells,) = axes.collections
    np.testing.assert_allclose(
        cells.get_facecolor()[others * 41 + others, :3],
        1 - np.sqrt((rest + 4) / (rest + 7)) * (1 - np.array(to_rgb(MUTED))),
    )


@settings(max_examples=25)
@given(
    st.dictionaries(
        st.tuples(st.sampled_from([*"abcdef", MADE_UP]), st.sampled_from([*"abcdef", MISSED])).filter(
            lambda pair: pair != (MADE_UP, MISSED)
        ),
        st.integers(1, 900),
        min_size=1,
    )
)
def test_every_entity_is_in_the_matrix(tmp_path_factory, counts):
    figures = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment.figures, "save_png", lambda figure, path: figures.append(figure))
        plot_confusion(counts, ["c", "a"], tmp_path_factory.getbasetemp() / "a.png")
    (axes,) = figures[0].axes
    rows, columns = names(axes.yaxis), names(axes.xaxis)
    assert {(rows[row], columns[column]): int(text) for (row, column), text in numbers(axes).items()} == counts


def test_f1_and_counts_by_length(tmp_path, drawn):
    plot_lengths(LENGTHS, tmp_path / "a.png")
    upper, lower = drawn[0].axes
    assert names(lower.xaxis) == ["1", "6–7", "16+"]
    assert [bar.get_height() for bar in upper.patches] == [50, 0, 0] and above(upper) == ["50.0", "–", "0.0"]
    assert [bar.get_height() for bar in lower.patches] == [4, 0, 0] and above(lower) == ["4", "0", "0"]
    np.testing.assert_array_equal(lower.lines[0].get_ydata(), [2, np.nan, 3])
    assert upper.get_ylim() == (0, 108) and lower.get_ylim()[1] > 4


def test_shares_of_each_type(tmp_path, drawn):
    counts = {"train": {"PS": 900, "DT": 90, "QT": 10, "TI": 0}, "dev": {"PS": 5, "LC": 5}, "test": {"PS": 0}}
    plot_entity_counts(counts, KLUE, tmp_path / "a.png")
    (axes,) = drawn[0].axes
    assert names(axes.yaxis) == ["PS", "DT", "QT", "LC"] and axes.get_xscale() == "log"
    train, dev = (line.get_xdata() for line in axes.lines)
    np.testing.assert_allclose(train, [90, 9, 1, np.nan])
    np.testing.assert_allclose(dev, [50, np.nan, np.nan, 50])
    assert beside(axes, 0) == ["900", "5"] and beside(axes, 3) == ["0", "5"]
    assert axes.get_xlabel() == "% of the entities (train 1,000, dev 10)"


def test_calibration_of_ten_bins(tmp_path, drawn):
    # Between 0.9 and 1: four of mean score 0.96, three right. Between 0.2 and 0.3: one of 0.2, wrong.
    pairs = [(1.0, True), (0.9, True), (0.95, False), (0.99, True), (0.2, False)]
    plot_calibration(pairs, tmp_path / "a.png")
    upper, lower = drawn[0].axes
    assert [bar.get_height() for bar in lower.patches] == [0, 0, 1, 0, 0, 0, 0, 0, 0, 4] and above(lower) == ["1", "4"]
    diagonal, dots = upper.lines
    assert list(diagonal.get_xdata()) == list(diagonal.get_ydata()) == [0, 100]
    np.testing.assert_allclose(dots.get_data(), [[20, 96], [0, 75]])
    assert [bar.get_height() for bar in upper.patches] == [0, 75]
    assert "calibration error 20.8 %" in notes(drawn[0])  # (4 · 21 + 20) / 5


def test_scores_that_are_as_often_right_as_they_say_have_no_error(tmp_path, drawn):
    plot_calibration([(0.75, True)] * 3 + [(0.75, False)], tmp_path / "a.png")
    assert "calibration error 0.0 %" in notes(drawn[0])


@given(st.integers(1, 5000).flatmap(lambda count: st.tuples(st.integers(0, count), st.just(count))))
def test_the_interval_ends_where_the_share_is_1_96_standard_errors_away(found):
    """Wilson's ends are the shares p whose own distribution puts the observed one 1.96 standard errors from p."""
    right, count = found
    share = right / count
    low, high = _wilson(np.array([share]), np.array([count]))[:, 0]
    assert 0 <= low <= share + 1e-12 and share - 1e-12 <= high <= 1
    for end, reached in ((low, right > 0), (high, right < count)):
        if reached:
            assert abs(end - share) == pytest.approx(1.96 * np.sqrt(end * (1 - end) / count), rel=1e-6)


def test_names_without_a_font_have_one_number_in_all_pictures(tmp_path, drawn, monkeypatch):
    monkeypatch.setattr(experiment.figures, "fonts_for", lambda texts: (["DejaVu Sans"], "인물장소"))
    types = ["QT", "인물", "장소"]
    plot_types([TypeScores("장소", 1, 1, 1, 9, 9), TypeScores("인물", 1, 1, 1, 5, 5)], types, tmp_path / "a.png")
    plot_confusion({("장소", "장소"): 9, ("인물", "QT"): 5}, types, tmp_path / "a.png")
    plot_entity_counts({"train": {"장소": 9, "인물": 5}}, types, tmp_path / "a.png")
    assert names(drawn[0].axes[0].yaxis) == ["label 3", "label 2"]
    assert names(drawn[1].axes[0].yaxis) == ["label 3", "label 2", "QT", "made up"]
    assert names(drawn[2].axes[0].yaxis) == ["label 3", "label 2"]
    assert all("No installed font" in notes(figure) for figure in drawn)
