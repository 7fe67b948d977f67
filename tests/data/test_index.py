"""The index finds every document once, counts what it leaves out, and is made again only when a file has changed."""

import json
import os
import shutil
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from data import formats, index, lines
from data.errors import DataError
from data.formats import BROKEN_JSON, EMPTY_DOCUMENT, NO_TEXT, TOO_LONG, Content, Format, Rejected
from data.index import (
    DUPLICATE,
    INVALID,
    LOCATIONS,
    Index,
    document_key,
    first_occurrences,
    in_memory,
    make_index,
)
from data.lines import FileState, index_path, open_lines
from data.sources import Source, find_sources


@pytest.fixture
def made(tmp_path: Path, monkeypatch):
    """Writes files, by name, and gives the index of them."""
    monkeypatch.chdir(tmp_path)

    def make(files: dict[str, bytes | str], *given: str) -> Index:
        for name, content in files.items():
            path = Path("corpus", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return Index(make_index(find_sources(given or ["corpus"], tmp_path / "cache", print), tmp_path / "cache"))

    return make


def petition(content: str, title: str = "제목") -> str:
    return json.dumps({"title": title, "content": content}, ensure_ascii=False) + "\n"


def rows(made_index: Index) -> list[tuple[int, int, int, int]]:
    columns = (made_index.file, made_index.line, made_index.lines, made_index.chars)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_columns_and_counts(made):
    found = made(
        {
            "a": petition("하나둘셋") + "\n" + petition("넷 다섯"),
            "b": " = 쪽 =\n\n = = 절 = =\n글이다.\n = 빈 쪽 =\n = 끝 =\n글.\n둘.\n",
            "c": "문단.\r\n둘째.\r\n\r\n문서.",
        }
    )
    assert rows(found) == [(0, 1, 1, 6), (0, 3, 1, 6), (1, 1, 4, 5), (1, 6, 3, 5), (2, 1, 2, 6), (2, 4, 1, 3)]
    counts = found.counts
    assert [(f.format, f.lines, f.documents) for f in counts.files] == [
        ("petitions", 3, 2),
        ("namuwikitext", 8, 2),
        ("plain", 4, 2),
    ]
    assert (counts.documents, counts.characters, counts.one_line_documents, counts.cuts) == (6, 31, 3, 0)
    assert counts.rejected == {EMPTY_DOCUMENT: 1} and counts.locations == {EMPTY_DOCUMENT: [[1, 5]]}
    assert counts.seconds > 0
    types = [column.dtype for column in (found.file, found.line, found.lines, found.chars, found.key)]
    assert types == [np.uint32, np.uint64, np.uint32, np.uint32, np.uint64]


def test_what_is_left_out_is_counted_with_its_place(made):
    found = made(
        {
            "a": petition("좋은 글")
            + '{"content": "깨진\n'
            + '{"title": "제목"}\n'
            + petition("  ")
            + '{"content": "짝 없는 \\ud800 글"}\n'
            + petition("좋은 글"),
            "b": b"ok\n\nfine\nnot\xff fine\n\n" + "나머지".encode(),
            "c/d": bytes(range(256)),
            "e": b"",
        }
    )
    assert rows(found) == [(0, 1, 1, 6), (1, 1, 1, 2), (1, 6, 1, 3)]
    assert found.counts.locations == {
        "an empty file": [[2, 0]],
        "a binary file": [[3, 0]],
        BROKEN_JSON: [[0, 2]],
        NO_TEXT: [[0, 3]],
        EMPTY_DOCUMENT: [[0, 4]],
        INVALID: [[0, 5], [1, 4]],
        DUPLICATE: [[0, 6]],
    }
    assert found.counts.rejected == {reason: len(places) for reason, places in found.counts.locations.items()}


def test_places_are_kept_up_to_a_limit_and_counted_beyond_it(made, monkeypatch):
    monkeypatch.setattr(index, "PARTITION", 50)
    found = made({"a": petition("글") * 300 + '{"x\n' * 150})
    assert found.counts.rejected == {BROKEN_JSON: 150, DUPLICATE: 299}
    assert found.counts.locations[BROKEN_JSON] == [[0, 301 + n] for n in range(LOCATIONS)]
    assert found.counts.locations[DUPLICATE] == [[0, 2 + n] for n in range(LOCATIONS)]


def test_a_line_too_long_to_hold_is_left_out(made, monkeypatch):
    for module in (lines, formats):
        monkeypatch.setattr(module, "LONGEST_LINE", 64)
    monkeypatch.setattr(lines, "BLOCK", 32)
    found = made({"a": "짧은 글\n" + "길다" * 100 + "\n다른 글\n" + "끝" * 50})
    assert rows(found) == [(0, 1, 1, 4), (0, 3, 1, 4)]
    assert found.counts.locations == {TOO_LONG: [[0, 2], [0, 4]]}
    assert found.counts.files[0].lines == 4


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 40), min_size=1, max_size=200), st.integers(1, 60))
@example([3] * 100, 7)
def test_first_occurrences_whatever_the_partitions(tmp_path: Path, monkeypatch, values: list[int], partition: int):
    monkeypatch.setattr(index, "PARTITION", partition)
    seen: set[int] = set()
    want = [not (value in seen or seen.add(value)) for value in values]
    keys = np.array(values, dtype=np.uint64) * np.uint64(2**58 - 27)
    assert first_occurrences(keys, tmp_path / "scratch").tolist() == want


