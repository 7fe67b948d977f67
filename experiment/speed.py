"""What a machine gives to a run: how fast its device multiplies, and which share of its cores' time this process gets."""

import json
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch

from experiment.distributed import process_rank
from experiment.environment import matmul_rates
from experiment.machine import Machine
from experiment.run_directory import replacing

RATES_FILE = "matmul_rates.json"

LEAST_SHARE = 0.7
"""Of the cores' time; with less, other work is at their cost."""

_MOST_SCATTER = 1.5
"""Median time of a product over the best one's; alone on a device it is below 1.2."""


@dataclass(frozen=True)
class Speed:
    """Measured before a run; nothing of it in processes that are not the main one."""

    matmul_rate: float | None = None
    """FLOP/s of a plain matrix product on one device in the run's precision; None where it could not be measured."""
    share_of_cores: float | None = None

    @property
    def description(self) -> str:
        """For the first screen, behind the machine's; empty where nothing was measured."""
        return "" if self.matmul_rate is None else f"; {self.matmul_rate / 1e9:,.0f} GFLOP/s in a plain matrix product"

    def notes(self, machine: Machine) -> list[str]:
        """What people should know of it, a sentence each."""
        if self.share_of_cores is None or self.share_of_cores >= LEAST_SHARE:
            return []
        return [
            f"Other work leaves this run about {self.share_of_cores * machine.threads:.1f} of "
            f"{machine.threads} {'core' if machine.threads == 1 else 'cores'}; it takes longer than it would alone."
        ]


def measure_speed(machine: Machine, cache_dir: Path) -> Speed:
    """Both, in the main process; the others wait for it soon enough."""
    if process_rank() != 0:
        return Speed()
    share = share_of_cores(machine.threads)
    return Speed(measured_rate(machine, cache_dir, share), share)


def share_of_cores(threads: int) -> float:
    """The share of so many cores' time that this process gets when it wants all of it: 1 on a quiet machine, 0.5 where as much
    other work waits for each. Takes a fifth of a second."""
    own = torch.Generator()  # the run's numbers are not to depend on what is measured
    matrices = [torch.randn(512, 512, generator=own) for _ in range(2)]
    torch.mm(*matrices)  # the first call loads the library and starts the threads
    wall, cpu = time.perf_counter(), time.process_time()
    while time.perf_counter() - wall < 0.2:
        torch.mm(*matrices)
    return min(1.0, (time.process_time() - cpu) / ((time.perf_counter() - wall) * threads))


def measured_rate(machine: Machine, cache_dir: Path, share: float) -> float | None:
    """FLOP/s of a plain matrix product on the machine's device, the measure of MFU: measured once and kept, by device,
    precision, threads and version of torch.

    Args:
        machine: that is measured.
        cache_dir: where it is kept.
        share: of its cores' time that this process gets.

    Returns:
        None where the machine is at other work, and nothing is kept from before.
    """
    path = cache_dir / RATES_FILE
    precision = "tf32" if machine.tf32 else machine.precision
    key = f"{machine.name}, {precision}, {machine.threads} threads, torch {version('torch')}"
    kept = _read(path)
    if key in kept:
        return kept[key]
    if machine.device.type == "cpu" and share < LEAST_SHARE:
        return None
    rates = sorted(matmul_rates(machine.device, machine.dtype))
    best = rates[-1]
    if best > _MOST_SCATTER * rates[len(rates) // 2]:
        return None
    cache_dir.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(kept | {key: best}, indent=1) + "\n", encoding="utf-8")
    return best


def _read(path: Path) -> dict[str, float]:
    """The kept rates; none where the file is missing or damaged."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(kept, dict):
        return {}
    return {key: rate for key, rate in kept.items() if isinstance(rate, float) and 0 < rate < float("inf")}
