"""A pretraining step on a GPU: whether it is right, how fast it is beside transformers, where its time goes, and its memory.

    python benchmarks/gpu_step.py
    python benchmarks/gpu_step.py --corpus petitions/ namuwiki.txt --preset large --tokens 32768
    python benchmarks/gpu_step.py --dry_run

Ends within eight minutes and downloads nothing. It needs torch, pytorch_lightning, tokenizers, safetensors, linecache2, rich
and pyyaml; without transformers there is no peer. Results are written whenever a stage has ended:

- correctness, before anything is timed: a small network in bf16, in each of the ways that are timed later and with its
  activations computed again, beside the formula in fp32. Losses, hidden states and the gradient of each parameter may be
  wrong by twice what the formula is in bf16; more ends the program with status 1.
- matmul: the chip's rate in bf16 products, by which a run measures its MFU.
- throughput: whole steps (forward, backward, clipping, fused AdamW) in bf16 autocast, dropout 0, real tokens a second in
  alternating rounds (`side_by_side`); all batches lie on the device beforehand. Ours packs about `--tokens` real tokens.
  transformers' BertForPreTraining (SDPA) gets as many pairs a batch on average, padded to their longest, for its compiler to
  the longest of all; half as many where that does not fit into memory. MFU counts what the real tokens need, in all systems.
- profile: time by kernel of the fastest way of ours, as a text file beside the results.
- memory: the peak of a step of one batch, uncompiled, with all activations kept or computed again.

Pairs are filled up to the preset's length as a run fills them. The documents of the built-in sample are short for that, so ten
of them are made one.
"""

import argparse
import gc
import math
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import checkout  # noqa: F401
import torch
from side_by_side import CPU, Ours, Padded, System, compare, sizes, spread, transformers_version, write
from torch import Tensor

from bert_core.attention import AttentionPath, choose_path
from bert_core.config import SIZES, BertConfig
from bert_core.model import SelfAttention
from experiment.console import Console
from experiment.environment import matmul_rate
from experiment.quiet import quiet_compilers
from pretrain.batches import PreTrainingBatch
from pretrain.config import RECIPES, PretrainConfig
from pretrain.module import SUMS
from pretrain.stream import DeviceShare
from pretrain.text import Text, prepare_text, window_builder

SECONDS = 480
"""For everything."""
BF16 = torch.bfloat16
CHECKED_BATCHES = 3
NOISE = 2**-9
"""Relative error, half of what lies between two neighbours in bf16, that is allowed besides where few numbers may meet the
formula's by luck."""
CHECKED_SCALE = 0.1
"""Initial scale at which attention is not an even mean of all tokens, so that a fault in it shows."""
KERNELS, PROFILED_STEPS = 30, 3
DRY_RUN = {
    "preset": "tiny", "length": 64, "vocab_size": 4000, "tokens": 1024, "batches": 1, "rounds": 2, "blocks": 1,
}  # fmt: skip


@dataclass(frozen=True)
class Work:
    """What all stages share."""

    device: torch.device
    config: BertConfig
    plain: list[PreTrainingBatch]
    fixed: list[PreTrainingBatch]
    """The same batches in one shape."""
    ends: float
    """When all must be over."""

    @property
    def left(self) -> float:
        return self.ends - time.perf_counter()

    @property
    def tokens(self) -> int:
        return sum(batch.tokens for batch in self.plain)

    @property
    def pairs(self) -> int:
        return sum(batch.packed.sequences for batch in self.plain)

    @property
    def flops_per_token(self) -> float:
        """By the mean length that a token attends to."""
        squares = sum(int((batch.packed.boundaries.diff() ** 2).sum()) for batch in self.plain)
        masked = sum(batch.masked.numel() for batch in self.plain)
        return self.config.flops_per_token(squares / self.tokens, masked / self.tokens)

    def facts(self) -> dict[str, Any]:
        count = len(self.plain)
        return {
            "network": sizes(self.config),
            "pairs": self.pairs,
            "tokens_a_pair": self.tokens / self.pairs,
            "tokens_a_batch": self.tokens / count,
            "tokens_a_batch_of_fixed_shape": sum(batch.packed.tokens for batch in self.fixed) / count,
            "flops_per_token": self.flops_per_token,
        }


