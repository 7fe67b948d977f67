"""Grids: training runs that belong together, as child runs of one parent run.

A sweep's cells, several seeds, and the folds of a cross-validation are one mechanism. `--sweep activation --seeds 0 1` gives

    runs/finetune/re/활성화/              the parent: config.yaml, grid.json, sweep.yaml, results.*, metrics.json
      runs/activation=tanh,seed=0/       a run like any other: config.yaml, metrics.json, model/, finished, …
      runs/activation=gelu,seed=0/
      runs/activation=tanh,seed=1/
      runs/activation=gelu,seed=1/

run in this order, each cell once before any cell twice: a grid that is stopped half-way has compared all of its cells.
Whoever goes on with the parent (`--resume`) skips the runs that are finished and begins a half-done one anew. A run
whose loss became infinite is kept as failed, in the tables, too; to try it again, remove its folder and resume.

With several processes all of them call `run_grid`, and the main one writes.
"""

import gc
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiment.console import Console, duration
from experiment.distributed import process_rank
from experiment.errors import InterruptedRun, UsageError
from experiment.options import write_yaml
from experiment.run_directory import PLAN, RunDirectory
from experiment.signals import number_of
from experiment.tracking import Tracking
from experiment.training import NotFiniteError
from finetune.grid.plan import Child
from finetune.grid.results import RESULT_FILES, show_results, shown, write_results
from finetune.grid.statistics import Outcome
from finetune.grid.sweep import Sweep, as_text

SWEEP = "sweep.yaml"
"""The parent's copy of the sweep file, which a resumed grid is read from."""
_OUTCOME = "outcome.json"
"""How a child ended: {"seconds": 312.4, "error": null, or the sentence that it failed with}."""

RunChild = Callable[[Child, RunDirectory], Mapping[str, float]]


def run_grid(
    children: Sequence[Child],
    directory: RunDirectory,
    run_child: RunChild,
    console: Console,
    *,
    figures: Mapping[str, str],
    resume_command: str,
    title: str,
    sweep: Sweep | None = None,
    fingerprints: Mapping[str, str] | None = None,
    sentences: tuple[type[Exception], ...] = (),
    tracking: Tracking | None = None,
) -> list[Outcome]:
    """Carry out all runs of a grid that are not finished yet, and write the parent's results after each.

    Args:
        children: The plan.
        directory: The parent's, new or to go on with. Who calls marks it as finished.
        run_child: Trains one and returns its metrics. Its folder is there, and holds its `config.yaml`; `metrics.json`
            and the mark `finished` are written when it returns.
        figures: Metrics of the tables, by name, with their titles; the first one is what the cells are ordered by. All
            are fractions of which more is better.
        resume_command: What a user types to go on with this grid.
        title: Of the tables and the plot.
        sweep: Where the cells come from; a copy of the file is kept.
        fingerprints: Of the data, and of whatever else has to be the same when the grid is resumed, by what people call
            it.
        sentences: Exceptions, beside `UsageError`, that are a user's mistake.
        tracking: The parent's entry in MLflow.

    Raises:
        UsageError: a run ended with a user's mistake; the sentence begins with the name of the run. Or the directory
            belongs to another plan.
        InterruptedRun: the grid was stopped by hand; the sentence says how to go on.
    """
    main = process_rank() == 0
    if main:
        _record_plan(children, directory, fingerprints or {}, sweep)
    outcomes = {child.name: known for child in children if (known := _known(child, directory))}

    def write() -> dict[str, float]:
        ordered = [outcomes[child.name] for child in children if child.name in outcomes]
        return write_results(directory, ordered, children, figures, title, sweep.description if sweep else "")

    def how_to_go_on() -> str:
        failed = sum(outcome.error is not None for outcome in outcomes.values())
        some = f", {failed} of them as failed" if failed else ""
        return f"{len(outcomes)} of {len(children)} runs are finished{some}; go on with: {resume_command}"

    try:
        for number, child in enumerate(children, 1):
            if child.name in outcomes:
                continue
            console.heading(f"run {number} of {len(children)} · {child.title}{_time_left(children, outcomes)}")
            outcome = outcomes[child.name] = _run(child, directory, run_child, sentences)
            if outcome.error is None:
                console.text(f"{shown(outcome, figures)} · took {duration(outcome.seconds)}")
            else:
                console.warning(f"{child.name} failed: {outcome.error}")
            if main:
                write()
    except (KeyboardInterrupt, InterruptedRun) as error:
        raise InterruptedRun(how_to_go_on(), number_of(error)) from error
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):  # Lightning's way of passing Ctrl-C on
            raise InterruptedRun(how_to_go_on(), number_of(error)) from error
        raise
    except Exception:
        console.note(how_to_go_on())
        raise
    if main:
        metrics = write()
        directory.write_json("metrics.json", metrics)
        if tracking:
            tracking.log_metrics(metrics)
            for name in RESULT_FILES:
                if (directory.path / name).is_file():
                    tracking.log_artifact(directory.path / name)
        show_results(console, list(outcomes.values()), children, figures)
    return [outcomes[child.name] for child in children]


