"""How a run begins: its directory, new or gone on with."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch

from experiment.console import Console
from experiment.distributed import process_rank, processes
from experiment.environment import cpu_cores
from experiment.errors import UsageError
from experiment.options import changes_on_resume, parse, write_yaml
from experiment.resume import Beginning, begin
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
    beginning: Beginning

    @property
    def checkpoint(self) -> Path | None:
        """To go on from; None for a run that begins."""
        return self.beginning.checkpoint

    @property
    def how(self) -> Literal["new", "anew", "resumed", "finished"]:
        return self.beginning.how

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> None:
        self.beginning.release()


def open_run(config: PretrainConfig) -> Run:
    """The directory of a new run, or of the one to go on with; its configuration is complete from here on.

    A `finished` one is for whoever asked by name to have it (`--resume auto --name N`): there is nothing to do.

    The run is locked until the end of a `with` on it.

    Raises:
        UsageError: there is no such run, it is finished, another process is at work in it, or it was given other options.
    """
    console = Console(quiet=process_rank() != 0)
    if config.resume is None:
        config = config.resolved()  # refuses what does not fit together before there is a folder
    beginning = begin(config.output_dir, KIND, name=config.name, resume=config.resume)
    try:
        for note in beginning.notes:
            console.note(note)
        return Run(_complete(config, beginning), beginning.directory, console, beginning)
    except BaseException:
        if beginning.how == "new" and process_rank() == 0:
            shutil.rmtree(beginning.directory.path)
        beginning.release()
        raise


def _complete(config: PretrainConfig, beginning: Beginning) -> PretrainConfig:
    """The configuration of the run, saved in its folder."""
    directory = beginning.directory
    if beginning.how == "finished" and config.resume != "auto":
        raise UsageError(
            f"{directory.path} is finished; to go on from what it learnt, start a new run with --init_from {directory.model}"
        )
    if beginning.how == "new":
        config = replace(config, resume=None).resolved()
    else:
        config = _merge(parse(PretrainConfig, ["--config", str(directory.config)], description=""), config)
    if process_rank() == 0:
        if beginning.how == "anew":
            directory.history.unlink(missing_ok=True)
        if beginning.how != "finished":
            write_yaml(config, directory.config)
    return config


def _merge(saved: PretrainConfig, given: PretrainConfig) -> PretrainConfig:
    """The configuration of the run that is gone on with, with what was given anew."""
    changes = changes_on_resume(saved, replace(given, name=saved.name), CHANGEABLE)
    if "max_steps" in changes or "max_minutes" in changes:
        changes = {"max_steps": None, "max_minutes": None} | changes
    return replace(saved, **(changes | {"output_dir": saved.output_dir, "resume": None})).resolved()


def loader_processes(config: PretrainConfig) -> int:
    """Loader processes a device: what training leaves of the cores, eight at the most."""
    if config.workers is not None:
        return config.workers
    own = processes()
    devices = own.local_world_size if own.are_started else config.devices or max(1, torch.cuda.device_count())
    return min(8, max(1, cpu_cores() // devices - 1)) if cpu_cores() > 1 else 0