def prepare(arguments: argparse.Namespace, device: torch.device, ends: float) -> Work:
    """Makes the pairs and their batches: the first ones of a run over this text."""
    length = arguments.length or RECIPES[arguments.preset]["max_length"]
    settings = PretrainConfig(
        corpus=arguments.corpus, preset=arguments.preset, max_length=length, batch_tokens=arguments.tokens,
        tokenizer_sample_mb=20, output_dir=arguments.output_dir,
    ).resolved()  # fmt: skip
    text = prepare_text(settings, Console(quiet=True))
    if not arguments.corpus:
        settings = replace(settings, corpus=[joined(text, arguments.output_dir / "cache" / "long_documents.txt")])
        text = prepare_text(settings, Console(quiet=True))
    config = BertConfig(
        vocab_size=max(arguments.vocab_size, text.wordpiece.vocab_size), max_position_embeddings=length,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, **SIZES[arguments.preset],
    )  # fmt: skip
    if arguments.blocks:
        config = replace(config, num_hidden_layers=arguments.blocks)
    builder = window_builder(text, settings)
    plain, fixed = builder[0], [batch for (batch,) in DeviceShare(builder, fixed_shape=True)[0]]
    chosen = sorted(most_sequences(plain, arguments.batches))
    return Work(device, config, [plain[number] for number in chosen], [fixed[number] for number in chosen], ends)


def most_sequences(batches: list[PreTrainingBatch], count: int) -> list[int]:
    """Which batches have most of them, hence sequences of many lengths; where there are few, all are equally long."""
    return sorted(range(len(batches)), key=lambda number: -batches[number].packed.sequences)[:count]


def joined(text: Text, path: Path) -> Path:
    """The documents of a corpus, ten to one, as a file of plain text."""
    with path.open("w", encoding="utf-8") as file:
        for document in range(len(text.corpus.keys)):
            file.writelines(f"{sentence}\n" for sentence in text.corpus.sentences(document))
            if document % 10 == 9:
                file.write("\n")
    return path


# --- What may fail or take too long -----------------------------------------------------------------------------------


class OutOfTime(BaseException):
    """No `Exception`: a compiler that is stopped would make one of its own of it."""


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raises `OutOfTime` within, once the time is over."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise OutOfTime

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, max(1.0, seconds))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


Result = TypeVar("Result")


def attempt(name: str, make: Callable[[], Result], seconds: float) -> Result | None:
    """What `make` returns; None, and a sentence, where it fails or is not done in time."""
    release()
    try:
        with deadline(seconds):
            return make()
    except OutOfTime:
        reason = f"not done after {max(1.0, seconds):.0f} s"
    except torch.OutOfMemoryError:
        reason = "the device's memory is too small"
    except Exception as error:
        reason = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
    print(f"{name}: left out, {reason}", flush=True)
    return None


