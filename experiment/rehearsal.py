"""The longest step before the first one: whether it fits into memory, in how many passes, and how long it takes.

It also is where the compiler works, so that neither belongs to the training's time.
"""

import math
import time
from collections.abc import Callable, Iterable

import torch
from torch import nn

from experiment.distributed import from_main
from experiment.errors import UsageError
from experiment.memory import free_memory, is_out_of_memory


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
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        finally:
            for each in parameters:
                each.grad = None
        state = []
        free_memory()
        if 2 * passes > most:
            raise UsageError(
                f"a forward pass with the fewest sequences does not fit into the memory of {device}; {flag}"
            )
        passes *= 2


def _wait_for(device: torch.device) -> None:
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


def given_passes(
    size: int, device_size: int | None, accumulate: int | None, devices: int, flags: tuple[str, str]
) -> int | None:
    """Forward passes of a step on each device, as the user asked for them; None leaves them to what fits.

    Args:
        size: of a step over all devices, in tokens or rows.
        device_size: of a forward pass, at the most.
        accumulate: of --accumulate.
        devices: of all machines.
        flags: names of the first two.

    Raises:
        UsageError: the numbers contradict each other.
    """
    needed = math.ceil(size / (device_size * devices)) if device_size else None
    if accumulate and needed and accumulate < needed:
        raise UsageError(
            f"--accumulate {accumulate} passes of --{flags[1]} {device_size} on {devices} devices are fewer than "
            f"--{flags[0]} {size}; leave out one of them"
        )
    return accumulate or needed


def passes_that_fit(
    attempt: Callable[[int], None],
    network: nn.Module,
    device: torch.device,
    *,
    given: int | None,
    most: int,
    flag: str,
    instead: Callable[[int], str],
) -> tuple[int, float]:
    """`rehearse` in all processes: the main one finds out how many passes a step takes, and the others take as many.

    Args:
        attempt, device, flag: as `rehearse` has them.
        network: is moved to the device.
        given: passes that are asked for; None for as few as fit.
        most: that a step can be cut into.
        instead: what the user is to give for so many passes.

    Raises:
        UsageError: those asked for do not fit; the sentence says what would.
    """
    network.to(device).train()

    def tried(passes: int, most: int) -> tuple[int, float]:
        trained = [each for each in network.parameters() if each.requires_grad]
        return rehearse(attempt, parameters=trained, device=device, passes=passes, most=max(passes, most), flag=flag)

    found: list[tuple[int, float]] = []

    def find() -> str:
        found.append(tried(given or 1, most))
        passes = found[0][0]
        if given and passes > given:
            raise UsageError(
                f"a step in {given} forward passes does not fit into the memory of {device}, and one in {passes} does; give "
                f"{instead(passes)}, or leave it to the run"
            )
        return str(passes)

    passes = int(from_main(find))
    return found[0] if found else tried(passes, passes)
