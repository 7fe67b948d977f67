"""The exceptions that a program shows to its user as one sentence, without a traceback (see `program.run_main`)."""

import signal


class UsageError(Exception):
    """A mistake in how the program was called.

    `str(error)` is one sentence for the user: what is wrong, where (flag, or file and line), and what to do.
    `program.run_main` prints it without a traceback.
    """


class InterruptedRun(Exception):
    """The run was stopped by a signal: by the keyboard, `timeout`, systemd, a job scheduler.

    `str(error)` is one sentence for the user: what is kept, and how to go on. `signal` is the signal's number, which
    the program's exit status tells on.
    """

    def __init__(self, sentence: str, number: int = signal.SIGINT) -> None:
        super().__init__(sentence)
        self.signal = number


class LostProcessError(Exception):
    """Another process of the run has ended before its time; `str(error)` says which."""
