"""How a run begins: its directory, new or resumed."""

import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from experiment.console import Console
from experiment.distributed import from_main, process_rank
from experiment.environment import cpu_cores
from experiment.errors import UsageError
from experiment.options import changes_on_resume, parse, write_yaml
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


def open_run(config: PretrainConfig) -> Run:
    """The directory of a new run, or of the one to go on with; its configuration is complete from here on."""
    console = Console(quiet=process_rank() != 0)
    if config.resume is None:
        config = config.resolved()
        directory = RunDirectory(
            Path(from_main(lambda: str(RunDirectory.create(config.output_dir, KIND, config.name).path)))
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
    changes = changes_on_resume(saved, given, CHANGEABLE)
    if "max_steps" in changes or "max_minutes" in changes:
        changes = {"max_steps": None, "max_minutes": None} | changes
    return replace(saved, **(changes | {"output_dir": saved.output_dir, "resume": None})).resolved()


def _whole_checkpoint(directory: RunDirectory, console: Console) -> Path:
    """The newest checkpoint that was written to its end: a run that was killed while it saved leaves half of one."""
    found = sorted(directory.checkpoints.glob("*.ckpt"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in found:
        if path.is_dir() or zipfile.is_zipfile(path):
            return path
        console.warning(f"{path} is incomplete and is passed over.")
    raise UsageError(f"{directory.path} has no checkpoint to go on from; start a new run")


def loader_processes(config: PretrainConfig) -> int:
    """Loader processes a device: what training leaves of the cores, eight at the most."""
    if config.workers is not None:
        return config.workers
    devices = config.devices or max(1, torch.cuda.device_count())
    return min(8, max(1, cpu_cores() // devices - 1)) if cpu_cores() > 1 else 0
