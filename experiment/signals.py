"""The signals that end a program: SIGINT (Ctrl-C), SIGTERM (`timeout`, systemd, torchrun, schedulers) and Slurm's SIGUSR1.

Each has one of two effects. Where nothing is lost by it, it interrupts the program as Ctrl-C does, by an exception. While
a network trains it is only noted, so that the training can finish its step, save everything, and end (`noted`).

One request often arrives as several signals. Whoever signals a whole group of processes reaches a launcher and its
processes, and the launcher passes the signal on; Slurm follows SIGUSR1 with SIGTERM. So another signal changes nothing,
and the same one only after a while: then somebody is not willing to wait, and the program ends at once.

Imports nothing heavy, since a program begins with it.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from experiment.errors import InterruptedRun

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name))

SECONDS_APART = 3.0
"""What comes sooner after the first signal is another copy of it."""


class SignalInterrupt(KeyboardInterrupt):
    """A signal has interrupted the program; a `KeyboardInterrupt`, so that all treat it like one."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


def number_of(error: BaseException) -> int:
    """The signal that an exception stands for: an `InterruptedRun`, a `KeyboardInterrupt`, or the `SystemExit` that
    Lightning makes of one."""
    if isinstance(error, InterruptedRun):
        return error.signal
    if isinstance(error, SystemExit) and error.__context__ is not None:
        return number_of(error.__context__)
    return error.number if isinstance(error, SignalInterrupt) else signal.SIGINT


def exit_status(number: int) -> int:
    """Of a program that a signal has ended: 130 for SIGINT, 143 for SIGTERM. SIGUSR1 is a scheduler's way of announcing
    SIGTERM, and counts as that."""
    return 128 + (signal.SIGINT if number == signal.SIGINT else signal.SIGTERM)


class _Requests:
    """What has been asked for by signals so far."""

    def __init__(self) -> None:
        self.first: int | None = None
        self.moment = 0.0
        self.noting = 0
        """How many parts of the program want to be left to their end."""

    def receive(self, number: int, frame: FrameType | None) -> None:
        if self.first is None:
            self.first, self.moment = number, time.monotonic()
            if not self.noting:
                raise SignalInterrupt(number)
        elif number == self.first and time.monotonic() - self.moment > SECONDS_APART:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)


_requests = _Requests()


@contextmanager
def handled() -> Iterator[None]:
    """Signals interrupt what stands within the `with`, by a `SignalInterrupt`; afterwards all is as it was.

    In a thread other than the main one, which Python gives no signals, nothing changes. A signal that is ignored
    (SIGINT in a script's background, say) stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Any] = {number: signal.getsignal(number) for number in SIGNALS}
    if signal.getsignal(signal.SIGTERM) != _requests.receive:
        _requests.first = None  # of an earlier program in this process
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, _requests.receive)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


@contextmanager
def noted() -> Iterator[None]:
    """Signals are noted within the `with`, for `requested` to tell, and interrupt nothing."""
    with handled():
        _requests.noting += 1
        try:
            yield
        finally:
            _requests.noting -= 1


def requested() -> int | None:
    """The signal that has asked for an end; None without any."""
    return _requests.first


def request(number: int) -> None:
    """As if the signal had come here, too: another process of the run has told of it."""
    if _requests.first is None:
        _requests.first, _requests.moment = number, time.monotonic()
