"""Formats are told by content, documents begin and end where they should, and what is no text is refused."""

import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from data import formats, lines
from data.formats import (
    BROKEN_JSON,
    EMPTY_DOCUMENT,
    HEAD,
    NO_TEXT,
    TOO_LONG,
    Content,
    Format,
    Refused,
    Rejected,
    Span,
    decode_blocks,
    detect,
    read_document,
    split_documents,
)
from data.lines import read_blocks

PETITION = {"category": "인권", "content": "안녕하세요. 청원합니다.", "title": "국민 청원", "num_agree": 3}
PAGE = " = 집성목 =\n\n = = 개요 = =\n\n나무 조각을 접착제로 붙여 만든 목재.\n"
PLAIN = "첫 문단이다.\n둘째 문단이다.\n\n다른 문서다.\n"


def json_line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"


@pytest.fixture
def told(tmp_path: Path):
    """The format of a file with the given content and a name that says nothing."""

    def detect_content(content: str | bytes) -> Format:
        path = tmp_path / "file"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return detect(path, "file")

    return detect_content


# --- Which format -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "format"),
    [
        (json_line(PETITION), Format.PETITIONS),
        ("\ufeff\n" + json_line({"text": "제목이 없는 글"}), Format.PETITIONS),
        ('{"content": "깨진 줄\n' + json_line(PETITION), Format.PETITIONS),
        (json_line({"title": "글이 없는 청원"}) + json_line(PETITION), Format.PETITIONS),
        (json_line(PETITION | {"content": "긴 청원 " * HEAD}), Format.PETITIONS),
        (json_line(PETITION | {"content": "줄이 많은 파일"}) * 2_000, Format.PETITIONS),
        (json_line(PETITION).replace("\n", "\r\n"), Format.PETITIONS),
        (PAGE, Format.NAMUWIKITEXT),
        ("앞이 잘린 쪽의 끝.\n\n" + PAGE, Format.NAMUWIKITEXT),
        (PAGE.replace("\n", "\r\n"), Format.NAMUWIKITEXT),
        (PLAIN, Format.PLAIN),
        ("[1] 이혼한 부부나 생모, 생부 사이에서 양육비청구권의 법적 성질\n", Format.PLAIN),
        ("{가} 다음 글을 읽고 물음에 답하시오.\n", Format.PLAIN),
        ("따라서\n = 3 =\n이다.\n", Format.PLAIN),
        ("개행 없는 글", Format.PLAIN),
        ("글 " * 200 + "\0", Format.PLAIN),
        (PLAIN.encode() * 9 + b"\xff\xfe\xba", Format.PLAIN),
        ("한".encode() * HEAD, Format.PLAIN),
        (b"plain ascii\n" * 9 + b"caf\xe9 " + "하나 둘 셋".encode(), Format.PLAIN),
    ],
)
def test_formats_are_told_by_content(told, content: str | bytes, format: Format):
    assert told(content) is format


def zipped() -> bytes:
    with zipfile.ZipFile(content := io.BytesIO(), "w") as archive:
        archive.writestr(zipfile.ZipInfo("a.txt"), PLAIN)  # without the time, which would be in the tests' names
    return content.getvalue()


def tarred() -> bytes:
    with tarfile.open(fileobj=(content := io.BytesIO()), mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.txt"), io.BytesIO())
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "an empty file"),
        (b"\xef\xbb\xbf \r\n\t\n", "an empty file"),
        (b"\n" * (HEAD + 9) + b"text\n", "a file that begins with blank lines only"),
        (bytes(range(256)) * 40, "a binary file"),
        ("국민".encode("utf-16-le") * 9 + b"\0a\0b\0c", "a binary file"),
        (PLAIN.encode("utf-16"), "text in UTF-16"),
        ((PLAIN * 9).encode("cp949"), "text in CP949 (EUC-KR)"),
        ((PLAIN * 9999).encode("cp949"), "text in CP949 (EUC-KR)"),
        (b"english text " * 50 + "우리말 조금".encode("cp949"), "text in CP949 (EUC-KR)"),
        ("fa\xe7ade, na\xefve, \xfcber ".encode("latin-1") * 30, "not text in UTF-8"),
        (b"%PDF-1.7\n" + PLAIN.encode(), "a PDF document"),
        (zipped(), "a zip archive inside an archive"),
        (tarred(), "a tar archive"),
        ("<!DOCTYPE html><p>글</p>", "HTML or XML markup"),
        ('<?xml version="1.0"?>\n<doc>글</doc>', "HTML or XML markup"),
        ("<mediawiki xml:lang='ko'>", "HTML or XML markup"),
        (json.dumps([PETITION, PETITION]), "a JSON array"),
        (json.dumps([PETITION], indent=1), "a JSON array"),
        (json.dumps(PETITION, indent=1), "JSON that is not one object a line"),
        ('{"content": "깨진 줄\n' * 3, "JSON that is not one object a line"),
        (json_line({"sentence": "글", "label": 1}), 'JSON without "content" or "text"'),
        (json_line({"content": ["글"]}), 'JSON without "content" or "text"'),
    ],
)
def test_what_is_no_text_is_refused_with_its_reason(told, content: str | bytes, reason: str):
    with pytest.raises(Refused) as refused:
        told(content)
    assert refused.value.reason == reason
    sentence = str(refused.value)
    assert sentence.startswith(f"file is {reason}: ") and sentence.endswith(".") and "\n" not in sentence


