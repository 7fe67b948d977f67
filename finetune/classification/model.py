"""A classifier of texts and pairs: the encoder's pooler, dropout and one linear layer (Devlin et al. 2019)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor, nn

from bert_core.dropout import Dropout
from bert_core.model import Bert, initialize
from bert_core.packing import Packed, pack
from data.classification import LabelledText
from data.cleaning import normalize
from data.tokenizer import WordPiece
from finetune.batches import Batch
from finetune.encoder import BLOCK
from finetune.model import TaskModel, TaskNetwork

NUMBER = "a number"
"""The one output of a model that predicts numbers."""


class Encoded(NamedTuple):
    """A row as the network reads it: [CLS] text [SEP], and for a pair: second text [SEP]."""

    ids: np.ndarray
    """int64 [L]"""
    types: np.ndarray
    """int64 [L], segments: 0, and 1 for the second text."""
    cut: int
    """Tokens that gave way to max_length."""

    @property
    def length(self) -> int:
        return len(self.ids)

    @property
    def longest(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class TextBatch(Batch):
    """What a step needs: B rows."""

    targets: Tensor
    """int64 [B], the label's number; fp32 [B] where labels are numbers."""


@dataclass(frozen=True, slots=True)
class LabelAnswer:
    """What a model says of a text."""

    label: str
    probability: float
    probabilities: dict[str, float]
    """Of every label."""


class BertForClassification(TaskNetwork):
    """The encoder with one linear layer on its pooler.

    Args:
        bert: the encoder.
        outputs: labels, or 1.
        dropout: rate before the linear layer.
    """

    def __init__(self, bert: Bert, outputs: int, dropout: float) -> None:
        super().__init__()
        self.bert, self.dropout = bert, dropout
        self.classifier = nn.Linear(bert.config.hidden_size, outputs)
        initialize(self.classifier, bert.config.initializer_range)
        self.head = nn.Sequential(Dropout(dropout), self.classifier)

    def forward(self, packed: Packed) -> Tensor:
        """Logits, or the number, fp32 [B, C]."""
        pooled = self.bert.pool(self.bert(packed), packed)  # [B, D]
        with torch.autocast(pooled.device.type, enabled=False):
            scores: Tensor = self.head(pooled.float())
            return scores


class ClassificationModel(TaskModel[LabelledText, Encoded, np.ndarray]):
    """A network with all that is needed to ask it; answers are probabilities of the labels, float64 [C], or a number, [1].

    Args:
        network: encoder and linear layer.
        wordpiece: the encoder's tokenizer.
        outputs: the labels in the order of the network's outputs, or `NUMBER` alone.
        prior: of each label among the training rows, [C], or the mean of the numbers, [1].
        max_length: tokens of a row at the most.
    """

    task: ClassVar[str] = "classification"
    network: BertForClassification

    def __init__(
        self,
        network: BertForClassification,
        wordpiece: WordPiece,
        outputs: Sequence[str],
        prior: Sequence[float],
        max_length: int,
    ) -> None:
        super().__init__(network, wordpiece, outputs)
        self._prior, self.max_length = list(prior), max_length

    @property
    def prior(self) -> np.ndarray:
        return np.array(self._prior)

    @property
    def predicts_numbers(self) -> bool:
        return self.outputs == [NUMBER]

    def inputs(self, rows: Sequence[LabelledText]) -> list[Encoded]:
        first = self.wordpiece.encode([row.text for row in rows])
        second = iter(self.wordpiece.encode([row.pair for row in rows if row.pair is not None]))
        return [
            self._encoded(ids, None if row.pair is None else next(second)) for row, ids in zip(rows, first, strict=True)
        ]

    def _encoded(self, first: list[int], second: list[int] | None) -> Encoded:
        """The longer text gives way, at its end."""
        cls, sep = self.wordpiece.id_of("[CLS]"), self.wordpiece.id_of("[SEP]")
        room = self.max_length - (2 if second is None else 3)
        whole = len(first) + len(second or ())
        if second is None:
            first = first[:room]
        elif whole > room:
            of_first = min(len(first), max((room + 1) // 2, room - len(second)))
            first, second = first[:of_first], second[: room - of_first]
        ids = [cls, *first, sep]
        types = np.repeat([0, 1], [len(ids), 0 if second is None else len(second) + 1])
        if second is not None:
            ids += [*second, sep]
        return Encoded(np.array(ids, dtype=np.int64), types, max(0, whole - room))

    def answers(self, inputs: Sequence[Encoded], device: torch.device) -> list[np.ndarray]:
        packed = pack([row.ids for row in inputs], [row.types for row in inputs])
        scores = self.network(packed.to(device)).cpu().double()
        return list((scores if self.predicts_numbers else scores.softmax(-1)).numpy())

    def predict(self, texts: Sequence[str | tuple[str, str]]) -> list[LabelAnswer] | list[float]:
        """The label of each text or pair of texts; the numbers, where the model predicts numbers.

        Args:
            texts: any number of them; what is longer than the model reads gives way at its end.
        """
        found: list[np.ndarray] = []
        for start in range(0, len(texts), BLOCK):
            pairs = [(text, None) if isinstance(text, str) else text for text in texts[start : start + BLOCK]]
            rows = [
                LabelledText("", normalize(text), None if pair is None else normalize(pair), None, None, "")
                for text, pair in pairs
            ]
            found += self.ask(rows)
        if self.predicts_numbers:
            return [float(own[0]) for own in found]
        return [
            LabelAnswer(
                self.outputs[int(own.argmax())], float(own.max()), dict(zip(self.outputs, own.tolist(), strict=True))
            )
            for own in found
        ]

    def description(self) -> dict[str, Any]:
        return {
            "outputs": self.outputs,
            "prior": self._prior,
            "max_length": self.max_length,
            "dropout": self.network.dropout,
        }

    @classmethod
    def described(cls, encoder: Bert, wordpiece: WordPiece, description: dict[str, Any]) -> Self:
        outputs = list(description["outputs"])
        network = BertForClassification(encoder, len(outputs), description["dropout"])
        return cls(network, wordpiece, outputs, description["prior"], description["max_length"])


def make_batch(encoded: Sequence[Encoded], targets: Tensor, rows: Sequence[int]) -> TextBatch:
    """Packs some of the encoded rows.

    Args:
        encoded: all rows.
        targets: of all rows, [N].
        rows: which of them.
    """
    chosen = [encoded[row] for row in rows]
    packed = pack([row.ids for row in chosen], [row.types for row in chosen])
    return TextBatch(packed, tuple(rows), targets[list(rows)])
