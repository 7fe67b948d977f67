"""What a command line asks for: a run, a grid of runs, or predictions."""

import shutil
from dataclasses import replace
from pathlib import Path

import torch

from bert_core.pretrained import PretrainedError
from data.errors import DataError
from experiment.console import Console
from experiment.distributed import from_main, process_rank
from experiment.errors import UsageError
from experiment.options import as_dict, changes_on_resume, parse, write_yaml
from experiment.resume import find_unfinished
from experiment.run_directory import PLAN, RunDirectory
from experiment.tracking import open_tracking, told
from experiment.training import InterruptedRun, NotFiniteError, quiet_libraries
from finetune.entity.task import ENTITIES
from finetune.grid.plan import plan
from finetune.grid.runs import SWEEP, parent_tag, run_grid
from finetune.grid.sweep import Sweep, read_sweep
from finetune.relation.task import RELATIONS
from finetune.run import carry_out
from finetune.screens import show_places
from finetune.start import find_checkpoint
from finetune.task import TaskDefinition
from finetune.tasks import TaskConfig

TASKS = {task.name: task for task in (RELATIONS, ENTITIES)}

SENTENCES = (DataError, PretrainedError, NotFiniteError, InterruptedRun)
"""How a run can end early, besides a `UsageError`: each is one sentence for the user."""

CHANGEABLE = frozenset({"accelerator", "devices", "strategy", "precision", "output_dir", "resume", "tracking_uri"})
"""What a resumed grid may be given anew."""


def fine_tune(config: TaskConfig) -> Path:
    """Does what the configuration asks for; gives the run directory, or the file with the predictions.

    Raises:
        UsageError, DataError, PretrainedError: a user's mistake, in one sentence.
        NotFiniteError, InterruptedRun: the training ended early.
    """
    quiet_libraries()
    console = Console(quiet=process_rank() != 0)
    task = TASKS[config.task]
    if config.predict:
        return task.predict(config, console)
    if config.sweep or config.seeds or config.folds or config.resume:
        directory = _grid(task, config, console)
    else:
        directory = _new_directory(task, config)
        try:
            carry_out(task, config, directory, console)
        except BaseException:
            if process_rank() == 0 and not (directory.path / "data_report.json").exists():
                shutil.rmtree(directory.path)  # it failed before it began
            raise
    if torch.distributed.is_initialized():
        torch.distributed.barrier()  # the main process writes the results; the launcher ends all when one ends early
        torch.distributed.destroy_process_group()
    return directory.path


def _new_directory(task: TaskDefinition, config: TaskConfig) -> RunDirectory:
    return RunDirectory(
        Path(from_main(lambda: str(RunDirectory.create(config.output_dir, task.kind, config.name).path)))
    )


def _grid(task: TaskDefinition, config: TaskConfig, console: Console) -> RunDirectory:
    """A sweep, several seeds, folds, or all of them: new, or gone on with."""
    directory, sweep = None, None
    if config.resume:
        directory, config, sweep = _saved_grid(task, config)
    elif config.sweep:
        sweep = read_sweep(config.sweep, type(config))
    children = plan(config, sweep, config.seeds, config.folds)
    first = children[0]
    checkpoint = find_checkpoint(first.config)
    rows = task.read_rows(first.config, first.fold)  # what is wrong with the data is said before the first run
    if directory is None:
        if "checkpoint" not in first.cell:
            config = replace(config, checkpoint=checkpoint.path)  # `latest` may move on while the grid runs
        directory = _new_directory(task, config)
        if process_rank() == 0:
            write_yaml(config, directory.config)
    title = Path(config.sweep).stem.replace("_", " ") if config.sweep else "the same settings, repeated"
    console.heading(f"SaeBERT · {task.noun} · {len(children)} runs · {title}")
    if sweep and sweep.description:
        console.note(sweep.description)
    console.table(
        [
            ("checkpoint", str(checkpoint.path)),
            ("training rows", f"{len(rows.train):,} ({len(rows.dev):,} dev)"),
            ("fingerprint", rows.fingerprint),
            ("run", str(directory.path)),
        ]
    )
    for note in rows.notes:
        console.note(note)
    tracking = open_tracking(
        config.tracking_uri,
        task.kind,
        directory,
        output_dir=config.output_dir,
        params=as_dict(config),
        tags={"runs": str(len(children)), "data_fingerprint": rows.fingerprint} | checkpoint.tags,
        warn=console.warning,
    )
    with told(tracking):
        outcomes = run_grid(
            children,
            directory,
            lambda child, own: carry_out(
                task,
                replace(child.config, checkpoint=child.config.checkpoint or checkpoint.path),
                own,
                console,
                fold=child.fold,
                parent=parent_tag(tracking),
            ),
            console,
            figures=task.grid_figures(config),
            resume_command=f"python run_finetune.py --task {task.name} --resume {directory.path}",
            title=title,
            sweep=sweep,
            fingerprints={"the data": rows.fingerprint, "the checkpoint": str(checkpoint.path)},
            sentences=(DataError, PretrainedError),
            tracking=tracking,
        )
        if process_rank() == 0:
            task.write_together(outcomes, directory, rows, tracking, console)
            directory.mark_finished()
            path = directory.path
            lying = [
                ("tables", f"{path / 'results.md'}, {path / 'results.csv'}"),
                ("picture", str(path / "results.png")),
                ("runs", str(directory.runs)),
            ]
            predict = f"python run_finetune.py --task {task.name} --predict FILE --checkpoint {path}"
            show_places(console, lying, tracking, [("predict with all", predict)])
    return directory


def _saved_grid(task: TaskDefinition, config: TaskConfig) -> tuple[RunDirectory, TaskConfig, Sweep | None]:
    """The grid to go on with.

    Raises:
        UsageError: there is none, it is finished, or it was given other options.
    """
    assert config.resume is not None
    if config.resume == "auto":
        unfinished = find_unfinished(config.output_dir, task.kind)
        if unfinished is None:
            raise UsageError(f"--resume auto: {config.output_dir / task.kind} has no unfinished run to go on with.")
        directory = unfinished
    else:
        directory = RunDirectory.open(Path(config.resume))
    if directory.finished:
        raise UsageError(f"{directory.path} is finished; its results are in {directory.path / 'results.md'}")
    if not (directory.path / PLAN).is_file():
        raise UsageError(
            f"{directory.path} is a single run, and those are not gone on with; repeat it with --config {directory.config}"
        )
    saved = parse(type(config), ["--config", str(directory.config)], description="")
    changes = changes_on_resume(saved, config, CHANGEABLE)
    copy = directory.path / SWEEP
    sweep = read_sweep(str(copy), type(config)) if copy.is_file() else None
    return directory, replace(saved, **(changes | {"output_dir": saved.output_dir, "resume": None})), sweep