def test_duplicates_go_wherever_they_are(made, monkeypatch):
    """Over files and formats, in NFC or not, whatever the spaces; the first stays."""
    monkeypatch.setattr(index, "PARTITION", 3)
    found = made(
        {
            "a": petition("같은 글이다", "") + petition("다른 글이다", ""),
            "b": "같은  글이다\n\n새 글이다\n\n다른\n글이다\n\n새 글이다\n",
            "c": "\u1100\u1161\u11c0\u110b\u1173\u11ab 글이다\n\n끝이다",
        }
    )
    assert rows(found) == [(0, 1, 1, 6), (0, 2, 1, 6), (1, 3, 1, 5), (2, 3, 1, 3)]
    assert found.counts.locations[DUPLICATE] == [[1, 1], [1, 5], [1, 8], [2, 1]]
    assert [file.documents for file in found.counts.files] == [2, 1, 1]
    assert len(set(found.key.tolist())) == 4


HEADS = {Format.PLAIN: "\ufeff글이다.\n\n", Format.NAMUWIKITEXT: " = 쪽 =\n글\n", Format.PETITIONS: petition("글")}
PIECES = st.lists(
    st.sampled_from(
        ["글이다.", " ", "\n", "\n\n", "\r\n", "\r", "\t", "\u3000", " = 쪽 =\n", " = = 절 = =\n", "가나다라" * 5, '{"content": "글"}\n',
         '{"x\n', "\ufeff", "\x0c", "끝"]
    ),
    min_size=1, max_size=60,
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PIECES, st.sampled_from(sorted(HEADS)), st.integers(1, 40), st.booleans())
def test_a_file_read_in_parts_has_the_same_documents(
    tmp_path: Path, monkeypatch, pieces: list[str], format: Format, part: int, large: bool
):
    """Whatever is in it, and wherever it is cut."""
    path = tmp_path / "file"
    path.write_bytes((HEADS[format] + "".join(pieces)).encode())
    monkeypatch.setattr(index, "detect", lambda path, name: format)
    monkeypatch.setattr(index, "THRESHOLD", 0 if large else 1 << 20)
    monkeypatch.setattr(formats, "LONGEST_DOCUMENT", 40)

    def scan(size: int) -> dict[str, bytes]:
        monkeypatch.setattr(index, "PART", size)
        cache = tmp_path / f"cache-{uuid4().hex}"
        sources = find_sources([str(path)], cache, print)
        folder = make_index(sources, cache)
        found = {name: (folder / name).read_bytes() for name in index.COLUMNS}
        counts = json.loads((folder / "counts.json").read_text()) | {"seconds": 0}
        lines_found = [entry.read_bytes() for entry in (cache / "lines").iterdir()] if large else []
        shutil.rmtree(cache)
        return found | {"counts": json.dumps(counts, sort_keys=True).encode(), "lines": b"".join(lines_found)}

    assert scan(part) == scan(1 << 20)


