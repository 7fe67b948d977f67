"""Entities are read from two formats, sentences with a mistake are left out for a reason, and tags say what entities say."""

import json
import re
import unicodedata
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from data import entities, entity_marks
from data.cleaning import normalize
from data.entities import (
    NamedEntity,
    TaggedText,
    bio_tags,
    entities_of,
    entity_types,
    read_entities,
)
from data.entity_formats import beginning_of, read_sentences
from data.errors import DataError
from data.offsets import CharacterMap

SENTENCE = "김다온이 새솔대학교를 세웠다."
FOUND = (NamedEntity(0, 3, "PS"), NamedEntity(5, 10, "OG"))
INLINE = "<김다온:PS>이 <새솔대학교:OG>를 세웠다."
HEADER = """## 토큰, 레이블 구분자 : \\t
## 토큰 구분자 : \\n
## 문장 구분자 : \\n\\n
## 주석 : ##
## 컬럼명 : CHAR\tNE_TAG
"""


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def lines_of(text: str, found=(), tags=None) -> str:
    """A sentence as KLUE-NER writes it, without what stands around it."""
    tags = bio_tags(len(text), found) if tags is None else tags
    return "".join(f"{character}\t{tag}\n" for character, tag in zip(text, tags, strict=True))


TSV = f"{HEADER}## a-17\t{INLINE}\n{lines_of(SENTENCE, FOUND)}\n## a-18\t그렇다.\n{lines_of('그렇다.')}\n"
GOOD = lines_of(SENTENCE, FOUND) + "\n"


@pytest.fixture
def file(tmp_path: Path):
    """Writes a file with the given content and a name that says nothing."""

    def write(content: str | bytes) -> Path:
        path = tmp_path / "rows"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture
def read(file):
    return lambda content, **options: read_entities(file(content), **options)


# --- a character a line -----------------------------------------------------------------------------------------------


def test_two_sentences_of_klue(read):
    found = read(TSV)
    assert found.format == "character-tsv"
    assert found.rows == [
        TaggedText("a-17", SENTENCE, FOUND, "rows:7"),
        TaggedText("a-18", "그렇다.", (), f"rows:{7 + len(SENTENCE) + 2}"),
    ]
    assert (found.rejected, found.composed) == ({}, [])
    assert [(text.sentence, text.label) for text in found.rows] == [(SENTENCE, "OG+PS"), ("그렇다.", "")]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: text.rstrip("\n"),
        lambda text: text + "\n\n\n",
        lambda text: text.replace("\n\n", "\n\t\n"),
        lambda text: text.replace("O\n", "O \n"),
    ],
)
def test_other_line_ends_and_blanks(read, change):
    assert read(change(TSV)).rows == read(TSV).rows


def test_a_byte_order_mark_and_several_blank_lines(read):
    sentences = [(text.text, text.entities) for text in read(TSV).rows]
    found = read("\ufeff\n" + TSV.replace("\n\n", "\n\n\n\t\n"))
    assert [(text.text, text.entities) for text in found.rows] == sentences
    assert found.rows[0].where == "rows:8"


def test_any_character_may_stand_on_a_line(read):
    text = "#\t \x0b\x85\u2028\ufeff<:>##\t\t김"
    found = (NamedEntity(0, 2, "A"), NamedEntity(3, 7, "B-1_가"), NamedEntity(10, 13, "A"))
    assert [(each.text, each.entities) for each in read(lines_of(text, found)).rows] == [(text, found)]


def test_several_code_points_may_be_one_character(read):
    pieces = ["👩🏽\u200d🚒", nfd("각"), " ", "e\u0301", "ᄠᅳᆮ", "🇰🇷", "1\ufe0f\u20e3"]
    tags = ["B-PS", "I-PS", "O", "B-OG", "B-OG", "O", "O"]
    found = read("".join(f"{piece}\t{tag}\n" for piece, tag in zip(pieces, tags, strict=True)))
    assert found.rows[0].text == "".join(pieces)
    assert found.rows[0].entities == (NamedEntity(0, 7, "PS"), NamedEntity(8, 10, "OG"), NamedEntity(10, 13, "OG"))
    assert found.composed == ["rows:1"]


