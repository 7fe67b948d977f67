"""Mean, spread, and what they prove: figures that were worked out by hand."""

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.grid.plan import plan
from finetune.grid.statistics import CellResult, Outcome, ahead, by_cell, summary, verdict
from finetune.grid.sweep import Cell, Sweep
from finetune.relation.config import RelationConfig

ACTIVATIONS = Sweep(Path("a.yaml"), "", {}, [Cell({"activation": "tanh"}, ""), Cell({"activation": "gelu"}, "")], [])
TANH, GELU = [0.615, 0.630, 0.619], [0.621, 0.634, 0.628]  # of the module's docstring


def outcomes(*columns: list[float | None], folds: int | None = None) -> list[Outcome]:
    """Runs of cells that differ in --batch_size; a column of micro F1 for each cell, None for a run that failed."""
    cells = [Cell({"batch_size": 2**power}, "") for power in range(len(columns))]
    repeats = len(columns[0]) // (folds or 1)
    children = plan(RelationConfig(), Sweep(Path("a.yaml"), "", {}, cells, []), range(repeats), folds)
    found = []
    for index, child in enumerate(children):
        value = columns[index % len(columns)][index // len(columns)]
        metrics = {} if value is None else {"micro_f1": value, "steps": 10.0 * (index + 1)}
        found.append(Outcome(child, metrics, 60.0, "the loss became infinite" if value is None else None))
    return found


def cells(*columns: list[float | None], folds: int | None = None) -> list[CellResult]:
    return by_cell(outcomes(*columns, folds=folds), "micro_f1")


def test_mean_and_sample_standard_deviation() -> None:
    tanh, gelu = sorted(cells(TANH, GELU), key=lambda cell: cell.settings["batch_size"])
    assert gelu.mean("micro_f1") == pytest.approx(1.883 / 3)
    # Squares of 2/3, 19/3 and 1/3 points of a thousandth, divided by 2: (400 + 361 + 1) / 9 / 2.
    assert gelu.sd("micro_f1") == pytest.approx(math.sqrt(762 / 18) / 1000)
    assert f"{100 * tanh.mean('micro_f1'):.2f} ± {100 * tanh.sd('micro_f1'):.2f}" == "62.13 ± 0.78"
    assert f"{100 * gelu.mean('micro_f1'):.2f} ± {100 * gelu.sd('micro_f1'):.2f}" == "62.77 ± 0.65"


def test_the_best_cell_comes_first_and_one_without_figures_last() -> None:
    ordered = cells([0.3, 0.4], [0.7, 0.5], [None, None], [float("nan"), 0.65])
    assert [cell.settings["batch_size"] for cell in ordered] == [8, 2, 1, 4]
    assert ordered[0].mean("micro_f1") == 0.65 and ordered[0].sd("micro_f1") is None  # NaN is no figure
    assert ordered[3].mean("micro_f1") is None and ordered[3].failed == 2


def test_three_pairs_that_differ_by_the_docstrings_figures_are_just_enough() -> None:
    gelu, tanh = cells(TANH, GELU)
    differences = [6, 4, 9]
    error = math.sqrt(sum((d - 19 / 3) ** 2 for d in differences) / 2 / 3)
    assert 19 / 3 / error == pytest.approx(4.36, abs=0.005)
    assert ahead(gelu, tanh, "micro_f1") and not ahead(tanh, gelu, "micro_f1")
    # A little more spread in the differences, and it is not.
    assert not ahead(*cells(TANH, [0.621, 0.634, 0.629]), "micro_f1")
    # A single pair shows nothing, however far apart; two that agree exactly show all that two can.
    assert not ahead(*cells([0.1], [0.9]), "micro_f1")
    assert ahead(*cells([0.1, 0.2], [0.2, 0.3]), "micro_f1")


def test_only_runs_of_the_same_seed_and_fold_are_compared() -> None:
    best, other = cells([0.50, 0.70, None], [0.51, 0.71, 0.10])
    assert best.settings == {"batch_size": 1}  # its failed run left it the better mean
    assert not ahead(best, other, "micro_f1")  # but run by run it is behind


def test_folds_count_for_less_than_seeds() -> None:
    one = [0.60, 0.62, 0.61, 0.63, 0.60]
    more = [value + gain for value, gain in zip(one, [0.010, 0.014, 0.016, 0.012, 0.024], strict=True)]
    # Differences 1.52 ± 0.54 points: t = 6.3 for seeds; for folds √(1/5) becomes √(1/5 + 1/4), and t = 4.2.
    assert ahead(*cells(one, more), "micro_f1") and ahead(*cells(one, more, folds=5), "micro_f1")
    less = [value + gain - 0.006 for value, gain in zip(one, [0.010, 0.014, 0.016, 0.012, 0.024], strict=True)]
    # 0.92 ± 0.54 points: t = 3.8, and 2.5, where 2.78 are asked for.
    assert ahead(*cells(one, less), "micro_f1") and not ahead(*cells(one, less, folds=5), "micro_f1")


@pytest.mark.parametrize(
    ("runs", "needed"),
    [(2, 12.706), (3, 4.303), (4, 3.182), (5, 2.776), (10, 2.262), (11, 2.228), (12, 2.201), (21, 2.086), (41, 2.021)],
)
def test_the_lead_that_is_needed_is_that_of_published_tables(runs: int, needed: float) -> None:
    """Of two-sided 95 % points of Student's t, for one degree of freedom fewer than pairs."""
    spread = [(number - (runs - 1) / 2) / 1000 for number in range(runs)]
    error = math.sqrt(sum(value**2 for value in spread) / (runs - 1) / runs)

    def leads(times: float) -> bool:
        return ahead(*cells([0.5] * runs, [0.5 + value + times * error for value in spread]), "micro_f1")

    assert leads(needed + 0.001) and not leads(needed - 0.001)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=12),
    st.floats(0, 1),
)
def test_no_cell_is_ahead_of_one_that_is_ahead_of_it(pairs: list[tuple[float, float]], shift: float) -> None:
    one, other = cells([a for a, _ in pairs], [b for _, b in pairs])
    assert not (ahead(one, other, "micro_f1") and ahead(other, one, "micro_f1"))
    # What is common to both, such as a hard fold, changes nothing.
    same = cells([a + shift for a, _ in pairs], [a + shift for a, _ in pairs])
    assert not ahead(*same, "micro_f1")


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ([[0.5, 0.6]], ""),
        ([[0.5], [None]], ""),
        ([[0.5], [0.6]], "Each cell was run once, so"),
        (
            [TANH, GELU],
            "The best cell is ahead of the other by more than chance (compared run by run, with the same seed",
        ),
        (
            [TANH, [0.621, 0.634, 0.629]],
            "The best two differ by 0.67 points of micro F1, which may be chance (compared",
        ),
        (
            [TANH, [0.621, 0.634, 0.629], [0.5, 0.7, 0.6]],
            "The best two differ by 0.67 points of micro F1, which may be chance, and so may be the lead over 1 more of "
            "the other 2 (",
        ),
        (
            [TANH, GELU, [0.50, 0.65, 0.55]],
            "The best cell is ahead of the next by more than chance, but not of 1 of the other 2 (",
        ),
        ([TANH, GELU, [0.50, 0.51, 0.50]], "The best cell is ahead of all others by more than chance ("),
    ],
)
def test_what_the_table_proves_is_said_in_a_sentence(columns: list[list[float | None]], sentence: str) -> None:
    said = verdict(cells(*columns), "micro_f1", "micro F1")
    assert said.startswith(sentence) and bool(said) == bool(sentence)


def test_the_sentence_names_what_is_paired() -> None:
    assert "with the same seed," in verdict(cells(TANH, GELU), "micro_f1", "")
    assert "with the same fold," in verdict(cells(TANH, GELU, folds=3), "micro_f1", "")
    assert "with the same seed and fold," in verdict(cells(TANH * 2, GELU * 2, folds=3), "micro_f1", "")


def test_the_summary_is_of_the_best_cell() -> None:
    found = outcomes([0.5, 0.7], [0.4, None])
    numbers = summary(by_cell(found, "micro_f1"), [outcome.child for outcome in found])
    assert numbers == pytest.approx(
        {
            "micro_f1": 0.6,
            "micro_f1_sd": math.sqrt(0.02),
            "steps": 20.0,
            "steps_sd": math.sqrt(200.0),
            "runs": 2,
            "grid_runs": 4,
            "grid_failed": 1,
        }
    )
    once = outcomes([0.5])
    assert "micro_f1_sd" not in summary(by_cell(once, "micro_f1"), [outcome.child for outcome in once])