def test_a_key_is_of_the_text_alone():
    key = document_key(Content("제목", ["첫 문단.", "둘째."]))
    assert key == document_key(Content("", ["제목", "첫\t문단.둘째."]))
    assert key != document_key(Content("제목", ["둘째.", "첫 문단."]))
    assert 0 <= key < 2**64
    with pytest.raises(Rejected, match=f"^{INVALID}$"):
        document_key(Content("", ["\udcff"]))


def test_small_files_share_the_memory_of_one():
    sizes = [30, 10, 70, 20, 5]
    sources = [Source(str(n), Path(str(n)), FileState(size * 2**20, 0), "", False) for n, size in enumerate(sizes)]
    assert in_memory(sources) == {4, 1, 3}
    assert in_memory(sources[2:3]) == set()


def test_the_line_index_of_a_large_file_is_written_in_the_same_pass(made, monkeypatch, tmp_path: Path):
    monkeypatch.setattr(index, "THRESHOLD", 40)
    made({"small": "작은 글\n", "large": "\ufeff큰 글\r\n\n" * 9 + "끝"})
    large, _ = find_sources(["corpus"], tmp_path / "cache", print)
    written = index_path(large.path, large.state, tmp_path / "cache")
    assert [path.name for path in written.parent.iterdir()] == [written.name]
    content = written.read_bytes()
    written.unlink()
    open_lines(large.path, tmp_path / "cache", 0)
    assert written.read_bytes() == content


def test_an_index_is_made_once_for_each_version_of_the_files(made, monkeypatch, tmp_path: Path):
    first = made({"a": "하나\n", "b": "둘\n"})
    assert first.counts.documents == 2
    with monkeypatch.context() as patch:
        patch.setattr(index, "read_blocks", None)
        assert made({}).counts == first.counts
    assert made({"b": "둘\n\n셋\n"}).counts.documents == 3
    os.utime("corpus/a", ns=(1, 1))
    with monkeypatch.context() as patch:
        patch.setattr(index, "read_blocks", None)
        with pytest.raises(TypeError):
            made({})


def test_progress_ends_at_the_whole(made, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(index, "PART", 64)
    calls: list[tuple[int, int]] = []
    Path("corpus").mkdir()
    Path("corpus/a").write_text("하나\n\n" * 99)
    Path("corpus/b").write_bytes(bytes(999))
    Path("corpus/c").write_text("둘\n")
    make_index(find_sources(["corpus"], tmp_path / "cache", print), tmp_path / "cache", lambda *c: calls.append(c))
    total = sum(path.stat().st_size for path in Path("corpus").iterdir())
    assert calls[-1] == (total, total) and calls == sorted(calls) and len(calls) > 10


@pytest.mark.parametrize(
    ("files", "given", "message"),
    [
        (
            {"a": b"\0\1\2" * 9, "b": b""},
            ["corpus"],
            "^corpus holds no text that can be used: 1 × a binary file, 1 × an",
        ),
        ({"a": "글\n", "b/c": b""}, ["corpus/a", "corpus/b"], "^corpus/b holds no text that can be used: 1 × an empty"),
        ({"a": "글\n", "b": b""}, ["corpus/a", "corpus/b"], "^corpus/b is an empty file: "),
        ({"a": petition(" ") * 3}, ["corpus/a"], f"^No document is left in corpus/a: 3 × {EMPTY_DOCUMENT}"),
    ],
)
def test_a_corpus_without_text_is_an_error_and_leaves_nothing(made, files, given, message, tmp_path: Path):
    with pytest.raises(DataError, match=message):
        made(files, *given)
    assert list((tmp_path / "cache" / "index").iterdir()) == []


def test_a_file_that_changes_while_it_is_read(made, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(lines, "BLOCK", 32)
    monkeypatch.setattr(index, "THRESHOLD", 0)
    Path("corpus").mkdir()
    path = Path("corpus/a")
    path.write_text("하나\n\n" * 99)
    sources = find_sources(["corpus"], tmp_path / "cache", print)
    with pytest.raises(DataError, match="corpus/a has changed"):
        make_index(sources, tmp_path / "cache", lambda done, total: path.write_text("둘\n" * 150))
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []
