"""Relation extraction as a task: what `finetune.run` and `finetune.pipeline` ask for."""

import numpy as np
import torch
from torch import Tensor

from experiment.console import first_places
from finetune.batches import FineTuningData
from finetune.losses import r_drop
from finetune.relation.evaluation import metrics_of
from finetune.relation.losses import RelationLoss, balanced_weights
from finetune.relation.model import RelationBatch, RelationModel, label_numbers, make_batch
from finetune.relation.predict import predict
from finetune.relation.predictions import Predictions
from finetune.relation.results import Outcome, show_results, show_start, write_results
from finetune.relation.rows import read_rows
from finetune.relation.start import RelationRun, input_report, prepare_run, shape_of
from finetune.relation.together import grid_figures, write_together
from finetune.task import TaskDefinition
from finetune.training import Task


def training(run: RelationRun) -> Task:
    """The task as the training sees it."""
    config, model, machine, rows = run.config, run.model, run.machine, run.rows
    labels = label_numbers(rows.train, model.labels)
    data = FineTuningData(
        np.array([len(marked.ids) for marked in run.marked["train"]]),
        lambda chosen: make_batch(run.marked["train"], labels, chosen),
        batch_size=config.batch_size,
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
        # Each row counts alike over the epoch, whether its step has many rows or few long ones.
        return each.sum() / data.rows_a_step

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
        where=lambda chosen: first_places([rows.train[row].where for row in chosen]),
    )


def ask(run: RelationRun, figures: dict[str, float]) -> Outcome:
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


RELATIONS = TaskDefinition(
    name="re",
    noun="relations",
    read_rows=read_rows,
    prepare=prepare_run,
    sizes=shape_of,
    input_report=input_report,
    show_start=show_start,
    training=training,
    ask=ask,
    write_results=write_results,
    show_results=show_results,
    predict=predict,
    grid_figures=grid_figures,
    write_together=write_together,
)
