"""A corpus gives documents and sentences from files as they were indexed, in any process."""

import gzip
import json
import os
import pickle
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data import corpus as corpus_module
from data import formats, index
from data.cleaning import Cleaning
from data.corpus import Corpus, Document, open_corpus
from data.errors import DataError
from data.formats import Content, Format
from data.index import document_key
from data.lines import CachedLines, IndexedLines

PETITIONS = [
    {
        "title": "어린이 보호구역을 늘려 주세요",
        "content": "안녕하세요. 학교 앞 도로가 너무 위험합니다. 도와주세요!!!!!",
    },
    {"title": "짧은 제목", "content": "네."},
    {"content": "제목이 없는 청원도 있습니다. 본문만 읽으면 됩니다."},
]
PAGES = """\
 = 집성목 =

 = = 개요 = =

나무 조각을 접착제로 붙여 만든 목재이다.
값이 싸서 가구에 널리 쓰인다.

 = = 같이 보기 = =

 = 부산항 대교 =
부산광역시 영도구와 남구를 잇는 다리이다.
"""
PLAIN = "첫 문서의 첫 문장입니다. 그리고 둘째 문장입니다.\n첫 문서의 둘째 줄입니다.\n\n다른 문서의 한 줄입니다.\n"

DEFAULT = Cleaning()
Build = Callable[..., Corpus]


@pytest.fixture
def build(tmp_path: Path, monkeypatch) -> Build:
    """Opens a corpus of the three formats, relative to an empty working folder."""
    monkeypatch.chdir(tmp_path)
    Path("text").mkdir()
    Path("text/petitions").write_text("".join(json.dumps(p, ensure_ascii=False) + "\n" for p in PETITIONS))
    Path("text/pages").write_text(PAGES)
    Path("text/plain").write_text(PLAIN)

    def build_corpus(*paths: str, cleaning: Cleaning = DEFAULT, cache: str = "cache") -> Corpus:
        return open_corpus(paths or ["text/petitions", "text/pages", "text/plain"], Path(cache), cleaning)

    return build_corpus


def test_documents_of_every_format(build: Build):
    corpus = build()
    assert len(corpus) == 7
    assert [corpus.text(i) for i in range(7)] == [
        [PETITIONS[0]["title"], PETITIONS[0]["content"]],
        ["짧은 제목", "네."],
        [PETITIONS[2]["content"]],
        ["집성목", "나무 조각을 접착제로 붙여 만든 목재이다.", "값이 싸서 가구에 널리 쓰인다."],
        ["부산항 대교", "부산광역시 영도구와 남구를 잇는 다리이다."],
        PLAIN.split("\n")[:2],
        [PLAIN.split("\n")[3]],
    ]
    assert corpus.chars.tolist() == [sum(map(len, corpus.text(i))) for i in range(7)]
    assert corpus.chars.dtype == np.uint32 and corpus.keys.dtype == np.uint64
    assert corpus.document(4) == Document(4, "text/pages", 10, 2)
    assert [corpus.where(i) for i in (2, 3, 6)] == ["text/petitions:3", "text/pages:1", "text/plain:4"]


def test_sentences_are_cleaned_split_and_long_enough(build: Build):
    corpus = build()
    assert [corpus.sentences(i) for i in range(7)] == [
        ["어린이 보호구역을 늘려 주세요", "학교 앞 도로가 너무 위험합니다."],
        [],
        ["제목이 없는 청원도 있습니다.", "본문만 읽으면 됩니다."],
        ["나무 조각을 접착제로 붙여 만든 목재이다.", "값이 싸서 가구에 널리 쓰인다."],
        ["부산광역시 영도구와 남구를 잇는 다리이다."],
        ["첫 문서의 첫 문장입니다.", "그리고 둘째 문장입니다.", "첫 문서의 둘째 줄입니다."],
        ["다른 문서의 한 줄입니다."],
    ]
    assert [corpus.cleaned(i) for i in (0, 1)] == [(corpus.sentences(0), 2), ([], 2)]
    everything = build(cleaning=Cleaning(min_chars=0, repeats=False))
    assert everything.sentences(0)[-1] == "도와주세요!!!!!"
    assert everything.sentences(1) == ["짧은 제목", "네."]
    assert build(cleaning=Cleaning(min_chars=6)).sentences(4)[0] == "부산항 대교"


