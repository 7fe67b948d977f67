"""Fine-tuning for named entities, this project beside transformers: characters a second, training and inference.

    python benchmarks/finetune_entities.py --train_file kmou-ner_train.tsv --checkpoint runs/pretrain/latest

Three systems see the same texts, tokenised alike, with a backbone of the same size and random weights:

- ours: packed batches of similar lengths, every character tagged, a CRF; inference gives the entities with their
  probabilities, through the code that a run uses;
- `transformers.BertForTokenClassification`, as its examples set it: every text padded or cut to 128 tokens, a tag for each
  subword, no CRF; inference gives the most probable tag of each;
- the same, padded to the longest text of each batch.

How they are timed: `side_by_side`. The table gives the median round and the slowest and fastest one. Tokenising is not in the
time of any, and the characters of a text that is cut count all the same.
"""

import argparse
import random
from pathlib import Path

import checkout  # noqa: F401
import numpy as np
import torch
import transformers
from side_by_side import System, checkpoint_parts, compare, sizes, theirs, write
from torch import Tensor, nn

from bert_core.config import BertConfig
from bert_core.model import Bert
from data.entities import TaggedText, entity_types, read_entities
from data.tokenizer import WordPiece
from experiment.machine import Machine
from finetune.batches import training_batches
from finetune.entity.alignment import Aligner, AlignmentOptions
from finetune.entity.head import BertForEntities, HeadOptions, make_batch
from finetune.entity.model import EntityModel, known_characters

PADDED_LENGTH = 128
BATCH_SIZE = 32
DROPOUT = 0.1
IGNORED = -100


class Ours:
    """Packed texts, tagged character by character, with a CRF."""

    def __init__(self, config: BertConfig, wordpiece: WordPiece, texts: list[TaggedText], types: list[str]) -> None:
        options = AlignmentOptions("both", PADDED_LENGTH)
        self.texts, self.aligned = texts, Aligner(wordpiece, options).align([text.text for text in texts])
        head = HeadOptions("both", True, DROPOUT)
        characters = known_characters(self.aligned)
        self.network = BertForEntities(Bert(config), head, len(types), 1 + len(characters))
        self.model = EntityModel(self.network, wordpiece, options, types, characters)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=5e-5, fused=True)
        self.tags = [each.tags(text.entities or (), types) for text, each in zip(texts, self.aligned, strict=True)]
        self.numbers = [self.model.numbers(each) for each in self.aligned]
        self.lengths = np.array([each.length for each in self.aligned])

    def train(self, precision: torch.dtype) -> None:
        self.network.train()
        for rows in training_batches(self.lengths, round(len(self.texts) / BATCH_SIZE), 0, 0):
            batch = make_batch(self.aligned, self.numbers, rows.tolist(), self.tags)
            with torch.autocast("cpu", precision, enabled=precision != torch.float32):
                scores = self.network(batch)
                loss = self.network.head.losses(scores, batch).sum() / batch.mask.sum()
            loss.backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad()

    def infer(self, precision: torch.dtype) -> None:
        words = "32-true" if precision == torch.float32 else "bf16-mixed"
        self.model.answer(self.aligned, Machine(torch.device("cpu"), words))


class Published:
    """Padded texts, tagged subword by subword.

    Args:
        length: of every text; None for the longest of each batch, up to `PADDED_LENGTH`.
    """

    def __init__(
        self, config: BertConfig, wordpiece: WordPiece, texts: list[TaggedText], types: list[str], length: int | None
    ) -> None:
        settings = theirs(config, num_labels=1 + 2 * len(types), hidden_dropout_prob=DROPOUT)
        self.network = transformers.BertForTokenClassification(settings)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=5e-5, fused=True)
        self.length = length
        self.rows = []
        for text, each in zip(
            texts, Aligner(wordpiece, AlignmentOptions("subword", 4096)).align([t.text for t in texts]), strict=True
        ):
            ids = each.windows[0]
            labels = np.full(len(ids), IGNORED)
            labels[each.token] = each.tags(text.entities or (), types)
            self.rows.append((ids[:PADDED_LENGTH], labels[:PADDED_LENGTH]))

    def batch(self, rows: list[int]) -> tuple[Tensor, Tensor, Tensor]:
        chosen = [self.rows[row] for row in rows]
        shape = len(rows), self.length or max(len(ids) for ids, _ in chosen)
        inputs, mask = torch.zeros(shape, dtype=torch.int64), torch.zeros(shape, dtype=torch.int64)
        labels = torch.full(shape, IGNORED)
        for index, (ids, tags) in enumerate(chosen):
            inputs[index, : len(ids)] = torch.from_numpy(ids)
            mask[index, : len(ids)] = 1
            labels[index, : len(ids)] = torch.from_numpy(tags)
        return inputs, mask, labels

    def batches(self) -> list[list[int]]:
        order = random.Random(0).sample(range(len(self.rows)), len(self.rows))
        return [order[first : first + BATCH_SIZE] for first in range(0, len(order), BATCH_SIZE)]

    def train(self, precision: torch.dtype) -> None:
        self.network.train()
        for rows in self.batches():
            inputs, mask, labels = self.batch(rows)
            with torch.autocast("cpu", precision, enabled=precision != torch.float32):
                loss = self.network(input_ids=inputs, attention_mask=mask, labels=labels).loss
            loss.backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad()

    def infer(self, precision: torch.dtype) -> None:
        self.network.eval()
        with torch.inference_mode(), torch.autocast("cpu", precision, enabled=precision != torch.float32):
            for rows in self.batches():
                inputs, mask, _ = self.batch(rows)
                self.network(input_ids=inputs, attention_mask=mask).logits.argmax(-1).tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train_file", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, required=True, help="its tokenizer and its size are used")
    parser.add_argument("--rows", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "finetune_entities.json")
    arguments = parser.parse_args()

    wordpiece, config = checkpoint_parts(arguments.checkpoint)
    every = read_entities(arguments.train_file).rows
    types, texts = entity_types(every), random.Random(0).sample(every, arguments.rows)
    torch.manual_seed(0)
    ours = Ours(config, wordpiece, texts, types)
    systems: dict[str, System] = {
        "ours": ours,
        "padded to 128": Published(config, wordpiece, texts, types, PADDED_LENGTH),
        "padded to the batch": Published(config, wordpiece, texts, types, None),
    }
    characters = sum(len(text.text) for text in texts)
    print(
        f"{len(texts)} texts, {characters / len(texts):.0f} characters and {ours.lengths.mean():.0f} tokens on average"
    )
    rows = compare(systems, characters, "characters", arguments.rounds)
    facts = {
        "texts": len(texts),
        "characters_a_text": characters / len(texts),
        "tokens_a_text": float(ours.lengths.mean()),
        "backbone": sizes(config),
        "batch_size": BATCH_SIZE,
        "rounds": arguments.rounds,
    }
    write(arguments.output, facts | {"cases": rows})


if __name__ == "__main__":
    main()
