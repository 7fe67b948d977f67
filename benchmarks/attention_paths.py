"""Attention forward and backward, the paths side by side: python benchmarks/attention_paths.py [--device cuda]

Each path computes the same batches in turn within one process; the table gives medians, in milliseconds, and what the
slowest and fastest of the repetitions were. Sequences of a batch are 80 to 100 % of its longest.
"""

import argparse
import json
import platform
import statistics
import time
from pathlib import Path

import checkout  # noqa: F401
import torch

from bert_core.attention import AttentionPath, choose_path, self_attention
from bert_core.packing import pack
from experiment.environment import cpu_name

SHAPES = [(16, 64, 2), (16, 128, 4), (16, 128, 8), (4, 512, 4), (4, 512, 12)]
"""Sequences, longest of them, heads of 64."""
REPETITIONS = 9


def milliseconds(path: AttentionPath, qkv: torch.Tensor, packed) -> float:  # type: ignore[no-untyped-def]
    start = time.perf_counter()
    self_attention(qkv, packed, path=path).sum().backward()
    if qkv.device.type != "cpu":
        torch.accelerator.synchronize()
    return 1000 * (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "attention_paths.json")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)
    rows = []
    for dtype in (torch.float32, torch.bfloat16):
        for sequences, longest, heads in SHAPES:
            generator = torch.Generator().manual_seed(0)
            lengths = torch.randint(int(0.8 * longest), longest + 1, (sequences,), generator=generator).tolist()
            packed = pack([[1] * length for length in lengths]).to(device)
            qkv = torch.randn(packed.tokens, 3, heads, 64, generator=generator).to(device, dtype).requires_grad_()
            paths: list[AttentionPath] = ["sdpa", "matmul"]
            if (chosen := choose_path(device, dtype, 0.0)) not in paths:
                paths.append(chosen)
            times: dict[str, list[float]] = {path: [] for path in paths}
            for repetition in range(REPETITIONS + 1):
                for path in paths:
                    elapsed = milliseconds(path, qkv, packed)
                    if repetition:  # the first one warms up
                        times[path].append(elapsed)
            name = f"{str(dtype).removeprefix('torch.')} {sequences} × {longest}, {heads} heads"
            figures = {p: {"median": statistics.median(t), "min": min(t), "max": max(t)} for p, t in times.items()}
            rows.append({"case": name, "chosen": chosen, "milliseconds": figures})
            print(f"{name:32}" + "".join(f"{p:>8} {f['median']:7.2f}" for p, f in figures.items()), f"  takes {chosen}")
    machine = torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_name()
    about = {
        "machine": machine,
        "threads": arguments.threads,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
    arguments.output.write_text(json.dumps(about | {"cases": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
