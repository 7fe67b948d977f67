"""How pretraining grows: real tokens a second over the length of the sequences, the size of a batch, the number of layers, the
loader's workers and the processes; and the memory of a step of `base`.

    python benchmarks/growth.py --corpus petitions/ wiki.txt.xz
    python benchmarks/growth.py --corpus petitions/ wiki.txt.xz --only memory

Real text, filled segments, the `mini` preset but for what an axis changes, bf16 where the CPU computes in it. Parts:

- length, batch, depth: whole steps (forward, backward, clipping, AdamW) over batches that were prepared before;
- workers: the same steps over `BatchStream`, which builds the batches from the text meanwhile. The clock starts when a window has been
  trained on and the loader is ahead as far as it goes, so that it builds as much as is used;
- ddp: `run.py` from the command line, 1 process with 1 thread, 1 with 2, and 2 with 1 each (gloo), every process building its own
  batches (`--workers 0`). A process has the same batch whatever their number. The rate is that of `metrics.jsonl` after its first point,
  which has the evaluation before the first step in it. Scaling efficiency: the rate of two processes by twice that of one with one
  thread, of the same round;
- memory: `step_memory`, with pairs of 512 tokens.

The conditions of an axis take turns in a new order each round, after a round that warms up (the runs of ddp have no such round);
figures are medians, with the least and the most. `of_matmul` is the rate of the matrix products (`BertConfig.flops_per_token`) as a
share of what a large one alone reaches right after the turn (`matmul_gflops`): MFU. What `--output` holds of other parts, measured on the same machine
with as many threads, stays.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import torch
from checkout import ROOT
from side_by_side import Ours, spread, write
from step_memory import measure

from bert_core.config import SIZES, BertConfig
from experiment.console import Console
from experiment.environment import cpu_name, matmul_rate
from experiment.history import read_curves
from experiment.machine import Machine, choose_machine
from pretrain.batches import PreTrainingBatch, WindowBuilder
from pretrain.config import RECIPES, PretrainConfig
from pretrain.stream import BatchStream, DeviceShare
from pretrain.text import Text, prepare_text, window_builder

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PRESET: Final = "mini"
LENGTH, BATCH_TOKENS = 128, 2048
LAYERS = SIZES[PRESET]["num_hidden_layers"]
HELD_OUT = 8
"""Documents: an evaluation is in no rate, but it takes its time."""
TIMED_WINDOWS = 2
"""Of eight batches, in a turn of the workers' axis."""
LOG_EVERY = 5
"""Steps between two points of a run of the ddp part."""

AXES: dict[str, tuple[int, ...]] = {
    "length": (64, 128, 256, 512),
    "batch": (512, 1024, 2048, 4096, 8192),
    "depth": (2, 4, 8, 12),
    "workers": (0, 1, 2),
}
PROCESSES = {"1 process, 1 thread": (1, 1), "1 process, 2 threads": (1, 2), "2 processes, 1 thread each": (2, 1)}
"""Processes, and threads of each."""


@dataclass(frozen=True)
class Material:
    """What all conditions share."""

    settings: PretrainConfig
    text: Text
    machine: Machine
    tokens: int
    """Real tokens of a turn, about."""

    def builder(self, length: int = LENGTH, batch_tokens: int = BATCH_TOKENS) -> WindowBuilder:
        return window_builder(self.text, replace(self.settings, max_length=length, batch_tokens=batch_tokens))

    @property
    def bytes_a_token(self) -> float:
        """Of cleaned text in UTF-8, with the preset's vocabulary."""
        survey = self.text.survey
        return survey.text.stat().st_size / survey.characters * self.text.coverage.characters_per_token

    def network(self, preset: str = PRESET, **changes: int) -> BertConfig:
        sizes = {"vocab_size": self.text.wordpiece.vocab_size} | SIZES[preset] | changes
        return BertConfig(**sizes, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)


