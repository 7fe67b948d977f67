"""What a run shows and leaves for people: the first screen, the last one, the report; the same for all tasks."""

from collections.abc import Mapping
from typing import Any

from bert_core.attention import choose_path
from data.rows import RowT
from experiment.console import Console, duration, quantity
from experiment.history import read_curves
from experiment.plots import Line as Curve
from experiment.plots import Panel, plot_curves
from experiment.program import command
from experiment.report import Block, Example, Paragraph, Picture, Section, Table, write_report
from experiment.tracking import Tracking
from finetune.data_module import BatchT
from finetune.model import AnswerT, InputT
from finetune.task import ConfigT, Line, Outcome, PredictionsT, Run, Task

PREFIXES = {"dev": "", "test": "test_"}
"""The rows that are evaluated, and what stands before the names of their files and figures."""

EXAMPLES = 3
"""Shown on the first screen, and mistakes on the last."""

MISTAKES = 20
"""Shown in the report."""


def show_start(
    task: Task[ConfigT, RowT, InputT, BatchT, AnswerT, PredictionsT],
    run: Run[ConfigT, RowT, InputT, BatchT, AnswerT],
) -> None:
    """The first screen: what is trained on what, and some rows as the network gets them."""
    console, config, words = run.console, run.config, task.words
    whose = f"your {words.rows}" if config.train_file else "the built-in sample"
    console.heading(f"SaeBERT · {words.noun} · {whose}")
    if not config.train_file:
        console.note(f"No --train_file was given, so this run uses {words.sample}.")
    console.table([*_data_lines(task, run), *_run_lines(task, run)])
    for note in [*_notes(run), *_position_notes(run), *run.speed.notes(run.machine)]:
        console.note(note)
    console.heading("Examples")
    for title, example in task.examples(run, EXAMPLES):
        console.example(title, example)
    console.heading("Training")


def _notes(run: Run[ConfigT, RowT, InputT, BatchT, AnswerT]) -> list[str]:
    return [*run.rows.notes, *run.model.notes()]


def _position_notes(run: Run[ConfigT, RowT, InputT, BatchT, AnswerT]) -> list[str]:
    """What people should know where rows are longer than what the encoder was pretrained at; a sentence or none."""
    trained = run.encoder.config.trained_positions
    beyond = 0 if trained is None else sum(row.longest > trained for part in run.inputs.values() for row in part)
    if not beyond:
        return []
    return [
        f"{beyond:,} rows are longer than the {trained} tokens that the encoder was pretrained at; what lies behind them is read "
        "at positions that only this training learns."
    ]


def _data_lines(
    task: Task[ConfigT, RowT, InputT, BatchT, AnswerT, PredictionsT],
    run: Run[ConfigT, RowT, InputT, BatchT, AnswerT],
) -> list[Line]:
    counts = ", ".join(f"{len(part):,} {use}" for use, part in run.rows.parts.items())
    return [(task.words.rows, counts), ("fingerprint", run.rows.fingerprint), *task.data_lines(run)]


def _run_lines(
    task: Task[ConfigT, RowT, InputT, BatchT, AnswerT, PredictionsT],
    run: Run[ConfigT, RowT, InputT, BatchT, AnswerT],
) -> list[Line]:
    """Network, head, training and device."""
    settings, machine, shape = run.settings, run.machine, run.encoder.config
    parameters = sum(parameter.numel() for parameter in run.model.network.parameters())
    weights = "random weights" if run.config.random_weights else str(run.checkpoint.path)
    lengths = [row.length for row in run.inputs["train"]]
    tokens = quantity(run.config.batch_size * sum(lengths) / len(lengths))
    same = settings.head_learning_rate == settings.learning_rate
    head = "" if same else f" ({settings.head_learning_rate:g} for the head)"
    attention = choose_path(machine.device, machine.dtype, shape.attention_probs_dropout_prob)
    return [
        (
            "network",
            f"{shape.num_hidden_layers} layers of {shape.hidden_size}, {quantity(parameters)} parameters; {weights}",
        ),
        *task.head_lines(run.config),
        (
            "training",
            f"{settings.epochs} epochs, batches of about {run.config.batch_size} rows ({tokens} tokens), learning rate "
            f"{settings.learning_rate:g}{head}",
        ),
        ("device", f"{machine.description}, {attention} attention{run.speed.description}"),
        ("run", str(run.directory.path)),
    ]


