"""A relation model as a whole: encoder, head, labels and the way its input is marked; on disk, and answering.

model/   config.json  model.safetensors           the encoder; transformers.AutoModel reads it
         vocab.txt  tokenizer.json  …             its tokenizer
         relation.json                            labels, head and markers
         relation_head.safetensors                the head
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from bert_core.model import Bert
from bert_core.packing import pack
from bert_core.pretrained import from_pretrained, save_pretrained
from data.errors import DataError
from data.relations import Relation
from data.tokenizer import WordPiece
from experiment.machine import Machine
from experiment.memory import in_halves
from experiment.run_directory import replacing
from finetune.batches import Batch, evaluation_batches
from finetune.relation.head import BertForRelation, HeadOptions, Spans, entity_spans
from finetune.relation.marking import Marked, MarkerOptions, RelationMarker

DESCRIPTION_FILE, HEAD_FILE = "relation.json", "relation_head.safetensors"


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


@dataclass(frozen=True)
class RelationModel:
    """A network with all that is needed to ask it."""

    network: BertForRelation
    wordpiece: WordPiece
    marker: RelationMarker
    labels: list[str]
    """In the order of the network's outputs."""
    counts: list[int]
    """Training rows of each."""
    negative_label: str

    @property
    def shares(self) -> np.ndarray:
        """Of each label among the training rows, float64 [C]: the answer where a row cannot be read."""
        return np.array(self.counts, dtype=np.float64) / max(1, sum(self.counts))

    def probabilities(
        self,
        marked: Sequence[Marked],
        machine: Machine,
        *,
        share: tuple[int, int] = (0, 1),
        report: Callable[[int, int], None] = lambda done, total: None,
    ) -> np.ndarray:
        """Of each label for each row, float64 [N, C].

        Args:
            marked: the rows.
            machine: where the network is; its precision is used.
            share: this process and the number of processes: each answers for its part and leaves zeros elsewhere.
            report: is called with the rows that are done, and all rows.

        Raises:
            UsageError: a single row does not fit into the device's memory.
        """
        answers = np.zeros((len(marked), len(self.labels)))
        lengths = np.array([len(row.ids) for row in marked])
        batches = evaluation_batches(lengths)[share[0] :: share[1]]
        was_training, done = self.network.training, 0
        self.network.eval()

        def log_probabilities(rows: list[int]) -> Tensor:
            chosen = [marked[row] for row in rows]
            packed = pack([row.ids for row in chosen], [row.types for row in chosen])
            spans = entity_spans(chosen, packed)
            return self.network(packed.to(machine.device), spans.to(machine.device)).cpu()

        try:
            with torch.inference_mode(), machine.autocast():
                for rows, logs in in_halves(log_probabilities, batches, lengths, machine.device):
                    answers[rows] = logs.double().softmax(-1).numpy()
                    done += len(rows)
                    report(done, len(marked))
        finally:
            self.network.train(was_training)
        return answers

    def save(self, directory: Path) -> None:
        """Writes the files named at the top, each whole or not at all."""
        save_pretrained(self.network.bert, directory)
        self.wordpiece.save(directory)
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in self.network.head.state_dict().items()}
        with replacing(directory / HEAD_FILE) as temporary:
            save_file(weights, temporary)
        description = {
            "labels": self.labels,
            "training_rows": self.counts,
            "negative_label": self.negative_label,
            "head": asdict(self.network.head.options),
            "markers": asdict(self.marker.options),
            "marker_tokens": dict(self.marker.tokens),
        }
        with replacing(directory / DESCRIPTION_FILE) as temporary:
            temporary.write_text(json.dumps(description, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> "RelationModel":
        """Reads what `save` wrote.

        Raises:
            DataError, PretrainedError: the folder holds no relation model, or a damaged one.
        """
        path = directory / DESCRIPTION_FILE
        if not path.is_file():
            raise DataError(
                f"{directory} holds no relation model (no {DESCRIPTION_FILE}); train one with python run_finetune.py --task re"
            )
        encoder, wordpiece = from_pretrained(Bert, directory), WordPiece.load(directory)
        try:
            description = json.loads(path.read_text(encoding="utf-8"))
            labels = list(description["labels"])
            network = BertForRelation(encoder, HeadOptions(**description["head"]), labels)
            network.head.load_state_dict(load_file(directory / HEAD_FILE))
            marker = RelationMarker(
                wordpiece, MarkerOptions(**description["markers"]), tokens=description["marker_tokens"]
            )
            return cls(network, wordpiece, marker, labels, description["training_rows"], description["negative_label"])
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            raise DataError(f"the relation model in {directory} is damaged ({error}); train it anew") from None


def label_numbers(relations: Sequence[Relation], labels: Sequence[str]) -> list[int]:
    """The number of each row's label; −1 where it has none, or one that is not among `labels`."""
    numbers = {label: number for number, label in enumerate(labels)}
    return [-1 if row.label is None else numbers.get(row.label, -1) for row in relations]