class Condition(Protocol):
    """One place on an axis; a call is a turn, and gives its figures."""

    facts: dict[str, float]

    def __call__(self) -> dict[str, float]: ...


class Steps:
    """Whole steps over prepared batches."""

    def __init__(self, material: Material, length: int, batch_tokens: int, layers: int) -> None:
        builder = material.builder(length, batch_tokens)
        # Whole windows: a part of one would have lengths of its own.
        batches: list[PreTrainingBatch] = []
        for window in range(builder.windows_an_epoch):
            if sum(batch.packed.tokens for batch in batches) < material.tokens:
                batches += builder[window]
        config = material.network(num_hidden_layers=layers)
        self.ours, self.machine, self.steps = Ours(config, batches), material.machine, len(batches)
        self.tokens = sum(batch.packed.tokens for batch in batches)
        squares = sum(int((batch.packed.boundaries.diff() ** 2).sum()) for batch in batches)
        masked = sum(batch.labels.numel() for batch in batches)
        self.flops_per_token = config.flops_per_token(squares / self.tokens, masked / self.tokens)
        self.facts = {
            "tokens_a_sequence": self.tokens / sum(batch.packed.sequences for batch in batches),
            "tokens_a_batch": self.tokens / self.steps,
            "flops_a_token": self.flops_per_token,
        }

    def __call__(self) -> dict[str, float]:
        started = time.perf_counter()
        self.ours.train(self.machine.dtype)
        seconds = time.perf_counter() - started
        plain = matmul_rate(self.machine.device, self.machine.dtype)
        return {
            "tokens_per_second": self.tokens / seconds,
            "seconds_a_step": seconds / self.steps,
            "matmul_gflops": plain / 1e9,
            "of_matmul": self.tokens / seconds * self.flops_per_token / plain,
        }


class Streamed:
    """Steps over batches that so many workers build meanwhile."""

    def __init__(self, material: Material, workers: int) -> None:
        self.builder, self.machine, self.workers = material.builder(), material.machine, workers
        self.ours = Ours(material.network(), [])
        self.facts: dict[str, float] = {}

    def __call__(self) -> dict[str, float]:
        stream, window = BatchStream([DeviceShare(self.builder)], workers=self.workers), self.builder.steps_a_window
        batches = iter(stream)
        self.train(islice(batches, window))  # the workers get ahead meanwhile
        waited, started = stream.waited, time.perf_counter()
        tokens = self.train(islice(batches, TIMED_WINDOWS * window))
        seconds = time.perf_counter() - started
        return {
            "tokens_per_second": tokens / seconds,
            "seconds_a_step": seconds / (TIMED_WINDOWS * window),
            "waited": (stream.waited - waited) / seconds,
        }

    def train(self, batches: Iterable[PreTrainingBatch]) -> int:
        """Steps over these batches; gives their real tokens."""
        tokens = 0
        for batch in batches:
            self.ours.batches = [batch]
            self.ours.train(self.machine.dtype)
            tokens += batch.packed.tokens
        return tokens


class Run:
    """A run from the command line over so many processes."""

    def __init__(self, settings: PretrainConfig, processes: int, threads: int, steps: int) -> None:
        self.facts: dict[str, float] = {"processes": processes, "threads": threads, "tokens_a_batch": BATCH_TOKENS}
        self.environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
        flags = {
            "preset": PRESET, "cache_dir": settings.cache_dir, "heldout_documents": HELD_OUT, "max_steps": steps,
            "log_every": LOG_EVERY, "evaluations": 1, "workers": 0, "accelerator": "cpu", "devices": processes,
            "strategy": "ddp" if processes > 1 else "auto", "precision": settings.precision, "tracking_uri": "none",
        }  # fmt: skip
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
        self.command = [sys.executable, *(launcher if processes > 1 else []), "run.py"]
        self.command += ["--corpus", *map(str, settings.corpus)]
        self.command += [text for name, value in flags.items() for text in (f"--{name}", str(value))]

    def __call__(self) -> dict[str, float]:
        with tempfile.TemporaryDirectory() as scratch:
            done = subprocess.run(
                [*self.command, "--output_dir", scratch], cwd=ROOT, capture_output=True, text=True, env=self.environment
            )
            if done.returncode:
                sys.exit(done.stderr[-2000:])
            curves = read_curves(Path(scratch) / "pretrain" / "latest" / "metrics.jsonl")
        seen = dict(zip(*curves["tokens_seen"], strict=True))
        steps, rates = curves["real_tokens_per_second"]
        tokens = [seen[step] - seen[before] for before, step in pairwise(steps)]
        seconds = sum(count / rate for count, rate in zip(tokens, rates[1:], strict=True))
        return {"tokens_per_second": sum(tokens) / seconds, "seconds_a_step": seconds / (steps[-1] - steps[0])}


