"""The processes of a distributed run: which one this is, who started it, and how they hear of the main one's decisions.

Three launchers are known by what they leave in the environment:

    torchrun --nproc_per_node 2 run.py         RANK, LOCAL_RANK, WORLD_SIZE, LOCAL_WORLD_SIZE of each process
    srun --ntasks 2 python run.py              SLURM_PROCID, SLURM_LOCALID, SLURM_STEP_NUM_TASKS, …
    python run.py --devices 2                  Lightning starts the others when the training begins: LOCAL_RANK, WORLD_SIZE

Whoever sets torchrun's variables by other means (Kubernetes' PyTorchJob does) is a torchrun, too. Slurm sets its own even
for a program that a batch script runs without srun. That is one process, however many tasks the job has been allotted;
only a step of srun's says how many tasks it consists of.

torch is imported only by the functions that need it.
"""

import functools
import itertools
import json
import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from experiment.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

_BROADCAST = "SAEBERT_FROM_MAIN"
_broadcasts = itertools.count()
_PATIENCE = 3.0
"""Seconds that the processes wait for one another's last sentence."""


@dataclass(frozen=True)
class Processes:
    """This process among those of the run."""

    rank: int = 0
    local_rank: int = 0
    """Its number on this machine."""
    world_size: int = 1
    local_world_size: int = 1
    """Processes on this machine, and on each of the others."""
    nodes: int = 1
    """Machines."""
    launcher: Literal["none", "torchrun", "srun", "lightning"] = "none"
    attempt: int = 0
    """How often torchrun has started the run again because a process had died."""

    @property
    def are_started(self) -> bool:
        """Whether a launcher has started them all, so that Lightning is not to start any."""
        return self.launcher in ("torchrun", "srun")


