"""The rows of a run: read, split into training and dev rows, and what is to be said about them.

train_file ─┬─ training rows
            └─ dev rows (--dev_share, or one of --folds; no sentence on both sides)      or dev_file
test_file ─── test rows
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic

from data.errors import DataError
from data.rows import RowFile, RowT
from data.splits import hold_out, sentence_key

if TYPE_CHECKING:
    from finetune.data_module import BatchT
    from finetune.model import AnswerT, InputT
    from finetune.task import ConfigT, PredictionsT, Task


@dataclass(frozen=True)
class Rows(Generic[RowT]):
    """What a run learns from and is measured on."""

    train: list[RowT]
    dev: list[RowT]
    test: list[RowT]
    """Empty where there is no test file."""
    outputs: list[str]
    """What the network's outputs stand for, in their order."""
    files: dict[str, RowFile[RowT]]
    """By the use of each: train, dev, test."""
    notes: list[str] = field(default_factory=list)
    """What people should know about them, a sentence each."""

    @property
    def parts(self) -> dict[str, list[RowT]]:
        """The rows by use; those that are there."""
        return {use: part for use, part in (("train", self.train), ("dev", self.dev), ("test", self.test)) if part}

    @property
    def fingerprint(self) -> str:
        return "-".join(file.fingerprint for file in self.files.values())

    def report(self, counts: dict[str, Any]) -> dict[str, Any]:
        """For `data_report.json`; `counts` are the task's."""
        return {
            "rows_used": {"train": len(self.train), "dev": len(self.dev), "test": len(self.test)},
            **counts,
            "notes": self.notes,
            "files": {use: file.report() for use, file in self.files.items()},
        }


def read_rows(
    task: Task[ConfigT, RowT, InputT, BatchT, AnswerT, PredictionsT], config: ConfigT, fold: int | None = None
) -> Rows[RowT]:
    """The rows that the configuration asks for.

    Args:
        task: knows how to read them.
        config: says which files, and how to split them.
        fold: which of `config.folds` parts are the dev rows.

    Raises:
        DataError: a file cannot be used, or too little is left of it.
    """
    files: dict[str, RowFile[RowT]] = {}
    for use, path in _paths(task, config).items():
        files[use] = task.read(path, config, labelled=True, like=files.get("train"))
    every = files["train"].rows
    if "dev" in files:
        train, dev = every, files["dev"].rows
    else:
        train, dev = hold_out(every, config.folds, fold, config.dev_share, config.split_seed)
    if config.train_rows and config.train_rows < len(train):
        _, train = hold_out(train, None, None, config.train_rows / len(train), config.split_seed)
    # Of all rows of the file, so that every fold's model has the same outputs.
    outputs = task.outputs(files["train"], config)
    test = files["test"].rows if "test" in files else []
    rows = Rows(train, dev, test, outputs, files)
    rows.notes.extend([*task.notes(rows, config), *_notes(task, rows, config)])
    return rows


def _paths(task: Task[ConfigT, RowT, InputT, BatchT, AnswerT, PredictionsT], config: ConfigT) -> dict[str, Path]:
    """The files by use; those of the built-in sample where none is named."""
    if config.train_file is None:
        train, dev = task.write_sample(config.output_dir / "cache" / "sample")
        return {"train": train} if config.folds else {"train": train, "dev": dev}
    given = {"train": config.train_file, "dev": config.dev_file, "test": config.test_file}
    return {use: path for use, path in given.items() if path is not None}


def _notes(
    task: Task[ConfigT, RowT, InputT, BatchT, AnswerT, PredictionsT], rows: Rows[RowT], config: ConfigT
) -> list[str]:
    """What is left out, what training has not, and what it should not have.

    Raises:
        DataError: the last two, with `--strict`.
    """
    words = task.words
    notes = [note for use, file in rows.files.items() for note in file.notes(use)]
    seen = {sentence_key(row.sentence) for row in rows.train}
    trained = {label for row in rows.train for label in task.labels_of(row)}
    for use, others in (("dev", rows.dev), ("test", rows.test)):
        new = Counter(label for row in others for label in task.labels_of(row) if label not in trained)
        if new:
            shown = ", ".join(f"{label} ({count:,})" for label, count in new.most_common(5))
            sentence = (
                f"{words.labels} of the {use} {words.rows} that training has not, so that these {words.labelled} count as "
                f"missed: {shown}"
            )
            if config.strict:
                raise DataError(
                    f"{rows.files[use].path} has {sentence}; give training {words.rows} of them, or leave out --strict"
                )
            notes.append(f"There are {sentence}.")
        shared = sum(sentence_key(row.sentence) in seen for row in others)
        if shared:
            notes.append(f"The sentences of {shared:,} {use} {words.rows} occur among the training {words.rows}, too.")
    return notes