# --- Parts ------------------------------------------------------------------------------------------------------------


def in_turns(
    axis: str, conditions: Mapping[Any, Condition], rounds: int, *, warm_up: bool = True
) -> dict[Any, list[dict[str, float]]]:
    """The figures of every condition, round by round."""
    found: dict[Any, list[dict[str, float]]] = {name: [] for name in conditions}
    order = list(conditions)
    for number in range(0 if warm_up else 1, rounds + 1):
        random.Random(number).shuffle(order)
        for name in order:
            figures = conditions[name]()
            if number:
                found[name].append(figures)
        print(f"{axis}: round {number} of {rounds}", flush=True)
    return found


def summary(
    axis: str, conditions: Mapping[Any, Condition], found: Mapping[Any, list[dict[str, float]]]
) -> list[dict[str, Any]]:
    """A row a condition, printed, too."""
    rows = []
    for name, rounds in found.items():
        figures = {figure: spread([each[figure] for each in rounds]) for figure in rounds[0]}
        rows.append({axis: name} | conditions[name].facts | figures)
        shown = ", ".join(
            f"{figure} {each['median']:.4g} ({each['min']:.4g} … {each['max']:.4g})" for figure, each in figures.items()
        )
        print(f"{axis} {name}: {shown}")
    return rows


def speed(axis: str, material: Material, rounds: int) -> dict[str, Any]:
    """One of `AXES`."""
    usual = {"length": LENGTH, "batch": BATCH_TOKENS, "depth": LAYERS}
    conditions: dict[int, Condition] = {}
    for value in AXES[axis]:
        torch.manual_seed(0)
        sizes = usual | {axis: value}
        conditions[value] = (
            Streamed(material, value)
            if axis == "workers"
            else Steps(material, sizes["length"], sizes["batch"], sizes["depth"])
        )
    rows = summary(axis, conditions, in_turns(axis, conditions, rounds))
    return {"precision": material.machine.precision, "rounds": rounds, "rows": rows}


def over_processes(material: Material, rounds: int, steps: int) -> dict[str, Any]:
    """The ddp part."""
    conditions: dict[str, Condition] = {
        name: Run(material.settings, *sizes, steps) for name, sizes in PROCESSES.items()
    }
    found = in_turns("ddp", conditions, rounds, warm_up=False)
    one, _, two = ([figures["tokens_per_second"] for figures in each] for each in found.values())
    efficiency = spread([both / (2 * single) for both, single in zip(two, one, strict=True)])
    print(f"scaling efficiency {efficiency['median']:.0%} ({efficiency['min']:.0%} … {efficiency['max']:.0%})")
    rows = summary("run", conditions, found)
    about = {"precision": material.machine.precision, "rounds": rounds, "max_steps": steps}
    return about | {"scaling_efficiency": efficiency, "rows": rows}


