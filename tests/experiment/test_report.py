"""The report: one page that carries everything in it and takes no text for HTML."""

import base64
import re
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from experiment.report import Example, Paragraph, Picture, Section, Table, write_report

# One grey pixel, 1 × 1.
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==")


class Tags(HTMLParser):
    """Collects elements and checks that they are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def page(tmp_path: Path) -> str:
    (tmp_path / "plot.png").write_bytes(PNG)
    path = tmp_path / "reports" / "report.html"
    write_report(
        path,
        "SaeBERT <tiny>",
        [
            Section(
                "Result & more",
                [
                    Paragraph("MLM < NSP"),
                    Table([("MLM loss", "6.21"), ("words", "12,345")], header=("held out", "model")),
                    Table([("fingerprint", "9f3a"), ("files", "3")]),
                    Picture(tmp_path / "plot.png", 'Curves "all"'),
                    Picture(tmp_path / "missing.png", "Missing"),
                ],
            ),
            Section("Examples", [Example("[CLS] 이번에 <b> [MASK]\n둘째 줄 [SEP]", "pair 1", ("[MASK]", "<b>"))]),
        ],
        subtitle="2 layers",
    )
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]
    return path.read_text(encoding="utf-8")


def test_the_page_is_well_formed_and_self_contained(page: str) -> None:
    tags = Tags()
    tags.feed(page)
    assert not tags.open
    names = {name for name, _ in tags.seen}
    assert not names & {"script", "link", "a", "iframe", "b"}
    for _, attributes in tags.seen:
        assert not {"href", "onclick", "srcset"} & set(attributes)
        assert (attributes.get("src") or "data:").startswith("data:")
    assert "http" not in page and "url(" not in page and "@import" not in page
    assert {"charset": "utf-8"} in [attributes for name, attributes in tags.seen if name == "meta"]


def test_texts_are_shown_as_they_are(page: str) -> None:
    assert "<title>SaeBERT &lt;tiny&gt;</title>" in page and "Result &amp; more" in page and "MLM &lt; NSP" in page
    assert "<pre>[CLS] 이번에 <mark>&lt;b&gt;</mark> <mark>[MASK]</mark>\n둘째 줄 [SEP]</pre>" in page
    assert re.search(r"<p>2 layers · \d{4}-\d\d-\d\d \d\d:\d\d</p>", page)


def test_pictures_are_embedded_and_missing_ones_left_out(page: str) -> None:
    found = re.findall(r'<img alt="([^"]*)" width="(\d+)" src="data:image/png;base64,([^"]*)">', page)
    assert [(unescape(alt), width, base64.b64decode(data)) for alt, width, data in found] == [
        ('Curves "all"', "1", PNG)
    ]
    assert "Missing" not in page


def test_figures_are_aligned_to_the_right_under_a_header(page: str) -> None:
    assert '<th>held out</th><th class="number">model</th>' in page
    assert '<td>words</td><td class="number">12,345</td>' in page
    assert "<td>files</td><td>3</td>" in page


def test_an_empty_table_is_no_error(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", "Empty", [Section("Nothing", [Table([])])])
    assert "<tbody></tbody>" in (tmp_path / "report.html").read_text()


def test_a_row_of_another_length_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="zip"):
        write_report(tmp_path / "report.html", "Table", [Section("Rows", [Table([("a", "1"), ("b",)], ("", ""))])])
    assert not list(tmp_path.iterdir())


def test_a_table_of_only_a_header(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", "Table", [Section("Rows", [Table([], ("name", "loss"))])])
    assert "<th>name</th><th>loss</th></tr></thead><tbody></tbody>" in (tmp_path / "report.html").read_text()


def test_words_stand_out_as_they_are_written_and_not_within_what_is_escaped() -> None:
    html = str(Example("a & amp;\n  <ab>", marks=("amp", "a", "<a")).html())
    assert html.endswith("<pre><mark>a</mark> &amp; <mark>amp</mark>;\n  <mark>&lt;a</mark>b&gt;</pre></div>")
    assert str(Example("[MASK].*", marks=(".*",)).html()).endswith("<pre>[MASK]<mark>.*</mark></pre></div>")


def test_a_block_that_gives_text_instead_of_markup_is_escaped(tmp_path: Path) -> None:
    class Careless:
        def html(self) -> str:
            return "<script>"

    write_report(tmp_path / "report.html", "Text", [Section("Block", [Careless()])])  # type: ignore[list-item]
    assert "&lt;script&gt;" in (tmp_path / "report.html").read_text()


def test_templates_are_read_when_a_report_is_written() -> None:
    """So that `--help` need not wait for jinja2."""
    program = "import sys, experiment.report; print('jinja2' in sys.modules or 'markupsafe' in sys.modules)"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