def release() -> None:
    """Gives memory of what is gone back to the device."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


# --- Correctness ------------------------------------------------------------------------------------------------------


def correctness(work: Work) -> dict[str, Any]:
    """Errors of each way to compute a step, relative to the formula in fp32; ends the program at one that is too large."""
    small = SIZES["tiny"] | {"num_hidden_layers": min(2, work.config.num_hidden_layers)}
    config = replace(work.config, **small, initializer_range=CHECKED_SCALE)
    checked = most_sequences(work.plain, CHECKED_BATCHES)

    def way(
        batches: list[PreTrainingBatch],
        *,
        path: AttentionPath | None = None,
        again: bool = False,
        fixed_shapes: bool | None = None,
    ) -> Ours:
        torch.manual_seed(0)
        ours = Ours(config, [batches[number] for number in checked], work.device)
        ours.module.network.bert.checkpoint_activations = again
        for module in ours.module.modules():
            if isinstance(module, SelfAttention):
                module.path = path
        if fixed_shapes is not None:
            ours.module.compile_losses(fixed_shapes=fixed_shapes)
        return ours

    plain, fixed = work.plain, work.fixed
    ways: dict[str, Callable[[], Ours]] = {
        f"{choose_path(work.device, BF16, 0.0)} attention": lambda: way(plain),
        "fixed shapes": lambda: way(fixed),
        "activations again": lambda: way(plain, again=True),
        "compiled, fixed shapes": lambda: way(fixed, fixed_shapes=True),
        "compiled, any shapes": lambda: way(plain, fixed_shapes=False),
        "compiled, activations again": lambda: way(fixed, again=True, fixed_shapes=True),
    }
    exact = outcome(way(plain, path="reference"), torch.float32)
    formula = errors(outcome(way(plain, path="reference"), BF16), exact)
    print(f"{'relative error':30}{'loss':>10}{'hidden':>10}{'gradient':>10}   most of what is allowed")
    rows, wrong = {"the formula in bf16": report("the formula in bf16", formula, formula)}, []
    for name, build in ways.items():
        found = attempt(name, lambda build=build: outcome(build(), BF16), min(90, work.left - 270))  # type: ignore[misc]
        if found is not None:
            rows[name] = report(name, errors(found, exact), formula)
            if not rows[name]["of_allowed"] <= 1:  # what is not a number is wrong, too
                wrong.append(f"{name} ({rows[name]['worst']})")
    if wrong:
        sys.exit(f"More is wrong than bf16 explains: {', '.join(wrong)}. Nothing was timed.")
    return rows


def outcome(ours: Ours, precision: torch.dtype) -> dict[str, Tensor]:
    """Losses, counts and gradients over all batches; hidden states of the real tokens, as they are without a compiler."""
    found: dict[str, Tensor] = {}
    for number, batch in enumerate(ours.batches):
        with torch.autocast(ours.device.type, precision, enabled=precision != torch.float32):
            loss, sums = ours.module.losses(batch, batch.step_counts.float())
            with torch.no_grad():
                hidden = ours.module.network.bert(batch.packed)[: batch.tokens]
        loss.backward()
        counts = sums[[SUMS.index("masked"), SUMS.index("sequences")]]
        found |= {f"loss {number}": loss.detach(), f"hidden {number}": hidden.float(), f"counts {number}": counts}
    gradients = {name: p.grad for name, p in ours.module.named_parameters() if p.grad is not None}
    whole = torch.cat([gradient.flatten() for gradient in gradients.values()])
    return found | {"gradient": whole} | {f"gradient of {name}": gradient for name, gradient in gradients.items()}


def errors(found: dict[str, Tensor], exact: dict[str, Tensor]) -> dict[str, float]:
    """‖found − exact‖ / ‖exact‖ of each quantity."""
    return {name: float((found[name] - value).norm() / value.norm()) for name, value in exact.items()}


def report(name: str, found: dict[str, float], formula: dict[str, float]) -> dict[str, Any]:
    """Prints a row and returns it: the largest errors, and the quantity that comes closest to what it is allowed."""
    few_numbers = ("loss", "gradient of")
    allowed = {quantity: 2 * error + NOISE * quantity.startswith(few_numbers) for quantity, error in formula.items()}
    shares = {
        quantity: error / allowed[quantity] if allowed[quantity] else error and math.inf
        for quantity, error in found.items()
    }
    worst = max(shares, key=lambda quantity: math.inf if math.isnan(shares[quantity]) else shares[quantity])
    loss, hidden = (
        max(error for quantity, error in found.items() if quantity.startswith(kind)) for kind in ("loss", "hidden")
    )
    print(f"{name:30}{loss:10.2e}{hidden:10.2e}{found['gradient']:10.2e}   {shares[worst]:.2f}, {worst}", flush=True)
    return {"loss": loss, "hidden": hidden, "gradient": found["gradient"], "of_allowed": shares[worst], "worst": worst}


# --- Throughput, profile, memory --------------------------------------------------------------------------------------


def systems_of(work: Work) -> dict[str, System]:
    """All systems that are ready in time, after a first pass over their batches; ours that is fastest by design first."""

    def ours(batches: list[PreTrainingBatch], fixed_shapes: bool | None = None) -> System:
        system = Ours(work.config, batches, work.device)
        if fixed_shapes is not None:
            system.module.compile_losses(fixed_shapes=fixed_shapes)
        return system

    def theirs(parts: int, compiled: bool) -> System:
        """Of `parts` batches, all equally large, or a compiler would see two shapes: less than one pair a batch is left
        out, which is in their favour."""
        length = work.config.max_position_embeddings if compiled else 0
        system = Padded(work.config, work.plain, work.device, work.pairs // parts, length)
        system.batches = system.batches[:parts]
        if compiled:
            system.network.compile()
        return system

    def passed(system: System) -> System:
        system.train(BF16)
        if work.device.type != "cpu":
            torch.accelerator.synchronize()
        return system

    found: dict[str, System] = {}

    def add(name: str, build: Callable[[], System]) -> bool:
        started = time.perf_counter()
        system = attempt(name, lambda: passed(build()), min(120, work.left - 100))
        if system is not None:
            found[name] = system
            print(f"{name}: ready after {time.perf_counter() - started:.0f} s", flush=True)
        return system is not None

    add("SaeBERT, compiled, fixed shapes", lambda: ours(work.fixed, fixed_shapes=True))
    add("SaeBERT", lambda: ours(work.plain))
    if transformers_version() is None:
        print("transformers: left out, it is not installed (pip install transformers)")
    else:
        for compiled in (False, True):
            for parts in (len(work.plain), 2 * len(work.plain)):
                name = f"transformers, {'compiled, ' if compiled else ''}{work.pairs // parts} pairs"
                if add(name, lambda parts=parts, compiled=compiled: theirs(parts, compiled)):  # type: ignore[misc]
                    break
    add("SaeBERT, compiled, any shapes", lambda: ours(work.plain, fixed_shapes=False))
    return found


def throughput(work: Work, systems: dict[str, System], rounds: int, rate: float) -> list[dict[str, Any]] | None:
    """Real tokens a second of each system, and its MFU by the rate of plain products."""
    rows = attempt(
        "throughput",
        lambda: compare(
            systems,
            work.tokens,
            "tokens",
            rounds,
            ["train"],
            precisions=[BF16],
            device=work.device,
            seconds=work.left - 60,
        ),
        work.left - 35,
    )
    for row in rows or []:
        rates = row["tokens_per_second"].items()
        row["mfu"] = {name: tokens * work.flops_per_token / rate for name, tokens in rates}
        print(f"{row['system']:34} MFU {row['mfu']['median']:.1%}")
    return rows


def profile(work: Work, systems: dict[str, System], file: Path | None) -> dict[str, Any] | None:
    """Time by kernel of a few steps of the first system, as torch's profiler tells it."""

    def table() -> str:
        name = next(iter(systems))
        system: Any = systems[name]
        system.batches = system.batches[:PROFILED_STEPS]
        kind = torch.profiler.ProfilerActivity
        with torch.profiler.profile(activities=[kind.CPU if work.device == CPU else kind.CUDA]) as profiler:
            system.train(BF16)
            if work.device.type != "cpu":
                torch.accelerator.synchronize()
        by = "self_cpu_time_total" if work.device.type == "cpu" else "self_device_time_total"
        averages = profiler.key_averages()
        return f"{name}, {len(system.batches)} steps\n{averages.table(sort_by=by, row_limit=KERNELS, max_name_column_width=90)}"

    text = attempt("profile", table, work.left - 40)
    if text is None:
        return None
    if file is None:
        print("\n".join(line[:120] for line in text.splitlines()[:12]))
        return None
    file.write_text(text, encoding="utf-8")
    print(file)
    return {"file": file.name}


