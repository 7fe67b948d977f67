"""How a relation extraction run begins: checkpoint, rows, marked rows and a new head, brought together.

runs/pretrain/latest ──── tokenizer, encoder ──┐
train.json ── rows ── labels, entity types ────┴── marked rows, network
"""

from dataclasses import dataclass
from typing import Any

from data.relations import Relation
from experiment.console import Console
from experiment.distributed import process_rank
from experiment.machine import Machine, choose_machine
from experiment.options import write_yaml
from experiment.run_directory import RunDirectory
from experiment.speed import Speed, measure_speed
from finetune.relation.config import RelationConfig
from finetune.relation.head import BertForRelation, HeadOptions
from finetune.relation.marking import Marked, MarkerOptions, RelationMarker
from finetune.relation.model import RelationModel
from finetune.relation.rows import RelationRows, read_rows
from finetune.start import Checkpoint, complete, find_checkpoint, seed_everything


@dataclass(frozen=True)
class RelationRun:
    """What all stages of a run share."""

    config: RelationConfig
    """Complete: nothing is left open."""
    checkpoint: Checkpoint
    directory: RunDirectory
    console: Console
    machine: Machine
    speed: Speed
    rows: RelationRows
    marked: dict[str, list[Marked]]
    """By use: train, dev, test."""
    model: RelationModel

    @property
    def parts(self) -> dict[str, list[Relation]]:
        """The rows by use; those that are there."""
        return _parts(self.rows)


def prepare_run(config: RelationConfig, directory: RunDirectory, console: Console, fold: int | None) -> RelationRun:
    """Everything before the first step, so that what can fail for a user's mistake fails here.

    Raises:
        UsageError, DataError, PretrainedError: in one sentence.
    """
    checkpoint = find_checkpoint(config)
    wordpiece = checkpoint.wordpiece()
    rows = read_rows(config, fold)
    seed_everything(config.seed)
    encoder = checkpoint.encoder(config.dropout, config.random_weights)
    config = complete(config, checkpoint, encoder.config)
    assert config.max_length is not None and config.dropout is not None
    machine = choose_machine(config.accelerator, config.precision, config.threads)
    if process_rank() == 0:
        write_yaml(config, directory.config)
    marker = RelationMarker(wordpiece, MarkerOptions(config.markers, config.query, config.max_length), types=rows.types)
    head = HeadOptions(
        config.entity_layer,
        config.concat,
        config.entity_pooling,
        config.cls,
        config.activation,
        config.hierarchical,
        config.dropout,
    )
    model = RelationModel(
        BertForRelation(encoder, head, rows.labels),
        wordpiece,
        marker,
        rows.labels,
        rows.counts,
        config.negative_label,
    )
    return RelationRun(
        config=config,
        checkpoint=checkpoint,
        directory=directory,
        console=console,
        machine=machine,
        speed=measure_speed(machine, config.output_dir / "cache"),
        rows=rows,
        marked={use: marker.mark(part) for use, part in _parts(rows).items()},
        model=model,
    )


def _parts(rows: RelationRows) -> dict[str, list[Relation]]:
    """The rows by use; those that are there."""
    return {use: part for use, part in (("train", rows.train), ("dev", rows.dev), ("test", rows.test)) if part}


def shape_of(run: RelationRun) -> dict[str, Any]:
    """Sizes that follow from the configuration and the data, for the tracking store."""
    return {
        "parameters": sum(parameter.numel() for parameter in run.model.network.parameters()),
        "relations": len(run.model.labels),
    } | {f"{use}_rows": len(part) for use, part in run.parts.items()}


def input_report(run: RelationRun) -> dict[str, Any]:
    """What marking did to the rows, for `data_report.json`."""
    cut = {
        use: {
            reason: [row.where for row, marked in zip(rows, run.marked[use], strict=True) if marked.cut == reason][:100]
            for reason in ("context", "middle", "entity")
        }
        for use, rows in run.parts.items()
    }
    counts = {
        use: {reason: sum(marked.cut == reason for marked in run.marked[use]) for reason in reasons}
        for use, reasons in cut.items()
    }
    return {
        "longer_than_max_length": counts,
        "first_places": cut,
        "entity_types_unknown_to_training": dict(run.model.marker.unknown_types),
        "entities_without_a_type": run.model.marker.untyped,
        "marker_tokens": dict(run.model.marker.tokens),
    }
