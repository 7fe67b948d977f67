"""What a relation extraction run can be asked for, beside what all fine-tuning shares."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from experiment.options import option
from finetune.config import FineTuneConfig

MarkerScheme = Literal[
    "entity_mask", "entity_marker", "entity_marker_punct", "typed_entity_marker", "typed_entity_marker_punct", "none"
]
EntityLayer = Literal["split", "shared"]
Concat = Literal[
    "cls,e1,e2",
    "cls,e1,e2,e1*e2",
    "cls,e1,e2,|e1-e2|",
    "cls,e1,e2,e1*e2,|e1-e2|",
    "cls*e1,cls*e2",
    "cls*e1,cls*e2,e1*e2",
    "e1,e2",
    "cls",
]
EntityPooling = Literal["mean", "start", "start_end"]
ClsInput = Literal["pooler", "hidden"]
Activation = Literal["tanh", "gelu"]
LossKind = Literal["cross_entropy", "focal"]
ClassWeights = Literal["none", "balanced", "sqrt"]


@dataclass(frozen=True)
class RelationConfig(FineTuneConfig):
    """A whole run; the docstring under each field is its help text."""

    task: Literal["re"] = option("re", "Task")
    """Relation extraction."""

    relation_list: Path | None = option(None, "Data", "FILE")
    """The labels and their order, as KLUE's relation_list.json; from the training rows when left out."""
    negative_label: str = option("no_relation", "Data", "LABEL")
    """The label that says there is none; micro-F1 leaves it out, as KLUE does."""

    markers: MarkerScheme = option("typed_entity_marker_punct", "Input", "SCHEME")
    """How the entities are marked: entity_mask, entity_marker, entity_marker_punct, typed_entity_marker,
    typed_entity_marker_punct or none."""
    query: bool = option(False, "Input")
    """Ask for the relation in a second segment: A와 B의 관계는?"""
    max_length: int | None = option(None, "Input")
    """Tokens of a row at the most. A longer sentence loses what is far from both entities. 256, or the checkpoint's
    positions if they are fewer, when left out."""

    entity_layer: EntityLayer = option("split", "Head")
    """A layer of its own for subject and object, or one for both (as in the paper)."""
    concat: Concat = option("cls,e1,e2", "Head", "TERMS")
    """What the classifier sees: cls,e1,e2 · cls,e1,e2,e1*e2 · cls,e1,e2,|e1-e2| · cls,e1,e2,e1*e2,|e1-e2| ·
    cls*e1,cls*e2 · cls*e1,cls*e2,e1*e2 · e1,e2 · cls."""
    entity_pooling: EntityPooling = option("mean", "Head")
    """An entity is the mean of its tokens, its opening marker, or both its markers side by side."""
    cls: ClsInput = option("hidden", "Head")
    """What stands for the sentence: the pooler's output, or the hidden state of [CLS]."""
    activation: Activation = option("tanh", "Head")
    """Of the head's layers."""
    hierarchical: bool = option(False, "Head")
    """Decide first on the group (no_relation, org, per: what stands before the colon), then on the relation within it."""

    loss: LossKind = option("cross_entropy", "Loss")
    """What is minimised."""
    label_smoothing: float = option(0.0, "Loss")
    """Share of each label's weight that is spread over all labels."""
    focal_gamma: float = option(2.0, "Loss")
    """How much the focal loss turns away from rows that are right already."""
    class_weights: ClassWeights = option("none", "Loss")
    """Weigh rows by the inverse frequency of their label (balanced), or by its square root (sqrt)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.loss == "focal" and self.label_smoothing:
            raise ValueError("--loss focal wants hard labels, but --label_smoothing softens them; give one of them")
        if self.markers == "none" and self.entity_pooling != "mean":
            raise ValueError(
                f"--entity_pooling {self.entity_pooling} looks at the markers, but --markers none sets none"
            )
        if self.concat == "cls" and self.entity_pooling != "mean":
            raise ValueError(f"--concat cls leaves the entities out; --entity_pooling {self.entity_pooling} needs them")
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"--label_smoothing must lie at 0 or above and below 1, not {self.label_smoothing}")
        if self.focal_gamma < 0:
            raise ValueError(f"--focal_gamma must be at least 0, not {self.focal_gamma}")
