"""Plans: every cell with every seed and fold, once, under names that any file system takes."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiment.errors import UsageError
from experiment.options import parse, write_yaml
from finetune.grid.plan import plan
from finetune.grid.sweep import Cell, Sweep
from finetune.relation.config import RelationConfig


def sweep(*cells: dict, settings: dict | None = None, seeds: list[int] | None = None) -> Sweep:
    places = [Cell(cell, f"머리.yaml:{line}") for line, cell in enumerate(cells, 1)]
    return Sweep(Path("머리.yaml"), "", settings or {}, places, seeds or [])


HEADS = sweep({"activation": "tanh"}, {"activation": "gelu"}, settings={"epochs": 2}, seeds=[3, 4])


def test_each_cell_runs_once_before_any_runs_twice() -> None:
    children = plan(RelationConfig(sweep="머리.yaml", seeds=[0, 1], name="mine"), HEADS, [0, 1])
    assert [child.name for child in children] == [
        "activation=tanh,seed=0",
        "activation=gelu,seed=0",
        "activation=tanh,seed=1",
        "activation=gelu,seed=1",
    ]
    assert [child.title for child in children][2] == "activation=tanh · seed 1"
    # A run's own configuration says nothing of the grid that it belongs to.
    assert children[1].config == RelationConfig(activation="gelu", epochs=2, seed=0)
    assert children[2].cell == {"activation": "tanh"} and children[2].seed == 1 and children[2].fold is None


def test_seeds_on_the_command_line_win_over_the_sweeps_and_those_over_the_seed() -> None:
    assert [child.seed for child in plan(RelationConfig(seed=9), HEADS, [5])] == [5, 5]
    assert [child.seed for child in plan(RelationConfig(seed=9), HEADS)] == [3, 3, 4, 4]
    assert [child.seed for child in plan(RelationConfig(seed=9), replace(HEADS, seeds=[]))] == [9, 9]


def test_folds_and_seeds_need_no_sweep() -> None:
    children = plan(RelationConfig(folds=3, seeds=[1, 2]), None, [1, 2], 3)
    assert [(child.seed, child.fold) for child in children] == [(s, f) for s in (1, 2) for f in range(3)]
    assert children[4].name == "seed=2,fold=1" and children[4].title == "seed 2 · fold 1"
    assert children[4].config == RelationConfig(folds=3, seed=2)  # a fold is one of three
    with pytest.raises(UsageError, match="--folds needs at least 2 parts, not 1"):
        plan(RelationConfig(), None, folds=1)


def test_flags_hold_for_all_runs() -> None:
    children = plan(RelationConfig(epochs=7, learning_rate=1e-3), HEADS)
    assert {(child.config.epochs, child.config.learning_rate) for child in children} == {(7, 1e-3)}


@pytest.mark.parametrize(
    ("cell", "config", "flag"),
    [
        ({"activation": "tanh"}, RelationConfig(activation="gelu"), "--activation gelu"),
        ({"hierarchical": False}, RelationConfig(hierarchical=True), "--hierarchical "),
        ({"checkpoint": None}, RelationConfig(checkpoint=Path("a/b")), "--checkpoint a/b"),
    ],
)
def test_what_is_both_given_and_varied_is_refused(cell: dict, config: RelationConfig, flag: str) -> None:
    with pytest.raises(UsageError, match=f"머리.yaml:1: the sweep varies {next(iter(cell))}, but {flag}"):
        plan(config, sweep(cell))


def test_a_default_that_was_given_is_given(tmp_path: Path) -> None:
    def read(*argv: str) -> RelationConfig:
        return parse(RelationConfig, argv, description="")

    settings = sweep({"cls": "pooler"}, {"cls": "hidden"}, settings={"activation": "gelu", "epochs": 2})
    assert {child.config.activation for child in plan(read("--epochs", "5"), settings)} == {"gelu"}
    given = read("--epochs", "5", "--activation", "tanh", "--no_hierarchical")
    assert {child.config.activation for child in plan(given, settings)} == {"tanh"}
    for name, varied, flag in (
        ("activation", "gelu", "--activation tanh"),
        ("hierarchical", True, "--no_hierarchical"),
    ):
        with pytest.raises(UsageError, match=f"varies {name}, but {flag} sets it"):
            plan(given, sweep({name: varied}))

    # A kept configuration names every option, and yet plans the same grid once more.
    write_yaml(given, tmp_path / "config.yaml")
    again = read("--config", str(tmp_path / "config.yaml"))
    assert plan(again, settings) == plan(given, settings)
    with pytest.raises(UsageError, match="varies activation, but --activation tanh sets it"):
        plan(again, sweep({"activation": "gelu"}))


def test_a_combination_that_the_configuration_refuses_names_its_cell() -> None:
    with pytest.raises(UsageError, match=r"^머리.yaml:2: loss=focal, label_smoothing=0.1: --loss focal wants hard"):
        plan(RelationConfig(), sweep({"loss": "focal"}, {"loss": "focal", "label_smoothing": 0.1}))
    with pytest.raises(UsageError, match=r"^--seed must be at least 0, not -1"):
        plan(RelationConfig(), None, [-1])


@pytest.mark.parametrize("again", [{"activation": "gelu"}, {"activation": "gelu", "entity_layer": "split"}])
def test_cells_that_come_to_the_same_are_refused(again: dict) -> None:
    with pytest.raises(UsageError, match=r"머리.yaml:2: activation=gelu.* is the same run as the one in 머리.yaml:1"):
        plan(RelationConfig(), sweep({"activation": "gelu"}, again))


texts = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("가/|*:.,\\"), max_size=150)


@given(
    paths=st.lists(texts.map(Path), min_size=1, max_size=6, unique=True), seeds=st.sets(st.integers(0, 99), min_size=1)
)
def test_names_are_unique_and_safe_whatever_the_settings(paths: list[Path], seeds: set[int]) -> None:
    names = [c.name for c in plan(RelationConfig(), sweep(*({"checkpoint": path} for path in paths)), sorted(seeds), 2)]
    assert len({name.casefold() for name in names}) == len(paths) * len(seeds) * 2
    for name in names:
        assert re.fullmatch(r"[\w.+,=-]+", name) and name[0] not in ".-" and len(name.encode()) <= 100
        assert re.search(r",seed=\d+,fold=[01]$", name)


def test_names_can_be_read() -> None:
    cells = [{"concat": "cls,e1,e2,|e1-e2|"}, {"concat": "cls*e1,cls*e2,e1*e2", "label_smoothing": 0.05}]
    assert [child.name for child in plan(RelationConfig(), sweep(*cells))] == [
        "concat=cls+e1+e2+e1-e2,seed=0",
        "concat=clsxe1+clsxe2+e1xe2,label_smoothing=0.05,seed=0",
    ]
