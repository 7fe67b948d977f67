"""Memory over the size of the corpus: a whole pretraining run beside `linecache` and beside a builder that holds all documents.

    python benchmarks/memory.py --corpus petitions/ wiki.txt.xz --scratch /data/scratch --sizes 0.25 0.5 1 2 4.6

Each system is a tree of processes of its own, sampled every 0.2 s; what it wrote and the mapped pages of files are counted
apart (`process_memory`). From ours is taken what torch takes alone: a process that imports torch and pytorch_lightning,
builds the same network, takes a step and has as many idle workers. The peers import no torch.

- ours: `python run.py` with the smallest network: index, sample, tokenizer, training with four workers;
- linecache: four workers that read lines of the file by number with the standard library's `linecache`;
- in memory: one process with every document as lists of token ids, as Google's script makes its examples.

A peer that passes `--peer_limit_gb` is stopped there; such sizes are extrapolated from the largest one that fitted, in
proportion, and marked. What `--output` holds of other sizes, measured with the same settings, stays.

The corpora are real text, repeated with other names and numbers (`growing_corpus`).
"""

import argparse
import json
import multiprocessing
import platform
import random
import shutil
import subprocess
import sys
import time
from importlib.metadata import version
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from checkout import ROOT
from process_memory import SECONDS, Measured, Peak, watch, watch_function

GIGABYTE = 10**9
PHASES = ("index", "sample", "tokenizer", "training")
PEERS = {"linecache": "linecache, 4 workers", "in_memory": "all documents in memory"}


# --- The systems: each imports what it needs itself, since that counts ------------------------------------------------


def torch_alone(workers: int, vocab_size: int) -> None:
    """What every training with torch and pytorch_lightning takes: a step of the smallest network, idle workers."""
    import pytorch_lightning as pl
    import torch
    from torch.utils.data import DataLoader

    from bert_core.config import SIZES, BertConfig
    from bert_core.model import BertForPreTraining
    from bert_core.packing import pack

    network = BertForPreTraining(BertConfig(vocab_size=vocab_size, max_position_embeddings=128, **SIZES["tiny"]))
    optimizer = torch.optim.AdamW(network.parameters(), fused=True)
    ids = [torch.full((128,), 7).numpy() for _ in range(16)]
    time.sleep(5 * SECONDS)
    loader = iter(DataLoader(range(10**6), batch_size=None, num_workers=workers))  # type: ignore[arg-type]
    next(loader)
    pl.seed_everything(0, verbose=False)
    with torch.autocast("cpu", torch.bfloat16):
        logits = network(pack(ids, [each * 0 for each in ids]), torch.arange(0, 2048, 7))
    (logits.mlm.float().logsumexp(-1).sum() + logits.nsp.float().sum()).backward()
    optimizer.step()
    time.sleep(5 * SECONDS)


