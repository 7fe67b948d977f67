"""What a run shows and leaves: the first screen, the last one, `metrics.json`, the plots and the report."""

from typing import Any

import torch

from bert_core.attention import choose_path
from bert_core.model import BertForPreTraining
from data.tokenizer import WordPiece
from experiment.console import Console, duration, quantity
from experiment.history import read_curves
from experiment.machine import Machine
from experiment.plots import Line, Panel, Reference, plot_curves, plot_histogram
from experiment.program import command
from experiment.report import Example, Paragraph, Picture, Section, Table, write_report
from experiment.speed import Speed
from experiment.tracking import Tracking
from pretrain.batches import PreTrainingBatch, WindowBuilder
from pretrain.config import PretrainConfig
from pretrain.start import Run, loader_processes
from pretrain.text import Text, Unigram

EXAMPLES = 3
"""Shown on the first screen and in the report."""


def shape_of(network: BertForPreTraining, text: Text) -> dict[str, Any]:
    """Sizes that follow from the configuration and the text, for the tracking store."""
    return {
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "vocabulary": text.wordpiece.vocab_size,
        "training_documents": len(text.training),
        "held_out_documents": len(text.held_out),
    }


def show_start(
    run: Run, text: Text, builder: WindowBuilder, network: BertForPreTraining, machine: Machine, speed: Speed
) -> None:
    """The first screen: what is trained on what, and three examples as the network gets them."""
    console, config = run.console, run.config
    console.heading(f"SaeBERT · {config.preset} · {'your text' if config.corpus else 'the built-in sample'}")
    if not config.corpus:
        console.note("No --corpus was given, so this run uses generated petitions and wiki pages.")
    console.table([*_data_rows(text), *_run_rows(run, builder, network, machine, speed)])
    for note in [*_data_notes(text, config.second_objective), *speed.notes(machine)]:
        console.note(note)
    console.heading("Examples")
    for title, example in _examples(text.wordpiece, builder.first(EXAMPLES)):
        console.example(title, example)
    console.heading("Training")


def _data_rows(text: Text) -> list[tuple[str, str]]:
    report, coverage = text.corpus.report, text.coverage
    formats = sorted({file.format for file in report.files})
    return [
        ("text", f"{len(report.files):,} files ({', '.join(formats)}), {quantity(report.characters)} characters"),
        ("documents", f"{len(text.training):,} to train on, {len(text.held_out):,} held out"),
        ("fingerprint", text.corpus.fingerprint),
        (
            "tokenizer",
            f"{text.wordpiece.vocab_size:,} tokens; on held-out text {coverage.unknown_rate:.2%} [UNK], "
            f"{coverage.tokens_per_word:.2f} tokens a word, {coverage.characters_per_token:.2f} characters a token",
        ),
    ]


def _run_rows(
    run: Run, builder: WindowBuilder, network: BertForPreTraining, machine: Machine, speed: Speed
) -> list[tuple[str, str]]:
    config, shape = run.config, network.config
    tokens_an_epoch = builder.pairs.examples * builder.mean_length
    length = f"{config.max_steps:,} steps" if config.max_steps else f"{config.max_minutes:g} minutes"
    if config.short_length:
        length += f", the first {config.short_share:.0%} on sequences up to {config.short_length} tokens"
    attention = choose_path(machine.device, machine.dtype, shape.attention_probs_dropout_prob)
    workers = loader_processes(config)
    return [
        (
            "network",
            f"{quantity(sum(p.numel() for p in network.parameters()))} parameters: {shape.num_hidden_layers} layers of "
            f"{shape.hidden_size}, {shape.num_attention_heads} heads; sequences up to {config.max_length} tokens",
        ),
        (
            "step",
            f"{quantity(config.batch_tokens or 0)} real tokens over all devices, learning rate up to {config.learning_rate:g}",
        ),
        ("epoch", f"{quantity(builder.pairs.examples)} examples, {quantity(tokens_an_epoch)} tokens"),
        ("length", length),
        (
            "device",
            f"{machine.description}, {attention} attention, "
            f"{workers} loader {'process' if workers == 1 else 'processes'}{speed.description}",
        ),
        ("run", str(run.directory.path)),
    ]


def _data_notes(text: Text, second_objective: str) -> list[str]:
    """What of the user's text is not trained on."""
    survey, notes = text.survey, []
    rejected = sum(rejection.count for rejection in text.corpus.report.rejected.values())
    if rejected:
        reasons = ", ".join(f"{found.count:,} {reason}" for reason, found in text.corpus.report.rejected.items())
        notes.append(f"{rejected:,} left out: {reasons} (places in data_report.json).")
    if survey.documents_without_sentence or survey.short_sentences:
        notes.append(
            f"Of {survey.documents:,} documents looked at, {survey.documents_without_sentence:,} have no sentence left after "
            f"cleaning; {survey.short_sentences:,} short sentences were dropped beside {survey.sentences:,} kept ones."
        )
    if survey.documents_of_one_sentence and second_objective != "none":
        notes.append(
            f"{survey.documents_of_one_sentence:,} of them have one sentence only and can make no pair; "
            "--second_objective none would use them."
        )
    return notes


