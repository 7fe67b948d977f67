"""Both line readers give the same lines for any bytes, from a file that stays as it was."""

import os
import pickle
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import linecache2
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from data import lines as lines_module
from data.errors import DataError
from data.lines import BOM, CachedLines, FileState, IndexedLines, IndexWriter, line_ends, open_lines, read_blocks

FRAGMENTS = [
    b"\n", b"\r\n", b"\r", b"\n\n", b"\r\r\n", BOM, b"\xef\xbb", "\u2028".encode(), "\u2029".encode(), b"\x0c", b"\x0b",
    b"\x1c\x1d\x1e", "\x85".encode(), b"\x85", b"\xff", b"\xed\xa0\x80", b"\xea\xb0", b"\x00", b" ",
    b"# coding: euc-kr", b"# -*- coding: no-such -*-",
    "국민 청원".encode(), "ㅋㅋ 🎉".encode(), "국민".encode("cp949"), b"a",
]  # fmt: skip

CONTENT = st.one_of(st.lists(st.sampled_from(FRAGMENTS), max_size=12).map(b"".join), st.binary(max_size=40))


def expected(content: bytes) -> list[str]:
    """The lines by the plainest means: everything at once, nothing incremental."""
    text = content.removeprefix(BOM).decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    return [line + "\n" for line in text.removesuffix("\n").split("\n")] if text else []


@pytest.fixture
def both(tmp_path: Path):
    """Writes a file and opens it with both readers."""

    def open_both(content: bytes) -> tuple[CachedLines, IndexedLines]:
        path = tmp_path / "text"
        path.write_bytes(content)
        cached, indexed = (open_lines(path, tmp_path / "cache", threshold) for threshold in (len(content), -1))
        assert isinstance(cached, CachedLines) and isinstance(indexed, IndexedLines)
        return cached, indexed

    return open_both


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=CONTENT)
@example(content=b"")
@example(content=BOM)
@example(content=BOM + b"\n")
@example(content=BOM + BOM + b"a")
@example(content=b"\xef\xbb")
@example(content=b"\r")
@example(content=b"a\n\r\nb\r\rc")
@example(content=b"# coding: euc-kr\n" + "국민".encode())
@example(content=b"# coding: no-such-codec\n\xff\n")
def test_both_readers_give_the_same_lines(both, content: bytes):
    want = expected(content)
    for reader in both(content):
        assert len(reader) == len(want)
        assert [reader.getline(n) for n in range(1, len(want) + 1)] == want
        assert [reader.getline(n) for n in (-(2**40), -1, 0, len(want) + 1, 2**40)] == [""] * 5
        for first, count in ((1, len(want)), (2, 3), (0, 2), (-3, 2), (-3, 9), (1, 0), (3, -1), (len(want), 5)):
            inside = [want[n - 1] for n in range(first, first + count) if 1 <= n <= len(want)]
            assert reader.getlines(first, count) == inside
        reader.close()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.lists(st.sampled_from(FRAGMENTS), max_size=30).map(b"".join), block=st.integers(4, 9))
def test_blocks_end_with_lines_and_never_within_a_line_end(both, monkeypatch, content: bytes, block: int):
    monkeypatch.setattr(lines_module, "BLOCK", block)
    monkeypatch.setattr(lines_module, "LONGEST_LINE", 16)
    cached, indexed = both(content)
    blocks = list(read_blocks(cached.path))
    assert b"".join(blocks) == content
    assert not any(a.endswith(b"\r") and b.startswith(b"\n") for a, b in pairwise(blocks))
    for piece in blocks[:-1]:
        assert piece.endswith((b"\n", b"\r")) or (len(piece) >= 16 and not {*b"\r\n"} & {*piece})
    indexed.index.unlink()
    rebuilt = open_lines(indexed.path, indexed.index.parent.parent, -1)
    assert [rebuilt.getline(n) for n in range(1, len(rebuilt) + 1)] == expected(content)
    assert len(rebuilt) == len(cached)


def test_lines_across_the_decoder_s_own_blocks(both):
    """`open` decodes in blocks of 8 kB, the indexed reader line by line: characters on the edge must come out alike."""
    content = b"".join(b"\xed\x95\x9c" * n + b"\xea\xb0" * (n % 3) + b"\r\n" * (n % 2) for n in range(400))
    assert len(content) > 100_000
    cached, indexed = both(content)
    want = expected(content)
    assert cached.getlines(1, len(want)) == indexed.getlines(1, len(want)) == want


def test_line_ends_are_offsets_behind_each_line_end():
    assert line_ends(b"ab\n\r\nc\rd\n\n").tolist() == [3, 5, 7, 9, 10]


def test_threshold_chooses_the_reader(tmp_path: Path):
    path = tmp_path / "text"
    path.write_text("가나다\n")
    assert isinstance(open_lines(path, tmp_path / "cache", 10), CachedLines)
    assert isinstance(open_lines(path, tmp_path / "cache", 9), IndexedLines)
    assert isinstance(open_lines(path, tmp_path / "cache"), CachedLines)


