"""What Lightning's Trainer is told about the processes of a run, so that it finds the same ones as `distributed`.

Left alone, it guesses: takes the batch script of a Slurm job for one of many tasks, refuses `srun --ntasks 2` without
--ntasks-per-node, and forgets between two trainings of one program how many processes it has started.
"""

import torch
import torch.distributed
from lightning_fabric.plugins.environments import ClusterEnvironment, LightningEnvironment

from experiment.distributed import main_address, processes, store


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


def cluster_environment() -> ClusterEnvironment:
    """The plugin of Lightning's Trainer that goes with `distributed.trainer_devices`."""
    return StartedProcesses() if processes().are_started else OwnProcesses()


def join_process_group(device: torch.device) -> None:
    """Brings together the processes that torchrun or srun has started, before Lightning would.

    Their addresses have keys of this attempt: after one of torchrun's restarts torch alone finds those of the processes that are
    dead, since its store outlives them, and whoever is first waits for nobody.
    """
    own = processes()
    if own.are_started and own.world_size > 1 and not torch.distributed.is_initialized():
        torch.distributed.init_process_group(
            "nccl" if device.type == "cuda" else "gloo",
            store=torch.distributed.PrefixStore("process_group", store()),
            rank=own.rank,
            world_size=own.world_size,
        )