def write_report_of(
    task: Task[ConfigT, RowT, InputT, BatchT, AnswerT, PredictionsT],
    run: Run[ConfigT, RowT, InputT, BatchT, AnswerT],
    outcome: Outcome[PredictionsT],
    environment: dict[str, Any],
) -> None:
    """Writes the plots and the report of a run."""
    plots, words = run.directory.plots, task.words
    curves = [
        Panel(
            "Loss",
            task.loss_unit(run.config, run.rows.outputs),
            [Curve("train_loss", "training"), Curve("dev_loss", "dev", "points")],
        ),
        *(
            Panel(title, "%", [Curve(f"dev_{name}", "dev", "points")], scale=100)
            for name, title in task.curves(run.config, run.rows.outputs).items()
        ),
        Panel("Learning rate", "", [Curve("learning_rate", "", "exact")]),
        Panel("Gradient norm, before clipping", "", [Curve("gradient_norm", "")]),
    ]
    plot_curves(read_curves(run.directory.history), curves, plots / "curves.png", x="epoch", x_label="epoch")
    by_label, of_rows = task.plot(run, outcome)
    figures = task.label_table(outcome.last, run.rows.outputs)
    worst = task.mistake_blocks(outcome.last, MISTAKES)
    if worst is None:
        worst = [Example(text, title) for title, text in task.mistakes(outcome.last, MISTAKES)]
    rows, header = _result_table(task, outcome)

    def pictures(lines: list[Line]) -> list[Block]:
        return [Picture(plots / name, caption) for name, caption in lines]

    write_report(
        run.directory.path / "report.html",
        f"SaeBERT {words.noun}",
        [
            Section(
                "Result",
                [
                    Table(rows, header),
                    *[Paragraph(sentence) for sentence in _explanation(task, run, outcome)],
                    *pictures([("curves.png", "Training")]),
                ],
            ),
            Section("In detail", [*([Table(*figures)] if figures else []), *pictures(by_label)]),
            Section("The surest mistakes", worst or [Paragraph("There are none.")]),
            Section(
                words.rows.capitalize(),
                [
                    Table(_data_lines(task, run)),
                    *[Paragraph(note) for note in _notes(run)],
                    *pictures(of_rows),
                ],
            ),
            Section("Examples", [Example(text, title) for title, text in task.examples(run, EXAMPLES)]),
            Section("Run", [Table(_run_lines(task, run))]),
            Section("Machine", [Table([(name, str(value)) for name, value in environment.items() if value])]),
        ],
        subtitle=run.directory.name,
    )


def _result_table(
    task: Task[ConfigT, RowT, InputT, BatchT, AnswerT, PredictionsT], outcome: Outcome[PredictionsT]
) -> tuple[list[tuple[str, ...]], tuple[str, ...]]:
    """Rows and header: this model, and what a guess would score."""
    columns = {f"{use} {task.words.rows}": metrics for use, metrics in outcome.metrics.items()}
    if outcome.guess:
        columns["a guess"] = outcome.guess
    return percent_rows(task.metrics_titles, columns), ("", *columns)


def _is_useless(
    task: Task[ConfigT, RowT, InputT, BatchT, AnswerT, PredictionsT],
    run: Run[ConfigT, RowT, InputT, BatchT, AnswerT],
    outcome: Outcome[PredictionsT],
) -> bool:
    """Whether it is no better than a guess by what the best evaluation is chosen by. Other metrics may be worse: a model that
    finds rare labels is wrong about common ones more often."""
    score = task.score(run.rows.outputs)
    return bool(outcome.no_better(score if outcome.guess else score[:1]))


