"""When a process of a run dies, the others end with a sentence; when they end one after another, nothing is said."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

PROGRAM = """
import os, signal, sys, time, torch
from datetime import timedelta
from experiment.distributed import from_main, process_rank
from experiment.errors import InterruptedRun
from experiment.peers import PeerMonitor
from experiment.program import run_main

def main():
    how, rank = sys.argv[1], process_rank()
    from_main(lambda: "")
    with PeerMonitor():
        torch.distributed.init_process_group("gloo", timeout=timedelta(minutes=30))
        torch.distributed.barrier()
        if how == "one after another":
            time.sleep(rank * 5)
        elif how == "stopped":
            time.sleep(rank * 5)
            raise InterruptedRun("stopped.", signal.SIGTERM)
        elif rank == 1 and how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        elif rank == 1 and how == "exits":
            os._exit(7)
        elif rank == 1 and how == "raises":
            raise ValueError("only here")
        elif rank == 2 and how in ("killed", "exits", "raises"):
            # Stuck where no exception comes: the main process's connection is alive.
            torch.distributed.recv(torch.zeros(1), src=0)
        elif how in ("killed", "exits", "raises"):
            torch.distributed.all_reduce(torch.zeros(1))
    if how == "one after another":
        print("well", flush=True)

sys.exit(run_main(main))
"""


def run(how: str, size: int) -> list[subprocess.Popen[str]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    where = {"PYTHONPATH": str(REPOSITORY), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(size)}
    where |= {"LOCAL_WORLD_SIZE": str(size)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, how], env={**os.environ, **where, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for rank in range(size)
    ]  # fmt: skip
    for process in processes:
        process.wait(timeout=120)
    return processes


@pytest.mark.parametrize("how", ["killed", "exits", "raises"])
def test_the_others_end_with_a_sentence(how: str) -> None:
    first, dead, third = run(how, 3)
    assert dead.returncode == {"killed": -signal.SIGKILL, "exits": 7, "raises": 1}[how]
    for process in (first, third):
        assert process.returncode == 1 and process.stderr
        errors = process.stderr.read()
        sentences = [line for line in errors.splitlines() if line.startswith("error: ")]
        assert len(sentences) == 1 and "process 1 of 3 on " in sentences[0] and "--resume auto" in sentences[0]
        assert "Traceback" not in errors
    if how == "raises":
        assert dead.stderr and "ValueError: only here" in dead.stderr.read()


@pytest.mark.parametrize(("how", "status"), [("one after another", 0), ("stopped", 143)])
def test_processes_that_end_in_their_own_time_are_no_loss(how: str, status: int) -> None:
    processes = run(how, 2)
    assert [process.returncode for process in processes] == [status] * 2
    errors = "".join(process.stderr.read() for process in processes if process.stderr)
    assert "process" not in errors and errors.count("stopped.") == (how == "stopped")
