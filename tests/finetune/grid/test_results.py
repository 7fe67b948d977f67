"""The files of a grid's results, and its plot."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from experiment.console import Console
from experiment.run_directory import RunDirectory
from finetune.grid.plan import plan
from finetune.grid.plot import plot_cells
from finetune.grid.results import RESULT_FILES, show_results, shown, write_results
from finetune.grid.statistics import Outcome
from finetune.grid.sweep import Cell, Sweep
from finetune.relation.config import RelationConfig

HEADS = Sweep(
    Path("a.yaml"),
    "Two heads.",
    {},
    [Cell({"concat": "cls,e1,e2,|e1-e2|"}, "a.yaml:1"), Cell({"concat": "cls*e1,cls*e2", "activation": "gelu"}, "a.yaml:2")],
    [],
)  # fmt: skip
CHILDREN = plan(RelationConfig(epochs=2), HEADS, [0, 1])
FIGURES = {"micro_f1": "micro F1", "accuracy": "accuracy"}


def outcomes(*values: tuple[float, float] | None) -> list[Outcome]:
    """Runs of CHILDREN, with micro F1 and accuracy; None for one that failed."""
    return [
        Outcome(child, dict(zip(FIGURES, value, strict=True)) if value else {}, 61.26, None if value else "infinite, at 3")
        for child, value in zip(CHILDREN, values, strict=False)
    ]  # fmt: skip


COMPLETE = outcomes((0.50, 0.7), (0.60, 0.6), (0.52, 0.7), (0.64, 0.6))


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    return RunDirectory.create(tmp_path, "finetune/re", "mine")


def write(directory: RunDirectory, found: list[Outcome]) -> dict[str, float]:
    return write_results(directory, found, CHILDREN, FIGURES, "Heads", "Two heads.")


def test_the_table_for_reading(directory: RunDirectory) -> None:
    write(directory, COMPLETE)
    lines = (directory.path / "results.md").read_text(encoding="utf-8").splitlines()
    assert lines[:9] == [
        "# Heads",
        "",
        "Two heads.",
        "",
        "| concat | activation | micro F1 | accuracy | n |",
        "| --- | --- | --: | --: | --: |",
        "| `cls*e1,cls*e2` | `gelu` | **62.00 ± 2.83** | 60.00 ± 0.00 | 2 |",
        # A cell that does not name a setting has the value that holds without it.
        r"| `cls,e1,e2,\|e1-e2\|` | `tanh` | 51.00 ± 1.41 | **70.00 ± 0.00** | 2 |",
        "",
    ]
    assert lines[9].startswith("In percent; mean ± sample standard deviation over the n runs")
    assert lines[11].startswith("The best two differ by 11.00 points of micro F1, which may be chance")


def test_a_grid_under_way_says_so_and_names_what_failed(directory: RunDirectory) -> None:
    write(directory, outcomes((0.5, 0.7), None))
    text = (directory.path / "results.md").read_text(encoding="utf-8")
    assert "2 of 4 runs are finished; the table will change." in text
    assert "| `cls*e1,cls*e2` | `gelu` | – | – | 0 (1 failed) |" in text
    assert f"Failed: {CHILDREN[1].name}: infinite, at 3" in text and "±" not in text


def test_the_spreadsheet_has_a_row_for_each_run(directory: RunDirectory) -> None:
    write(directory, outcomes((0.5, 0.7), None, (0.52, 0.7)))
    rows = list(csv.DictReader(io.StringIO((directory.path / "results.csv").read_text(encoding="utf-8"))))
    assert [row["run"] for row in rows] == [child.name for child in CHILDREN[:3]]
    assert [row["micro_f1"] for row in rows] == ["0.5", "", "0.52"]
    assert [row["error"] for row in rows] == ["", "infinite, at 3", ""]
    first = rows[0]
    assert first["concat"] == "cls,e1,e2,|e1-e2|" and first["activation"] == "tanh" and first["seconds"] == "61.3"
    assert (first["seed"], first["fold"], first["epochs"], first["hierarchical"]) == ("0", "", "2", "false")
    assert set(vars(RelationConfig())) <= first.keys() and None not in first


def test_programs_get_both(directory: RunDirectory) -> None:
    numbers = write(directory, COMPLETE)
    results = json.loads((directory.path / "results.json").read_text(encoding="utf-8"))
    assert results["ordered_by"] == "micro_f1"
    best = results["cells"][0]
    assert best["settings"] == {"concat": "cls*e1,cls*e2", "activation": "gelu"} and best["failed"] == 0
    assert best["metrics"]["micro_f1"] == pytest.approx(0.62) and numbers["micro_f1"] == pytest.approx(0.62)
    assert [run["metrics"]["micro_f1"] for run in results["runs"]] == [0.5, 0.6, 0.52, 0.64]
    assert results["runs"][3] | {"metrics": {}} == {
        "name": CHILDREN[3].name,
        "seed": 1,
        "fold": None,
        "metrics": {},
        "seconds": 61.26,
        "error": None,
    }
    assert {path.name for path in directory.path.iterdir()} == {*RESULT_FILES, ".lock"}


def test_the_screen_has_room_for_one_spread() -> None:
    screen = io.StringIO()
    show_results(Console(screen), COMPLETE, CHILDREN, FIGURES)
    lines = [line.split() for line in screen.getvalue().splitlines()]
    assert ["cls*e1,cls*e2", "gelu", "62.00", "±", "2.83*", "60.00", "2"] in lines
    assert ["cls,e1,e2,|e1-e2|", "tanh", "51.00", "±", "1.41", "70.00*", "2"] in lines
    assert shown(COMPLETE[0], FIGURES) == "micro F1 50.00" and shown(outcomes(None)[0], FIGURES) == "micro F1 –"


def test_repeats_of_one_cell_need_no_comparison(directory: RunDirectory) -> None:
    children = plan(RelationConfig(), None, [0], 2)
    found = [Outcome(child, {"micro_f1": value}, 1.0, None) for child, value in zip(children, (0.5, 0.6), strict=True)]
    write_results(directory, found, children, {"micro_f1": "micro F1"}, "Two folds", "")
    text = (directory.path / "results.md").read_text(encoding="utf-8")
    assert "\n| micro F1 | n |\n| --: | --: |\n| 55.00 ± 7.07 | 2 |\n" in text and "bold" not in text


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


def rows(figure: Figure) -> list[str]:
    """The names of the rows, from the top."""
    (axes,) = figure.axes
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    return [label.get_text() for label in axes.get_yticklabels()]


def means(figure: Figure) -> list[tuple[float, float]]:
    """Place and height of the large dots."""
    lines = [line for line in figure.axes[0].lines if line.get_marker() == "o" and line.get_markersize() > 6]
    return [(float(np.asarray(line.get_xdata())[0]), float(np.asarray(line.get_ydata())[0])) for line in lines]


def test_each_cell_is_a_row_with_mean_runs_and_spread(tmp_path: Path, drawn: list[Figure]) -> None:
    cells = [
        ({"markers": "entity_mask"}, [0.6, 0.64]),
        ({"markers": "none"}, [0.5]),
        ({"markers": "entity_marker"}, []),
    ]
    path = tmp_path / "results.png"
    assert plot_cells(cells, path, title="Markers", x_label="micro F1 (%)")
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    (axes,) = drawn[0].axes
    assert rows(drawn[0]) == ["entity_mask", "none", "entity_marker"]
    assert means(drawn[0]) == [(62.0, 0.0), (50.0, 1.0)]
    assert {"62.00 ± 2.83", "50.00", "failed", "markers"} <= {text.get_text() for text in axes.texts}
    spread = next(line for line in axes.lines if line.get_linestyle() == "-" and len(np.asarray(line.get_xdata())) == 2)
    np.testing.assert_allclose(np.asarray(spread.get_xdata()), [62 - 8**0.5, 62 + 8**0.5])
    assert axes.get_title(loc="left") == "Markers" and axes.get_xlabel() == "micro F1 (%)"


def test_of_two_settings_the_one_with_fewer_values_is_the_colour(tmp_path: Path, drawn: list[Figure]) -> None:
    values = {
        ("split", "cls,e1,e2"): 0.7,
        ("shared", "e1,e2"): 0.65,
        ("shared", "cls,e1,e2"): 0.6,
        ("split", "cls"): 0.5,
    }
    cells = [({"entity_layer": layer, "concat": concat}, [value]) for (layer, concat), value in values.items()]
    plot_cells(cells, tmp_path / "a.png", title="", x_label="")
    assert rows(drawn[0]) == ["cls,e1,e2", "e1,e2", "cls"]
    colours = {line.get_color() for line in drawn[0].axes[0].lines if line.get_marker() == "o"}
    assert len(colours) == 2
    heights = [y for _, y in means(drawn[0])]
    assert len(set(heights)) == 4 and [round(y) for y in heights] == [0, 0, 1, 2]


def test_settings_that_make_no_grid_are_named_in_each_row(tmp_path: Path, drawn: list[Figure]) -> None:
    cells = [({"batch_size": 16, "loss": "focal"}, [0.7]), ({"batch_size": 32, "loss": "cross_entropy"}, [0.6])]
    plot_cells(cells, tmp_path / "a.png", title="", x_label="")
    assert rows(drawn[0]) == ["16 · focal", "32 · cross_entropy"]
    assert "batch_size · loss" in {text.get_text() for text in drawn[0].axes[0].texts}


def test_numbers_keep_their_own_order(tmp_path: Path, drawn: list[Figure]) -> None:
    plot_cells([({"batch_size": size}, [0.5]) for size in (32, 128, 16)], tmp_path / "a.png", title="", x_label="")
    assert rows(drawn[0]) == ["16", "32", "128"]


def test_what_cannot_be_drawn(tmp_path: Path, drawn: list[Figure], monkeypatch: pytest.MonkeyPatch) -> None:
    assert not plot_cells([({"markers": "none"}, [])], tmp_path / "a.png", title="", x_label="")
    assert not (tmp_path / "a.png").exists()
    monkeypatch.setattr("finetune.grid.plot.fonts_for", lambda texts: (["DejaVu Sans"], "모델"))
    long = "/home/" + "a" * 80 + "/$모델$"
    plot_cells([({"checkpoint": long}, [0.5])], tmp_path / "a.png", title="모델", x_label="")
    assert drawn[0].axes[0].get_title(loc="left") == "??"
    (label,) = rows(drawn[0])
    assert label.startswith("…a") and label.endswith(r"a/\$??\$") and len(label) < 50
