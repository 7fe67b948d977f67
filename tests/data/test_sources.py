"""Paths become text files: folders are walked in order, archives unpacked once, whole or not at all."""

import bz2
import errno
import gzip
import io
import lzma
import os
import sys
import zipfile
from pathlib import Path

import pytest

from data.errors import DataError
from data.lines import FileState
from data.sources import GIVEN_TWICE, LINKED_FOLDER, Source, find_sources, new_folder, unpack

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TEXT = ("국민 청원 게시판입니다.\n" * 400).encode()


@pytest.fixture
def find(tmp_path: Path, monkeypatch):
    """Finds sources under paths relative to an empty working folder; what was left out is in `find.left_out`."""
    monkeypatch.chdir(tmp_path)

    class Find:
        left_out: list[tuple[str, str]]

        def __call__(self, *paths: str) -> list[Source]:
            self.left_out = []
            return find_sources(paths, tmp_path / "cache", lambda *what: self.left_out.append(what))

    return Find()


def write(name: str, content: bytes = TEXT) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    with zipfile.ZipFile(content := io.BytesIO(), "w", method) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return content.getvalue()


def test_folders_are_walked_in_order_without_what_is_hidden(find):
    folders = [f"b/{n * 37 % 64:02}/q" for n in range(64)]
    for name in ("b/z", "b/a", *folders, "b/.hidden", "b/.git/x", "a", "b/c.txt"):
        write(name)
    found = find("b", "a")
    assert [source.name for source in found] == ["b/a", "b/c.txt", "b/z", *sorted(folders), "a"]
    assert [source.named for source in found] == [False] * 67 + [True]
    assert [source.given for source in found] == ["b"] * 67 + ["a"]
    assert all(source.path.is_absolute() and source.state == FileState.of(source.path) for source in found)


def test_a_file_is_used_once(find):
    write("b/a")
    os.symlink("b/a", "alias")
    assert [source.name for source in find("b/a", "./b", "b/a", "alias")] == ["b/a"]
    assert find.left_out == [(GIVEN_TWICE, "./b/a"), (GIVEN_TWICE, "b/a"), (GIVEN_TWICE, "alias")]


def test_links_to_folders_are_counted_and_not_followed(find):
    write("b/a")
    os.symlink("..", "b/up")
    assert [source.name for source in find("b")] == ["b/a"]
    assert find.left_out == [(LINKED_FOLDER, "b/up")]


def test_the_cache_is_no_corpus(find):
    write("a")
    write("cache/index/x")
    assert [source.name for source in find(".")] == ["./a"]


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (["none"], "^none does not exist: "),
        (["empty"], "^empty is a folder without files: "),
        ([], "^No corpus was given: "),
    ],
)
def test_paths_that_lead_nowhere(find, paths: list[str], message: str):
    Path("empty/.git").mkdir(parents=True)
    write("empty/.git/config")
    with pytest.raises(DataError, match=message):
        find(*paths)


def test_what_cannot_be_opened_comes_with_its_reason(find):
    os.mkfifo("pipe")
    os.symlink("nowhere", "broken")
    Path("folder").mkdir()
    os.rename("broken", "folder/broken")
    pipe, broken = find("pipe", "folder")
    assert str(pipe.refused) == "pipe is not a regular file: copy what it gives into a file."
    assert str(broken.refused).startswith("folder/broken is an unreadable file: ")


def test_names_that_are_not_utf8_can_be_printed(find):
    os.mkdir("folder")
    Path(os.fsdecode(b"folder/" + "국민".encode("cp949"))).write_bytes(TEXT)
    (source,) = find("folder")
    assert source.name.encode() and source.path.read_bytes() == TEXT


# --- Archives ---------------------------------------------------------------------------------------------------------


