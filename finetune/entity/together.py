"""What the runs of a grid answer together: what most of them find, and every text by the model that has not seen it.

    --seeds 0 1 2               dev (and test) texts: what three models agree on
    --folds 5                   training texts: each by the model of the fold that held it out; test texts: five models
    --folds 5 --seeds 0 1 2     training texts: the three models that held the text out; …

A sweep compares settings, so its runs do not answer together.
"""

from collections import defaultdict
from collections.abc import Sequence

from experiment.console import Console
from experiment.run_directory import RunDirectory
from experiment.tracking import Tracking
from finetune.entity.answers import Answer, mean_answers
from finetune.entity.config import EntityConfig
from finetune.entity.evaluation import METRICS, metrics_of, write_evaluation
from finetune.entity.files import read_answers, write_answers
from finetune.entity.rows import EntityRows
from finetune.grid.statistics import Outcome
from finetune.screens import USES, percent_rows


def grid_figures(config: EntityConfig) -> dict[str, str]:
    """The metrics of a grid's tables with their titles; the first one orders the cells."""
    shown = ("entity_f1", "entity_macro_f1", "char_f1")
    figures = {name: f"dev {METRICS[name]}" for name in shown}
    if config.test_file:
        figures |= {f"test_{name}": f"test {METRICS[name]}" for name in ("entity_f1", "klue_entity_f1", "klue_char_f1")}
    return figures


def write_together(
    outcomes: Sequence[Outcome],
    directory: RunDirectory,
    rows: EntityRows,
    tracking: Tracking | None,
    console: Console,
) -> None:
    """Writes the runs' common answers and shows how good they are; nothing for a sweep.

    Args:
        outcomes: how the runs ended.
        directory: the grid's.
        rows: those of its first run, whose types all of them know.
        tracking: the grid's entry in MLflow.
        console: the screen.
    """
    done = [outcome for outcome in outcomes if outcome.error is None]
    if any(outcome.child.cell for outcome in done) or len(done) < 2:
        return
    columns: dict[str, dict[str, float]] = {}
    for use, prefix in USES.items():
        name = f"{prefix}predictions.jsonl"
        by_texts: defaultdict[int | None, dict[str, Sequence[Answer]]] = defaultdict(dict)
        for outcome in done:
            path = directory.runs / outcome.child.name / name
            if path.is_file():
                fold = outcome.child.fold if use == "dev" else None
                by_texts[fold][outcome.child.name] = list(read_answers(path))
        if not by_texts:
            continue
        together = [answer for parts in by_texts.values() for answer in mean_answers(parts)]
        metrics = metrics_of(together, rows.types)
        write_answers(directory.path / name, together)
        write_evaluation(directory.path, f"{prefix}ensemble_", together, rows.types, metrics)
        columns["every text, held out" if None not in by_texts else f"{use} texts, all models"] = metrics
        if tracking:
            tracking.log_metrics({f"{prefix}ensemble_{metric}": value for metric, value in metrics.items()})
            tracking.log_artifact(directory.path / name)
    console.heading("Together")
    console.table(percent_rows(METRICS, columns), ("", *columns))