def step_memory(material: Material, pairs: int) -> dict[str, Any]:
    """The memory part, over about so many pairs of full length."""
    config = material.network("base", vocab_size=RECIPES["base"]["vocab_size"])
    length = config.max_position_embeddings
    # The batches of a window are of similar lengths each: one of them holds the longest pairs.
    batch = max(
        material.builder(length, pairs * length)[0], key=lambda batch: int(batch.packed.boundaries.diff().min())
    )
    facts = {"sizes": SIZES["base"], "vocabulary": config.vocab_size, "precision": material.machine.precision}
    facts |= {"pairs": batch.packed.sequences, "tokens": batch.packed.tokens}
    print(f"memory of a step over {batch.packed.tokens} tokens in {batch.packed.sequences} sequences")
    return facts | {"rows": measure(config, batch, material.machine.dtype)}


# --- The plot ---------------------------------------------------------------------------------------------------------

PANELS = {
    "length": ("Length of the sequences", "longest sequence (tokens)"),
    "batch": ("Size of a batch", "real tokens a batch"),
    "depth": ("Depth", f"layers of width {SIZES[PRESET]['hidden_size']}"),
    "workers": ("Loader workers", "processes that build batches"),
    "ddp": ("Threads and processes", ""),
    "memory": ("Memory of a step of base", "peak beyond interpreter and libraries (GB)"),
}


