"""One fine-tuning run from its configuration to its last file.

    configuration → rows → network → training → the best evaluation's model/ → answers, report

The order is that of the screen: what is read here from top to bottom is what a user sees from top to bottom.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiment.console import Console
from experiment.distributed import from_main, process_rank
from experiment.environment import describe_environment
from experiment.options import as_dict
from experiment.peers import PeerMonitor
from experiment.run_directory import RunDirectory
from experiment.tracking import open_tracking, told
from finetune.start import Run
from finetune.task import TaskDefinition
from finetune.training import train


def carry_out(
    task: TaskDefinition,
    config: Any,
    directory: RunDirectory,
    console: Console,
    peers: PeerMonitor,
    *,
    checkpoint: Path | None = None,
    fold: int | None = None,
    parent: Mapping[str, str] | None = None,
) -> dict[str, float]:
    """Carries out a run in its directory and returns its metrics.

    Args:
        task: what is to be learnt.
        config: as the user gave it.
        directory: of the run.
        console: the screen.
        peers: watches over the run's other processes.
        checkpoint: to go on from; None begins.
        fold: which of `config.folds` parts are the dev rows.
        parent: tags of the grid that this run is a part of; None for a run of its own. A part keeps its screen short and
            leaves it to the grid to mark it as finished.

    Raises:
        UsageError, DataError, PretrainedError: a user's mistake, in one sentence.
        NotFiniteError, InterruptedRun: the training ended early.
    """
    run: Run = task.prepare(config, directory, console, fold)
    environment = describe_environment()
    tracking = open_tracking(
        config.tracking_uri,
        task.kind,
        directory,
        output_dir=config.output_dir,
        params=as_dict(run.config) | task.sizes(run) | ({"fold": fold} if fold is not None else {}),
        tags={name: str(value) for name, value in environment.items() if value is not None}
        | run.checkpoint.tags
        | {"data_fingerprint": run.rows.fingerprint}
        | dict(parent or {}),
        warn=console.warning,
    )
    with told(tracking):
        if process_rank() == 0:
            directory.write_json("data_report.json", run.rows.report() | {"input": task.input_report(run)})
            if parent is None:
                task.show_start(run)
        figures = train(
            task.training(run),
            run.config,
            run.machine,
            run.speed.matmul_rate,
            directory,
            console,
            tracking,
            peers,
            checkpoint,
        )
        metrics: dict[str, float] = {}
        if process_rank() == 0:
            outcome = task.ask(run, figures)
            metrics, files = task.write_results(run, outcome, environment)
            directory.write_json("metrics.json", metrics)
            if tracking:
                tracking.log_metrics(metrics, step=int(figures["steps"]))
                for name in ("config.yaml", "data_report.json", "metrics.json", "report.html", *files):
                    tracking.log_artifact(directory.path / name)
                tracking.log_artifact(directory.plots, "plots")
            shutil.rmtree(directory.checkpoints, ignore_errors=True)  # three times the model, which is saved
            if parent is None:
                directory.mark_finished()
                task.show_results(run, outcome, tracking)
    from_main(lambda: "evaluated")  # by the main process alone, while the others wait without a collective
    return metrics