@pytest.mark.parametrize("i", [-1, 7, 2**40])
def test_numbers_outside_the_corpus(build: Build, i: int):
    corpus = build()
    for method in (corpus.document, corpus.where, corpus.text, corpus.sentences):
        with pytest.raises(IndexError, match=f"document {i} of a corpus of 7"):
            method(i)


def test_lines_come_from_both_readers_alike(build: Build, monkeypatch):
    held = build()
    want = [held.text(i) for i in range(7)]
    monkeypatch.setattr(index, "THRESHOLD", 0)
    indexed = build(cache="other")
    assert [indexed.text(i) for i in range(7)] == want
    assert {type(reader) for reader in held._readers.values()} == {CachedLines} and not held._opened
    assert {type(reader) for reader in indexed._opened.values()} == {IndexedLines} and not indexed._readers


HEADS = {Format.PLAIN: "\ufeff글이다.\n\n", Format.NAMUWIKITEXT: " = 쪽 =\n글\n", Format.PETITIONS: '{"text": "글"}\n'}
PIECES = st.sampled_from(
    ["글이다.", " ", "\n", "\n\n", "\r\n", "\r", "\t", "\u3000", "\u2028", "\x85", "\x1c", "\x0c", " = 쪽 =\n", " = 쪽 = \r\n",
     " = = 절 = =\n", " = = 절 = =\r", "가나다라" * 5, '{"title": "ㄱ\\n", "content": "ㄴ\u2028ㄷ"}\n', '{"x\n', "\ufeff", "끝"]
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PIECES, max_size=60), st.sampled_from(sorted(HEADS)), st.booleans())
def test_what_is_read_is_what_was_indexed(tmp_path: Path, monkeypatch, pieces: list[str], format: Format, large: bool):
    """Characters and keys were taken while the file was divided into documents; text is read from lines of it."""
    monkeypatch.setattr(index, "detect", lambda path, name: format)
    monkeypatch.setattr(index, "THRESHOLD", 0 if large else 1 << 20)
    monkeypatch.setattr(formats, "LONGEST_DOCUMENT", 40)
    with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
        path = Path(folder, "file")  # of a name that linecache2 has not seen
        path.write_bytes((HEADS[format] + "".join(pieces)).encode())
        corpus = open_corpus([path], Path(folder, "cache"), DEFAULT)
        texts = [corpus.text(i) for i in range(len(corpus))]
        assert corpus.keys.tolist() == [document_key(Content("", text)) for text in texts]
        assert corpus.chars.tolist() == [sum(map(len, text)) for text in texts]


def test_large_files_are_closed_when_there_are_many(build: Build, monkeypatch):
    """A folder of 10,000 files must not use up the file handles of a process."""
    monkeypatch.setattr(index, "THRESHOLD", 0)
    monkeypatch.setattr(corpus_module, "OPEN_FILES", 3)
    Path("many").mkdir()
    for n in range(40):
        Path(f"many/{n:02}").write_text(f"{n}번째 문서의 문장입니다.\n")
    corpus = build("many")
    before = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0
    for i in [*range(40), 0, 38]:
        assert corpus.sentences(i) == [f"{i}번째 문서의 문장입니다."]
    assert list(corpus._opened) == [39, 0, 38]
    if before:
        assert len(os.listdir("/proc/self/fd")) <= before + 2 * 3 + 5


