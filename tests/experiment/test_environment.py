"""Where a run takes place."""

import os
import subprocess
from pathlib import Path

import pytest
import torch

from experiment.environment import describe_environment, git_commit, matmul_rate, supports_bf16


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


def test_the_description_is_complete_and_plain() -> None:
    import json

    description = describe_environment()
    assert json.loads(json.dumps(description)) == description
    assert description["torch"].startswith(torch.__version__.split("+")[0])
    assert description["cpu"] and 0 < description["cpu_cores"] <= (os.cpu_count() or 1)
    assert description["pytorch_lightning"] and description["mlflow"] and isinstance(description["gpus"], list)


def test_the_commit_of_the_code(tmp_path: Path) -> None:
    package = tmp_path / "repository" / "package"
    package.mkdir(parents=True)
    (package / "code.py").write_text("1")
    assert git_commit(package) is None  # no checkout
    git(tmp_path / "repository", "init")
    assert git_commit(package) is None  # not part of it
    git(tmp_path / "repository", "add", ".")
    git(tmp_path / "repository", "commit", "-m", "first")
    commit = git_commit(package)
    assert commit is not None and len(commit) == 40
    (package / "notes.txt").write_text("untracked")
    assert git_commit(package) == commit
    (package / "code.py").write_text("2")
    assert git_commit(package) == f"{commit}+dirty"


def test_an_installed_copy_within_a_strangers_checkout_has_no_commit(tmp_path: Path) -> None:
    (tmp_path / "their.py").write_text("1")
    git(tmp_path, "init")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "theirs")
    installed = tmp_path / ".venv" / "experiment"
    installed.mkdir(parents=True)
    (installed / "environment.py").write_text("1")
    assert git_commit(installed) is None


def test_without_git_there_is_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert git_commit() is None


def test_the_matmul_rate_is_that_of_real_products() -> None:
    rate = matmul_rate(torch.device("cpu"), torch.float32)
    assert 1e8 < rate < 1e14
    assert isinstance(supports_bf16(torch.device("cpu")), bool)