def test_entities_side_by_side(read):
    found = (NamedEntity(0, 1, "PS"), NamedEntity(1, 2, "PS"), NamedEntity(2, 4, "OG"))
    assert read(lines_of("김박새솔", found)).rows[0].entities == found


def test_types_are_composed(read):
    kind = "café"
    assert read(lines_of("가나", tags=[f"B-{nfd('사람')}", f"I-{nfd('사람')}"])).rows[0].entities == (
        NamedEntity(0, 2, "사람"),
    )
    assert entity_types(read(f"<가나:{kind}>").rows) == [kind]


# --- comments ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "id"),
    [
        ("", "2"),
        ("## a-17\t그렇다.\n", "a-17"),
        ("##a-17\n", "a-17"),
        ("## 뉴스 3면\t<박:PS>\tB-PS\n", "뉴스 3면"),
        ("## a-17\tO\n", "a-17"),
        ("## a-16\n## a-17\n", "a-17"),
        ("## a-17\n\n", "2"),
        (HEADER, "2"),
        ("##\n", "2"),
    ],
)
def test_the_comment_directly_before_gives_the_id(read, before, id):
    assert [text.id for text in read(GOOD + before + GOOD + GOOD).rows] == ["1", id, "3"]


def test_a_comment_ends_a_sentence(read):
    assert [text.text for text in read(GOOD.rstrip("\n") + "\n## a-17\n" + GOOD).rows] == [SENTENCE, SENTENCE]


def test_ids_may_be_repeated(read):
    found = read("## a\n" + GOOD + "## a\n" + lines_of("그렇다.") + "\n## b\n" + GOOD)
    assert [text.id for text in found.rows] == ["a", "a", "b"]
    assert found.report()["repeated_ids"] == {"count": 1, "places": ["a"]}


# --- mistakes in a sentence -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "reason", "line"),
    [
        ("가\tO\n나\n다\tO\n", entity_marks.NO_TAB, 2),
        ("가\tO\n \n다\tO\n", entity_marks.NO_TAB, 2),
        ("가 O\n", entity_marks.NO_TAB, 1),
        ("가\tO\n\tO\n", entity_marks.NO_CHARACTER, 2),
        ("가\tO\n김다온이\tB-PS\n", entity_marks.SEVERAL_CHARACTERS, 2),
        ("가\tO\n##은\tO\n", entity_marks.SEVERAL_CHARACTERS, 2),
        ("ᄏᄏ\tO\n", entity_marks.SEVERAL_CHARACTERS, 1),
        *(
            (f"가\tO\n나\t{tag}\n", entity_marks.MALFORMED_TAG, 2)
            for tag in ("o", "B", "B-", "S-PS", "B_PS", "B-P S", "0")
        ),
        ("가\tO\n나\t\n", entity_marks.MALFORMED_TAG, 2),
        ("가\tI-PS\n", entity_marks.CONTINUES_NOTHING, 1),
        ("가\tO\n나\tI-PS\n", entity_marks.CONTINUES_NOTHING, 2),
        ("가\tB-OG\n나\tI-PS\n", entity_marks.CONTINUES_NOTHING, 2),
        ("가\tB-PS\n나\tO\n다\tI-PS\n", entity_marks.CONTINUES_NOTHING, 3),
        ("가\tB-PS\n나\tX\n다\n", entity_marks.MALFORMED_TAG, 2),
        (" \tO\n\u3000\tO\n", entity_marks.NO_SENTENCE, 1),
        ("\u3164\tO\n\u115f\tO\n", entity_marks.NO_SENTENCE, 1),
        ("가\tO\n \tB-PS\n나\tO\n", entity_marks.EMPTY_SPAN, 1),
        ("가\tO\n\u115f\tB-PS\n나\tO\n", entity_marks.EMPTY_SPAN, 1),
        (lines_of(nfd("각"), [NamedEntity(0, 2, "PS")]), entities.CUT_CHARACTER, 1),
        (lines_of("Ａ\u0301", [NamedEntity(0, 1, "PS")]), entities.CUT_CHARACTER, 1),
    ],
)
def test_a_mistake_leaves_the_sentence_out(read, lines, reason, line):
    content = f"{GOOD}## b-2\n{lines}\n{GOOD}"
    found = read(content)
    place = f"rows:{len(SENTENCE) + 2 + line} (b-2)"
    assert found.rejected == {reason: [place]}
    assert [(text.id, text.entities) for text in found.rows] == [("1", FOUND), ("3", FOUND)]
    with pytest.raises(DataError, match=f"^{re.escape(place)}: {re.escape(reason)}.*; correct the sentence") as error:
        read(content, strict=True)
    assert "\n" not in str(error.value)


