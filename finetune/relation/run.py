"""One fine-tuning run from its configuration to its last file.

    configuration → rows → marked rows → network → training → the best evaluation's model/ → predictions, report

The order is that of the screen: what is read here from top to bottom is what a user sees from top to bottom.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from experiment.console import Console
from experiment.environment import describe_environment, process_rank
from experiment.options import as_dict
from experiment.run_directory import RunDirectory
from experiment.tracking import open_tracking
from experiment.training import InterruptedRun
from finetune.batches import FineTuningData
from finetune.relation.config import RelationConfig
from finetune.relation.evaluation import metrics_of
from finetune.relation.losses import RelationLoss, balanced_weights, r_drop
from finetune.relation.model import RelationBatch, RelationModel, label_numbers, make_batch
from finetune.relation.predictions import Predictions
from finetune.relation.results import Outcome, show_results, show_start, write_results
from finetune.relation.start import RelationRun, input_report, prepare_run, shape_of
from finetune.training import Task, train

KIND = "finetune/re"


def run_relation(
    config: RelationConfig,
    directory: RunDirectory,
    console: Console,
    *,
    fold: int | None = None,
    parent: Mapping[str, str] | None = None,
) -> dict[str, float]:
    """Carries out a run in its directory and returns its metrics.

    Args:
        config: as the user gave it.
        directory: new and empty.
        console: the screen.
        fold: which of `config.folds` parts are the dev rows.
        parent: tags of the grid that this run is a part of; None for a run of its own. A part keeps its screen short and
            leaves it to the grid to mark it as finished.

    Raises:
        UsageError, DataError, PretrainedError: a user's mistake, in one sentence.
        NotFiniteError, InterruptedRun: the training ended early.
    """
    run = prepare_run(config, directory, console, fold)
    environment = describe_environment()
    tracking = open_tracking(
        config.tracking_uri,
        KIND,
        directory,
        output_dir=config.output_dir,
        params=as_dict(run.config) | shape_of(run) | ({"fold": fold} if fold is not None else {}),
        tags={name: str(value) for name, value in environment.items() if value is not None}
        | run.checkpoint.tags
        | {"data_fingerprint": run.rows.fingerprint}
        | dict(parent or {}),
        warn=console.warning,
    )
    try:
        if process_rank() == 0:
            directory.write_json("data_report.json", run.rows.report() | {"input": input_report(run)})
            if parent is None:
                show_start(run)
        figures = train(_task(run), run.config, run.machine, directory, console, tracking)
        metrics: dict[str, float] = {}
        if process_rank() == 0:
            outcome = _outcome(run, figures)
            metrics = write_results(run, outcome, environment, tracking)
            if parent is None:
                directory.mark_finished()
                show_results(run, outcome, tracking)
    except BaseException as error:
        if tracking:
            tracking.finish("KILLED" if isinstance(error, InterruptedRun | KeyboardInterrupt) else "FAILED")
        raise
    if tracking:
        tracking.finish()
    return metrics


def _task(run: RelationRun) -> Task:
    """The task as the training sees it."""
    config, model, machine, rows = run.config, run.model, run.machine, run.rows
    labels = label_numbers(rows.train, model.labels)
    data = FineTuningData(
        np.array([len(marked.ids) for marked in run.marked["train"]]),
        lambda chosen: make_batch(run.marked["train"], labels, chosen),
        batch_size=config.batch_size,
        accumulate=config.accumulate,
        seed=config.seed,
        pin_memory=machine.device.type == "cuda",
    )
    criterion = RelationLoss(
        config.loss,
        label_smoothing=config.label_smoothing,
        focal_gamma=config.focal_gamma,
        class_weights=balanced_weights(model.counts, config.class_weights),
    ).to(machine.device)

    def loss(batch: RelationBatch) -> Tensor:
        log_p = model.network(batch.packed, batch.spans)
        each = criterion(log_p, batch.labels)
        if config.r_drop:
            log_q = model.network(batch.packed, batch.spans)
            each = (each + criterion(log_q, batch.labels) + config.r_drop * r_drop(log_p, log_q)) / 2
        # Each row counts alike over the epoch, whether its batch has many rows or few long ones.
        assert data.trainer is not None
        return each.sum() / data.rows_a_batch(data.trainer.world_size)

    def evaluate() -> dict[str, float]:
        assert data.trainer is not None
        trainer = data.trainer
        share = (trainer.global_rank, trainer.world_size)
        part = torch.from_numpy(model.probabilities(run.marked["dev"], machine, share=share))
        together = trainer.strategy.reduce(part.to(trainer.strategy.root_device), reduce_op="sum")
        answers = Predictions.of_rows(rows.dev, model.labels, together.cpu().numpy())
        return metrics_of(answers, model.negative_label)

    return Task(
        network=model.network,
        encoder=model.network.bert,
        data=data,
        loss=loss,
        evaluate=evaluate,
        score=("micro_f1", "auprc"),
        save=lambda: model.save(run.directory.model),
        where=lambda batch: _places([rows.train[row].where for row in batch.rows]),
    )


def _places(places: list[str], shown: int = 5) -> str:
    return ", ".join(places[:shown]) + (f" and {len(places) - shown} more" if len(places) > shown else "")


def _outcome(run: RelationRun, figures: dict[str, float]) -> Outcome:
    """Answers of the best evaluation's model, as it lies on the disk."""
    best = RelationModel.load(run.directory.model)
    best.network.to(run.machine.device)
    return Outcome(
        figures,
        {
            use: Predictions.of_rows(rows, best.labels, best.probabilities(run.marked[use], run.machine))
            for use, rows in run.parts.items()
            if use != "train"
        },
        best.negative_label,
    )
