"""Found entities as files: `predictions.jsonl`, and `errors.csv` and `entities.csv` for people.

    predictions.jsonl   {"id": "a-17", "text": "김다온은 새솔대학교를 세웠다.",
                         "entities": [{"start": 0, "end": 3, "type": "PS", "surface": "김다온", "score": 0.98}],
                         "gold": [{"start": 0, "end": 3, "type": "PS"}, {"start": 5, "end": 10, "type": "OG"}]}
    errors.csv          id,gold,answer,kinds,score
                        a-17,<김다온:PS>은 <새솔대학교:OG>를 세웠다.,<김다온:PS>은 새솔대학교를 세웠다.,missed 1,
    entities.csv        type,precision,recall,f1,support,predicted

`predictions.jsonl` has one text a line, which is broken here for the page. Spans are half-open and count the characters
(code points) of `text`, which is as it was in the user's file. `gold` is there where the entities are known. Scores have as
many digits as give back the same numbers.

The two files for people are as `finetune.spreadsheets` writes them. Every file is written whole or not at all.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from data.entities import NamedEntity, TaggedText
from data.errors import DataError
from experiment.run_directory import replacing
from finetune.entity.answers import Answer, FoundEntity
from finetune.entity.metrics import TypeScores, mistakes
from finetune.spreadsheets import write_csv

_ROUNDING = 1e-3
"""By which a score may lie above 1: probabilities are sums of 32-bit numbers, and other programs round."""


def write_answers(path: Path, answers: Iterable[Answer]) -> None:
    """Writes `predictions.jsonl`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        for answer in answers:
            file.write(json.dumps(_row(answer), ensure_ascii=False) + "\n")


def _row(answer: Answer) -> dict[str, Any]:
    text = answer.text.text
    row: dict[str, Any] = {
        "id": answer.text.id,
        "text": text,
        "entities": [
            {
                "start": entity.start,
                "end": entity.end,
                "type": entity.type,
                "surface": text[entity.start : entity.end],
                "score": entity.score,
            }
            for entity in answer.entities
        ],
    }
    if answer.text.entities is not None:
        row["gold"] = [
            {"start": entity.start, "end": entity.end, "type": entity.type} for entity in answer.text.entities
        ]
    return row


def read_answers(path: Path) -> Iterator[Answer]:
    """Reads what `write_answers` wrote, a text at a time; each text's `where` is its line in this file.

    Raises:
        DataError: the file cannot be read, or a line is no answer; names the line.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    answer = _read_row(json.loads(line.decode("utf-8-sig")), f"{path.name}:{number}")
                except (KeyError, TypeError, ValueError, RecursionError) as error:
                    raise DataError(
                        f"{path}:{number}: {_reason(error)}; give the file as run_finetune.py --task ner wrote it."
                    ) from None
                yield answer
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): give a file of predictions.") from None


class _Unfit(ValueError):
    """What is wrong with a line, in words."""


def _reason(error: Exception) -> str:
    if isinstance(error, _Unfit):
        return str(error)
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return f"this is no line of predictions ({error})"


def _read_row(row: Any, where: str) -> Answer:
    name, text = row["id"], row["text"]
    if not isinstance(name, str) or not isinstance(text, str):
        raise _Unfit("id and text must be strings")
    found: list[FoundEntity] = []
    for item in row["entities"]:
        span = _read_span(item, text, found)
        if text[span.start : span.end] != item["surface"]:
            raise _Unfit(
                f"characters {span.start} to {span.end} are {text[span.start : span.end]}, not {item['surface']}"
            )
        score = item["score"]
        if type(score) not in (int, float) or not 0 <= score <= 1 + _ROUNDING:
            raise _Unfit(f"the score {score} is no probability")
        found.append(FoundEntity(span.start, span.end, span.type, float(score)))
    gold: list[NamedEntity] | None = None
    if "gold" in row:
        gold = []
        for item in row["gold"]:
            gold.append(_read_span(item, text, gold))
    return Answer(TaggedText(name, text, None if gold is None else tuple(gold), where), tuple(found))


def _read_span(item: Any, text: str, before: Sequence[NamedEntity | FoundEntity]) -> NamedEntity:
    start, end, kind = item["start"], item["end"], item["type"]
    if type(start) is not int or type(end) is not int or not isinstance(kind, str):
        raise _Unfit("start and end must be whole numbers and type a string")
    if not 0 <= start < end <= len(text):
        raise _Unfit(f"{start} to {end} is no span of the text's {len(text)} characters")
    if before and start < before[-1].end:
        raise _Unfit(f"the entity at {start} begins before the one before it has ended")
    return NamedEntity(start, end, kind)


def write_errors(path: Path, answers: Sequence[Answer]) -> None:
    """Writes `errors.csv`: `mistakes`, for a spreadsheet."""
    rows = (
        (
            mistake.answer.text.id,
            mistake.gold,
            mistake.found,
            ", ".join(f"{kind} {count}" for kind, count in mistake.kinds.items()),
            "" if mistake.score is None else f"{mistake.score:.5f}",
        )
        for mistake in mistakes(answers)
    )
    write_csv(path, ("id", "gold", "answer", "kinds", "score"), rows)


def write_scores(path: Path, scores: Sequence[TypeScores]) -> None:
    """Writes `entities.csv`, for a spreadsheet."""
    rows = (
        (
            score.type,
            *(f"{value:.5f}" for value in (score.precision, score.recall, score.f1)),
            score.support,
            score.predicted,
        )
        for score in scores
    )
    write_csv(path, ("type", "precision", "recall", "f1", "support", "predicted"), rows)