def memory(work: Work) -> dict[str, int | None]:
    """Bytes at the peak of a system's second step, when its optimizer has its state; None where it does not fit."""
    batch = work.plain[:1]

    def ours(again: bool) -> System:
        system = Ours(work.config, batch, work.device)
        system.module.network.bert.checkpoint_activations = again
        return system

    def theirs(again: bool) -> System:
        system = Padded(work.config, batch, work.device, batch[0].packed.sequences)
        if again:
            system.network.gradient_checkpointing_enable()
        return system

    def peak(build: Callable[[bool], System], again: bool) -> int:
        system = build(again)
        system.train(BF16)
        if work.device.type == "cpu":
            return 0
        torch.cuda.reset_peak_memory_stats()
        system.train(BF16)
        torch.accelerator.synchronize()
        return torch.cuda.max_memory_allocated()

    found: dict[str, int | None] = {}
    builds = {"SaeBERT": ours} | ({"transformers": theirs} if transformers_version() else {})
    for name, build in builds.items():
        for again in (False, True):
            case = f"{name}, {'activations again' if again else 'activations kept'}"
            found[case] = attempt(case, lambda build=build, again=again: peak(build, again), work.left)  # type: ignore[misc]
            if (most := found[case]) is not None:
                print(f"{case:34}{most / 2**30:8.2f} GiB" + ("; a CPU does not tell" if work.device == CPU else ""))
    return found


