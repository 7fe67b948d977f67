"""How soon a small BERT leaves the unigram plateau: python benchmarks/plateau.py --corpus PATH …

Trains one network a recipe, all on the same stream of batches for the same number of steps, and prints by how much the
held-out MLM loss lies below (-) or above (+) what the words' frequencies alone score, in nats. A recipe is the `mini` preset's
with something changed. Writes JSON and a plot.
"""

import argparse
import json
import platform
import time
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import checkout  # noqa: F401
import torch
import torch.nn.functional as F

from bert_core.config import SIZES, BertConfig
from bert_core.model import BertForPreTraining
from experiment.console import Console
from experiment.environment import cpu_name, supports_bf16
from experiment.plots import Line, Panel, Reference, plot_curves
from pretrain.batches import PreTrainingBatch
from pretrain.config import PretrainConfig
from pretrain.heldout import HeldOutText
from pretrain.initial import look_at_neighbours, shrink_writers, start_at_unigram
from pretrain.stream import BatchStream, DeviceShare
from pretrain.text import Text, prepare_text, unigram_guess, window_builder

RESULTS = Path(__file__).parent / "results"
EVERY = 100
"""Steps between two evaluations."""


@dataclass(frozen=True)
class Recipe:
    """What is changed."""

    name: str
    learning_rate: float = 2e-3
    bias: bool = True
    """Output bias from the words' frequencies; else 0."""
    writers: bool = True
    """Smaller matrices that write to the residual stream; else as all others."""
    initializer_range: float = 0.02
    dropout: float = 0.0
    batch_tokens: int = 2048
    vocab_size: int = 8000
    max_length: int = 128
    short_share: float = 0.0
    """Share of the steps that sequences of 64 are trained on first."""
    neighbours: bool = False
    """Half of the heads begin at the neighbours."""


RECIPES = [
    Recipe("paper's initial weights, 1e-3", 1e-3, bias=False, writers=False),
    Recipe("paper's initial weights, 2e-3", bias=False, writers=False),
    Recipe("+ output bias, 2e-3", writers=False),
    Recipe("+ smaller writers, 2e-3", bias=False),
    Recipe("both, 2e-3"),
    Recipe("both, 1e-3", 1e-3),
    Recipe("both, 4e-3", 4e-3),
    Recipe("both, initial scale 0.04", initializer_range=0.04),
    Recipe("both, initial scale 0.06", initializer_range=0.06),
    Recipe("both, initial scale 0.04, 1.5e-3", 1.5e-3, initializer_range=0.04),
    Recipe("+ output bias, initial scale 0.04", writers=False, initializer_range=0.04),
    Recipe("both, dropout 0.1", dropout=0.1),
    Recipe("both, 1,024 tokens a step", batch_tokens=1024),
    Recipe("both, 16,000 words", vocab_size=16000),
    Recipe("both, sequences of 64", max_length=64),
    Recipe("both, scale 0.04, 1.5e-3, 64 then 128", 1.5e-3, initializer_range=0.04, short_share=0.7),
    Recipe("both, scale 0.04, 1.5e-3, heads at the neighbours", 1.5e-3, initializer_range=0.04, neighbours=True),
]


def train(recipe: Recipe, text: Text, config: PretrainConfig, steps: int, warmup: float) -> dict[str, object]:
    """Losses of one recipe, without anything around the training step."""
    short = window_builder(text, replace(config, max_length=64, short_length=None))
    stream = BatchStream(
        [DeviceShare(short), DeviceShare(window_builder(text, config))],
        phase_of=lambda done: int(done >= recipe.short_share * steps),
        workers=1,
    )
    fixed = HeldOutText(window_builder(text, config, held_out=True))
    unigram, held_out = unigram_guess(text.frequencies, fixed.labels()).loss, fixed.batches()
    torch.manual_seed(0)
    shape = BertConfig(
        vocab_size=text.wordpiece.vocab_size,
        max_position_embeddings=recipe.max_length,
        hidden_dropout_prob=recipe.dropout,
        attention_probs_dropout_prob=recipe.dropout,
        initializer_range=recipe.initializer_range,
        **SIZES[config.preset],
    )
    network = BertForPreTraining(shape)
    if recipe.bias:
        start_at_unigram(network, text.frequencies)
    if recipe.writers:
        shrink_writers(network)
    if recipe.neighbours:
        look_at_neighbours(network)
    optimizer = torch.optim.AdamW(
        network.parameters(), recipe.learning_rate, (0.9, 0.98), weight_decay=0.01, fused=True
    )
    tokens, curve, started = 0, [], time.perf_counter()
    for step, batch in enumerate(islice(stream, steps), 1):
        done = step / steps
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * min(done / warmup, (1 - done) / (1 - warmup) + 1e-3)
        mlm, nsp = losses(network, batch)
        (mlm + nsp).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        tokens += batch.packed.tokens
        if step % EVERY == 0:
            network.eval()
            with torch.no_grad():
                sums = [(losses(network, b)[0].item() * b.labels.numel(), b.labels.numel()) for b in held_out]
            network.train()
            loss = sum(s for s, _ in sums) / sum(n for _, n in sums)
            curve.append({"step": step, "tokens": tokens, "below_unigram": loss - unigram})
    return {
        "recipe": vars(recipe),
        "similarity": similarity(network, held_out[0]),
        "unigram": unigram,
        "seconds": time.perf_counter() - started,
        "curve": curve,
    }


