"""The memory of a training step, beside transformers, keeping the activations and computing them again.

    rows = measure(config, batch, torch.bfloat16)
    rows[0]["beyond_state"]        2_914_000_000 bytes, of "SaeBERT"

Each system takes two whole steps (forward, backward, clipping, AdamW; the second one with the optimizer's state there from its
start) over the same pairs and masks, in a process of its own:

- SaeBERT: packed, only the masked positions reach the vocabulary; and with `checkpoint_activations`;
- `transformers.BertForPreTraining` with SDPA, padded to the longest pair, all positions reach the vocabulary; and with
  `gradient_checkpointing_enable()`.

What counts is the most that the process had written at a time (`process_memory`), less what it had written before the network
was built: interpreter, libraries, the batch. `state` is what every training in fp32 holds of a parameter: weight, gradient
and AdamW's two means, 16 bytes. `beyond_state` is the rest: activations, their gradients, half-precision copies of the weights. It is
less than all of these by the gradients that are not there yet at the peak, 4 bytes a parameter at the most.
"""

import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from multiprocessing.queues import SimpleQueue
from typing import Any

import checkout  # noqa: F401
import torch
import transformers.models.bert.modeling_bert  # noqa: F401  a library: loaded with the network, it would count as its memory
from process_memory import memory, watch
from side_by_side import Ours, Padded, System

from bert_core.config import BertConfig
from bert_core.model import BertForPreTraining
from pretrain.batches import PreTrainingBatch

STATE_BYTES = 16
"""A parameter: weight, gradient, and AdamW's mean and mean square, 4 each."""


def ours(config: BertConfig, batch: PreTrainingBatch, again: bool) -> System:
    """A step of this project; `again`: a block's activations are computed a second time, not kept."""
    system = Ours(config, [batch])
    system.module.network.bert.checkpoint_activations = again
    return system


def published(config: BertConfig, batch: PreTrainingBatch, again: bool) -> System:
    """The same with transformers."""
    system = Padded(config, [batch])
    if again:
        system.network.gradient_checkpointing_enable()
    return system


SYSTEMS: dict[str, tuple[Callable[[BertConfig, PreTrainingBatch, bool], System], bool]] = {
    "SaeBERT": (ours, False),
    "SaeBERT, checkpointing": (ours, True),
    "transformers": (published, False),
    "transformers, checkpointing": (published, True),
}


def two_steps(
    name: str, config: BertConfig, batch: PreTrainingBatch, precision: torch.dtype, told: SimpleQueue
) -> None:
    """What a child process does; tells its bytes before the network is built, and the seconds of the second step."""
    told.put(memory([os.getpid()])[0])
    build, again = SYSTEMS[name]
    system, seconds = build(config, batch, again), 0.0
    for _ in range(2):
        started = time.perf_counter()
        system.train(precision)
        seconds = time.perf_counter() - started
    told.put(seconds)


def peak(name: str, config: BertConfig, batch: PreTrainingBatch, precision: torch.dtype) -> tuple[int, float]:
    """Bytes beyond interpreter and libraries at the most, and seconds of the second step."""
    context = multiprocessing.get_context("spawn")
    told: SimpleQueue = context.SimpleQueue()
    process = context.Process(target=two_steps, args=(name, config, batch, precision, told))
    process.start()
    assert process.pid is not None
    measured = watch(process.pid, process.is_alive, lambda _: "start" if told.empty() else "steps")
    process.join()
    if process.exitcode:
        sys.exit(f"{name} failed; fewer pairs take less memory")
    before = told.get()
    return measured.phases["steps"].written - before, told.get()


def measure(config: BertConfig, batch: PreTrainingBatch, precision: torch.dtype) -> list[dict[str, Any]]:
    """A row a system, in bytes."""
    with torch.device("meta"):
        parameters = sum(parameter.numel() for parameter in BertForPreTraining(config).parameters())
    state = STATE_BYTES * parameters
    rows: list[dict[str, Any]] = []
    for name in SYSTEMS:
        most, seconds = peak(name, config, batch, precision)
        sizes = {"peak": most, "state": state, "beyond_state": most - state}
        rows.append({"system": name} | sizes | {"second_step_seconds": seconds})
        print(f"{name:28}{most / 1e9:6.2f} GB, {(most - state) / 1e9:.2f} beyond the state; {seconds:.1f} s a step")
    return rows
