"""The page: it shows each text as it is, every entity once with its state, nothing from elsewhere, and nothing unescaped."""

import re
from collections import Counter
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.entities import NamedEntity, TaggedText
from experiment.report import Section, write_report
from finetune.entity.answers import Answer, FoundEntity
from finetune.entity.page import KEY, EntityText, write_page


class Page(HTMLParser):
    """The texts as a browser shows them, and the entities in them: (state, type of the label or None, characters)."""

    def __init__(self, html):
        super().__init__()
        self.texts, self.entities, self.captions, self.tags, self.open, self.rows = [], [], [], Counter(), [], []
        self.titles = []
        self.feed(str(html))
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags[tag] += 1
        assert not any(name.startswith("on") or name in ("src", "href") for name in attributes)
        if tag == "meta":
            return
        kind = attributes.get("class", "")
        self.open.append((tag, kind))
        if kind == "text":
            self.texts.append("")
        elif kind == "caption":
            self.captions.append("")
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        if kind.startswith("entity") and self.inside("text"):
            _, state = kind.split()
            self.entities.append([len(self.texts) - 1, state, attributes.get("data-type"), ""])
            self.titles.append(attributes["title"])
            self.open[-1] = (tag, self.entities[-1])

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        if self.inside("text"):
            self.texts[-1] += data
        elif self.inside("caption"):
            self.captions[-1] += data
        elif self.rows and any(tag in ("td", "th") for tag, _ in self.open):
            self.rows[-1][-1] += data
        for _, kind in self.open:
            if isinstance(kind, list):
                kind[-1] += data

    def inside(self, kind):
        return any(each == kind for _, each in self.open)


def page_of(tmp_path, answers, **options):
    write_page(tmp_path / "page.html", "개체명", answers, **options)
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    return html, Page(html)


def answer(text, found, gold=None, name="a"):
    marked = None if gold is None else tuple(NamedEntity(*span) for span in gold)
    return Answer(TaggedText(name, text, marked, "x:1"), tuple(FoundEntity(*span, 0.875) for span in found))


def entities_in(*arguments):
    return [(state, label, inside) for _, state, label, inside in Page(EntityText(answer(*arguments)).html()).entities]


@pytest.mark.parametrize(
    ("found", "gold", "shown"),
    [
        ([(0, 2, "PS")], None, [("found", "PS", "가나")]),
        ([(0, 2, "PS")], [(0, 2, "PS")], [("right", "PS", "가나")]),
        ([(0, 2, "PS")], [], [("wrong", "PS", "가나")]),
        ([], [(0, 2, "PS")], [("missed", "PS", "가나")]),
        # Another type: the missed one lies within the wrong one.
        ([(0, 2, "PS")], [(0, 2, "LC")], [("wrong", "PS", "가나"), ("missed", "LC", "가나")]),
        # Another span: what goes on beyond the answer is shown in parts, the last of which has the label.
        ([(0, 3, "PS")], [(1, 2, "PS")], [("wrong", "PS", "가나다"), ("missed", "PS", "나")]),
        ([(0, 2, "PS")], [(1, 3, "PS")], [("wrong", "PS", "가나"), ("missed", None, "나"), ("missed", "PS", "다")]),
        ([(1, 3, "PS")], [(0, 2, "PS")], [("missed", None, "가"), ("wrong", "PS", "나다"), ("missed", "PS", "나")]),
        ([(1, 2, "PS")], [(0, 3, "PS")], [("missed", None, "가"), ("wrong", "PS", "나"), ("missed", None, "나"), ("missed", "PS", "다")]),
        ([(0, 3, "PS")], [(0, 1, "LC"), (1, 3, "OG")], [("wrong", "PS", "가나다"), ("missed", "LC", "가"), ("missed", "OG", "나다")]),
        ([(0, 1, "PS"), (1, 2, "LC")], [(0, 1, "PS"), (1, 2, "LC")], [("right", "PS", "가"), ("right", "LC", "나")]),
    ],
)  # fmt: skip
def test_right_wrong_and_missed(found, gold, shown):
    assert entities_in("가나다라", found, gold) == shown


@st.composite
def spans(draw, length):
    edges = sorted(draw(st.sets(st.integers(0, length), max_size=8)))
    pairs = zip(edges[::2], edges[1::2], strict=False)
    return [(start, end, draw(st.sampled_from(["PS", "LC", "<b>&\"'"]))) for start, end in pairs]


@st.composite
def any_answer(draw):
    text = draw(st.text(st.sampled_from("가나 \n\t<>&\"'b/;😀"), max_size=16))
    return answer(text, draw(spans(len(text))), draw(st.none() | spans(len(text))))


