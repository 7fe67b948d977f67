"""Answers for rows that nobody has labelled, by one fine-tuned run or by several together.

    --predict rows.csv --checkpoint RUN      RUN/predictions/rows.csv (.jsonl for entities), and what belongs to it
    --predict - < rows.csv > answers.csv     standard input and output

The file's format is recognised as in training. Where its rows are labelled, `…_metrics.json` and `…_errors.csv` are written beside
the answers. A run that consists of runs (seeds, folds, a sweep) answers with all of them.
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

from data.rows import RowT
from experiment.console import Console
from experiment.errors import UsageError
from experiment.machine import choose_machine
from experiment.run_directory import RunDirectory, replacing
from finetune.config import FineTuneConfig
from finetune.data_module import BatchT
from finetune.encoder import BLOCK
from finetune.model import AnswerT, InputT, Report, TaskModel, task_of
from finetune.report import percent_rows
from finetune.task import ConfigT, Line, PredictionsT, Source, Task

STANDARD = Path("-")
"""Stands for standard input and standard output."""


def writes_to_standard_output(config: FineTuneConfig) -> bool:
    """Whether the answers are standard output, so that the screen must be elsewhere."""
    return config.output == STANDARD or (config.predict == STANDARD and config.output is None)


def predict(
    task: Task[ConfigT, RowT, InputT, BatchT, AnswerT, PredictionsT], config: ConfigT, file: Path, console: Console
) -> Path:
    """Writes the answers for the rows of a file; gives the file with them.

    Raises:
        UsageError, DataError, PretrainedError: a user's mistake, in one sentence.
    """
    named = config.ensemble or [config.checkpoint or RunDirectory.latest(config.output_dir, task.kind).path]
    folders = [folder for path in named for folder in model_folders(path, task.name)]
    standard = writes_to_standard_output(config)
    if config.output and not standard:
        _refuse_output(config.output, file)
    with tempfile.TemporaryDirectory() as folder:
        if file == STANDARD:
            file = Path(folder) / "standard_input"
            with file.open("wb") as copy:
                shutil.copyfileobj(sys.stdin.buffer, copy)
        if standard:
            path = Path(folder) / f"answers{task.suffix}"
        else:
            runs = config.output_dir if config.ensemble else named[0]
            path = config.output or runs / "predictions" / f"{file.stem}{task.suffix}"
        _predict(task, config, file, folders, path, console)
        if standard:
            sys.stdout.flush()
            with path.open("rb") as answers:
                shutil.copyfileobj(answers, sys.stdout.buffer)
            sys.stdout.buffer.flush()
            return STANDARD
    return path


def _predict(
    task: Task[ConfigT, RowT, InputT, BatchT, AnswerT, PredictionsT],
    config: ConfigT,
    file: Path,
    folders: Sequence[Path],
    path: Path,
    console: Console,
) -> None:
    words = task.words
    machine = choose_machine(config.accelerator, config.precision, config.threads)
    models = {str(folder): task.model_class.load(folder, machine) for folder in folders}
    first = next(iter(models.values()))
    source = task.open(file, config, first.outputs)
    console.heading(f"SaeBERT · {words.noun} · {source.size:,} {words.rows} to predict")
    lines: list[Line] = [
        (words.rows, f"{config.predict}, {source.format}"),
        ("model", ", ".join(map(str, folders[:3]))),
    ]
    if len(folders) > 3:
        lines.append(("", f"and {len(folders) - 3} more; all of them together"))
    console.table(lines)
    with console.progress("Predicting", words.rows) as report:
        answered, beside = task.write_answers(path, _answers(task, models, source, report), source, models)
    _write_json(path.with_name(f"{path.stem}_data_report.json"), source.report())
    for warning in source.warnings():
        console.warning(warning)
    for note in first.notes():
        console.note(note)
    if answered is not None:
        metrics = task.metrics(answered, first.outputs, config)
        _write_json(path.with_name(f"{path.stem}_metrics.json"), metrics)
        names = task.write_evaluation(path.parent, f"{path.stem}_", answered, first.outputs)
        console.heading("Result")
        column = f"these {words.rows}"
        console.table(percent_rows(task.metrics_titles, {column: metrics}), ("", column))
        beside = [*beside, ("errors", str(path.with_name(names[0])))]
    if not writes_to_standard_output(config):
        console.heading("Where it lies")
        console.table([("predictions", str(path)), *beside])


def _answers(
    task: Task[ConfigT, RowT, InputT, BatchT, AnswerT, PredictionsT],
    models: dict[str, TaskModel[RowT, InputT, AnswerT]],
    source: Source[RowT],
    report: Report,
) -> Iterator[PredictionsT]:
    """All answers, in the file's order, a block of rows at a time."""
    rows, done = iter(source.rows), 0
    while block := list(islice(rows, BLOCK)):
        parts = {}
        for number, (name, model) in enumerate(models.items()):
            # Of a block, each model's answers are an equal part of the work.
            begun, part = done + len(block) * number / len(models), len(block) / len(models)
            answers = model.ask(block, partial(_within, report, source.size, begun, part))
            parts[name] = task.predictions(block, answers, model)
        yield task.mean(parts)
        done += len(block)
    report(source.size, source.size)


def _within(report: Report, size: int, begun: float, part: float, done: int, total: int) -> None:
    """Reports how much of a part of the work is done."""
    report(min(size, round(begun + part * done / total)), size)


def model_folders(path: Path, task: str) -> list[Path]:
    """The folders of a run's models: its own, or those of the runs that it consists of.

    Args:
        path: a run, a folder with a model, or a sweep, a series of seeds, a cross-validation.
        task: of the models, as --task has it.

    Raises:
        UsageError: there is none.
        DataError: a model is damaged, or of a later version.
    """
    for folder in (path, path / "model"):
        if task_of(folder) == task:
            return [folder]
    found = [folder for folder in sorted((path / "runs").glob("*/model")) if task_of(folder) == task]
    if not found:
        others = {other for folder in (path, path / "model") if (other := task_of(folder))}
        what = f"is a run of --task {others.pop()}" if others else f"holds no fine-tuned model of --task {task}"
        raise UsageError(f"{path} {what}; name a run of run_finetune.py --task {task}, or train one")
    return found


def _refuse_output(output: Path, file: Path) -> None:
    """Raises UsageError where the answers would replace the questions, or cannot be written."""
    if output.is_dir():
        raise UsageError(f"--output {output} is a folder; name a file in it")
    if file != STANDARD and output.resolve() == file.resolve():
        raise UsageError(f"--output {output} is the file that --predict reads; name another")


def _write_json(path: Path, value: object) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
