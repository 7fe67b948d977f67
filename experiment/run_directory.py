"""The folder of one run, and the `latest` link that points at the newest finished one.

    runs/                                output_dir
      pretrain/                          kind ("pretrain", "finetune/re", ...)
        2026-03-01_09-30-00/             name
          config.yaml  metrics.json  metrics.jsonl  data_report.json  report.html  mlflow.json  finished
          tokenizer/  checkpoints/  model/  plots/
        latest -> 2026-03-01_09-30-00

A run without the file `finished` is one that can be gone on with (see `resume`): from its newest checkpoint or, when it
has a plan (`grid.json`) of the runs that it consists of, with the next of these. They lie in its folder `runs` and are run
directories, too.

Every file is written whole or not at all: into a temporary file of the same folder, which then replaces the target in
one step. A reader, or a run killed in the middle, never sees half a file.

With several processes only the main one may call `create`, `mark_finished` and the `write_*` methods; the others
`open` the same path (`distributed.from_main` hands it to them).
"""

import json
import math
import os
import re
import secrets
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiment.errors import UsageError
from experiment.run_lock import HOLDER, RunLock

LATEST = "latest"
FINISHED = "finished"
PLAN = "grid.json"
"""Of a run that consists of runs: which ones."""
LAUNCH = "launch.json"
"""Of a run that torchrun has started: by which torchrun."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`; what was written there replaces `path` when the block ends well.

    When the block raises, `path` stays as it was and the temporary file is removed. The suffix is kept, since some
    writers choose the format by it.
    """
    temporary = path.with_name(f".{path.stem[:40]}-{secrets.token_hex(4)}{path.suffix}")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@dataclass(frozen=True)
