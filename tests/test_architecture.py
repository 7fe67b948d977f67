"""The arrows of the design: who may import whom."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {"bert_core", "data", "experiment", "pretrain", "finetune"}
ALLOWED = {
    "bert_core": set(),
    "data": set(),
    "experiment": set(),
    "pretrain": {"bert_core", "data", "experiment"},
    "finetune": {"bert_core", "data", "experiment"},
}


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("package", sorted(name for name in PACKAGES if (ROOT / name).is_dir()))
def test_packages_import_only_what_the_design_allows(package):
    for path in (ROOT / package).rglob("*.py"):
        ours = imported(path) & PACKAGES
        assert ours <= ALLOWED[package] | {package}, path


def test_the_network_is_written_by_hand():
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            assert "transformers" not in imported(path), path
            assert "nn.Transformer" not in path.read_text(encoding="utf-8"), path


def test_data_knows_no_torch_and_the_network_no_trainer():
    for path in (ROOT / "data").rglob("*.py"):
        assert not imported(path) & {"torch", "pytorch_lightning", "mlflow"}, path
    for path in (ROOT / "bert_core").rglob("*.py"):
        assert not imported(path) & {"pytorch_lightning", "mlflow", "tokenizers"}, path


def test_the_network_fits_one_sitting():
    assert len((ROOT / "bert_core" / "model.py").read_text(encoding="utf-8").splitlines()) <= 400
