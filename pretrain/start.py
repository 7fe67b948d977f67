"""How a run begins: its directory, new or resumed, and the machine that it runs on."""

import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from bert_core.attention import AttentionPath, choose_path
from experiment.console import Console
from experiment.environment import agree, cpu_cores, matmul_rate, process_rank, supports_bf16
from experiment.errors import UsageError
from experiment.options import parse, write_yaml
from experiment.run_directory import RunDirectory
from pretrain.config import CHANGEABLE, PretrainConfig

KIND = "pretrain"


@dataclass(frozen=True)
class Run:
    """What all stages of a run share."""

    config: PretrainConfig
    """Complete: nothing is left to the preset."""
    directory: RunDirectory
    console: Console
    checkpoint: Path | None
    """To go on from; None for a new run."""


@dataclass(frozen=True)
class Machine:
    """Where a run computes."""

    device: torch.device
    precision: str
    """In Lightning's words: 32-true, bf16-mixed, 16-mixed."""
    matmul_rate: float
    """FLOP/s of a plain matrix product on one device in this precision, measured at the start."""
    workers: int
    """Loader processes a device."""

    def attention(self, dropout: float) -> AttentionPath:
        """The path that attention takes in training."""
        return choose_path(self.device, _DTYPES[self.precision], dropout)


_DTYPES = {"32-true": torch.float32, "bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}


def choose_machine(config: PretrainConfig) -> Machine:
    """The device, precision and loader processes of a run.

    Raises:
        UsageError: the accelerator is not there, or not known.
    """
    device, precision = _device(config)
    return Machine(device, precision, matmul_rate(device, _DTYPES[precision]), _workers(config))


def open_run(config: PretrainConfig) -> Run:
    """The directory of a new run, or of the one to go on with; its configuration is complete from here on."""
    console = Console(quiet=process_rank() != 0)
    if config.resume is None:
        config = config.resolved()
        directory = RunDirectory(
            Path(agree(lambda: str(RunDirectory.create(config.output_dir, KIND, config.name).path)))
        )
        if process_rank() == 0:
            write_yaml(config, directory.config)
        return Run(config, directory, console, None)

    directory = (
        RunDirectory.find_resumable(config.output_dir, KIND)
        if config.resume == "auto"
        else RunDirectory.open(Path(config.resume))
    )
    if directory.finished:
        raise UsageError(
            f"{directory.path} is finished; to go on from what it learnt, start a new run with --init_from {directory.model}"
        )
    if not directory.config.is_file():
        raise UsageError(f"{directory.path} has no config.yaml to go on with; start a new run")
    saved = parse(PretrainConfig, ["--config", str(directory.config)], description="")
    checkpoint = _whole_checkpoint(directory, console)
    config = _merge(saved, config)
    if process_rank() == 0:
        write_yaml(config, directory.config)
    return Run(config, directory, console, checkpoint)


def _merge(saved: PretrainConfig, given: PretrainConfig) -> PretrainConfig:
    """The configuration of the run that is resumed, with what was given anew."""
    default = PretrainConfig()
    changes = {name: value for name, value in vars(given).items() if value != getattr(default, name)}
    for name, value in changes.items():
        if name not in CHANGEABLE and value != getattr(saved, name):
            raise UsageError(
                f"--resume goes on with the run's own configuration, in which {name} is {getattr(saved, name)}; "
                f"leave out --{name}, or start a new run"
            )
    if "max_steps" in changes or "max_minutes" in changes:
        changes = {"max_steps": None, "max_minutes": None} | changes
    return replace(saved, **(changes | {"output_dir": saved.output_dir, "resume": None}))


def _whole_checkpoint(directory: RunDirectory, console: Console) -> Path:
    """The newest checkpoint that was written to its end: a run that was killed while it saved leaves half of one."""
    found = sorted(directory.checkpoints.glob("*.ckpt"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in found:
        if path.is_dir() or zipfile.is_zipfile(path):
            return path
        console.warning(f"{path} is incomplete and is passed over.")
    raise UsageError(f"{directory.path} has no checkpoint to go on from; start a new run")


def _device(config: PretrainConfig) -> tuple[torch.device, str]:
    """The kind of device that Lightning will take, and the precision in its words."""
    name = config.accelerator
    if name in ("auto", "gpu"):
        gpu = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else None
        if gpu is None and name == "gpu":
            raise UsageError(
                "--accelerator gpu: this machine shows no GPU to PyTorch; leave it out to train on the CPU"
            )
        name = gpu or "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"--accelerator {name} is not known; choose auto, cpu, gpu, cuda or mps") from None
    if config.precision == "auto":
        return device, "bf16-mixed" if supports_bf16(device) else "32-true"
    return device, {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}[config.precision]


def _workers(config: PretrainConfig) -> int:
    """Loader processes a device: what training leaves of the cores, eight at the most."""
    if config.workers is not None:
        return config.workers
    devices = config.devices or max(1, torch.cuda.device_count())
    return min(8, max(1, cpu_cores() // devices - 1)) if cpu_cores() > 1 else 0
