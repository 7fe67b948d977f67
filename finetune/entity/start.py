"""How a run on named entities begins: checkpoint, texts, aligned texts and a new tagger, brought together.

runs/pretrain/latest ──── tokenizer, encoder ──┐
train.tsv ── texts ── types, characters ───────┴── aligned texts, network
"""

from dataclasses import dataclass
from typing import Any

from experiment.console import Console
from experiment.distributed import process_rank
from experiment.machine import Machine, choose_machine
from experiment.options import write_yaml
from experiment.run_directory import RunDirectory
from experiment.speed import Speed, measure_speed
from finetune.entity.alignment import Aligned, Aligner, AlignmentOptions, spans_of
from finetune.entity.config import EntityConfig
from finetune.entity.head import HeadOptions
from finetune.entity.model import EntityModel, known_characters
from finetune.entity.rows import EntityRows, read_rows
from finetune.start import Checkpoint, complete, find_checkpoint, seed_everything

HEAD_FACTOR = 10.0
"""How much faster the tagger learns than the encoder. On 2,500 sentences of KMOU-NER's training file for 3 epochs the pretrained
mini (one seed each) reached an entity F1 of 45.1 % on held-out ones at the same learning rate, 62.7, 64.8 and 65.4 % at 4, 10
and 20 times the rate; 61.5 % when the encoder learnt twice as fast, too. Tags are learnt from nothing, and so are transitions."""


@dataclass(frozen=True)
class EntityRun:
    """What all stages of a run share."""

    config: EntityConfig
    """Complete: nothing is left open."""
    checkpoint: Checkpoint
    directory: RunDirectory
    console: Console
    machine: Machine
    speed: Speed
    rows: EntityRows
    aligned: dict[str, list[Aligned]]
    """By use: train, dev, test."""
    model: EntityModel


def prepare_run(config: EntityConfig, directory: RunDirectory, console: Console, fold: int | None) -> EntityRun:
    """Everything before the first step, so that what can fail for a user's mistake fails here.

    Raises:
        UsageError, DataError, PretrainedError: in one sentence.
    """
    checkpoint = find_checkpoint(config)
    wordpiece = checkpoint.wordpiece()
    rows = read_rows(config, fold)
    seed_everything(config.seed)
    encoder = checkpoint.encoder(config.dropout, config.random_weights)
    config = complete(config, checkpoint, encoder.config, HEAD_FACTOR)
    assert config.max_length is not None and config.dropout is not None
    machine = choose_machine(config.accelerator, config.precision, config.threads)
    if process_rank() == 0:
        write_yaml(config, directory.config)
    alignment = AlignmentOptions(config.unit, config.max_length)
    aligner = Aligner(wordpiece, alignment)
    aligned = {use: aligner.align([text.text for text in part]) for use, part in rows.parts.items()}
    return EntityRun(
        config=config,
        checkpoint=checkpoint,
        directory=directory,
        console=console,
        machine=machine,
        speed=measure_speed(machine, config.output_dir / "cache"),
        rows=rows,
        aligned=aligned,
        model=EntityModel.new(
            encoder,
            wordpiece,
            HeadOptions(config.unit, config.crf, config.dropout),
            alignment,
            rows.types,
            known_characters(aligned["train"]),
        ),
    )


def shape_of(run: EntityRun) -> dict[str, Any]:
    """Sizes that follow from the configuration and the data, for the tracking store."""
    return {
        "parameters": sum(parameter.numel() for parameter in run.model.network.parameters()),
        "types": len(run.model.types),
        "characters": len(run.model.characters),
    } | {f"{use}_rows": len(part) for use, part in run.rows.parts.items()}


def input_report(run: EntityRun) -> dict[str, Any]:
    """What reading did to the texts, for `data_report.json`."""
    report: dict[str, Any] = {"types": run.model.types, "characters": len(run.model.characters)}
    for use, texts in run.rows.parts.items():
        pairs = list(zip(texts, run.aligned[use], strict=True))
        windowed = [text.where for text, aligned in pairs if len(aligned.windows) > 1]
        empty = [text.where for text, aligned in pairs if not len(aligned.token)]
        report[use] = {
            "read_in_several_windows": {"count": len(windowed), "places": windowed[:100]},
            "without_anything_to_tag": {"count": len(empty), "places": empty[:100]},
            "entities_not_expressible": not_expressible(run, use),
        }
    return report


def not_expressible(run: EntityRun, use: str) -> int:
    """How many entities have an end within an element, so that no tags give them; with `unit` both there is none."""
    types = run.rows.types
    count = 0
    for text, aligned in zip(run.rows.parts[use], run.aligned[use], strict=True):
        entities = [entity for entity in text.entities or () if entity.type in types]
        count += len(set(entities) - set(aligned.entities(spans_of(aligned.tags(entities, types)), types)))
    return count