def read_by_linecache(file: Path, workers: int) -> None:
    """Workers that read lines by number, each in any order."""
    fork = multiprocessing.get_context("fork")
    loaded = fork.Barrier(workers)
    processes = [fork.Process(target=_random_lines, args=(file, loaded)) for _ in range(workers)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()


def _random_lines(file: Path, loaded: Barrier) -> None:
    import linecache

    lines = len(linecache.getlines(str(file)))
    loaded.wait()
    for _ in range(100_000):
        linecache.getline(str(file), random.randrange(lines) + 1)
    time.sleep(5 * SECONDS)


def hold_all_documents(file: Path, tokenizer: Path) -> None:
    """Every document as a list of lines, every line as a list of ids."""
    from tokenizers import Tokenizer

    encode = Tokenizer.from_file(str(tokenizer)).encode_batch_fast
    documents: list[list[list[int]]] = []
    with file.open(encoding="utf-8") as text:
        while lines := text.readlines(2**20):
            for line, encoding in zip(lines, encode(lines, add_special_tokens=False), strict=True):
                if line.startswith(" = "):
                    documents.append([])
                documents[-1].append(encoding.ids)


def run(file: Path, output_dir: Path, options: dict[str, int]) -> Measured:
    """Ours, from the text to the model."""
    cache = output_dir / "cache"
    done = {"index": "index/[0-9a-f]*", "sample": "sample-*.json", "tokenizer": "tokenizer-*/tokenizer.json"}

    def phase(_: list[int]) -> str:
        """The first one whose product is not in the cache yet."""
        return next((name for name, product in done.items() if not any(cache.glob(product))), "training")

    command = [sys.executable, "run.py", "--preset", "tiny", "--evaluations", "1", "--tracking_uri", "none"]
    command += ["--corpus", str(file), "--output_dir", str(output_dir)]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    output_dir.mkdir()
    with (output_dir / "screen.txt").open("w") as screen:
        process = subprocess.Popen(command, cwd=ROOT, stdout=screen, stderr=subprocess.STDOUT)
        measured = watch(process.pid, lambda: process.poll() is None, phase)
    if process.returncode:
        sys.exit((output_dir / "screen.txt").read_text()[-2000:])
    return measured


# --- Results ----------------------------------------------------------------------------------------------------------


def beyond(measured: Measured, torch: Measured) -> dict[str, Any]:
    """Bytes beyond torch, by phase; training is compared with torch and idle workers."""
    rows = {}
    for name in PHASES:
        peak = measured.phases.get(name, Peak())
        without = torch.phases["with workers" if name == "training" else "alone"]
        rows[name] = {
            "written": max(0, peak.written - without.written),
            "mapped": max(0, peak.mapped - without.mapped),
            "seconds": round(peak.seconds, 1),
        }
    return rows


def extrapolated(rows: list[dict[str, Any]], peer: str) -> list[tuple[float, bool]]:
    """Bytes that a peer takes for each row's corpus, and whether they are in proportion to the largest size that fitted."""
    fitted = [row for row in rows if row[peer] is not None]
    if not fitted:
        return [(float("nan"), True)] * len(rows)
    rate = fitted[-1][peer] / fitted[-1]["gigabytes"]
    return [(row["gigabytes"] * rate, True) if row[peer] is None else (row[peer], False) for row in rows]


def table(rows: list[dict[str, Any]]) -> None:
    """Prints GB beyond torch over the size of the corpus."""
    print(f"{'corpus':>8}" + "".join(f"{name:>16}" for name in PHASES) + "".join(f"{peer:>14}" for peer in PEERS))
    peers = {peer: extrapolated(rows, peer) for peer in PEERS}
    for number, row in enumerate(rows):
        cells = [
            f"{row['phases'][name]['written'] / GIGABYTE:.2f} + {row['phases'][name]['mapped'] / GIGABYTE:.2f}"
            for name in PHASES
        ]
        for found in peers.values():
            value, guessed = found[number]
            cells.append(f"{'about ' if guessed else ''}{value / GIGABYTE:.2f}")
        print(
            f"{row['gigabytes']:8g}"
            + "".join(map("{:>16}".format, cells[:4]))
            + "".join(map("{:>14}".format, cells[4:]))
        )
    print("(GB that processes wrote + pages of mapped files; peers: written)")
    for row in rows:
        seconds = ", ".join(f"{name} {row['phases'][name]['seconds']:.0f} s" for name in PHASES)
        speed = row["index_megabytes_per_second"]
        print(f"{row['gigabytes']:g} GB, {row['documents']:,} documents: {seconds}; index {speed:.0f} MB/s")


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """GB over GB, one line a system, both axes logarithmic; dashed where extrapolated."""
    from experiment.figures import names_for, page, title
    from experiment.plots import COLOURS, INK

    sizes = [row["gigabytes"] for row in rows]
    lines = {
        "ours": [(max(phase["written"] + phase["mapped"] for phase in row["phases"].values()), False) for row in rows]
    }
    lines |= {label: extrapolated(rows, peer) for peer, label in PEERS.items()}
    notes = ["Open circles: in proportion to the largest size that fitted the limit. Dotted: 1.5 GB."]
    with page(path, 7.2, 4.2, names_for([]), notes) as figure:
        axes = figure.subplots()
        for (label, points), colour in zip(lines.items(), COLOURS, strict=False):
            values, guessed = [peak / GIGABYTE for peak, _ in points], [guess for _, guess in points]
            axes.plot(sizes, values, color=colour, linewidth=1.6, linestyle="--" if any(guessed) else "-")
            for size, value, guess in zip(sizes, values, guessed, strict=True):
                axes.plot(size, value, "o", color=colour, markersize=5, markerfacecolor="white" if guess else colour)
            axes.annotate(label, (sizes[-1], values[-1]), xytext=(8, 0), textcoords="offset points", va="center",
                          fontsize=9, color=colour, annotation_clip=False)  # fmt: skip
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xticks(sizes, [f"{size:g}" for size in sizes])
        axes.minorticks_off()
        ticks = [0.25, 0.5, 1, 2, 4, 8, 16, 32, 64]
        axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        every = [peak / GIGABYTE for points in lines.values() for peak, _ in points]
        axes.set_ylim(min(every) / 1.4, max(every) * 1.4)
        axes.axhline(1.5, color=INK, linewidth=0.8, linestyle=":")
        axes.set_xlabel("corpus (GB)")
        axes.set_ylabel("peak memory (GB)")
        title(axes, "Memory of all processes, beyond torch itself")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, nargs="+", required=True, help="real text that the corpora are made of")
    parser.add_argument("--scratch", type=Path, required=True, help="a new folder; holds three times the largest size")
    parser.add_argument("--sizes", type=float, nargs="+", default=[0.25, 0.5, 1, 2, 4.6], help="GB, ascending")
    parser.add_argument("--max_steps", type=int, default=100)
    parser.add_argument("--tokenizer_sample_mb", type=int, default=100)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--peer_limit_gb", type=float, default=6.0)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "memory.json")
    arguments = parser.parse_args()

    from growing_corpus import pages

    from experiment.environment import cpu_cores, cpu_name

    options = {name: getattr(arguments, name) for name in ("max_steps", "tokenizer_sample_mb", "workers")}
    limit = arguments.peer_limit_gb * GIGABYTE
    about = {
        "machine": cpu_name(),
        "cores": cpu_cores(),
        "python": platform.python_version(),
        "peer_limit_bytes": limit,
    }
    about |= {name: version(name) for name in ("torch", "pytorch-lightning", "tokenizers")} | options
    kept = json.loads(arguments.output.read_text(encoding="utf-8")) if arguments.output.is_file() else {}
    rows = kept["sizes"] if about.items() <= kept.items() else []

    arguments.scratch.mkdir()
    file, more = arguments.scratch / "corpus.txt", pages(arguments.corpus, arguments.scratch / "cache")
    torch = watch_function(torch_alone, arguments.workers, 8000)
    about["torch_alone"] = {
        name: {"written": peak.written, "mapped": peak.mapped} for name, peak in torch.phases.items()
    }
    for size in arguments.sizes:
        with file.open("ab") as corpus:
            while corpus.tell() < size * GIGABYTE:
                corpus.write(next(more))
        output_dir = arguments.scratch / f"runs-{size:g}"
        phases = beyond(run(file, output_dir, options), torch)
        latest = output_dir / "pretrain" / "latest"
        report = json.loads((latest / "data_report.json").read_text(encoding="utf-8"))
        row = {
            "gigabytes": size,
            "documents": report["documents"],
            "duplicates": report["duplicates"],
            "written": max(phase["written"] for phase in phases.values()),
            "index_megabytes_per_second": round(file.stat().st_size / 1e6 / report["seconds"], 1),
            "phases": phases,
        }
        print(json.dumps(row), flush=True)
        tokenizer = latest / "tokenizer" / "tokenizer.json"
        for peer, function, given in (
            ("linecache", read_by_linecache, (file, arguments.workers)),
            ("in_memory", hold_all_documents, (file, tokenizer)),
        ):
            smaller = [other[peer] * size / other["gigabytes"] for other in rows if other[peer]]
            row[peer] = None
            if not smaller or smaller[-1] < limit:
                measured = watch_function(function, *given, limit=limit)
                row[peer] = None if measured.stopped else measured.written
        rows = sorted([row, *(other for other in rows if other["gigabytes"] != size)], key=lambda row: row["gigabytes"])
        arguments.output.write_text(json.dumps(about | {"sizes": rows}, indent=1) + "\n", encoding="utf-8")
        table(rows)
        shutil.rmtree(output_dir)
    plot(rows, arguments.output.with_suffix(".png"))
    shutil.rmtree(arguments.scratch)


if __name__ == "__main__":
    main()
