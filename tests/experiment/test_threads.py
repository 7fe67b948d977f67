"""How many threads, and how they wait."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from experiment import threads
from experiment.threads import choose_threads, prepare_threads

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch):
    monkeypatch.setattr(threads, "cpu_cores", lambda: 8)
    monkeypatch.setattr(os, "environ", {})


def openmp():
    """What the environment says to OpenMP."""
    return {name: value for name, value in os.environ.items() if name.startswith(("OMP_", "GOMP_", "KMP_"))}


@pytest.mark.parametrize(
    ("given", "devices", "variables", "chosen"),
    [
        (None, None, {}, 8),
        (3, None, {"OMP_NUM_THREADS": "2"}, 3),
        (None, None, {"OMP_NUM_THREADS": "2"}, 2),
        (None, None, {"OMP_NUM_THREADS": "4,2"}, 4),
        (None, None, {"OMP_NUM_THREADS": "many"}, 8),
        (None, 2, {}, 4),
        (None, 16, {}, 1),
        (None, 2, {"LOCAL_WORLD_SIZE": "4"}, 2),
        (None, None, {"OMP_NUM_THREADS": "1", "LOCAL_WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "none"}, 4),
        (None, None, {"OMP_NUM_THREADS": "3", "LOCAL_WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "none"}, 3),
    ],
    ids=[
        "all cores", "the flag", "the user's variable", "a list by depth", "no number", "two processes",
        "more processes than cores", "the launcher knows", "torchrun's own 1", "the user's under torchrun",
    ],
)  # fmt: skip
def test_the_number_of_threads(given, devices, variables, chosen):
    os.environ.update(variables)
    assert choose_threads(given, devices) == chosen


def test_threads_sleep_while_they_wait_and_their_number_is_known_to_child_processes():
    prepare_threads(None, 2)
    assert openmp() == {"GOMP_SPINCOUNT": "1000", "OMP_NUM_THREADS": "4"}
    assert choose_threads(None, 2) == 4  # as a child process will find it


@pytest.mark.parametrize("name", ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"])
def test_who_has_said_how_threads_wait_is_not_overruled(name):
    os.environ[name] = "7"
    prepare_threads(2, None)
    assert openmp() == {name: "7", "OMP_NUM_THREADS": "2"}


@pytest.mark.parametrize("program", ["run.py", "run_finetune.py --task re"], ids=["run.py", "run_finetune.py"])
def test_programs_tell_openmp_before_torch_is_loaded(program):
    name, *arguments = program.split()
    watched = (
        "import os, runpy, sys\n"
        "class Watch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'torch':\n"
        "            print(os.environ.get('GOMP_SPINCOUNT'), os.environ.get('OMP_NUM_THREADS'), flush=True)\n"
        "            os._exit(0)\n"
        "sys.meta_path.insert(0, Watch())\n"
        f"sys.argv = {[name, *arguments, '--threads', '5']}\n"
        f"runpy.run_path({name!r}, run_name='__main__')\n"
    )
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", watched], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1000", "5"], done.stderr
