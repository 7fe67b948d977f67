"""What the runs of a grid answer together, and every row by the models that have not seen it.

    --seeds 0 1 2               dev (and test) rows: what three models say together
    --folds 5                   training rows: each by the model of the fold that held it out; test rows: five models together
    --folds 5 --seeds 0 1 2     training rows: the three models that held the row out; …

A sweep compares settings, so its runs do not answer together.
"""

from collections import defaultdict
from collections.abc import Sequence

from data.rows import RowT
from experiment.console import Console
from experiment.run_directory import RunDirectory
from experiment.tracking import Tracking
from finetune.data_module import BatchT
from finetune.grid.statistics import Outcome
from finetune.model import AnswerT, InputT
from finetune.report import PREFIXES, percent_rows
from finetune.rows import Rows
from finetune.task import ConfigT, PredictionsT, Task


def write_ensemble(
    task: Task[ConfigT, RowT, InputT, BatchT, AnswerT, PredictionsT],
    config: ConfigT,
    outcomes: Sequence[Outcome],
    directory: RunDirectory,
    rows: Rows[RowT],
    tracking: Tracking | None,
    console: Console,
) -> None:
    """Writes the runs' common answers and shows how good they are; nothing for a sweep.

    Args:
        task: of the runs.
        config: the grid's.
        outcomes: how the runs ended.
        directory: the grid's.
        rows: those of its first run, whose outputs all of them have.
        tracking: the grid's entry in MLflow.
        console: the screen.
    """
    done = [outcome for outcome in outcomes if outcome.error is None]
    if any(outcome.child.cell for outcome in done) or len(done) < 2:
        return
    columns: dict[str, dict[str, float]] = {}
    for use, prefix in PREFIXES.items():
        name = f"{prefix}predictions{task.suffix}"
        known = rows.files[use if use in rows.files else "train"].rows
        parts: defaultdict[int | None, dict[str, PredictionsT]] = defaultdict(dict)
        for outcome in done:
            path = directory.runs / outcome.child.name / name
            if path.is_file():
                fold = outcome.child.fold if use == "dev" else None
                parts[fold][outcome.child.name] = task.read_predictions(path, rows.outputs, known)
        if not parts:
            continue
        together = task.join([task.mean(models) for models in parts.values()])
        metrics = task.metrics(together, rows.outputs, config)
        task.write(directory.path / name, together)
        directory.write_json(f"{prefix}ensemble_metrics.json", metrics)
        task.write_evaluation(directory.path, f"{prefix}ensemble_", together, rows.outputs)
        columns["every row, held out" if None not in parts else f"{use} rows, all models"] = metrics
        if tracking:
            tracking.log_metrics({f"{prefix}ensemble_{metric}": value for metric, value in metrics.items()})
            tracking.log_artifact(directory.path / name)
    console.heading("All models together")
    console.table(percent_rows(task.metrics_titles, columns), ("", *columns))