def test_small_files_are_held_by_linecache2_and_given_back(both):
    cached, _ = both("하나\n둘\n".encode())
    before = set(linecache2.cache)
    assert cached.getline(2) == "둘\n"
    (key,) = set(linecache2.cache) - before
    assert linecache2.getline(key, 1) == "하나\n"
    assert cached.getline(1) is cached.getline(1), "the file must not be read for every line"
    linecache2.checkcache()
    assert key in linecache2.cache, "linecache2 must take our entry for up to date"
    linecache2.clearcache()
    assert cached.getline(1) == "하나\n", "lines must come back after anyone has cleared the cache"
    cached.close()
    assert key not in linecache2.cache


def test_another_user_of_linecache2_does_not_change_the_lines(both):
    cached, _ = both(b"# coding: latin-1\n" + "청원".encode())
    assert linecache2.getline(str(cached.path), 2) != "청원\n"
    assert cached.getline(2) == "청원\n"


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("used", [False, True])
def test_a_changed_file_is_refused(both, which: int, used: bool):
    reader = both("하나\n둘\n".encode())[which]
    if used:
        assert reader.getline(1) == "하나\n"
    reader.path.write_bytes("하나\n둘\n셋\n".encode())
    for read in (lambda: reader.getline(1), lambda: reader.getlines(1, 2)):
        with pytest.raises(DataError, match=f"^{reader.path} has changed since it was indexed"):
            read()


@pytest.mark.parametrize("which", [0, 1])
def test_same_size_but_newer_is_a_change(both, which: int):
    reader = both(b"one\n")[which]
    os.utime(reader.path, ns=(1, reader.state.mtime_ns + 1))
    with pytest.raises(DataError, match="has changed"):
        reader.getline(1)


@pytest.mark.parametrize("which", [0, 1])
def test_a_file_that_is_gone_is_named(both, which: int):
    reader = both(b"one\n")[which]
    reader.path.unlink()
    with pytest.raises(DataError, match=f"^{reader.path} cannot be read any more"):
        reader.getline(1)


def test_missing_file_and_earlier_state(tmp_path: Path):
    path = tmp_path / "text"
    with pytest.raises(DataError, match=f"^{path} cannot be read"):
        open_lines(path, tmp_path / "cache")
    path.write_bytes(b"a\n")
    with pytest.raises(DataError, match="has changed"):
        open_lines(path, tmp_path / "cache", state=FileState(size=2, mtime_ns=0))


def test_a_changed_file_gets_a_new_index(both, tmp_path: Path):
    old = both(b"one\n")[1]
    new = both(b"one\ntwo\n")[1]
    assert new.index != old.index and len(new) == 2


def test_index_is_reused_and_written_whole_or_not_at_all(both, tmp_path: Path, monkeypatch):
    _, indexed = both(b"one\ntwo\n")
    assert np.fromfile(indexed.index, "<u8").tolist() == [0, 4, 8]
    with monkeypatch.context() as patch:
        patch.setattr(lines_module, "read_blocks", None)
        assert len(open_lines(indexed.path, tmp_path / "cache", -1)) == 2
    target = tmp_path / "cache" / "lines" / "other"
    with pytest.raises(KeyboardInterrupt), IndexWriter(target) as writer:
        writer.add(b"one\n")
        raise KeyboardInterrupt
    assert [path.name for path in target.parent.iterdir()] == [indexed.index.name]


@pytest.mark.parametrize("which", [0, 1])
def test_a_reader_travels_as_a_path(both, which: int):
    reader = both("줄\n".encode() * 5_000)[which]
    assert reader.getline(5_000) == "줄\n"
    frozen = pickle.dumps(reader)
    assert len(frozen) < 600
    program = f"import pickle; reader = pickle.loads({frozen!r}); print(len(reader), ascii(reader.getline(5_000)))"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout == "5000 '\\uc904\\n'\n"


def test_closed_readers_open_again(both):
    for reader in both(b"one\ntwo"):
        assert reader.getline(2) == "two\n"
        reader.close()
        reader.close()
        assert reader.getline(1) == "one\n"


def test_an_indexed_reader_keeps_memory_flat(tmp_path: Path):
    """Random access over 48 MB must not leave its lines on Python's heap (a list of them would take 77 MB)."""
    import tracemalloc

    path = tmp_path / "text"
    path.write_bytes(("국민청원 " * 100 + "\n").encode() * 36_000)
    tracemalloc.start()
    reader = open_lines(path, tmp_path / "cache", 0)
    assert len(reader) == 36_000
    for n in range(1, 36_001, 7):
        assert reader.getline(n)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert path.stat().st_size > 46e6
    assert peak < 32e6
