"""The screen: aligned Korean, text that is not taken for markup, and logs without control codes."""

import io
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from rich.cells import cell_len

from experiment.console import Console, duration, is_number, quantity


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _a_terminal_of_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)


@contextmanager
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    now = [100.0]
    with monkeypatch.context() as patched:
        patched.setattr("experiment.console.time.monotonic", lambda: now[0])
        yield now


def test_korean_columns_are_aligned() -> None:
    out = io.StringIO()
    Console(out).table([("청원", "12,345", "3.2 %"), ("나무위키 문서", "7", "13 %")], ("말뭉치", "documents", "[UNK]"))
    lines = out.getvalue().splitlines()
    assert len(lines) == 3
    assert len({cell_len(line) for line in lines}) == 1  # figures end in the same column
    assert lines[1].endswith("   12,345  3.2 %") and lines[2].endswith("        7   13 %")


def test_long_cells_wrap_beside_their_names() -> None:
    out = io.StringIO()
    Console(out).table([("말뭉치", "경로 " * 60), ("seed", "0")])
    lines = out.getvalue().splitlines()
    assert len(lines) > 3 and all(line.startswith("          ") for line in lines[1:-1])
    assert max(cell_len(line) for line in lines) <= 100


def test_text_is_not_markup() -> None:
    text = "[CLS] 이번에 [MASK] :smile: [red]말[/red] [/] [SEP]"
    for file in (io.StringIO(), Terminal()):
        console = Console(file)
        console.heading(text)
        console.text(text)
        console.example(text, text)
        console.note(text)
        console.warning(text)
        console.table([(text, "1")])
        assert file.getvalue().count(text) == 7


def test_a_log_has_no_control_codes_and_no_blanks_at_the_ends() -> None:
    out = io.StringIO()
    console = Console(out)
    console.heading("Data")
    console.table([("documents", "41,203")])
    console.example("쌍 1", "[CLS] 서울 [SEP]")
    console.warning("조심")
    assert "\x1b" not in out.getvalue()
    assert out.getvalue() == ("\nData\n  documents  41,203\n  쌍 1\n    [CLS] 서울 [SEP]\n  warning: 조심\n")


def test_a_quiet_console_prints_nothing() -> None:
    for file in (io.StringIO(), Terminal()):
        console = Console(file, quiet=True)
        console.heading("Data")
        console.table([("a", "b")])
        console.warning("c")
        with console.progress("Indexing") as report:
            report(1, 2)
        assert file.getvalue() == "" and not console.live


def test_an_output_that_cannot_show_korean_does_not_stop_the_run() -> None:
    raw = io.BytesIO()
    console = Console(io.TextIOWrapper(raw, encoding="ascii"))
    console.text("서울 Seoul")
    assert raw.getvalue() == b"  ?? Seoul\n"


def test_progress_in_a_log_is_a_line_every_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    with clock(monkeypatch) as now, Console(out).progress("Indexing [bold]") as report:
        for second in range(1, 35):
            now[0] = 100 + second
            for _ in range(50):
                report(second * 10_000_000, 400_000_000)
    assert out.getvalue().splitlines() == [
        "  Indexing [bold]: 25% of 400 MB, 10.0 MB/s, 30 s left",
        "  Indexing [bold]: 50% of 400 MB, 10.0 MB/s, 20 s left",
        "  Indexing [bold]: 75% of 400 MB, 10.0 MB/s, 10 s left",
    ]


def test_progress_counts_other_things_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for out, *shown in (
        (io.StringIO(), "Caching: 25% of 8 pairs, 0.2 pairs/s, 30 s left"),
        (Terminal(), "2/8", "pairs"),
    ):
        with clock(monkeypatch) as now, Console(out).progress("Caching", "pairs") as report:
            now[0] += 10
            report(2, 8)
            now[0] += 1
        assert all(part in out.getvalue() for part in shown)


def test_progress_before_anything_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    with clock(monkeypatch) as now, Console(out).progress("Indexing") as report:
        now[0] += 10
        report(0, 0)
    assert out.getvalue() == "  Indexing: 0% of 0 MB, 0.0 MB/s\n"


def test_progress_on_a_terminal_leaves_nothing_behind_for_short_work(monkeypatch: pytest.MonkeyPatch) -> None:
    out = Terminal()
    with Console(out).progress("Indexing") as report:
        report(1, 2)
    assert out.getvalue() == ""
    with clock(monkeypatch) as now, Console(out).progress("Indexing") as report:
        now[0] += 2
        report(100_000_000, 400_000_000)
    assert "Indexing" in out.getvalue() and "100.0/400.0 MB" in out.getvalue()


def test_an_error_within_progress_passes() -> None:
    with pytest.raises(KeyError), Console(Terminal()).progress("Indexing"):
        raise KeyError


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (41.6, "42 s"), (59.7, "1:00"), (725, "12:05"), (12340, "3:25:40"), (187_800, "2 d 04:10")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (949.6, "950"),
        (999.4, "999"),
        (999.6, "1.00k"),
        (12345, "12.3k"),
        (999_900, "1.00M"),
        (4.56e6, "4.56M"),
    ],
)
def test_quantities(number: float, text: str) -> None:
    assert quantity(number) == text


def test_figures_are_told_from_words() -> None:
    assert all(is_number(cell) for cell in ("12,345", "-0.5", "3.2 %", "1e-4", "99%"))
    assert not any(is_number(cell) for cell in ("", "tiny", "3 files", "%d", "서울 3"))