def _examples(wordpiece: WordPiece, batch: PreTrainingBatch) -> list[tuple[str, str]]:
    """A title and the tokens of a batch's first sequences; behind a hidden token stands what it was."""
    tokens = [wordpiece.tokens[index] for index in batch.packed.input_ids.tolist()]
    for position, label in zip(batch.masked.tolist(), batch.labels.tolist(), strict=True):
        tokens[position] += f"‹{wordpiece.tokens[label]}›"
    bounds = batch.packed.boundaries.tolist()
    examples = []
    for number in range(batch.packed.sequences):
        label = "is next" if batch.next_sentence[number] == 0 else "is not next"
        sequence = tokens[bounds[number] : bounds[number + 1]]
        title = f"{len(sequence)} tokens" + (f", the second segment {label}" if sequence.count("[SEP]") > 1 else "")
        examples.append((title, " ".join(sequence)))
    return examples


def write_results(
    run: Run,
    text: Text,
    builder: WindowBuilder,
    unigram: Unigram,
    metrics: dict[str, Any],
    environment: dict[str, Any],
    tracking: Tracking | None,
) -> None:
    """Writes `metrics.json`, the plots and `report.html`, and hands them to the tracking store."""
    directory = run.directory
    figures = metrics | {"unigram_loss": unigram.loss, "unigram_accuracy": unigram.accuracy}
    directory.write_json("metrics.json", figures)
    _plot(run, builder, unigram)
    write_report(
        directory.path / "report.html",
        f"SaeBERT {run.config.preset}",
        [
            Section("Result", [Table(*_result_table(run, unigram, metrics)), *_explanation(run, unigram, metrics)]),
            Section("Training", [Picture(directory.plots / "curves.png", "Curves over real tokens")]),
            Section(
                "Text",
                [
                    Table(_data_rows(text)),
                    *[Paragraph(note) for note in _data_notes(text, run.config.second_objective)],
                    Picture(directory.plots / "lengths.png", "Lengths of the training examples"),
                ],
            ),
            Section(
                "Examples",
                [
                    Example(example, title, ("[MASK]",))
                    for title, example in _examples(text.wordpiece, builder.first(EXAMPLES))
                ],
            ),
            Section("Machine", [Table([(name, str(value)) for name, value in environment.items() if value])]),
        ],
        subtitle=directory.name,
    )
    if tracking:
        tracking.log_metrics({name: float(value) for name, value in figures.items()}, step=int(metrics["steps"]))
        for name in ("config.yaml", "data_report.json", "metrics.json", "report.html"):
            tracking.log_artifact(directory.path / name)
        tracking.log_artifact(directory.plots, "plots")


def _plot(run: Run, builder: WindowBuilder, unigram: Unigram) -> None:
    curves = read_curves(run.directory.history)
    second = run.config.second_objective.upper()
    panels = [
        Panel(
            "Masked language model",
            "loss (nats a masked token)",
            [Line("train_mlm_loss", "training"), Line("heldout_mlm_loss", "held out", "points")],
            [Reference(unigram.loss, "unigram guess")],
        ),
        Panel(
            "Masked language model",
            "accuracy (%)",
            [Line("train_mlm_accuracy", "training"), Line("heldout_mlm_accuracy", "held out", "points")],
            [Reference(unigram.accuracy, "most frequent word")],
            scale=100,
        ),
        Panel(
            "Second segment" if second == "NONE" else second,
            "loss (nats a pair)",
            [Line("train_nsp_loss", "training"), Line("heldout_nsp_loss", "held out", "points")],
            [Reference(0.6931, "coin")],
        ),
        Panel(
            "Second segment" if second == "NONE" else second,
            "accuracy (%)",
            [Line("train_nsp_accuracy", "training"), Line("heldout_nsp_accuracy", "held out", "points")],
            [Reference(0.5, "coin")],
            scale=100,
        ),
        Panel("Learning rate", "", [Line("learning_rate", "", "exact")]),
        Panel("Gradient norm, before clipping", "", [Line("gradient_norm", "")]),
        Panel("Speed", "real tokens a second", [Line("real_tokens_per_second", "")]),
        Panel("Use of the machine", "%", [Line("mfu", "MFU"), Line("data_wait", "waiting for data")], scale=100),
    ]
    plot_curves(curves, panels, run.directory.plots / "curves.png", x="tokens_seen", x_label="real tokens")
    lengths = torch.cat([batch.packed.boundaries.diff() for batch in builder[0]]).tolist()
    plot_histogram(lengths, run.directory.plots / "lengths.png", title="Lengths of examples", x_label="tokens")


