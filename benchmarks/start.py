"""From the command to the first batch: wall seconds of each stage, on one core and on more, and once more with a full cache.

    python benchmarks/start.py --corpus wiki_1.txt.bz2 wiki_2.txt.bz2 --preset base --cores 1 2

Each start is a process of its own, held to so many cores, with a cache of its own. What 16 cores would take follows from how each
stage scales from the fewest cores to the most (Amdahl's law); a file is unpacked by one core, so as many files share that as there
are. The token cache is made as well, beside what the tokenizer alone takes for the same sentences on one core.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import checkout  # noqa: F401
from side_by_side import write

from experiment.console import Console
from pretrain.config import PretrainConfig

CORES = 16
LIBRARY_TOKENS = 2_000_000


class Timed(Console):
    """Shows nothing, and notes how long each stage takes."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.seconds: dict[str, float] = {}

    @contextmanager
    def noted(self, label: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[label] = self.seconds.get(label, 0.0) + time.perf_counter() - start

    @contextmanager
    def phase(self, label: str) -> Iterator[None]:
        with self.noted(label):
            yield

    @contextmanager
    def progress(self, label: str, unit: str = "bytes") -> Iterator[Any]:
        with self.noted(label), super().progress(label, unit) as report:
            yield report


def settings(arguments: argparse.Namespace) -> PretrainConfig:
    return PretrainConfig(corpus=arguments.corpus, preset=arguments.preset, cache_dir=arguments.cache_dir).resolved()


def start(arguments: argparse.Namespace) -> dict[str, Any]:
    """One start, and the token cache after it."""
    began = time.perf_counter()
    from pretrain.heldout import HeldOutText
    from pretrain.stream import DeviceShare
    from pretrain.text import prepare_text, token_cache, window_builder

    console, config = Timed(), settings(arguments)
    imports = time.perf_counter() - began
    text = prepare_text(config, console)
    with console.noted("Held-out pairs"):
        HeldOutText(window_builder(text, config, held_out=True))
    with console.noted("First window"):
        DeviceShare(window_builder(text, config))
    whole = time.perf_counter() - began
    found: dict[str, Any] = {"imports": imports, "stages": console.seconds, "to_the_first_batch": whole - imports}
    if arguments.token_cache:
        began = time.perf_counter()
        token_cache(config, console)
        found["token_cache_seconds"] = time.perf_counter() - began
        folder = arguments.cache_dir
        parts = [json.loads(path.read_text()) for path in folder.glob("token_cache-*/part-*/about.json")]
        found["token_cache_tokens"] = sum(int(part["tokens"]) for part in parts)
        found["token_cache_bytes"] = sum(path.stat().st_size for path in folder.glob("token_cache-*/part-*/*"))
        found["library_tokens_per_second"] = library(text)
    return found


def library(text: Any) -> float:
    """Tokens a second that the tokenizer alone encodes on one core, of the same sentences in calls of the same size."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    tokens = seconds = 0.0
    with text.survey.text.open(encoding="utf-8") as file:
        while tokens < LIBRARY_TOKENS and (lines := file.readlines(1_200_000)):
            sentences = [line[:-1] for line in lines if line != "\n"]
            began = time.perf_counter()
            encoded = text.wordpiece.tokenizer.encode_batch_fast(sentences, add_special_tokens=False)
            tokens += sum(len(each.ids) for each in encoded)
            seconds += time.perf_counter() - began
    return tokens / seconds


def child(arguments: argparse.Namespace, cores: int, cache_dir: Path, *more: str) -> dict[str, Any]:
    command = [sys.executable, __file__, "--one", "--preset", arguments.preset, "--cache_dir", str(cache_dir), *more]
    command += ["--corpus", *map(str, arguments.corpus)]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, preexec_fn=lambda: os.sched_setaffinity(0, range(cores))
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def seconds_on(cores: int, few: tuple[int, float], many: tuple[int, float]) -> float:
    """Seconds on so many cores, by what two other numbers of them took."""
    (a, slow), (b, fast) = few, many
    parallel = max(0.0, (slow - fast) / (1 / a - 1 / b))  # seconds of one core that can be shared
    return max(0.0, slow - parallel / a) + parallel / cores


def import_seconds(statement: str) -> float:
    """Of a new process, the median of five."""
    runs = []
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", f"import checkout; {statement}"], check=True, cwd=Path(__file__).parent)
        runs.append(time.perf_counter() - began)
    return statistics.median(runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, nargs="+", required=True)
    parser.add_argument("--preset", default="base")
    parser.add_argument("--cores", type=int, nargs=2, default=[1, 2], metavar=("FEW", "MANY"))
    parser.add_argument(
        "--scratch", type=Path, help="folder for the caches, made if need be; the system's when left out"
    )
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "start.json")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--token_cache", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--cache_dir", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(start(arguments)))
        return
    if arguments.scratch:
        arguments.scratch.mkdir(parents=True, exist_ok=True)
    few, many = sorted(arguments.cores)
    runs, again = {}, {}
    for cores in (many, few):
        with tempfile.TemporaryDirectory(dir=arguments.scratch) as cache:
            runs[cores] = child(arguments, cores, Path(cache), *(["--token_cache"] if cores == many else []))
            again[cores] = child(arguments, cores, Path(cache))
    rows = {}
    print(f"{'':26}{few:>6} cores{many:>6} cores{CORES:>6} cores (by scaling), s")
    for stage, slow in runs[few]["stages"].items():
        fast = runs[many]["stages"][stage]
        rows[stage] = {str(few): slow, str(many): fast, str(CORES): seconds_on(CORES, (few, slow), (many, fast))}
        print(f"{stage:26}{slow:12.1f}{fast:12.1f}{rows[stage][str(CORES)]:12.1f}")
    total = {cores: sum(row[cores] for row in rows.values()) for cores in (str(few), str(many), str(CORES))}
    print(f"{'all':26}" + "".join(f"{seconds:12.1f}" for seconds in total.values()))
    second = {str(cores): found["to_the_first_batch"] for cores, found in again.items()}
    print("once more, s: " + ", ".join(f"{cores} cores {seconds:.2f}" for cores, seconds in second.items()))
    found = runs[many]
    a_core = found["token_cache_tokens"] / found["token_cache_seconds"] / many
    share = a_core / found["library_tokens_per_second"]
    names = ("token_cache_seconds", "token_cache_tokens", "token_cache_bytes", "library_tokens_per_second")
    kept = {name: found[name] for name in names} | {"tokens_a_core": a_core, "share_of_library": share}
    print(f"token cache, {many} cores: {a_core:,.0f} tokens a second a core, {share:.0%} of the library's")
    imports = {
        "ours": import_seconds("import pretrain.pipeline"),
        "torch and Lightning": import_seconds("import torch, pytorch_lightning"),
    }
    print("imports, s: " + ", ".join(f"{name} {seconds:.2f}" for name, seconds in imports.items()))
    about = {"preset": arguments.preset, "corpus": [path.name for path in arguments.corpus]}
    write(
        arguments.output,
        about | {"stages": rows, "all": total, "once_more": second, "token_cache": kept, "imports": imports},
    )


if __name__ == "__main__":
    main()
