"""Where a run takes place, and how its processes agree on a run directory."""

import itertools
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from experiment.environment import agree, describe_environment, git_commit, matmul_rate, process_rank, supports_bf16
from experiment.errors import UsageError

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _no_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if (
            name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "SLURM_PROCID")
            or "SAEBERT" in name
        ):
            monkeypatch.delenv(name)


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


def test_rank_is_read_as_lightning_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert process_rank() == 0
    monkeypatch.setenv("SLURM_PROCID", "3")
    assert process_rank() == 3
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert process_rank() == 1
    monkeypatch.setenv("RANK", "5")
    assert process_rank() == 5


def test_alone_each_agreement_is_made_anew() -> None:
    assert [agree(lambda: "a"), agree(lambda: "b")] == ["a", "b"]


def test_a_process_of_an_unknown_launcher_is_told_what_to_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_PROCID", "1")
    with pytest.raises(UsageError, match=r"process 1 .* torchrun"):
        agree(lambda: "never")


AGREE = """
import os, sys
from experiment.environment import agree
rank = os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0"))
print(agree(lambda: "first by " + rank), "|", agree(lambda: "second by " + rank), flush=True)
sys.stdin.read()
"""


def begin(**environment: str) -> subprocess.Popen[str]:
    """A process that agrees twice, prints what on, and stays until its input is closed."""
    return subprocess.Popen(
        [sys.executable, "-c", AGREE],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_processes_of_torchrun_agree_on_what_the_main_one_says() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    where = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    processes = [begin(RANK=str(rank), **where) for rank in (1, 0)]
    said = [process.stdout.readline().strip() for process in processes if process.stdout]
    for process in processes:
        process.communicate(timeout=60)
    assert said == ["first by 0 | second by 0"] * 2


def test_the_children_of_the_main_process_inherit(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Lightning starts them: with LOCAL_RANK, in the environment that the main process left."""
    monkeypatch.setattr("experiment.environment._agreements", itertools.count())
    monkeypatch.setenv("SAEBERT_AGREED_0", "to be replaced")
    monkeypatch.setenv("SAEBERT_AGREED_1", "to be replaced")
    assert [agree(lambda: "a"), agree(lambda: "b")] == ["a", "b"]
    child = begin(LOCAL_RANK="1", WORLD_SIZE="2")
    assert child.communicate(timeout=60)[0].strip() == "a | b"