def parent_tag(tracking: Tracking | None) -> dict[str, str]:
    """The tag by which MLflow shows a child run under the parent's."""
    return {"mlflow.parentRunId": tracking.run_id} if tracking else {}


def _run(child: Child, directory: RunDirectory, run_child: RunChild, sentences: tuple[type[Exception], ...]) -> Outcome:
    """One run, in a folder of its own that begins empty."""
    own = RunDirectory(directory.runs / child.name)
    main = process_rank() == 0
    mistakes: tuple[type[Exception], ...] = (UsageError, *sentences)
    if main:
        if own.path.exists():
            shutil.rmtree(own.path)  # half-done: what it has is not worth being told from what it lacks
        own.path.mkdir(parents=True)
        write_yaml(child.config, own.config)
    start = time.monotonic()
    metrics: dict[str, float] = {}
    failure = None
    try:
        metrics = dict(run_child(child, own))
    except NotFiniteError as error:
        failure = str(error)
    except mistakes as error:
        raise UsageError(f"{child.name}: {error}") from error
    gc.collect()  # a trainer and its network refer to each other, and would stay until the next one fills the memory
    outcome = Outcome(child, metrics, time.monotonic() - start, failure)
    if main:
        own.write_json(_OUTCOME, {"seconds": outcome.seconds, "error": failure})
        if failure is None:
            own.write_json("metrics.json", metrics)
            own.mark_finished(latest=False)
    return outcome


def _known(child: Child, directory: RunDirectory) -> Outcome | None:
    """How a run ended that was carried out before; None where it was not, or not to its end.

    Processes that start later than the main one find the same: no run ends before they take part in it.
    """
    own = RunDirectory(directory.runs / child.name)
    if not (own.path / _OUTCOME).is_file():
        return None
    ended = own.read_json(_OUTCOME)
    if ended["error"] is None and not own.finished:
        return None
    metrics = own.read_json("metrics.json") if own.finished else {}
    return Outcome(child, metrics, ended["seconds"], ended["error"])


def _time_left(children: Sequence[Child], outcomes: Mapping[str, Outcome]) -> str:
    """How long the grid will go on, as far as its finished runs tell."""
    seconds = [outcome.seconds for outcome in outcomes.values() if outcome.error is None]
    if not seconds:
        return ""
    return f" · about {duration(sum(seconds) / len(seconds) * (len(children) - len(outcomes)))} left"


def _record_plan(
    children: Sequence[Child], directory: RunDirectory, fingerprints: Mapping[str, str], sweep: Sweep | None
) -> None:
    """Write `grid.json`, or hold a resumed grid against it.

    Raises UsageError where the plan has changed.
    """
    runs: list[dict[str, Any]] = [
        {"name": child.name, "settings": {name: as_text(value) for name, value in child.cell.items()}}
        | {"seed": child.seed, "fold": child.fold}
        for child in children
    ]
    if not (directory.path / PLAN).exists():
        directory.runs.mkdir(exist_ok=True)
        if sweep:
            directory.write_text(SWEEP, Path(sweep.path).read_text(encoding="utf-8-sig"))
        directory.write_json(PLAN, {"fingerprints": dict(fingerprints), "runs": runs})
        return
    before: dict[str, Any] = directory.read_json(PLAN)
    changes = [
        f"{name} was {before['fingerprints'].get(name, 'not there')} and is {fingerprints.get(name, 'not there')}"
        for name in sorted(before["fingerprints"].keys() | fingerprints.keys())
        if before["fingerprints"].get(name) != fingerprints.get(name)
    ]
    if before["runs"] != runs:
        old, new = ({run["name"] for run in plan} for plan in (before["runs"], runs))
        changes += [f"{name} is no longer planned" for name in sorted(old - new)[:1]]
        changes += [f"{name} was not planned" for name in sorted(new - old)[:1]]
        changes += [] if old != new else ["its runs have other settings or another order"]
    if changes:
        raise UsageError(
            f"{directory.path} was begun with another plan: {'; '.join(changes)}. Put that back, or start a new run."
        )
