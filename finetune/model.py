"""A fine-tuned model as a whole: encoder, tokenizer, head and what its outputs mean; on disk, and answering.

model/   config.json  model.safetensors           the encoder; transformers.AutoModel reads it
         vocab.txt  tokenizer.json  …             its tokenizer
         task.json                                the task, and all that its model is built of
         head.safetensors                         the head

Needs torch, tokenizers and safetensors: neither Lightning nor MLflow.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from bert_core.model import Bert
from bert_core.pretrained import from_pretrained, save_pretrained
from data.errors import DataError
from data.rows import RowT
from data.tokenizer import WordPiece
from experiment.machine import Machine
from experiment.memory import in_halves
from experiment.program import command
from experiment.run_directory import replacing
from finetune.batches import evaluation_batches
from finetune.encoder import CPU, TextEncoder

TASK_FILE, HEAD_FILE = "task.json", "head.safetensors"
FORMAT = 1
"""Of `task.json`; later ones are refused by name."""

FORMER_FILES = {
    "re": ("relation.json", "relation_head.safetensors"),
    "ner": ("entities.json", "entity_head.safetensors"),
}
"""What stood in place of the two files before there was a format, by task."""

Report = Callable[[int, int], None]
"""Is called with the rows that are done, and all of them."""


class Input(Protocol):
    """A row as the network reads it."""

    @property
    def length(self) -> int:
        """Its tokens."""
        ...

    @property
    def longest(self) -> int:
        """Tokens that are read at once."""
        ...


InputT = TypeVar("InputT", bound=Input)
AnswerT = TypeVar("AnswerT")
"""What the network says of one row."""


class TaskNetwork(nn.Module):
    """An encoder with a task's head."""

    bert: Bert
    head: nn.Module


