"""What a grid leaves in its run directory and on the screen: tables, a plot, and a sentence on what they prove.

    results.md      for reading: the cells, the best first, with mean ± standard deviation of each metric
    results.csv     for spreadsheets: a row for each run, with its metrics and all of its settings
    results.json    for programs: cells and runs
    results.png     the cells as dots, with their spread

    activation   micro F1        n
    gelu         62.77 ± 0.65*   3
    tanh         62.13 ± 0.78    3

Metrics are fractions, shown in percent; results.csv and results.json hold them as they are. A cell is shown with the value of each setting that any cell varies, be it its own or the default. What failed is counted
and named.
"""

import csv
import io
from collections.abc import Collection, Mapping, Sequence

from experiment.console import Console
from experiment.options import as_dict
from experiment.run_directory import RunDirectory
from finetune.grid.plan import Child
from finetune.grid.plot import plot_cells
from finetune.grid.statistics import CellResult, Outcome, by_cell, summary, verdict
from finetune.grid.sweep import as_text

RESULT_FILES = ("results.md", "results.csv", "results.json", "results.png")


def write_results(
    directory: RunDirectory,
    outcomes: Sequence[Outcome],
    planned: Sequence[Child],
    figures: Mapping[str, str],
    title: str,
    description: str,
) -> dict[str, float]:
    """Write `RESULT_FILES` for the runs carried out so far; gives their `summary`.

    `figures` are the metrics of the tables with their titles, the one that orders the cells first.
    """
    metric = next(iter(figures))
    cells = by_cell(outcomes, metric)
    directory.write_text("results.csv", _csv(outcomes))
    directory.write_text("results.md", _markdown(cells, outcomes, planned, figures, title, description))
    numbers = summary(cells, planned)
    directory.write_json(
        "results.json",
        {
            "ordered_by": metric,
            "verdict": verdict(cells, metric, figures[metric]),
            "cells": [
                {
                    "settings": {name: as_text(value) for name, value in cell.settings.items()},
                    "metrics": {key: value for key, value in summary([cell], planned).items() if "grid_" not in key},
                    "failed": cell.failed,
                }
                for cell in cells
            ],
            "runs": [
                {"name": outcome.child.name, "seed": outcome.child.seed, "fold": outcome.child.fold}
                | {"metrics": dict(outcome.metrics), "seconds": outcome.seconds, "error": outcome.error}
                for outcome in outcomes
            ],
        },
    )
    plot_cells(
        [(cell.settings, list(cell.values(metric).values())) for cell in cells],
        directory.path / "results.png",
        title=title,
        x_label=f"{figures[metric]} (%)",
    )
    return numbers


def show_results(
    console: Console, outcomes: Sequence[Outcome], planned: Sequence[Child], figures: Mapping[str, str]
) -> None:
    """The table on the screen, which has room for the spread of the first metric only."""
    metric = next(iter(figures))
    cells = by_cell(outcomes, metric)
    console.heading(f"Results of {len(outcomes)} runs, in percent")
    header, rows = _table(cells, figures, spread=[metric])
    console.table(rows, header)
    for sentence in _remarks(cells, outcomes, planned, figures):
        console.note(sentence)


def shown(outcome: Outcome, figures: Mapping[str, str]) -> str:
    """A run's main metric, for people: "micro F1 62.31"."""
    name, title = next(iter(figures.items()))
    value = outcome.metrics.get(name)
    return f"{title} {'–' if value is None else f'{100 * value:.2f}'}"


def _table(
    cells: Sequence[CellResult], figures: Mapping[str, str], spread: Collection[str]
) -> tuple[list[str], list[list[str]]]:
    """Header and rows, with a standard deviation for the metrics in `spread`. A star is put behind the best mean of each
    metric, where there are several cells."""
    settings = list(cells[0].settings)
    header = [*settings, *figures.values(), "n"]
    top = {
        name: max((mean for cell in cells if (mean := cell.mean(name)) is not None), default=None) for name in figures
    }
    rows = []
    for cell in cells:
        row = [as_text(cell.settings[name]) for name in settings]
        for name in figures:
            mean, sd = cell.mean(name), cell.sd(name) if name in spread else None
            text = "–" if mean is None else f"{100 * mean:.2f}" + ("" if sd is None else f" ± {100 * sd:.2f}")
            row.append(text + ("*" if len(cells) > 1 and mean is not None and mean == top[name] else ""))
        ended = len(cell.outcomes) - cell.failed
        rows.append([*row, f"{ended} ({cell.failed} failed)" if cell.failed else str(ended)])
    return header, rows


def _remarks(
    cells: Sequence[CellResult], outcomes: Sequence[Outcome], planned: Sequence[Child], figures: Mapping[str, str]
) -> list[str]:
    """What has to be known to read the table."""
    metric, title = next(iter(figures.items()))
    sentences = []
    if len(outcomes) < len(planned):
        sentences.append(f"{len(outcomes)} of {len(planned)} runs are finished; the table will change.")
    sentences.append(verdict(cells, metric, title))
    sentences += [f"Failed: {outcome.child.name}: {outcome.error}" for outcome in outcomes if outcome.error]
    return [sentence for sentence in sentences if sentence]


def _markdown(
    cells: Sequence[CellResult],
    outcomes: Sequence[Outcome],
    planned: Sequence[Child],
    figures: Mapping[str, str],
    title: str,
    description: str,
) -> str:
    header, rows = _table(cells, figures, spread=figures)
    settings = len(cells[0].settings)

    def cell(index: int, text: str) -> str:
        # A code span keeps cls*e1 and |e1-e2| as they are, but for the sign that separates columns.
        if index < settings:
            return f"`{text}`".replace("|", "\\|")
        return f"**{text[:-1]}**" if text.endswith("*") else text

    lines = [header, ["---"] * settings + ["--:"] * (len(header) - settings)]
    lines += [[cell(index, text) for index, text in enumerate(row)] for row in rows]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    legend = [
        "In percent",
        *["mean ± sample standard deviation over the n runs of a cell"] * (len(outcomes) > len(cells)),
    ]
    legend += ["bold: the best mean"] * (len(cells) > 1)
    remarks = ["; ".join(legend) + ".", *_remarks(cells, outcomes, planned, figures)]
    return "\n\n".join(part for part in (f"# {title}", description, table, *remarks) if part) + "\n"


def _csv(outcomes: Sequence[Outcome]) -> str:
    """A row for each run: what it varies, its metrics as fractions, its seconds, and all other settings."""
    varied = list(dict.fromkeys(name for outcome in outcomes for name in outcome.child.cell))
    metrics = list(dict.fromkeys(name for outcome in outcomes for name in outcome.metrics))
    settings = [name for name in as_dict(outcomes[0].child.config) if name not in ("seed", *varied)]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["run", *varied, "seed", "fold", *metrics, "seconds", "error", *settings])
    for outcome in outcomes:
        child, values = outcome.child, as_dict(outcome.child.config)
        writer.writerow(
            [child.name, *(as_text(values[name]) for name in varied), child.seed, child.fold]
            + [outcome.metrics.get(name) for name in metrics]
            + [round(outcome.seconds, 1), outcome.error, *(as_text(values[name]) for name in settings)]
        )
    return file.getvalue()
