"""How OpenMP's threads should wait, and how many there should be, on a machine of one's own and beside other work.

    python benchmarks/busy_machine.py --busy 0 4

torch's threads meet after every operation. GNU's OpenMP lets those that are early spin for about 3 ms before they sleep, in the
hope that the last one comes soon; where other processes want the same cores, it is the last one whose time they spin away.
Each variant is a whole `run.py` and a whole `run_finetune.py` on the built-in sample, quiet and beside `--busy` endless loops, in
alternating rounds; what is compared is their own figure, real tokens a second:

- spinning: OpenMP's own ways (`GOMP_SPINCOUNT=300000`), as many threads as cores;
- short spin: 1,000 turns of a loop, some 10 µs, then sleep;
- passive: sleep at once (`OMP_WAIT_POLICY=PASSIVE`), what a run sets unless the user has set something;
- one thread: `OMP_NUM_THREADS=1`.

The loops are ended with the benchmark. Other processes of the machine count as they come, so each result keeps the load before it.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from experiment.environment import cpu_cores, cpu_name

ROOT = Path(__file__).resolve().parent.parent
VARIANTS = {
    "spinning": {"GOMP_SPINCOUNT": "300000"},
    "short spin": {"GOMP_SPINCOUNT": "1000"},
    "passive": {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"},
    "one thread": {"OMP_NUM_THREADS": "1"},
}
RUN = "measured"


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


def commands(folder: Path, seconds: float, rows: int) -> dict[str, tuple[str, list[str]]]:
    """Where a run of each kind leaves its figures, and its command."""
    shared = ["--output_dir", str(folder), "--tracking_uri", "none", "--accelerator", "cpu", "--name", RUN]
    pretraining = ["run.py", "--max_minutes", str(seconds / 60), "--heldout_documents", "2", "--evaluations", "1"]
    fine_tuning = ["run_finetune.py", "--task", "re", "--epochs", "1", "--train_rows", str(rows)]
    return {
        "pretraining": ("pretrain", [sys.executable, *pretraining, *shared]),
        "fine-tuning": (
            "finetune/re",
            [sys.executable, *fine_tuning, "--checkpoint", str(folder / "pretrain" / "start"), *shared],
        ),
    }


def tokens_per_second(command: list[str], directory: Path, environment: dict[str, str]) -> float:
    """Of a whole run; the run is removed."""
    subprocess.run(command, cwd=ROOT, env=os.environ | environment, check=True, stdout=subprocess.DEVNULL)
    figure = json.loads((directory / "metrics.json").read_text(encoding="utf-8"))["real_tokens_per_second"]
    subprocess.run(["rm", "-r", str(directory)], check=True)
    return float(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 4], help="endless loops beside the run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8, help="of pretraining")
    parser.add_argument("--rows", type=int, default=400, help="of fine-tuning")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "busy_machine.json")
    arguments = parser.parse_args()

    about = {
        "machine": cpu_name(),
        "cores": cpu_cores(),
        "torch": version("torch"),
        "python": platform.python_version(),
    }
    about |= {"seconds": arguments.seconds, "rows": arguments.rows}
    measured: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kinds = commands(folder, arguments.seconds, arguments.rows)
        start = [word if word != RUN else "start" for word in kinds["pretraining"][1]]
        subprocess.run(start, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        for number in range(arguments.rounds):
            for loops in arguments.busy:
                for kind, (place, command) in kinds.items():
                    for variant in VARIANTS if number % 2 == 0 else reversed(VARIANTS):
                        load = os.getloadavg()[0]
                        with busy(loops):
                            rate = tokens_per_second(command, folder / place / RUN, VARIANTS[variant])
                        row = {"kind": kind, "busy": loops, "variant": variant, "tokens_per_second": round(rate)}
                        measured.append(row | {"load_before": round(load, 1)})
                        print(json.dumps(measured[-1]), flush=True)
                        result = about | {"medians": medians(measured), "runs": measured}
                        arguments.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def medians(measured: list[dict[str, object]]) -> list[dict[str, object]]:
    """Of all rounds, with the lowest and the highest."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for row in measured:
        key = (row["kind"], row["busy"], row["variant"])
        groups.setdefault(key, []).append(int(str(row["tokens_per_second"])))
    return [
        {
            "kind": kind,
            "busy": loops,
            "variant": variant,
            "median": statistics.median(rates),
            "range": [min(rates), max(rates)],
        }
        for (kind, loops, variant), rates in groups.items()
    ]


if __name__ == "__main__":
    main()