def test_characters_that_compose_and_are_not_cut_stay(read):
    text = nfd("각") + "나"
    found = read(GOOD + lines_of(text, [NamedEntity(0, 3, "PS")]))
    assert found.rows[1].text == text
    assert found.rows[1].entities == (NamedEntity(0, 3, "PS"),)
    assert found.composed == [found.rows[1].where]
    assert found.report()["composed"] == {"count": 1, "places": [found.rows[1].where]}


# --- spans in the text ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("start", ["", "\ufeff", "\n\n"])
@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_a_sentence_a_line(read, line_end, start, end):
    found = read((start + INLINE + "\n\n그렇다." + end).replace("\n", line_end))
    first = 1 + start.count("\n")
    assert found.format == "inline"
    assert found.rows == [
        TaggedText("1", SENTENCE, FOUND, f"rows:{first}"),
        TaggedText("2", "그렇다.", (), f"rows:{first + 2}"),
    ]


@pytest.mark.parametrize(
    ("line", "text", "found"),
    [
        ("<오후 3:20:TI>에", "오후 3:20에", [(0, 7, "TI")]),
        ("<김:PS><박:PS>", "김박", [(0, 1, "PS"), (1, 2, "PS")]),
        ("<기생충>은 a < b, c > d 다", "<기생충>은 a < b, c > d 다", []),
        ("1 < 2 그리고 <박:PS>은 3 > 2", "1 < 2 그리고 박은 3 > 2", [(10, 11, "PS")]),
        ("<영화 <기생충>:AF>에", "영화 <기생충>에", [(0, 8, "AF")]),
        ("<<박:PS>>이", "<박>이", [(1, 2, "PS")]),
        ("<18:30> 서울:부산 <a:1>", "<18:30> 서울:부산 <a:1>", []),
        ("값:> A:B> :D> <:D> <b: PS>", "값:> A:B> :D> <:D> <b: PS>", []),
        ("박:PS 대표", "박:PS 대표", []),
        ("최근< 24살:QT>", "최근 24살", [(2, 6, "QT")]),  # as in KLUE's own comments
        ("<박\t:PS>\t이", "박\t\t이", [(0, 2, "PS")]),
        ("## <박:PS>", "## 박", [(3, 4, "PS")]),
    ],
)
def test_what_is_a_span_and_what_is_text(read, line, text, found):
    sentence = read(f"{line}\n{INLINE}").rows[0]
    assert sentence.text == text
    assert sentence.entities == tuple(NamedEntity(*each) for each in found)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("<<박:PS> 대표:PS>", entity_marks.NESTED),
        ("<김 <박:PS> 최:OG>", entity_marks.NESTED),
        ("<박:PS 대표는 그렇다", entity_marks.UNCLOSED),
        ("<박:PS 대표는 <김:PS>에", entity_marks.UNCLOSED),
        ("<박:PS >은", entity_marks.UNCLOSED),
        ("<박:PS 대표는 김:PS>", entity_marks.UNCLOSED),
        ("박:PS> 대표", entity_marks.UNOPENED),
        ("<김:PS> 박:PS>", entity_marks.UNOPENED),
        ("<a < b:PS>", entity_marks.UNOPENED),
        ("<:PS> 대표", entity_marks.EMPTY_SPAN),
        ("< :PS> 대표", entity_marks.EMPTY_SPAN),
        (" \u3000", entity_marks.NO_SENTENCE),
        (f"<{nfd('각')[:2]}:PS>{nfd('각')[2:]}", entities.CUT_CHARACTER),
    ],
)
def test_a_mistake_leaves_the_line_out(read, line, reason):
    found = read(f"{INLINE}\n{line}\n{INLINE}\n")
    assert found.rejected == {reason: ["rows:2"]}
    assert [(text.id, text.text) for text in found.rows] == [("1", SENTENCE), ("3", SENTENCE)]
    with pytest.raises(DataError, match=f"^rows:2: {re.escape(reason)}"):
        read(f"{INLINE}\n{line}\n", strict=True)


