"""Systems that do the same work, timed in turns: what the benchmarks of training steps share.

`Ours` and `Padded` pretrain on the same pairs with the same masks, prepared beforehand, and take whole steps: forward, backward,
clipping, AdamW.

Each system trains (and infers) in fp32, as published code runs, and in bf16 autocast. All take turns within one process, in a new
order each round, after a round that warms up; a ratio compares two systems within one round.
"""

import json
import math
import platform
import random
import statistics
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import checkout  # noqa: F401
import torch
from torch import Tensor, nn

from bert_core.config import BertConfig
from bert_core.model import BertForPreTraining
from data.tokenizer import WordPiece
from experiment.environment import cpu_name
from pretrain.batches import IGNORED, PreTrainingBatch
from pretrain.module import PreTrainingModule

if TYPE_CHECKING:
    import transformers

CPU = torch.device("cpu")
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


def theirs(config: BertConfig, **more: Any) -> "transformers.BertConfig":
    """The configuration of transformers' BERT of the same size."""
    import transformers

    transformers.logging.set_verbosity_error()  # its remarks on gradient checkpointing
    names = (*SIZES, "max_position_embeddings")
    return transformers.BertConfig(**{name: getattr(config, name) for name in names}, **more)


class Ours:
    """Packed batches, through the code that a run uses."""

    def __init__(self, config: BertConfig, batches: list[PreTrainingBatch], device: torch.device = CPU) -> None:
        self.device, self.batches = device, [batch.to(device) for batch in batches]
        self.module = PreTrainingModule(
            BertForPreTraining(config), has_pairs=True, optimizer="adamw", learning_rate=1e-4, warmup=0.0, weight_decay=0.01, clip=1.0,
            progress=lambda step: 0.5,
        ).to(device)  # fmt: skip
        self.optimizer = torch.optim.AdamW(self.module.parameters(), lr=1e-4, fused=True)

    def train(self, precision: torch.dtype) -> None:
        for batch in self.batches:
            with torch.autocast(self.device.type, precision, enabled=precision != torch.float32):
                loss, _ = self.module.losses(batch, batch.step_counts.float())
            loss.backward()
            nn.utils.clip_grad_norm_(self.module.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad()


class Padded:
    """Batches of a fixed number of pairs in random order, padded to `length` or to their longest, as transformers takes them."""

    def __init__(
        self,
        config: BertConfig,
        batches: list[PreTrainingBatch],
        device: torch.device = CPU,
        batch_size: int = 32,
        length: int = 0,
    ) -> None:
        import transformers

        self.device = device
        self.network = transformers.BertForPreTraining(
            theirs(config, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, attn_implementation="sdpa")
        )
        self.network.to(device)  # type: ignore[arg-type]
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=1e-4, fused=True)
        rows = [row for batch in batches for row in rows_of(batch)]
        random.Random(0).shuffle(rows)
        self.batches = [
            {name: tensor.to(device) for name, tensor in padded(rows[first : first + batch_size], length).items()}
            for first in range(0, len(rows), batch_size)
        ]

    def train(self, precision: torch.dtype) -> None:
        self.network.train()
        for inputs in self.batches:
            with torch.autocast(self.device.type, precision, enabled=precision != torch.float32):
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


def padded(rows: list[Row], length: int = 0) -> dict[str, Tensor]:
    """What transformers' network takes; rows of `length`, or of the longest where that is more."""
    length = max(length, *(len(ids) for ids, *_ in rows))

    def stack(tensors: list[Tensor], value: int = 0) -> Tensor:
        return torch.stack([nn.functional.pad(each, (0, length - len(each)), value=value) for each in tensors])

    return {
        "input_ids": stack([ids for ids, *_ in rows]),
        "token_type_ids": stack([types for _, types, *_ in rows]),
        "attention_mask": stack([torch.ones_like(ids) for ids, *_ in rows]),
        "labels": stack([labels for _, _, labels, _ in rows], IGNORED),
        "next_sentence_label": torch.tensor([label for *_, label in rows]),
    }


def compare(
    systems: Mapping[str, System],
    amount: int,
    unit: str,
    rounds: int,
    phases: Sequence[str] = ("train", "infer"),
    *,
    precisions: Sequence[torch.dtype] = (torch.float32, torch.bfloat16),
    device: torch.device = CPU,
    seconds: float = math.inf,
) -> list[dict[str, Any]]:
    """Times every system; prints a table and gives its rows.

    Args:
        systems: by name; the first one is ours.
        amount: how much work each of their calls does.
        unit: of what: "sentences".
        rounds: measured ones.
        phases: methods of the systems.
        precisions: of the systems.
        device: where they compute. On a GPU each turn does its work twice and is timed the second time: memory that other
            systems had must be given back first.
        seconds: after which no further round begins.
    """

    def work(name: str, precision: torch.dtype, phase: str) -> float:
        """Seconds that a call took, to the end of what it asked of the device."""
        started = time.perf_counter()
        getattr(systems[name], phase)(precision)
        if device.type != "cpu":
            torch.accelerator.synchronize()
        return time.perf_counter() - started

    began = time.perf_counter()
    cases = [(name, precision, phase) for name in systems for precision in precisions for phase in phases]
    rates: dict[tuple[str, torch.dtype, str], list[float]] = {case: [] for case in cases}
    for number in range(rounds + 1):
        if number > 1 and time.perf_counter() - began > seconds:
            print(f"{seconds:.0f} s are over: {rounds + 1 - number} rounds are left out")
            break
        random.Random(number).shuffle(cases)
        for case in cases:
            if device.type == "cuda":
                torch.cuda.empty_cache()
                work(*case)
            elapsed = work(*case)
            if number:  # the first round warms up
                rates[case].append(amount / elapsed)
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
                f"{unit}_per_second": spread(found),
                "ours_is_faster_by": spread(ratios),
            }
        )
    rows.sort(key=lambda row: (row["phase"] != "train", row["precision"]))
    print(f"{'':49}{f'{unit}/s':>12}  (min … max)     ours is faster by (min … max)")
    for row in rows:
        rate, ratio = row[f"{unit}_per_second"], row["ours_is_faster_by"]
        print(
            f"{row['phase']:6} {row['precision']:9} {row['system']:33}{rate['median']:12.1f}  "
            f"({rate['min']:.1f} … {rate['max']:.1f})  {ratio['median']:6.2f} ({ratio['min']:.2f} … {ratio['max']:.2f})"
        )
    return rows


def spread(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def write(output: Path, results: dict[str, Any], device: torch.device = CPU) -> None:
    """Writes results beside the machine and the versions that they were measured with."""
    about = {
        "machine": torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_name(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "transformers": transformers_version(),
        "python": platform.python_version(),
    }
    output.write_text(json.dumps(about | results, indent=1) + "\n", encoding="utf-8")


def transformers_version() -> str | None:
    """None where it is not installed."""
    try:
        return version("transformers")
    except PackageNotFoundError:
        return None


def sizes(config: BertConfig) -> dict[str, int]:
    """Of a backbone."""
    return {name: getattr(config, name) for name in SIZES}
