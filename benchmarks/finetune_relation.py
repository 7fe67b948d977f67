"""Fine-tuning for relations, this project beside R-BERT on transformers: sentences a second, training and inference.

    python benchmarks/finetune_relation.py --train_file klue-re-v1.1_train.json --checkpoint runs/pretrain/latest

Three systems see the same rows, marked and tokenised alike, with a backbone of the same size and random weights:

- ours: packed batches of similar lengths;
- R-BERT as published (Wu & He 2019, and the settings of its PyTorch implementation, monologg/R-BERT):
  `transformers.BertModel`, every sentence padded to 384 tokens;
- the same, padded to the longest sentence of each batch.

How they are timed: `side_by_side`. The table gives the median round and the slowest and fastest one. Tokenising is not in the
time of any.
"""

import argparse
import random
import statistics
from pathlib import Path

import checkout  # noqa: F401
import torch
import transformers
from side_by_side import System, checkpoint_parts, compare, sizes, theirs, write
from torch import Tensor, nn

from bert_core.config import BertConfig
from bert_core.model import Bert
from data.relations import read_relations
from finetune.batches import evaluation_batches, training_batches
from finetune.relation.head import BertForRelation, HeadOptions
from finetune.relation.marking import Marked, MarkerOptions, RelationMarker
from finetune.relation.model import make_batch

PADDED_LENGTH = 384
BATCH_SIZE = 32
DROPOUT = 0.1


class Ours:
    """Packed rows, through the code that a run uses."""

    def __init__(self, config: BertConfig, marked: list[Marked], labels: list[int], relations: list[str]) -> None:
        options = HeadOptions("split", "cls,e1,e2", "mean", "pooler", "tanh", False, DROPOUT)
        self.network = BertForRelation(Bert(config), options, relations)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=5e-5, fused=True)
        self.marked, self.labels = marked, labels
        self.lengths = torch.tensor([len(row.ids) for row in marked]).numpy()

    def train(self, precision: torch.dtype) -> None:
        self.network.train()
        for rows in training_batches(self.lengths, round(len(self.marked) / BATCH_SIZE), 0, 0):
            batch = make_batch(self.marked, self.labels, rows.tolist())
            with torch.autocast("cpu", precision, enabled=precision != torch.float32):
                logs = self.network(batch.packed, batch.spans)
            loss = nn.functional.nll_loss(logs, batch.labels)
            loss.backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad()

    def infer(self, precision: torch.dtype) -> None:
        self.network.eval()
        with torch.inference_mode(), torch.autocast("cpu", precision, enabled=precision != torch.float32):
            for rows in evaluation_batches(self.lengths):
                batch = make_batch(self.marked, self.labels, rows.tolist())
                self.network(batch.packed, batch.spans)


class PublishedNetwork(nn.Module):
    """R-BERT's head on `transformers.BertModel`: masks over a padded batch, one layer for both entities."""

    def __init__(self, config: BertConfig, relations: int) -> None:
        super().__init__()
        self.bert = transformers.BertModel(theirs(config))
        width = config.hidden_size
        self.dropout = nn.Dropout(DROPOUT)
        self.cls, self.entity = nn.Linear(width, width), nn.Linear(width, width)
        self.classifier = nn.Linear(3 * width, relations)

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor, subject: Tensor, object_: Tensor) -> Tensor:
        output = self.bert(input_ids=ids, attention_mask=mask, token_type_ids=types)
        hidden, pooled = output.last_hidden_state, output.pooler_output
        vectors = [self.cls(torch.tanh(self.dropout(pooled)))]
        for entity in (subject, object_):
            mean = (entity.unsqueeze(1).float() @ hidden.float()).squeeze(1) / entity.sum(1, keepdim=True)
            vectors.append(self.entity(torch.tanh(self.dropout(mean))))
        return self.classifier(self.dropout(torch.cat(vectors, dim=-1)))


class Published:
    """Padded rows.

    Args:
        length: of every sentence; None for the longest of each batch.
    """

    def __init__(
        self, config: BertConfig, marked: list[Marked], labels: list[int], relations: list[str], length: int | None
    ) -> None:
        self.network = PublishedNetwork(config, len(relations))
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=5e-5, fused=True)
        self.marked, self.labels, self.length = marked, labels, length

    def batch(self, rows: list[int]) -> tuple[list[Tensor], Tensor]:
        length = self.length or max(len(self.marked[row].ids) for row in rows)
        inputs = torch.zeros(5, len(rows), length, dtype=torch.int64)
        for index, row in enumerate(self.marked[row] for row in rows):
            inputs[0, index, : len(row.ids)] = torch.from_numpy(row.ids)
            inputs[1, index, : len(row.ids)] = 1
            inputs[2, index, : len(row.types)] = torch.from_numpy(row.types)
            inputs[3, index, slice(*row.subject)] = 1
            inputs[4, index, slice(*row.object)] = 1
        return list(inputs), torch.tensor([self.labels[row] for row in rows])

    def batches(self) -> list[list[int]]:
        order = random.Random(0).sample(range(len(self.marked)), len(self.marked))
        return [order[first : first + BATCH_SIZE] for first in range(0, len(order), BATCH_SIZE)]

    def train(self, precision: torch.dtype) -> None:
        self.network.train()
        for rows in self.batches():
            inputs, labels = self.batch(rows)
            with torch.autocast("cpu", precision, enabled=precision != torch.float32):
                logits = self.network(*inputs)
            loss = nn.functional.cross_entropy(logits.float(), labels)
            loss.backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad()

    def infer(self, precision: torch.dtype) -> None:
        self.network.eval()
        with torch.inference_mode(), torch.autocast("cpu", precision, enabled=precision != torch.float32):
            for rows in self.batches():
                self.network(*self.batch(rows)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train_file", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, required=True, help="its tokenizer and its size are used")
    parser.add_argument("--rows", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "finetune_relation.json")
    arguments = parser.parse_args()

    wordpiece, config = checkpoint_parts(arguments.checkpoint)
    every = read_relations(arguments.train_file).rows
    chosen = random.Random(0).sample(every, arguments.rows)
    relations = sorted({row.label for row in every if row.label is not None})
    labels = [relations.index(row.label) for row in chosen if row.label is not None]
    types = sorted({entity.type for row in chosen for entity in (row.subject, row.object) if entity.type})
    marker = RelationMarker(wordpiece, MarkerOptions("entity_marker_punct", False, PADDED_LENGTH), types=types)
    marked = marker.mark(chosen)
    lengths = [len(row.ids) for row in marked]
    print(f"{len(marked)} rows, {statistics.mean(lengths):.0f} tokens on average, {max(lengths)} at the most")

    torch.manual_seed(0)
    systems: dict[str, System] = {
        "ours": Ours(config, marked, labels, relations),
        "padded to 384": Published(config, marked, labels, relations, PADDED_LENGTH),
        "padded to the batch": Published(config, marked, labels, relations, None),
    }
    rows = compare(systems, len(marked), "sentences", arguments.rounds)
    facts = {
        "rows": len(marked),
        "tokens_a_row": {"mean": statistics.mean(lengths), "max": max(lengths)},
        "backbone": sizes(config),
        "batch_size": BATCH_SIZE,
        "rounds": arguments.rounds,
    }
    write(arguments.output, facts | {"cases": rows})


if __name__ == "__main__":
    main()