def plot(parts: dict[str, Any], path: Path, threads: int) -> None:
    """A panel for each part that there is."""
    from experiment.figures import WIDTH, names_for, page, title

    shown = [name for name in PANELS if name in parts]
    notes = [
        f"{PRESET} ({LAYERS} layers of {SIZES[PRESET]['hidden_size']}), {LENGTH} tokens, {BATCH_TOKENS:,} tokens a batch, "
        f"{threads} {'thread' if threads == 1 else 'threads'}, where a panel does not say otherwise. "
        "Points: medians; bars: from the slowest to the fastest round."
    ]
    lines = -(-len(shown) // 2)
    with page(path, WIDTH, 3.1 * lines, names_for([]), notes) as figure:
        grid = figure.subplots(lines, 2, squeeze=False)
        for axes, name in zip(grid.flat, shown, strict=False):
            if name == "memory":
                draw_memory(axes, parts[name])
            else:
                draw_rates(axes, name, parts[name])
            axes.set_xlabel(PANELS[name][1])
            title(axes, PANELS[name][0])
        for axes in grid.flat[len(shown) :]:
            axes.set_visible(False)


def draw_rates(axes: "Axes", name: str, part: dict[str, Any]) -> None:
    """Tokens a second along an axis."""
    from matplotlib.patheffects import withStroke
    from matplotlib.ticker import FuncFormatter

    from experiment.figures import SMALL
    from experiment.plots import COLOURS, INK, MUTED, short

    rows, colour = part["rows"], COLOURS[0]
    values = [next(iter(row.values())) for row in rows]
    # Doublings lie at even distances, layers as far apart as they are.
    places = values if name == "depth" else list(range(len(rows)))
    rates = [row["tokens_per_second"] for row in rows]
    medians = [rate["median"] for rate in rates]
    spreads = [[rate["median"] - rate["min"] for rate in rates], [rate["max"] - rate["median"] for rate in rates]]
    if name != "ddp":
        axes.plot(places, medians, color=colour, linewidth=1.2, alpha=0.4)
    axes.errorbar(places, medians, spreads, fmt="o", color=colour, markersize=5, elinewidth=1.2)

    def write_at(place: int, value: float, text: str, rise: float, ink: str) -> None:
        axes.annotate(text, (place, value), xytext=(0, rise), textcoords="offset points", ha="center",
                      va="bottom" if rise > 0 else "top", fontsize=SMALL, color=ink,
                      path_effects=[withStroke(linewidth=2.5, foreground="white")])  # fmt: skip

    for place, row, rate in zip(places, rows, rates, strict=True):
        write_at(place, rate["max"], f"{rate['median']:,.0f}", 5, INK)
        if name == "workers":
            write_at(place, rate["min"], f"{row['waited']['median']:.1%} waited", -5, MUTED)
    highest = max(rate["max"] for rate in rates)
    if name == "ddp":
        twice = 2 * medians[0]
        highest = max(highest, twice)
        axes.hlines(twice, 1.7, 2.3, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        write_at(2, twice, "twice the first", 3, MUTED)
        write_at(2, rates[2]["min"], f"{part['scaling_efficiency']['median']:.0%} of it", -5, MUTED)
    margin = 0.2 * (places[-1] - places[0])
    axes.set_xlim(places[0] - margin, places[-1] + margin)
    axes.set_ylim(0, 1.2 * highest)
    axes.set_xticks(
        places, [f"{value:,}" if isinstance(value, int) else value.replace(", ", ",\n") for value in values]
    )
    axes.grid(axis="x", visible=False)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    axes.set_ylabel("real tokens a second")


def draw_memory(axes: "Axes", part: dict[str, Any]) -> None:
    """Bars in two parts: what all systems hold alike, and what is beyond."""
    from matplotlib.patheffects import withStroke

    from experiment.figures import SMALL, label_rows
    from experiment.plots import COLOURS, GRID, INK, MUTED

    rows = part["rows"]
    label_rows(axes, [row["system"].replace(", ", ",\n") for row in rows])
    for place, row in enumerate(rows):
        peak, alike = row["peak"] / 1e9, min(row["state"], row["peak"]) / 1e9
        axes.barh(place, alike, height=0.5, color=GRID)
        axes.barh(place, peak - alike, left=alike, height=0.5, color=COLOURS[0 if "SaeBERT" in row["system"] else 1])
        axes.annotate(f"{alike:.2f} + {peak - alike:.2f}", (peak, place), xytext=(5, 0), textcoords="offset points",
                      va="center", fontsize=SMALL, color=INK,
                      path_effects=[withStroke(linewidth=2.5, foreground="white")])  # fmt: skip
    axes.annotate(f"grey: weights, gradients, AdamW; colour: the rest, for {part['tokens']:,} tokens", (0, 1), xytext=(0, 3),
                  xycoords="axes fraction", textcoords="offset points", fontsize=SMALL, color=MUTED)  # fmt: skip
    axes.set_xlim(0, 1.25 * max(row["peak"] for row in rows) / 1e9)


def main() -> None:
    parts = (*AXES, "ddp", "memory")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, nargs="+", required=True)
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    parser.add_argument("--precision", choices=["auto", "32", "bf16"], default="auto")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=16_000, help="real tokens of a turn, about")
    parser.add_argument("--steps", type=int, default=30, help="of a run of the ddp part")
    parser.add_argument("--pairs", type=int, default=8, help="of 512 tokens, about, of the memory part")
    parser.add_argument("--cache_dir", type=Path, default=Path("runs/cache"))
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "growth.json")
    arguments = parser.parse_args()

    settings = PretrainConfig(
        corpus=[path.resolve() for path in arguments.corpus], preset=PRESET, short_rate=0.0, heldout_documents=HELD_OUT,
        cache_dir=arguments.cache_dir.resolve(), precision=arguments.precision,
    ).resolved()  # fmt: skip
    machine = choose_machine("cpu", settings.precision)
    material = Material(settings, prepare_text(settings, Console(quiet=True)), machine, arguments.tokens)
    here = {"machine": cpu_name(), "threads": torch.get_num_threads(), "torch": torch.__version__}
    kept = json.loads(arguments.output.read_text(encoding="utf-8")) if arguments.output.is_file() else {}
    found = kept["parts"] if here.items() <= kept.items() else {}
    for name in arguments.only:
        if name == "memory":
            found[name] = step_memory(material, arguments.pairs)
        elif name == "ddp":
            found[name] = over_processes(material, arguments.rounds, arguments.steps)
        else:
            found[name] = speed(name, material, arguments.rounds)
        write(arguments.output, {"preset": PRESET, "bytes_a_token": material.bytes_a_token, "parts": found})
    plot(found, arguments.output.with_suffix(".png"), torch.get_num_threads())


if __name__ == "__main__":
    main()
