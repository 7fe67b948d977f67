"""Work on several processes comes back in order, and ends with whatever goes wrong."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiment.errors import LostProcessError
from experiment.parallel import parallel_map


def square(number: int) -> int:
    if number % 3 == 0:
        time.sleep(0.02)
    return number * number


def place(number: int) -> int:
    return os.getpid()


def fail_at_seven(number: int) -> int:
    if number == 7:
        raise ValueError("seven")
    return number


def end_at_seven(number: int) -> int:
    if number == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.parametrize("processes", [1, 2, 3])
@pytest.mark.parametrize("count", [0, 1, 50])
def test_results_come_in_the_order_of_the_tasks(processes: int, count: int):
    with parallel_map(processes) as mapped:
        assert list(mapped(square, range(count))) == [number**2 for number in range(count)]
        assert list(mapped(str, range(3))) == ["0", "1", "2"]


def test_processes_share_the_work():
    with parallel_map(2) as mapped:
        assert os.getpid() not in set(mapped(place, range(9)))
        assert set(mapped(place, range(1))) == {os.getpid()}, "a process for one task"


def test_tasks_are_taken_as_they_are_needed():
    taken = []

    def tasks():
        for number in range(1000):
            taken.append(number)
            yield number

    with parallel_map(2) as mapped:
        results = iter(mapped(square, tasks()))
        assert [next(results) for _ in range(3)] == [0, 1, 4]
        assert len(taken) < 20


def test_what_a_function_raises_is_raised_here():
    with parallel_map(2) as mapped, pytest.raises(ValueError, match="seven"):
        list(mapped(fail_at_seven, range(20)))


def test_a_killed_process_is_told():
    with parallel_map(2) as mapped, pytest.raises(LostProcessError, match="want of memory"):
        list(mapped(end_at_seven, range(20)))


PROGRAM = """
import sys, time
from experiment.parallel import parallel_map
def slow(number):
    print(number, flush=True)
    time.sleep(60)
with parallel_map(2) as mapped:
    list(mapped(slow, range(4)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a parent's death is told on Linux")
def test_processes_end_with_the_main_one(tmp_path: Path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen([sys.executable, program], env=environment, stdout=subprocess.PIPE, text=True) as main:
        assert main.stdout
        main.stdout.readline()
        main.stdout.readline()
        main.kill()
        main.stdout.read()  # to its end: nobody holds the pipe any more
