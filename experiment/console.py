"""What a run shows on the screen: headings, aligned rows, readable examples, notes, and progress over data.

    console = Console()
    console.heading("Data")
    console.table([("documents", "41,203"), ("fingerprint", "9f3a61c0")])
    console.example("청원", "[CLS] 이번에 올라 ##온 [MASK] 에 [SEP]")
    with console.progress("Indexing") as report:
        open_corpus(paths, cache_dir, cleaning, report)          # calls report(done_bytes, total_bytes)

Korean letters take two columns and are aligned so. Text is printed as it is: nothing in it is taken for markup, so
"[MASK]" stays. Where the output is no terminal (a log file, a batch system) there are no colours, no escape codes and
no redrawn lines; progress then is a plain line every ten seconds.
"""

import io
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console as RichConsole
from rich.console import RenderableType
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table
from rich.text import Text

SECONDS_BETWEEN_LINES = 10.0
_PLAIN_WIDTH = 100


class Console:
    """The screen of one run. `file` is standard output unless given; a silent console (`quiet`) prints nothing, which
    is what the processes of a distributed run other than the main one get."""

    def __init__(self, file: TextIO | None = None, *, quiet: bool = False) -> None:
        file = file or sys.stdout
        if isinstance(file, io.TextIOWrapper):
            # A terminal or pipe that is not in UTF-8 shows "?" for what it lacks, instead of ending the run.
            file.reconfigure(errors="replace")
        plain = not file.isatty()
        self.rich = RichConsole(
            file=file,
            quiet=quiet,
            markup=False,
            highlight=False,
            emoji=False,
            force_terminal=False if plain else None,
            width=_PLAIN_WIDTH if plain else None,
        )

    @property
    def live(self) -> bool:
        """Whether a line can be redrawn: the output is a terminal."""
        return self.rich.is_terminal and not self.rich.quiet

    def _print(self, content: RenderableType, indent: int = 2) -> None:
        if self.rich.is_terminal:
            self.rich.print(Padding(content, (0, 0, 0, indent), expand=False))
            return
        # rich fills lines up with blanks, which a log file does not need.
        with self.rich.capture() as captured:
            self.rich.print(Padding(content, (0, 0, 0, indent), expand=False))
        self.rich.file.writelines(f"{line.rstrip()}\n" for line in captured.get().splitlines())
        self.rich.file.flush()

    def heading(self, text: str) -> None:
        """The title of a block of the screen."""
        self.rich.print()
        self._print(Text(text, style="bold"), 0)

    def text(self, text: str) -> None:
        """A paragraph, wrapped at the width of the screen."""
        self._print(Text(text))

    def table(self, rows: Sequence[Sequence[str]], header: Sequence[str] = ()) -> None:
        """Rows of cells in aligned columns. Columns that hold only numbers are aligned to the right."""
        if not rows:
            return
        table = Table(box=None, show_header=bool(header), header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
        for index in range(len(rows[0])):
            numeric = bool(header) and all(is_number(row[index]) for row in rows)
            title = header[index] if header else ""
            style = "dim" if index == 0 and not header else ""
            # Whatever wraps, the names in the first column do not.
            table.add_column(
                title, justify="right" if numeric else "left", style=style, overflow="fold", no_wrap=index == 0
            )
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self._print(table)

    def example(self, title: str, text: str) -> None:
        """A readable example: its title, and the text below it, wrapped and set in."""
        self._print(Text(title, style="cyan"))
        self._print(Text(text, overflow="fold"), 4)

    def note(self, text: str) -> None:
        """A sentence that a user may skip."""
        self._print(Text(text, style="dim"))

    def warning(self, text: str) -> None:
        """A sentence that a user should read; it stays above a live line."""
        self._print(Text(f"warning: {text}", style="yellow"))

    @contextmanager
    def phase(self, label: str) -> Iterator[None]:
        """Work whose end cannot be foreseen, such as compiling: what it is while it goes on, and how long it took. Nothing
        is shown for work that takes less than a second."""
        start = time.monotonic()
        if self.live:
            with self.rich.status(Text(f"{label} …"), spinner_style="green"):
                yield
        else:
            shown = threading.Timer(1.0, self.note, [f"{label} …"])
            shown.daemon = True
            shown.start()
            try:
                yield
            finally:
                shown.cancel()
        seconds = time.monotonic() - start
        if seconds >= 1:
            self.note(f"{label}: {duration(seconds)}.")

    @contextmanager
    def progress(self, label: str, unit: str = "bytes") -> Iterator[Callable[[int, int], None]]:
        """Progress over bytes, or over what `unit` names in the plural: gives a function `report(done, total)`, to be
        called as often as wanted.

        Nothing is shown for work that takes less than half a second.
        """
        shown = _Bar(self.rich, label, unit) if self.live else _Lines(self.rich, label, unit)
        try:
            yield shown.report
        finally:
            shown.close()


class _Bar:
    """A bar that is redrawn, for a terminal."""

    def __init__(self, rich: RichConsole, label: str, unit: str) -> None:
        self._start = time.monotonic()
        self._started = False
        in_bytes = unit == "bytes"
        self._progress = Progress(
            TextColumn(f"  {label}", markup=False),
            BarColumn(bar_width=30, complete_style="green"),
            DownloadColumn() if in_bytes else MofNCompleteColumn(),
            TransferSpeedColumn() if in_bytes else TextColumn(unit, markup=False),
            TimeRemainingColumn(compact=True),
            console=rich,
            transient=True,
        )
        self._task = self._progress.add_task(label, total=None)

    def report(self, done: int, total: int) -> None:
        if not self._started and time.monotonic() - self._start > 0.5:
            self._progress.start()
            self._started = True
        self._progress.update(self._task, completed=done, total=total)

    def close(self) -> None:
        if self._started:
            self._progress.stop()


class _Lines:
    """A line now and then, for a log."""

    def __init__(self, rich: RichConsole, label: str, unit: str) -> None:
        self._rich = rich
        self._label = label
        self._scale, self._unit = (1e6, "MB") if unit == "bytes" else (1.0, unit)
        self._start = self._last = time.monotonic()

    def report(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._last < SECONDS_BETWEEN_LINES:
            return
        self._last = now
        rate = done / (now - self._start)
        self._rich.print(
            f"  {self._label}: {done / max(total, 1):.0%} of {total / self._scale:,.0f} {self._unit}, "
            f"{rate / self._scale:,.1f} {self._unit}/s" + (f", {duration((total - done) / rate)} left" if rate else "")
        )

    def close(self) -> None:
        pass


def duration(seconds: float) -> str:
    """A time for people: "42 s", "12:05", "3:25:40", "2 d 04:10"."""
    total = round(seconds)
    days, rest = divmod(total, 86400)
    hours, minutes, seconds_left = rest // 3600, rest // 60 % 60, rest % 60
    if days:
        return f"{days} d {hours:02}:{minutes:02}"
    if hours:
        return f"{hours}:{minutes:02}:{seconds_left:02}"
    return f"{minutes}:{seconds_left:02}" if minutes else f"{seconds_left} s"


def quantity(number: float) -> str:
    """A count in three or so digits: "950", "12.3k", "4.56M", "1.20B"."""
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= size * 0.9995:
            scaled = number / size
            return f"{scaled:.{2 if scaled < 9.995 else 1 if scaled < 99.95 else 0}f}{letter}"
    return f"{number:.0f}"


def is_number(cell: str) -> bool:
    """Whether a cell of a table is a figure: digits, signs and separators, with at most a % behind."""
    return bool(cell) and cell[-1] in "0123456789%" and all(c in "0123456789.,+-−% e" for c in cell)


def first_places(where: Sequence[str], shown: int = 5) -> str:
    """The first of some places in files, and how many more there are."""
    return ", ".join(where[:shown]) + (f" and {len(where) - shown} more" if len(where) > shown else "")
