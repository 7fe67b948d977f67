"""Loader workers leave signals to the main process, and end when it wants them to or has ended."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

PROGRAM = """
import os, signal, sys, time
from torch.utils.data import DataLoader
from experiment.loader_workers import start_worker, signals_held

class Rows:
    def __len__(self):
        return 10**9
    def __getitem__(self, index):
        time.sleep(0.01)
        return os.getpid()

if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, lambda number, frame: None)
    loader = DataLoader(Rows(), batch_size=None, num_workers=2, worker_init_fn=start_worker)
    with signals_held():
        batches = iter(loader)
    print(*{int(next(batches)) for _ in range(20)}, flush=True)
    for line in sys.stdin:
        for _ in range(20):
            next(batches)
        print("still there", flush=True)
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("end", ["well", "killed"])
def test_workers_survive_signals_to_the_group_and_end_with_the_main_process(end: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], cwd=REPOSITORY, start_new_session=True, text=True, env={**os.environ, "PYTHONPATH": "."},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin and process.stdout
    workers = [int(word) for word in process.stdout.readline().split()]
    assert len(workers) == 2
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGTERM):
        os.killpg(process.pid, number)
        process.stdin.write("on\n")
        process.stdin.flush()
        assert process.stdout.readline() == "still there\n"
    assert all(alive(worker) for worker in workers)
    if end == "killed":
        process.kill()
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == (0 if end == "well" else -signal.SIGKILL) and errors == ""
    for _ in range(100):  # the system takes its time to end them, but not their own look-outs of five seconds
        if not any(alive(worker) for worker in workers):
            return
        time.sleep(0.02)
    raise AssertionError("a worker is left behind")