@torch.no_grad()
def similarity(network: BertForPreTraining, batch: PreTrainingBatch) -> float:
    """Mean cosine between the last hidden states of any two tokens of a batch; 1 where all are one vector."""
    directions = F.normalize(network.eval().bert(batch.packed), dim=-1)
    count = directions.shape[0]
    return ((directions.sum(0).square().sum() - count) / (count * (count - 1))).item()


def losses(network: BertForPreTraining, batch: PreTrainingBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """MLM and NSP loss of a batch."""
    with torch.autocast("cpu", torch.bfloat16, enabled=supports_bf16(torch.device("cpu"))):
        logits = network(batch.packed, batch.masked)
    return F.cross_entropy(logits.mlm.float(), batch.labels), F.cross_entropy(logits.nsp.float(), batch.next_sentence)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", nargs="+", type=Path, required=True)
    parser.add_argument("--preset", default="mini")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--warmup", type=float, default=0.1)
    parser.add_argument("--cache_dir", type=Path, default=Path("runs/cache"))
    parser.add_argument("--only", nargs="+", type=int, help="numbers of the recipes to run, from 0")
    arguments = parser.parse_args()
    console, results = Console(), []
    for number in arguments.only or range(len(RECIPES)):
        recipe = RECIPES[number]
        config = PretrainConfig(
            corpus=arguments.corpus,
            preset=arguments.preset,
            cache_dir=arguments.cache_dir,
            vocab_size=recipe.vocab_size,
            max_length=recipe.max_length,
            batch_tokens=recipe.batch_tokens,
        ).resolved()
        text = prepare_text(config, console.progress)
        # The same number of tokens for all: a smaller batch takes more steps.
        steps = arguments.steps * 2048 // recipe.batch_tokens
        result = train(recipe, text, config, steps, arguments.warmup)
        results.append(result)
        figures = [f"{point['below_unigram']:+.3f}" for point in result["curve"]]  # type: ignore[attr-defined]
        print(
            f"{recipe.name:32} {result['seconds']:5.0f} s  {' '.join(figures)}  cosine {result['similarity']:.2f}",
            flush=True,
        )
    about = {
        "preset": arguments.preset,
        "machine": cpu_name(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "warmup": arguments.warmup,
        "corpus": [path.name for path in arguments.corpus],
    }
    kept = RESULTS / f"plateau_{arguments.preset}.json"
    if arguments.only and kept.is_file():  # the others stay
        new = {result["recipe"]["name"] for result in results}  # type: ignore[index]
        old = json.loads(kept.read_text(encoding="utf-8"))["results"]
        results = [result for result in old if result["recipe"]["name"] not in new] + results
    kept.write_text(json.dumps(about | {"results": results}, indent=1) + "\n", encoding="utf-8")
    curves = {
        r["recipe"]["name"]: ([p["tokens"] for p in r["curve"]], [p["below_unigram"] for p in r["curve"]])  # type: ignore[index,attr-defined]
        for r in results
    }
    shown = sorted(curves, key=lambda name: curves[name][1][-1])
    lines = [Line(name, name, "exact") for name in (*shown[:2], *shown[-4:])]
    panel = Panel(
        "Held-out MLM loss beside the unigram's: the best and the worst", "nats", lines, [Reference(0.0, "unigram")]
    )
    plot_curves(curves, [panel], kept.with_suffix(".png"), x="step", x_label="real tokens")


if __name__ == "__main__":
    main()
