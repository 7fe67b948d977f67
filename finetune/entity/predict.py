"""Entities in text that nobody has labelled, by one fine-tuned run or by what several agree on.

    --predict petitions.txt --checkpoint RUN      RUN/predictions/petitions.jsonl    a text a line: its entities, with scores
                                                  RUN/predictions/petitions.html     the same, in colour

Every line of the file is a text, of any length. One that fits a window is read as it is, a longer one sentence by sentence, and
a longer sentence in overlapping windows; the spans always count the characters of the line. The file may be larger than memory.

Of a file with character tags, the texts are read and the tags are compared with: `…_metrics.json`, `…_errors.csv` and
`…_entities.csv` are written beside the answers. A run that consists of runs (seeds, folds) answers with what most of them find.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path

from data.entities import EntityFile, TaggedText, read_entities
from data.entity_formats import has_character_tags
from data.errors import DataError
from data.lines import LineReader, open_lines
from data.sentences import split_sentences
from experiment.console import Console
from experiment.machine import Machine, choose_machine
from experiment.run_directory import RunDirectory
from finetune.entity.answers import Answer, FoundEntity, mean_answers
from finetune.entity.config import EntityConfig
from finetune.entity.evaluation import METRICS, metrics_of, write_evaluation
from finetune.entity.files import read_answers, write_answers
from finetune.entity.model import DESCRIPTION_FILE, EntityModel
from finetune.entity.page import write_page
from finetune.prediction import beside, default_path, model_folders
from finetune.screens import percent_rows

BLOCK = 4096
"""Texts in memory at a time."""

Report = Callable[[int, int], None]
"""Is told how many texts are done, of how many."""


@dataclass
class Texts:
    """What is to be answered."""

    size: int
    """Texts; lines, where some may be empty."""
    each: Iterator[TaggedText]
    labelled: EntityFile | None = None
    """The file, where its texts have tags."""
    empty: int = 0
    """Lines without a text, so far."""
    broken: list[str] = field(default_factory=list)
    """Places of lines with bytes that are not UTF-8, so far; these are read as U+FFFD."""
    answered: int = 0
    """Texts, so far."""
    found: Counter[str] = field(default_factory=Counter)
    """Entities of each type, so far."""


def predict(config: EntityConfig, console: Console) -> Path:
    """Writes the entities in the texts of `config.predict`; gives the file with them.

    Raises:
        UsageError, DataError, PretrainedError: a user's mistake, in one sentence.
    """
    assert config.predict is not None
    named = config.ensemble or [config.checkpoint or RunDirectory.latest(config.output_dir, "finetune/ner").path]
    folders = [folder for path in named for folder in model_folders(path, DESCRIPTION_FILE, "ner")]
    machine = choose_machine(config.accelerator, config.precision, config.threads)
    texts = _open(config)
    models = {str(folder): EntityModel.load(folder) for folder in folders}
    console.heading(f"SaeBERT · named entities · {texts.size:,} {'texts' if texts.labelled else 'lines'} to read")
    path = config.output or default_path(config, named, ".jsonl")
    page = path.with_suffix(".html")
    with console.progress("Reading", "texts") as report:
        write_answers(path, _answers(models, texts, machine, report))
    write_page(page, f"Named entities in {config.predict.name}", read_answers(path))
    rows = [("texts", str(config.predict)), ("model", ", ".join(map(str, folders[:3])))]
    if len(folders) > 3:
        rows.append(("", f"and {len(folders) - 3} more; what most of them find"))
    kinds = ", ".join(f"{name} {count:,}" for name, count in texts.found.most_common())
    rows.append(
        ("found", f"{texts.found.total():,} entities in {texts.answered:,} texts" + (f": {kinds}" if kinds else ""))
    )
    console.table(rows)
    if texts.empty:
        console.note(f"Empty lines: {texts.empty:,}. They have no answer.")
    if texts.broken:
        console.warning(
            f"Lines with U+FFFD, which stands for bytes that are not UTF-8: {len(texts.broken):,}, {texts.broken[0]} first."
        )
    if texts.labelled:
        for reason, places in texts.labelled.rejected.items():
            console.warning(
                f"{len(places):,} texts could not be read ({reason}, {places[0]} first); they have no answer."
            )
        types = next(iter(models.values())).types
        answers = list(read_answers(path))
        metrics = metrics_of(answers, types)
        write_evaluation(path.parent, f"{path.stem}_", answers, types, metrics)
        console.heading("Result")
        console.table(percent_rows(METRICS, {"these texts": metrics}), ("", "these texts"))
    console.heading("Where it lies")
    lying = [("entities", str(path)), ("to look at", str(page))]
    if texts.labelled:
        lying.append(("figures, errors", f"{beside(path, 'metrics.json')}, {beside(path, 'errors.csv')}"))
    console.table(lying)
    return path


def _open(config: EntityConfig) -> Texts:
    """Raises DataError where the file cannot be read."""
    assert config.predict is not None
    if has_character_tags(config.predict):
        file = read_entities(config.predict, strict=config.strict)
        return Texts(len(file.texts), iter(file.texts), labelled=file)
    lines = open_lines(config.predict, config.output_dir / "cache")
    texts = Texts(len(lines), iter(()))
    texts.each = _texts(lines, config.predict.name, config.strict, texts)
    return texts


def _texts(lines: LineReader, name: str, strict: bool, texts: Texts) -> Iterator[TaggedText]:
    """The lines that have a text; the others are counted."""
    for number in range(1, len(lines) + 1):
        line = lines.getline(number).rstrip("\n")
        if not line.strip():
            texts.empty += 1
            continue
        if "\ufffd" in line:
            if strict:
                raise DataError(
                    f"{name}:{number} has U+FFFD, which stands for bytes that are not UTF-8; convert the file (iconv -f CP949 -t UTF-8), or leave out "
                    "--strict"
                )
            texts.broken.append(f"{name}:{number}")
        yield TaggedText(str(number), line, None, f"{name}:{number}")


def _answers(models: dict[str, EntityModel], texts: Texts, machine: Machine, report: Report) -> Iterator[Answer]:
    """All answers, in the file's order, a block of texts at a time."""
    for model in models.values():
        model.network.to(machine.device)
    done = 0
    while block := list(islice(texts.each, BLOCK)):
        parts = {}
        for number, (name, model) in enumerate(models.items()):
            # Of a block, each model's answers are an equal part of the work.
            begun, part = done + len(block) * number / len(models), len(block) / len(models)
            parts[name] = answer_texts(model, block, machine, partial(_within, report, texts.size, begun, part))
        for answer in mean_answers(parts):
            texts.found.update(entity.type for entity in answer.entities)
            yield answer
        done += len(block)
        texts.answered = done
    report(texts.size, texts.size)


