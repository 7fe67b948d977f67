"""The rows of a run: read, split into training and dev rows, and what is to be said about them.

train_file ─┬─ training rows
            └─ dev rows (--dev_share, or one of --folds; no sentence on both sides)      or dev_file
test_file ─── test rows
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from data.errors import DataError
from data.relations import Relation, RelationFile, label_order, read_relation_list, read_relations
from data.sample.files import write_relations
from data.splits import hold_out, sentence_key
from finetune.relation.config import RelationConfig


@dataclass(frozen=True)
class RelationRows:
    """What a run learns from and is measured on."""

    train: list[Relation]
    dev: list[Relation]
    test: list[Relation]
    """Empty where there is no test file."""
    labels: list[str]
    """That the model can answer with, in the order of its outputs."""
    files: dict[str, RelationFile]
    """By the use of each: train, dev, test."""
    notes: list[str] = field(default_factory=list)
    """What people should know about them, a sentence each."""

    @property
    def types(self) -> list[str]:
        """Of the training rows' entities."""
        return sorted({entity.type for row in self.train for entity in (row.subject, row.object) if entity.type})

    @property
    def counts(self) -> list[int]:
        """Training rows of each label."""
        counts = Counter(row.label for row in self.train)
        return [counts[label] for label in self.labels]

    @property
    def fingerprint(self) -> str:
        return "-".join(file.fingerprint for file in self.files.values())

    def report(self) -> dict[str, Any]:
        """For `data_report.json`."""
        used = {"train": len(self.train), "dev": len(self.dev), "test": len(self.test)}
        return {
            "rows_used": used,
            "labels": dict(zip(self.labels, self.counts, strict=True)),
            "notes": self.notes,
            "files": {use: file.report() for use, file in self.files.items()},
        }


def read_rows(config: RelationConfig, fold: int | None = None) -> RelationRows:
    """The rows that the configuration asks for.

    Args:
        config: says which files, and how to split them.
        fold: which of `config.folds` parts are the dev rows.

    Raises:
        DataError: a file cannot be used, or too little is left of it.
    """
    known = read_relation_list(config.relation_list) if config.relation_list else None
    files = _read_files(config, known)
    rows = files["train"].relations
    if "dev" in files:
        train, dev = rows, files["dev"].relations
    else:
        train, dev = hold_out(rows, config.folds, fold, config.dev_share, config.split_seed)
    if config.train_rows and config.train_rows < len(train):
        _, train = hold_out(train, None, None, config.train_rows / len(train), config.split_seed)
    # Of all rows of the file, so that every fold's model has the same outputs.
    labels = known or label_order({row.label for row in rows if row.label is not None}, config.negative_label)
    test = files["test"].relations if "test" in files else []
    found = RelationRows(train, dev, test, labels, files)
    found.notes.extend(_notes(found, config))
    return found


def _read_files(config: RelationConfig, known: Sequence[str] | None) -> dict[str, RelationFile]:
    if config.train_file is None:
        paths = dict(zip(("train", "dev"), write_relations(config.output_dir / "cache" / "sample"), strict=True))
        if config.folds:
            del paths["dev"]
    else:
        given = {"train": config.train_file, "dev": config.dev_file, "test": config.test_file}
        paths = {use: path for use, path in given.items() if path is not None}
    return {use: read_relations(path, labels=known, strict=config.strict) for use, path in paths.items()}


def _notes(rows: RelationRows, config: RelationConfig) -> list[str]:
    """What is out of the ordinary.

    Raises:
        DataError: it is, and `--strict` was given; or the labels are too few to tell apart.
    """
    notes = []
    if len(rows.labels) < 2:
        raise DataError(f"{rows.files['train'].path} has one label only ({rows.labels[0]}); give rows of two or more")
    if config.negative_label not in rows.labels:
        notes.append(f"No row is labelled {config.negative_label} (--negative_label): micro-F1 is over all labels.")
    for use, file in rows.files.items():
        if file.rejected:
            count = sum(len(places) for places in file.rejected.values())
            reasons = ", ".join(f"{len(places):,} {reason}" for reason, places in file.rejected.items())
            notes.append(
                f"{count:,} of {len(file.ids):,} {use} rows are left out: {reasons} (places in data_report.json)."
            )
        if file.found_again:
            notes.append(
                f"In {len(file.found_again):,} {use} rows an entity stands at another place than its offsets say."
            )
    seen, trained = {sentence_key(row.sentence) for row in rows.train}, {row.label for row in rows.train}
    for use, others in (("dev", rows.dev), ("test", rows.test)):
        new = Counter(row.label for row in others if row.label not in trained)
        if new:
            shown = ", ".join(f"{label} ({count:,})" for label, count in new.most_common(5))
            sentence = f"labels of the {use} rows that training has not, so that these rows count as missed: {shown}"
            if config.strict:
                raise DataError(
                    f"{rows.files[use].path} has {sentence}; give training rows of them, or leave out --strict"
                )
            notes.append(f"There are {sentence}.")
        shared = sum(sentence_key(row.sentence) in seen for row in others)
        if shared:
            notes.append(f"The sentences of {shared:,} {use} rows occur among the training rows, too.")
    return notes
