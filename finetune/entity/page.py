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
from html import escape
from pathlib import Path

from data.entities import NamedEntity
from experiment.report import Block, Paragraph, Section, write_report
from finetune.entity.answers import Answer

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

    def html(self) -> str:
        return f"<style>{_CSS}</style>{_text(self.answer, self.caption)}"


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

    text: str

    def html(self) -> str:
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


def _text(answer: Answer, caption: str) -> str:
    text, missed = answer.text.text, _missed(answer)
    parts, end = [], 0
    for entity, state in zip(answer.entities, _verdicts(answer), strict=True):
        inside = _stretch(text, entity.start, entity.end, missed)
        parts += [
            _stretch(text, end, entity.start, missed),
            _entity(inside, entity.type, state, f"{entity.type}, {state}, score {entity.score:.3f}"),
        ]
        end = entity.end
    parts.append(_stretch(text, end, len(text), missed))
    above = f"<div class=caption>{_escaped(caption)}</div>" if caption else ""
    return f"<div class=tagged>{above}<div class=text lang=ko>{''.join(parts)}</div></div>"


def _stretch(text: str, start: int, end: int, missed: Sequence[NamedEntity]) -> str:
    """The characters from `start` to `end`, which lie within one answer or between two, with the missed entities.

    A missed entity that goes on beyond is shown in parts, the last of which has its label.
    """
    parts = []
    for index in range(bisect(missed, start, key=lambda entity: entity.end), len(missed)):
        entity = missed[index]
        if entity.start >= end:
            break
        left, right = max(start, entity.start), min(end, entity.end)
        parts += [
            _escaped(text[start:left]),
            _entity(_escaped(text[left:right]), entity.type, "missed", f"{entity.type}, missed", right == entity.end),
        ]
        start = right
    return "".join([*parts, _escaped(text[start:end])])


def _entity(inside: str, type: str, state: str, tooltip: str, labelled: bool = True) -> str:
    """`inside` is HTML."""
    label = f' data-type="{_escaped(type)}"' if labelled else ""
    style = f'style="--hue:{_hue(type)}" title="{_escaped(tooltip)}"'
    return f'<span class="entity {state}" {style}{label}>{inside}</span>'


def _legend(counts: Counter[tuple[str, str]]) -> str:
    """The types with the count of each state, and how states are shown."""
    if not counts:
        return f"<style>{_CSS}</style>"
    states = [state for state in _STATES if any(state == seen for _, seen in counts)]
    head = "".join(
        f'<th class="number key"><span class="entity {state}" title="{_STATES[state]}">{state}</span></th>'
        for state in states
    )
    rows = "".join(
        f"<tr><td>{_entity(_escaped(type), type, 'found', type, labelled=False)}</td>"
        + "".join(f"<td class=number>{counts[type, state]:,}</td>" for state in states)
        + "</tr>"
        for type in sorted({type for type, _ in counts}, key=_order)
    )
    table = f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f"<style>{_CSS}</style><div class=wide>{table}</div>"


def _order(type: str) -> tuple[int, str]:
    """KLUE's types come first."""
    return [*_HUES, type].index(type), type


def _hue(type: str) -> int:
    """Degrees, the same for a type wherever it occurs."""
    if type in _HUES:
        return _HUES[type]
    return int.from_bytes(blake2b(type.encode(), digest_size=4).digest(), "big") % 360


def _escaped(text: str) -> str:
    return escape(text.translate(_VISIBLE))


_CSS = """
.tagged { margin: 0 0 1rem; }
.tagged .text { white-space: pre-wrap; line-height: 2; }
.entity { --fill: oklch(91% 0.065 var(--hue)); --edge: oklch(55% 0.15 var(--hue)); --label: oklch(44% 0.13 var(--hue));
  padding: 0.14em 0.28em; border-radius: 0.3em; -webkit-box-decoration-break: clone; box-decoration-break: clone;
  print-color-adjust: exact; }
@media (prefers-color-scheme: dark) { .entity { --fill: oklch(38% 0.075 var(--hue)); --edge: oklch(72% 0.13 var(--hue));
  --label: oklch(84% 0.09 var(--hue)); } }
.entity[data-type]::after { content: attr(data-type); margin-left: 0.4em; font-size: 0.62em; font-weight: 600;
  letter-spacing: 0.02em; color: var(--label); }
.key .entity { --fill: var(--line); --edge: var(--muted); color: var(--ink); }
.found, .right { background: var(--fill); }
.wrong { padding-bottom: 0.3em; box-shadow: inset 0 0 0 1.5px var(--edge); }
.missed { padding: 0 0 0.05em; border-radius: 0; border-bottom: 2px dashed var(--edge); }
"""
