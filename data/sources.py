"""From the paths that a user gives to the text files that are read: folders walked, archives unpacked.

`["corpus/", "wiki.txt.xz"]` becomes, say, corpus/petitions_2019-05, corpus/petitions_2019-06 and the unpacked text of
wiki.txt.xz. Archives (.gz, .bz2, .xz, .zst, .zip) are recognised by their first bytes and unpacked into the cache once,
several at a time; from then on the unpacked text is read, under the archive's name in every message. Folders are walked
in sorted order; hidden files and folders are passed over.

What this does not do: it does not look into the files (see `data.formats`), open an archive inside an archive, or
follow links to folders.
"""

import bz2
import gzip
import json
import lzma
import os
import re
import shutil
import stat
import struct
import sys
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from io import BufferedIOBase
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import IO
from uuid import uuid4

from data.errors import DataError
from data.formats import Refused
from data.lines import BLOCK, FileState
from data.passes import Progress

Reject = Callable[[str, str], None]
"""Called with a reason and the name of what is left out."""

GIVEN_TWICE = "given twice"
LINKED_FOLDER = "a link to a folder, not followed"

_KINDS = {
    "gzip": re.compile(rb"\x1f\x8b"),
    "bzip2": re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"),
    "xz": re.compile(rb"\xfd7zXZ\x00"),
    "Zstandard": re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"),
    "zip": re.compile(rb"PK(?:\x03\x04|\x05\x06)"),
}
"""How files of each kind begin."""

_SECONDS_BETWEEN_REPORTS = 0.2

_BROKEN = (
    *(OSError, EOFError, ValueError, LookupError, RuntimeError),
    *(zlib.error, lzma.LZMAError, zipfile.BadZipFile, struct.error),
)
"""What the standard library raises on archives whose bytes were damaged; found by damaging some."""


@dataclass(frozen=True)
class Source:
    """A file to read text from."""

    name: str
    """What messages call it: the path as given; for a file in a zip archive, "archive.zip/file"."""
    path: Path
    """Where the text is, with no links in it."""
    state: FileState
    """The version that was found there."""
    given: str
    """The path, of those that the user gave, that led here."""
    named: bool
    """Whether the user named this very file, so that it is an error if it cannot be used."""
    refused: Refused | None = None
    """Why it cannot be opened, if that is known already."""


def find_sources(
    paths: Sequence[str | Path],
    cache_dir: Path,
    reject: Reject,
    progress: Progress | None = None,
    cores: int = 1,
) -> list[Source]:
    """The files under `paths`, in order, each once; archives unpacked.

    `reject` is told what is left out because it is there twice or is a link. `progress` counts the packed bytes of the
    archives that are not in the cache yet; so many `cores` unpack them. Raises DataError for a path that does not exist and
    for a folder without files; a file that cannot be opened comes with `refused`.
    """
    if not paths:
        raise DataError("No corpus was given: name at least one file or folder of text.")
    found: list[tuple[Source, str | None]] = []
    seen: set[Path] = set()
    for given in map(str, paths):
        for path in _walk(given, cache_dir, reject):
            real = Path(os.path.realpath(path))
            if real in seen:
                reject(GIVEN_TWICE, _printable(path))
            else:
                found.append(_look_at(path, real, given))
            seen.add(real)

    refused = _unpack_all([(source, kind) for source, kind in found if kind], cache_dir, cores, progress)
    sources: list[Source] = []
    for source, kind in found:
        if not kind:
            sources.append(source)
            continue
        try:
            if source.path in refused:
                raise refused[source.path]
            sources += _members(source, _unpacked(source, cache_dir))
        except Refused as reason:
            sources.append(replace(source, refused=reason))
    return sources


