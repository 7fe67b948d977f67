"""The memory of a tree of processes, sampled while it runs.

    measured = watch_function(train, corpus)
    measured.phases["with workers"].written      1_024_915_456 bytes at the most

What counts is PSS, in which a page that n processes share counts 1/n in each, in two parts: what the processes wrote (anonymous and
shared memory), and pages of files that are mapped, which the kernel may take back at any time. Linux only.
"""

import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SECONDS = 0.2
"""Between two samples."""


@dataclass
class Peak:
    """The most that a tree of processes took, in bytes of PSS."""

    written: int = 0
    """Anonymous and shared memory."""
    mapped: int = 0
    """Pages of files."""
    seconds: float = 0.0


@dataclass
class Measured:
    """A tree of processes from its start to its end."""

    phases: dict[str, Peak] = field(default_factory=dict)
    stopped: bool = False
    """Whether it passed the limit."""

    @property
    def written(self) -> int:
        """Over all phases."""
        return max(peak.written for peak in self.phases.values())


def tree(pid: int) -> list[int]:
    """A process and its descendants."""
    found = [pid]
    for parent in found:
        try:
            for thread in os.listdir(f"/proc/{parent}/task"):
                found += map(int, Path(f"/proc/{parent}/task/{thread}/children").read_text().split())
        except OSError:
            continue  # it has just ended
    return found


def memory(processes: list[int]) -> tuple[int, int]:
    """Bytes of PSS of these processes together: written, mapped."""
    totals: Counter[str] = Counter()
    for pid in processes:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
        except OSError:
            continue
        totals.update(
            {name: int(value.split()[0]) * 1024 for name, _, value in (line.partition(":") for line in lines)}
        )
    return totals["Pss_Anon"] + totals["Pss_Shmem"], totals["Pss_File"]


def watch(
    pid: int, running: Callable[[], bool], phase: Callable[[list[int]], str], limit: float = float("inf")
) -> Measured:
    """Samples a tree of processes until it ends; one that writes more than `limit` bytes is ended."""
    measured = Measured()
    before = time.perf_counter()
    while running():
        processes = tree(pid)
        peak = measured.phases.setdefault(phase(processes), Peak())
        written, mapped = memory(processes)
        now = time.perf_counter()
        peak.written, peak.mapped = max(peak.written, written), max(peak.mapped, mapped)
        peak.seconds += now - before
        before = now
        if written > limit:
            measured.stopped = True
            for process in reversed(processes):
                os.kill(process, 9)
        time.sleep(SECONDS)
    return measured


def watch_function(function: Callable[..., None], *arguments: Any, limit: float = float("inf")) -> Measured:
    """A function in a process of its own; the phase is "alone" until it has workers."""
    process = multiprocessing.get_context("spawn").Process(target=function, args=arguments)
    process.start()
    assert process.pid is not None
    measured = watch(process.pid, process.is_alive, lambda tree: "with workers" if tree[1:] else "alone", limit)
    process.join()
    if process.exitcode and not measured.stopped:
        sys.exit(f"{function.__name__} failed")
    return measured
