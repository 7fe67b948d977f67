"""What the runs of a grid show together: mean and spread of each cell, and whether the best one is better.

Two cells, each trained with the seeds 0, 1 and 2, and their micro F1:

    activation   seed 0   seed 1   seed 2   mean ± standard deviation
    gelu         62.1     63.4     62.8     62.77 ± 0.65
    tanh         61.5     63.0     61.9     62.13 ± 0.78

The standard deviation is a sample's (divided by n − 1); a single run has none. Seen apart, the two overlap. But run by run
gelu is ahead by 0.6, 0.4 and 0.9 points, on average by 0.63 ± 0.15 (standard error), and Student's t of 4.36 is just above
the 4.30 that three such differences need for 95 %. Two seeds would have shown nothing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from finetune.grid.plan import Child

_QUANTILE = 0.975
"""Beyond this quantile of Student's t, on either side, lie 5 % together."""


@dataclass(frozen=True)
class Outcome:
    """How a run of a grid ended."""

    child: Child
    metrics: Mapping[str, float]
    seconds: float
    error: str | None
    """The sentence that it failed with."""


@dataclass(frozen=True)
class CellResult:
    """All runs of one cell, as far as they have been carried out."""

    settings: dict[str, Any]
    """The values of everything that the grid varies."""
    outcomes: list[Outcome]

    def values(self, metric: str) -> dict[tuple[int, int | None], float]:
        """The metric by seed and fold, of the runs that ended well and in which it is a number."""
        found = {(o.child.seed, o.child.fold): o.metrics.get(metric) for o in self.outcomes if o.error is None}
        return {repeat: value for repeat, value in found.items() if value is not None and math.isfinite(value)}

    def mean(self, metric: str) -> float | None:
        values = self.values(metric).values()
        return fmean(values) if values else None

    def sd(self, metric: str) -> float | None:
        """The sample standard deviation; None for fewer than two runs."""
        values = self.values(metric).values()
        return stdev(values) if len(values) > 1 else None

    @property
    def failed(self) -> int:
        return sum(outcome.error is not None for outcome in self.outcomes)


def by_cell(outcomes: Sequence[Outcome], metric: str) -> list[CellResult]:
    """The cells that have been run, by the mean of a metric, the best first; those without it last."""
    varied = list(dict.fromkeys(name for outcome in outcomes for name in outcome.child.cell))
    cells: dict[str, CellResult] = {}
    for outcome in outcomes:
        settings = {name: getattr(outcome.child.config, name) for name in varied}
        cells.setdefault(repr(settings), CellResult(settings, [])).outcomes.append(outcome)

    def order(cell: CellResult) -> float:
        mean = cell.mean(metric)
        return math.inf if mean is None else -mean

    return sorted(cells.values(), key=order)


def ahead(better: CellResult, worse: CellResult, metric: str) -> bool:
    """Whether one cell's lead over another is more than chance, at 95 %.

    The runs are compared in pairs of the same seed and fold, so that a fold that is hard for all does not count as spread:
    Student's t of the differences. The training rows of folds overlap, which makes their differences too much alike; their
    variance is corrected for it by Nadeau & Bengio (2003), with n_test/n_train = 1/(K − 1). A single pair shows nothing.

    It is one comparison of two cells that were not chosen by their results; the best of many is partly the luckiest. And
    seeds alone are about chance in the training, not about which rows there happen to be.
    """
    from scipy.stats import t

    one, other = better.values(metric), worse.values(metric)
    pairs = sorted(one.keys() & other.keys(), key=str)
    if len(pairs) < 2:
        return False
    differences = [one[pair] - other[pair] for pair in pairs]
    folds = {fold for _, fold in pairs if fold is not None}
    variance = stdev(differences) ** 2 * (1 / len(pairs) + (1 / (len(folds) - 1) if len(folds) > 1 else 0))
    return bool(fmean(differences) > t.ppf(_QUANTILE, len(pairs) - 1) * math.sqrt(variance))


def verdict(cells: Sequence[CellResult], metric: str, title: str) -> str:
    """A sentence on whether the best cell is better than the others; empty where there is nothing to compare."""
    cells = [cell for cell in cells if cell.values(metric)]
    if len(cells) < 2:
        return ""
    if max(len(cell.values(metric)) for cell in cells) == 1:
        return (
            "Each cell was run once, so how much of a difference is chance is not known; --seeds 0 1 2 runs each of them "
            "three times."
        )
    best, others = cells[0], cells[1:]
    close = [cell for cell in others if not ahead(best, cell, metric)]
    how = f"compared run by run, with the same {_repeats(cells)}, at 95 %"
    if not close:
        return f"The best cell is ahead of {'the other' if len(others) == 1 else 'all others'} by more than chance ({how})."
    if others[0] not in close:
        return (
            f"The best cell is ahead of the next by more than chance, but not of {len(close)} of the other {len(others)} "
            f"({how})."
        )
    lead = 100 * ((best.mean(metric) or 0) - (others[0].mean(metric) or 0))
    more = f", and so may be the lead over {len(close) - 1} more of the other {len(others)}" if len(close) > 1 else ""
    return f"The best two differ by {lead:.2f} points of {title}, which may be chance{more} ({how})."


def _repeats(cells: Sequence[CellResult]) -> str:
    """What the runs of a cell differ in: "seed", "fold" or both."""
    children = [outcome.child for cell in cells for outcome in cell.outcomes]
    kinds = ["seed"] * (len({c.seed for c in children}) > 1) + ["fold"] * (len({c.fold for c in children}) > 1)
    return " and ".join(kinds)


def summary(cells: Sequence[CellResult], planned: Sequence[Child]) -> dict[str, float]:
    """Numbers for the parent's metrics.json: of the best cell, each metric's mean over its runs and, as `NAME_sd`, their
    standard deviation; how many `runs` it had, and how many runs of the grid failed."""
    best = cells[0]
    found: dict[str, float] = {}
    for name in dict.fromkeys(name for outcome in best.outcomes for name in outcome.metrics):
        mean, sd = best.mean(name), best.sd(name)
        if mean is not None:
            found[name] = mean
        if sd is not None:
            found[f"{name}_sd"] = sd
    return found | {
        "runs": len(best.outcomes) - best.failed,
        "grid_runs": len(planned),
        "grid_failed": sum(cell.failed for cell in cells),
    }