# --- files that cannot be read ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (TSV.encode("cp949"), r":1 is not UTF-8: convert the file \(iconv -f CP949"),
        (b"a\tO\n" + "각\tO\n".encode("cp949"), r":2 is not UTF-8"),
        (TSV.encode("utf-16"), r" is UTF-16: convert the file \(iconv -f UTF-16"),
        (b"", " is empty"),
        ("\ufeff\n \n", " is empty"),
        (SENTENCE, " marks no entities: give KLUE-NER's layout"),
        ("<기생충>은 a < b 다", " marks no entities"),
        (HEADER, " marks no entities"),
        (
            "김다온이\tB-PS\n왔다\tO\n",
            f"no usable sentence: of 1 1 .* “{entity_marks.SEVERAL_CHARACTERS}”, first rows:1;",
        ),
        ("김\t\n다\t\n온\t\n", f"no usable sentence.*“{re.escape(entity_marks.MALFORMED_TAG)}”"),
        ("김\tX\n\n다\tO\n온\tI-PS\n\n이\tO\n\tO\n\n가\tB-PS\n나\tI-OG\n", r"of 4 2 were left out because of “I- cont"),
    ],
)
def test_files_that_cannot_be_read(read, content, message):
    with pytest.raises(DataError, match=message) as error:
        read(content)
    assert "\n" not in str(error.value)


