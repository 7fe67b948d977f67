"""Questions about the recipe, each answered by training: python benchmarks/recipe.py optimizer --corpus PATH … --tokens 2000000

A question is a few sets of differences from a preset's recipe. Each is trained by the product itself, from the same seeds, for equal
time (--minutes, from the first step on) or equal tokens (--tokens), and evaluated on the corpus's one fixed held-out set: MLM and
next sentences. With several learning rates a set is judged by its best one.

A run that is stopped goes on where it was when the command is given again; finished ones are not repeated. Writes
results/recipe_QUESTION_PRESET.json and a picture of the curves.
"""

import argparse
import json
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import checkout  # noqa: F401
import torch

from experiment.environment import cpu_name
from experiment.plots import Line, Panel, Reference, plot_curves
from experiment.run_directory import RunDirectory
from pretrain import initial
from pretrain.config import PretrainConfig
from pretrain.pipeline import pretrain

RESULTS = Path(__file__).parent / "results"

Change = Callable[[], AbstractContextManager[Any]]
"""Gives a context in which something of the product is otherwise."""


@dataclass(frozen=True)
class Variant:
    """A set of differences from the preset's recipe."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    """Of `PretrainConfig`."""
    learning_rates: tuple[float, ...] = ()
    """Each is tried; the preset's when left out."""
    change: Change | None = None
    """What no option can say, such as other initial weights."""


def without(*names: str) -> Change:
    """Initial weights but for some of their changes."""

    @contextmanager
    def change() -> Iterator[None]:
        with ExitStack() as stack:
            for name in names:
                stack.enter_context(patch.object(initial, name, lambda *arguments: None))
            yield

    return change


HEADS = ("look_at_neighbours", "compare_segments")
"""Initial weights of attention heads."""
ADAMW = {"optimizer": "adamw", "batch_tokens": 2048, "initializer_range": 0.02}


def plain(name: str, *left_out: str, rates: tuple[float, ...] = (2e-3,), **options: Any) -> Variant:
    """Heads at random, AdamW."""
    return Variant(name, ADAMW | options, rates, without(*HEADS, *left_out))


QUESTIONS: dict[str, list[Variant]] = {
    "optimizer": [
        Variant("AdamW, 2,048 tokens", {"optimizer": "adamw", "batch_tokens": 2048}, (1e-3, 1.5e-3, 2.5e-3)),
        Variant("Muon, 2,048 tokens", {"optimizer": "muon", "batch_tokens": 2048}, (1e-3, 1.5e-3, 2.5e-3)),
        Variant("Muon, 4,096 tokens", {"optimizer": "muon", "batch_tokens": 4096}, (1.5e-3, 2.5e-3, 4e-3)),
    ],
    "initial_weights": [
        Variant("as they are"),
        Variant("segments not compared", change=without("compare_segments")),
        Variant("heads not at the neighbours", change=without("look_at_neighbours")),
        Variant("heads at random", change=without(*HEADS)),
        Variant("writers not smaller", change=without("shrink_writers")),
    ],
    "plateau": [
        plain("paper's initial weights", "start_at_unigram", "shrink_writers", rates=(1e-3, 2e-3)),
        plain("output bias", "shrink_writers"),
        plain("smaller writers", "start_at_unigram"),
        plain("both", rates=(1e-3, 2e-3, 4e-3)),
        plain("both, initial scale 0.04", rates=(1.5e-3, 2e-3), initializer_range=0.04),
        plain("both, initial scale 0.06", initializer_range=0.06),
        plain("output bias, initial scale 0.04", "shrink_writers", initializer_range=0.04),
        plain("both, dropout 0.1", dropout=0.1),
        plain("both, 1,024 tokens a step", batch_tokens=1024),
        plain("both, 16,000 words", vocab_size=16000),
        plain("both, sequences of 64", max_length=64),
        plain("both, 64 then 128", rates=(1.5e-3,), initializer_range=0.04, short_length=64, short_share=0.7),
    ],
    "batch": [Variant(f"{tokens:,} tokens", {"batch_tokens": tokens}) for tokens in (2048, 4096, 8192)],
    "weight_decay": [Variant(f"{decay:g}", {"weight_decay": decay}) for decay in (0.0, 0.01, 0.1)],
    "masking": [Variant(unit, {"mask_unit": unit}) for unit in ("token", "word", "span")],
    "short_pairs": [Variant(f"{rate:.0%}", {"short_rate": rate}) for rate in (0.0, 0.1, 0.5)],
}


@dataclass(frozen=True)
class Trial:
    """One run."""

    variant: Variant
    learning_rate: float | None
    seed: int

    @property
    def label(self) -> str:
        return self.variant.name + ("" if self.learning_rate is None else f", {self.learning_rate:g}")

    @property
    def name(self) -> str:
        """Of its run directory."""
        return "".join(c if c.isalnum() else "_" for c in f"{self.label}_{self.seed}").strip("_")


def trials(question: str, seeds: list[int], only: list[int] | None) -> list[Trial]:
    return [
        Trial(variant, rate, seed)
        for seed in seeds
        for number, variant in enumerate(QUESTIONS[question])
        if only is None or number in only
        for rate in variant.learning_rates or (None,)
    ]