def test_archives_are_told_by_content_and_unpacked(find):
    write("one.dat", gzip.compress(TEXT))
    write("two", lzma.compress(TEXT) + lzma.compress(TEXT))
    write("three.gz", zipped({"b.txt": b"b", "a/c.txt": TEXT, "a/": b"", "__MACOSX/x": b"x", "a/.DS_Store": b"y"}))
    write("four.zip", TEXT)
    found = find("one.dat", "two", "three.gz", "four.zip")
    assert [source.name for source in found] == ["one.dat", "two", "three.gz/a/c.txt", "three.gz/b.txt", "four.zip"]
    assert [source.path.read_bytes() for source in found] == [TEXT, TEXT * 2, TEXT, b"b", TEXT]
    assert [source.named for source in found] == [True, True, False, False, True]
    assert [source.given for source in found[2:4]] == ["three.gz", "three.gz"]


@pytest.mark.parametrize(
    "pack", [gzip.compress, bz2.compress, lzma.compress, zstd.compress], ids=["gz", "bz2", "xz", "zst"]
)
def test_archives_of_several_streams_are_read_to_their_end(find, pack):
    """As pbzip2, pigz and `cat a.gz b.gz` write them."""
    write("a", pack(TEXT) + pack(b"more"))
    (source,) = find("a")
    assert source.path.read_bytes() == TEXT + b"more" and source.refused is None


def test_zstandard_with_a_frame_to_be_skipped(find):
    write("a", b"\x50\x2a\x4d\x18\x04\0\0\0abcd" + zstd.compress(TEXT))
    assert find("a")[0].path.read_bytes() == TEXT


def test_zstandard_without_its_library_is_refused_with_what_to_do(find, monkeypatch):
    write("a.zst", zstd.compress(TEXT))
    monkeypatch.setitem(sys.modules, zstd.__name__, None)
    assert (
        str(find("a.zst")[0].refused) == "a.zst is a Zstandard archive: pip install backports.zstd, or unpack it first."
    )


def test_text_that_begins_like_an_archive_is_text(find):
    write("a", b"BZh9 is how they begin")
    assert find("a")[0].path == Path("a").resolve()


def test_archives_are_unpacked_several_at_a_time(find, tmp_path: Path):
    packed = [write(f"{n}.bz2", bz2.compress(bytes([65 + n]) * 100)) for n in range(5)]
    packed[2].write_bytes(packed[2].read_bytes()[:-9])
    calls = []
    found = find_sources(sorted(map(str, packed)), tmp_path / "other", print, lambda *c: calls.append(c), cores=3)
    assert [source.path.read_bytes()[:1] for source in found if not source.refused] == [b"A", b"B", b"D", b"E"]
    assert [source.name for source in found if source.refused] == ["2.bz2"]
    assert calls[-1] == (sum(path.stat().st_size for path in packed),) * 2


def test_names_in_zip_archives_from_korean_windows_and_elsewhere(find):
    content = zipped({"AAAA.txt": TEXT, "국민.txt": TEXT}).replace(b"AAAA", "청원".encode("cp949"))
    write("a.zip", content)
    assert [source.name for source in find("a.zip")] == ["a.zip/국민.txt", "a.zip/청원.txt"]


def test_an_archive_is_unpacked_once(find):
    path = write("a.xz", lzma.compress(TEXT))
    (first,) = find("a.xz")
    assert find("a.xz") == [first]
    path.write_bytes(lzma.compress(TEXT[:30]))
    (second,) = find("a.xz")
    assert second.path != first.path and second.path.read_bytes() == TEXT[:30]


