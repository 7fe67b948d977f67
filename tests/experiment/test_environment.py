"""Where a run takes place."""

import os
import subprocess
from pathlib import Path

import pytest
import torch

from experiment import environment
from experiment.environment import cpu_cores, cpu_quota, describe_environment, git_commit, matmul_rate, supports_bf16


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


def write(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content + "\n", encoding="utf-8")
    return root


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({}, None),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "max 100000"}, None),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "150000 100000"}, 1.5),
        (
            {
                "proc/self/cgroup": "0::/system.slice/job.scope",
                "sys/fs/cgroup/system.slice/cpu.max": "400000 100000",
                "sys/fs/cgroup/system.slice/job.scope/cpu.max": "800000 100000",
            },
            4,
        ),
        ({"proc/self/cgroup": "0::/docker/4f2a", "sys/fs/cgroup/cpu.max": "200000 100000"}, 2),
        (
            {
                "proc/self/cgroup": "4:memory:/a\n3:cpu,cpuacct:/slurm/job_1\n0::/",
                "sys/fs/cgroup/cpu,cpuacct/slurm/job_1/cpu.cfs_quota_us": "300000",
                "sys/fs/cgroup/cpu,cpuacct/slurm/job_1/cpu.cfs_period_us": "100000",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
            },
            3,
        ),
        (
            {
                "proc/self/cgroup": "2:cpu:/docker/4f2a",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            },
            0.5,
        ),
    ],
    ids=[
        "not Linux",
        "none",
        "a container",
        "the outer group",
        "the host's path",
        "version 1",
        "version 1, the host's path",
    ],
)
def test_the_quota_of_a_container(tmp_path: Path, files: dict[str, str], quota: float | None) -> None:
    assert cpu_quota(write(tmp_path, files)) == quota


@pytest.mark.parametrize(
    ("quota", "cores"), [(None, 8), (0.5, 1), (1.5, 2), (3.0, 3), (64.0, 8)], ids=["none", "half", "1.5", "3", "64"]
)
def test_a_process_uses_no_more_cores_than_its_quota(
    monkeypatch: pytest.MonkeyPatch, quota: float | None, cores: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    monkeypatch.setattr(environment, "cpu_quota", lambda: quota)
    assert cpu_cores() == cores