def test_refused_json_names_its_fields(told):
    with pytest.raises(Refused, match=r'found: "sentence", "label"'):
        told(json_line({"sentence": "글", "label": 1}))


# --- Where documents begin and end ------------------------------------------------------------------------------------


def documents(format: Format, *blocks: str) -> list[Span]:
    return list(split_documents(format, blocks))


def test_petitions_are_lines():
    assert documents(Format.PETITIONS, "{1}\n\n \t\n{2}\n", "\n{3}") == [Span(1, "{1}"), Span(4, "{2}"), Span(6, "{3}")]


def test_pages_begin_at_headings_of_the_first_level():
    text = f"\n끝.\n{PAGE}\n\n = A= =\n본문 = 글 =\n = = = 안 = = =\n  = 들여 쓴 줄 =\n"
    want = [
        Span(2, "끝."),
        Span(3, PAGE.removesuffix("\n")),
        Span(10, " = A= =\n본문 = 글 =\n = = = 안 = = =\n  = 들여 쓴 줄 ="),
    ]
    assert documents(Format.NAMUWIKITEXT, text) == want


def test_blank_lines_divide_plain_text():
    text = "\n \n하나\n  둘\n\t\n\u3000\n셋\n\n\n"
    assert documents(Format.PLAIN, text) == [Span(3, "하나\n  둘"), Span(7, "셋")]


def test_long_documents_are_cut_at_line_ends(monkeypatch):
    monkeypatch.setattr(formats, "LONGEST_DOCUMENT", 10)
    text = "가나다\n라마바\n사아자\n차카타\n\n파하\n"
    assert documents(Format.PLAIN, text) == [
        Span(1, "가나다\n라마바"),
        Span(3, "사아자\n차카타", continues=True),
        Span(6, "파하"),
    ]
    one_line = "가" * 50
    assert documents(Format.PLAIN, one_line + "\n나\n") == [Span(1, one_line), Span(2, "나", continues=True)]
    page = documents(Format.NAMUWIKITEXT, " = 쪽 =\n\n가나다라\n마바사아자차\n = 끝 =\n글\n")
    assert page == [
        Span(1, " = 쪽 =\n"[:-1]),
        Span(3, "가나다라", True),
        Span(4, "마바사아자차", True),
        Span(5, " = 끝 =\n글"),
    ]


LINES = st.sampled_from(
    [
        "",
        "",
        " ",
        "\t",
        "\u3000",
        "\x1c",
        "가",
        "나다",
        " 라",
        "마바사아자 ",
        "가" * 13,
        " = 갑 =",
        " = = 을 = =",
        " = =",
    ]
)


def plainest(format: Format, text: str, longest: int) -> list[tuple[int, list[str]]]:
    """Documents line by line: (number of the first line, lines), before cutting."""
    found: list[tuple[int, list[str]]] = []
    open_document = False
    for number, line in enumerate(text.split("\n"), 1):
        heading = line.startswith(" = ") and line.endswith(" =") and not line.startswith(" = = ") and len(line) > 4
        if format is Format.PLAIN and not line.strip():
            open_document = False
        elif open_document and not (format is Format.NAMUWIKITEXT and heading):
            found[-1][1].append(line)
        elif line.strip():
            found.append((number, [line]))
            open_document = True
    return found


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([Format.PLAIN, Format.NAMUWIKITEXT]),
    st.lists(LINES, max_size=25),
    st.booleans(),
    st.lists(st.integers(0, 25), max_size=6),
)
@example(Format.NAMUWIKITEXT, ["마바사아자 ", "가" * 13, " = 갑 =", "가"], True, [2])
@example(Format.PLAIN, ["마바사아자 ", "가" * 13, "", "가"], True, [2])
def test_documents_do_not_depend_on_blocks_and_lose_no_line(monkeypatch, format, content, ended, places):
    monkeypatch.setattr(formats, "LONGEST_DOCUMENT", 12)
    cuts = sorted({place for place in places if place < len(content)} | {0})
    pieces = [content[a:b] for a, b in zip(cuts, [*cuts[1:], len(content)], strict=True)]
    blocks = ["".join(line + "\n" for line in piece) for piece in pieces]
    if not ended and blocks:
        blocks[-1] = blocks[-1].removesuffix("\n")
    spans = documents(format, *blocks)
    assert spans == documents(format, "".join(blocks))
    numbered = "".join(blocks).split("\n")
    for span in spans:
        there = "\n".join(numbered[span.line - 1 : span.line - 1 + span.lines])
        assert there.rstrip() == span.text and span.text.split("\n")[0].strip()
        assert len(span.text) <= 12 or "\n" not in span.text or len(span.text.split("\n")[0]) > 12
    # Cut pieces put together again are the documents of the plainest reading.
    whole: list[tuple[int, list[str]]] = []
    for span in spans:
        kept = [line.strip() for line in span.text.split("\n") if line.strip()]
        if span.continues:
            whole[-1][1].extend(kept)
        else:
            whole.append((span.line, kept))
    want = [
        (number, [line.strip() for line in lines if line.strip()])
        for number, lines in plainest(format, "".join(blocks), 12)
    ]
    assert whole == want


