"""How good a model's answers for the texts of a file are: figures, files for people, and the lines of a table."""

from collections.abc import Sequence

from finetune.entity.answers import Answer
from finetune.entity.metrics import TypeScores, entity_metrics

METRICS = {
    "entity_f1": "entity F1",
    "entity_precision": "entity precision",
    "entity_recall": "entity recall",
    "entity_macro_f1": "entity macro F1",
    "char_f1": "character F1, without O",
    "klue_entity_f1": "KLUE entity F1",
    "klue_char_f1": "KLUE character F1",
}
"""The names of `metrics.json`, and those for people."""

EXPLANATION = (
    "An entity counts where its span and its type are right, text by text; macro F1 is the mean over the types. The two "
    "figures of KLUE are computed as KLUE-baseline does: macro F1 over all texts in one sequence without spaces, of "
    "entities, and of characters with O among the labels."
)

SCORE_HEADER = ("type", "precision", "recall", "F1", "entities", "found")


def labelled(answers: Sequence[Answer]) -> list[Answer]:
    """Those of texts whose entities are known."""
    return [answer for answer in answers if answer.text.entities is not None]


def metrics_of(answers: Sequence[Answer], types: Sequence[str]) -> dict[str, float]:
    """The figures of `metrics.json` over the labelled texts, as fractions."""
    return entity_metrics(labelled(answers), types)


def score_rows(scores: Sequence[TypeScores]) -> list[tuple[str, ...]]:
    """A line for each type, in percent."""
    return [
        (
            score.type,
            *(f"{100 * value:.1f}" for value in (score.precision, score.recall, score.f1)),
            f"{score.support:,}",
            f"{score.predicted:,}",
        )
        for score in scores
    ]
