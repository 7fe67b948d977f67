"""How many threads a run computes with, and how they wait for one another.

OpenMP, which splits torch's operations over the cores, reads the environment when torch is loaded. Imports no torch, so that
`prepare_threads` can come before it.

GNU's OpenMP lets a thread that is early spin for about 3 ms after every operation, in the hope that the others come soon. Beside
other work it spins away the very time that they wait for. Threads that sleep at once are slow where they are alone, since waking takes
longer than many an operation; so they spin for some 10 µs, and sleep then. Medians of `benchmarks/busy_machine.py` on two cores of a
Xeon, in tokens a second as multiples of 3 ms' (pretraining of `tiny`, fine-tuning):

    alone                   10 µs 0.79, 0.81    asleep at once 0.51, 0.82
    beside four loops       10 µs 2.2, 3.1      asleep at once 2.6, 3.4
"""

import os
from collections.abc import Mapping

from experiment.environment import cpu_cores

SPINS = "1000"
"""Turns of a loop before a thread sleeps: some 10 µs."""

_WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
"""How a user says how threads wait; the last two are GNU's and LLVM's own."""


def prepare_threads(threads: int | None, devices: int | None) -> None:
    """Tells OpenMP that threads soon sleep while they wait, unless the user has said how, and how many there are.

    To be called before torch is imported. The number is left in `OMP_NUM_THREADS`, where the processes that Lightning
    starts find it, and without which it would choose one of its own.

    Args:
        threads, devices: `--threads` and `--devices`.
    """
    if not any(name in os.environ for name in _WAITING):
        os.environ["GOMP_SPINCOUNT"] = SPINS
    os.environ["OMP_NUM_THREADS"] = str(choose_threads(threads, devices))


def choose_threads(given: int | None, devices: int | None) -> int:
    """The threads that a process of a run computes with: as given, as in the user's `OMP_NUM_THREADS`, or the cores that this
    process may use, shared with the run's other processes on this machine.

    Args:
        given: `--threads`.
        devices: `--devices`; as many processes where no launcher says how many there are.
    """
    if given is not None:
        return given
    asked = _asked_for(os.environ)
    if asked is not None:
        return asked
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", devices or 1))
    return max(1, cpu_cores() // processes)


def _asked_for(environment: Mapping[str, str]) -> int | None:
    """The number in `OMP_NUM_THREADS`, which may be a list by depth ("4,2"); None without one."""
    number = environment.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    # torchrun writes a 1 there for want of anything better.
    if not number.isdecimal() or int(number) == 0 or (number == "1" and "TORCHELASTIC_RUN_ID" in environment):
        return None
    return int(number)