def configuration(arguments: argparse.Namespace, trial: Trial) -> PretrainConfig:
    options = {"preset": arguments.preset, **trial.variant.options}
    if trial.learning_rate is not None:
        options["learning_rate"] = trial.learning_rate
    if arguments.tokens:
        batch = PretrainConfig(corpus=arguments.corpus, **options).resolved().batch_tokens
        options["max_steps"] = arguments.tokens // batch
    else:
        options["max_minutes"] = arguments.minutes
    return PretrainConfig(
        corpus=arguments.corpus,
        output_dir=arguments.output_dir / arguments.question,
        cache_dir=arguments.output_dir / "cache",
        name=trial.name,
        resume="auto",
        seed=trial.seed,
        tracking_uri="none",
        evaluations=arguments.evaluations,
        threads=arguments.threads,
        **options,
    )


def carry_out(arguments: argparse.Namespace, trial: Trial) -> None:
    """In a process of its own, so that no run finds the machine otherwise than the first one did."""
    config = configuration(arguments, trial)
    if trial.variant.change is None:
        pretrain(config)
        return
    with trial.variant.change():
        pretrain(config)


def result_of(directory: RunDirectory, trial: Trial) -> dict[str, Any]:
    rows = [json.loads(line) for line in directory.history.read_text(encoding="utf-8").splitlines()]
    figures = json.loads((directory.path / "metrics.json").read_text(encoding="utf-8"))
    names = ("step", "tokens_seen", "heldout_mlm_loss", "heldout_mlm_accuracy", "heldout_nsp_accuracy")
    start = min(row["time"] for row in rows)
    curve = [
        {name: row[name] for name in names} | {"seconds": round(row["time"] - start, 1)}
        for row in rows
        if "heldout_mlm_loss" in row
    ]
    return {"label": trial.label, "seed": trial.seed, "figures": figures, "curve": curve}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("question", choices=QUESTIONS)
    parser.add_argument("--corpus", nargs="*", type=Path, default=[], help="the built-in sample when left out")
    parser.add_argument("--preset", default="mini")
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--minutes", type=float)
    budget.add_argument("--tokens", type=int)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--evaluations", type=int, default=10)
    parser.add_argument("--only", type=int, nargs="+", help="numbers of the sets of differences, from 0")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--output_dir", type=Path, default=Path("runs/recipe"))
    parser.add_argument("--trial", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    chosen = trials(arguments.question, arguments.seeds, arguments.only)
    if arguments.trial:
        carry_out(arguments, next(trial for trial in chosen if trial.name == arguments.trial))
        return
    kept = RESULTS / f"recipe_{arguments.question}_{arguments.preset}.json"
    budget_of = {"minutes": arguments.minutes} if arguments.minutes else {"tokens": arguments.tokens}
    about = {
        "question": arguments.question,
        "preset": arguments.preset,
        "corpus": [path.name for path in arguments.corpus],
        **budget_of,
        "machine": cpu_name(),
        "threads": arguments.threads or torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
    results: list[dict[str, Any]] = []
    if kept.is_file():
        before = json.loads(kept.read_text(encoding="utf-8"))
        if all(before.get(name) == about[name] for name in ("preset", "corpus", *budget_of)):
            results = before["results"]
    for trial in chosen:
        if any((found["label"], found["seed"]) == (trial.label, trial.seed) for found in results):
            continue
        subprocess.run([sys.executable, __file__, *sys.argv[1:], "--trial", trial.name], check=True)
        directory = RunDirectory(arguments.output_dir / arguments.question / "pretrain" / trial.name)
        results.append(result_of(directory, trial))
        kept.write_text(json.dumps(about | {"results": results}, indent=1) + "\n", encoding="utf-8")
        last = results[-1]["curve"][-1]
        print(
            f"{trial.label:44} seed {trial.seed}  step {last['step']:6,}  {last['seconds']:6.0f} s  MLM {last['heldout_mlm_loss']:.3f} "
            f"{last['heldout_mlm_accuracy']:.1%}  NSP {last['heldout_nsp_accuracy']:.1%}",
            flush=True,
        )
    draw(results, kept.with_suffix(".png"))


def draw(results: list[dict[str, Any]], path: Path) -> None:
    """MLM and NSP over the tokens that were seen, of each set's best learning rate and first seed."""
    first = [result for result in results if result["seed"] == results[0]["seed"]]
    names = {result["label"].rpartition(", ")[0] or result["label"] for result in first}
    best = [
        min((r for r in first if r["label"].startswith(name)), key=lambda r: r["curve"][-1]["heldout_mlm_loss"])
        for name in sorted(names)
    ]
    curves, panels = {}, []
    unigram = results[0]["figures"]["unigram_loss"]
    for metric, title, unit, scale, reference in (
        ("heldout_mlm_loss", "Held-out masked tokens", "nats", 1, Reference(unigram, "unigram")),
        ("heldout_nsp_accuracy", "Held-out next sentences", "accuracy (%)", 100, Reference(0.5, "coin")),
    ):
        for result in best:
            points = result["curve"]
            curves[f"{metric} {result['label']}"] = (
                [point["tokens_seen"] for point in points],
                [point[metric] for point in points],
            )
        lines = [Line(f"{metric} {result['label']}", result["label"], "exact") for result in best]
        panels.append(Panel(title, unit, lines, [reference], scale=scale))
    plot_curves(curves, panels, path, x="tokens_seen", x_label="real tokens")


if __name__ == "__main__":
    main()
