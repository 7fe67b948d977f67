"""Sweeps: files that say which settings are to be compared.

    # 머리.yaml
    description: Which vectors the classifier sees, and how they are activated
    settings:                                # of every run; a flag on the command line wins over them
      epochs: 2
    grid:                                    # each combination is a cell: here four
      concat: ["cls,e1,e2", "cls*e1,cls*e2"]
      activation: [tanh, gelu]
    cells:                                   # and these, one by one
      - {concat: cls, markers: entity_mask}
    seeds: [0, 1, 2]                         # of each cell; --seeds wins

`--sweep 머리.yaml` trains fifteen models, `--sweep 머리.yaml --seeds 7` five. The names are those of the flags, the values
are checked as `--config` checks them, and every mistake is reported with its line. `--sweep activation`, without a path,
means the sweep of that name in `finetune/sweeps`.
"""

import itertools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiment.errors import UsageError
from experiment.option_file import OptionFile
from experiment.options import Option, Options, read_options

if TYPE_CHECKING:
    import yaml

SHIPPED = Path(__file__).parents[1] / "sweeps"
_KEYS = ("description", "settings", "grid", "cells", "seeds")
_OF_THE_WHOLE = {
    "task", "predict", "ensemble", "output", "sweep", "folds", "resume", "output_dir", "name", "tracking_uri",
}  # fmt: skip
"""Say what is done at all and where it is kept, so they are the command line's."""
_OF_THE_ROWS = {
    "train_file", "dev_file", "test_file", "dev_share", "split_seed", "strict", "relation_list", "negative_label",
}  # fmt: skip
"""Say which rows the runs are measured on; runs measured on different rows do not belong into one table."""


@dataclass(frozen=True)
class Cell:
    """The settings in which some runs of a grid differ from the others."""

    settings: dict[str, Any]
    place: str
    """Where it is written, for messages: "머리.yaml:6"; empty for the one cell of a grid without a sweep."""

    def __str__(self) -> str:
        return ", ".join(f"{name}={as_text(value)}" for name, value in self.settings.items())


@dataclass(frozen=True)
class Sweep:
    """What a sweep file asks for."""

    path: Path
    description: str
    settings: dict[str, Any]
    cells: list[Cell]
    """The grid's combinations first, the last name varying fastest, then the others, in the order of the file."""
    seeds: list[int]
    """Empty where the file names none."""


def as_text(value: Any) -> str:
    """A setting's value as a file or a command line would give it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return " ".join(as_text(item) for item in value)
    return "none" if value is None else str(value)


def shipped_sweeps() -> list[str]:
    """The names of the sweeps that come with the package."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def read_sweep(name_or_path: str, config_class: type[Options]) -> Sweep:
    """The sweep in a file, or the shipped one of that name; its settings are options of `config_class`.

    Raises UsageError, with file and line, for every mistake in it.
    """
    path = Path(name_or_path)
    if not path.is_file() and name_or_path in shipped_sweeps():
        path = SHIPPED / f"{name_or_path}.yaml"
    elif not path.exists():
        raise UsageError(
            f"--sweep {name_or_path}: there is no such file, and no sweep of that name comes with the package; those "
            f"that do are {', '.join(shipped_sweeps())}."
        )
    return _Reader(OptionFile.open(path, "--sweep"), read_options(config_class)).sweep()


@dataclass(frozen=True)
class _Reader:
    file: OptionFile
    options: dict[str, Option]

    def sweep(self) -> Sweep:
        file = self.file
        parts = {} if file.root is None else file.entries(file.root, _KEYS, f"a sweep has {', '.join(_KEYS)}.")
        settings = self.settings(parts["settings"][1]) if "settings" in parts else {}
        cells = self.grid(*parts["grid"]) if "grid" in parts else []
        cells += self.cells(*parts["cells"]) if "cells" in parts else []
        if not cells:
            raise UsageError(f"{file.path}: a sweep needs a grid or cells: the settings that it compares.")
        for cell in cells:
            for name in cell.settings.keys() & settings.keys():
                raise UsageError(f"{cell.place}: {name} is varied here, but it stands under settings, too.")
        return Sweep(
            path=file.path,
            description=self.description(*parts["description"]) if "description" in parts else "",
            settings=settings,
            cells=cells,
            seeds=self.seeds(*parts["seeds"]) if "seeds" in parts else [],
        )

    def description(self, where: str, node: "yaml.Node") -> str:
        if not isinstance(node.value, str):
            raise UsageError(f"{where}: description needs text.")
        return " ".join(node.value.split())

    def settings(self, node: "yaml.Node", *, varied: bool = False) -> dict[str, Any]:
        """A mapping of options; `varied` where other runs of the sweep have other values."""
        found = {}
        for name, (where, value) in self.file.entries(node, self.options).items():
            self.check(name, where, varied)
            found[name] = self.file.value(self.options[name], value)
        return found

    def grid(self, where: str, node: "yaml.Node") -> list[Cell]:
        """The combinations of the values of some options."""
        axes: dict[str, list[Any]] = {}
        for name, (place, values) in self.file.entries(node, self.options).items():
            self.check(name, place, varied=True)
            items = self.file.items(values)
            if items is None:
                raise UsageError(f"{place}: {name} needs a list of values here; a single one belongs under settings.")
            axes[name] = []
            for item in items:
                value = self.file.value(self.options[name], item)
                if value in axes[name]:
                    raise UsageError(f"{self.file.where(item)}: {name} has the value {as_text(value)} twice.")
                axes[name].append(value)
            if not axes[name]:
                raise UsageError(f"{place}: {name} has no values.")
        if not axes:
            raise UsageError(f"{where}: the grid is empty.")
        return [Cell(dict(zip(axes, values, strict=True)), where) for values in itertools.product(*axes.values())]

    def cells(self, where: str, node: "yaml.Node") -> list[Cell]:
        """Settings, one by one."""
        items = self.file.items(node)
        if items is None:
            raise UsageError(f"{where}: cells needs a list of settings, such as - {{activation: gelu}}.")
        cells = [Cell(self.settings(item, varied=True), self.file.where(item)) for item in items]
        for place in [cell.place for cell in cells if not cell.settings] or ([] if cells else [where]):
            raise UsageError(f"{place}: a cell needs at least one setting.")
        return cells

    def seeds(self, where: str, node: "yaml.Node") -> list[int]:
        seeds: list[int] = self.file.value(replace(self.options["seed"], name="seeds", container=list), node)
        if not seeds or len(set(seeds)) < len(seeds):
            raise UsageError(f"{where}: seeds needs one or more numbers, each once.")
        return seeds

    def check(self, name: str, where: str, varied: bool) -> None:
        """Refuses what has no place in a sweep."""
        if name in ("seed", "seeds"):
            raise UsageError(f"{where}: {name} stands beside settings, grid and cells, as seeds: [0, 1, 2].")
        if name in _OF_THE_WHOLE:
            raise UsageError(f"{where}: a sweep cannot set {name}; give --{name} on the command line.")
        if varied and name in _OF_THE_ROWS:
            raise UsageError(
                f"{where}: a sweep cannot vary {name}, since its runs are compared on the same rows; put it under "
                "settings, or give it on the command line."
            )
