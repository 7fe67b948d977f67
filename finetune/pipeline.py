"""What a command line asks for: a run, a grid of runs, or predictions."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from bert_core.pretrained import PretrainedError
from data.errors import DataError
from data.rows import RowT
from experiment.console import Console
from experiment.distributed import from_main, process_rank
from experiment.errors import InterruptedRun, UsageError
from experiment.options import as_dict, changes_on_resume, parse, write_yaml
from experiment.peers import PeerMonitor
from experiment.program import command
from experiment.resume import Beginning, begin
from experiment.run_directory import PLAN, RunDirectory
from experiment.threads import choose_threads
from experiment.tracking import open_tracking, told
from experiment.training import NotFiniteError, quiet_libraries
from finetune.checkpoint import find_checkpoint
from finetune.classification.config import ClassificationConfig
from finetune.classification.regression import REGRESSION, learns_numbers, predicts_numbers
from finetune.classification.task import CLASSIFICATION
from finetune.data_module import BatchT
from finetune.ensemble import write_ensemble
from finetune.entity.config import EntityConfig
from finetune.entity.task import ENTITIES
from finetune.grid.plan import plan
from finetune.grid.runs import SWEEP, parent_tag, run_grid
from finetune.grid.sweep import read_sweep
from finetune.model import AnswerT, InputT
from finetune.predict import predict, writes_to_standard_output
from finetune.relation.config import RelationConfig
from finetune.relation.task import RELATIONS
from finetune.report import show_places
from finetune.rows import read_rows
from finetune.run import carry_out
from finetune.task import ConfigT, PredictionsT, Task
from finetune.tasks import TaskConfig

SENTENCES = (DataError, PretrainedError, NotFiniteError, InterruptedRun)
"""How a run can end early, besides a `UsageError`: each is one sentence for the user."""

CHANGEABLE = frozenset(
    {
        "accelerator", "devices", "strategy", "precision", "device_batch_size", "accumulate", "threads", "output_dir", "resume",
        "checkpoint_minutes", "log_every", "tracking_uri",
    }
)  # fmt: skip
"""What a resumed run may be given anew."""


def fine_tune(config: TaskConfig) -> Path:
    """Does what the configuration asks for; gives the run directory, or the file with the predictions.

    Raises:
        UsageError, DataError, PretrainedError: a user's mistake, in one sentence.
        NotFiniteError, InterruptedRun: the training ended early.
    """
    match config:
        case RelationConfig():
            return _fine_tune(config, RELATIONS.kind, partial(_carry_out, RELATIONS), partial(predict, RELATIONS))
        case EntityConfig():
            return _fine_tune(config, ENTITIES.kind, partial(_carry_out, ENTITIES), partial(predict, ENTITIES))
        case ClassificationConfig():
            return _fine_tune(config, CLASSIFICATION.kind, _classify, _predict_classes_or_numbers)


def _classify(config: ClassificationConfig, beginning: Beginning, console: Console, peers: PeerMonitor) -> None:
    """Classes or numbers, as the labels of the run's training file are."""
    if learns_numbers(config):
        _carry_out(REGRESSION, config, beginning, console, peers)
    else:
        _carry_out(CLASSIFICATION, config, beginning, console, peers)


def _predict_classes_or_numbers(config: ClassificationConfig, file: Path, console: Console) -> Path:
    """As the model does."""
    if predicts_numbers(config):
        return predict(REGRESSION, config, file, console)
    return predict(CLASSIFICATION, config, file, console)


