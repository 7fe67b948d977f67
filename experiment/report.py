"""The report of a run: one HTML page that needs nothing but itself.

    write_report(run.path / "report.html", "SaeBERT tiny", [
        Section("Result", [
            Table([("MLM loss", "6.21", "8.14")], header=("held out", "model", "unigram guess")),
            Picture(run.plots / "curves.png", "Training and held-out curves"),
        ]),
        Section("Examples", [Example("[CLS] 이번에 올라 ##온 [MASK] 에", "pair 1: next", marks=("[MASK]",))]),
    ])

Plots are embedded, there is no script and no link to the network, and the page can be mailed, archived as an MLflow
artifact, read in a light or a dark browser, and printed. Every text is escaped; it is not Markdown.
"""

import base64
import html
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from experiment.console import is_number
from experiment.run_directory import replacing


class Block(Protocol):
    """A piece of a section."""

    def html(self) -> str: ...


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of plain text."""

    text: str

    def html(self) -> str:
        return f"<p>{html.escape(self.text)}</p>"


@dataclass(frozen=True)
class Table:
    """Rows of cells. Without a header the first column holds names; figures are aligned to the right under one."""

    rows: Sequence[Sequence[str]]
    header: Sequence[str] = ()

    def html(self) -> str:
        columns = range(len(self.rows[0]) if self.rows else 0)
        numeric = [bool(self.header) and all(is_number(row[i]) for row in self.rows) for i in columns]

        def cells(row: Sequence[str], name: str) -> str:
            return "".join(
                f"<{name}{' class=number' if number else ''}>{html.escape(cell)}</{name}>"
                for cell, number in zip(row, numeric, strict=True)
            )

        head = f"<thead><tr>{cells(self.header, 'th')}</tr></thead>" if self.header else ""
        body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in self.rows)
        kind = "figures" if self.header else "facts"
        return f'<div class=wide><table class="{kind}">{head}<tbody>{body}</tbody></table></div>'


@dataclass(frozen=True)
class Picture:
    """A PNG file, embedded. A file that is not there (a plot without data) leaves the block out."""

    path: Path
    caption: str

    def html(self) -> str:
        if not self.path.exists():
            return ""
        png = self.path.read_bytes()
        # The width stands at a fixed place of a PNG; 160 dots an inch are shown as a browser's 96.
        width = round(int.from_bytes(png[16:20], "big") * 96 / 160)
        caption = html.escape(self.caption)
        data = base64.b64encode(png).decode("ascii")
        image = f'<img alt="{caption}" width="{width}" src="data:image/png;base64,{data}">'
        return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


@dataclass(frozen=True)
class Example:
    """A text as it is, line breaks kept, with a caption above it; the words in `marks` stand out."""

    text: str
    caption: str = ""
    marks: Sequence[str] = ()

    def html(self) -> str:
        text = html.escape(self.text)
        if self.marks:
            words = "|".join(re.escape(html.escape(mark)) for mark in sorted(self.marks, key=len, reverse=True))
            text = re.sub(words, lambda match: f"<mark>{match[0]}</mark>", text)
        caption = f"<div class=caption>{html.escape(self.caption)}</div>" if self.caption else ""
        return f"<div class=example>{caption}<pre>{text}</pre></div>"


@dataclass(frozen=True)
class Section:
    """A part of the report under its own heading."""

    heading: str
    blocks: Sequence[Block]


def write_report(path: Path, title: str, sections: Sequence[Section], subtitle: str = "") -> None:
    """Write the page, whole or not at all. `subtitle` is the line under the title; the date is added to it."""
    written = time.strftime("%Y-%m-%d %H:%M")
    below = f"{html.escape(subtitle)} · {written}" if subtitle else written
    body = "\n".join(
        f"<section><h2>{html.escape(section.heading)}</h2>\n"
        + "\n".join(block.html() for block in section.blocks)
        + "</section>"
        for section in sections
    )
    page = (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_CSS}</style>\n</head>\n<body>\n"
        f"<header><h1>{html.escape(title)}</h1><p>{below}</p></header>\n{body}\n</body>\n</html>\n"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


_CSS = """
:root { --paper: #ffffff; --ink: #1d1d1f; --muted: #6b6b70; --line: #e3e3e6; --soft: #f6f6f8; --mark: #fff0b8;
  --accent: #0072b2; color-scheme: light dark; }
@media (prefers-color-scheme: dark) { :root { --paper: #17181a; --ink: #e8e8ea; --muted: #9a9aa2; --line: #303136;
  --soft: #202125; --mark: #5c4a00; --accent: #56b4e9; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 3rem 1.5rem 5rem; background: var(--paper); color: var(--ink);
  font: 16px/1.6 system-ui, -apple-system, "Segoe UI", "Apple SD Gothic Neo", "Malgun Gothic", "Noto Sans KR",
  NanumGothic, sans-serif; word-break: keep-all; overflow-wrap: anywhere; }
header { border-bottom: 2px solid var(--accent); margin-bottom: 2.5rem; }
h1 { font-size: 1.9rem; line-height: 1.25; margin: 0; letter-spacing: -0.01em; }
header p { color: var(--muted); margin: 0.4rem 0 1rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 0.8rem; }
p { margin: 0 0 1rem; max-width: 46rem; }
.wide { overflow-x: auto; margin: 0 0 1.4rem; }
table { border-collapse: collapse; font-size: 0.92rem; font-variant-numeric: tabular-nums; }
th { text-align: left; color: var(--muted); font-weight: 500; border-bottom: 1px solid var(--muted); }
th, td { padding: 0.35rem 1.6rem 0.35rem 0; vertical-align: top; }
td { border-bottom: 1px solid var(--line); }
.facts td:first-child { color: var(--muted); white-space: nowrap; }
.number { text-align: right; white-space: nowrap; }
figure { margin: 0 0 1.6rem; }
img { display: block; max-width: 100%; height: auto; background: #ffffff; border: 1px solid var(--line);
  border-radius: 8px; padding: 0.6rem; }
figcaption, .caption { color: var(--muted); font-size: 0.87rem; margin-top: 0.4rem; }
.example { margin: 0 0 1.2rem; }
pre { margin: 0.3rem 0 0; padding: 0.8rem 1rem; background: var(--soft); border-left: 3px solid var(--accent);
  border-radius: 0 6px 6px 0; white-space: pre-wrap; font: 0.9rem/1.7 ui-monospace, SFMono-Regular, Menlo, Consolas,
  D2Coding, NanumGothicCoding, monospace; }
mark { background: var(--mark); color: inherit; border-radius: 3px; padding: 0 0.15em; }
@media print { body { max-width: none; padding: 0; font-size: 11pt; } section, figure, .example { break-inside: auto; }
  figure, tr, .example { break-inside: avoid; } img { max-height: 150mm; width: auto; } h2 { break-after: avoid; } }
"""