@pytest.mark.parametrize("threshold", [0, 2**20])
def test_a_corpus_goes_to_a_worker_as_paths(build: Build, monkeypatch, threshold: int):
    monkeypatch.setattr(index, "THRESHOLD", threshold)
    Path("text/long").write_text("".join(f"{n}번째 문서의 문장입니다.\n\n" for n in range(3000)))
    corpus = build("text")
    assert len(corpus.sentences(0)) + len(corpus.report.files) + len(corpus.fingerprint) > 32
    frozen = pickle.dumps(corpus)
    assert len(frozen) < 2_000
    again = pickle.loads(frozen)
    assert (again.fingerprint, again.report) == (corpus.fingerprint, corpus.report)
    program = (
        f"import pickle, sys; c = pickle.loads({frozen!r});"
        "sys.stdout.reconfigure(encoding='utf-8'); print(len(c), c.where(2999), *c.sentences(2999))"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, env=environment)
    assert told.stdout.decode() == "3007 text/long:5999 2999번째 문서의 문장입니다.\n"


# --- Report -----------------------------------------------------------------------------------------------------------


def test_the_report_says_what_is_there_and_what_is_not(build: Build):
    Path("text/bad").write_text(
        '{"content": "좋은 청원입니다."}\n{"content": "깨진\n{"title": "빈 청원"}\n' + "{\n" * 150
    )
    Path("text/binary").write_bytes(bytes(range(256)))
    Path("text/twin").write_text("새 글\n\n" + PLAIN)
    Path("text/packed").write_bytes(gzip.compress("묶인 글\n".encode()))
    report = build("text", "text/plain").report
    assert [(file.path, file.format, file.documents) for file in report.files] == [
        ("text/bad", "petitions", 1),
        ("text/packed", "plain", 1),
        ("text/pages", "namuwikitext", 2),
        ("text/petitions", "petitions", 3),
        ("text/plain", "plain", 2),
        ("text/twin", "plain", 1),
    ]
    assert report.files[1].bytes == len("묶인 글\n".encode())
    assert report.documents == sum(file.documents for file in report.files) == 10
    assert report.lines == sum(file.lines for file in report.files) == 153 + 1 + 11 + 3 + 4 + 6
    assert (report.duplicates, report.cuts, report.one_line_documents) == (2, 0, 7)
    assert {reason: (what.count, what.locations[:2]) for reason, what in report.rejected.items()} == {
        "broken JSON line": (151, ["text/bad:2", "text/bad:4"]),
        "duplicate": (2, ["text/twin:3", "text/twin:6"]),
        'JSON line without "content" or "text"': (1, ["text/bad:3"]),
        "a binary file": (1, ["text/binary"]),
        "given twice": (1, ["text/plain"]),
    }
    assert len(report.rejected["broken JSON line"].locations) == 100
    assert list(report.rejected) == sorted(report.rejected, key=lambda reason: -report.rejected[reason].count)
    plain = json.loads(json.dumps(report.as_dict()))
    assert plain["rejected"]["duplicate"] == {"count": 2, "locations": ["text/twin:3", "text/twin:6"]}
    assert plain["files"][0]["path"] == "text/bad" and plain["seconds"] > 0


def test_long_text_without_blank_lines_is_cut_and_counted(build: Build):
    Path("text/long").write_text("".join(f"{n}번째 줄에 있는 문장입니다.\n" for n in range(5_000)))
    corpus = build("text/long")
    assert corpus.report.cuts == len(corpus) - 1 >= 2
    assert max(corpus.chars) <= 2**15
    assert [line for i in range(len(corpus)) for line in corpus.text(i)] == Path("text/long").read_text().splitlines()


# --- Again, elsewhere, and after a change -----------------------------------------------------------------------------


def test_opened_again_no_text_is_read(build: Build, monkeypatch):
    first = build()
    monkeypatch.setattr(index, "read_blocks", None)
    monkeypatch.setattr(index, "detect", None)
    second = build()
    assert (second.fingerprint, second.report) == (first.fingerprint, first.report)
    assert second.keys.tolist() == first.keys.tolist()


def test_names_follow_the_paths_that_were_given(build: Build, tmp_path: Path, monkeypatch):
    assert build("text").where(0) == "text/pages:1"
    assert build(str(tmp_path / "text")).where(0) == f"{tmp_path}/text/pages:1"


