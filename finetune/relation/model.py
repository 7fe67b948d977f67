"""A relation model: the network with the way its input is marked, and what it says of a row."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from bert_core.model import Bert
from bert_core.packing import pack
from data.relations import Relation, relation_of
from data.tokenizer import WordPiece
from finetune.batches import Batch
from finetune.encoder import BLOCK
from finetune.model import TaskModel
from finetune.relation.head import BertForRelation, HeadOptions, Spans, entity_spans
from finetune.relation.marking import Marked, MarkerOptions, RelationMarker, type_notes


@dataclass(frozen=True)
class RelationBatch(Batch):
    """What a step needs: B rows."""

    spans: Spans
    labels: Tensor
    """int64 [B]; −1 where the model does not know the label."""


def make_batch(marked: Sequence[Marked], labels: Sequence[int], rows: Sequence[int]) -> RelationBatch:
    """Packs some of the marked rows.

    Args:
        marked: all rows.
        labels: the number of each row's label, −1 where it has none.
        rows: which of them.
    """
    chosen = [marked[row] for row in rows]
    packed = pack([row.ids for row in chosen], [row.types for row in chosen])
    return RelationBatch(packed, tuple(rows), entity_spans(chosen, packed), torch.tensor([labels[row] for row in rows]))


@dataclass(frozen=True, slots=True)
class RelationAnswer:
    """What a model says of two entities of a sentence."""

    label: str
    """The relation with the highest probability."""
    probability: float
    probabilities: dict[str, float]
    """Of every relation."""


class RelationModel(TaskModel[Relation, Marked, np.ndarray]):
    """A network with all that is needed to ask it; answers are probabilities of the labels, float64 [C].

    Args:
        network: encoder and head.
        wordpiece: its tokenizer.
        marker: writes rows as the network reads them.
        labels: in the order of the network's outputs.
        counts: training rows of each.
        negative_label: the label that says there is no relation.
    """

    task: ClassVar[str] = "re"
    network: BertForRelation

    def __init__(
        self,
        network: BertForRelation,
        wordpiece: WordPiece,
        marker: RelationMarker,
        labels: Sequence[str],
        counts: Sequence[int],
        negative_label: str,
    ) -> None:
        super().__init__(network, wordpiece, labels)
        self.marker, self.counts, self.negative_label = marker, list(counts), negative_label

    @property
    def prior(self) -> np.ndarray:
        return np.array(self.counts, dtype=np.float64) / max(1, sum(self.counts))

    def inputs(self, rows: Sequence[Relation]) -> list[Marked]:
        return self.marker.mark(rows)

    def answers(self, inputs: Sequence[Marked], device: torch.device) -> list[np.ndarray]:
        packed = pack([row.ids for row in inputs], [row.types for row in inputs])
        spans = entity_spans(inputs, packed)
        logs = self.network(packed.to(device), spans.to(device)).cpu()  # [B, C]
        return list(logs.double().softmax(-1).numpy())

    def predict(self, rows: Sequence[Relation | Mapping[str, Any]]) -> list[RelationAnswer]:
        """The relation of each row's subject and object.

        Args:
            rows: as KLUE-RE writes them in JSON, `{"sentence": …, "subject_entity": {"word": …, "start_idx": …, "end_idx": …,
                "type": …}, "object_entity": …}`, or `data.relations.Relation`; any number.

        Raises:
            DataError: a row does not say where its entities are.
        """
        found: list[RelationAnswer] = []
        for first in range(0, len(rows), BLOCK):
            read = [
                row if isinstance(row, Relation) else relation_of(row, f"row {number}")
                for number, row in enumerate(rows[first : first + BLOCK], first + 1)
            ]
            for own in self.ask(read):
                best = int(own.argmax())
                named = dict(zip(self.outputs, own.tolist(), strict=True))
                found.append(RelationAnswer(self.outputs[best], float(own[best]), named))
        return found

    def notes(self) -> list[str]:
        return type_notes(self.marker)

    def input_report(self) -> dict[str, Any]:
        return {
            "entity_types_unknown_to_training": dict(self.marker.unknown_types),
            "entities_without_a_type": self.marker.untyped,
            "marker_tokens": dict(self.marker.tokens),
        }

    def description(self) -> dict[str, Any]:
        return {
            "labels": self.outputs,
            "training_rows": self.counts,
            "negative_label": self.negative_label,
            "head": asdict(self.network.head.options),
            "markers": asdict(self.marker.options),
            "marker_tokens": dict(self.marker.tokens),
        }

    @classmethod
    def described(cls, encoder: Bert, wordpiece: WordPiece, description: dict[str, Any]) -> Self:
        labels = list(description["labels"])
        network = BertForRelation(encoder, HeadOptions(**description["head"]), labels)
        marker = RelationMarker(wordpiece, MarkerOptions(**description["markers"]), tokens=description["marker_tokens"])
        return cls(network, wordpiece, marker, labels, description["training_rows"], description["negative_label"])


def label_numbers(relations: Sequence[Relation], labels: Sequence[str]) -> list[int]:
    """The number of each row's label; −1 where it has none, or one that is not among `labels`."""
    numbers = {label: number for number, label in enumerate(labels)}
    return [-1 if row.label is None else numbers.get(row.label, -1) for row in relations]
