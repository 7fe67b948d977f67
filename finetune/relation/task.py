"""Relation extraction as a task: which relation two entities of a sentence have."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from torch import Tensor, nn

from bert_core.model import Bert
from data.errors import DataError
from data.relations import Relation, RelationFile, label_order, read_relation_list, read_relations
from data.rows import PLACES, RowFile
from data.sample.files import write_relations
from data.tokenizer import WordPiece
from finetune.class_predictions import ClassPredictions
from finetune.class_task import SHARES, ClassTask
from finetune.losses import r_drop
from finetune.relation.config import RelationConfig
from finetune.relation.head import BertForRelation, HeadOptions
from finetune.relation.losses import RelationLoss, balanced_weights
from finetune.relation.marking import Marked, MarkerOptions, RelationMarker
from finetune.relation.model import RelationBatch, RelationModel, label_numbers, make_batch
from finetune.rows import Rows
from finetune.settings import Settings
from finetune.task import Line, Objective, Outcome, Prepared, Run, Words

RelationRun = Run[RelationConfig, Relation, Marked, RelationBatch, np.ndarray]
RelationOutcome = Outcome[ClassPredictions[Relation]]

METRICS = {"micro_f1": "micro F1", "macro_f1": "macro F1", "accuracy": "accuracy", "auprc": "AUPRC"}
"""The names of `metrics.json`, and those for people."""

CUTS = {
    "context": "lose text that is far from both entities",
    "middle": "lose text between them",
    "entity": "lose a part of an entity",
}
"""What gives way to max_length, and how people are told."""


class RelationTask(ClassTask[RelationConfig, Relation, Marked, RelationBatch]):
    """`--task re`."""

    name: ClassVar[str] = "re"
    words: ClassVar[Words] = Words("relations", sample="generated relations", unread=SHARES)
    model_class = RelationModel
    metrics_titles: ClassVar[Mapping[str, str]] = METRICS
    thing: ClassVar[str] = "relation"

    def text_of(self, row: Relation) -> str:
        return marked_text(row)

    def negative_label(self, config: RelationConfig) -> str:
        return config.negative_label

    # ---- rows ----

    def read(
        self, path: Path, config: RelationConfig, *, labelled: bool, like: RowFile[Relation] | None = None
    ) -> RelationFile:
        known = read_relation_list(config.relation_list) if config.relation_list and labelled else None
        return read_relations(path, labels=known, needs_label=labelled, strict=config.strict)

    def write_sample(self, folder: Path) -> tuple[Path, Path]:
        return write_relations(folder)

    def outputs(self, file: RowFile[Relation], config: RelationConfig) -> list[str]:
        if config.relation_list:
            labels = read_relation_list(config.relation_list)
        else:
            labels = label_order({row.label for row in file.rows if row.label is not None}, config.negative_label)
        if len(labels) < 2:
            raise DataError(f"{file.path} has one label only ({labels[0]}); give rows of two or more")
        return labels

    def notes(self, rows: Rows[Relation], config: RelationConfig) -> list[str]:
        if config.negative_label in rows.outputs:
            return []
        return [f"No row is labelled {config.negative_label} (--negative_label): micro-F1 is over all labels."]

    # ---- learning ----

    def prepare(
        self,
        config: RelationConfig,
        settings: Settings,
        encoder: Bert,
        wordpiece: WordPiece,
        rows: Rows[Relation],
    ) -> Prepared[Relation, Marked, RelationBatch, np.ndarray]:
        types = {entity.type for row in rows.train for entity in (row.subject, row.object) if entity.type}
        options = MarkerOptions(config.markers, config.query, settings.max_length)
        marker = RelationMarker(wordpiece, options, types=sorted(types))
        head = HeadOptions(
            config.entity_layer,
            config.concat,
            config.entity_pooling,
            config.cls,
            config.activation,
            config.hierarchical,
            settings.dropout,
        )
        network, counts = BertForRelation(encoder, head, rows.outputs), self.counts(rows)
        model = RelationModel(network, wordpiece, marker, rows.outputs, counts, config.negative_label)
        inputs = {use: model.inputs(part) for use, part in rows.parts.items()}
        return Prepared(model, inputs, _objective(config, network, inputs["train"], rows, counts))

    # ---- answers ----

    def score(self, outputs: Sequence[str]) -> tuple[str, ...]:
        return ("micro_f1", "auprc")

    # ---- what people look at ----

    def input_report(self, run: RelationRun) -> dict[str, Any]:
        cut = {
            use: {
                reason: [row.where for row, marked in zip(rows, run.inputs[use], strict=True) if marked.cut == reason]
                for reason in CUTS
            }
            for use, rows in run.rows.parts.items()
        }
        return {
            "longer_than_max_length": {
                use: {reason: len(places) for reason, places in reasons.items()} for use, reasons in cut.items()
            },
            "first_places": {
                use: {reason: places[:PLACES] for reason, places in reasons.items()} for use, reasons in cut.items()
            },
        } | run.model.input_report()

    def data_lines(self, run: RelationRun) -> list[Line]:
        marked = [row for part in run.inputs.values() for row in part]
        lengths = [row.length for row in marked]
        cut = Counter[str](row.cut for row in marked)
        shortened = ", ".join(f"{cut[reason]:,} {words}" for reason, words in CUTS.items() if cut[reason])
        return [
            self.label_line(run),
            (
                "length",
                f"{sum(lengths) / len(lengths):.0f} tokens on average, {max(lengths)} at the most; "
                + (f"of {len(marked):,} rows {shortened}" if shortened else "no row is cut"),
            ),
        ]

    def head_lines(self, config: RelationConfig) -> list[Line]:
        mean = config.entity_pooling == "mean"
        options = [
            f"{config.entity_layer} entity layer" if config.concat != "cls" else "",
            config.concat,
            f"{config.entity_pooling} of the entities" if mean else config.entity_pooling,
            "groups first" if config.hierarchical else "",
        ]
        return [
            ("markers", config.markers + (", with a query" if config.query else "")),
            ("head", ", ".join(option for option in options if option)),
        ]

    def examples(self, run: RelationRun, most: int) -> list[Line]:
        """Of different relations where possible."""
        tokens, seen = run.model.wordpiece.tokens, set()
        shown: list[Line] = []
        for row, marked in zip(run.rows.train, run.inputs["train"], strict=True):
            if row.label not in seen and len(shown) < most:
                seen.add(row.label)
                title = f"{marked.length} tokens, {row.subject_word} → {row.object_word}: {row.label}"
                shown.append((title, " ".join(tokens[index] for index in marked.ids)))
        return shown

    def explanation(self, run: RelationRun, outcome: RelationOutcome) -> list[str]:
        said = ["A guess answers with the most common label, and ranks the rows at random."]
        if run.config.negative_label in run.rows.outputs:
            said.append(f"Micro and macro F1 leave {run.config.negative_label} out; micro F1 and AUPRC are KLUE's.")
        present = {row.label for row in run.rows.test or run.rows.dev}
        missing = len(set(run.rows.outputs) - present)
        if missing:
            said.append(
                f"{missing} relations have no row here; each adds 50 % to the mean that AUPRC is, as in KLUE's."
            )
        return said

    def curves(self, config: RelationConfig, outputs: Sequence[str]) -> dict[str, str]:
        micro = "Micro F1, no_relation left out" if config.negative_label == "no_relation" else "Micro F1"
        return {"micro_f1": micro, "macro_f1": "Macro F1", "auprc": "AUPRC"}

    def grid_figures(self, config: RelationConfig, outputs: Sequence[str]) -> dict[str, str]:
        figures = {name: f"dev {title}" for name, title in METRICS.items()}
        if config.test_file:
            figures |= {f"test_{name}": f"test {METRICS[name]}" for name in ("micro_f1", "auprc")}
        return figures


def _objective(
    config: RelationConfig,
    network: BertForRelation,
    marked: Sequence[Marked],
    rows: Rows[Relation],
    counts: Sequence[int],
) -> Objective[RelationBatch]:
    labels = label_numbers(rows.train, rows.outputs)
    criterion = RelationLoss(
        config.loss,
        label_smoothing=config.label_smoothing,
        focal_gamma=config.focal_gamma,
        class_weights=balanced_weights(counts, config.class_weights),
    )

    def loss(batch: RelationBatch) -> Tensor:
        log_p = network(batch.packed, batch.spans)
        each: Tensor = criterion(log_p, batch.labels)
        if config.r_drop:
            log_q = network(batch.packed, batch.spans)
            each = (each + criterion(log_q, batch.labels) + config.r_drop * r_drop(log_p, log_q)) / 2
        return each.sum()

    return Objective(
        network=nn.ModuleDict({"model": network, "criterion": criterion}),
        lengths=np.array([row.length for row in marked]),
        build=lambda chosen: make_batch(marked, labels, chosen),
        loss=loss,
        places=[row.where for row in rows.train],
    )


def marked_text(relation: Relation) -> str:
    """The sentence with its entities marked for people: <S:PER>조지 해리슨</S>이 <O:ORG>비틀즈</O>에서."""
    text = relation.sentence
    entities = (("S", relation.subject), ("O", relation.object))
    for role, entity in sorted(entities, key=lambda pair: -pair[1].start):
        kind = f":{entity.type}" if entity.type else ""
        inside = text[entity.start : entity.end]
        text = f"{text[: entity.start]}<{role}{kind}>{inside}</{role}>{text[entity.end :]}"
    return text


RELATIONS = RelationTask()
