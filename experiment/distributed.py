"""The processes of a distributed run: which one this is, and how they hear of the main one's decisions.

torch is imported only by the functions that need it.
"""

import functools
import itertools
import os
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from experiment.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

_BROADCAST = "SAEBERT_FROM_MAIN"
_broadcasts = itertools.count()


def process_rank() -> int:
    """This process's number in a distributed run, 0 in any other, by the variables that Lightning goes by."""
    for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID", "JSM_NAMESPACE_RANK"):
        if name in os.environ:
            return int(os.environ[name])
    return 0


def from_main(make: Callable[[], str]) -> str:
    """The text that the main process makes, in every process of the run: the path of the new run directory, say.

    `make` is called in the main process alone. The others learn its result from the environment when Lightning started
    them (they are the main one's children, started by `Trainer.fit`), and through torchrun's store when torchrun did.
    Every process has to call it, and equally often.

    Raises UsageError in a process that was started in another way.
    """
    number = next(_broadcasts)
    rank = process_rank()
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    value = None
    if rank == 0:
        value = make()
        os.environ[f"{_BROADCAST}_{number}"] = value
        if world_size == 1:
            return value
    elif f"{_BROADCAST}_{number}" in os.environ:
        return os.environ[f"{_BROADCAST}_{number}"]
    if world_size == 1 or "MASTER_ADDR" not in os.environ:
        raise UsageError(f"process {rank} cannot reach the main process; start a distributed run with torchrun.")

    store, key = _rendezvous_store(), f"saebert/from_main/{number}"
    if value is not None:
        store.set(key, value)
    return store.get(key).decode()


@functools.cache
def _rendezvous_store() -> Any:
    """The key-value store of the launcher. Kept open, since without torchrun the main process itself serves it."""
    from torch.distributed.rendezvous import rendezvous

    store, _, _ = next(rendezvous("env://"))
    store.set_timeout(timedelta(days=1))  # the main process may index a large corpus before it answers
    return store


def trainer_devices(devices: int | None, num_nodes: int, kind: str) -> tuple[int, int]:
    import torch

    return devices or (torch.cuda.device_count() if kind == "cuda" else 1), num_nodes


def global_sums(values: "Tensor") -> "Tensor":
    """The sum over all processes, element by element, on the device and without waiting for it; same shape."""
    import torch.distributed

    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.all_reduce(values)
    return values
