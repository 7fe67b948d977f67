"""Any two settings that can meet do so in one of the checks, and few checks are enough."""

import importlib
import itertools
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def gpu_check(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("gpu_check")


@pytest.mark.parametrize(
    "without", [{}, {"size": "wide", "precision": "16"}, {"devices": "all"}], ids=["all", "CPU", "one GPU"]
)
def test_the_checks_cover_every_pair(gpu_check, without):
    factors = {name: [v for v in values if v != without.get(name)] for name, values in gpu_check.FACTORS.items()}
    checks = gpu_check.pairwise(factors, gpu_check.possible)
    assert all(check.keys() == factors.keys() and check[name] in factors[name] for check in checks for name in factors)
    assert all(check["pipeline"] == "pretrain" for check in checks if check["compile"] == "yes")
    met = {(a, b, check[a], check[b]) for check in checks for a, b in itertools.permutations(factors, 2)}
    for a, b in itertools.combinations(factors, 2):
        for one, two in itertools.product(factors[a], factors[b]):
            never = {(a, one), (b, two)} in (
                *({("pipeline", task), ("compile", "yes")} for task in ("re", "ner")),
                *({("pipeline", task), ("optimizer", "muon")} for task in ("re", "ner")),
            )
            assert ((a, b, one, two) in met) != never, (a, one, b, two)
    assert len(checks) <= 12 and checks == gpu_check.pairwise(factors, gpu_check.possible)


def test_how_far_a_resumed_run_ends_from_an_untouched_one(gpu_check, tmp_path):
    import torch
    from safetensors.torch import save_file

    start, untouched, resumed = tmp_path / "start", tmp_path / "a", tmp_path / "b"
    for folder, prefix, value in ((start, "bert.", 0.0), (untouched, "", 2.0), (resumed, "", 2.5)):
        folder.mkdir(parents=True)
        save_file({f"{prefix}pooler": torch.full((3,), value)}, folder / "model.safetensors")
    assert gpu_check.distance(start, untouched, resumed) == pytest.approx(0.25)
    assert gpu_check.distance(start, untouched, untouched) == 0.0
