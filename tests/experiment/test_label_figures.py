"""A matrix: what is drawn into which cell, and how large the page must be. The pictures of scores and frequencies are
tested with the tasks that draw them."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from experiment.figures import WIDTH, names_for, page
from experiment.label_figures import BLUE, FEW, ORANGE, draw_matrix, matrix_inches


def matrix(counts, empty=None, numbered=None):
    counts = np.array(counts)
    size = len(counts)
    none = np.zeros((size, size), dtype=bool)
    colours = np.where(np.eye(size, dtype=bool)[..., None], to_rgb(BLUE), to_rgb(ORANGE))
    rows, columns = [f"r{n}" for n in range(size)], [f"c{n}" for n in range(size)]
    axes = Figure().subplots()
    shares = draw_matrix(
        axes,
        counts,
        colours,
        rows,
        columns,
        empty=none if empty is None else empty,
        numbered=none if numbered is None else numbered,
        cell=0.3,
    )
    return axes, shares


def numbers(axes):
    return {(int(text.get_position()[1]), int(text.get_position()[0])): text.get_text() for text in axes.texts}


def test_shares_of_rows_and_names():
    axes, shares = matrix([[3, 1], [0, 0]])
    assert shares.tolist() == [[0.75, 0.25], [0, 0]]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["c0", "c1"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["r0", "r1"]
    assert numbers(axes) == {(0, 0): "3", (0, 1): "1"}


def test_cells_that_are_not_there():
    axes, _ = matrix([[4, 0], [4, 0]], empty=np.array([[False, False], [False, True]]))
    (cells,) = axes.collections
    colours = cells.get_facecolor()[:, :3]
    assert len(colours) == 3
    np.testing.assert_allclose(colours, [to_rgb(BLUE), (1, 1, 1), to_rgb(ORANGE)], atol=1e-6)


def test_small_counts_of_many_labels_only_where_they_are_asked_for():
    size = FEW + 1
    counts = np.full((size, size), 1)
    counts[0, 0] = 1000
    numbered = np.zeros((size, size), dtype=bool)
    numbered[0, 1] = True
    shown = numbers(matrix(counts, numbered=numbered)[0])
    assert {place: text for place, text in shown.items() if place[0] == 0} == {(0, 0): "1.0k", (0, 1): "1"}
    assert len(shown) == 2 + size * (size - 1)  # 1 of 13 is more than 5 %
    assert len(numbers(matrix(counts[:FEW, :FEW])[0])) == FEW * FEW


@pytest.mark.parametrize("names", [["PS", "made up"], ["PS"] * 41, ["w" * 36] * 30, ["a", "한" * 18]])
def test_the_page_has_room(names, tmp_path):
    cell, width, height = matrix_inches(names)
    assert cell <= 0.6 and 6.4 <= width <= WIDTH + 0.01
    size = len(names)
    with page(tmp_path / "a.png", width, height, names_for([])) as figure:
        axes = figure.subplots()
        none = np.zeros((size, size), dtype=bool)
        names = [name.replace("한", "ww") for name in names]  # as wide, in any font
        draw_matrix(
            axes, none.astype(int), np.zeros((size, size, 3)), names, names, empty=none, numbered=none, cell=cell
        )
    box = axes.get_tightbbox(FigureCanvasAgg(figure).get_renderer())
    assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
    assert axes.get_position().width * width > 0.7 * cell * size  # not squeezed
