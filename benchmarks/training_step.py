"""Pretraining steps, this project beside transformers: real tokens a second.

    python benchmarks/training_step.py --corpus petitions/ --presets mini small

Both systems see the same pairs with the same masks, prepared beforehand, and take whole steps: forward, backward, clipping, AdamW.

- ours: packed batches of similar lengths, only the masked positions reach the vocabulary;
- `transformers.BertForPreTraining` with SDPA, as its examples set it: batches of 32 in random order, padded to the longest,
  all positions reach the vocabulary.

Two kinds of examples: pairs of single sentences (`--segments sentences`), which are short and of very different lengths, and
segments filled up to 512 tokens. Dropout is 0 in both, as this project pretrains. How they are timed: `side_by_side`.

Beside them, in turns with them: the same linear layers' products alone, forward and backward, with nothing around them. `ours_reaches`
is the rate of our products (`BertConfig.flops_per_token`, attention's included) as a share of theirs. Where the rest of a step of ours
goes, by torch's profiler, is written to a text file beside the results.
"""

import argparse
from pathlib import Path
from typing import Any

import checkout  # noqa: F401
import torch
from side_by_side import Ours, Padded, System, compare, write
from torch import Tensor
from torch.profiler import ProfilerActivity

from bert_core.config import SIZES, BertConfig
from experiment.console import Console
from experiment.quiet import quiet_compilers
from pretrain.batches import PreTrainingBatch
from pretrain.config import PretrainConfig
from pretrain.text import prepare_text, window_builder

BATCH_SIZE = 32
BATCH_TOKENS = 2048
PROFILED = 16
"""Operations that a profile lists."""
KINDS: dict[str, dict[str, Any]] = {
    "sentence pairs": {"segments": "sentences", "max_length": 128},
    "segments of 512": {"segments": "filled", "max_length": 512, "short_rate": 0.0},
}


class Products:
    """The matrix products of the linear layers alone, forward and backward, for as many batches of the same size."""

    def __init__(self, config: BertConfig, batches: list[PreTrainingBatch]) -> None:
        self.steps = len(batches)
        tokens = sum(batch.packed.tokens for batch in batches) // self.steps
        masked = sum(batch.labels.numel() for batch in batches) // self.steps
        width, wide = config.hidden_size, config.intermediate_size
        shapes = [(tokens, width, 3 * width), (tokens, width, width), (tokens, width, wide), (tokens, wide, width)]
        self.shapes = [*shapes * config.num_hidden_layers, (masked, width, config.vocab_size)]
        self.flops = 6 * self.steps * sum(rows * k * n for rows, k, n in self.shapes)
        self.inputs = {precision: self._numbers(precision) for precision in (torch.float32, torch.bfloat16)}

    def _numbers(self, precision: torch.dtype) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Inputs, weights and gradients of each layer."""
        return [
            (
                torch.randn(rows, k, dtype=precision),
                torch.randn(k, n, dtype=precision),
                torch.randn(rows, n, dtype=precision),
            )
            for rows, k, n in self.shapes
        ]

    def train(self, precision: torch.dtype) -> None:
        for _ in range(self.steps):
            for inputs, weights, gradient in self.inputs[precision]:
                inputs @ weights
                gradient @ weights.T
                inputs.T @ gradient


def profile(ours: Ours, precision: torch.dtype) -> str:
    """A table of the operations that take most of the time."""
    with torch.profiler.profile(activities=[ProfilerActivity.CPU]) as profiler:
        ours.train(precision)
    events = sorted(profiler.key_averages(), key=lambda event: -event.self_cpu_time_total)
    total, steps = sum(event.self_cpu_time_total for event in events), len(ours.batches)
    rows = [
        f"{event.key:52}{event.self_cpu_time_total / total:7.1%}{event.self_cpu_time_total / steps / 1e3:10.2f}"
        f"{event.count / steps:8.0f}"
        for event in events[:PROFILED]
    ]
    return "\n".join([f"{'':52}{'share':>7}{'ms a step':>10}{'calls':>8}", *rows])


def main() -> None:
    quiet_compilers()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, nargs="+", required=True)
    parser.add_argument("--presets", nargs="+", default=["mini", "small"])
    parser.add_argument("--tokens", type=int, default=16384, help="real tokens of a round, about")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output_dir", type=Path, default=Path("runs"), help="where the tokenizers are kept")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "training_step.json")
    arguments = parser.parse_args()

    found, profiles = [], []
    for preset in arguments.presets:
        for kind, options in KINDS.items():
            settings = PretrainConfig(
                corpus=arguments.corpus,
                preset=preset,
                batch_tokens=BATCH_TOKENS,
                output_dir=arguments.output_dir,
                **options,
            ).resolved()
            text = prepare_text(settings, Console(quiet=True))
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
            ours, products = Ours(config, batches), Products(config, batches)
            systems: dict[str, System] = {
                "ours": ours,
                "transformers": Padded(config, batches, batch_size=BATCH_SIZE),
                "products alone": products,
            }
            pairs = sum(batch.packed.sequences for batch in batches)
            print(f"\n{preset}, {kind}: {pairs} pairs of {tokens / pairs:.0f} tokens")
            rows = compare(systems, tokens, "tokens", arguments.rounds, phases=["train"])
            masked = sum(batch.labels.numel() for batch in batches)
            squares = sum(int((batch.packed.boundaries.diff() ** 2).sum()) for batch in batches)
            flops = tokens * config.flops_per_token(squares / tokens, masked / tokens)
            for row in rows:
                if row["system"] == "products alone":
                    rate = row["tokens_per_second"]["median"] / tokens * products.flops
                    share = {name: ratio * flops / products.flops for name, ratio in row["ours_is_faster_by"].items()}
                    row |= {"gflops": rate / 1e9, "ours_reaches": share}
                    print(
                        f"{row['precision']}: {share['median']:.0%} of the {rate / 1e9:.0f} GFLOP/s of the products alone"
                    )
                if row["system"] == "ours":
                    table = profile(ours, getattr(torch, row["precision"]))
                    profiles.append(f"{preset}, {kind}, {row['precision']}\n{table}\n")
            facts = {"preset": preset, "kind": kind, "pairs": pairs, "tokens_a_pair": tokens / pairs}
            facts |= {
                "tokens_a_batch": tokens / len(batches),
                "padded_batch_size": BATCH_SIZE,
                "rounds": arguments.rounds,
            }
            found.append(facts | {"cases": rows})
        write(arguments.output, {"settings": found})
        arguments.output.with_name(f"{arguments.output.stem}_profile.txt").write_text(
            "\n".join(profiles), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
