"""The README's tables of speed and memory, made from `benchmarks/results/`.

    python benchmarks/tables.py            writes them into README.md

In the README a table stands between `<!-- table NAME -->` and `<!-- end -->`. A test holds that each is what this writes.
"""

import argparse
import json
import math
import re
from collections.abc import Sequence
from typing import Any

from checkout import ROOT
from memory import GIGABYTE, PEERS, extrapolated

from bert_core.config import SIZES, BertConfig
from pretrain.config import RECIPES

README = ROOT / "README.md"

_TABLE = re.compile(r"<!-- table (?P<name>\w+) -->\n.*?<!-- end -->", re.DOTALL)
_PRECISIONS = {"bfloat16": "bf16", "float32": "fp32"}

CORPUS_BYTES, BYTES_A_TOKEN = 100e9, 6
GPUS = {"A100": 250e12, "H100": 700e12}
"""FLOP/s of a plain product in bf16: assumed, about what such chips reach of what their makers promise."""
SHARE, SCALING = 0.4, 0.9
"""Of these in training, and of eight GPUs' sum: assumed."""


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells; the first one of each row is its name."""
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (heads, ["---"] * len(heads), *rows))


def rate(value: float) -> str:
    """Two or three significant digits: 9,470 a second, 154,000, 2.2 million."""
    if value >= 1e6:
        return f"{value / 1e6:.1f} million"
    digits = len(str(int(value)))
    return f"{round(value, 2 - digits if digits < 5 else 3 - digits):,.0f}"


def times(ratio: dict[str, float]) -> str:
    """A ratio with its spread."""
    return f"{ratio['median']:.1f} × ({ratio['min']:.1f} … {ratio['max']:.1f})"


def training_step(found: dict[str, Any]) -> str:
    """Ours and transformers, by size, kind of example and precision."""
    rows = []
    for setting in found["settings"]:
        cases = {(case["system"], case["precision"]): case for case in setting["cases"]}
        for precision, name in _PRECISIONS.items():
            ours, theirs, products = (cases[system, precision] for system in ("ours", "transformers", "products alone"))
            reached = f"{products['ours_reaches']['median'] * 100:.0f} %"
            what = f"`{setting['preset']}`, {setting['kind']} ({setting['tokens_a_pair']:.0f} tokens), {name}"
            speeds = (case["tokens_per_second"]["median"] for case in (ours, theirs))
            rows.append([what, *map(rate, speeds), times(theirs["ours_is_faster_by"]), reached])
    return markdown(["", "SaeBERT", "transformers", "faster by", "of the products alone"], rows)


def feeding(found: dict[str, Any]) -> str:
    """Systems that build batches, on one core."""
    names = {
        "text": "SaeBERT, from raw text",
        "token cache": "SaeBERT, `--token_cache`",
        "text at 512": "SaeBERT, from raw text, up to 512 tokens",
        "token cache at 512": "SaeBERT, `--token_cache`, up to 512 tokens",
        "collator": "`transformers`' tokenizer and MLM collator over `datasets`",
        "in memory": "NSP pairs from documents held in memory, as Google's script makes them",
    }
    systems = found["systems"]
    rows = [
        [name, *(rate(systems[system]["tokens_per_second"][each]) for each in ("median", "min", "max"))]
        for system, name in names.items()
        if system in systems
    ]
    return markdown(["real tokens a second a core", "median", "least", "most"], rows)


def data_wait(found: dict[str, Any]) -> str:
    """Share of its time that a GPU waits, by workers."""
    waits = found["data_wait"]
    rows = [
        [name, *(f"{wait * 100:.1f} %" for wait in waits[system].values())]
        for system, name in (("text", "from raw text"), ("token cache", "`--token_cache`"))
    ]
    return markdown(["loader workers", *next(iter(waits.values()))], rows)


def memory(found: dict[str, Any]) -> str:
    """Gigabytes beyond torch by size of the corpus; peers that did not fit in proportion to the largest that did."""
    rows = []
    by_peer = [extrapolated(found["sizes"], peer) for peer in PEERS]
    for row, *peers_bytes in zip(found["sizes"], *by_peer, strict=True):
        phases = (row["phases"][name]["written"] / GIGABYTE for name in ("index", "tokenizer", "training"))
        peers = [
            f"about {size / GIGABYTE:.0f}" if guessed else f"{size / GIGABYTE:.1f}" for size, guessed in peers_bytes
        ]
        rows.append([f"{row['gigabytes']:g} GB", *(f"{phase:.2f}" for phase in phases), *peers])
    return markdown(
        ["corpus", "index", "tokenizer", "training, 4 workers", "`linecache`, 4 workers", "all documents in memory"],
        rows,
    )


def growth(found: dict[str, Any]) -> str:
    """Tokens a second along each axis."""
    names = {
        "length": "longest sequence, tokens", "batch": "tokens a batch", "depth": "layers of width 256", "workers": "loader workers"
    }  # fmt: skip
    rows = []
    for axis, name in names.items():
        part = found["parts"][axis]["rows"]
        cells = [f"{row[axis]:,}: **{rate(row['tokens_per_second']['median'])}**" for row in part]
        rows.append([name, ", ".join(cells)])
    return markdown(["", "real tokens a second"], rows)


def step_memory(found: dict[str, Any]) -> str:
    """A step of `base`, in gigabytes and seconds."""
    rows = [
        [
            row["system"],
            *(f"{row[name] / 1e9:.2f}" for name in ("peak", "state", "beyond_state")),
            f"{row['second_step_seconds']:.1f}",
        ]
        for row in found["parts"]["memory"]["rows"]
    ]
    heads = ["GB", "at the most", "weights, gradients, AdamW", "beyond these", "seconds a step"]
    return markdown(heads, rows)


def cost(found: dict[str, Any]) -> str:
    """Hours of GPUs for an epoch of a large corpus, computed; workers by the measured rate of one."""
    tokens = CORPUS_BYTES / BYTES_A_TOKEN
    worker = found["systems"]["text"]["tokens_per_second"]["median"]
    rows = []
    for preset in ("medium", "base", "large"):
        recipe = RECIPES[preset]
        config = BertConfig(vocab_size=recipe["vocab_size"], **SIZES[preset])
        flops = config.flops_per_token(recipe["max_length"], 0.15)
        rates = [SHARE * chip / flops for chip in GPUS.values()]
        hours = [tokens / each / 3600 for each in (*rates, 8 * SCALING * rates[-1])]
        facts = [f"`{preset}`, {recipe['max_length']}", f"{flops / 1e6:,.0f}", rate(rates[-1])]
        rows.append([*facts, *(f"{each:.1f}" for each in hours), str(math.ceil(rates[-1] / worker))])
    first, last = GPUS
    heads = ["size, longest sequence", "MFLOP a token", f"tokens a second, {last}"]
    heads += [f"hours: {first}", last, f"8 × {last}", f"loader workers for an {last}, from raw text"]
    return markdown(heads, rows)


def gpu_step(found: dict[str, Any]) -> str:
    """Whole steps on a GPU, ours and transformers, and the memory of one; ratios by medians."""
    memory = {name: f"{peak / 2**30:.1f}" for name, peak in found["memory"].items() if peak}
    rates = {row["system"]: row["tokens_per_second"] for row in found["throughput"]}
    best = max(each["median"] for name, each in rates.items() if name.startswith("SaeBERT"))
    rows = []
    for row in found["throughput"]:
        system, spread = row["system"], rates[row["system"]]
        ours = system.startswith("SaeBERT")
        speed = f"{rate(spread['median'])} ({rate(spread['min'])} … {rate(spread['max'])})"
        kept = "" if "compiled" in system else memory[f"{system.partition(',')[0]}, activations kept"]
        again = "" if "compiled" in system else memory[f"{system.partition(',')[0]}, activations again"]
        ratio = "" if ours else f"{best / spread['median']:.2f} ×"
        rows.append([system, speed, f"{row['mfu']['median'] * 100:.0f} %", ratio, kept, again])
    heads = ["", "real tokens a second", "of the products alone", "SaeBERT's fastest is faster by"]
    return markdown([*heads, "GiB, activations kept", "GiB, computed again"], rows)


def start(found: dict[str, Any]) -> str:
    """Seconds of each stage before the first step, by cores; the last column by how they scale."""
    rows = [[name, *(f"{seconds:.1f}" for seconds in row.values())] for name, row in found["stages"].items()]
    rows.append(["**all**", *(f"**{seconds:.1f}**" for seconds in found["all"].values())])
    return markdown(["seconds", *(f"{n} {'core' if n == '1' else 'cores'}" for n in found["all"])], rows)


TABLES = {
    "training_step": (training_step, "training_step"),
    "feeding": (feeding, "feeding"),
    "data_wait": (data_wait, "feeding"),
    "start": (start, "start"),
    "memory": (memory, "memory"),
    "growth": (growth, "growth"),
    "step_memory": (step_memory, "growth"),
    "gpu_step": (gpu_step, "h100_step"),
    "cost": (cost, "feeding"),
}
"""What makes a table, and the file of results that it is made from."""


def filled(readme: str) -> str:
    """The README's text with every table as the results have it."""

    def table(match: re.Match[str]) -> str:
        make, results = TABLES[match["name"]]
        found = json.loads((ROOT / "benchmarks" / "results" / f"{results}.json").read_text(encoding="utf-8"))
        return f"<!-- table {match['name']} -->\n\n{make(found)}\n<!-- end -->"

    return _TABLE.sub(table, readme)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")
