"""What a run shows and leaves: the first screen, the last one, `metrics.json`, the answers, the plots and the report."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from data.entities import TaggedText
from experiment.console import Console
from experiment.history import read_curves
from experiment.plots import plot_curves, plot_histogram
from experiment.report import Block, Example, Paragraph, Picture, Section, Table, write_report
from experiment.tracking import Tracking
from finetune.entity.alignment import Aligned
from finetune.entity.answers import Answer, inline
from finetune.entity.evaluation import EXPLANATION, METRICS, SCORE_HEADER, metrics_of, score_rows, write_evaluation
from finetune.entity.files import write_answers
from finetune.entity.metrics import confusion, length_scores, mistakes, type_scores
from finetune.entity.page import KEY, EntityText, write_page
from finetune.entity.plots import plot_calibration, plot_confusion, plot_entity_counts, plot_lengths, plot_types
from finetune.entity.rows import type_counts
from finetune.entity.start import EntityRun, not_expressible
from finetune.screens import (
    USES,
    device_line,
    network_line,
    percent_rows,
    position_notes,
    show_places,
    trained,
    training_line,
    training_panels,
)

EXAMPLES = 3
"""Shown on the first screen, and mistakes on the last."""

MISTAKES = 20
"""Shown in the report."""

UNITS = {
    "both": "subwords are read, characters are tagged",
    "subword": "subwords are read and tagged",
    "character": "characters are read and tagged",
}


@dataclass(frozen=True)
class Outcome:
    """What a trained model answers."""

    figures: dict[str, float]
    """Of the training: steps, seconds, speed."""
    answers: dict[str, list[Answer]]
    """For the dev texts, and for the test texts if there are any."""
    types: list[str]

    @cached_property
    def metrics(self) -> dict[str, dict[str, float]]:
        """By use."""
        return {use: metrics_of(answers, self.types) for use, answers in self.answers.items()}

    @property
    def last(self) -> list[Answer]:
        """Those that are looked at in detail: for the test texts, where there are any."""
        return list(self.answers.values())[-1]


def show_start(run: EntityRun) -> None:
    """The first screen: what is trained on what, and three texts as the network gets them."""
    console, config = run.console, run.config
    console.heading(f"SaeBERT · named entities · {'your texts' if config.train_file else 'the built-in sample'}")
    if not config.train_file:
        console.note("No --train_file was given, so this run uses generated sentences.")
    console.table([*_data_rows(run), *_run_rows(run)])
    windows = (len(window) for texts in run.aligned.values() for text in texts for window in text.windows)
    positions = position_notes(run.model.network.bert, windows)
    for note in [*run.rows.notes, *positions, *run.speed.notes(run.machine)]:
        console.note(note)
    console.heading("Examples")
    for title, example in _examples(run):
        console.example(title, example)
    console.heading("Training")


def _data_rows(run: EntityRun) -> list[tuple[str, str]]:
    parts = run.rows.parts
    aligned = [text for part in run.aligned.values() for text in part]
    characters = sum(len(text.map.raw) for text in aligned)
    tokens = sum(text.length for text in aligned)
    windowed = sum(len(text.windows) > 1 for text in aligned)
    counts = type_counts(run.rows.train)
    entities = sum(counts.values())
    rows = [
        ("texts", ", ".join(f"{len(part):,} {use}" for use, part in parts.items())),
        ("fingerprint", run.rows.fingerprint),
        (
            "entities",
            f"{entities:,} in the training texts; "
            + ", ".join(f"{name} {count / entities:.0%}" for name, count in counts.items()),
        ),
        (
            "length",
            f"{characters / len(aligned):.0f} characters in {tokens / len(aligned):.0f} tokens on average; "
            + (f"{windowed:,} texts are read in several windows" if windowed else "every text fits a window"),
        ),
    ]
    if run.config.unit != "both":
        lost = ", ".join(f"{not_expressible(run, use):,} of the {use} entities" for use in parts)
        rows.append(("not expressible", lost))
    return rows


def _run_rows(run: EntityRun) -> list[tuple[str, str]]:
    encoder = run.model.network.bert
    return [
        network_line(run, run.model.network, encoder),
        ("unit", f"{run.config.unit}: {UNITS[run.config.unit]}"),
        ("head", "CRF" if run.config.crf else "each tag by itself, without a CRF"),
        training_line(run, [text.length for text in run.aligned["train"]]),
        device_line(run, encoder),
        ("run", str(run.directory.path)),
    ]


def _examples(run: EntityRun) -> list[tuple[str, str]]:
    """Training texts with their entities, and the tokens in which the network reads them, with the tags of each."""
    shown: list[tuple[str, str]] = []
    for text, aligned in zip(run.rows.train, run.aligned["train"], strict=True):
        if text.entities and len(shown) < EXAMPLES:
            shown.append((inline(text.text, text.entities), _tagged_tokens(run, text, aligned)))
    return shown


def _tagged_tokens(run: EntityRun, text: TaggedText, aligned: Aligned) -> str:
    """Each token with the tags of what looks at it: 오에⟨BII⟩ 겐⟨I⟩; without a tag but O, the token alone."""
    names = run.model.wordpiece.tokens
    letters = ["O", *(letter for _ in run.rows.types for letter in "BI")]
    tags: dict[int, str] = {}
    for token, tag in zip(aligned.token.tolist(), aligned.tags(text.entities or (), run.rows.types), strict=True):
        tags[token] = tags.get(token, "") + letters[tag]
    words, number = [], 0
    for window in aligned.windows:
        for index in window.tolist():
            own = tags.get(number, "")
            words.append(names[index] + (f"⟨{own}⟩" if own.strip("O") else ""))
            number += 1
    return " ".join(words)


def write_results(run: EntityRun, outcome: Outcome, environment: dict[str, Any]) -> tuple[dict[str, float], list[str]]:
    """Writes the answers, plots and report of the run; gives what is in `metrics.json`, and the names of the files."""
    directory = run.directory
    names = []
    for use, answers in outcome.answers.items():
        prefix = USES[use]
        write_answers(directory.path / f"{prefix}predictions.jsonl", answers)
        write_page(directory.path / f"{prefix}predictions.html", f"SaeBERT named entities, {use} texts", answers)
        write_evaluation(directory.path, prefix, answers, outcome.types, outcome.metrics[use])
        names += [f"{prefix}{name}" for name in ("predictions.jsonl", "predictions.html", "errors.csv", "entities.csv")]
    _plot(run, outcome)
    _write_report(run, outcome, environment)
    metrics = {f"{USES[use]}{name}": value for use, found in outcome.metrics.items() for name, value in found.items()}
    return metrics | outcome.figures, names


def _plot(run: EntityRun, outcome: Outcome) -> None:
    plots, answers, types = run.directory.plots, outcome.last, outcome.types
    panels = training_panels(
        {"entity_f1": "Entity F1", "entity_macro_f1": "Entity macro F1", "char_f1": "Character F1, without O"},
        "nats a character" if run.config.unit == "both" else "nats a token",
    )
    plot_curves(read_curves(run.directory.history), panels, plots / "curves.png", x="epoch", x_label="epoch")
    plot_types(type_scores(answers, types), types, plots / "f1_by_type.png")
    plot_confusion(confusion(answers, types), types, plots / "confusion.png")
    plot_lengths(length_scores(answers), plots / "f1_by_length.png")
    plot_calibration(_scored(answers), plots / "calibration.png")
    counts = {use: type_counts(part) for use, part in run.rows.parts.items()}
    plot_entity_counts(counts, types, plots / "types.png")
    lengths = [len(text.map.raw) for part in run.aligned.values() for text in part]
    plot_histogram(lengths, plots / "lengths.png", title="Lengths of the texts", x_label="characters")


def _scored(answers: list[Answer]) -> list[tuple[float, bool]]:
    """The score of each found entity, and whether it is one."""
    return [
        (found.score, (found.start, found.end, found.type) in {(e.start, e.end, e.type) for e in answer.text.entities})
        for answer in answers
        if answer.text.entities is not None
        for found in answer.entities
    ]


def _write_report(run: EntityRun, outcome: Outcome, environment: dict[str, Any]) -> None:
    plots, answers = run.directory.plots, outcome.last
    worst: list[Block] = [EntityText(wrong.answer) for wrong in mistakes(answers)[:MISTAKES]]
    write_report(
        run.directory.path / "report.html",
        "SaeBERT named entities",
        [
            Section(
                "Result",
                [
                    Table(*_result_table(outcome)),
                    *[Paragraph(sentence) for sentence in _explanation(run, outcome)],
                    Picture(plots / "curves.png", "Training"),
                ],
            ),
            Section(
                "By type and length",
                [
                    Table(score_rows(type_scores(answers, outcome.types)), SCORE_HEADER),
                    Picture(plots / "f1_by_type.png", "F1 of each type"),
                    Picture(plots / "confusion.png", "Types and answers"),
                    Picture(plots / "f1_by_length.png", "F1 by the length of the entity"),
                    Picture(plots / "calibration.png", "How often a score is right"),
                ],
            ),
            Section("The surest mistakes", [Paragraph(KEY), *worst] if worst else [Paragraph("There are none.")]),
            Section(
                "Texts",
                [
                    Table(_data_rows(run)),
                    *[Paragraph(note) for note in run.rows.notes],
                    Picture(plots / "types.png", "Entities of each type"),
                    Picture(plots / "lengths.png", "Lengths"),
                ],
            ),
            Section("Examples", [Example(text, title) for title, text in _examples(run)]),
            Section("Run", [Table(_run_rows(run))]),
            Section("Machine", [Table([(name, str(value)) for name, value in environment.items() if value])]),
        ],
        subtitle=run.directory.name,
    )


def _result_table(outcome: Outcome) -> tuple[list[tuple[str, ...]], tuple[str, ...]]:
    """Rows and header."""
    columns = {f"{use} texts": metrics for use, metrics in outcome.metrics.items()}
    return percent_rows(METRICS, columns), ("", *columns)


def _is_useless(outcome: Outcome) -> bool:
    """Whether who answers with no entity at all would score as much."""
    return list(outcome.metrics.values())[-1]["entity_f1"] == 0


def _explanation(run: EntityRun, outcome: Outcome) -> list[str]:
    said = [EXPLANATION]
    if _is_useless(outcome):
        said.insert(
            0,
            "Not one entity was found rightly, so this model is no better than an empty answer: train for more --epochs, or "
            "start from a longer pretraining.",
        )
    if not run.config.train_file:
        said.append("Trained on the built-in sample: enough to see that everything works, not enough to be of use.")
    return said


def show_results(run: EntityRun, outcome: Outcome, tracking: Tracking | None) -> None:
    """The last screen: what came out, where it lies, and which command comes next."""
    console: Console = run.console
    console.heading("Result")
    rows, header = _result_table(outcome)
    console.table(rows, header)
    console.table(score_rows(type_scores(outcome.last, outcome.types)), SCORE_HEADER)
    console.note(trained(outcome.figures))
    for sentence in _explanation(run, outcome):
        console.text(sentence)
    wrong = mistakes(outcome.last)[:EXAMPLES]
    if wrong:
        console.heading("The surest mistakes")
    for mistake in wrong:
        title = ", ".join(f"{count} {kind}" if count > 1 else kind for kind, count in mistake.kinds.items() if count)
        console.example(f"{title}; right is: {mistake.gold}", mistake.found)
    path = run.directory.path
    commands = []
    if not _is_useless(outcome):
        commands.append(("predict", f"python run_finetune.py --task ner --predict FILE --checkpoint {path}"))
    if not run.config.train_file:
        commands.append(("your own texts", "python run_finetune.py --task ner --train_file FILE"))
    lying = [
        ("model", str(run.directory.model)),
        ("report", str(path / "report.html")),
        ("answers", f"{path / 'predictions.jsonl'}, {path / 'predictions.html'}"),
        ("errors", str(path / "errors.csv")),
    ]
    show_places(console, lying, tracking, commands)
