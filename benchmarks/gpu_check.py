"""Whether the whole product works on this machine's GPUs: both pipelines end to end, as their users start them.

    python benchmarks/gpu_check.py
    python benchmarks/gpu_check.py --dry_run      all of it that a CPU can do

Ends within four minutes and downloads nothing. Each check is a run of `run.py` or `run_finetune.py` on the built-in sample, in a
folder that is thrown away. What can vary is in `FACTORS`; checks are chosen such that any two values that can meet do so in one of
them. A check holds when

- the run ends with status 0, its figures are finite, and its loss has fallen;
- `model/` gives the run's held-out figures: the network as `from_pretrained` reads it, or the predictions of `--predict`;
- `transformers`, where it is installed, loads `model/` with no missing and no unexpected key;
- a run that SIGTERM stops ends with status 143, goes on with `--resume`, and comes to the weights of one that was never stopped:
  on a CPU bit for bit; on a GPU, whose sums have no fixed order, as close as `RESUMED` says.

Beside them run the tests that need a GPU (`python -m pytest -m gpu`). The table at the end says what held; the status is 1 where
something did not. What the time or the machine left out is named.
"""

import argparse
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from checkout import ROOT
from pairwise import Values, pairwise
from saved_model import distance, held_out_loss, keys_that_differ
from side_by_side import CPU, transformers_version, write

from bert_core.config import SIZES, BertConfig
from bert_core.model import BertForPreTraining
from bert_core.pretrained import save_pretrained
from data.sample.files import write_entities, write_relations
from data.tokenizer import WordPiece
from experiment.environment import cpu_cores, supports_bf16
from experiment.history import read_curves
from experiment.quiet import quiet_compilers

