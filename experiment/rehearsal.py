"""The longest step before the first one: whether it fits into memory, in how many passes, and how long it takes.

It also is where the compiler works, so that neither belongs to the training's time.
"""

import time
from collections.abc import Callable, Iterable

import torch
from torch import nn

from experiment.errors import UsageError
from experiment.memory import out_of_memory


def rehearse(
    attempt: Callable[[int], None],
    *,
    parameters: Iterable[nn.Parameter],
    device: torch.device,
    passes: int,
    most: int,
    flag: str,
) -> tuple[int, float]:
    """Tries a step's longest forward and backward pass, with twice as many passes a step as long as it runs out of memory.

    Args:
        attempt: carries it out where a step has so many passes; whatever it leaves is thrown away.
        parameters: those that are trained. The optimizer's two copies of them take their place meanwhile.
        device: where they are.
        passes, most: to begin with, and at the most.
        flag: that would have helped, for the sentence.

    Returns:
        The passes of a step, and the seconds that a step is expected to take.

    Raises:
        UsageError: not even `most` passes fit.
    """
    parameters = list(parameters)
    while True:
        try:
            state = [torch.empty_like(each) for each in parameters for _ in range(2)] if device.type != "cpu" else []
            start = time.perf_counter()
            attempt(passes)
            _wait_for(device)
            if (seconds := time.perf_counter() - start) < 1 or device.type != "cpu":
                start = time.perf_counter()  # the first one loads libraries and compiles
                attempt(passes)
                _wait_for(device)
                seconds = time.perf_counter() - start
            del state
            return passes, passes * seconds
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
        finally:
            for each in parameters:
                each.grad = None
        state = []
        torch.accelerator.empty_cache()
        if 2 * passes > most:
            raise UsageError(
                f"a forward pass with the fewest sequences does not fit into the memory of {device}; {flag}"
            )
        passes *= 2


def _wait_for(device: torch.device) -> None:
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
