"""Sweep files: what they ask for, and the sentence, with file and line, that each mistake in them gets."""

import shutil
from pathlib import Path
from typing import get_args

import pytest

from experiment.errors import UsageError
from finetune.entity.config import EntityConfig
from finetune.grid.plan import plan
from finetune.grid.sweep import SHIPPED, as_text, read_sweep, shipped_sweeps
from finetune.relation.config import Concat, MarkerScheme, RelationConfig


@pytest.fixture
def write(tmp_path: Path):
    def to_file(text: str) -> str:
        (tmp_path / "머리.yaml").write_text(text, encoding="utf-8")
        return str(tmp_path / "머리.yaml")

    return to_file


def test_grid_and_cells_and_settings_and_seeds(write) -> None:
    path = write(
        "description: >-\n  Which vectors\n  the classifier sees\n"
        "settings: {epochs: 2, learning_rate: 1e-4}\n"
        'grid:\n  concat: ["cls,e1,e2", "cls*e1,cls*e2"]\n  activation: [tanh, gelu]\n'
        "cells:\n  - {concat: cls, hierarchical: true}\n"
        "seeds: [0, 7]\n"
    )
    sweep = read_sweep(path, RelationConfig)
    assert sweep.description == "Which vectors the classifier sees"
    assert sweep.settings == {"epochs": 2, "learning_rate": 1e-4} and sweep.seeds == [0, 7]
    assert [cell.settings for cell in sweep.cells] == [
        {"concat": "cls,e1,e2", "activation": "tanh"},
        {"concat": "cls,e1,e2", "activation": "gelu"},
        {"concat": "cls*e1,cls*e2", "activation": "tanh"},
        {"concat": "cls*e1,cls*e2", "activation": "gelu"},
        {"concat": "cls", "hierarchical": True},
    ]
    assert [cell.place for cell in sweep.cells] == [f"{path}:5"] * 4 + [f"{path}:9"]
    assert str(sweep.cells[4]) == "concat=cls, hierarchical=true"


def test_paths_and_their_absence_are_values(write) -> None:
    cells = read_sweep(write("grid:\n  checkpoint: [runs/a, none]\n"), RelationConfig).cells
    assert [cell.settings["checkpoint"] for cell in cells] == [Path("runs/a"), None]
    assert [str(cell) for cell in cells] == ["checkpoint=runs/a", "checkpoint=none"]
    assert [as_text(value) for value in (False, 0.05, [1, 2], None)] == ["false", "0.05", "1 2", "none"]


