"""One fine-tuning run from its configuration to its last file.

    configuration → rows → network → training → the best evaluation's model/ → predictions, report

The order is that of the screen: what is read here from top to bottom is what a user sees from top to bottom.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch

from data.rows import RowT
from experiment.console import Console
from experiment.distributed import from_main, process_rank
from experiment.environment import describe_environment
from experiment.machine import Machine, choose_machine
from experiment.options import as_dict, write_yaml
from experiment.peers import PeerMonitor
from experiment.run_directory import RunDirectory
from experiment.speed import measure_speed
from experiment.tracking import Tracking, open_tracking, told
from finetune.checkpoint import find_checkpoint
from finetune.data_module import BatchT
from finetune.model import AnswerT, InputT, TaskModel
from finetune.report import PREFIXES, show_results, show_start, write_report_of
from finetune.rows import read_rows
from finetune.settings import settle
from finetune.task import ConfigT, Outcome, PredictionsT, Run, Task
from finetune.training import train


def prepare(
    task: Task[ConfigT, RowT, InputT, BatchT, AnswerT, PredictionsT],
    config: ConfigT,
    directory: RunDirectory,
    console: Console,
    fold: int | None,
) -> Run[ConfigT, RowT, InputT, BatchT, AnswerT]:
    """Everything before the first step, so that what can fail for a user's mistake fails here.

    Raises:
        UsageError, DataError, PretrainedError: in one sentence.
    """
    checkpoint = find_checkpoint(config)
    wordpiece = checkpoint.wordpiece()
    rows = read_rows(task, config, fold)
    torch.manual_seed(config.seed)  # new weights and dropout follow from it, on every device alike
    encoder = checkpoint.encoder(config.dropout, config.random_weights)
    settings = settle(config, checkpoint.path, encoder.config, task.head_factor)
    config = replace(config, **asdict(settings))
    machine = choose_machine(config.accelerator, config.precision, settings.threads)
    if process_rank() == 0:
        write_yaml(config, directory.config)
    return Run(
        config=config,
        settings=settings,
        checkpoint=checkpoint,
        directory=directory,
        console=console,
        machine=machine,
        prepared=task.prepare(config, settings, encoder, wordpiece, rows),
        speed=measure_speed(machine, config.output_dir / "cache"),
        rows=rows,
    )


def carry_out(
    task: Task[ConfigT, RowT, InputT, BatchT, AnswerT, PredictionsT],
    config: ConfigT,
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
    run = prepare(task, config, directory, console, fold)
    environment = describe_environment()
    parameters = sum(parameter.numel() for parameter in run.model.network.parameters())
    sizes = {"parameters": parameters} | task.sizes(run) | {f"{use}_rows": len(p) for use, p in run.rows.parts.items()}
    tracking = open_tracking(
        config.tracking_uri,
        task.kind,
        directory,
        output_dir=config.output_dir,
        params=as_dict(run.config) | sizes | ({"fold": fold} if fold is not None else {}),
        tags={name: str(value) for name, value in environment.items() if value is not None}
        | run.checkpoint.tags
        | {"data_fingerprint": run.rows.fingerprint}
        | dict(parent or {}),
        warn=console.warning,
    )
    with told(tracking):
        if process_rank() == 0:
            report = run.rows.report(task.count(run.rows)) | {"input": task.input_report(run)}
            directory.write_json("data_report.json", report)
            if parent is None:
                show_start(task, run)
        figures = train(task, run, tracking, peers, checkpoint)
        metrics: dict[str, float] = {}
        if process_rank() == 0:
            outcome = evaluate(task, run, figures)
            metrics, files = _write_results(task, run, outcome)
            write_report_of(task, run, outcome, environment)
            directory.write_json("metrics.json", metrics)
            if tracking:
                _log_results(tracking, directory, metrics, files)
            shutil.rmtree(directory.checkpoints, ignore_errors=True)  # three times the model, which is saved
            if parent is None:
                directory.mark_finished()
                show_results(task, run, outcome, tracking)
    from_main(lambda: "evaluated")  # by the main process alone, while the others wait without a collective
    return metrics


def predict_rows(
    task: Task[ConfigT, RowT, InputT, BatchT, AnswerT, PredictionsT],
    model: TaskModel[RowT, InputT, AnswerT],
    machine: Machine,
    rows: Sequence[RowT],
    inputs: Sequence[InputT],
) -> PredictionsT:
    """What a model says of rows that are encoded already."""
    found = model.answer(inputs, machine)
    return task.predictions(rows, [found[row] for row in range(len(rows))], model)


def evaluate(
    task: Task[ConfigT, RowT, InputT, BatchT, AnswerT, PredictionsT],
    run: Run[ConfigT, RowT, InputT, BatchT, AnswerT],
    figures: dict[str, float],
) -> Outcome[PredictionsT]:
    """What the best evaluation's model, as it lies on the disk, answers, and how good that is."""
    best = task.model_class.load(run.directory.model, run.machine)
    predictions = {
        use: predict_rows(task, best, run.machine, rows, run.inputs[use])
        for use, rows in run.rows.parts.items()
        if use != "train"
    }
    metrics = {use: task.metrics(found, best.outputs, run.config) for use, found in predictions.items()}
    guess = task.guess(list(predictions.values())[-1], run.rows, run.config)
    return Outcome(figures, predictions, metrics, guess)


def _write_results(
    task: Task[ConfigT, RowT, InputT, BatchT, AnswerT, PredictionsT],
    run: Run[ConfigT, RowT, InputT, BatchT, AnswerT],
    outcome: Outcome[PredictionsT],
) -> tuple[dict[str, float], list[str]]:
    """Writes the predictions and what belongs to them; gives what is in `metrics.json`, and the names of the files."""
    directory, names = run.directory, []
    for use, predictions in outcome.predictions.items():
        prefix = PREFIXES[use]
        name = f"{prefix}predictions{task.suffix}"
        task.write(directory.path / name, predictions)
        title = f"SaeBERT {task.words.noun}, {use} {task.words.rows}"
        names += [name, *task.write_pages(directory.path, prefix, title, predictions)]
        names += task.write_evaluation(directory.path, prefix, predictions, run.rows.outputs)
        directory.write_json(f"{prefix}metrics.json", outcome.metrics[use])
    metrics = {
        f"{PREFIXES[use]}{name}": value for use, found in outcome.metrics.items() for name, value in found.items()
    }
    return metrics | outcome.figures, names


def _log_results(tracking: Tracking, directory: RunDirectory, metrics: dict[str, float], files: Sequence[str]) -> None:
    tracking.log_metrics(metrics, step=int(metrics["steps"]))
    for name in ("config.yaml", "data_report.json", "metrics.json", "report.html", *files):
        tracking.log_artifact(directory.path / name)
    tracking.log_artifact(directory.plots, "plots")
