"""How the processes that load data behave: one core each, and signals are not theirs to answer."""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_LEFT_TO_MAIN = {getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name)}


@contextmanager
def signals_held() -> Iterator[None]:
    """Holds signals back while workers start within the `with`: a new one is not ready for them before `start_worker` has
    run. This process gets them afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _LEFT_TO_MAIN)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def start_worker(worker: int) -> None:
    """`worker_init_fn` of a DataLoader.

    - One core: threads of its own would take the cores that training and the other workers use.
    - A signal to the whole group of processes is left to the main process, which still needs its batches while it
      finishes its step. SIGTERM is obeyed when the main process itself sends it, as it does to end its workers.
    - Where the main process dies, so does the worker, at once rather than at its next look: it would keep the locks and
      connections open that it has inherited.
    """
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    torch.set_num_threads(1)
    parent = os.getppid()
    for number in _LEFT_TO_MAIN - {signal.SIGTERM}:
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):
        # Blocked in all threads, since later ones inherit it, SIGTERM waits until one asks for it.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_obey, args=(parent,), daemon=True, name="signals").start()
    if sys.platform == "linux":
        _die_with_parent(parent)


def _obey(parent: int) -> None:
    """Ends the process at a SIGTERM from `parent`, passes over any other."""
    while True:
        if signal.sigwaitinfo({signal.SIGTERM}).si_pid == parent:
            os._exit(0)


def _die_with_parent(parent: int) -> None:
    set_parent_death_signal = 1  # PR_SET_PDEATHSIG of <linux/prctl.h>
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
    if os.getppid() != parent:  # it died a moment ago
        os._exit(1)