def test_progress_counts_the_packed_bytes_of_what_is_not_in_the_cache(find, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("data.sources._SECONDS_BETWEEN_REPORTS", 0.0002)
    sizes = [write(name, pack(os.urandom(9_000_000))).stat().st_size for name, pack in (("a", gzip.compress),)]
    sizes.append(write("b", zipped({"x": b"x" * 99, "y": os.urandom(99)})).stat().st_size)
    write("c")
    calls: list[tuple[int, int]] = []
    for _ in range(2):
        find_sources(["a", "b", "c"], tmp_path / "cache", print, lambda *call: calls.append(call))
    assert {total for _, total in calls} == {sum(sizes)}
    done = [done for done, _ in calls]
    assert done == sorted(done) and len(set(done)) >= 4
    assert sizes[0] <= done[-1] <= sum(sizes)
    find_sources(["a", "b", "c"], tmp_path / "cache", print, None)
    assert len(calls) == len(done)


def test_what_was_unpacked_is_found_so(find, tmp_path: Path):
    write("a.xz", lzma.compress(TEXT))
    write("b.xz", lzma.compress(TEXT)[:40])
    unpack(["a.xz", "b.xz"], tmp_path / "cache", lambda done, total: None, cores=2)
    written = list((tmp_path / "cache" / "unpacked").iterdir())
    good, broken = find("a.xz", "b.xz")
    assert written == [good.path.parent] and good.path.read_bytes() == TEXT
    assert broken.refused


def test_a_cache_without_room_is_told(find, tmp_path: Path, monkeypatch):
    def full(target):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))

    monkeypatch.setattr("data.sources.new_folder", full)
    write("a.xz", lzma.compress(TEXT))
    with pytest.raises(DataError, match=r"unpacked/\w+ cannot be written \(No space left on device\): check space"):
        unpack(["a.xz"], tmp_path / "cache", lambda done, total: None)


def damaged(content: bytes, place: float) -> bytes:
    start = int(len(content) * place)
    return content[:start] + bytes(byte ^ 0x5A for byte in content[start : start + 8]) + content[start + 8 :]


@pytest.mark.parametrize(
    "pack",
    [
        gzip.compress,
        bz2.compress,
        lzma.compress,
        lambda text: zstd.compress(
            text, options={zstd.CompressionParameter.checksum_flag: 1}
        ),  # as the program writes it
        lambda text: zipped({"a": text, "b": text[::-1]}),
    ],
    ids=["gzip", "bzip2", "xz", "Zstandard", "zip"],
)
@pytest.mark.parametrize("harm", [lambda c: c[:40], lambda c: c[: len(c) // 2], lambda c: damaged(c, 0.5)])
def test_a_broken_archive_is_refused_and_leaves_nothing(find, tmp_path: Path, pack, harm):
    write("a", harm(pack(os.urandom(300) + TEXT)))
    (source,) = find("a")
    assert source.named and source.refused
    assert str(source.refused).startswith("a is a broken ") and str(source.refused).endswith(").")
    assert list((tmp_path / "cache" / "unpacked").iterdir()) == []


def test_damaged_bzip2_in_a_zip_is_refused(find):
    content = zipped({"a": TEXT}, zipfile.ZIP_BZIP2)
    write("a", damaged(content, 0.2))
    assert find("a")[0].refused


def test_a_locked_archive_and_an_empty_one(find):
    content = bytearray(zipped({"a.txt": TEXT}, zipfile.ZIP_STORED))
    for header, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(header) + flags] |= 1
    write("locked.zip", bytes(content))
    write("empty.zip", zipped({}))
    locked, empty = find("locked.zip", "empty.zip")
    assert str(locked.refused) == "locked.zip is a zip archive with a password: unpack it first."
    assert str(empty.refused).startswith("empty.zip is an archive without files: ")


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path):
    target = tmp_path / "deep" / "target"
    with pytest.raises(KeyboardInterrupt), new_folder(target) as folder:
        (folder / "half").touch()
        raise KeyboardInterrupt
    assert list(target.parent.iterdir()) == []
    with new_folder(target) as mine:
        (mine / "mine").touch()
        with new_folder(target) as theirs:  # another process is faster
            (theirs / "theirs").touch()
    assert [path.name for path in target.iterdir()] == ["theirs"]
    assert list(target.parent.iterdir()) == [target]