class RunDirectory:
    """One run's folder; `path` is `<output_dir>/<kind>/<name>`."""

    path: Path

    @classmethod
    def create(cls, output_dir: Path, kind: str = "pretrain", name: str | None = None) -> "RunDirectory":
        """Make the folder of a new run.

        `name` is the local date and time when it is not given, with -2, -3 … for runs that start within one second.
        Raises UsageError when the name is taken or is none, or when the folder cannot be made.
        """
        run, lock = cls.create_locked(output_dir, kind, name)
        lock.release()
        return run

    @classmethod
    def create_locked(cls, output_dir: Path, kind: str, name: str | None) -> "tuple[RunDirectory, RunLock]":
        """The same, with the lock on it: of programs that start together with one name, exactly one gets it.

        Raises UsageError as `create`, and when another process is at work in the folder; the sentence names it.
        """
        folder = Path(output_dir) / kind
        try:
            folder.mkdir(parents=True, exist_ok=True)
            link = folder / LATEST
            if link.is_dir() and not link.is_symlink():
                raise UsageError(f"{link} is a real folder where the link to the newest run belongs; rename it.")
            if name is None:
                path = _new_folder(folder, time.strftime("%Y-%m-%d_%H-%M-%S"))
                return cls(path), RunLock(path)
            path = folder / run_name(name)
            path.mkdir(exist_ok=True)
            lock = RunLock(path)
            # A program that was killed at its start leaves these.
            beginnings = (HOLDER, LAUNCH)
            if any(not entry.name.startswith(".") and entry.name not in beginnings for entry in path.iterdir()):
                lock.release()
                raise UsageError(
                    f"{path} already holds a run; choose another name, or go on with --resume auto --name {name}."
                )
            return cls(path), lock
        except OSError as error:
            raise UsageError(f"cannot make a run directory in {folder}: {error.strerror}.") from error

    @classmethod
    def open(cls, path: Path) -> "RunDirectory":
        """An existing run; `path` may be a `latest` link. Raises UsageError when there is no run."""
        path = Path(path)
        target = _follow(path) if path.name == LATEST else path
        if target is None or not target.is_dir():
            raise UsageError(f"there is no run directory {path}.")
        run = cls(target)
        if not (run.config.exists() or run.newest_checkpoint()):
            raise UsageError(f"{path} is no run directory: it has neither config.yaml nor a checkpoint.")
        return run

    @classmethod
    def latest(cls, output_dir: Path, kind: str = "pretrain") -> "RunDirectory":
        """The newest finished run. Raises UsageError when there is none."""
        folder = Path(output_dir) / kind
        target = _follow(folder / LATEST)
        if target is None or not target.is_dir():
            raise UsageError(f"{folder} has no finished run yet.")
        return cls(target)

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def config(self) -> Path:
        return self.path / "config.yaml"

    @property
    def tokenizer(self) -> Path:
        return self.path / "tokenizer"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def model(self) -> Path:
        return self.path / "model"

    @property
    def plots(self) -> Path:
        return self.path / "plots"

    @property
    def runs(self) -> Path:
        """Where the runs lie that this one consists of."""
        return self.path / "runs"

    @property
    def history(self) -> Path:
        """Every logged metric, a JSON line a call (see `history.MetricHistory`)."""
        return self.path / "metrics.jsonl"

    @property
    def finished(self) -> bool:
        return (self.path / FINISHED).exists()

    def newest_checkpoint(self) -> Path | None:
        """The whole `.ckpt` file of the most steps, whatever its name; None without any.

        A program that is killed while it saves leaves half of one, and names that begin with a dot are unfinished.
        """
        found = [path for path in self.checkpoints.glob("[!.]*.ckpt") if is_whole(path)]
        return max(found, key=lambda path: (checkpoint_step(path), path.stat().st_mtime_ns), default=None)

    def broken_checkpoints(self) -> list[Path]:
        """The `.ckpt` files that `newest_checkpoint` passes over."""
        return sorted(path for path in self.checkpoints.glob("[!.]*.ckpt") if not is_whole(path))

    def write_text(self, name: str, text: str) -> Path:
        """Write a text file of the run, whole or not at all; gives its path."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
        return path

    def write_json(self, name: str, value: Any) -> Path:
        """Write `value` as readable JSON; NaN and infinity, which JSON lacks, become null."""
        return self.write_text(name, json.dumps(_finite(value), ensure_ascii=False, indent=2, allow_nan=False) + "\n")

    def read_json(self, name: str) -> Any:
        """The value of a JSON file of the run. Raises UsageError when it is missing or broken."""
        path = self.path / name
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise UsageError(f"cannot read {path}: {error.strerror}.") from error
        except ValueError as error:
            raise UsageError(f"{path} is not valid JSON: {error}.") from error

    def mark_finished(self, *, latest: bool = True) -> None:
        """Mark the run as finished and point `latest` at it, unless it is a part of another one.

        `latest` is a relative symbolic link, so that the whole of `output_dir` can be moved; where the file system has
        none, a text file with the run's name. It is replaced in one step, so it always points at a finished run.
        """
        self.write_text(FINISHED, time.strftime("%Y-%m-%dT%H:%M:%S%z\n"))
        if not latest:
            return
        link = self.path.parent / LATEST
        temporary = link.with_name(f".{LATEST}-{secrets.token_hex(4)}")
        try:
            try:
                temporary.symlink_to(self.name, target_is_directory=True)
            except (OSError, NotImplementedError):
                temporary.write_text(self.name + "\n", encoding="utf-8")
            os.replace(temporary, link)
        except OSError as error:
            raise UsageError(f"the run is complete in {self.path}, but {link} stays: {error.strerror}.") from error
        finally:
            temporary.unlink(missing_ok=True)


def run_name(name: str) -> str:
    """The name, if it can name a run. Raises UsageError."""
    if name != Path(name).name or name.startswith(".") or name in ("", LATEST):
        raise UsageError(f"'{name}' cannot name a run; use a plain word that is not '{LATEST}'.")
    return name


def is_whole(checkpoint: Path) -> bool:
    """Whether a checkpoint was written to its end, where the table of its contents is."""
    return checkpoint.is_file() and zipfile.is_zipfile(checkpoint)


def checkpoint_step(checkpoint: Path) -> int:
    """The optimizer steps that a whole checkpoint has behind it: by its name (step=5.ckpt, step=5-v1.ckpt,
    epoch=0-step=5.ckpt), else by what it holds (last.ckpt)."""
    named = re.search(r"step=(\d+)", checkpoint.stem)
    if named:
        return int(named[1])
    import torch

    return int(torch.load(checkpoint, map_location="cpu", mmap=True, weights_only=True)["global_step"])


def _new_folder(folder: Path, name: str) -> Path:
    """A folder of that name, or of the first of name-2, name-3 … that is free; safe against a run beside us."""
    number = 1
    while True:
        path = folder / (name if number == 1 else f"{name}-{number}")
        with suppress(FileExistsError):
            path.mkdir()
            return path
        number += 1


def _follow(link: Path) -> Path | None:
    """The run that a `latest` points at, be it a link, a text file or (in a copy made so) a folder."""
    if link.is_symlink():
        return link.parent / os.readlink(link)
    if link.is_dir():
        return link
    if link.is_file():
        return link.parent / link.read_text(encoding="utf-8").strip()
    return None


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
