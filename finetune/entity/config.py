"""What a run on named entities can be asked for, beside what all fine-tuning shares."""

from dataclasses import dataclass
from typing import Literal

from experiment.options import option
from finetune.config import FineTuneConfig

Unit = Literal["both", "subword", "character"]


@dataclass(frozen=True)
class EntityConfig(FineTuneConfig):
    """The options of `--task ner`; the docstring under each field is its help text."""

    task: Literal["ner"] = option("ner", "Task")
    """Named entities, character by character."""

    unit: Unit = option("both", "Input")
    """both: subwords are read, characters are tagged; subword: subwords are tagged; character: characters are read and
    tagged."""
    max_length: int | None = option(None, "Input")
    """Tokens of a window at the most; a longer sentence is read in overlapping windows. 256, or the checkpoint's positions
    if they are fewer, when left out."""

    crf: bool = option(True, "Head")
    """A CRF over the tags. --no_crf trains every tag for itself; what BIO forbids is never answered either way."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_length is not None and self.max_length < SHORTEST_WINDOW:
            raise ValueError(f"--max_length {self.max_length} is too short for windows; give {SHORTEST_WINDOW} or more")


SHORTEST_WINDOW = 8
