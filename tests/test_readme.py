"""What the README promises by name exists."""

import importlib
import re
from pathlib import Path

import pytest

from finetune.tasks import CONFIGS
from pretrain.config import RECIPES, PretrainConfig

ROOT = Path(__file__).parents[1]
READMES = ["README.md", "README.ko.md"]


@pytest.mark.parametrize("name", READMES)
def test_every_flag_and_file_that_is_named_exists(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    flags = {
        flag
        for flag in re.findall(r"--([a-z_]+)", text)
        if flag not in {"nproc", "nproc_per_node", "max_restarts", "ntasks", "backend", "help", "config", "dry_run"}
    }
    known = set(vars(PretrainConfig())).union(*(vars(config()) for config in CONFIGS.values()))
    known |= {f"no_{name}" for name in known}
    assert flags <= known, flags - known
    for path in re.findall(r"`((?:benchmarks|bert_core|data|pretrain|finetune|experiment)/[\w/.]+)`", text):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("name", READMES)
def test_both_commands_stand_in_each_readme(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    commands = [
        "pip install -c requirements.lock -e . && python run.py && python run_finetune.py --task re"
        " && python run_finetune.py --task ner",
        "pip install -c requirements.lock -e '.[test]' && pytest -n 2",
    ]
    assert f"```\n{commands[0]}\n{commands[1]}\n```" in text


def test_the_table_of_presets_is_the_code():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for preset, recipe in RECIPES.items():
        row = re.search(rf"^\| {preset} \|.*$", text, re.MULTILINE)
        assert row, preset
        for value in (
            f"{recipe['vocab_size']:,}",
            str(recipe["max_length"]),
            f"{recipe['batch_tokens']:,}",
            f"{recipe['learning_rate']:g}",
        ):
            assert f"| {value} |" in row[0], (preset, value)


def test_the_tables_of_speed_and_memory_are_what_was_measured(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    tables = importlib.import_module("tables")
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"<!-- table (\w+) -->", text)) == set(tables.TABLES)
    assert tables.filled(text) == text, "python benchmarks/tables.py"
