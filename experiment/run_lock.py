"""The lock on a run's folder: two processes that write into one folder would leave neither's run.

It is the operating system's (flock), so that it ends with the process that holds it, however that ends. `.lock` is what is
locked; `lock.json` beside it says who holds it, for the sentence of whoever comes second.
"""

import json
import os
import socket
import time
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout

from experiment.errors import UsageError

LOCK, HOLDER = ".lock", "lock.json"

_SECONDS_TO_NAME = 1.0
"""That a holder takes at the most to write its name down."""


class RunLock:
    """The lock on a folder, from its making until `release`, the end of a `with`, or of the process.

    Raises UsageError when another process has it; the sentence names the run and the process.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = FileLock(folder / LOCK, thread_local=False)
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            raise UsageError(f"the run {folder} is in the hands of {_holder(folder)}; wait for its end.") from None
        except OSError as error:
            raise UsageError(f"cannot lock {folder}: {error.strerror}.") from error
        holder = {"host": socket.gethostname(), "pid": os.getpid(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
        (folder / HOLDER).write_text(json.dumps(holder) + "\n", encoding="utf-8")

    def release(self) -> None:
        """Gives the folder to whoever wants it next; it may have been removed meanwhile."""
        if self._lock.is_locked:
            (self.folder / HOLDER).unlink(missing_ok=True)
            self._lock.release()

    def __enter__(self) -> "RunLock":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()


def is_locked(folder: Path) -> bool:
    """Whether a process is at work in the folder now."""
    if not (folder / LOCK).exists():
        return False
    lock = FileLock(folder / LOCK, thread_local=False)
    try:
        lock.acquire(blocking=False)
    except (Timeout, OSError):
        return True
    lock.release()
    return False


def _holder(folder: Path) -> str:
    """Who has the lock, for a sentence."""
    start = time.monotonic()
    while time.monotonic() - start < _SECONDS_TO_NAME:
        try:
            holder = json.loads((folder / HOLDER).read_text(encoding="utf-8"))
            return f"process {holder['pid']} on {holder['host']}, at work since {holder['since']}"
        except (OSError, ValueError, KeyError):
            time.sleep(0.05)
    return "another process"