def _fine_tune(
    config: ConfigT,
    kind: str,
    train: Callable[[ConfigT, Beginning, Console, PeerMonitor], None],
    answer: Callable[[ConfigT, Path, Console], Path],
) -> Path:
    """Trains, or answers; runs lie in the folder `kind`."""
    quiet_libraries()
    screen = sys.stderr if writes_to_standard_output(config) else sys.stdout
    console = Console(screen, quiet=process_rank() != 0)
    if config.predict:
        return answer(config, config.predict, console)
    beginning = begin(config.output_dir, kind, name=config.name, resume=config.resume)
    directory = beginning.directory
    try:
        for note in beginning.notes:
            console.note(note)
        if beginning.how == "finished":
            if config.resume == "auto":
                return directory.path
            raise UsageError(f"{directory.path} is finished; its model is in {directory.model}")
        with PeerMonitor() as peers:
            train(_of_the_run(config, beginning), beginning, console, peers)
            from_main(lambda: "written")  # the main process's results; no collective, which would wait for minutes only
            if torch.distributed.is_initialized():
                torch.distributed.destroy_process_group()
    except BaseException:
        if beginning.how == "new" and process_rank() == 0 and not _has_begun(directory):
            shutil.rmtree(directory.path)
        raise
    finally:
        beginning.release()
    return directory.path


def _has_begun(directory: RunDirectory) -> bool:
    return (directory.path / "data_report.json").exists() or (directory.path / PLAN).exists()


def _of_the_run(config: ConfigT, beginning: Beginning) -> ConfigT:
    """The configuration that holds: of a run that is gone on with its own, but for what may be changed."""
    if beginning.how != "new":
        saved = parse(type(config), ["--config", str(beginning.directory.config)], description="")
        changes = changes_on_resume(saved, replace(config, name=saved.name), CHANGEABLE)
        config = replace(saved, **(changes | {"output_dir": saved.output_dir, "resume": None}))
    return replace(config, resume=None)


def _carry_out(
    task: Task[ConfigT, RowT, InputT, BatchT, AnswerT, PredictionsT],
    config: ConfigT,
    beginning: Beginning,
    console: Console,
    peers: PeerMonitor,
) -> None:
    """One run, or a grid of them: new, or gone on with."""
    directory = beginning.directory
    if config.sweep or config.seeds or config.folds:
        _grid(task, config, directory, console, peers)
        return
    if beginning.how == "anew" and process_rank() == 0:
        directory.history.unlink(missing_ok=True)
    carry_out(task, config, directory, console, peers, checkpoint=beginning.checkpoint)


def _grid(
    task: Task[ConfigT, RowT, InputT, BatchT, AnswerT, PredictionsT],
    config: ConfigT,
    directory: RunDirectory,
    console: Console,
    peers: PeerMonitor,
) -> None:
    """A sweep, several seeds, folds, or all of them."""
    copy = directory.path / SWEEP
    sweep = None
    if config.sweep:
        sweep = read_sweep(str(copy) if copy.is_file() else config.sweep, type(config))
    children = plan(config, sweep, config.seeds, config.folds)
    first = children[0]
    checkpoint = find_checkpoint(first.config)
    rows = read_rows(task, first.config, first.fold)  # what is wrong with the data is said before the first run
    if not (directory.path / PLAN).is_file():
        if "checkpoint" not in first.cell:
            config = replace(config, checkpoint=checkpoint.path)  # `latest` may move on while the grid runs
        config = replace(config, threads=choose_threads(config.threads, config.devices))
        if process_rank() == 0:
            write_yaml(config, directory.config)
    program = f"{command('run_finetune.py')} --task {task.name}"
    title = Path(config.sweep).stem.replace("_", " ") if config.sweep else "the same settings, repeated"
    console.heading(f"SaeBERT · {task.words.noun} · {len(children)} runs · {title}")
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
                peers,
                fold=child.fold,
                parent=parent_tag(tracking),
            ),
            console,
            figures=task.grid_figures(config, rows.outputs),
            resume_command=f"{program} --resume {directory.path}",
            title=title,
            sweep=sweep,
            fingerprints={"the data": rows.fingerprint, "the checkpoint": str(checkpoint.path)},
            sentences=(DataError, PretrainedError),
            tracking=tracking,
        )
        if process_rank() == 0:
            write_ensemble(task, config, outcomes, directory, rows, tracking, console)
            directory.mark_finished()
            path = directory.path
            lying = [
                ("tables", f"{path / 'results.md'}, {path / 'results.csv'}"),
                ("picture", str(path / "results.png")),
                ("runs", str(directory.runs)),
            ]
            predict = f"{program} --predict FILE --checkpoint {path}"
            show_places(console, lying, tracking, [("predict with all", predict)])