def test_a_file_without_a_blank_line_is_held_block_by_block():
    """40 MB as one block of text: no more than a document and a block are held."""
    import tracemalloc

    block = ("문단이 끝없이 이어진다. " * 20 + "\n") * 1_000
    tracemalloc.start()
    count = sum(len(span.text) + 1 for span in split_documents(Format.PLAIN, (block for _ in range(30))))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count >= 29 * len(block)
    assert peak < 12 * len(block)


# --- Bytes to text ----------------------------------------------------------------------------------------------------


def test_blocks_are_decoded_with_plain_newlines_and_marked_bytes():
    rejected: list[tuple[int, str]] = []
    blocks = [b"\xef\xbb\xbfa\r\nb\rc\n", b"\xff\xed\x95\x9c\xef\xbf\xbd\n\xef\xbb\xbf"]
    text = list(decode_blocks(blocks, lambda *place: rejected.append(place)))
    assert text == ["a\nb\nc\n", "\udcff한\ufffd\n\ufeff"]
    assert rejected == []


def test_lines_too_long_to_hold_are_left_out(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(lines, "BLOCK", 8)
    monkeypatch.setattr(lines, "LONGEST_LINE", 16)
    monkeypatch.setattr(formats, "LONGEST_LINE", 16)
    path = tmp_path / "file"
    path.write_bytes(b"short\n" + b"x" * 100 + b"\r\nalso\n" + b"y" * 30 + b"\nend\n" + b"z" * 99)
    rejected: list[tuple[int, str]] = []
    text = "".join(decode_blocks(read_blocks(path), lambda *place: rejected.append(place)))
    assert text == "short\n\nalso\n\nend\n"
    assert rejected == [(2, TOO_LONG), (4, TOO_LONG), (6, TOO_LONG)]


# --- What the text is -------------------------------------------------------------------------------------------------


def test_petitions_have_a_title_and_their_content():
    line = json_line(PETITION | {"title": " 국민\n청원 ", "content": "하나.\r\n\n둘.\u2028 셋. "})
    assert read_document(Format.PETITIONS, [line]) == Content("국민 청원", ["하나.", "둘.", "셋."])
    assert read_document(Format.PETITIONS, ['{"text": "글", "title": null}']) == Content("", ["글"])
    assert read_document(Format.PETITIONS, ['{"text": "둘째", "content": "첫째"}']) == Content("", ["첫째"])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"content": "글', BROKEN_JSON),
        ('["content"]', BROKEN_JSON),
        ("[" * 100_000, BROKEN_JSON),
        ("1" * 10_000, BROKEN_JSON),
        ('{"title": "제목뿐"}', NO_TEXT),
        ('{"content": null, "text": 3}', NO_TEXT),
        ('{"content": " \\n", "title": "제목뿐"}', EMPTY_DOCUMENT),
    ],
)
def test_petitions_without_text_are_rejected(line: str, reason: str):
    with pytest.raises(Rejected, match=f"^{reason}$"):
        read_document(Format.PETITIONS, [line])


def test_pages_have_a_title_and_no_headings():
    assert read_document(Format.NAMUWIKITEXT, PAGE.splitlines(keepends=True)) == Content(
        "집성목", ["나무 조각을 접착제로 붙여 만든 목재."]
    )
    cut = ["이어지는 글 = 식 =", " = = = = 깊은 제목 = = = =", " = 값 ="]
    assert read_document(Format.NAMUWIKITEXT, cut) == Content("", ["이어지는 글 = 식 =", "= 값 ="])
    with pytest.raises(Rejected, match=f"^{EMPTY_DOCUMENT}$"):
        read_document(Format.NAMUWIKITEXT, [" = 로버트 퀸 =", "", " = = 실존 인물 = ="])


def test_plain_text_is_its_lines():
    assert read_document(Format.PLAIN, ["하나. \n", " \n", " 둘."]) == Content("", ["하나.", "둘."])