class TaskModel(TextEncoder, ABC, Generic[RowT, InputT, AnswerT]):
    """A network with all that is needed to ask it.

    Args:
        network: the encoder with its head.
        wordpiece: its tokenizer.
        outputs: what its outputs stand for, in their order: relations, types of entities, labels.
    """

    task: ClassVar[str]
    """As --task has it."""

    network: TaskNetwork

    def __init__(self, network: TaskNetwork, wordpiece: WordPiece, outputs: Sequence[str]) -> None:
        super().__init__(network.bert, wordpiece)
        self.network, self.outputs = network, list(outputs)

    # ---- what a task fills in ----

    @abstractmethod
    def inputs(self, rows: Sequence[RowT]) -> list[InputT]:
        """The rows as the network reads them."""

    @abstractmethod
    def answers(self, inputs: Sequence[InputT], device: torch.device) -> list[AnswerT]:
        """Of one batch; the network is in evaluation, and gradients are off."""

    @abstractmethod
    def description(self) -> dict[str, Any]:
        """What `task.json` holds, beside task and format."""

    @classmethod
    @abstractmethod
    def described(cls, encoder: Bert, wordpiece: WordPiece, description: dict[str, Any]) -> Self:
        """A model as `description` tells, its head yet to be read.

        Raises:
            ValueError, KeyError, TypeError: the description does not tell.
        """

    @property
    def prior(self) -> np.ndarray | None:
        """What it would answer without reading, float64 [C]: the shares of the labels among the training rows. None where
        that is no answer."""
        return None

    def notes(self) -> list[str]:
        """What people should know of the rows that it has read, a sentence each."""
        return []

    def sizes(self) -> dict[str, int]:
        """What of it follows from the training rows, for `data_report.json` and the tracking store."""
        return {}

    def input_report(self) -> dict[str, Any]:
        """What it has met in the rows that it has read, for `data_report.json`."""
        return {}

    # ---- the same for all ----

    def to(self, machine: Machine) -> Self:
        """Moves the network to where it is to compute, in that precision."""
        self.network.to(machine.device)
        self.machine = machine
        return self

    def answer(
        self,
        inputs: Sequence[InputT],
        machine: Machine,
        *,
        share: tuple[int, int] = (0, 1),
        report: Report = lambda done, total: None,
    ) -> dict[int, AnswerT]:
        """The answers by row.

        Args:
            inputs: what is asked.
            machine: where the network is; its precision is used.
            share: this process and the number of processes: each answers for its part.
            report: is called after each batch.

        Raises:
            UsageError: a single row does not fit into the device's memory.
        """
        lengths = np.array([row.length for row in inputs], dtype=np.int64)
        found: dict[int, AnswerT] = {}
        was_training = self.network.training
        self.network.eval()

        def compute(rows: list[int]) -> list[AnswerT]:
            return self.answers([inputs[row] for row in rows], machine.device)

        try:
            with torch.inference_mode(), machine.autocast():
                batches = evaluation_batches(lengths)[share[0] :: share[1]]
                for rows, answers in in_halves(compute, batches, lengths, machine.device):
                    found.update(zip(rows, answers, strict=True))
                    report(len(found), len(inputs))
        finally:
            self.network.train(was_training)
        return found

    def ask(self, rows: Sequence[RowT], report: Report = lambda done, total: None) -> list[AnswerT]:
        """The answers for rows that are yet to be read."""
        inputs = self.inputs(rows)
        found = self.answer(inputs, self.machine, report=report)
        return [found[row] for row in range(len(inputs))]

    def save(self, directory: Path) -> None:
        """Writes the files named at the top, each whole or not at all."""
        save_pretrained(self.bert, directory)
        self.wordpiece.save(directory)
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in self.network.head.state_dict().items()}
        with replacing(directory / HEAD_FILE) as temporary:
            save_file(weights, temporary)
        description = {"format": FORMAT, "task": self.task} | self.description()
        with replacing(directory / TASK_FILE) as temporary:
            temporary.write_text(json.dumps(description, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, directory: Path, machine: Machine = CPU) -> Self:
        """Reads what `save` wrote, today's or an earlier version's.

        Raises:
            DataError, PretrainedError: the folder holds no model of the task, or a damaged one.
        """
        found = task_of(directory)
        if found != cls.task:
            other = f"a model of --task {found}" if found else f"no {TASK_FILE}"
            raise DataError(
                f"{directory} holds no model of --task {cls.task} ({other}); train one with "
                f"{command('run_finetune.py')} --task {cls.task}"
            )
        encoder, wordpiece = from_pretrained(Bert, directory), WordPiece.load(directory)
        path, head = directory / TASK_FILE, directory / HEAD_FILE
        if not path.is_file():
            path, head = (directory / name for name in FORMER_FILES[found])
        try:
            description = json.loads(path.read_text(encoding="utf-8"))
            model = cls.described(encoder, wordpiece, description)
            model.network.head.load_state_dict(load_file(head))
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            raise DataError(f"the model of --task {found} in {directory} is damaged ({error}); train it anew") from None
        return model.to(machine)


def task_of(directory: Path) -> str | None:
    """The task of the model in a folder, as --task has it; None where there is no fine-tuned model.

    Raises:
        DataError: `task.json` is damaged, or of a later version.
    """
    if not (directory / TASK_FILE).is_file():
        return next((task for task, (name, _) in FORMER_FILES.items() if (directory / name).is_file()), None)
    return str(read_description(directory)["task"])


def read_description(directory: Path) -> dict[str, Any]:
    """What `task.json` holds.

    Raises:
        DataError: it is damaged, or of a later version.
    """
    path = directory / TASK_FILE
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
        task, version = description["task"], description["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged ({error}); train the model anew") from None
    if not isinstance(task, str) or type(version) is not int:
        raise DataError(f"{path} is damaged (task {task!r}, format {version!r}); train the model anew")
    if version > FORMAT:
        raise DataError(f"{path} is of format {version}, and this version reads up to {FORMAT}; install a newer one")
    found: dict[str, Any] = description
    return found
