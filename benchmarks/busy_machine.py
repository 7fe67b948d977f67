"""How OpenMP's threads should wait, and how many there should be, on a machine of one's own and beside other work.

    python benchmarks/busy_machine.py --busy 0 4

torch's threads meet after every operation. GNU's OpenMP lets those that are early spin for about 3 ms before they sleep, in the
hope that the last one comes soon; where other processes want the same cores, it is the last one whose time they spin away.

Each variant is a process of its own that takes training steps on the built-in sample when it is its turn: pretraining of `--preset`,
and fine-tuning for relations of a network of the same size. All take turns of `--seconds`, in a new order each round, quiet and
beside `--busy` endless loops; a ratio compares two variants within one round, since other processes come and go.

- spinning: OpenMP's own ways (`GOMP_SPINCOUNT=300000`), as many threads as cores;
- short spin: 1,000 turns of a loop, some 10 µs, then sleep: what a run sets unless its user has set something;
- passive: sleep at once (`OMP_WAIT_POLICY=PASSIVE`);
- one thread: `OMP_NUM_THREADS=1`.
"""

import argparse
import itertools
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

VARIANTS = {
    "spinning": {"GOMP_SPINCOUNT": "300000"},
    "short spin": {"GOMP_SPINCOUNT": "1000"},
    "passive": {"OMP_WAIT_POLICY": "PASSIVE"},
    "one thread": {"OMP_NUM_THREADS": "1"},
}
KINDS = ("pretraining", "fine-tuning")
ROWS = 32
"""Of fine-tuning, in one batch."""

Step = Callable[[], int]
"""Takes a training step, and gives its real tokens."""


def pretraining(preset: str, output_dir: Path) -> Step:
    """The next batch of the sample's first windows."""
    import torch
    from side_by_side import Ours

    from bert_core.config import SIZES, BertConfig

    text, settings = sample_text(preset, output_dir)
    from pretrain.text import window_builder

    batches = window_builder(text, settings)[0]
    config = BertConfig(vocab_size=text.wordpiece.vocab_size, max_position_embeddings=512, **SIZES[preset])
    ours, turn = Ours(config, batches), itertools.cycle(batches)

    def step() -> int:
        ours.batches = [next(turn)]
        ours.train(torch.float32)
        return int(ours.batches[0].packed.tokens)

    return step


def fine_tuning(preset: str, output_dir: Path) -> Step:
    """A batch of the sample's relations, again and again."""
    import torch
    from finetune_relation import Ours

    from bert_core.config import SIZES, BertConfig
    from finetune.relation.config import RelationConfig
    from finetune.relation.marking import MarkerOptions, RelationMarker
    from finetune.relation.model import label_numbers
    from finetune.relation.task import RELATIONS
    from finetune.rows import read_rows

    text, _ = sample_text(preset, output_dir)
    rows = read_rows(RELATIONS, RelationConfig(output_dir=output_dir))
    chosen = rows.train[:ROWS]
    options = MarkerOptions("typed_entity_marker_punct", False, 128)
    types = sorted({each.type for row in chosen for each in (row.subject, row.object) if each.type})
    marked = RelationMarker(text.wordpiece, options, types=types).mark(chosen)
    config = BertConfig(vocab_size=text.wordpiece.vocab_size, max_position_embeddings=512, **SIZES[preset])
    ours = Ours(config, marked, label_numbers(chosen, rows.outputs), rows.outputs)

    def step() -> int:
        ours.train(torch.float32)
        return int(ours.lengths.sum())

    return step


def sample_text(preset: str, output_dir: Path) -> Any:
    """The sample with its tokenizer, and the settings of a run over it."""
    from experiment.console import Console
    from pretrain.config import PretrainConfig
    from pretrain.text import prepare_text

    settings = PretrainConfig(preset=preset, output_dir=output_dir).resolved()  # type: ignore[arg-type]
    return prepare_text(settings, Console(quiet=True)), settings


def serve(kind: str, preset: str, output_dir: Path) -> None:
    """Takes steps for as many seconds as each line of the standard input says; answers with tokens a second."""
    import torch

    torch.manual_seed(0)
    step = {"pretraining": pretraining, "fine-tuning": fine_tuning}[kind](preset, output_dir)
    step()
    print(torch.get_num_threads(), flush=True)
    for line in sys.stdin:
        started, tokens = time.perf_counter(), 0
        while time.perf_counter() - started < float(line):
            tokens += step()
        print(tokens / (time.perf_counter() - started), flush=True)


class Variant:
    """A process that waits for its turns."""

    def __init__(self, kind: str, variant: str, arguments: argparse.Namespace) -> None:
        words = ["--serve", kind, "--preset", arguments.preset, "--output_dir", str(arguments.output_dir)]
        self.seconds = arguments.seconds
        names = {name for each in VARIANTS.values() for name in each}
        inherited = {name: value for name, value in os.environ.items() if name not in names}
        self.process = subprocess.Popen(
            [sys.executable, __file__, *words], env=inherited | VARIANTS[variant], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self.process.stdout is not None and self.process.stdin is not None
        self.answers, self.orders = self.process.stdout, self.process.stdin
        self.threads = int(self.answers.readline())

    def tokens_per_second(self) -> float:
        self.orders.write(f"{self.seconds}\n")
        self.orders.flush()
        return float(self.answers.readline())

    def end(self) -> None:
        self.orders.close()
        self.process.wait()


@contextmanager
def busy(loops: int) -> Iterator[None]:
    """Endless loops beside what is measured."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(loops)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def measure(kind: str, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """The rates of all variants, beside each number of loops."""
    from side_by_side import spread

    variants = {name: Variant(kind, name, arguments) for name in VARIANTS}
    rows = []
    for loops in arguments.busy:
        rates: dict[str, list[float]] = {name: [] for name in variants}
        loads = []
        with busy(loops):
            for number in range(arguments.rounds):
                loads.append(os.getloadavg()[0])
                for name in random.Random(number).sample(list(variants), len(variants)):
                    rates[name].append(variants[name].tokens_per_second())
        for name, found in rates.items():
            ratios = [one / other for one, other in zip(found, rates["spinning"], strict=True)]
            row = {"kind": kind, "loops": loops, "load": [round(min(loads), 1), round(max(loads), 1)], "variant": name}
            row |= {"threads": variants[name].threads, "tokens_per_second": spread(found)}
            rows.append(row | {"faster_than_spinning_by": spread(ratios)})
            print(json.dumps(rows[-1]), flush=True)
    for variant in variants.values():
        variant.end()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 4], help="endless loops beside the run")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3, help="of a turn")
    parser.add_argument("--preset", default="tiny")
    parser.add_argument(
        "--output_dir", type=Path, default=Path("runs"), help="where the sample and its tokenizer are kept"
    )
    parser.add_argument("--serve", choices=KINDS, help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "busy_machine.json")
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve, arguments.preset, arguments.output_dir)
        return

    from side_by_side import write

    from experiment.environment import cpu_cores

    about = {"cores": cpu_cores(), "preset": arguments.preset, "seconds": arguments.seconds, "rounds": arguments.rounds}
    rows: list[dict[str, Any]] = []
    for kind in KINDS:
        rows += measure(kind, arguments)
        write(arguments.output, about | {"rows": rows})


if __name__ == "__main__":
    main()
