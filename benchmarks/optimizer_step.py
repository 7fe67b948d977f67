"""What an optimizer costs beside the rest of a step: python benchmarks/optimizer_step.py --presets tiny mini

Forward and backward pass of one batch of the preset's size on the built-in sample, then the optimizer's step: AdamW, Muon, and
`torch.optim.Muon` (five steps of Newton-Schulz in bf16, a matrix at a time) with AdamW beside it. All take turns; the share is of the
whole step with ours.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import checkout  # noqa: F401
import torch
from side_by_side import write

from bert_core.config import SIZES, BertConfig
from bert_core.model import BertForPreTraining
from experiment.console import Console
from pretrain.config import PretrainConfig
from pretrain.module import pretraining_losses
from pretrain.optimizer import BETAS, make_optimizer
from pretrain.text import prepare_text, window_builder


def library(network: BertForPreTraining) -> Callable[[], None]:
    """torch's Muon on the same matrices."""
    matrices = [each for each in network.bert.blocks.parameters() if each.ndim == 2]
    chosen = set(map(id, matrices))
    muon = torch.optim.Muon(matrices, lr=1e-4, adjust_lr_fn="match_rms_adamw")
    others = [each for each in network.parameters() if id(each) not in chosen]
    adamw = torch.optim.AdamW(others, lr=1e-4, betas=BETAS, fused=True)

    def step() -> None:
        muon.step()
        adamw.step()

    return step


def timed(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(preset: str, rounds: int, cache_dir: Path) -> dict[str, Any]:
    config = PretrainConfig(preset=preset, cache_dir=cache_dir).resolved()  # type: ignore[arg-type]
    text = prepare_text(config, Console(quiet=True))
    batch = window_builder(text, config)[0][0]
    torch.manual_seed(0)
    network = BertForPreTraining(BertConfig(vocab_size=text.wordpiece.vocab_size, **SIZES[preset]))

    def passes() -> None:
        network.zero_grad()
        loss, _ = pretraining_losses(network, batch, batch.step_counts.float(), True)
        loss.backward()

    optimizers: dict[str, Callable[[], Any]] = {
        "AdamW": make_optimizer(network, "adamw", lr=1e-4, weight_decay=0.01, fused=True).step,
        "Muon": make_optimizer(network, "muon", lr=1e-4, weight_decay=0.01, fused=True).step,
        "torch.optim.Muon": library(network),
    }
    found: dict[str, list[float]] = {name: [] for name in ("passes", *optimizers)}
    for number in range(rounds + 1):
        seconds = {"passes": timed(passes)} | {name: timed(step) for name, step in optimizers.items()}
        if number:  # the first round warms up
            for name, value in seconds.items():
                found[name].append(value)
    shares = [muon / (muon + rest) for muon, rest in zip(found["Muon"], found["passes"], strict=True)]
    medians = {name: statistics.median(values) for name, values in found.items()}
    print(
        f"{preset}, {batch.tokens:,} tokens: " + ", ".join(f"{name} {value * 1e3:.0f} ms" for name, value in medians.items())
        + f"; Muon is {statistics.median(shares):.1%} of the step ({min(shares):.1%} … {max(shares):.1%})"
    )  # fmt: skip
    return {
        "preset": preset, "tokens": batch.tokens, "seconds": medians,
        "share": {"median": statistics.median(shares), "min": min(shares), "max": max(shares)},
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", nargs="+", default=["tiny", "mini"], choices=SIZES)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--cache_dir", type=Path, default=Path("runs/cache"))
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "optimizer_step.json")
    arguments = parser.parse_args()
    rows = [measure(preset, arguments.rounds, arguments.cache_dir) for preset in arguments.presets]
    write(arguments.output, {"rounds": arguments.rounds, "presets": rows})


if __name__ == "__main__":
    main()
