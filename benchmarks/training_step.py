"""Pretraining steps, this project beside transformers: real tokens a second.

    python benchmarks/training_step.py --corpus petitions/ --presets mini small

Both systems see the same pairs with the same masks, prepared beforehand, and take whole steps: forward, backward, clipping, AdamW.

- ours: packed batches of similar lengths, only the masked positions reach the vocabulary;
- `transformers.BertForPreTraining` with SDPA, as its examples set it: batches of 32 in random order, padded to the longest,
  all positions reach the vocabulary.

Two kinds of examples: pairs of single sentences (`--segments sentences`), which are short and of very different lengths, and
segments filled up to 512 tokens. Dropout is 0 in both, as this project pretrains. How they are timed: `side_by_side`.

`of_plain_products` is the rate of our matrix products (`BertConfig.flops_per_token`, attention's included) as a share of what the
same layers' products alone reach on this machine, forward and backward, with nothing around them.
"""

import argparse
import random
import time
from pathlib import Path
from typing import Any

import torch
import transformers
from side_by_side import System, compare, theirs, write
from torch import Tensor, nn

from bert_core.config import SIZES, BertConfig
from bert_core.model import BertForPreTraining
from experiment.console import Console
from pretrain.batches import PreTrainingBatch
from pretrain.config import PretrainConfig
from pretrain.module import PreTrainingModule
from pretrain.text import prepare_text, window_builder

BATCH_SIZE = 32
IGNORED = -100
KINDS: dict[str, dict[str, Any]] = {
    "sentence pairs": {"segments": "sentences", "max_length": 128},
    "segments of 512": {"segments": "filled", "max_length": 512, "short_rate": 0.0},
}


class Ours:
    """Packed batches, through the code that a run uses."""

    def __init__(self, config: BertConfig, batches: list[PreTrainingBatch]) -> None:
        self.batches = batches
        self.module = PreTrainingModule(
            BertForPreTraining(config), has_pairs=True, learning_rate=1e-4, warmup=0.0, weight_decay=0.01, clip=1.0,
            progress=lambda step: 0.5,
        )  # fmt: skip
        self.optimizer = torch.optim.AdamW(self.module.parameters(), lr=1e-4, fused=True)

    def train(self, precision: torch.dtype) -> None:
        for batch in self.batches:
            with torch.autocast("cpu", precision, enabled=precision != torch.float32):
                loss, _ = self.module.losses(batch)
            loss.backward()
            nn.utils.clip_grad_norm_(self.module.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad()


class Padded:
    """Batches of a fixed number of pairs, padded to the longest."""

    def __init__(self, config: BertConfig, batches: list[PreTrainingBatch]) -> None:
        self.network = transformers.BertForPreTraining(
            theirs(config, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, attn_implementation="sdpa")
        )
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=1e-4, fused=True)
        rows = [row for batch in batches for row in rows_of(batch)]
        random.Random(0).shuffle(rows)
        self.batches = [padded(rows[first : first + BATCH_SIZE]) for first in range(0, len(rows), BATCH_SIZE)]

    def train(self, precision: torch.dtype) -> None:
        self.network.train()
        for inputs in self.batches:
            with torch.autocast("cpu", precision, enabled=precision != torch.float32):
                loss = self.network(**inputs).loss
            loss.backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad()


Row = tuple[Tensor, Tensor, Tensor, int]
"""A pair's ids (masked), segments, labels (`IGNORED` where nothing is masked), and whether B is next."""


def rows_of(batch: PreTrainingBatch) -> list[Row]:
    """The pairs of a packed batch, one by one."""
    labels = torch.full_like(batch.packed.input_ids, IGNORED)
    labels[batch.masked] = batch.labels
    lengths = batch.packed.boundaries.diff().tolist()
    parts = [each.split(lengths) for each in (batch.packed.input_ids, batch.packed.token_type_ids, labels)]
    return list(zip(*parts, batch.next_sentence.tolist(), strict=True))


