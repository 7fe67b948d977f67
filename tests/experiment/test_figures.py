"""Pages: fonts for names out of a user's file, notes below the picture, and files that are whole or absent."""

from pathlib import Path

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import experiment.figures as figures
from experiment.figures import beside, columns, fonts_for, label_rows, names_for, page


def test_latin_needs_no_other_font() -> None:
    assert fonts_for(["no_relation", "per:title", "café → «x»", ""]) == (["DejaVu Sans"], "")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Fonts by the characters that they have; the test fills it."""
    fonts = {"DejaVu Sans": "abc:_"}
    monkeypatch.setattr(figures, "_installed", lambda: [name for name in fonts if name != "DejaVu Sans"])
    monkeypatch.setattr(figures, "_characters", lambda family: frozenset(fonts[family]))
    return fonts


def test_fonts_that_have_what_is_lacking_are_added(installed: dict[str, str]) -> None:
    installed |= {"Latin only": "abc", "NanumGothic": "가나다", "Kanji": "日가", "Unasked": "가나다日"}
    assert fonts_for(["a:가나"]) == (["DejaVu Sans", "NanumGothic"], "")
    assert fonts_for(["가", "日"]) == (["DejaVu Sans", "NanumGothic", "Kanji"], "")
    assert fonts_for(["가ا"]) == (["DejaVu Sans", "NanumGothic"], "ا")


def test_only_names_that_cannot_be_drawn_are_numbered(installed: dict[str, str]) -> None:
    names = names_for(["abc", "가:a", "b_c", "a나"])
    assert names.shown == {"abc": "abc", "가:a": "label 2", "b_c": "b_c", "a나": "label 4"} and "font" in names.note
    installed["NanumGothic"] = "가나다"
    assert names_for(["abc", "가:a"]).shown == {"abc": "abc", "가:a": "가:a"} and not names_for(["가"]).note


def test_the_preferred_fonts_come_first_and_the_one_of_boxes_never(monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib import font_manager

    def entry(name: str) -> font_manager.FontEntry:
        return font_manager.FontEntry(fname="", name=name)

    names = ("A font", "NanumGothic", "Last Resort High-Efficiency", "Noto Sans KR", "DejaVu Sans")
    monkeypatch.setattr(font_manager.fontManager, "ttflist", [entry(name) for name in names])
    assert figures._installed() == ["Noto Sans KR", "NanumGothic", "A font"]


def test_long_names_are_cut() -> None:
    shown = names_for(["a" * 36, "b" * 37]).shown
    assert shown == {"a" * 36: "a" * 36, "b" * 37: "b" * 35 + "…"}


def test_hangul_counts_two_columns(installed: dict[str, str]) -> None:
    installed["NanumGothic"] = "가나…"
    assert columns("a가, ") == 5 and columns("") == 0
    assert names_for(["가" * 18, "나" * 19]).shown == {"가" * 18: "가" * 18, "나" * 19: "나" * 17 + "…"}


def test_dollars_are_no_formula(tmp_path: Path) -> None:
    names = names_for(["$a$", "$^$", "a$"])
    with page(tmp_path / "a.png", 4, 2, names) as figure:
        axes = figure.subplots()
        label_rows(axes, list(names.shown.values()))
    assert (tmp_path / "a.png").exists()  # matplotlib refuses the formula ^
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [r"\$a\$", r"\$^\$", r"a\$"]


def test_a_page_with_notes(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.png"
    with page(path, 4, 2, names_for(["a"]), ["A sentence of many words. " * 5, "Another one."]) as figure:
        axes = figure.subplots()
        axes.barh([0, 1], [1, 2])
        label_rows(axes, ["a", "b"])
        beside(axes, 1, 30, "12")
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    lines = figure.texts[0].get_text().split("\n")
    assert len(lines) > 3 and lines[-1] == "Another one." and max(map(len, lines)) < 65
    width, height = figure.get_size_inches()
    assert width == 4 and 2.4 < height < 4
    renderer = FigureCanvasAgg(figure).get_renderer()
    below, drawn = figure.texts[0].get_window_extent(renderer), axes.get_tightbbox(renderer)
    assert drawn is not None and below.y1 < drawn.y0 and below.x1 < figure.bbox.x1  # neither overlaps nor is cut
    assert drawn.x1 < figure.bbox.x1


def test_a_page_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), page(path, 4, 2, names_for(["a"])) as figure:
        assert isinstance(figure, Figure)
        raise ZeroDivisionError
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
