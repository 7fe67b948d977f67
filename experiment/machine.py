"""What a run computes on: the device, the precision, and how fast the two of them multiply."""

from dataclasses import dataclass

import torch

from experiment.environment import matmul_rate, supports_bf16
from experiment.errors import UsageError


@dataclass(frozen=True)
class Machine:
    """Where a run computes."""

    device: torch.device
    precision: str
    """In Lightning's words: 32-true, bf16-mixed, 16-mixed."""
    matmul_rate: float
    """FLOP/s of a plain matrix product on one device in this precision, measured at the start."""

    @property
    def dtype(self) -> torch.dtype:
        """Of the matrix products."""
        return _DTYPES[self.precision]

    def autocast(self) -> torch.autocast:
        """The context that Lightning trains in, for computations outside its trainer."""
        return torch.autocast(self.device.type, self.dtype, enabled=self.precision != "32-true")


_DTYPES = {"32-true": torch.float32, "bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}


def choose_machine(accelerator: str, precision: str) -> Machine:
    """The device and the precision that flags of these names ask for.

    Args:
        accelerator: auto, or a device of PyTorch's (cpu, gpu, cuda, mps).
        precision: 32, bf16, 16, or auto: bf16 where the device multiplies in it, else 32.

    Raises:
        UsageError: the accelerator is not there, or not known.
    """
    device = _device(accelerator)
    if precision == "auto":
        precision = "bf16" if supports_bf16(device) else "32"
    words = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}[precision]
    return Machine(device, words, matmul_rate(device, _DTYPES[words]))


def _device(name: str) -> torch.device:
    """The kind of device that Lightning will take."""
    if name in ("auto", "gpu"):
        gpu = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else None
        if gpu is None and name == "gpu":
            raise UsageError(
                "--accelerator gpu: this machine shows no GPU to PyTorch; leave it out to train on the CPU"
            )
        name = gpu or "cpu"
    try:
        return torch.device(name)
    except RuntimeError:
        raise UsageError(f"--accelerator {name} is not known; choose auto, cpu, gpu, cuda or mps") from None