def _within(report: Report, size: int, begun: float, part: float, done: int, total: int) -> None:
    """Reports how much of a part of the work is done."""
    report(min(size, round(begun + part * done / total)), size)


def answer_texts(model: EntityModel, texts: Sequence[TaggedText], machine: Machine, report: Report) -> list[Answer]:
    """One model's answers; texts that do not fit a window are read sentence by sentence."""
    whole = model.aligner.align([text.text for text in texts])
    asked: list[TaggedText] = []
    aligned = []
    places: list[tuple[int, int]] = []  # number of the text, and where in it the part begins
    for number, (text, each) in enumerate(zip(texts, whole, strict=True)):
        parts = sentences_of(text.text) if len(each.windows) > 1 else [(0, text.text)]
        if len(parts) == 1:
            asked.append(text)
            aligned.append(each)
            places.append((number, 0))
            continue
        asked += [replace(text, text=part, entities=None) for _, part in parts]
        aligned += model.aligner.align([part for _, part in parts])
        places += [(number, start) for start, _ in parts]
    found: list[list[FoundEntity]] = [[] for _ in texts]
    for (number, start), answer in zip(places, model.answer(asked, aligned, machine, report=report), strict=True):
        found[number] += [replace(each, start=each.start + start, end=each.end + start) for each in answer.entities]
    return [Answer(text, tuple(entities)) for text, entities in zip(texts, found, strict=True)]


def sentences_of(text: str) -> list[tuple[int, str]]:
    """Where each sentence of a text begins, and the sentence; the whole text where its sentences cannot be found in it."""
    found, place = [], 0
    for sentence in split_sentences(text):
        start = text.find(sentence, place)
        if start < 0:
            return [(0, text)]
        found.append((start, sentence))
        place = start + len(sentence)
    return found or [(0, text)]