def test_the_fingerprint_is_of_contents_formats_order_and_cleaning(build: Build, monkeypatch, tmp_path: Path):
    original = build().fingerprint
    assert re.fullmatch("[0-9a-f]{32}", original)
    os.rename("text", "moved")
    for name in ("petitions", "pages", "plain"):
        os.utime(f"moved/{name}", ns=(1, 1))
    os.rename("moved/plain", "moved/other_name")
    Path("moved/pages.gz").write_bytes(gzip.compress(Path("moved/pages").read_bytes()))
    moved = ["moved/petitions", "moved/pages.gz", "moved/other_name"]
    assert build(*moved, cache="elsewhere").fingerprint == original
    assert build(*moved[::-1]).fingerprint != original
    for option in ("urls", "repeats", "placeholders", "notices", "characters", "hanja", "min_chars"):
        changed = replace(Cleaning(), **{option: 11 if option == "min_chars" else False, "hanja": option != "hanja"})
        if option == "characters":
            changed = Cleaning(characters=False)
        assert build(*moved, cleaning=changed).fingerprint != original, option
    Path("moved/other_name").write_text(PLAIN.replace("첫", "쳣"))
    assert build(*moved).fingerprint != original


def test_keys_do_not_depend_on_file_or_place(build: Build):
    corpus = build()
    assert sorted(build("text/plain", "text/pages", "text/petitions").keys) == sorted(corpus.keys)
    assert len(set(corpus.keys.tolist())) == len(corpus)


@pytest.mark.parametrize("threshold", [0, 2**20])
@pytest.mark.parametrize("read", [False, True])
def test_a_file_that_changes_while_running_is_named(build: Build, monkeypatch, threshold: int, read: bool):
    monkeypatch.setattr(index, "THRESHOLD", threshold)
    corpus = build()
    if read:
        corpus.text(5)
    Path("text/plain").write_text(PLAIN + "덧붙인 줄입니다.\n")
    with pytest.raises(DataError, match=r"text/plain has changed since it was indexed: .* run again\.$"):
        corpus.sentences(5)
    assert corpus.text(0)
    assert build().report.lines == corpus.report.lines + 1


def test_the_cache_can_be_deleted(build: Build):
    import shutil

    first = build()
    shutil.rmtree("cache")
    assert build().fingerprint == first.fingerprint


# --- A user's mistakes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "content", "sentence"),
    [
        ("missing", None, "missing does not exist: give the path of a file or a folder."),
        ("empty", b"", "empty is an empty file: give a file of text."),
        ("binary", bytes(range(256)), "binary is a binary file: give text in UTF-8."),
        ("cp949", PLAIN.encode("cp949"), "cp949 is text in CP949 (EUC-KR): convert it to UTF-8 (iconv -f CP949 -t UTF-8)."),
        ("a.gz", b"\x1f\x8b\x08", "a.gz is a broken gzip archive: fetch or pack it again "),
        ("folder", b"", "folder holds no text that can be used: 1 × an empty file."),
    ],
)  # fmt: skip
def test_mistakes_get_one_sentence(build: Build, given: str, content: bytes | None, sentence: str):
    if content is not None:
        path = Path("folder/a" if given == "folder" else given)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    with pytest.raises(DataError) as error:
        build("text", given)
    assert str(error.value).startswith(sentence) and str(error.value).endswith(".")
    assert "\n" not in str(error.value)


def test_a_corpus_of_which_nothing_is_left(build: Build):
    Path("blank").write_text('{"content": ""}\n')
    with pytest.raises(DataError, match=r"^No document is left in blank: 1 × empty document\.$"):
        build("blank")
    assert build("blank", "text").report.rejected["empty document"].locations == ["blank:1"]


def test_a_cache_that_cannot_be_written(build: Build):
    Path("cache").write_text("a file where the folder should be")
    with pytest.raises(DataError, match=r"^.*cache.* cannot be read or written \(.*\): check space and permissions\.$"):
        build()
