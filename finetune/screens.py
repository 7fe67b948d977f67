"""The lines that the screens and reports of all tasks share."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch.nn as nn

from bert_core.attention import choose_path
from bert_core.model import Bert
from experiment.console import Console, duration, quantity
from experiment.plots import Line, Panel
from experiment.tracking import Tracking
from finetune.start import Run

Line2 = tuple[str, str]
"""A name and what is said of it."""

USES = {"dev": "", "test": "test_"}
"""The rows that are evaluated, and what stands before the names of their files and figures."""


def network_line(run: Run, network: nn.Module, encoder: Bert) -> Line2:
    """Size, and where the weights come from."""
    shape = encoder.config
    parameters = sum(parameter.numel() for parameter in network.parameters())
    weights = "random weights" if run.config.random_weights else str(run.checkpoint.path)
    return (
        "network",
        f"{shape.num_hidden_layers} layers of {shape.hidden_size}, {quantity(parameters)} parameters; {weights}",
    )


def position_notes(encoder: Bert, lengths: Iterable[int]) -> list[str]:
    """What people should know where rows are longer than what the encoder was pretrained at; a sentence or none.

    Args:
        encoder: with its shape.
        lengths: tokens of each row, or of each window.
    """
    trained = encoder.config.trained_positions
    beyond = 0 if trained is None else sum(length > trained for length in lengths)
    if not beyond:
        return []
    return [
        f"{beyond:,} rows are longer than the {trained} tokens that the encoder was pretrained at; what lies behind them is read "
        "at positions that only this training learns."
    ]


def training_line(run: Run, lengths: Sequence[int]) -> Line2:
    """Epochs and batches; `lengths` are the training rows' tokens."""
    config = run.config
    tokens = quantity(config.batch_size * sum(lengths) / len(lengths))
    head = "" if config.head_learning_rate == config.learning_rate else f" ({config.head_learning_rate:g} for the head)"
    return (
        "training",
        f"{config.epochs} epochs, batches of about {config.batch_size} rows ({tokens} tokens), learning rate "
        f"{config.learning_rate:g}{head}",
    )


def device_line(run: Run, encoder: Bert) -> Line2:
    """Device, precision, threads, attention path, and how fast the device multiplies where that is known."""
    machine = run.machine
    attention = choose_path(machine.device, machine.dtype, encoder.config.attention_probs_dropout_prob)
    return "device", f"{machine.description}, {attention} attention{run.speed.description}"


def training_panels(metrics: dict[str, str], unit: str) -> list[Panel]:
    """The curves of a run: loss, metrics on the dev rows (name → title), and what the optimizer does.

    Args:
        metrics: names without "dev_".
        unit: of the loss.
    """
    return [
        Panel("Loss", unit, [Line("train_loss", "training"), Line("dev_loss", "dev", "points")]),
        *(Panel(title, "%", [Line(f"dev_{name}", "dev", "points")], scale=100) for name, title in metrics.items()),
        Panel("Learning rate", "", [Line("learning_rate", "", "exact")]),
        Panel("Gradient norm, before clipping", "", [Line("gradient_norm", "")]),
    ]


def trained(figures: dict[str, float]) -> str:
    """A sentence on how the training went."""
    return (
        f"Best after epoch {figures['best_epoch']:.3g} of {figures['epochs_trained']:.3g}; "
        f"{quantity(figures['tokens_seen'])} real tokens in {duration(figures['wall_seconds'])} "
        f"({quantity(figures['real_tokens_per_second'])} a second while training)."
    )


def show_places(console: Console, lying: Sequence[Line2], tracking: Tracking | None, commands: Sequence[Line2]) -> None:
    """The end of a last screen: where things lie, and which command comes next."""
    console.heading("Where it lies")
    console.table(list(lying))
    console.heading("Next")
    console.table([*([("browse the runs", tracking.ui_command)] if tracking else []), *commands])


def percent_rows(titles: dict[str, str], columns: dict[str, Any]) -> list[tuple[str, ...]]:
    """A line for each metric, in percent, with a cell for each column; "–" where a column does not have it."""
    return [
        (f"{title} (%)", *(f"{100 * found[name]:.2f}" if name in found else "–" for found in columns.values()))
        for name, title in titles.items()
    ]
