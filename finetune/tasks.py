"""The one list of tasks: their configurations, and where what belongs to each is found. Imports nothing heavy, so that `--help`
answers at once."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from experiment.errors import UsageError
from experiment.options import flag_value
from finetune.classification.config import ClassificationConfig
from finetune.entity.config import EntityConfig
from finetune.relation.config import RelationConfig

if TYPE_CHECKING:
    from finetune.classification.model import ClassificationModel
    from finetune.entity.model import EntityModel
    from finetune.relation.model import RelationModel

TaskConfig = RelationConfig | EntityConfig | ClassificationConfig

CONFIGS: dict[str, type[TaskConfig]] = {
    "re": RelationConfig,
    "ner": EntityConfig,
    "classification": ClassificationConfig,
}


def config_class(argv: Sequence[str]) -> type[TaskConfig]:
    """The options of the task that a command line names, by --task or in the file of --config.

    Raises:
        UsageError: it names none, or one that there is not.
    """
    name = flag_value("task", argv)
    if name is None and {"-h", "--help"} & set(argv):
        name = next(iter(CONFIGS))
    if name is None:
        raise UsageError(
            "--task is needed: re for relations, ner for named entities, classification for labels of texts or pairs."
        )
    if name not in CONFIGS:
        raise UsageError(f"--task needs {', '.join(list(CONFIGS)[:-1])} or {list(CONFIGS)[-1]}, not '{name}'.")
    return CONFIGS[name]


def model_class(name: str) -> "type[RelationModel | EntityModel | ClassificationModel]":
    """The model of a task; imports torch, but nothing that only training needs."""
    match name:
        case "re":
            from finetune.relation.model import RelationModel

            return RelationModel
        case "ner":
            from finetune.entity.model import EntityModel

            return EntityModel
        case "classification":
            from finetune.classification.model import ClassificationModel

            return ClassificationModel
    raise UsageError(f"there is no task {name}; there are {', '.join(CONFIGS)}")