def test_no_file(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        read_entities(tmp_path / "rows")
    with pytest.raises(DataError, match="cannot be read"):
        beginning_of(tmp_path)


@pytest.mark.parametrize(
    ("content", "format"),
    [
        (TSV, "character-tsv"),
        ("\n\t\n" + GOOD, "character-tsv"),
        ("가\n나 O\n" + GOOD, "character-tsv"),
        ("김다온이\tB-PS\n왔다\tO\n", "character-tsv"),
        ("김\t\n다\t\n", "character-tsv"),
        ("김\tBEGIN\n다\tEND\n", "character-tsv"),
        (INLINE, "inline"),
        ("그렇다.\n" * 2000 + INLINE, "inline"),
        (f"a-17\t{INLINE}\tO\n그렇다.\n", "inline"),
        (SENTENCE, "text"),
        ("<기생충> 18:30>", "text"),
        ("a-17\t그렇다.\n", "text"),
        (HEADER, "text"),
        ("", "text"),
    ],
)
def test_formats_are_told_apart_by_content(file, content, format):
    path = file(content)
    assert beginning_of(path).format == format
    if format != "text":
        assert read_sentences(path)[0] == format
    else:
        with pytest.raises(DataError, match=r"marks no entities|is empty"):
            read_sentences(path)


def test_a_large_file_is_told_by_its_beginning(file):
    assert beginning_of(file(TSV * 60 + "그렇다.\n" * 400_000)).format == "character-tsv"
    assert beginning_of(file("가나다 " * 400_000)).format == "text"  # one line, cut within a character


def test_the_beginning_names_the_types_that_are_marked(file):
    assert beginning_of(file(INLINE + "\n")).types == {"PS", "OG"}
    assert beginning_of(file('{"text": "<김다온:PS>"}\n')) == ("json", set())


# --- the report -------------------------------------------------------------------------------------------------------


def test_the_report_counts_what_there_is(read):
    other = lines_of(SENTENCE, FOUND[:1]) + "\n"
    found = read(GOOD + "가\tX\n\n" + GOOD + other + lines_of("그렇다.") + "\n" + "나\n\n")
    report = found.report()
    assert json.loads(json.dumps(report)) == report
    assert report == {
        "file": str(found.path),
        "format": "character-tsv",
        "fingerprint": found.fingerprint,
        "texts": 6,
        "usable": 4,
        "rejected": {
            entity_marks.MALFORMED_TAG: {"count": 1, "places": [f"rows:{len(SENTENCE) + 2}"]},
            entity_marks.NO_TAB: {"count": 1, "places": [f"rows:{3 * len(SENTENCE) + 11}"]},
        },
        "composed": {"count": 0, "places": []},
        "duplicates": {"count": 2, "places": [found.rows[1].where, found.rows[2].where]},
        "conflicting_entities": {"count": 1, "places": [found.rows[2].where]},
        "repeated_ids": {"count": 0, "places": []},
        "without_entities": 1,
        "characters": 3 * len(SENTENCE) + 4,
        "entities": {"PS": 3, "OG": 2},
    }


def test_a_report_names_a_hundred_places(read):
    found = read(GOOD + "가\tX\n\n" * 150)
    counted = found.report()["rejected"][entity_marks.MALFORMED_TAG]
    assert (counted["count"], len(counted["places"])) == (150, 100)
    assert len(found.rejected[entity_marks.MALFORMED_TAG]) == 150


def test_the_fingerprint_depends_on_what_is_used(read):
    assert read(TSV).fingerprint == read(TSV + "\n가\tX\n").fingerprint
    assert re.fullmatch("[0-9a-f]{16}", read(TSV).fingerprint)
    changed = [TSV, TSV.replace("a-17", "a-19"), TSV.replace("PS", "LC"), TSV.replace("세", "지"), TSV + GOOD]
    assert len({read(content).fingerprint for content in changed}) == 5


# --- both formats, any text -------------------------------------------------------------------------------------------

CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\n\r") | st.sampled_from(
    "가각각ᆢㅋㅏ金\ufa0c\u0301\u0316é😀👩\u200d🏽\ufe0f🇰#\t \u3164\u115fＡﾞ\x00\x1c\x85\u2028\ufeff<:>"
)
TYPES = st.sampled_from(["PS", "OG", "날짜", "per-1_b"])


@st.composite
def marked_texts(draw, alphabet):
    """A sentence with something in it, and entities between places where it can be cut."""
    text = draw(st.text(alphabet, min_size=1, max_size=30).filter(lambda text: normalize(text).strip()))
    characters = CharacterMap(text)
    cuts = sorted({0, len(text), *characters.starts.tolist(), *characters.ends.tolist()})
    places = draw(st.lists(st.sampled_from(cuts), unique=True, max_size=8).map(sorted))
    found = [
        NamedEntity(start, end, draw(TYPES))
        for start, end in pairwise(places)
        if draw(st.booleans()) and normalize(text[start:end]).strip()
    ]
    return text, tuple(found)