@pytest.mark.parametrize(
    ("text", "line", "parts"),
    [
        ("gird: {activation: [tanh]}\n", 1, ["'gird'", "did you mean grid?"]),
        ("grid:\n  activation: [tanh]\nx: 1\n", 3, ["'x'", "a sweep has description, settings, grid, cells, seeds"]),
        ("grid:\n  activaton: [tanh]\n", 2, ["'activaton'", "did you mean activation?"]),
        ("grid:\n  activation:\n  - tanh\n  - relu\n", 4, ["activation needs one of tanh, gelu, not 'relu'"]),
        ("grid:\n  batch_size: [16, many]\n", 2, ["batch_size needs a whole number, not 'many'"]),
        ("grid:\n  batch_size: [[16]]\n", 2, ["batch_size takes one value, not a list"]),
        ("grid:\n  batch_size: []\n", 2, ["batch_size has no values"]),
        ("grid:\n  batch_size: 16\n", 2, ["batch_size needs a list", "settings"]),
        ("grid:\n  batch_size:\n  - 16\n  - 32\n  - 16\n", 5, ["batch_size has the value 16 twice"]),
        ("grid:\n  activation: [tanh]\n  activation: [gelu]\n", 3, ["'activation' is given a second time"]),
        ("\ngrid: {}\n", 2, ["the grid is empty"]),
        ("grid: tanh\n", 1, ["name: value"]),
        ("cells: []\n", 1, ["at least one setting"]),
        ("cells:\n- {activation: tanh}\n- {}\n", 3, ["at least one setting"]),
        ("cells: {activation: tanh}\n", 1, ["cells needs a list"]),
        ("cells:\n- {activation: relu}\n", 2, ["activation needs one of"]),
        ("grid:\n  seed: [0, 1]\n", 2, ["seeds: [0, 1, 2]"]),
        ("settings:\n  seeds: [0, 1]\n", 2, ["seeds: [0, 1, 2]"]),
        ("cells:\n- {activation: tanh}\nseeds: []\n", 3, ["seeds needs one or more numbers"]),
        ("cells:\n- {activation: tanh}\nseeds: [1, 1]\n", 3, ["each once"]),
        ("cells:\n- {activation: tanh}\nseeds: [1, x]\n", 3, ["seeds needs a whole number, not 'x'"]),
        ("settings:\n  output_dir: x\n", 2, ["cannot set output_dir", "--output_dir"]),
        ("grid:\n  name: [a, b]\n", 2, ["cannot set name"]),
        ("grid:\n  folds: [2, 5]\n", 2, ["cannot set folds"]),
        ("grid:\n  dev_file: [a, b]\n", 2, ["cannot vary dev_file", "same rows"]),
        ("settings: {epochs: 2}\ncells:\n- {epochs: 3}\n", 3, ["epochs", "settings, too"]),
        ("description: [a]\ncells:\n- {epochs: 3}\n", 1, ["description needs text"]),
        ("grid: [\n", 2, ["not YAML"]),
    ],
)
def test_a_mistake_names_file_and_line(write, text: str, line: int, parts: list[str]) -> None:
    path = write(text)
    with pytest.raises(UsageError) as caught:
        read_sweep(path, RelationConfig)
    message = str(caught.value)
    assert message.startswith(f"{path}:{line}: ") and "\n" not in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize("text", ["", "# nothing\n", "description: nothing\n", "seeds: [1, 2]\n"])
def test_a_sweep_that_compares_nothing(write, text: str) -> None:
    with pytest.raises(UsageError, match=r"머리.yaml: a sweep needs a grid or cells"):
        read_sweep(write(text), RelationConfig)


def test_what_may_not_vary_may_be_set_for_all(write) -> None:
    assert read_sweep(write("settings: {dev_share: 0.2}\ncells:\n- {epochs: 3}\n"), RelationConfig).settings == {
        "dev_share": 0.2
    }


def test_a_file_wins_over_a_shipped_sweep_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "activation").mkdir()  # a folder is no sweep
    assert len(read_sweep("activation", RelationConfig).cells) == 2
    shutil.copy(SHIPPED / "markers.yaml", tmp_path / "batch_size")
    assert len(read_sweep("batch_size", RelationConfig).cells) == 6
    with pytest.raises(UsageError, match=r"--sweep activatoin: there is no such file.*activation, batch_size"):
        read_sweep("activatoin", RelationConfig)
    with pytest.raises(UsageError, match=r"--sweep .*: Is a directory"):
        read_sweep(str(tmp_path), RelationConfig)


SHARED = {"batch_size": 3, "max_length": 3, "pretraining": 6}
OF_A_TASK = {
    RelationConfig: {"activation": 2, "entity_layer_and_concat": 15, "label_smoothing": 4, "markers": 6},
    EntityConfig: {"unit_and_crf": 6},
}


def test_the_shipped_sweeps_fit_the_options() -> None:
    for kind, own in OF_A_TASK.items():
        for name, runs in (SHARED | own).items():
            assert len(plan(kind(), read_sweep(name, kind))) == runs
    assert set(shipped_sweeps()) == set(SHARED).union(*OF_A_TASK.values())


def test_the_shipped_sweeps_are_complete() -> None:
    heads = [cell.settings for cell in read_sweep("entity_layer_and_concat", RelationConfig).cells]
    assert {cell["concat"] for cell in heads} == set(get_args(Concat))
    assert [cell for cell in heads if cell["concat"] == "cls"] == [{"concat": "cls"}]  # without entities, no layer
    markers = [cell.settings["markers"] for cell in read_sweep("markers", RelationConfig).cells]
    assert set(markers) == set(get_args(MarkerScheme))
