"""What a run computes on: this process's device, the precision, and the threads of its CPU."""

from dataclasses import dataclass

import torch

from experiment.distributed import processes
from experiment.environment import cpu_name, supports_bf16
from experiment.errors import UsageError
from experiment.threads import choose_threads


@dataclass(frozen=True)
class Machine:
    """Where a process of a run computes."""

    device: torch.device
    """This process's own."""
    precision: str
    """In Lightning's words: 32-true, bf16-mixed, 16-mixed."""
    tf32: bool = False
    """Whether products of fp32 matrices are rounded to TF32, 10 bits of mantissa."""

    @property
    def threads(self) -> int:
        """Of the CPU, in each operation."""
        return torch.get_num_threads()

    @property
    def dtype(self) -> torch.dtype:
        """Of the matrix products."""
        return _DTYPES[self.precision]

    @property
    def name(self) -> str:
        """The device's, as its maker calls it."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else cpu_name()

    @property
    def arithmetic(self) -> str:
        """The precision in words: "bf16", "fp32", or, where a device could do either, "fp32 (TF32 off)"."""
        if self.precision != "32-true":
            return {"bf16-mixed": "bf16", "16-mixed": "fp16"}[self.precision]
        if self.tf32:
            return "fp32 with TF32 products"
        return "fp32 (TF32 off)" if _has_tf32(self.device) else "fp32"

    @property
    def description(self) -> str:
        """For the first screen: "cuda, fp32 (TF32 off), 8 threads"."""
        return f"{self.device.type}, {self.arithmetic}, {self.threads} {'thread' if self.threads == 1 else 'threads'}"

    def autocast(self) -> torch.autocast:
        """The context that Lightning trains in, for computations outside its trainer."""
        # Without its cache, as Lightning has it: torch.compile would take the other for another function.
        return torch.autocast(self.device.type, self.dtype, enabled=self.precision != "32-true", cache_enabled=False)


_DTYPES = {"32-true": torch.float32, "bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}
_LIGHTNING = {"32": "32-true", "tf32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}


def choose_machine(accelerator: str, precision: str, threads: int | None = None) -> Machine:
    """The device, precision and threads that flags of these names ask for, for all of PyTorch that this process runs.

    To be called before anything touches a device: on a machine with several GPUs each process of a run has one of its own.

    Args:
        accelerator: auto, cpu, gpu, cuda or mps.
        precision: 32, tf32, bf16, 16, or auto: bf16 where the device multiplies in it, else 16 on GPUs that have tensor cores
            for that alone, else 32.
        threads: as many as `choose_threads` finds when left out.

    Raises:
        UsageError: the accelerator is not there, or not known, or does not compute in this precision.
    """
    device = _device(accelerator)
    if precision == "auto":
        precision = "bf16" if supports_bf16(device) else "16" if _capability(device) >= 7 else "32"
    if precision == "16" and device.type == "cpu":
        raise UsageError("--precision 16 is for GPUs, and this run computes on the CPU; give --precision 32 or bf16")
    if precision == "tf32" and not _has_tf32(device):
        raise UsageError(
            f"--precision tf32 needs an NVIDIA GPU of the Ampere generation or later, and this run computes on {device}; "
            "give --precision 32"
        )
    # Set either way, so that 32 means what it says whatever has run in this process before.
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    torch.set_num_threads(choose_threads(threads, None))
    return Machine(device, _LIGHTNING[precision], tf32=precision == "tf32")


def _device(name: str) -> torch.device:
    """This process's device of the kind that Lightning will take."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name not in ("auto", "gpu", *there):
        raise UsageError(f"--accelerator {name} is not known; choose auto, cpu, gpu, cuda or mps")
    kind = next(each for each in there if there[each]) if name in ("auto", "gpu") else name
    if not there[kind] or (name == "gpu" and kind == "cpu"):
        raise UsageError(
            f"--accelerator {name}: this machine shows no such GPU to PyTorch; leave it out to train on what there is"
        )
    if kind != "cuda":
        return torch.device(kind)
    # A launcher that gives each process one GPU to see counts the processes all the same.
    device = torch.device("cuda", processes().local_rank % torch.cuda.device_count())
    torch.cuda.set_device(device)
    return device


def _capability(device: torch.device) -> int:
    """The first number of NVIDIA's compute capability: 7 has tensor cores for fp16, 8 for bf16 and TF32, too; 0 elsewhere."""
    if device.type != "cuda" or torch.version.hip:
        return 0
    return torch.cuda.get_device_capability(device)[0]


def _has_tf32(device: torch.device) -> bool:
    return _capability(device) >= 8
