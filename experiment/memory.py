"""Out of memory, on any device: told from other errors, and, where nothing is learnt, gone around with smaller batches."""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import numpy as np
import torch

from experiment.errors import UsageError

Answer = TypeVar("Answer")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device, or the machine itself, had no memory left. Only CUDA has an exception of its own for it."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    said = str(error)
    return isinstance(error, RuntimeError) and ("out of memory" in said or "can't allocate memory" in said)


def free_memory() -> None:
    """Gives back what PyTorch keeps of a device's memory for later."""
    if torch.accelerator.is_available():
        torch.accelerator.empty_cache()


def in_halves(
    compute: Callable[[list[int]], Answer], batches: Iterable[np.ndarray], lengths: np.ndarray, device: torch.device
) -> Iterator[tuple[list[int], Answer]]:
    """Computes batches of rows, those that do not fit into memory in halves; gives each part's rows and answer.

    What did not fit is remembered: no later batch is tried in one piece with more than three quarters of its tokens. For computations
    without gradients whose rows do not know of each other.

    Args:
        compute: of some rows.
        batches: the rows of each, int64.
        lengths: tokens of every row, int64 [N].
        device: that it is computed on, for the sentence.

    Raises:
        UsageError: a single row does not fit.
    """
    most, longest = math.inf, 0
    for batch in batches:
        waiting = [batch.tolist()]
        while waiting:
            rows = waiting.pop()
            tokens = int(lengths[rows].sum())
            if tokens <= most or len(rows) == 1:
                try:
                    answer = compute(rows)
                except (RuntimeError, MemoryError) as error:
                    if not is_out_of_memory(error):
                        raise
                else:
                    longest = max(longest, int(lengths[rows].max()))
                    yield rows, answer
                    continue
                # Not within `except`: there the traceback still holds what was computed so far.
                free_memory()
                most = 0.75 * tokens
            if len(rows) == 1:
                raise UsageError(_too_long(tokens, longest, device))
            waiting += [rows[len(rows) // 2 :], rows[: len(rows) // 2]]


def _too_long(tokens: int, longest: int, device: torch.device) -> str:
    fits = f"--max_length {longest}, which fits" if longest else f"--max_length {max(1, tokens // 2)}"
    elsewhere = "" if device.type == "cpu" else ", or compute with --accelerator cpu"
    return f"one row of {tokens:,} tokens does not fit into the memory of {device}; train with {fits}{elsewhere}"
