"""What a run shows and leaves: the first screen, the last one, `metrics.json`, the answers, the plots and the report."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from experiment.history import read_curves
from experiment.plots import plot_curves, plot_histogram
from experiment.report import Block, Example, Paragraph, Picture, Section, Table, write_report
from experiment.tracking import Tracking
from finetune.relation.evaluation import (
    METRICS,
    SCORE_HEADER,
    guess,
    metrics_of,
    score_rows,
    scores_of,
    write_evaluation,
)
from finetune.relation.marking import type_notes
from finetune.relation.plots import plot_classes, plot_confusion, plot_f1, plot_precision_recall
from finetune.relation.predictions import Predictions, mistakes, write_predictions
from finetune.relation.start import RelationRun
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


@dataclass(frozen=True)
class Outcome:
    """What a trained model answers."""

    figures: dict[str, float]
    """Of the training: steps, seconds, speed."""
    predictions: dict[str, Predictions]
    """For the dev rows, and for the test rows if there are any."""
    negative: str

    @cached_property
    def metrics(self) -> dict[str, dict[str, float]]:
        """By use."""
        return {use: metrics_of(answers, self.negative) for use, answers in self.predictions.items()}


def show_start(run: RelationRun) -> None:
    """The first screen: what is trained on what, and three rows as the network gets them."""
    console, config = run.console, run.config
    console.heading(f"SaeBERT · relations · {'your rows' if config.train_file else 'the built-in sample'}")
    if not config.train_file:
        console.note("No --train_file was given, so this run uses generated relations.")
    console.table([*_data_rows(run), *_run_rows(run)])
    positions = position_notes(run.model.network.bert, (len(row.ids) for part in run.marked.values() for row in part))
    for note in [*run.rows.notes, *type_notes(run.model.marker), *positions, *run.speed.notes(run.machine)]:
        console.note(note)
    console.heading("Examples")
    for title, example in _examples(run):
        console.example(title, example)
    console.heading("Training")


def _data_rows(run: RelationRun) -> list[tuple[str, str]]:
    rows, marked = run.rows, [row for part in run.marked.values() for row in part]
    lengths = [len(row.ids) for row in marked]
    counts = ", ".join(f"{len(part):,} {use}" for use, part in run.parts.items())
    common = sorted(zip(rows.labels, rows.counts, strict=True), key=lambda pair: -pair[1])[:3]
    cut = {reason: sum(row.cut == reason for row in marked) for reason in ("context", "middle", "entity")}
    said = {
        "context": "lose text that is far from both entities",
        "middle": "lose text between them",
        "entity": "lose a part of an entity",
    }
    shortened = ", ".join(f"{cut[reason]:,} {words}" for reason, words in said.items() if cut[reason])
    return [
        ("rows", counts),
        ("fingerprint", rows.fingerprint),
        (
            "relations",
            f"{len(rows.labels)}; " + ", ".join(f"{label} {count / len(rows.train):.0%}" for label, count in common),
        ),
        (
            "length",
            f"{sum(lengths) / len(lengths):.0f} tokens on average, {max(lengths)} at the most; "
            + (f"of {len(marked):,} rows {shortened}" if shortened else "no row is cut"),
        ),
    ]


def _run_rows(run: RelationRun) -> list[tuple[str, str]]:
    config, encoder = run.config, run.model.network.bert
    options = [
        f"{config.entity_layer} entity layer" if config.concat != "cls" else "",
        config.concat,
        f"{config.entity_pooling} of the entities" if config.entity_pooling == "mean" else config.entity_pooling,
        "groups first" if config.hierarchical else "",
    ]
    return [
        network_line(run, run.model.network, encoder),
        ("markers", config.markers + (", with a query" if config.query else "")),
        ("head", ", ".join(option for option in options if option)),
        training_line(run, [len(row.ids) for row in run.marked["train"]]),
        device_line(run, encoder),
        ("run", str(run.directory.path)),
    ]


def _examples(run: RelationRun) -> list[tuple[str, str]]:
    """A title and the tokens of training rows, of different relations where possible."""
    tokens, seen = run.model.wordpiece.tokens, set()
    shown: list[tuple[str, str]] = []
    for row, marked in zip(run.rows.train, run.marked["train"], strict=True):
        if row.label not in seen and len(shown) < EXAMPLES:
            seen.add(row.label)
            title = f"{len(marked.ids)} tokens, {row.subject_word} → {row.object_word}: {row.label}"
            shown.append((title, " ".join(tokens[index] for index in marked.ids)))
    return shown


def write_results(
    run: RelationRun, outcome: Outcome, environment: dict[str, Any]
) -> tuple[dict[str, float], list[str]]:
    """Writes the answers, plots and report of the run; gives what is in `metrics.json`, and the names of the files."""
    directory = run.directory
    names = []
    for use, predictions in outcome.predictions.items():
        prefix = USES[use]
        write_predictions(directory.path / f"{prefix}predictions.csv", predictions)
        write_evaluation(directory.path, prefix, predictions, outcome.metrics[use])
        names += [f"{prefix}{name}.csv" for name in ("predictions", "errors", "relations")]
    _plot(run, outcome)
    _write_report(run, outcome, environment)
    metrics = {f"{USES[use]}{name}": value for use, found in outcome.metrics.items() for name, value in found.items()}
    return metrics | outcome.figures, names


def _plot(run: RelationRun, outcome: Outcome) -> None:
    plots, negative = run.directory.plots, run.config.negative_label
    answers = outcome.predictions[_last(outcome)]
    micro = "Micro F1, no_relation left out" if negative == "no_relation" else "Micro F1"
    panels = training_panels({"micro_f1": micro, "macro_f1": "Macro F1", "auprc": "AUPRC"}, "nats a row")
    plot_curves(read_curves(run.directory.history), panels, plots / "curves.png", x="epoch", x_label="epoch")
    plot_confusion(answers, plots / "confusion.png")
    plot_f1(scores_of(answers), run.model.labels, plots / "f1_by_relation.png")
    plot_precision_recall(answers, plots / "precision_recall.png")
    counts = {use: [row.label for row in part] for use, part in run.parts.items()}
    plot_classes(counts, run.model.labels, plots / "classes.png")
    lengths = [len(marked.ids) for part in run.marked.values() for marked in part]
    plot_histogram(lengths, plots / "lengths.png", title="Lengths of the marked rows", x_label="tokens")


def _write_report(run: RelationRun, outcome: Outcome, environment: dict[str, Any]) -> None:
    plots = run.directory.plots
    answers = outcome.predictions[_last(outcome)]
    rows, header = _result_table(run, outcome)
    worst: list[Block] = [
        Example(
            wrong.text,
            f"{wrong.label}, answered as {wrong.answer} ({wrong.probability:.0%}; {wrong.label_probability:.0%} for the label)",
        )
        for wrong in mistakes(answers)[:MISTAKES]
    ]
    write_report(
        run.directory.path / "report.html",
        "SaeBERT relations",
        [
            Section(
                "Result", [Table(rows, header), *_explanation(run, outcome), Picture(plots / "curves.png", "Training")]
            ),
            Section(
                "By relation",
                [
                    Table(score_rows(scores_of(answers)), SCORE_HEADER),
                    Picture(plots / "f1_by_relation.png", "F1 of each relation"),
                    Picture(plots / "confusion.png", "Labels and answers"),
                    Picture(plots / "precision_recall.png", "Precision and recall"),
                ],
            ),
            Section("The surest mistakes", worst or [Paragraph("There are none.")]),
            Section(
                "Rows",
                [
                    Table(_data_rows(run)),
                    *[Paragraph(note) for note in [*run.rows.notes, *type_notes(run.model.marker)]],
                    Picture(plots / "classes.png", "Relations among the rows"),
                    Picture(plots / "lengths.png", "Lengths"),
                ],
            ),
            Section("Examples", [Example(text, title) for title, text in _examples(run)]),
            Section("Run", [Table(_run_rows(run))]),
            Section("Machine", [Table([(name, str(value)) for name, value in environment.items() if value])]),
        ],
        subtitle=run.directory.name,
    )


def _last(outcome: Outcome) -> str:
    """The rows that are looked at in detail: the test rows, where there are any."""
    return list(outcome.predictions)[-1]


def _guess(run: RelationRun, outcome: Outcome) -> dict[str, float]:
    """What a guess would score on the rows that are looked at in detail."""
    return guess(outcome.predictions[_last(outcome)], run.model.shares, run.config.negative_label)


def _result_table(run: RelationRun, outcome: Outcome) -> tuple[list[tuple[str, ...]], tuple[str, ...]]:
    """Rows and header: this model, and what a guess would score."""
    columns = {f"{name} rows": metrics for name, metrics in outcome.metrics.items()}
    columns |= {"a guess": _guess(run, outcome)}
    return percent_rows(METRICS, columns), ("", *columns)


def _no_better(run: RelationRun, outcome: Outcome) -> list[str]:
    """The metrics by which this model is not above a guess."""
    metrics, guessed = outcome.metrics[_last(outcome)], _guess(run, outcome)
    return [name for name in METRICS if metrics[name] <= guessed[name]]


def _is_useless(run: RelationRun, outcome: Outcome) -> bool:
    """Whether it is no better than a guess by what the best evaluation is chosen by. Accuracy alone may be worse: a model that
    finds rare relations is wrong about common ones more often."""
    return bool({"micro_f1", "auprc"} & set(_no_better(run, outcome)))


def _explanation(run: RelationRun, outcome: Outcome) -> list[Paragraph]:
    said = []
    if worse := _no_better(run, outcome):
        said.append(f"By {', '.join(METRICS[name] for name in worse)} this model is no better than a guess.")
    if _is_useless(run, outcome):
        said[-1] += " It has not learnt the relations: train for more --epochs, or start from a longer pretraining."
    said.append("A guess answers with the most common label, and ranks the rows at random.")
    if run.config.negative_label in run.rows.labels:
        said.append(f"Micro and macro F1 leave {run.config.negative_label} out; micro F1 and AUPRC are KLUE's.")
    missing = len(run.rows.labels) - len({row.label for row in run.rows.test or run.rows.dev} & set(run.rows.labels))
    if missing:
        said.append(f"{missing} relations have no row here; each adds 50 % to the mean that AUPRC is, as in KLUE's.")
    if not run.config.train_file:
        said.append("Trained on the built-in sample: enough to see that everything works, not enough to be of use.")
    return [Paragraph(sentence) for sentence in said]


def show_results(run: RelationRun, outcome: Outcome, tracking: Tracking | None) -> None:
    """The last screen: what came out, where it lies, and which command comes next."""
    console = run.console
    console.heading("Result")
    rows, header = _result_table(run, outcome)
    console.table(rows, header)
    console.note(trained(outcome.figures))
    for paragraph in _explanation(run, outcome):
        console.text(paragraph.text)
    wrong = mistakes(outcome.predictions[_last(outcome)])[:EXAMPLES]
    if wrong:
        console.heading("The surest mistakes")
    for mistake in wrong:
        console.example(f"{mistake.label}, answered as {mistake.answer} ({mistake.probability:.0%})", mistake.text)
    path = run.directory.path
    commands = []
    if not _is_useless(run, outcome):
        commands.append(("predict", f"python run_finetune.py --task re --predict FILE --checkpoint {path}"))
    if not run.config.train_file:
        commands.append(("your own rows", "python run_finetune.py --task re --train_file FILE"))
    lying = [
        ("model", str(run.directory.model)),
        ("report", str(path / "report.html")),
        ("answers, errors", f"{path / 'predictions.csv'}, {path / 'errors.csv'}"),
    ]
    show_places(console, lying, tracking, commands)
