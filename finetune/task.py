"""What a task gives to the pipeline: `finetune.relation.task.RELATIONS`, `finetune.entity.task.ENTITIES`.

A run, whatever its task, is

    rows ── prepare ── first screen ── training ── the best evaluation's model/ ── ask it ── files, report, last screen

(`finetune.run`), and a grid is many of those (`finetune.pipeline`). A `TaskDefinition` fills in the boxes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiment.console import Console
from experiment.run_directory import RunDirectory
from experiment.tracking import Tracking
from finetune.grid.statistics import Outcome as RunOutcome
from finetune.start import Rows
from finetune.training import Task


@dataclass(frozen=True)
class TaskDefinition:
    """The parts of a run that depend on its task. A run is a `Run`, an outcome whatever `ask` gives."""

    name: str
    """As --task has it; the runs lie in finetune/NAME."""
    noun: str
    """What is found: "relations"."""
    read_rows: Callable[[Any, int | None], Rows]
    """Of a configuration, and of which fold."""
    prepare: Callable[[Any, RunDirectory, Console, int | None], Any]
    """Everything before the first step, so that what can fail for a user's mistake fails there."""
    sizes: Callable[[Any], dict[str, Any]]
    """Of a run: what follows from the configuration and the data, for the tracking store."""
    input_report: Callable[[Any], dict[str, Any]]
    """Of a run: what reading did to the rows, for `data_report.json`."""
    show_start: Callable[[Any], None]
    training: Callable[[Any], Task]
    """The task of a run as the training sees it."""
    ask: Callable[[Any, dict[str, float]], Any]
    """The outcome of a run: what the best evaluation's model, as it lies on the disk, answers; with the training's figures."""
    write_results: Callable[[Any, Any, dict[str, Any]], tuple[dict[str, float], list[str]]]
    """Writes the files of a run with this outcome and environment; gives its metrics and the files' names."""
    show_results: Callable[[Any, Any, Tracking | None], None]
    predict: Callable[[Any, Console], Path]
    grid_figures: Callable[[Any], dict[str, str]]
    """The metrics of a grid's tables with their titles; the first one orders the cells."""
    write_together: Callable[[Sequence[RunOutcome], RunDirectory, Any, Tracking | None, Console], None]
    """Writes the common answers of a grid's runs, and shows how good they are."""

    @property
    def kind(self) -> str:
        """Where its runs lie."""
        return f"finetune/{self.name}"
