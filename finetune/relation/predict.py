"""Answers for rows that nobody has labelled, by one fine-tuned run or the mean of several.

    --predict unlabelled.csv --checkpoint RUN        RUN/predictions/unlabelled.csv              id,label,pred_label,probs
                                                     RUN/predictions/unlabelled_submission.csv   id,pred_label,probs

Where the rows are labelled, `…_metrics.json`, `…_errors.csv` and `…_relations.csv` are written beside them. A run that
consists of runs (seeds, folds, a sweep) answers with the mean of them all.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from data.relations import RelationFile, read_relations
from experiment.console import Console
from experiment.machine import Machine, choose_machine
from experiment.run_directory import RunDirectory, replacing
from finetune.prediction import beside, default_path, model_folders
from finetune.relation.config import RelationConfig
from finetune.relation.evaluation import METRICS, metrics_of, write_evaluation
from finetune.relation.marking import type_notes
from finetune.relation.model import DESCRIPTION_FILE, RelationModel
from finetune.relation.predictions import Predictions, mean_predictions, write_predictions, write_submission
from finetune.screens import percent_rows

Report = Callable[[int, int], None]
"""Is told how many rows are done, of how many."""


def predict(config: RelationConfig, console: Console) -> Path:
    """Writes the answers for the rows of `config.predict`; gives the file with them.

    Raises:
        UsageError, DataError, PretrainedError: a user's mistake, in one sentence.
    """
    assert config.predict is not None
    named = config.ensemble or [config.checkpoint or RunDirectory.latest(config.output_dir, "finetune/re").path]
    folders = [folder for path in named for folder in model_folders(path, DESCRIPTION_FILE, "re")]
    machine = choose_machine(config.accelerator, config.precision, config.threads)
    file = read_relations(config.predict, needs_label=False, strict=config.strict)
    console.heading(f"SaeBERT · relations · {len(file.ids):,} rows to predict")
    parts = {}
    for number, folder in enumerate(folders, 1):
        label = "Predicting" if len(folders) == 1 else f"Model {number} of {len(folders)}"
        model = RelationModel.load(folder)
        with console.progress(label, "rows") as report:
            parts[str(folder)] = answers(model, file, machine, report)
    predictions = mean_predictions(parts)
    path = config.output or default_path(config, named, ".csv")
    write_predictions(path, predictions)
    write_submission(beside(path, "submission.csv"), predictions)
    with replacing(beside(path, "data_report.json")) as temporary:
        temporary.write_text(json.dumps(file.report(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    _show(config, console, file, folders, model, predictions, path)
    return path


def answers(
    model: RelationModel, file: RelationFile, machine: Machine, report: Report = lambda done, total: None
) -> Predictions:
    """One model's answers for all rows of a file; a row that could not be read gets the labels' shares in training."""
    model.network.to(machine.device)
    probabilities = model.probabilities(model.marker.mark(file.relations), machine, report=report)
    return Predictions.of_file(file, model.labels, probabilities, model.shares)


def _show(
    config: RelationConfig,
    console: Console,
    file: RelationFile,
    folders: Sequence[Path],
    model: RelationModel,
    predictions: Predictions,
    path: Path,
) -> None:
    rows = [("rows", f"{config.predict}, {file.format}"), ("model", ", ".join(map(str, folders[:3])))]
    if len(folders) > 3:
        rows.append(("", f"and {len(folders) - 3} more; the mean of all"))
    console.table(rows)
    for reason, places in file.rejected.items():
        console.warning(
            f"{len(places):,} rows could not be read ({reason}, {places[0]} first); they are answered with the labels' "
            "shares in training."
        )
    for note in type_notes(model.marker):
        console.note(note)
    if any(label is not None for label in predictions.gold):
        metrics = metrics_of(predictions, model.negative_label)
        write_evaluation(path.parent, f"{path.stem}_", predictions, metrics)
        console.heading("Result")
        console.table(percent_rows(METRICS, {"these rows": metrics}), ("", "these rows"))
    console.heading("Where it lies")
    console.table([("predictions", str(path)), ("submission", str(beside(path, "submission.csv")))])
