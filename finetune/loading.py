"""`load`: from the folder of a run to a model that answers. Imports neither Lightning nor MLflow."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

import torch

from bert_core.model import Bert
from bert_core.pretrained import CONFIG_FILE, from_pretrained
from data.tokenizer import WordPiece
from experiment.errors import UsageError
from experiment.machine import Machine
from finetune.encoder import TextEncoder
from finetune.model import task_of
from finetune.tasks import model_class

if TYPE_CHECKING:
    from finetune.classification.model import ClassificationModel
    from finetune.entity.model import EntityModel
    from finetune.relation.model import RelationModel

    AnyModel = RelationModel | EntityModel | ClassificationModel | TextEncoder


@overload
def load(path: str | Path, *, task: Literal["re"], device: str = "auto") -> "RelationModel": ...
@overload
def load(path: str | Path, *, task: Literal["ner"], device: str = "auto") -> "EntityModel": ...
@overload
def load(path: str | Path, *, task: Literal["classification"], device: str = "auto") -> "ClassificationModel": ...
@overload
def load(path: str | Path, *, task: Literal["encoder"], device: str = "auto") -> TextEncoder: ...
@overload
def load(path: str | Path, *, task: None = None, device: str = "auto") -> "AnyModel": ...


def load(path: str | Path, *, task: str | None = None, device: str = "auto") -> "AnyModel":
    """The model of a run, or of a model folder: ours or any BERT's.

    Args:
        path: a fine-tuned run, a pretraining run, or the folder of a model.
        task: what is expected there (re, ner, classification, or encoder for the vectors alone), which also tells a type
            checker what comes; whatever there is, when left out.
        device: auto (a GPU, if there is one), cpu, cuda, cuda:1, mps.

    Returns:
        A model with `predict`, where the run was fine-tuned, and `encode` in any case.

    Raises:
        UsageError: there is no model, or not of this task, or no such device.
        DataError, PretrainedError: it is damaged.
    """
    path = Path(path)
    folder = path if (path / CONFIG_FILE).is_file() else path / "model"
    if not (folder / CONFIG_FILE).is_file():
        runs = sorted(file.parent.parent for file in (path / "runs").glob(f"*/model/{CONFIG_FILE}"))
        there = (
            f"several models; name one, such as {runs[0]}" if runs else "no model; name a run, or a folder with a model"
        )
        raise UsageError(f"{path} holds {there}")
    machine, found = Machine(_device(device), "32-true"), task_of(folder)
    if task not in (None, "encoder", found):
        raise UsageError(
            f"{path} holds {f'a model of task {found}' if found else 'no fine-tuned model'}, not of {task}"
        )
    if found is None or task == "encoder":
        encoder = TextEncoder(from_pretrained(Bert, folder).to(machine.device), WordPiece.load(folder), machine)
        encoder.bert.eval()
        return encoder
    model = model_class(found).load(folder, machine)
    model.network.eval()
    return model


def _device(name: str) -> torch.device:
    there = torch.accelerator.is_available()
    if name == "auto":
        return torch.device(torch.accelerator.current_accelerator() or "cpu") if there else torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"there is no device {name}; give auto, cpu, cuda, cuda:1 or mps") from None
    current = torch.accelerator.current_accelerator() if there else None
    if device.type != "cpu" and (current is None or current.type != device.type):
        raise UsageError(f"this machine shows no {device.type} to PyTorch; give cpu or auto")
    if device.index is not None and there and device.index >= torch.accelerator.device_count():
        raise UsageError(f"there is no {name}; PyTorch sees {torch.accelerator.device_count()}")
    return device
