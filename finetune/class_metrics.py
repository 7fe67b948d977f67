"""How good answers are where each row has one label: micro- and macro-F1, accuracy and AUPRC, for all labels together and for
each.

Four rows, three labels, a probability for each:

    gold             no_relation  per:spouse  per:title     answer
    per:spouse           0.1         0.8         0.1        per:spouse     right
    per:spouse           0.2         0.5         0.3        per:spouse     right
    per:title            0.7         0.1         0.2        no_relation    missed
    no_relation          0.3         0.6         0.1        per:spouse     made up

    micro-F1    2 of 3 relations are found, 2 of 3 answers that name one are right                     66.7 %
    macro-F1    the mean of 80.0 % (per:spouse) and 0 % (per:title)                                    40.0 %
    accuracy    2 of 4 rows                                                                            50.0 %
    AUPRC       the mean of 25.0 % (no_relation), 79.2 % (per:spouse) and 25.0 % (per:title)           43.1 %

"no_relation" is the negative label here: an answer that is wrong costs twice where it names a relation instead of another one
(one is missed, one is made up), once where either is no_relation, and no_relation rightly given earns nothing. Both
figures of KLUE's table are these, as percentages (micro-F1 and AUPRC; Park et al. 2021, https://arxiv.org/abs/2105.09680).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ClassScores:
    """One label's figures, as fractions; its row of `relations.csv` or `labels.csv`."""

    label: str
    precision: float
    """Right answers among those that name it; 0 where none does."""
    recall: float
    """Right answers among its rows; 0 where it has none."""
    f1: float
    support: int
    """Rows with this gold label."""
    predicted: int
    """Rows with this answer."""
    auprc: float | None
    """Its part of the mean that is the AUPRC; None where the model does not know the label, so that it has none."""


def class_metrics(
    probabilities: np.ndarray, gold: Sequence[str], labels: Sequence[str], negative: str | None = None
) -> dict[str, float]:
    """The figures of `metrics.json`, as fractions from 0 to 1.

    micro_f1: over the answers of all rows, `negative` left out, as KLUE counts it. Where no row and no label is called
        `negative`, over all labels; it is the accuracy then.
    macro_f1: unweighted mean of the F1 of all labels but `negative`. A label that is neither among the rows nor among the
        answers counts as 0, as in scikit-learn where labels are listed.
    accuracy: right answers among all rows, `negative` included.
    auprc: area under the precision-recall curve, by trapezoids, meaned over all the model's labels, `negative` included, as
        KLUE counts it. A label without a row adds 0.5, which is the area between scikit-learn's two points for it; so
        figures compare only where the rows are the same.

    A gold label that the model does not know is missed: it counts against micro-F1, macro-F1 and accuracy like a label
    that is never answered. To AUPRC such a row is one that no label should rank high; a curve of its own it cannot have.

    Args:
        probabilities: of each label for each row, [N, C]; the answer is the highest, the first of equal ones.
        gold: the right label of each row.
        labels: the columns' names.
        negative: the label that says that there is nothing; None where no label does.

    Raises:
        ValueError: there are no rows, shapes do not fit, labels repeat, or a probability is not finite.
    """
    count = _Count(probabilities, gold, labels)
    counted = np.array([name != negative for name in count.names])
    right, predicted, support = (part[counted] for part in (count.right, count.predicted, count.support))
    f1 = _ratio(2 * right, predicted + support)
    return {
        "micro_f1": float(_ratio(2 * right.sum(), (predicted + support).sum())),
        "macro_f1": float(f1.mean()) if len(f1) else 0.0,
        "accuracy": float(count.right.sum() / len(gold)),
        "auprc": float(np.mean(count.areas())),
    }


def class_scores(probabilities: np.ndarray, gold: Sequence[str], labels: Sequence[str]) -> list[ClassScores]:
    """Each label's figures, the one with most rows first; equal ones in the order of the labels.

    Gold labels that the model does not know have a row, too. The mean of the AUPRC column is `class_metrics`'.

    Raises:
        ValueError: as `class_metrics`.
    """
    count = _Count(probabilities, gold, labels)
    areas = [*count.areas(), *[None] * (len(count.names) - len(labels))]
    precision = _ratio(count.right, count.predicted)
    recall = _ratio(count.right, count.support)
    f1 = _ratio(2 * count.right, count.predicted + count.support)
    return [
        ClassScores(
            count.names[i],
            float(precision[i]),
            float(recall[i]),
            float(f1[i]),
            int(count.support[i]),
            int(count.predicted[i]),
            areas[i],
        )
        for i in np.argsort(-count.support, kind="stable")
    ]


def precision_recall(scores: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """The curve of one label: recall and precision at each threshold, and the area below it.

    Args:
        scores: the label's probability for each row, [N].
        positive: whether the row has this label, bool [N]. Without any, the curve is scikit-learn's: precision 0 at
            recall 1, precision 1 at recall 0, area 0.5.
    """
    if not positive.any():
        return np.array([1.0, 0.0]), np.array([0.0, 1.0]), 0.5
    from sklearn.metrics import auc, precision_recall_curve  # takes a second to import, which no --help should wait for

    precision, recall, _ = precision_recall_curve(positive, scores)
    return recall, precision, float(auc(recall, precision))


class _Count:
    """Rows by gold label and answer.

    Args: as `class_metrics`.
    """

    def __init__(self, probabilities: np.ndarray, gold: Sequence[str], labels: Sequence[str]) -> None:
        if probabilities.shape != (len(gold), len(labels)):
            raise ValueError(
                f"{len(gold)} rows and {len(labels)} labels need probabilities of shape "
                f"({len(gold)}, {len(labels)}), not {probabilities.shape}"
            )
        if not probabilities.size:
            raise ValueError("there are no rows to measure, or no labels")
        if len(set(labels)) < len(labels):
            raise ValueError("a label occurs twice among the labels")
        if not np.isfinite(probabilities).all():
            raise ValueError(f"row {np.argmin(np.isfinite(probabilities).all(1))} has a probability that is not finite")
        self.probabilities = probabilities
        self.known = len(labels)
        self.names = list(dict.fromkeys([*labels, *gold]))
        """The labels, then those that only rows have."""
        number = {name: index for index, name in enumerate(self.names)}
        self.gold = np.array([number[label] for label in gold])
        answers = probabilities.argmax(1)
        self.right = np.bincount(self.gold[self.gold == answers], minlength=len(self.names))
        self.predicted = np.bincount(answers, minlength=len(self.names))
        self.support = np.bincount(self.gold, minlength=len(self.names))

    def areas(self) -> list[float]:
        """Below the curve of each label that the model knows."""
        return [precision_recall(self.probabilities[:, i], self.gold == i)[2] for i in range(self.known)]


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, and 0 where both are 0."""
    return part / np.maximum(whole, 1)
