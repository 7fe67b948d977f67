"""What predicting has in common for all tasks: which models answer, and where their answers go."""

from collections.abc import Sequence
from pathlib import Path

from experiment.errors import UsageError
from finetune.config import FineTuneConfig


def model_folders(path: Path, description_file: str, name: str) -> list[Path]:
    """The folders of a run's models: its own, or those of the runs that it consists of.

    Args:
        path: a run, a folder with a model, or a sweep, a series of seeds, a cross-validation.
        description_file: what every model of the task has.
        name: of the task.

    Raises:
        UsageError: there is none.
    """
    for folder in (path, path / "model"):
        if (folder / description_file).is_file():
            return [folder]
    found = sorted(file.parent for file in (path / "runs").glob(f"*/model/{description_file}"))
    if not found:
        raise UsageError(
            f"{path} holds no fine-tuned model of --task {name}; name a run of run_finetune.py --task {name}, or train one"
        )
    return found


def beside(path: Path, end: str) -> Path:
    """The path of a file that belongs to the predictions at `path`."""
    return path.with_name(f"{path.stem}_{end}")


def default_path(config: FineTuneConfig, named: Sequence[Path], suffix: str) -> Path:
    """Where predictions go when nobody says: into the run that makes them, or, of several, beside all runs."""
    assert config.predict is not None
    folder = config.output_dir if config.ensemble else named[0]
    return folder / "predictions" / f"{config.predict.stem}{suffix}"
