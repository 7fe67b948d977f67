"""Where a run takes place: versions, code, machine and speed.

`describe_environment` is what goes into the run's tags and report; `matmul_rate` is the yardstick of MFU. torch is
imported only by the functions that need it.
"""

import importlib.metadata
import math
import os
import platform
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_PACKAGES = ("torch", "pytorch-lightning", "tokenizers", "mlflow")


def describe_environment() -> dict[str, Any]:
    """Versions, code, platform and devices, by plain names; None where something is absent."""
    import torch

    versions = {name.replace("-", "_"): _version(name) for name in _PACKAGES}
    return {
        "python": platform.python_version(),
        **versions,
        "cuda": torch.version.cuda,
        "git_commit": git_commit(),
        "platform": platform.platform(),
        "cpu": cpu_name(),
        "cpu_cores": cpu_cores(),
        "gpus": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
    }


def git_commit(folder: Path | None = None) -> str | None:
    """The commit of the code, with "+dirty" when tracked files differ from it; None outside a git checkout.

    `folder` is this package's unless given. A package that lies in someone else's checkout without belonging to it (in
    a virtual environment, say) has no commit.
    """
    folder = folder or Path(__file__).parent

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=True
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip()

    if not git("ls-files", "."):
        return None
    commit = git("rev-parse", "HEAD")
    return f"{commit}+dirty" if commit and git("status", "--porcelain", "--untracked-files=no") else commit


def cpu_name() -> str:
    """The processor's model, as the system calls it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or platform.machine()


def cpu_cores() -> int:
    """Cores that this process may use, which under a job scheduler or in a container are fewer than the machine has.

    A limit of one and a half is two: threads that sleep while they wait use both to three quarters.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota()
    return cores if quota is None else min(cores, max(1, math.ceil(quota)))


def cpu_quota(root: Path = Path("/")) -> float | None:
    """The CPU time that a container's or a job's limit leaves this process, in cores; None without a limit.

    It is the least of the limits of the process's control group and of all groups around it.

    Args:
        root: of the file system; another one for tests.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None  # not Linux
    limits = []
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number == "0":
            mounts, read = ("", "unified"), _limit_v2
        elif "cpu" in controllers.split(","):
            mounts, read = (controllers, "cpu"), _limit_v1
        else:
            continue
        # A container sees its own group at the root of the mount, but often the host's path of it.
        group = Path(path.lstrip("/"))
        folders = [root / "sys/fs/cgroup" / mount / each for mount in mounts for each in (group, *group.parents)]
        limits += [limit for folder in dict.fromkeys(folders) if (limit := read(folder)) is not None]
    return min(limits, default=None)


def _limit_v2(folder: Path) -> float | None:
    """Of a group: "150000 100000" in `cpu.max` are 1.5 cores, "max 100000" no limit."""
    try:
        quota, period = (folder / "cpu.max").read_text(encoding="utf-8").split()
        return int(quota) / int(period)
    except (OSError, ValueError):
        return None


def _limit_v1(folder: Path) -> float | None:
    """Of a group in the first version of control groups, where −1 is no limit."""
    try:
        quota, period = (
            int((folder / f"cpu.cfs_{name}_us").read_text(encoding="utf-8")) for name in ("quota", "period")
        )
    except (OSError, ValueError):
        return None
    return quota / period if quota > 0 and period > 0 else None


def supports_bf16(device: "torch.device") -> bool:
    """Whether the device multiplies bfloat16 matrices in hardware, so that bf16 is a gain and not a loss."""
    import torch

    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    return False


def matmul_rate(device: "torch.device", dtype: "torch.dtype") -> float:
    """Floating-point operations a second in the best of several large square matrix products, measured here.

    The denominator of MFU: it says which share of what this machine can really multiply a run turns into training,
    for any CPU or GPU, without a table of vendors' peak figures (on GPUs those are some 10 to 30 % higher). Takes less
    than half a second. A product of two n × n matrices counts 2 n³.
    """
    return max(matmul_rates(device, dtype))


def matmul_rates(device: "torch.device", dtype: "torch.dtype") -> list[float]:
    """Of each product that `matmul_rate` is the best of; where they scatter, the device is at other work, too."""
    import torch

    def seconds(left: "torch.Tensor", right: "torch.Tensor") -> float:
        start = time.perf_counter()
        left @ right
        if device.type != "cpu":
            torch.accelerator.synchronize(device)
        return time.perf_counter() - start

    own = torch.Generator(device)  # the run's numbers are not to depend on what is measured

    def operands(size: int) -> "list[torch.Tensor]":
        # Not ones or zeros: a GPU multiplies those faster than anything real, since fewer bits change.
        return [torch.randn(size, size, device=device, dtype=dtype, generator=own) for _ in range(2)]

    size = 512
    matrices, rates = operands(size), list[float]()
    seconds(*matrices)  # the first call loads the library
    deadline = time.perf_counter() + 0.3
    while time.perf_counter() < deadline:
        elapsed = seconds(*matrices)
        rates.append(2 * size**3 / elapsed)
        # Larger products come closer to the peak; go on to the next size while one takes less than 10 ms.
        if elapsed < 0.01 and size < 8192:
            size *= 2
            matrices, rates = operands(size), []
            seconds(*matrices)
    return rates or [2 * size**3 / seconds(*matrices)]


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