def padded(rows: list[Row]) -> dict[str, Tensor]:
    """What transformers' network takes."""
    pad = nn.utils.rnn.pad_sequence
    return {
        "input_ids": pad([ids for ids, *_ in rows], batch_first=True),
        "token_type_ids": pad([types for _, types, *_ in rows], batch_first=True),
        "attention_mask": pad([torch.ones_like(ids) for ids, *_ in rows], batch_first=True),
        "labels": pad([labels for _, _, labels, _ in rows], batch_first=True, padding_value=IGNORED),
        "next_sentence_label": torch.tensor([label for *_, label in rows]),
    }


def plain_products(config: BertConfig, tokens: int, masked: int, precision: torch.dtype) -> float:
    """FLOP/s of the linear layers' products alone, forward and backward, for a batch of so many tokens."""
    width, wide = config.hidden_size, config.intermediate_size
    shapes = [(tokens, width, 3 * width), (tokens, width, width), (tokens, width, wide), (tokens, wide, width)]
    products = [
        (
            torch.randn(rows, k, dtype=precision),
            torch.randn(k, n, dtype=precision),
            torch.randn(rows, n, dtype=precision),
        )
        for rows, k, n in [*shapes * config.num_hidden_layers, (masked, width, config.vocab_size)]
    ]
    rates = []
    for _ in range(8):
        started = time.perf_counter()
        for inputs, weights, gradient in products:
            inputs @ weights
            gradient @ weights.T
            inputs.T @ gradient
        flops = sum(6 * inputs.shape[0] * weights.numel() for inputs, weights, _ in products)
        rates.append(flops / (time.perf_counter() - started))
    return sorted(rates)[len(rates) // 2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, nargs="+", required=True)
    parser.add_argument("--presets", nargs="+", default=["mini", "small"])
    parser.add_argument("--tokens", type=int, default=16384, help="real tokens of a round, about")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output_dir", type=Path, default=Path("runs"), help="where the tokenizers are kept")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "training_step.json")
    arguments = parser.parse_args()

    found = []
    for preset in arguments.presets:
        for kind, options in KINDS.items():
            settings = PretrainConfig(
                corpus=arguments.corpus, preset=preset, output_dir=arguments.output_dir, **options
            ).resolved()
            text = prepare_text(settings, Console(quiet=True).progress)
            builder = window_builder(text, settings)
            # Whole windows: a part of one would have lengths of its own.
            batches: list[PreTrainingBatch] = []
            for window in range(builder.windows_an_epoch):
                if sum(batch.packed.tokens for batch in batches) < arguments.tokens:
                    batches += builder[window]
            tokens = sum(batch.packed.tokens for batch in batches)
            config = BertConfig(
                vocab_size=text.wordpiece.vocab_size, max_position_embeddings=512, hidden_dropout_prob=0.0,
                attention_probs_dropout_prob=0.0, **SIZES[preset],
            )  # fmt: skip
            torch.manual_seed(0)
            systems: dict[str, System] = {"ours": Ours(config, batches), "transformers": Padded(config, batches)}
            pairs = sum(batch.packed.sequences for batch in batches)
            print(f"\n{preset}, {kind}: {pairs} pairs of {tokens / pairs:.0f} tokens")
            rows = compare(systems, tokens, "tokens", arguments.rounds, phases=["train"])
            masked = sum(batch.labels.numel() for batch in batches)
            for row in rows:
                if row["system"] != "ours":
                    continue
                precision = getattr(torch, row["precision"])
                plain = plain_products(config, tokens // len(batches), masked // len(batches), precision)
                squares = sum(int((batch.packed.boundaries.diff() ** 2).sum()) for batch in batches)
                done = row["tokens_per_second"]["median"] * config.flops_per_token(squares / tokens, masked / tokens)
                row |= {"plain_gflops": plain / 1e9, "of_plain_products": done / plain}
                print(f"{row['precision']}: {done / plain:.0%} of the {plain / 1e9:.0f} GFLOP/s of the plain products")
            facts = {"preset": preset, "kind": kind, "pairs": pairs, "tokens_a_pair": tokens / pairs}
            facts |= {
                "tokens_a_batch": tokens / len(batches),
                "padded_batch_size": BATCH_SIZE,
                "rounds": arguments.rounds,
            }
            found.append(facts | {"cases": rows})
    write(arguments.output, {"settings": found})


if __name__ == "__main__":
    main()