SECONDS = 230
"""For everything."""
AT_ONCE = max(2, min(6, cpu_cores() // 2))
"""Checks; most of a short run is its start, which takes one core."""
FACTORS: dict[str, tuple[str, ...]] = {
    "pipeline": ("pretrain", "re", "ner"),
    "size": ("tiny", "wide"),
    "compile": ("no", "yes"),
    "optimizer": ("adamw", "muon"),
    "precision": ("32", "bf16", "16"),
    "stopped": ("no", "yes"),
    "devices": ("one", "all"),
}
"""`wide`: two layers of base's width. Stopped runs are resumed."""
WIDE = SIZES["base"] | {"num_hidden_layers": 2}
SCORES = {"re": "micro_f1", "ner": "entity_f1"}
WIDE_RATE = "5e-4"
"""Learning rate of the wide network, which begins with random weights."""
DEV_ROWS = 100
ROUNDING = {"32": 1e-3, "bf16": 2e-2, "16": 1e-2}
"""Relative difference that is allowed between a run's held-out loss and the saved network's in fp32."""
SCORE_ROUNDING = 0.02
"""The same of a fine-tuned model's score, absolute: a few answers that are nearly tied may change."""
TIME_OVER = "left out, the time is over"
RESUMED = {"32": 0.02, "bf16": 0.2, "16": 0.2}
"""On a GPU: how far a resumed run may end from an untouched one, as a share of how far training moved the weights."""


def possible(values: Values) -> bool:
    """Whether the product has this combination: fine-tuning does not compile, and AdamW is its optimizer."""
    return values["pipeline"] == "pretrain" or (values["compile"] == "no" and values["optimizer"] == "adamw")


# --- One check --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Machine:
    """Where and how large the runs are."""

    device: torch.device
    folder: Path
    all_devices: int
    steps: int
    """Of a pretraining run."""
    rows: int
    epochs: int
    ends: float
    """When all must be over, by `time.monotonic`."""

    @property
    def dry(self) -> bool:
        return self.device.type == "cpu"

    @property
    def left(self) -> float:
        return self.ends - time.monotonic()

    def start_folder(self, size: str) -> Path:
        """The BERT that fine-tuning, and pretraining of the wide network, begin with."""
        return self.folder / f"start_{size}"

    def rows_of(self, task: str) -> tuple[Path, Path]:
        """Files of training and dev rows, once they are written."""
        dev, train = sorted((self.folder / task).iterdir())
        return train, dev


@dataclass
class Outcome:
    """What became of a check."""

    name: str
    values: Values
    wrong: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    left_out: str = ""

    def expect(self, condition: bool, otherwise: str) -> None:
        if not condition:
            self.wrong.append(otherwise)


class Failed(Exception):
    """A check cannot go on; `str(error)` says why."""


class OutOfTime(Failed):
    """The time is over before the check is."""


def child(command: Sequence[str], machine: Machine, status: int = 0, until: Callable[[], bool] | None = None) -> str:
    """Runs a program to its end and gives its screen; with `until`, sends it SIGTERM as soon as that is so.

    Raises Failed where it ends with another status, or not in time.
    """
    environment = os.environ | {"OMP_NUM_THREADS": str(max(1, cpu_cores() // AT_ONCE))}
    process = subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, env=environment, start_new_session=True, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        if until:
            while process.poll() is None and not until() and machine.left > 0:
                time.sleep(0.01)
            process.terminate()
        screen, _ = process.communicate(timeout=max(1.0, machine.left))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise OutOfTime from None
    if process.returncode != status:
        last = " ".join(screen.strip().splitlines()[-1:])[:300]
        raise Failed(f"ended with status {process.returncode} instead of {status}: {last}")
    return screen


def command_of(values: Values, machine: Machine, name: str) -> list[str]:
    """The command line of a run."""
    pipeline, size = values["pipeline"], values["size"]
    flags = {
        "precision": values["precision"], "log_every": "1", "tracking_uri": "none", "output_dir": str(machine.folder / "runs"),
        "name": name, "devices": str(machine.all_devices if values["devices"] == "all" else 1),
        "accelerator": "cpu" if machine.dry else "gpu",
    }  # fmt: skip
    if flags["devices"] != "1":
        flags["strategy"] = "ddp"
    if pipeline == "pretrain":
        flags |= {
            "max_steps": str(machine.steps), "batch_tokens": "2048", "evaluations": "1", "workers": "1",
            "heldout_documents": "20", "cache_dir": str(machine.folder / "cache"), "optimizer": values["optimizer"],
        }  # fmt: skip
        if size == "wide":
            flags |= {"init_from": str(machine.start_folder(size))}
    else:
        train, dev = machine.rows_of(pipeline)
        flags |= {
            "task": pipeline, "checkpoint": str(machine.start_folder(size)), "train_file": str(train), "dev_file": str(dev),
            "epochs": str(machine.epochs), "batch_size": "16",
        }  # fmt: skip
    if size == "wide":
        flags["learning_rate"] = WIDE_RATE
    written = [text for flag, value in flags.items() for text in (f"--{flag}", value)]
    compiled = [] if pipeline != "pretrain" else ["--compile"] if values["compile"] == "yes" else ["--no_compile"]
    return ["run.py" if pipeline == "pretrain" else "run_finetune.py", *written, *compiled]


def check(values: Values, name: str, machine: Machine) -> Outcome:
    """Carries out a check."""
    outcome, started = Outcome(name, values), time.monotonic()
    kind = "pretrain" if values["pipeline"] == "pretrain" else f"finetune/{values['pipeline']}"
    runs, start = machine.folder / "runs" / kind, machine.start_folder(values["size"])
    try:
        child(command_of(values, machine, name), machine)
        verify(outcome, runs / name, machine)
        if values["stopped"] == "yes":
            stopped = runs / f"{name}-stopped"
            steps = outcome.figures["steps"]
            command = command_of(values, machine, stopped.name)
            child(command, machine, status=143, until=lambda: lines(stopped / "metrics.jsonl") > steps // 4)
            task = [] if values["pipeline"] == "pretrain" else ["--task", values["pipeline"]]
            child([command[0], *task, "--resume", str(stopped), "--tracking_uri", "none"], machine)
            outcome.figures["resumed"] = apart = distance(start, runs / name / "model", stopped / "model")
            allowed = 0.0 if machine.dry else RESUMED[values["precision"]]
            outcome.expect(
                apart <= allowed, f"resumed, the weights end {apart:.1e} of their way from the untouched run's"
            )
    except OutOfTime:
        outcome.left_out = TIME_OVER
    except Failed as error:
        outcome.wrong.append(str(error))
    except Exception as error:  # a check that breaks has not held; the others go on
        outcome.wrong.append(f"{type(error).__name__}: {error}".partition("\n")[0])
    outcome.seconds = time.monotonic() - started
    return outcome


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


# --- What a run must have left ----------------------------------------------------------------------------------------

ONE_AT_A_TIME = threading.Lock()
"""Networks are loaded and looked at in one thread at a time."""


def verify(outcome: Outcome, run: Path, machine: Machine) -> None:
    """Looks at a finished run: its figures, its curve, its model."""
    pipeline = outcome.values["pipeline"]
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    outcome.figures |= metrics
    numbers = {name: value for name, value in metrics.items() if not isinstance(value, str)}
    broken = [name for name, value in numbers.items() if value is None or not math.isfinite(value)]
    outcome.expect(not broken, f"not finite: {', '.join(broken)}")
    curves = read_curves(run / "metrics.jsonl")
    curve = curves["train_mlm_loss" if pipeline == "pretrain" else "train_loss"][1]
    part = max(1, len(curve) // 4)
    first, last = sum(curve[:part]) / part, sum(curve[-part:]) / part
    outcome.figures["loss_from_to"] = [first, last]
    outcome.expect(last < first, f"the loss did not fall ({first:.3f} → {last:.3f})")
    if pipeline == "pretrain":
        with ONE_AT_A_TIME:
            loss = held_out_loss(run, machine.device)
        allowed = ROUNDING[outcome.values["precision"]]
        outcome.expect(
            abs(loss - metrics["mlm_loss"]) <= allowed * loss,
            f"model/ has a held-out loss of {loss:.4f}, the run {metrics['mlm_loss']:.4f}",
        )
        if outcome.values["size"] == "tiny" and not machine.dry:
            guess = metrics["unigram_loss"]
            outcome.expect(
                metrics["mlm_loss"] < guess, f"MLM {metrics['mlm_loss']:.3f}, no better than a guess ({guess:.3f})"
            )
    else:
        score = predicted(pipeline, run, outcome.values, machine)
        wanted = metrics[SCORES[pipeline]]
        outcome.expect(abs(score - wanted) <= SCORE_ROUNDING, f"--predict scores {score:.3f}, the run {wanted:.3f}")
    if transformers_version():
        with ONE_AT_A_TIME:
            unexpected = keys_that_differ(run / "model", heads=pipeline == "pretrain")
        outcome.expect(not unexpected, f"transformers finds other keys: {', '.join(unexpected[:3])}")


def predicted(task: str, run: Path, values: Values, machine: Machine) -> float:
    """The score of the dev rows, as `--predict` answers them with the run's model."""
    _, dev = machine.rows_of(task)
    answers = run / "predictions" / "answers"
    command = [
        "run_finetune.py",
        "--task",
        task,
        "--checkpoint",
        str(run),
        "--predict",
        str(dev),
        "--output",
        str(answers),
    ]
    command += ["--precision", values["precision"], "--accelerator", "cpu" if machine.dry else "gpu"]
    answers.parent.mkdir(exist_ok=True)
    child(command, machine)
    metrics = json.loads((answers.parent / "answers_metrics.json").read_text(encoding="utf-8"))
    return float(metrics[SCORES[task]])


def gpu_tests(machine: Machine) -> Outcome:
    """The tests that need a GPU."""
    outcome, started = Outcome("tests", {"pipeline": "pytest -m gpu"}), time.monotonic()
    try:
        child(["-m", "pytest", "-m", "gpu", "-p", "no:cacheprovider"], machine)
    except OutOfTime:
        outcome.left_out = TIME_OVER
    except Failed as error:
        outcome.wrong.append(str(error))
    outcome.seconds = time.monotonic() - started
    return outcome


# --- All of them ------------------------------------------------------------------------------------------------------


def prepare(machine: Machine) -> None:
    """What the runs begin with: a tiny BERT of one step, with its tokenizer, and a wide one of random weights."""
    values = {
        "pipeline": "pretrain",
        "size": "tiny",
        "compile": "no",
        "optimizer": "adamw",
        "precision": "32",
        "devices": "one",
    }
    command = command_of(values, machine, "start")
    command[command.index("--max_steps") + 1] = "1"
    child(command, machine)
    tiny, wide = machine.start_folder("tiny"), machine.start_folder("wide")
    shutil.copytree(machine.folder / "runs" / "pretrain" / "start" / "model", tiny)
    wordpiece = WordPiece.load(tiny)
    torch.manual_seed(0)
    network = BertForPreTraining(BertConfig(vocab_size=wordpiece.vocab_size, max_position_embeddings=128, **WIDE))
    save_pretrained(network, wide)
    wordpiece.save(wide)
    write_relations(machine.folder / "re", machine.rows, DEV_ROWS)
    write_entities(machine.folder / "ner", machine.rows, DEV_ROWS)


def checks_here(machine: Machine) -> tuple[list[Values], list[str]]:
    """The checks that this machine can do, those that take longest first, and sentences about what it cannot."""
    factors, left_out, more = dict(FACTORS), [], []

    def without(factor: str, value: str, reason: str) -> None:
        factors[factor] = tuple(each for each in factors[factor] if each != value)
        left_out.append(f"{factor} {value}: {reason}")

    if machine.dry:
        without("precision", "16", "not on a CPU")
        without("size", "wide", "too slow on a CPU")
        if shutil.which("c++"):
            without("compile", "yes", "in one check only, it takes long on a CPU")
            more = [{name: values[0] for name, values in factors.items()} | {"compile": "yes"}]
        else:
            without("compile", "yes", "it needs a C++ compiler on a CPU")
        left_out.append("pytest -m gpu: it needs a GPU")
    elif not supports_bf16(machine.device):
        without("precision", "bf16", "this GPU does not multiply in it")
    if machine.all_devices == 1:
        without("devices", "all", "this machine has one GPU")
    checks = more + pairwise(factors, possible)
    return sorted(checks, key=lambda values: (values["compile"] == "no", values["stopped"] == "no")), left_out


def show(outcomes: Sequence[Outcome], left_out: Sequence[str]) -> None:
    """The table of what held."""
    print()
    for outcome in outcomes:
        cells = [outcome.values.get(name, "") for name in FACTORS]
        state = outcome.left_out or "; ".join(outcome.wrong) or "held"
        if "resumed" in outcome.figures and not outcome.wrong:
            apart = outcome.figures["resumed"]
            state += ", resumed bit for bit" if apart == 0 else f", resumed within {apart:.1e}"
        print(f"{cells[0]:14}" + "".join(f"{cell:10}" for cell in cells[1:]) + f"{outcome.seconds:5.0f} s  {state}")
    for sentence in left_out:
        print(f"left out, {sentence}")


def main() -> int:
    began = time.monotonic()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry_run", action="store_true", help="what a CPU can do, two processes for several devices")
    parser.add_argument("--output", type=Path, help="benchmarks/results/gpu_check.json; nothing in a dry run")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for everything")
    arguments = parser.parse_args()
    if not arguments.dry_run and not torch.cuda.is_available():
        sys.exit("This machine shows no GPU to PyTorch; --dry_run checks what its CPU can do.")
    quiet_compilers()
    torch.set_num_threads(max(1, cpu_cores() // AT_ONCE))  # as many as each run beside it has
    device = CPU if arguments.dry_run else torch.device("cuda", 0)
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(
            device=device, folder=Path(folder), all_devices=2 if arguments.dry_run else torch.cuda.device_count(),
            steps=40 if arguments.dry_run else 300, rows=160 if arguments.dry_run else 800, epochs=3, ends=began + arguments.seconds,
        )  # fmt: skip
        prepare(machine)
        chosen, left_out = checks_here(machine)
        print(f"{len(chosen)} checks, {machine.left:.0f} s left", flush=True)

        def timely(values: Values, name: str) -> Outcome:
            if machine.left < 10:
                return Outcome(name, values, left_out=TIME_OVER)
            outcome = check(values, name, machine)
            print(f"{', '.join(values.values())}: {'; '.join(outcome.wrong) or outcome.left_out or 'held'}", flush=True)
            return outcome

        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            futures = [] if machine.dry else [pool.submit(gpu_tests, machine)]
            futures += [pool.submit(timely, values, f"check{number}") for number, values in enumerate(chosen)]
            outcomes = [future.result() for future in futures]
    show(outcomes, left_out)
    held = sum(not outcome.wrong and not outcome.left_out for outcome in outcomes)
    print(f"\n{held} of {len(outcomes)} held after {time.monotonic() - began:.0f} s on {device.type}")
    output = arguments.output or (None if machine.dry else ROOT / "benchmarks" / "results" / "gpu_check.json")
    if output:
        checks = [{k: v for k, v in vars(outcome).items() if v not in ("", [], {})} for outcome in outcomes]
        results = {"devices": machine.all_devices, "seconds": time.monotonic() - began, "dry_run": machine.dry}
        write(output, results | {"left_out": left_out, "checks": checks}, device)
        print(output)
    return 1 if any(outcome.wrong for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