@given(any_answer())
def test_every_text_is_shown_as_it_is_with_every_entity(one):
    page = Page(EntityText(one).html())
    assert page.texts == [one.text.text]
    assert set(page.tags) <= {"style", "div", "span"}  # nothing of the text or of a type's name became a tag
    labels = Counter((state, label) for _, state, label, _ in page.entities if label is not None)
    found = {(entity.start, entity.end, entity.type) for entity in one.entities}
    gold = {(entity.start, entity.end, entity.type) for entity in one.text.entities or ()}
    expected = Counter(("missed", kind) for _, _, kind in gold - found)
    if one.text.entities is None:
        expected.update(("found", kind) for _, _, kind in found)
    else:
        expected.update(("right" if span in gold else "wrong", span[2]) for span in found)
    assert labels == expected
    characters = sum(len(inside) for _, state, _, inside in page.entities if state == "missed")
    assert characters == sum(end - start for start, end, _ in gold - found)


def test_the_page(tmp_path):
    answers = [
        answer("김다온은 새솔대학교를 세웠다.", [(0, 3, "PS"), (5, 11, "OG")], [(0, 3, "PS"), (5, 10, "OG")], "a-1"),
        answer("아무 일도 없다.", [], [], "a-2"),
        answer("한별", [(0, 2, "제품")], [(0, 2, "PS")], "a-3"),
    ]
    html, page = page_of(tmp_path, answers, subtitle="dev.tsv")
    assert page.texts == [each.text.text for each in answers] and page.captions == ["a-1", "a-2", "a-3"]
    assert page.rows == [
        ["", "right", "wrong", "missed"],
        ["PS", "1", "0", "1"],
        ["OG", "0", "1", "1"],
        ["제품", "0", "1", "0"],
    ]
    assert "Texts: 3. Without an entity: 1." in html and KEY in html
    assert "<h1>개체명</h1>" in html and "dev.tsv · " in html
    assert page.titles[:3] == ["PS, right, score 0.875", "OG, wrong, score 0.875", "OG, missed"]
    assert html.count("<style>") == 2  # the report's own and this one's, however many texts there are
    assert ".tagged .text { white-space: pre-wrap;" in html and "prefers-color-scheme: dark" in html


def test_the_page_needs_nothing_but_itself(tmp_path):
    html, page = page_of(tmp_path, [answer("<script>alert(1)</script> http://a.b/c", [(0, 8, "PS")])])
    assert not set(page.tags) & {"script", "link", "img", "iframe", "a"}
    assert "url(" not in html and "@import" not in html and "<script" not in html


def test_texts_of_which_nothing_is_known(tmp_path):
    html, page = page_of(tmp_path, [answer("한별", [(0, 2, "PS")]), answer("가람", [(0, 2, "LC")]), answer("다", [])])
    assert page.rows == [["", "found"], ["PS", "1"], ["LC", "1"]]
    assert KEY not in html and "Texts: 3. Without an entity: 1." in html


def test_more_texts_than_are_shown(tmp_path):
    answers = (answer("한별", [(0, 2, "PS")], name=str(number)) for number in range(1234))
    html, page = page_of(tmp_path, answers, most=30)
    assert len(page.texts) == 30 and page.captions[-1] == "29"
    assert "Not shown, but counted above: 1,204 more." in html
    assert page.rows[1] == ["PS", "1,234"]
    html, page = page_of(tmp_path, [answer("한별", [])] * 30, most=30)
    assert len(page.texts) == 30 and "Not shown" not in html and page.rows == []


def test_a_page_without_texts(tmp_path):
    html, page = page_of(tmp_path, [])
    assert page.texts == [] and "Texts: 0." in html


def test_a_type_has_the_same_colour_everywhere(tmp_path):
    def hues(types):
        html, _ = page_of(tmp_path, [answer("가" * len(types), [(i, i + 1, kind) for i, kind in enumerate(types)])])
        return {kind: int(hue) for hue, kind in re.findall(r'--hue:(\d+)" title="[^"]*" data-type="(\w+)"', html)}

    klue = ["PS", "LC", "OG", "DT", "TI", "QT"]
    all_ = hues([*klue, "EV", "제품", "질병"])
    assert hues(["제품", "QT"]) == {"제품": all_["제품"], "QT": all_["QT"]}
    assert all_["제품"] == 296  # and so it was yesterday
    six = sorted(all_[kind] for kind in klue)
    gaps = [after - before for before, after in zip(six, [*six[1:], six[0] + 360], strict=True)]
    assert min(gaps) >= 40


def test_control_characters_are_shown(tmp_path):
    html, page = page_of(tmp_path, [answer("가\x00\x07나\r\x7f", [(0, 2, "PS")], name="\x1b")])
    assert page.texts == ["가␀␇나␍␡"] and page.captions == ["␛"]
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f]", html)


def test_texts_in_a_report(tmp_path):
    one = answer("김다온은 왔다", [(0, 3, "PS")], [(0, 4, "PS")])
    write_report(
        tmp_path / "report.html", "SaeBERT", [Section("Mistakes", [EntityText(one, "boundary <1>"), EntityText(one)])]
    )
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert page.texts == ["김다온은 왔다"] * 2 and page.captions == ["boundary <1>"]
