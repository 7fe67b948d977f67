"""How the processes of a run know themselves and hear of the main one's decisions."""

import itertools
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from experiment.distributed import from_main, process_rank
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


def test_rank_is_read_as_lightning_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert process_rank() == 0
    monkeypatch.setenv("SLURM_PROCID", "3")
    assert process_rank() == 3
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert process_rank() == 1
    monkeypatch.setenv("RANK", "5")
    assert process_rank() == 5


def test_alone_each_agreement_is_made_anew() -> None:
    assert [from_main(lambda: "a"), from_main(lambda: "b")] == ["a", "b"]


def test_a_process_of_an_unknown_launcher_is_told_what_to_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_PROCID", "1")
    with pytest.raises(UsageError, match=r"process 1 .* torchrun"):
        from_main(lambda: "never")


PROGRAM = """
import os, sys
from experiment.distributed import from_main
rank = os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0"))
print(from_main(lambda: "first by " + rank), "|", from_main(lambda: "second by " + rank), flush=True)
sys.stdin.read()
"""


def begin(**environment: str) -> subprocess.Popen[str]:
    """A process that agrees twice, prints what on, and stays until its input is closed."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
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
    monkeypatch.setattr("experiment.distributed._broadcasts", itertools.count())
    monkeypatch.setenv("SAEBERT_FROM_MAIN_0", "to be replaced")
    monkeypatch.setenv("SAEBERT_FROM_MAIN_1", "to be replaced")
    assert [from_main(lambda: "a"), from_main(lambda: "b")] == ["a", "b"]
    child = begin(LOCAL_RANK="1", WORLD_SIZE="2")
    assert child.communicate(timeout=60)[0].strip() == "a | b"
