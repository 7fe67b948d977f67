"""What the runs of a grid answer together: the mean of their probabilities, and every row by the model that has not seen it.

    --seeds 0 1 2               dev (and test) rows: the mean of three models
    --folds 5                   training rows: each by the model of the fold that held it out; test rows: the mean of five
    --folds 5 --seeds 0 1 2     training rows: the mean of the three models that held the row out; …

A sweep compares settings, so its runs do not answer together.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from experiment.console import Console
from experiment.run_directory import RunDirectory
from experiment.tracking import Tracking
from finetune.grid.statistics import Outcome
from finetune.relation.config import RelationConfig
from finetune.relation.evaluation import METRICS, metrics_of, write_evaluation
from finetune.relation.predictions import Predictions, mean_predictions, read_predictions, write_predictions
from finetune.relation.rows import RelationRows
from finetune.screens import USES, percent_rows


def grid_figures(config: RelationConfig) -> dict[str, str]:
    """The metrics of a grid's tables with their titles; the first one orders the cells."""
    figures = {name: f"dev {title}" for name, title in METRICS.items()}
    if config.test_file:
        figures |= {f"test_{name}": f"test {METRICS[name]}" for name in ("micro_f1", "auprc")}
    return figures


def write_together(
    outcomes: Sequence[Outcome],
    directory: RunDirectory,
    rows: RelationRows,
    tracking: Tracking | None,
    console: Console,
) -> None:
    """Writes the runs' common answers and shows how good they are; nothing for a sweep.

    Args:
        outcomes: how the runs ended.
        directory: the grid's.
        rows: those of its first run, whose labels all of them know.
        tracking: the grid's entry in MLflow.
        console: the screen.
    """
    done = [outcome for outcome in outcomes if outcome.error is None]
    if any(outcome.child.cell for outcome in done) or len(done) < 2:
        return
    negative = done[0].child.config.negative_label
    columns: dict[str, dict[str, float]] = {}
    for use, prefix in USES.items():
        name = f"{prefix}predictions.csv"
        by_rows: defaultdict[int | None, dict[str, Predictions]] = defaultdict(dict)
        for outcome in done:
            path = directory.runs / outcome.child.name / name
            if path.is_file():
                fold = outcome.child.fold if use == "dev" else None
                by_rows[fold][outcome.child.name] = read_predictions(path, rows.labels)
        if not by_rows:
            continue
        file = rows.files[use if use in rows.files else "train"]
        known = {row.id: row for row in file.relations}
        together = _joined([mean_predictions(parts) for parts in by_rows.values()])
        together = Predictions(
            together.ids, together.labels, together.probabilities, together.gold, [known.get(i) for i in together.ids]
        )
        metrics = metrics_of(together, negative)
        write_predictions(directory.path / name, together)
        write_evaluation(directory.path, f"{prefix}ensemble_", together, metrics)
        columns["every row, held out" if None not in by_rows else f"{use} rows, mean of all"] = metrics
        if tracking:
            tracking.log_metrics({f"{prefix}ensemble_{metric}": value for metric, value in metrics.items()})
            tracking.log_artifact(directory.path / name)
    console.heading("Together")
    console.table(percent_rows(METRICS, columns), ("", *columns))


def _joined(parts: Sequence[Predictions]) -> Predictions:
    """Answers for different rows, one after the other."""
    return Predictions(
        [row for part in parts for row in part.ids],
        parts[0].labels,
        np.concatenate([part.probabilities for part in parts]),
        [label for part in parts for label in part.gold],
        [relation for part in parts for relation in part.relations],
    )