def main() -> None:
    quiet_compilers()
    ends = time.perf_counter() + SECONDS
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, nargs="+", default=[], help="the built-in sample without it")
    parser.add_argument("--preset", default="base", choices=SIZES)
    parser.add_argument("--length", type=int, help="of the longest pair; by preset")
    parser.add_argument("--vocab_size", type=int, default=32000, help="rows of the network's vocabulary, at the least")
    parser.add_argument("--tokens", type=int, default=65536, help="real tokens of a batch, about")
    parser.add_argument("--batches", type=int, default=8, help="at the most, which is a window of them")
    parser.add_argument("--blocks", type=int, help="of the network; by preset")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output_dir", type=Path, default=Path("runs"), help="where text and tokenizer are kept")
    parser.add_argument("--output", type=Path, help="benchmarks/results/gpu_step.json; nothing in a dry run")
    parser.add_argument("--dry_run", action="store_true", help="everything on the CPU, as small as can be")
    arguments = parser.parse_args()
    output: Path | None = arguments.output
    if arguments.dry_run:
        vars(arguments).update(DRY_RUN)
    elif not torch.cuda.is_available():
        sys.exit("This machine shows no GPU to PyTorch; --dry_run tries everything on its CPU.")
    else:
        output = output or Path(__file__).parent / "results" / "gpu_step.json"
    device = CPU if arguments.dry_run else torch.device("cuda", torch.cuda.current_device())
    results: dict[str, Any] = {"cuda": torch.version.cuda, "dry_run": arguments.dry_run, "rounds": arguments.rounds}

    def keep(**more: Any) -> None:
        results.update(more)
        if output:
            write(output, results, device)

    def heading(stage: str) -> None:
        dry = "dry run: " if arguments.dry_run else ""
        print(f"\n{dry}{stage}, {ends - time.perf_counter():.0f} s left", flush=True)

    heading("text")
    work = prepare(arguments, device, ends)
    facts = work.facts()
    keep(**facts)
    print(
        f"{facts['pairs']} pairs of {facts['tokens_a_pair']:.0f} tokens in {len(work.plain)} batches of "
        f"{facts['tokens_a_batch']:,.0f}, in fixed shapes {facts['tokens_a_batch_of_fixed_shape']:,.0f}"
    )
    heading("correctness")
    keep(correctness=correctness(work))
    torch._dynamo.reset()
    heading("matmul")
    rates = spread([matmul_rate(device, BF16) for _ in range(5)])
    keep(matmul_flops=rates)
    print(f"{rates['median'] / 1e12:.1f} TFLOP/s in bf16 ({rates['min'] / 1e12:.1f} … {rates['max'] / 1e12:.1f})")
    heading("throughput")
    systems = systems_of(work)
    keep(throughput=throughput(work, systems, arguments.rounds, rates["median"]) if systems else None)
    if systems:
        heading("profile")
        keep(profile=profile(work, systems, output and output.with_name(f"{output.stem}_profile.txt")))
    systems.clear()
    torch._dynamo.reset()
    heading("memory")
    keep(memory=memory(work))
    print(f"\n{'Nothing of this dry run was measured on a GPU.' if arguments.dry_run else output}")


if __name__ == "__main__":
    main()