def unpack(paths: Sequence[str | Path], cache_dir: Path, progress: Progress, cores: int = 1) -> None:
    """Unpacks the archives under `paths`, so that `find_sources` finds them unpacked, or finds again why they cannot be.

    `progress` and `cores` are as there. Raises DataError as it does, and for a cache that cannot be written.
    """
    try:
        find_sources(paths, cache_dir, lambda reason, name: None, progress, cores)
    except OSError as error:
        advice = f"cannot be written ({error.strerror or error}): check space and permissions"
        raise DataError(f"{error.filename or cache_dir} {advice}.") from error


def _walk(given: str, cache_dir: Path, reject: Reject) -> Iterator[str]:
    """The files under one path; a cache that lies there is no part of the corpus."""
    if not os.path.exists(given):
        raise DataError(f"{given} does not exist: give the path of a file or a folder.")
    if not os.path.isdir(given):
        yield given
        return
    files = 0
    for folder, folders, names in os.walk(given):
        folders[:] = sorted(name for name in folders if not _hidden(name))
        for path in [os.path.join(folder, name) for name in folders]:
            if os.path.islink(path):
                reject(LINKED_FOLDER, _printable(path))
            if os.path.realpath(path) == os.path.realpath(cache_dir):
                folders.remove(os.path.basename(path))
        for name in sorted(names):
            if not _hidden(name):
                files += 1
                yield os.path.join(folder, name)
    if not files:
        raise DataError(f"{given} is a folder without files: give a folder with files of text in it.")


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _printable(path: str) -> str:
    """A path for messages; a name in CP949 on a UTF-8 system could not be printed as it is."""
    return os.fsencode(path).decode("utf-8", "replace")


def _look_at(path: str, real: Path, given: str) -> tuple[Source, str | None]:
    """A file as it was found, and the kind of archive that it is."""
    source = Source(_printable(path), real, FileState(0, 0), given, path == given)
    try:
        if not stat.S_ISREG(os.stat(real).st_mode):
            refused = Refused(source.name, "not a regular file", "copy what it gives into a file")
            return replace(source, refused=refused), None
        source = replace(source, state=FileState.of(real))
        with open(real, "rb") as file:
            start = file.read(10)
    except OSError as error:
        advice = f"see that it may be read ({error.strerror})"
        return replace(source, refused=Refused(source.name, "an unreadable file", advice)), None
    return source, next((kind for kind, magic in _KINDS.items() if magic.match(start)), None)


# --- Archives ---------------------------------------------------------------------------------------------------------


def _unpacked(source: Source, cache_dir: Path) -> Path:
    """The folder that an archive is unpacked to."""
    return cache_dir / "unpacked" / source.state.digest(source.path)


def _unpack_all(
    archives: Sequence[tuple[Source, str]], cache_dir: Path, cores: int, progress: Progress | None
) -> dict[Path, Refused]:
    """Unpacks what is not in the cache yet; the broken ones, with the reason, by their paths."""
    packed = [(source, kind) for source, kind in archives if not _unpacked(source, cache_dir).is_dir()]
    total, done = sum(source.state.size for source, _ in packed), [0] * len(packed)
    stopped = threading.Event()

    def unpack(number: int) -> None:
        source, kind = packed[number]
        for position in _unpack(source, kind, _unpacked(source, cache_dir)):
            done[number] = position
            if stopped.is_set():
                raise InterruptedError

    refused: dict[Path, Refused] = {}
    # Threads do: the libraries that unpack let others run meanwhile.
    with ThreadPoolExecutor(max(1, cores)) as threads:
        try:
            left = {threads.submit(unpack, number): number for number in range(len(packed))}
            while left:
                for ended in wait(left, timeout=_SECONDS_BETWEEN_REPORTS, return_when=FIRST_COMPLETED).done:
                    source = packed[number := left.pop(ended)][0]
                    try:
                        ended.result()
                    except Refused as reason:
                        refused[source.path] = reason
                    done[number] = source.state.size
                if progress:
                    progress(sum(done), total)
        finally:
            stopped.set()
            threads.shutdown(cancel_futures=True)
    return refused