def _result_table(run: Run, unigram: Unigram, metrics: dict[str, Any]) -> tuple[list[tuple[str, ...]], tuple[str, ...]]:
    """Rows and header: this model beside what guesses and random weights score."""
    start = {name: values[0] for name, (_, values) in read_curves(run.directory.history).items() if values}
    rows: list[tuple[str, ...]] = [
        (
            "MLM loss (nats)",
            f"{metrics['mlm_loss']:.3f}",
            f"{start['heldout_mlm_loss']:.3f}",
            f"{unigram.loss:.3f}",
            "the words' frequencies",
        ),
        (
            "MLM accuracy (%)",
            f"{100 * metrics['mlm_accuracy']:.1f}",
            f"{100 * start['heldout_mlm_accuracy']:.1f}",
            f"{100 * unigram.accuracy:.1f}",
            "the most frequent word",
        ),
    ]
    if "nsp_accuracy" in metrics:
        rows.append(
            (
                f"{run.config.second_objective.upper()} accuracy (%)",
                f"{100 * metrics['nsp_accuracy']:.1f}",
                f"{100 * start['heldout_nsp_accuracy']:.1f}",
                "50.0",
                "a coin",
            )
        )
    return rows, ("held-out text", "this model", "before training", "a guess", "by")


def worse_than_guesses(config: PretrainConfig, unigram: Unigram, metrics: dict[str, Any]) -> list[str]:
    """A sentence for each objective on which the model does no better than who does not look at the text."""
    found = []
    if metrics["mlm_loss"] >= unigram.loss or metrics["mlm_accuracy"] < unigram.accuracy:
        found.append(
            "On masked words this model is no better than a guess by the words' frequencies: it has not learnt to use their "
            "context. Train longer, or lower --learning_rate."
        )
    if metrics.get("nsp_accuracy", 1.0) <= 0.5:
        name = {"nsp": "next sentences", "sop": "the order of sentences"}[config.second_objective]
        found.append(
            f"On {name} this model is no better than a coin. Train longer, or look at how documents are separated."
        )
    return found


def _explanation(run: Run, unigram: Unigram, metrics: dict[str, Any]) -> list[Paragraph]:
    found = [Paragraph(sentence) for sentence in worse_than_guesses(run.config, unigram, metrics)]
    if not run.config.corpus:
        found.append(
            Paragraph("Trained on the built-in sample: enough to see that everything works, not enough to be of use.")
        )
    return found


def show_results(run: Run, unigram: Unigram, metrics: dict[str, Any], tracking: Tracking | None) -> None:
    """The last screen: what came out, where it lies, and which command comes next."""
    console = run.console
    console.heading("Result")
    rows, header = _result_table(run, unigram, metrics)
    console.table(rows, header)
    console.note(
        f"{quantity(metrics['tokens_seen'])} real tokens in {duration(metrics['wall_seconds'])} "
        f"({quantity(metrics['real_tokens_per_second'])} a second), {metrics['steps']:,} steps."
    )
    for paragraph in _explanation(run, unigram, metrics):
        console.text(paragraph.text)
    _show_next(console, run, tracking, sound=not worse_than_guesses(run.config, unigram, metrics))


def _fine_tuning(run: Run) -> str:
    """The command that goes on from this run; without arguments it finds the run by itself."""
    if run.config.output_dir == PretrainConfig().output_dir and not run.config.corpus:
        return f"{command('run_finetune.py')} --task re"
    return f"{command('run_finetune.py')} --task re --checkpoint {run.directory.path} --train_file FILE"


def _show_next(console: Console, run: Run, tracking: Tracking | None, *, sound: bool) -> None:
    directory = run.directory
    console.heading("Where it lies")
    console.table(
        [
            ("model", f"{directory.model}  (transformers: AutoModelForPreTraining.from_pretrained)"),
            ("report", str(directory.path / "report.html")),
            ("figures", str(directory.path / "metrics.json")),
        ]
    )
    console.heading("Next")
    rows = [("browse the runs", tracking.ui_command)] if tracking else []
    if sound:
        rows.append(("fine-tune it", _fine_tuning(run)))
    if run.config.corpus:
        rows.append(("go on from it", f"{command('run.py')} --init_from {directory.model} --corpus MORE_TEXT"))
    else:
        rows.append(("your own text", f"{command('run.py')} --corpus YOUR_TEXT --preset mini --max_minutes 20"))
    console.table(rows)
