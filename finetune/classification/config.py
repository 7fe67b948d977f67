"""What a classification run can be asked for, beside what all fine-tuning shares."""

from dataclasses import dataclass
from typing import Literal

from experiment.options import option
from finetune.config import FineTuneConfig


@dataclass(frozen=True)
class ClassificationConfig(FineTuneConfig):
    """The options of `--task classification`; the docstring under each field is its help text."""

    task: Literal["classification"] = option("classification", "Task")
    """A label for a text or a pair of texts, or a number."""

    text: str | None = option(None, "Data", "COLUMN")
    """Column of the text; recognised by its name (document, title, premise, sentence1, …) when left out."""
    text_pair: str | None = option(None, "Data", "COLUMN")
    """Column of the second text; recognised (hypothesis, sentence2, question2) when left out, unless --text is given."""
    label: str | None = option(None, "Data", "COLUMN")
    """Column of the label; recognised (label, gold_label, score, …) when left out."""
    regression: bool | None = option(None, "Data")
    """Predict the label as a number; when left out, where labels of the training file are numbers and not all whole."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.regression and not (self.train_file or self.predict or self.resume):
            raise ValueError(
                "--regression needs numbers to learn from, and the built-in sample has classes; give --train_file"
            )
        if self.text_pair and not self.text:
            raise ValueError("--text_pair names the second text; name the first one, too, with --text")
