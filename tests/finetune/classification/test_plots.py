"""The picture of numbers: every row is in it, right answers lie on the line, and odd numbers do not break it."""

import numpy as np
import pytest
from matplotlib.collections import PolyCollection

from finetune.classification.plots import MOST_DOTS, plot_numbers


def numbers(rows):
    rng = np.random.default_rng(0)
    gold = rng.integers(0, 26, rows) / 5
    return gold, gold + rng.normal(0, 0.5, rows)


def notes(figure):
    return " ".join(text.get_text().replace("\n", " ") for text in figure.texts)


def test_a_png_file_is_written_or_none(tmp_path):
    path = tmp_path / "plots" / "a.png"
    assert plot_numbers(np.array([]), np.array([]), path) is False and not path.exists()
    for rows in (1, MOST_DOTS, MOST_DOTS + 1):
        assert plot_numbers(*numbers(rows), path) is True and path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
        path.unlink()


def test_few_rows_are_dots_at_their_numbers(tmp_path, drawn):
    gold, answers = numbers(MOST_DOTS)
    plot_numbers(gold, answers, tmp_path / "a.png")
    dots, line = drawn[0].axes[0].lines
    np.testing.assert_array_equal(dots.get_xydata(), np.stack([gold, answers], 1))
    np.testing.assert_array_equal(line.get_xdata(), line.get_ydata())
    assert not drawn[0].axes[0].collections and notes(drawn[0]).startswith(f"{MOST_DOTS} rows.")


def test_of_many_rows_each_is_counted(tmp_path, drawn):
    plot_numbers(*numbers(3000), tmp_path / "a.png")
    axes, bar = drawn[0].axes
    (cells,) = axes.collections
    assert isinstance(cells, PolyCollection) and cells.get_array().sum() == 3000
    assert bar.get_ylabel() == "rows in a cell" and notes(drawn[0]).startswith("3,000 rows.")


@pytest.mark.parametrize("rows", [3, MOST_DOTS + 1])
@pytest.mark.parametrize(("gold", "answer"), [(2.0, 2.0), (0.0, 3.0), (-1e9, 1e9)], ids=["all_equal", "apart", "large"])
@pytest.mark.filterwarnings("error")
def test_one_number_for_all_rows(tmp_path, drawn, rows, gold, answer):
    plot_numbers(np.full(rows, gold), np.full(rows, answer), tmp_path / "a.png")
    axes = drawn[0].axes[0]
    assert axes.get_xlim() == axes.get_ylim()
    assert axes.get_xlim()[0] < min(gold, answer) <= max(gold, answer) < axes.get_xlim()[1]
