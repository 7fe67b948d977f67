"""Named entities as a task: what `finetune.run` and `finetune.pipeline` ask for."""

import numpy as np
import torch
from torch import Tensor

from experiment.console import first_places
from finetune.batches import FineTuningData
from finetune.entity.answers import Answer
from finetune.entity.evaluation import metrics_of
from finetune.entity.head import EntityBatch, make_batch
from finetune.entity.model import EntityModel
from finetune.entity.predict import predict
from finetune.entity.results import Outcome, show_results, show_start, write_results
from finetune.entity.rows import read_rows
from finetune.entity.start import EntityRun, input_report, prepare_run, shape_of
from finetune.entity.together import grid_figures, write_together
from finetune.losses import r_drop
from finetune.task import TaskDefinition
from finetune.training import Task


def training(run: EntityRun) -> Task:
    """The task as the training sees it."""
    config, model, machine, rows = run.config, run.model, run.machine, run.rows
    # A text that the tokenizer leaves nothing of has nothing to learn from; data_report.json counts it.
    used = [row for row, aligned in enumerate(run.aligned["train"]) if len(aligned.token)]
    texts, aligned = [rows.train[row] for row in used], [run.aligned["train"][row] for row in used]
    tags = [each.tags(text.entities or (), model.types) for text, each in zip(texts, aligned, strict=True)]
    numbers = [model.numbers(each) for each in aligned]
    elements = sum(map(len, tags)) / len(tags)
    data = FineTuningData(
        np.array([each.length for each in aligned]),
        lambda chosen: make_batch(aligned, numbers, chosen, tags),
        batch_size=config.batch_size,
        seed=config.seed,
        pin_memory=machine.device.type == "cuda",
    )
    network = model.network

    def loss(batch: EntityBatch) -> Tensor:
        scores = network(batch)
        total = network.head.losses(scores, batch).sum()
        if config.r_drop:
            other = network(batch)
            apart = r_drop(scores.log_softmax(-1).flatten(0, 1), other.log_softmax(-1).flatten(0, 1))
            total = (total + network.head.losses(other, batch).sum() + config.r_drop * apart.sum()) / 2
        # Nats an element; each counts alike over the epoch, whether its step has many texts or few long ones.
        return total / (data.rows_a_step * elements)

    def evaluate() -> dict[str, float]:
        assert data.trainer is not None
        rank, processes = data.trainer.global_rank, data.trainer.world_size
        mine = model.answer(rows.dev, run.aligned["dev"], machine, share=(rank, processes))
        answers = mine if processes == 1 else _gather(mine, processes)
        return metrics_of(answers, model.types)

    return Task(
        network=network,
        encoder=network.bert,
        data=data,
        loss=loss,
        evaluate=evaluate,
        score=("entity_f1", "char_f1"),
        save=lambda: model.save(run.directory.model),
        where=lambda chosen: first_places([texts[row].where for row in chosen]),
    )


def _gather(mine: list[Answer], processes: int) -> list[Answer]:
    """The answers of all processes, each of which has found nothing in the texts of the others."""
    parts: list[list[Answer]] = [[]] * processes
    torch.distributed.all_gather_object(parts, mine)
    return [max(answers, key=lambda answer: len(answer.entities)) for answers in zip(*parts, strict=True)]


def ask(run: EntityRun, figures: dict[str, float]) -> Outcome:
    """Answers of the best evaluation's model, as it lies on the disk."""
    best = EntityModel.load(run.directory.model)
    best.network.to(run.machine.device)
    parts = {use: part for use, part in run.rows.parts.items() if use != "train"}
    return Outcome(
        figures,
        {use: best.answer(part, run.aligned[use], run.machine) for use, part in parts.items()},
        best.types,
    )


ENTITIES = TaskDefinition(
    name="ner",
    noun="named entities",
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