def inline(text: str, found: tuple[NamedEntity, ...]) -> str:
    for each in reversed(found):
        text = f"{text[: each.start]}<{text[each.start : each.end]}:{each.type}>{text[each.end :]}"
    return text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(marked_texts(CHARACTERS), min_size=1, max_size=4))
def test_any_text_comes_back_from_lines_of_characters(read, sentences):
    content = "\n".join(f"## {number}\n{lines_of(*sentence)}" for number, sentence in enumerate(sentences))
    found = read(content)
    assert [(text.text, text.entities) for text in found.rows] == sentences
    assert [text.id for text in found.rows] == [str(number) for number in range(len(sentences))]
    assert (found.format, found.rejected) == ("character-tsv", {})
    assert len(found.composed) == sum(CharacterMap(text).composes for text, _ in sentences)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(marked_texts(CHARACTERS.filter(lambda character: character not in "<>")), min_size=1, max_size=4))
def test_any_text_comes_back_from_spans(read, sentences):
    lines = [f"{inline(*sentence)}\n{INLINE}" for sentence in sentences]
    found = read("\n".join([INLINE, *lines]))  # most lines have no tab
    assert [(text.text, text.entities) for text in found.rows[::2]] == [(SENTENCE, FOUND)] * (len(sentences) + 1)
    assert [(text.text, text.entities) for text in found.rows[1::2]] == sentences
    assert (found.format, found.rejected) == ("inline", {})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.sampled_from("<>:PS가 -\tO\n#B"), max_size=20), max_size=8))
def test_every_sentence_is_used_or_counted(read, lines):
    for content in (f"{INLINE}\n" * 20 + "\n".join(lines), GOOD * 20 + "\n".join(lines)):
        found = read(content)
        report = found.report()
        assert report["texts"] == len(found.rows) + sum(map(len, found.rejected.values()))
        if found.format == "inline":
            assert report["texts"] == sum(bool(line) for line in content.split("\n"))


# --- tags -------------------------------------------------------------------------------------------------------------


def test_tags_of_entities():
    assert bio_tags(6, FOUND[:1]) == ["B-PS", "I-PS", "I-PS", "O", "O", "O"]
    assert bio_tags(2, [NamedEntity(1, 2, "A"), NamedEntity(0, 1, "A")]) == ["B-A", "B-A"]
    assert bio_tags(0, []) == []


@pytest.mark.parametrize("spans", [[(0, 0)], [(2, 1)], [(0, 4)], [(-1, 2)], [(0, 2), (1, 3)], [(0, 3), (1, 2)]])
def test_entities_that_have_no_tags(spans):
    with pytest.raises(ValueError, match="is empty, overlaps another or lies outside"):
        bio_tags(3, [NamedEntity(*span, "PS") for span in spans])


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ("O I-A B-B O", [(2, 3, "B")]),
        ("B-A I-B I-A", [(0, 1, "A")]),
        ("I-A I-A", []),
        ("B-A O I-A", [(0, 1, "A")]),
        ("B-A B-A I-A", [(0, 1, "A"), (1, 3, "A")]),
        ("B-A I-A", [(0, 2, "A")]),
        ("B-A-B I-A-B I-A", [(0, 2, "A-B")]),
        ("", []),
    ],
)
def test_entities_of_tags_that_break_the_rules(tags, found):
    assert entities_of(tags.split()) == [NamedEntity(*each) for each in found]


@given(marked_texts(CHARACTERS))
@example(("가나", (NamedEntity(0, 1, "PS"), NamedEntity(1, 2, "PS"))))
def test_tags_say_what_entities_say(sentence):
    text, found = sentence
    assert tuple(entities_of(bio_tags(len(text), found))) == found


def test_types():
    texts = [TaggedText("1", SENTENCE, FOUND, ""), TaggedText("2", "", None, ""), TaggedText("3", "", (), "")]
    assert entity_types(texts) == ["OG", "PS"]
    assert [text.label for text in texts] == ["OG+PS", None, ""]
