"""A BERT that answers with vectors: `load(DIR).encode([…])`, of any model folder, fine-tuned or not."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from bert_core.model import Bert
from bert_core.packing import pack
from data.cleaning import normalize
from data.tokenizer import WordPiece
from experiment.machine import Machine
from experiment.memory import in_halves
from finetune.batches import evaluation_batches

BLOCK = 4096
"""Rows in memory at a time, however many there are."""

Pooling = Literal["mean", "cls"]

CPU = Machine(torch.device("cpu"), "32-true")


class TextEncoder:
    """An encoder with its tokenizer.

    Args:
        bert: the network.
        wordpiece: its tokenizer.
        machine: what it computes on; `to` changes it.
    """

    def __init__(self, bert: Bert, wordpiece: WordPiece, machine: Machine = CPU) -> None:
        self.bert, self.wordpiece, self.machine = bert, wordpiece, machine

    def encode(self, texts: Sequence[str], *, pooling: Pooling = "mean") -> np.ndarray:
        """A vector for each text.

        Args:
            texts: of any length and number; one that is longer than the network's positions is read in pieces.
            pooling: mean, of the hidden states of all its tokens, [CLS] and [SEP] left out; cls, the hidden state of [CLS] of its
                first piece.

        Returns:
            float32 [N, D]

        Raises:
            ValueError: an unknown pooling.
            UsageError: a single piece does not fit into the device's memory.
        """
        if pooling not in ("mean", "cls"):
            raise ValueError(f"pooling must be mean or cls, not {pooling!r}")
        vectors = np.zeros((len(texts), self.bert.config.hidden_size), dtype=np.float32)
        for first in range(0, len(texts), BLOCK):
            block = texts[first : first + BLOCK]
            vectors[first : first + len(block)] = self._encode(block, pooling)
        return vectors

    def _encode(self, texts: Sequence[str], pooling: Pooling) -> np.ndarray:
        cls, sep = self.wordpiece.id_of("[CLS]"), self.wordpiece.id_of("[SEP]")
        room = self.bert.config.max_position_embeddings - 2
        pieces: list[np.ndarray] = []
        owners: list[int] = []
        for number, ids in enumerate(self.wordpiece.encode([normalize(text) for text in texts])):
            starts = range(0, max(1, len(ids)), room) if pooling == "mean" else range(1)
            pieces += [np.array([cls, *ids[start : start + room], sep]) for start in starts]
            owners += [number] * len(starts)
        lengths = np.array([len(piece) for piece in pieces], dtype=np.int64)
        sums = np.zeros((len(texts), self.bert.config.hidden_size))
        counts = np.zeros((len(texts), 1))

        def compute(rows: list[int]) -> Tensor:
            packed = pack([pieces[row] for row in rows]).to(self.machine.device)
            hidden: Tensor = self.bert(packed).float()  # [T, D]
            if pooling == "cls":
                return hidden.index_select(0, packed.boundaries[:-1]).cpu()
            total = [
                own[1:-1].sum(0) if len(own) > 2 else own[0] for own in torch.split(hidden, lengths[rows].tolist())
            ]
            return torch.stack(total).cpu()  # [rows, D]; of a text without a token that of [CLS]

        was_training = self.bert.training
        self.bert.eval()
        try:
            with torch.inference_mode(), self.machine.autocast():
                batches = evaluation_batches(lengths)
                for rows, found in in_halves(compute, batches, lengths, self.machine.device):
                    for row, vector in zip(rows, found.numpy(), strict=True):
                        sums[owners[row]] += vector
                        counts[owners[row]] += 1 if pooling == "cls" else max(1, lengths[row] - 2)
        finally:
            self.bert.train(was_training)
        return sums / np.maximum(counts, 1)
