"""What a relation classifier minimises, one loss a row, computed of log-probabilities.

A row whose label is per:title and whose head says

    no_relation 0.2   per:title 0.7   per:alias 0.1

costs, with C = 3 relations,

    cross entropy                    −log 0.7                                               0.357
    label smoothing of 0.1           −0.9 log 0.7 − 0.1 · (log 0.2 + log 0.7 + log 0.1) / 3  0.463
    focal loss with γ = 2            −(1 − 0.7)² log 0.7                                    0.032

and so many times that if its label has a weight. Log-probabilities and not logits, because a hierarchical head has no logits
of its relations.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from finetune.relation.config import ClassWeights, LossKind


class RelationLoss(nn.Module):
    """Cross entropy, with or without label smoothing (Szegedy et al. 2016), or focal loss (Lin et al. 2017).

    Args:
        kind: which of the two.
        label_smoothing: share ε of each row's target that is spread evenly over all C labels, its own among them.
        focal_gamma: γ; the larger, the less count rows that are right already. 0 is cross entropy.
        class_weights: [C]; a row's loss is multiplied by the weight of its label. None for 1 throughout.

    Raises:
        ValueError: focal loss with label smoothing; it is defined for one right label only.
    """

    class_weights: Tensor | None

    def __init__(
        self, kind: LossKind, *, label_smoothing: float, focal_gamma: float, class_weights: Tensor | None
    ) -> None:
        super().__init__()
        if kind == "focal" and label_smoothing:
            raise ValueError("the focal loss is defined for hard labels; set label_smoothing to 0 or use cross_entropy")
        self.kind, self.label_smoothing, self.focal_gamma = kind, label_smoothing, focal_gamma
        # A buffer, so that it moves to the device; not saved, as it belongs to the training rows and not to the model.
        self.register_buffer("class_weights", class_weights, persistent=False)

    def forward(self, log_probs: Tensor, labels: Tensor) -> Tensor:
        """The loss of each row: log-probabilities [B, C] and labels int64 [B] → [B]."""
        log_right = log_probs.gather(1, labels[:, None]).squeeze(1)  # [B]
        if self.kind == "focal":
            # Kept above 0, where the power has no derivative for γ < 1; expm1 is exact for rows that are nearly right.
            wrong = (-torch.expm1(log_right)).clamp_min(torch.finfo(log_right.dtype).tiny)
            losses = -(wrong**self.focal_gamma) * log_right
        else:
            losses = -((1 - self.label_smoothing) * log_right + self.label_smoothing * log_probs.mean(1))
        return losses if self.class_weights is None else losses * self.class_weights[labels]


def balanced_weights(counts: Sequence[int], kind: ClassWeights) -> Tensor | None:
    """A weight for each label, such that the mean weight of the training rows is 1 and the learning rate keeps its meaning.

    A label without a training row is weighted as if it had one, so that rows of it can still be evaluated.

    Args:
        counts: training rows of each label.
        kind: balanced, in proportion to 1 / count, so that all labels weigh the same together; sqrt, in proportion to
            1 / √count, half way to that; none gives None.

    Returns:
        fp32 [C]

    Raises:
        ValueError: no training row at all.
    """
    if kind == "none":
        return None
    rows = torch.tensor(counts, dtype=torch.float64)
    if not rows.sum():
        raise ValueError("class weights need training rows to count, but there are none")
    weights = rows.clamp_min(1) ** (-1.0 if kind == "balanced" else -0.5)
    return (weights * rows.sum() / (weights @ rows)).float()
