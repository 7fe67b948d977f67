"""The tasks there are, by the name that --task has for them. Imports nothing heavy, so that `--help` answers at once."""

from collections.abc import Sequence

from experiment.errors import UsageError
from experiment.options import flag_value
from finetune.entity.config import EntityConfig
from finetune.relation.config import RelationConfig

TaskConfig = RelationConfig | EntityConfig

CONFIGS: dict[str, type[RelationConfig] | type[EntityConfig]] = {"re": RelationConfig, "ner": EntityConfig}


def config_class(argv: Sequence[str]) -> type[RelationConfig] | type[EntityConfig]:
    """The options of the task that a command line names, by --task or in the file of --config.

    Raises:
        UsageError: it names none, or one that there is not.
    """
    name = flag_value("task", argv)
    if name is None and {"-h", "--help"} & set(argv):
        name = next(iter(CONFIGS))
    if name is None:
        raise UsageError("--task is needed: re for relations, ner for named entities.")
    if name not in CONFIGS:
        raise UsageError(f"--task needs {' or '.join(CONFIGS)}, not '{name}'.")
    return CONFIGS[name]
