"""Found entities to look at: a page that needs nothing but itself, and the same look as a block of a run's report.

    gold      <김다온:PS>은 <1952년:DT> <새솔대학교:OG>를 세웠다.
    answer    <김다온:PS>은 <1952년:DT> <새솔대학교를:OG> 세웠다.

is shown as one line: 김다온 and 1952년 are filled with the colours of their types, since they are right; 새솔대학교를 has an
outline, since it is not marked, and 새솔대학교 within it is underlined with dashes, since it was not found. Where nobody knows
what is right, all answers are filled. The type stands beside an entity as a label that is not selected or searched with the
text, its score appears under the pointer.

A type has the same colour in every page: the six of KLUE-NER are as far apart as six can be, any other's hue follows from
its name. Lightness is fixed, so every colour can be read on a light and on a dark page.
"""

from bisect import bisect
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.entities import NamedEntity
from experiment.report import Block, Paragraph, Section, html_templates, write_report
from finetune.entity.answers import Answer

if TYPE_CHECKING:
    from markupsafe import Markup

KEY = "Filled: right. Outlined: a wrong answer. Underlined with dashes: marked, but not found."
"""How to read a text whose entities are known; for the paragraph above such texts in a report."""

_HUES = {"PS": 255, "LC": 150, "OG": 55, "DT": 320, "TI": 200, "QT": 100}
"""Degrees of OKLCH."""

_VISIBLE = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"} | {0x7F: 0x2421}
"""Control characters, which a browser would drop or change, and their pictures."""


@dataclass(frozen=True)
class EntityText:
    """A text with what was found in it and, where that is known, what is wrong with it."""

    answer: Answer
    caption: str = ""

    def html(self) -> "Markup":
        return _macros().style() + _text(self.answer, self.caption)


def write_page(path: Path, title: str, answers: Iterable[Answer], *, subtitle: str = "", most: int = 1000) -> None:
    """Writes the page, whole or not at all: types and their counts, then the texts.

    Args:
        path: of the HTML file.
        title: heads the page.
        answers: all are counted.
        subtitle: the line under the title; the date is added to it.
        most: texts that are shown, the first ones.
    """
    texts: list[Block] = []
    total = plain = 0
    counts: Counter[tuple[str, str]] = Counter()
    for answer in answers:
        total += 1
        states = _states(answer)
        plain += not states.total()
        counts.update(states)
        if total <= most:
            texts.append(_Html(_text(answer, answer.text.id)))
    if total > len(texts):
        texts.append(Paragraph(f"Not shown, but counted above: {total - len(texts):,} more."))
    summary = f"Texts: {total:,}. Without an entity: {plain:,}."
    if any(state != "found" for _, state in counts):
        summary += f" {KEY}"
    write_report(
        path,
        title,
        [Section("Entities", [_Html(_legend(counts)), Paragraph(summary)]), Section("Texts", texts)],
        subtitle,
    )


@dataclass(frozen=True)
class _Html:
    """A block that is HTML already."""

    text: "Markup"

    def html(self) -> "Markup":
        return self.text


_STATES = {
    "found": "found",
    "right": "right",
    "wrong": "wrong: not marked with this span and type",
    "missed": "missed: marked, but not found",
}
"""Of an entity, and their explanations: found where the entities of the text are not known, else one of the others."""


def _states(answer: Answer) -> Counter[tuple[str, str]]:
    """How often each type has each state."""
    missed = [(entity.type, "missed") for entity in _missed(answer)]
    return Counter([*zip((entity.type for entity in answer.entities), _verdicts(answer), strict=True), *missed])


def _verdicts(answer: Answer) -> list[str]:
    """The state of each answer."""
    if answer.text.entities is None:
        return ["found"] * len(answer.entities)
    gold = {(entity.start, entity.end, entity.type) for entity in answer.text.entities}
    return ["right" if (entity.start, entity.end, entity.type) in gold else "wrong" for entity in answer.entities]


def _missed(answer: Answer) -> list[NamedEntity]:
    found = {(entity.start, entity.end, entity.type) for entity in answer.entities}
    return [entity for entity in answer.text.entities or () if (entity.start, entity.end, entity.type) not in found]


@dataclass(frozen=True)
class _Mark:
    """An entity in the page, or the part of it that lies in one stretch of the text."""

    type: str
    state: str
    tooltip: str
    inside: "list[str | _Mark]"
    labelled: bool = True

    @property
    def label(self) -> str:
        return _visible(self.type) if self.labelled else ""

    @property
    def hue(self) -> int:
        """Degrees of OKLCH, the same for a type wherever it occurs."""
        if self.type in _HUES:
            return _HUES[self.type]
        return int.from_bytes(blake2b(self.type.encode(), digest_size=4).digest(), "big") % 360


def _macros() -> Any:
    """Of `templates/entities.html`."""
    return html_templates(__package__).get_template("entities.html").module


def _text(answer: Answer, caption: str) -> "Markup":
    text, missed = _visible(answer.text.text), _missed(answer)
    pieces: list[str | _Mark] = []
    end = 0
    for entity, state in zip(answer.entities, _verdicts(answer), strict=True):
        tooltip = f"{_visible(entity.type)}, {state}, score {entity.score:.3f}"
        inside = _stretch(text, entity.start, entity.end, missed)
        pieces += [*_stretch(text, end, entity.start, missed), _Mark(entity.type, state, tooltip, inside)]
        end = entity.end
    return _macros().text([*pieces, *_stretch(text, end, len(text), missed)], _visible(caption))


def _stretch(text: str, start: int, end: int, missed: Sequence[NamedEntity]) -> list[str | _Mark]:
    """The characters from `start` to `end`, which lie within one answer or between two, with the missed entities.

    A missed entity that goes on beyond is shown in parts, the last of which has its label.
    """
    pieces: list[str | _Mark] = []
    for index in range(bisect(missed, start, key=lambda entity: entity.end), len(missed)):
        entity = missed[index]
        if entity.start >= end:
            break
        left, right = max(start, entity.start), min(end, entity.end)
        tooltip = f"{_visible(entity.type)}, missed"
        mark = _Mark(entity.type, "missed", tooltip, [text[left:right]], labelled=right == entity.end)
        pieces += [text[start:left], mark]
        start = right
    return [*pieces, text[start:end]]


def _legend(counts: Counter[tuple[str, str]]) -> "Markup":
    """The types with the count of each state, and how states are shown."""
    macros = _macros()
    if not counts:
        return macros.style()
    states = {state: meaning for state, meaning in _STATES.items() if any(state == seen for _, seen in counts)}
    rows = [
        (
            _Mark(type, "found", _visible(type), [_visible(type)], labelled=False),
            [f"{counts[type, state]:,}" for state in states],
        )
        for type in sorted({type for type, _ in counts}, key=_order)
    ]
    return macros.style() + macros.legend(states, rows)


def _order(type: str) -> tuple[int, str]:
    """KLUE's types come first."""
    return [*_HUES, type].index(type), type


def _visible(text: str) -> str:
    """The text with pictures of its control characters, as many characters as before."""
    return text.translate(_VISIBLE)