def _explanation(
    task: Task[ConfigT, RowT, InputT, BatchT, AnswerT, PredictionsT],
    run: Run[ConfigT, RowT, InputT, BatchT, AnswerT],
    outcome: Outcome[PredictionsT],
) -> list[str]:
    """What people should know of the figures, a sentence each; first whether they are worse than a guess."""
    said = []
    titles, useless = task.metrics_titles, _is_useless(task, run, outcome)
    shown = [name for name in titles if name in outcome.metrics[outcome.use]]
    if outcome.guess and (worse := outcome.no_better(shown)):
        said.append(f"By {', '.join(titles[name] for name in worse)} this model is no better than a guess.")
    elif useless:
        said.append(f"By {titles[task.score(run.rows.outputs)[0]]} this model is no better than an empty answer.")
    if useless:
        said[-1] += (
            f" It has not learnt the {task.words.noun}: train for more --epochs, or start from a longer pretraining."
        )
    said += task.explanation(run, outcome)
    if not run.config.train_file:
        said.append("Trained on the built-in sample: enough to see that everything works, not enough to be of use.")
    return said


def show_results(
    task: Task[ConfigT, RowT, InputT, BatchT, AnswerT, PredictionsT],
    run: Run[ConfigT, RowT, InputT, BatchT, AnswerT],
    outcome: Outcome[PredictionsT],
    tracking: Tracking | None,
) -> None:
    """The last screen: what came out, where it lies, and which command comes next."""
    console, figures, path = run.console, outcome.figures, run.directory.path
    console.heading("Result")
    rows, header = _result_table(task, outcome)
    console.table(rows, header)
    by_label = task.label_table(outcome.last, run.rows.outputs)
    if by_label and len(by_label[0]) <= task.most_labels_shown:
        console.table(*by_label)
    console.note(
        f"Best after epoch {figures['best_epoch']:.3g} of {figures['epochs_trained']:.3g}; "
        f"{quantity(figures['tokens_seen'])} real tokens in {duration(figures['wall_seconds'])} "
        f"({quantity(figures['real_tokens_per_second'])} a second while training)."
    )
    for sentence in _explanation(task, run, outcome):
        console.text(sentence)
    wrong = task.mistakes(outcome.last, EXAMPLES)
    if wrong:
        console.heading("The surest mistakes")
    for title, text in wrong:
        console.example(title, text)
    program = f"{command('run_finetune.py')} --task {task.name}"
    commands: list[Line] = []
    if not _is_useless(task, run, outcome):
        commands.append(("predict", f"{program} --predict FILE --checkpoint {path}"))
    if not run.config.train_file:
        commands.append((f"your own {task.words.rows}", f"{program} --train_file FILE"))
    lying = [
        ("model", str(run.directory.model)),
        ("report", str(path / "report.html")),
        ("answers, errors", f"{path / f'predictions{task.suffix}'}, {path / 'errors.csv'}"),
    ]
    if task.page:
        lying.append(("to look at", str(path / task.page)))
    show_places(console, lying, tracking, commands)


def show_places(console: Console, lying: list[Line], tracking: Tracking | None, commands: list[Line]) -> None:
    """The end of a last screen: where things lie, and which command comes next."""
    console.heading("Where it lies")
    console.table(list(lying))
    console.heading("Next")
    console.table([*([("browse the runs", tracking.ui_command)] if tracking else []), *commands])


def percent_rows(titles: Mapping[str, str], columns: dict[str, dict[str, float]]) -> list[tuple[str, ...]]:
    """A line for each metric that a column has, in percent, with a cell for each column; "–" where a column lacks it."""
    return [
        (f"{title} (%)", *(f"{100 * found[name]:.2f}" if name in found else "–" for found in columns.values()))
        for name, title in titles.items()
        if any(name in found for found in columns.values())
    ]
