"""How the processes of a run know themselves and hear of the main one's decisions."""

import itertools
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from experiment.distributed import (
    Processes,
    first_host,
    from_main,
    main_address,
    process_rank,
    processes,
    trainer_devices,
)
from experiment.errors import UsageError

REPOSITORY = Path(__file__).parents[2]

LAUNCHERS = ("RANK", "LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@pytest.fixture(autouse=True)
def _no_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name in LAUNCHERS or name.startswith(("SLURM_", "TORCHELASTIC_", "SAEBERT_")):
            monkeypatch.delenv(name)


def torchrun(rank: int, size: int = 2, local_size: int = 2) -> dict[str, str]:
    return {
        "RANK": str(rank), "LOCAL_RANK": str(rank % local_size), "WORLD_SIZE": str(size), "LOCAL_WORLD_SIZE": str(local_size),
        "TORCHELASTIC_RUN_ID": "none", "TORCHELASTIC_RESTART_COUNT": "0",
    }  # fmt: skip


def batch_script(tasks: int = 2, nodes: int = 1) -> dict[str, str]:
    """What sbatch sets for the script that it runs."""
    return {
        "SLURM_JOB_ID": "4711", "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NODEID": "0", "SLURM_NTASKS": str(tasks),
        "SLURM_NNODES": str(nodes), "SLURM_JOB_NAME": "pretrain", "SLURM_TASKS_PER_NODE": f"{tasks // nodes}(x{nodes})",
        "SLURM_NODELIST": "gpu[07-08]",
    }  # fmt: skip


def srun(rank: int, tasks: int = 2, nodes: int = 1) -> dict[str, str]:
    """What srun adds for each of its tasks."""
    local = tasks // nodes
    return batch_script(tasks, nodes) | {
        "SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank % local), "SLURM_NODEID": str(rank // local),
        "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": str(tasks), "SLURM_STEP_NUM_NODES": str(nodes),
        "SLURM_STEP_TASKS_PER_NODE": f"{local}(x{nodes})", "SLURM_STEP_NODELIST": "gpu[07-08]",
    }  # fmt: skip


def lightning(rank: int, size: int = 2) -> dict[str, str]:
    """What Lightning's launcher sets for its children, and in the process that starts them."""
    return {"LOCAL_RANK": str(rank), "NODE_RANK": "0", "WORLD_SIZE": str(size)}


CASES = [
    pytest.param({}, Processes(), id="alone"),
    pytest.param(torchrun(1), Processes(1, 1, 2, 2, 1, "torchrun"), id="torchrun"),
    pytest.param(torchrun(5, 8, 4), Processes(5, 1, 8, 4, 2, "torchrun"), id="torchrun on two machines"),
    pytest.param(torchrun(0) | srun(1, 2, 2), Processes(0, 0, 2, 2, 1, "torchrun"), id="torchrun under srun"),
    pytest.param({"RANK": "1", "WORLD_SIZE": "2"}, Processes(1, 0, 2, 1, 2, "torchrun"), id="one a machine, by hand"),
    pytest.param(srun(1), Processes(1, 1, 2, 2, 1, "srun"), id="srun"),
    pytest.param(srun(5, 8, 2), Processes(5, 1, 8, 4, 2, "srun"), id="srun on two machines"),
    pytest.param(batch_script(4), Processes(), id="a batch script"),
    pytest.param(srun(0, 1), Processes(), id="one task of srun"),
    pytest.param(lightning(1), Processes(1, 1, 2, 2, 1, "lightning"), id="lightning"),
    pytest.param(
        batch_script(4) | lightning(1), Processes(1, 1, 2, 2, 1, "lightning"), id="lightning in a batch script"
    ),
]


@pytest.mark.parametrize(("environment", "expected"), CASES)
def test_a_process_knows_itself_by_its_launchers_variables(
    environment: dict[str, str], expected: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert processes() == expected and process_rank() == expected.rank


def test_attempts_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (torchrun(0) | {"TORCHELASTIC_RESTART_COUNT": "2"}).items():
        monkeypatch.setenv(name, value)
    assert processes().attempt == 2


def test_uneven_tasks_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (srun(1, 3) | {"SLURM_STEP_NUM_NODES": "2", "SLURM_STEP_TASKS_PER_NODE": "2,1"}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match="unevenly"):
        processes()


@pytest.mark.parametrize(
    ("environment", "devices", "num_nodes", "expected"),
    [
        pytest.param({}, None, 1, (1, 1), id="alone"),
        pytest.param({}, 2, 1, (2, 1), id="as many as asked for"),
        pytest.param(torchrun(1), None, 1, (2, 1), id="torchrun"),
        pytest.param(torchrun(1), 2, 1, (2, 1), id="torchrun and the same"),
        pytest.param(torchrun(5, 8, 4), None, 2, (4, 2), id="torchrun on two machines"),
        pytest.param(srun(5, 8, 2), None, 1, (4, 2), id="srun on two machines"),
        pytest.param(batch_script(4), None, 1, (1, 1), id="a batch script"),
        pytest.param(lightning(1), 2, 1, (2, 1), id="lightning"),
        pytest.param(torchrun(1), 3, 1, "--devices 3 contradicts torchrun, which has started 2", id="other devices"),
        pytest.param(srun(1), 1, 1, "--devices 1 contradicts srun, which has started 2", id="fewer devices"),
        pytest.param(srun(1), None, 2, "--num_nodes 2 contradicts srun", id="other machines"),
        pytest.param({}, None, 2, "--num_nodes 2 needs a launcher", id="machines without a launcher"),
    ],
)
def test_the_trainer_gets_the_launchers_processes(
    environment: dict[str, str],
    devices: int | None,
    num_nodes: int,
    expected: tuple[int, int] | str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    if isinstance(expected, str):
        with pytest.raises(UsageError, match=expected):
            trainer_devices(devices, num_nodes, "cpu")
    else:
        assert trainer_devices(devices, num_nodes, "cpu") == expected


@pytest.mark.parametrize(
    ("hosts", "first"),
    [
        ("gpu[07-09,12],login", "gpu07"),
        ("gpu1", "gpu1"),
        ("a,b", "a"),
        ("n[3]", "n3"),
        ("n[3-4]-ib", "n3-ib"),
        ("a-1,b", "a-1"),
    ],
)
def test_the_first_host_of_slurms_list(hosts: str, first: str) -> None:
    assert first_host(hosts) == first


def test_the_tasks_of_srun_meet_at_an_address_that_all_derive(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in srun(5, 8, 2).items():
        monkeypatch.setenv(name, value)
    host, port = main_address()
    assert host == "gpu07" and os.environ["MASTER_ADDR"] == host and os.environ["MASTER_PORT"] == str(port)
    monkeypatch.setenv("MASTER_PORT", "12345")
    assert main_address() == ("gpu07", 12345)


def test_alone_each_agreement_is_made_anew() -> None:
    assert [from_main(lambda: "a"), from_main(lambda: "b")] == ["a", "b"]


PROGRAM = """
import sys
from experiment.distributed import from_main, process_rank
from experiment.errors import UsageError
from experiment.program import run_main

def refuse():
    raise UsageError("it is refused.")

def main():
    rank = str(process_rank())
    print(from_main(lambda: "first by " + rank), "|", from_main(lambda: "second by " + rank), flush=True)
    sys.stdin.read()
    if "alike" in sys.argv:
        from_main(refuse)
    elif "alone" in sys.argv and rank == "1":
        refuse()

sys.exit(run_main(main))
"""


def begin(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """A process that agrees twice, prints what on, and stays until its input is closed."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


@pytest.mark.parametrize("launcher", [torchrun, srun], ids=["torchrun", "srun"])
@pytest.mark.parametrize("end", ["", "alike", "alone"], ids=["well", "alike", "alone"])
def test_the_processes_of_a_launcher_agree_on_what_the_main_one_says(launcher, end: str) -> None:  # type: ignore[no-untyped-def]
    port = free_port()
    where = {"MASTER_PORT": port} | ({"MASTER_ADDR": "127.0.0.1"} if launcher is torchrun else {})
    started = [begin(end, **launcher(rank), **where) for rank in (0, 1)]
    assert [process.stdout.readline().strip() for process in started if process.stdout] == [
        "first by 0 | second by 0"
    ] * 2
    for process in started:
        assert process.stdin
        process.stdin.close()
    errors = [process.stderr.read() for process in started if process.stderr and process.wait(timeout=60) is not None]
    sentence = "error: it is refused.\n"
    assert errors == {"": ["", ""], "alike": [sentence, ""], "alone": ["", sentence]}[end]
    assert [process.returncode for process in started] == {"": [0, 0], "alike": [2, 2], "alone": [0, 2]}[end]


def test_the_children_of_the_main_process_inherit(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Lightning starts them: with LOCAL_RANK, in the environment that the main process left."""
    monkeypatch.setattr("experiment.distributed._broadcasts", itertools.count())
    monkeypatch.setenv("SAEBERT_FROM_MAIN_0", "to be replaced")
    monkeypatch.setenv("SAEBERT_FROM_MAIN_1", "to be replaced")
    assert [from_main(lambda: "a"), from_main(lambda: "b")] == ["a", "b"]
    child = begin(**lightning(1))
    assert child.communicate(timeout=60)[0].strip() == "a | b"
