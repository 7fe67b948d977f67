"""Which run a command line means: a new one, or one that is gone on with.

    --name 첫번째                       a new run of that name
    --resume auto                      the unfinished run saved last; where there is none, a new one
    --resume auto --name 첫번째         that run: begun, gone on with, or found finished
    --resume DIR                       the run in that folder

so that a job which a scheduler puts back into its queue has one command for its first start and for every later one. A
run that has been begun, but has no checkpoint yet, begins anew in its folder. torchrun's elastic restarts (`--max_restarts`)
need neither flag: they find the folder of the attempt before.
"""

import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from experiment.distributed import from_main, processes
from experiment.errors import UsageError
from experiment.run_directory import FINISHED, LAUNCH, PLAN, RunDirectory, run_name
from experiment.run_lock import RunLock, is_locked


@dataclass(frozen=True)
class Beginning:
    """How a run begins, the same in all of its processes."""

    directory: RunDirectory
    how: Literal["new", "anew", "resumed", "finished"]
    """new: an empty folder. anew: a folder with a configuration, but nothing to go on from. resumed: from `checkpoint`, or
    with the plan of a run that consists of runs."""
    checkpoint: Path | None
    """To go on from."""
    notes: tuple[str, ...]
    """Sentences for the screen."""
    lock: RunLock | None
    """In the main process, on the folder of a run that is not finished; to be held until the run's end."""

    def release(self) -> None:
        """Lets the folder go."""
        if self.lock:
            self.lock.release()


def begin(output_dir: Path, kind: str, *, name: str | None, resume: str | None) -> Beginning:
    """Finds or makes the folder of the run that a command line means, and locks it. All processes call it.

    Args:
        output_dir, kind: where runs of this kind lie.
        name: of --name.
        resume: of --resume: auto, a folder, or None.

    Raises:
        UsageError: there is no such run, its folder is in another process's hands, or the name is taken.
    """
    locks: list[RunLock] = []

    def choose() -> str:
        found = _begin(Path(output_dir), kind, name, resume)
        if found.lock:
            locks.append(found.lock)
        return json.dumps(
            {
                "directory": str(found.directory.path),
                "how": found.how,
                "checkpoint": str(found.checkpoint) if found.checkpoint else None,
                "notes": found.notes,
            }
        )

    said = json.loads(from_main(choose))
    return Beginning(
        RunDirectory(Path(said["directory"])),
        said["how"],
        Path(said["checkpoint"]) if said["checkpoint"] else None,
        tuple(said["notes"]),
        locks[0] if locks else None,
    )


def _begin(output_dir: Path, kind: str, name: str | None, resume: str | None) -> Beginning:
    """What `begin` finds, in the main process."""
    if resume not in (None, "auto"):
        if name is not None:
            raise UsageError(f"--resume {resume} says which run to go on with; leave out --name {name}.")
        return _go_on(RunDirectory.open(Path(resume)), ())
    restarted = _before_restart(output_dir / kind) if processes().attempt else None
    if restarted:
        return _go_on(restarted, (f"torchrun has started the run again; it goes on in {restarted.path}.",))
    if resume is None:
        return _new(output_dir, kind, name, ())
    if name is None:
        unfinished = find_unfinished(output_dir, kind)
        if unfinished:
            return _go_on(unfinished, ())
        return _new(
            output_dir, kind, None, (f"{output_dir / kind} has no unfinished run to go on with: a new one begins.",)
        )
    named = RunDirectory(output_dir / kind / run_name(name))
    if named.config.is_file() or (named.path / FINISHED).is_file():
        return _go_on(named, ())
    return _new(output_dir, kind, name, (f"there is no run {name} to go on with in {output_dir / kind}: it begins.",))


def _new(output_dir: Path, kind: str, name: str | None, notes: tuple[str, ...]) -> Beginning:
    directory, lock = RunDirectory.create_locked(output_dir, kind, name)
    if processes().launcher == "torchrun":
        directory.write_json(LAUNCH, _launch())
    return Beginning(directory, "new", None, notes, lock)


def _go_on(directory: RunDirectory, notes: tuple[str, ...]) -> Beginning:
    path = directory.path
    if directory.finished:
        return Beginning(
            directory, "finished", None, (f"{path} is finished; its model is in {directory.model}.",), None
        )
    if not directory.config.is_file():
        raise UsageError(f"{path} has no config.yaml to go on with; start a new run.")
    lock = RunLock(path)
    try:
        if directory.finished:  # by the process that had the lock until now
            lock.release()
            return _go_on(directory, notes)
        if processes().launcher == "torchrun":
            directory.write_json(LAUNCH, _launch())
        notes += tuple(f"{broken} is incomplete and is passed over." for broken in directory.broken_checkpoints())
        checkpoint = directory.newest_checkpoint()
        if checkpoint or (path / PLAN).is_file():
            return Beginning(directory, "resumed", checkpoint, notes, lock)
        notes += (f"{path} has a configuration, but no whole checkpoint: it begins anew.",)
        return Beginning(directory, "anew", None, notes, lock)
    except BaseException:
        lock.release()
        raise


def find_unfinished(output_dir: Path, kind: str) -> RunDirectory | None:
    """The run that `--resume auto` goes on with: of the unfinished ones that have saved something, the one that did so
    last; without any, the one begun last.

    Raises:
        UsageError: one of them is in another process's hands, and so it is not for a program to say which is meant.
    """
    folder = Path(output_dir) / kind
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        run = RunDirectory(path)
        if path.is_symlink() or run.finished or not run.config.is_file():
            continue
        if is_locked(path):
            RunLock(path).release()  # raises, with the name of who has it, unless it has ended just now
        saved = [run.newest_checkpoint() or path / PLAN, *run.runs.glob(f"*/{FINISHED}")]
        times = [file.stat().st_mtime_ns for file in saved if file.exists()]
        found.append((bool(times), max(times, default=run.config.stat().st_mtime_ns), path.name, run))
    return max(found, key=lambda entry: entry[:3])[3] if found else None


def _launch() -> dict[str, object]:
    """What all attempts of one torchrun have in common, and no other run: its process, and the id that it was given."""
    return {"run_id": os.environ.get("TORCHELASTIC_RUN_ID"), "host": socket.gethostname(), "pid": os.getppid()}


def _before_restart(folder: Path) -> RunDirectory | None:
    """The run of an earlier attempt of the torchrun that has started this process; None where it did not come so far."""
    own, found = _launch(), []
    for file in folder.glob(f"*/{LAUNCH}"):
        run = RunDirectory(file.parent)
        launch = run.read_json(LAUNCH)
        # Where machines were lost the main process may run on another one. An id of the user's own is enough then.
        if launch == own or (launch["run_id"] == own["run_id"] and own["run_id"] not in (None, "", "none")):
            found.append((file.stat().st_mtime_ns, run))
    return max(found, key=lambda entry: entry[0])[1] if found else None
