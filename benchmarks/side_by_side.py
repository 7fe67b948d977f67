"""Systems that do the same work, timed in turns: what the benchmarks of training steps share.

Each system trains (and infers) in fp32, as published code runs, and in bf16 autocast. All take turns within one process, in a new
order each round, after a round that warms up; a ratio compares two systems within one round.
"""

import json
import platform
import random
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
import transformers

from bert_core.config import BertConfig
from data.tokenizer import WordPiece
from experiment.environment import cpu_name

SIZES = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")


class System(Protocol):
    """Goes through all of the work once, by a method for each phase: `train`, `infer`."""

    def train(self, precision: torch.dtype) -> None: ...


def checkpoint_parts(checkpoint: Path) -> tuple[WordPiece, BertConfig]:
    """The tokenizer of a run or of a BERT folder, and a network of its size with 512 positions."""
    folder = checkpoint / "model" if (checkpoint / "model").is_dir() else checkpoint
    sizes = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config = BertConfig(**{name: sizes[name] for name in SIZES}, max_position_embeddings=512)
    return WordPiece.load(folder), config


def theirs(config: BertConfig, **more: Any) -> transformers.BertConfig:
    """The configuration of transformers' BERT of the same size."""
    names = (*SIZES, "max_position_embeddings")
    return transformers.BertConfig(**{name: getattr(config, name) for name in names}, **more)


def compare(
    systems: Mapping[str, System],
    amount: int,
    unit: str,
    rounds: int,
    phases: Sequence[str] = ("train", "infer"),
) -> list[dict[str, Any]]:
    """Times every system; prints a table and gives its rows.

    Args:
        systems: by name; the first one is ours.
        amount: how much work each of their calls does.
        unit: of what: "sentences".
        rounds: measured ones.
        phases: methods of the systems.
    """
    cases = [
        (name, precision, phase)
        for name in systems
        for precision in (torch.float32, torch.bfloat16)
        for phase in phases
    ]
    rates: dict[tuple[str, torch.dtype, str], list[float]] = {case: [] for case in cases}
    for number in range(rounds + 1):
        random.Random(number).shuffle(cases)
        for name, precision, phase in cases:
            started = time.perf_counter()
            getattr(systems[name], phase)(precision)
            if number:  # the first round warms up
                rates[name, precision, phase].append(amount / (time.perf_counter() - started))
        print(f"round {number} of {rounds}", flush=True)

    ours = next(iter(systems))
    rows: list[dict[str, Any]] = []
    for (name, precision, phase), found in rates.items():
        ratios = [mine / other for mine, other in zip(rates[ours, precision, phase], found, strict=True)]
        rows.append(
            {
                "system": name,
                "precision": str(precision).removeprefix("torch."),
                "phase": phase,
                f"{unit}_per_second": _spread(found),
                "ours_is_faster_by": _spread(ratios),
            }
        )
    rows.sort(key=lambda row: (row["phase"] != "train", row["precision"]))
    print(f"{'':42}{f'{unit}/s':>12}  (min … max)     ours is faster by (min … max)")
    for row in rows:
        rate, ratio = row[f"{unit}_per_second"], row["ours_is_faster_by"]
        print(
            f"{row['phase']:6} {row['precision']:9} {row['system']:26}{rate['median']:12.1f}  "
            f"({rate['min']:.1f} … {rate['max']:.1f})  {ratio['median']:6.2f} ({ratio['min']:.2f} … {ratio['max']:.2f})"
        )
    return rows


def _spread(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def write(output: Path, results: dict[str, Any]) -> None:
    """Writes results beside the machine and the versions that they were measured with."""
    about = {
        "machine": cpu_name(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "python": platform.python_version(),
    }
    output.write_text(json.dumps(about | results, indent=1) + "\n", encoding="utf-8")


def sizes(config: BertConfig) -> dict[str, int]:
    """Of a backbone."""
    return {name: getattr(config, name) for name in SIZES}
