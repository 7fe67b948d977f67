"""What Lightning's Trainer is told about the processes of a run, so that it finds the same ones as `distributed`.

Left alone, it guesses: takes the batch script of a Slurm job for one of many tasks, refuses `srun --ntasks 2` without
--ntasks-per-node, and forgets between two trainings of one program how many processes it has started.
"""

from typing import Any

import torch
from lightning_fabric.plugins.environments import ClusterEnvironment, LightningEnvironment

from experiment.distributed import main_address, processes
from experiment.errors import UsageError


class StartedProcesses(ClusterEnvironment):
    """The processes that torchrun or srun has started."""

    @property
    def creates_processes_externally(self) -> bool:
        return True

    @property
    def main_address(self) -> str:
        return main_address()[0]

    @property
    def main_port(self) -> int:
        return main_address()[1]

    @staticmethod
    def detect() -> bool:
        return processes().are_started

    def world_size(self) -> int:
        return processes().world_size

    def set_world_size(self, size: int) -> None:
        """The launcher has decided."""

    def global_rank(self) -> int:
        return processes().rank

    def set_global_rank(self, rank: int) -> None:
        """The launcher has decided."""

    def local_rank(self) -> int:
        return processes().local_rank

    def node_rank(self) -> int:
        own = processes()
        return (own.rank - own.local_rank) // own.local_world_size


class OwnProcesses(LightningEnvironment):
    """The processes that Lightning starts. They stay for all trainings of the program, so their number is not forgotten
    after the first."""

    def teardown(self) -> None:
        pass


def trainer_devices(devices: int | None, num_nodes: int, accelerator: str) -> tuple[int, int]:
    """`devices` and `num_nodes` of Lightning's Trainer: as the launcher has it; else `devices`, all GPUs, or one process.

    Args:
        devices: of --devices.
        num_nodes: of --num_nodes.
        accelerator: the kind of device: cpu, cuda, mps.

    Raises:
        UsageError: a flag contradicts the launcher, or there are fewer GPUs than processes; or several machines are asked
            for without a launcher.
    """
    own = processes()
    gpus = torch.cuda.device_count() if accelerator == "cuda" else None
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


def trainer_processes(devices: int | None, num_nodes: int, accelerator: str) -> dict[str, Any]:
    """The arguments of Lightning's Trainer that say which processes there are: `pl.Trainer(**trainer_processes(…), …)`.

    Raises:
        UsageError: as `trainer_devices`.
    """
    count, nodes = trainer_devices(devices, num_nodes, accelerator)
    environment = StartedProcesses() if processes().are_started else OwnProcesses()
    return {"devices": count, "num_nodes": nodes, "plugins": [environment]}