def _unpack(source: Source, kind: str, target: Path) -> Iterator[int]:
    """Unpacks an archive into numbered files and a list of their names; yields how many packed bytes are done.

    Raises Refused if it is broken, and then leaves nothing behind.
    """
    with new_folder(target) as folder, open(source.path, "rb") as packed:
        names: list[str] = []
        for name, piece in _read_members(packed, kind, source):
            if name is not None:
                names.append(name)
            with open(folder / str(len(names) - 1), "ab") as text:
                text.write(piece)
            yield packed.tell()
        source.state.check(source.path)
        (folder / "names.json").write_text(json.dumps(names), encoding="utf-8")


def _read_members(packed: IO[bytes], kind: str, source: Source) -> Iterator[tuple[str | None, bytes]]:
    """The contents of an archive: for each file its name with no bytes, then its bytes with no name."""
    try:
        for name, stream in _open_members(packed, kind, source):
            yield name, b""
            while piece := stream.read(BLOCK):
                yield None, piece
    except (*_BROKEN, _zstd_error(kind)) as error:
        advice = f"fetch or pack it again ({str(error) or 'it ends too early'})"
        raise Refused(source.name, f"a broken {kind} archive", advice) from error


def _open_members(packed: IO[bytes], kind: str, source: Source) -> Iterator[tuple[str, IO[bytes] | BufferedIOBase]]:
    """The files in an archive, with their names; the only one in an archive that is no .zip has none."""
    if kind != "zip":
        with _decompressed(packed, kind, source) as stream:
            yield "", stream
    else:
        with zipfile.ZipFile(packed) as archive:
            for info in archive.infolist():
                if info.is_dir() or any(map(_hidden, PurePosixPath(info.filename).parts)):
                    continue
                if info.flag_bits & 1:
                    raise Refused(source.name, "a zip archive with a password", "unpack it first")
                member = info.filename
                if not info.flag_bits & 0x800:  # not UTF-8: Korean Windows writes CP949, zipfile reads CP437
                    member = member.encode("cp437", "replace").decode("cp949", "replace")
                with archive.open(info) as file:
                    yield member, file


def _decompressed(packed: IO[bytes], kind: str, source: Source) -> BufferedIOBase:
    """What a file that is compressed as a whole unpacks to; several streams one after the other count as one."""
    match kind:
        case "gzip":
            return gzip.open(packed)
        case "bzip2":
            return bz2.open(packed)
        case "xz":
            return lzma.open(packed)
    try:
        return _zstd().open(packed)
    except ImportError:
        raise Refused(source.name, "a Zstandard archive", "pip install backports.zstd, or unpack it first") from None


def _zstd() -> ModuleType:
    """Of the standard library from Python 3.14 on, before that the same by another name."""
    return import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")


def _zstd_error(kind: str) -> type[Exception]:
    """What it raises on damaged bytes."""
    try:
        return _zstd().ZstdError if kind == "Zstandard" else OSError
    except ImportError:
        return OSError


def _members(source: Source, folder: Path) -> Iterator[Source]:
    """The texts in an unpacked archive, sorted by name."""
    names = json.loads((folder / "names.json").read_text(encoding="utf-8"))
    if not names:
        raise Refused(source.name, "an archive without files", "give an archive with text in it")
    for name, number in sorted((name, number) for number, name in enumerate(names)):
        path = Path(os.path.realpath(folder / str(number)))
        full = f"{source.name}/{name}" if name else source.name
        yield Source(full, path, FileState.of(path), source.given, source.named and not name)


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A folder to fill, which becomes `target` when the block ends well and vanishes otherwise.

    If another process has made `target` meanwhile, that one stays: both are made from the same files.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = target.with_name(f".writing-{uuid4().hex}")
    folder.mkdir()
    try:
        yield folder
        try:
            os.replace(folder, target)
        except OSError:
            if not target.is_dir():
                raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