def processes() -> Processes:
    """This process among those of the run, by the environment as it is now: Lightning changes it in the main process when
    it starts the others.

    Raises:
        UsageError: srun has started more tasks on one machine than on another.
    """
    environment = os.environ
    if "RANK" in environment and "WORLD_SIZE" in environment:
        size, local_size = int(environment["WORLD_SIZE"]), int(environment.get("LOCAL_WORLD_SIZE", "1"))
        return Processes(
            rank=int(environment["RANK"]),
            local_rank=int(environment.get("LOCAL_RANK", "0")),
            world_size=size,
            local_world_size=local_size,
            nodes=max(1, size // local_size),
            launcher="torchrun",
            attempt=int(environment.get("TORCHELASTIC_RESTART_COUNT", "0")),
        )
    if "LOCAL_RANK" in environment and "WORLD_SIZE" in environment:
        local_rank, size = int(environment["LOCAL_RANK"]), int(environment["WORLD_SIZE"])
        return Processes(local_rank, local_rank, size, size, 1, "lightning")
    size = int(environment.get("SLURM_STEP_NUM_TASKS", "1"))
    if size > 1:  # a task alone is free to have Lightning start others
        nodes = int(environment.get("SLURM_STEP_NUM_NODES", environment.get("SLURM_NNODES", "1")))
        tasks = environment.get("SLURM_STEP_TASKS_PER_NODE", environment.get("SLURM_TASKS_PER_NODE", ""))
        if "," in tasks or size % nodes:
            raise UsageError(
                f"srun has started {size} tasks unevenly on {nodes} machines ({tasks}); ask for the same number on each "
                "with --ntasks-per-node."
            )
        local_rank = int(environment["SLURM_LOCALID"])
        return Processes(int(environment["SLURM_PROCID"]), local_rank, size, size // nodes, nodes, "srun")
    return Processes()


def process_rank() -> int:
    """This process's number in a distributed run, 0 in any other."""
    return processes().rank


def main_address() -> tuple[str, int]:
    """Host and port at which the processes find one another, as the launcher says it or, for srun, as Slurm's variables
    tell all of them alike. MASTER_ADDR and MASTER_PORT hold them from then on."""
    environment = os.environ
    if processes().launcher == "srun":
        if processes().nodes == 1:
            host = "127.0.0.1"
        else:
            hosts = environment.get("SLURM_STEP_NODELIST", environment.get("SLURM_NODELIST", ""))
            host = first_host(hosts)
        # Steps of one job may share a machine, and so may jobs.
        step = environment.get("SLURM_STEP_ID", environment.get("SLURM_STEPID", "0"))
        port = 15000 + (int(environment.get("SLURM_JOB_ID", "0")) * 7 + int(step)) % 10000
        environment.setdefault("MASTER_ADDR", host)
        environment.setdefault("MASTER_PORT", str(port))
    return environment.get("MASTER_ADDR", "127.0.0.1"), int(environment.get("MASTER_PORT", "0"))


def first_host(hosts: str) -> str:
    """The first of Slurm's list of hosts: gpu[07-09,12],login gives gpu07."""
    found = re.match(r"([^,\[\s]+)(?:\[(\w+)[^\]]*\]([^,\s]*))?", hosts)
    return "".join(part or "" for part in found.groups()) if found else "127.0.0.1"


def from_main(make: Callable[[], str]) -> str:
    """The text that the main process makes, in every process of the run: the path of the new run directory, say.

    `make` is called in the main process alone. The others learn its result from the environment when Lightning started
    them (they are the main one's children, started by `Trainer.fit`), and through the launcher's store when it did.
    Every process has to call it, and equally often.

    Raises:
        UsageError: `make` raised it, in every process. Or a process cannot reach the main one.
    """
    number, own = next(_broadcasts), processes()
    name = f"{_BROADCAST}_{number}"
    if own.rank == 0:
        try:
            answer = {"text": make()}
        except UsageError as error:
            answer = {"error": str(error)}
        os.environ[name] = json.dumps(answer)
        if own.world_size > 1:
            store().set(f"from_main/{number}", os.environ[name])
    else:
        answer = json.loads(os.environ[name] if own.launcher == "lightning" and name in os.environ else _wait(number))
    if "error" in answer:
        raise UsageError(answer["error"])
    return answer["text"]


def _wait(number: int) -> str:
    key = f"from_main/{number}"
    try:
        return str(store().get(key).decode())
    except RuntimeError as error:
        own = processes()
        raise UsageError(
            f"process {own.rank} of {own.world_size} cannot reach the main process at {':'.join(map(str, main_address()))} "
            f"({' '.join(str(error).split())[:120]})."
        ) from error


@functools.cache
def store() -> Any:
    """The key-value store that the processes share, before and beside torch's process group. Kept open, since without
    torchrun the main process itself serves it. Each of torchrun's attempts has keys of its own, since its store outlives
    them."""
    from torch.distributed import PrefixStore
    from torch.distributed.rendezvous import rendezvous

    own = processes()
    main_address()
    shared, _, _ = next(rendezvous(f"env://?rank={own.rank}&world_size={own.world_size}"))
    shared.set_timeout(timedelta(days=1))  # the main process may index a large corpus before it answers
    return PrefixStore(f"saebert/{own.attempt}", shared)


def prints_errors(sentence: str) -> bool:
    """Whether this process is the one that shows a sentence that it ends by.

    The main one shows its own. Another process does so only where the main one has not ended by the same sentence; as
    long as the processes have not spoken to one another, all they know is the command line, which is the same for all.
    """
    own = processes()
    if own.world_size == 1 or not store.cache_info().currsize:
        return own.rank == 0
    with suppress(RuntimeError):  # the main process has gone, and its store with it
        if own.rank == 0:
            store().set("sentence", sentence)
            # It serves the store, and others may not be there any more.
            _present([f"heard/{rank}" for rank in range(1, own.world_size)])
        elif _present(["sentence"]):
            said = store().get("sentence").decode()
            store().set(f"heard/{own.rank}", "")
            return bool(said != sentence)
    return True


def _present(keys: list[str]) -> bool:
    """Waits for keys of the store, not for long. (Its own `wait` writes to stderr when it has waited in vain.)"""
    start = time.monotonic()
    while time.monotonic() - start < _PATIENCE:
        if store().check(keys):
            return True
        time.sleep(0.05)
    return False


def trainer_devices(devices: int | None, num_nodes: int, kind: str) -> tuple[int, int]:
    """`devices` and `num_nodes` of Lightning's Trainer: as the launcher has it; else `devices`, all GPUs, or one process.

    Args:
        devices: of --devices.
        num_nodes: of --num_nodes.
        kind: of the device: cpu, cuda, mps.

    Raises:
        UsageError: a flag contradicts the launcher, or there are fewer GPUs than processes; or several machines are asked
            for without a launcher.
    """
    import torch

    own = processes()
    gpus = torch.cuda.device_count() if kind == "cuda" else None
    if own.are_started:
        started = f"{own.launcher}, which has started {own.local_world_size} on each of {own.nodes} machines"
        for flag, asked, given in (
            ("--devices", devices, own.local_world_size),
            ("--num_nodes", num_nodes if num_nodes > 1 else None, own.nodes),
        ):
            if asked is not None and asked != given:
                raise UsageError(f"{flag} {asked} contradicts {started}; leave out {flag}.")
        if gpus is not None and gpus < own.local_world_size:
            raise UsageError(
                f"each process sees {gpus} of the {own.local_world_size} GPUs that {started}, would need; let every process "
                "see all of its machine's (with srun: --gpus-per-node rather than --gpus-per-task)."
            )
        return own.local_world_size, own.nodes
    if num_nodes > 1:
        raise UsageError(
            f"--num_nodes {num_nodes} needs a launcher on every machine; start the run with "
            f"torchrun --nnodes {num_nodes} --nproc_per_node N, or with srun."
        )
    if gpus is not None and devices is not None and gpus < devices:
        raise UsageError(f"--devices {devices}: this machine shows PyTorch {gpus} GPUs.")
    return devices or gpus or 1, 1


def global_sums(values: "Tensor") -> "Tensor":
    """The sum over all processes, element by element, on the device and without waiting for it; same shape."""
    import torch.distributed

    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.all_reduce(values)
    return values
