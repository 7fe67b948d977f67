"""Which run a command line means, and that no two programs work in one folder."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from experiment.errors import UsageError
from experiment.resume import Beginning, begin, find_unfinished
from experiment.run_directory import RunDirectory
from experiment.run_lock import RunLock, is_locked

REPOSITORY = Path(__file__).parents[2]


def run_of(tmp_path: Path, name: str, step: int | None = None, age: float = 0) -> RunDirectory:
    """A run that was begun `age` seconds ago, with a checkpoint of `step`."""
    run = RunDirectory.create(tmp_path, name=name)
    files = [run.write_text("config.yaml", "seed: 0")]
    if step is not None:
        run.checkpoints.mkdir()
        files.append(run.checkpoints / f"step={step}.ckpt")
        torch.save({"global_step": step}, files[-1])
    for file in files:
        os.utime(file, (time.time() - age,) * 2)
    return run


def resume(tmp_path: Path, name: str | None = None, how: str | None = "auto") -> Beginning:
    found = begin(tmp_path, "pretrain", name=name, resume=how)
    found.release()
    return found


def test_auto_goes_on_with_the_unfinished_run_saved_last(tmp_path: Path) -> None:
    old, new = run_of(tmp_path, "z", 3, age=100), run_of(tmp_path, "a", 4, age=50)
    run_of(tmp_path, "done", 9).mark_finished()
    bare = run_of(tmp_path, "bare")
    found = resume(tmp_path)
    assert (found.directory, found.how, found.checkpoint) == (new, "resumed", new.checkpoints / "step=4.ckpt")
    new.mark_finished()
    assert resume(tmp_path).directory == old
    old.mark_finished()
    found = resume(tmp_path)  # begun, but with nothing saved
    assert (found.directory, found.how, found.checkpoint) == (bare, "anew", None)
    assert "begins anew" in found.notes[-1]


def test_auto_begins_a_run_where_there_is_none(tmp_path: Path) -> None:
    found = resume(tmp_path)
    assert found.how == "new" and found.directory.path.is_dir() and "no unfinished run" in found.notes[0]


def test_one_command_with_a_name_begins_goes_on_and_finds_the_run_finished(tmp_path: Path) -> None:
    run_of(tmp_path, "other", 5)
    found = resume(tmp_path, "mine")
    assert found.how == "new" and found.directory.name == "mine" and "mine" in found.notes[0]
    found.directory.write_text("config.yaml", "")
    assert resume(tmp_path, "mine").how == "anew"
    found.directory.checkpoints.mkdir()
    torch.save({}, found.directory.checkpoints / "step=3-v1.ckpt")
    found = resume(tmp_path, "mine")
    assert found.how == "resumed" and found.checkpoint == found.directory.checkpoints / "step=3-v1.ckpt"
    found.directory.mark_finished()
    found = resume(tmp_path, "mine")
    assert found.how == "finished" and found.lock is None and str(found.directory.model) in found.notes[0]


def test_a_named_folder_is_not_combined_with_a_name(tmp_path: Path) -> None:
    run = run_of(tmp_path, "a", 1)
    with pytest.raises(UsageError, match="leave out --name b"):
        resume(tmp_path, "b", str(run.path))
    assert resume(tmp_path, None, str(run.path)).how == "resumed"


def test_a_new_run_does_not_take_a_name_that_holds_one(tmp_path: Path) -> None:
    run_of(tmp_path, "a")
    with pytest.raises(UsageError, match="--resume auto --name a"):
        resume(tmp_path, "a", None)


def test_a_run_of_runs_is_resumed_by_its_plan(tmp_path: Path) -> None:
    runs, other = run_of(tmp_path, "runs", age=100), run_of(tmp_path, "other", 3, age=50)
    os.utime(runs.write_json("grid.json", {}), (time.time() - 100,) * 2)
    assert find_unfinished(tmp_path, "pretrain") == other
    RunDirectory(runs.runs / "seed=0").mark_finished(latest=False)  # saved something since
    assert find_unfinished(tmp_path, "pretrain") == runs
    found = resume(tmp_path)
    assert (found.directory, found.how, found.checkpoint) == (runs, "resumed", None)


HOLD = """
import sys
from pathlib import Path
from experiment.errors import UsageError
from experiment.resume import begin
try:
    found = begin(Path(sys.argv[1]), "pretrain", name=sys.argv[2] or None, resume=sys.argv[3] or None)
except UsageError as error:
    print("refused:", error, flush=True)
else:
    found.directory.write_text("config.yaml", "")
    print(found.how, flush=True)
    sys.stdin.read()
"""


def holder(tmp_path: Path, name: str = "", how: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path), name, how],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


@pytest.mark.parametrize("how", ["auto", "auto by name", "folder"])
def test_a_run_that_is_at_work_is_refused_by_name_until_it_dies(tmp_path: Path, how: str) -> None:
    process = holder(tmp_path, "mine")
    assert said(process) == "new"
    path = tmp_path / "pretrain" / "mine"
    arguments = {"auto": (None, "auto"), "auto by name": ("mine", "auto"), "folder": (None, str(path))}[how]
    with pytest.raises(UsageError, match=rf"pretrain/mine .*process {process.pid} on .*, at work since"):
        resume(tmp_path, *arguments)
    assert is_locked(path)
    process.kill()
    process.communicate()
    assert not is_locked(path)
    assert resume(tmp_path, *arguments).how == "anew"


@pytest.mark.parametrize("how", ["", "auto"])
def test_of_programs_that_start_together_with_one_name_one_gets_it(tmp_path: Path, how: str) -> None:
    processes = [holder(tmp_path, "mine", how) for _ in range(3)]
    answers = sorted(said(process) for process in processes)
    for process in processes:
        process.communicate(timeout=60)
    assert answers[0] == "new" and all(answer.startswith("refused: ") for answer in answers[1:])
    assert all("mine" in answer and "process" in answer for answer in answers[1:])


def test_the_lock_ends_with_the_run_and_survives_the_folder(tmp_path: Path) -> None:
    with RunLock(tmp_path):
        assert is_locked(tmp_path)
    assert not is_locked(tmp_path)
    folder = tmp_path / "removed"
    folder.mkdir()
    with RunLock(folder):
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
