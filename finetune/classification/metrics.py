"""How good predicted numbers are: the correlations by which KorSTS and KLUE-STS are measured, and KLUE-STS's F1.

Four pairs of sentences, scored from 0 (unrelated) to 5 (the same):

    gold         0.0    2.0    4.0    5.0
    answer       1.0    1.5    3.5    2.5

    Pearson      deviations from the means -2.75 -0.75 1.25 2.25 and -1.125 -0.625 1.375 0.375:
                 6.125 / √14.75 / √3.6875                                                         83.1 %
    Spearman     Pearson's of the ranks 1 2 3 4 and 1 2 4 3                                       80.0 %
    F1 at 3      one pair is answered with 3 or more, and rightly, of two that have it            66.7 %

Whether answers are as high as they should be is not seen by a correlation: twice the answers correlate as well. Classes are
measured in `finetune.class_metrics`.
"""

import numpy as np

THRESHOLD = 3.0
"""At which KLUE calls two sentences the same (Park et al. 2021, https://arxiv.org/abs/2105.09680)."""


def number_metrics(gold: np.ndarray, answers: np.ndarray) -> dict[str, float]:
    """The figures of `metrics.json`, the correlations from -1 to 1 and F1 from 0 to 1.

    pearson: of gold numbers and answers.
    spearman: Pearson's of their ranks, equal numbers sharing the mean of theirs.
    f1_at_3: of calling a pair the same, which is a number of 3 or more, as KLUE counts it. Only there where the gold numbers are on
        its scale: from 0 to 5, some below 1 and some above 4. Shares (0 … 1) and marks (1 … 5) are not.

    Both correlations are 0 where all answers or all gold numbers are equal, which leaves them undefined: who answers with one number
    for every row knows nothing of the rows. So 0 is what a guess scores.

    Args:
        gold: the right number of each row, [N].
        answers: of each row, [N].

    Raises:
        ValueError: there are no rows, shapes do not fit, or a number is not finite.
    """
    if answers.shape != gold.shape or answers.ndim != 1 or not len(answers):
        raise ValueError(
            f"answers of shape {answers.shape} do not fit gold numbers of shape {gold.shape}: give [N], N > 0"
        )
    if not (finite := np.isfinite(answers) & np.isfinite(gold)).all():
        raise ValueError(f"row {np.argmin(finite)} has a number that is not finite")
    from scipy.stats import rankdata  # takes a second to import, which no --help should wait for

    metrics = {"pearson": _pearson(gold, answers), "spearman": _pearson(rankdata(gold), rankdata(answers))}
    if 0 <= gold.min() < 1 and 4 < gold.max() <= 5:  # no file says what its numbers mean
        same, answered = gold >= THRESHOLD, answers >= THRESHOLD
        metrics["f1_at_3"] = float(2 * (same & answered).sum() / (same.sum() + answered.sum()))
    return metrics


def _pearson(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's correlation in double precision, 0 where either is constant."""
    deviations = []
    for numbers in (one.astype(np.float64), other.astype(np.float64)):
        spread = np.ptp(numbers)
        if not spread:
            return 0.0  # deviations from the mean would be rounding errors, which correlate with anything
        numbers = numbers / spread
        numbers -= numbers.mean()
        deviations.append(numbers / np.linalg.norm(numbers))
    return float(np.clip(deviations[0] @ deviations[1], -1, 1))
