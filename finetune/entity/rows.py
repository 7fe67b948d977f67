"""The texts of a run: read, split into training and dev texts, and what is to be said about them.

train_file ─┬─ training texts
            └─ dev texts (--dev_share, or one of --folds; no sentence on both sides)      or dev_file
test_file ─── test texts
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from data.entities import EntityFile, TaggedText, entity_types, read_entities
from data.errors import DataError
from data.sample.files import write_entities
from data.splits import hold_out, sentence_key
from finetune.entity.config import EntityConfig


@dataclass(frozen=True)
class EntityRows:
    """What a run learns from and is measured on."""

    train: list[TaggedText]
    dev: list[TaggedText]
    test: list[TaggedText]
    """Empty where there is no test file."""
    types: list[str]
    """That the model can answer with."""
    files: dict[str, EntityFile]
    """By the use of each: train, dev, test."""
    notes: list[str] = field(default_factory=list)
    """What people should know about them, a sentence each."""

    @property
    def parts(self) -> dict[str, list[TaggedText]]:
        """The texts by use; those that are there."""
        return {use: part for use, part in (("train", self.train), ("dev", self.dev), ("test", self.test)) if part}

    @property
    def fingerprint(self) -> str:
        return "-".join(file.fingerprint for file in self.files.values())

    def report(self) -> dict[str, Any]:
        """For `data_report.json`."""
        return {
            "rows_used": {"train": len(self.train), "dev": len(self.dev), "test": len(self.test)},
            "entities": {use: type_counts(part) for use, part in self.parts.items()},
            "notes": self.notes,
            "files": {use: file.report() for use, file in self.files.items()},
        }


def type_counts(texts: Sequence[TaggedText]) -> dict[str, int]:
    """Entities of each type, the most frequent first."""
    return dict(Counter(entity.type for text in texts for entity in text.entities or ()).most_common())


def read_rows(config: EntityConfig, fold: int | None = None) -> EntityRows:
    """The texts that the configuration asks for.

    Args:
        config: says which files, and how to split them.
        fold: which of `config.folds` parts are the dev texts.

    Raises:
        DataError: a file cannot be used, or too little is left of it.
    """
    files = _read_files(config)
    texts = files["train"].texts
    if "dev" in files:
        train, dev = texts, files["dev"].texts
    else:
        train, dev = hold_out(texts, config.folds, fold, config.dev_share, config.split_seed)
    if config.train_rows and config.train_rows < len(train):
        _, train = hold_out(train, None, None, config.train_rows / len(train), config.split_seed)
    # Of all texts of the file, so that every fold's model has the same outputs.
    types = entity_types(texts)
    if not types:
        raise DataError(f"{files['train'].path} has no entity at all; give texts in which some are marked")
    found = EntityRows(train, dev, files["test"].texts if "test" in files else [], types, files)
    found.notes.extend(_notes(found, config))
    return found


def _read_files(config: EntityConfig) -> dict[str, EntityFile]:
    if config.train_file is None:
        paths = dict(zip(("train", "dev"), write_entities(config.output_dir / "cache" / "sample"), strict=True))
        if config.folds:
            del paths["dev"]
    else:
        given = {"train": config.train_file, "dev": config.dev_file, "test": config.test_file}
        paths = {use: path for use, path in given.items() if path is not None}
    return {use: read_entities(path, strict=config.strict) for use, path in paths.items()}


def _notes(rows: EntityRows, config: EntityConfig) -> list[str]:
    """What is out of the ordinary.

    Raises:
        DataError: it is, and `--strict` was given.
    """
    notes = []
    for use, file in rows.files.items():
        if file.rejected:
            count = sum(len(places) for places in file.rejected.values())
            reasons = ", ".join(f"{len(places):,} {reason}" for reason, places in file.rejected.items())
            notes.append(
                f"{count:,} of {count + len(file.texts):,} {use} texts are left out: {reasons} (places in data_report.json)."
            )
    seen = {sentence_key(text.text) for text in rows.train}
    trained = type_counts(rows.train)
    for use, others in (("dev", rows.dev), ("test", rows.test)):
        new = {name: count for name, count in type_counts(others).items() if name not in trained}
        if new:
            shown = ", ".join(f"{name} ({count:,})" for name, count in list(new.items())[:5])
            sentence = (
                f"types of the {use} texts that training has not, so that these entities count as missed: {shown}"
            )
            if config.strict:
                raise DataError(
                    f"{rows.files[use].path} has {sentence}; give training texts with them, or leave out --strict"
                )
            notes.append(f"There are {sentence}.")
        shared = sum(sentence_key(text.text) in seen for text in others)
        if shared:
            notes.append(f"{shared:,} {use} texts occur among the training texts, too.")
    return notes
