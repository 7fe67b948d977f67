"""Which runs a grid consists of: cells × seeds × folds.

    plan(config, read_sweep("activation", RelationConfig), seeds=[0, 1], folds=None)

gives four runs: activation=tanh,seed=0 · activation=gelu,seed=0 · activation=tanh,seed=1 · activation=gelu,seed=1. Without
a sweep there is one cell, which is named by its seed and fold alone: seed=0,fold=3.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from experiment.errors import UsageError
from experiment.options import as_dict, read_options
from finetune.grid.sweep import Cell, Sweep, as_text

_NAME_BYTES = 100
_RESET = ("sweep", "seeds", "name", "resume")
"""Options of the whole grid that a single run does not have. `folds` it keeps, since a fold is one of so many."""


@dataclass(frozen=True)
class Child:
    """One run of a grid."""

    name: str
    """Of its folder and its MLflow run; unique in the grid: "concat=cls+e1+e2,seed=1,fold=2"."""
    cell: dict[str, Any]
    """The settings that the sweep varies; empty without a sweep."""
    seed: int
    fold: int | None
    """Which fold is held out, counted from 0; None without folds."""
    config: Any
    """The configuration of this run alone, checked by its own `__post_init__`."""

    @property
    def title(self) -> str:
        """For people: "concat=cls,e1,e2 · seed 1 · fold 2"."""
        parts = [str(Cell(self.cell, "")), f"seed {self.seed}", "" if self.fold is None else f"fold {self.fold}"]
        return " · ".join(part for part in parts if part)


def plan(config: Any, sweep: Sweep | None, seeds: Sequence[int] = (), folds: int | None = None) -> list[Child]:
    """The runs of a grid, in the order in which they are to run: every cell once, then every cell once more.

    Settings of the sweep give way to what was given (`config.given`); cells do not, but refuse it. `seeds` win over the
    sweep's, and those over the configuration's `seed`.

    Raises UsageError for what is given twice, for combinations of settings that the configuration refuses, and for cells
    that come to the same.
    """
    if folds is not None and folds < 2:
        raise UsageError(f"--folds needs at least 2 parts, not {folds}.")
    options = read_options(type(config))
    given = {name: getattr(config, name) for name in config.given}
    base = {name: options[name].default for name in _RESET if name in options}
    if sweep:
        base |= {name: value for name, value in sweep.settings.items() if name not in given}
    cells = sweep.cells if sweep else [Cell({}, "")]
    seeds = list(seeds) or (sweep.seeds if sweep else []) or [config.seed]
    _check(cells, given)

    children: list[Child] = []
    places: dict[str, str] = {}
    names: set[str] = set()
    for seed in seeds:
        for fold in [None] if folds is None else range(folds):
            for cell in cells:
                try:
                    own = replace(config, **base, **cell.settings, seed=seed)
                except (ValueError, UsageError) as error:
                    if not cell.place:
                        raise UsageError(str(error)) from error
                    raise UsageError(f"{cell.place}: {cell}: {error}") from error
                name = _name(cell, seed, fold, names)
                names.add(name.casefold())
                children.append(Child(name, cell.settings, seed, fold, own))
                same = f"{as_dict(own)} {fold}"
                if same in places:
                    raise UsageError(f"{cell.place}: {cell} is the same run as the one in {places[same]}.")
                places[same] = cell.place
    return children


def _check(cells: Sequence[Cell], given: Mapping[str, Any]) -> None:
    """Raises UsageError where a cell varies what the command line sets."""
    for cell in cells:
        for name in cell.settings:
            if name in given:
                value = given[name]
                flag = f"--{'' if value else 'no_'}{name}" if isinstance(value, bool) else f"--{name} {as_text(value)}"
                raise UsageError(
                    f"{cell.place}: the sweep varies {name}, but {flag} sets it for all of its runs; leave out one of "
                    "the two."
                )


def _name(cell: Cell, seed: int, fold: int | None, taken: set[str]) -> str:
    """A name that any file system takes, that no other run of the grid has in any spelling, and that can be read."""
    settings = [f"{name}={_safe(as_text(value))}" for name, value in cell.settings.items()]
    repeat = [f"seed={seed}", *([] if fold is None else [f"fold={fold}"])]
    name = ",".join(settings + repeat)
    if len(name.encode()) > _NAME_BYTES or name.casefold() in taken:
        # Cut, or equal to another but for characters that a file name cannot have: told apart by a digest.
        digest = hashlib.sha256(repr(cell.settings).encode()).hexdigest()[:8]
        end = ",".join(["", digest, *repeat])
        start = ",".join(settings).encode()[: _NAME_BYTES - len(end)].decode(errors="ignore")
        name = start.rstrip(",=") + end
    return name


def _safe(text: str) -> str:
    """Text without what some file system or shell takes for its own: "cls*e1,cls*e2" becomes "clsxe1+clsxe2"."""
    text = text.translate({ord(","): "+", ord("*"): "x", ord("|"): None})
    return re.sub(r"[^\w.+-]+", "_", text) or "_"
