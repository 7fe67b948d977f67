"""Documents as token ids, sentence by sentence: what training examples are cut from.

    source.sentence_ranges([7])     [103], [105]                 document 7 has sentences 103 and 104 of the corpus
    cleaned.sentences([103], [105]) ["청원합니다.", "도로에 신호등을 세워 주세요."]
    source.characters([103], [105]) [6, 16]                      known before anything is tokenised
    source.tokens([104], [105])     [5], [421, 96, 1043, 88, 14] how many, and which

Much is asked for at a time, so that what Python and the tokenizer do for each call is done once. Two sources behind one interface give the same answers: `TextTokens` tokenises what it is asked for whenever it is asked;
`TokenCache` reads the ids from files, for devices that wait for their data otherwise.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from data.cleaned import CHARACTERS_A_SENTENCE, CleanedText, Sentences
from data.columns import Column, read_ranges
from data.passes import Map, Progress, document_ranges, require_space
from data.ranges import bounds
from data.sources import new_folder
from data.tokenizer import WordPiece

ABOUT = "about.json"
"""Names the columns of a part and their types."""

PART, MOST_PARTS = 20_000_000, 64
"""Characters of a part, at the least, and parts at the most: each takes three file handles, of which a process has perhaps
1,024. Where one part ends and the next begins depends on the text alone, so machines can share the work."""


class TokenSource(Protocol):
    """Random access to the sentences of numbered documents. Ranges of them come one after the other, in the order given."""

    def sentence_ranges(self, documents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Number of each document's first sentence, and of the next document's; int64 [documents]."""

    def characters(self, firsts: np.ndarray, lasts: np.ndarray) -> np.ndarray:
        """Of sentences first … last - 1 of each range, int64 [sentences]."""

    def tokens(self, firsts: np.ndarray, lasts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How many tokens each of these sentences has, int64 [sentences], and their ids, int64 [tokens]."""


class TextTokens:
    """Tokenises on the fly."""

    def __init__(self, cleaned: CleanedText, wordpiece: WordPiece) -> None:
        self.cleaned, self.wordpiece = cleaned, wordpiece

    def sentence_ranges(self, documents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.cleaned.sentence_ranges(documents)

    def characters(self, firsts: np.ndarray, lasts: np.ndarray) -> np.ndarray:
        return self.cleaned.characters(firsts, lasts)

    def tokens(self, firsts: np.ndarray, lasts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return _joined(self.wordpiece.encode(self.cleaned.sentences(firsts, lasts)), np.dtype(np.int64))


def _joined(encoded: list[list[int]], id_type: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """How many tokens each sentence has, int64, and their ids."""
    sizes = np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded))
    return sizes, np.fromiter(chain.from_iterable(encoded), dtype=id_type, count=int(sizes.sum()))


class Shard(NamedTuple):
    """One machine's share of the parts."""

    number: int
    """From 1 to `machines`."""
    machines: int

    def has(self, part: int) -> bool:
        return part % self.machines == self.number - 1


class TokenCache:
    """Ids of a whole corpus in files, of which only what is asked for is read; cheap to pickle, flat in memory.

    Args:
        directory: holds a folder for each part.
        firsts: number of each part's first document, and of documents in all.
    """

    def __init__(self, directory: Path, firsts: list[int]) -> None:
        self._parts = [_Part(directory / _name(part)) for part in range(len(firsts) - 1)]
        self._first_documents = np.array(firsts)
        self._first_sentences = bounds(np.array([part.sentences for part in self._parts]))

    def sentence_ranges(self, documents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        parts, places = _placed(self._first_documents, documents)
        starts = read_ranges([self._parts[part].document_starts for part in parts.tolist()], places, places + 2)
        numbers = starts.reshape(-1, 2).astype(np.int64) + self._first_sentences[parts, None]
        return numbers[:, 0], numbers[:, 1]

    def characters(self, firsts: np.ndarray, lasts: np.ndarray) -> np.ndarray:
        parts, places = _placed(self._first_sentences, firsts)
        columns = [self._parts[part].characters for part in parts.tolist()]
        return read_ranges(columns, places, places + lasts - firsts).astype(np.int64)

    def tokens(self, firsts: np.ndarray, lasts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        numbers, places = _placed(self._first_sentences, firsts)
        parts = [self._parts[part] for part in numbers.tolist()]
        starts = read_ranges([part.sentence_starts for part in parts], places, places + lasts - firsts + 1)
        starts = starts.astype(np.int64)
        ends = np.cumsum(lasts - firsts + 1) - 1  # where among the starts each range ends
        ids = read_ranges([part.ids for part in parts], starts[ends - (lasts - firsts)], starts[ends])
        return np.delete(np.diff(starts), ends[:-1]), ids.astype(np.int64)


def _placed(firsts: np.ndarray, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The part that each number is in, and its place there, of parts that begin with the given numbers and end with the last."""
    parts = firsts[1:-1].searchsorted(numbers, side="right")
    return parts, numbers - firsts[parts]


class _Part:
    """The columns of some documents: ids, characters of each sentence, where sentences and documents start."""

    def __init__(self, directory: Path) -> None:
        about = json.loads((directory / ABOUT).read_text(encoding="utf-8"))
        columns = {name: Column(directory / name, dtype) for name, dtype in about["columns"].items()}
        self.ids, self.characters = columns["ids"], columns["characters"]
        self.sentence_starts, self.document_starts = columns["sentence_starts"], columns["document_starts"]
        self.sentences: int = about["sentences"]


def open_token_cache(
    sentences: Sentences,
    wordpiece: WordPiece,
    characters: np.ndarray,
    fingerprint: str,
    cache_dir: Path,
    progress: Progress,
    *,
    mapped: "Map[range, _Encoded]" = map,
    shard: Shard | None = None,
) -> TokenCache | None:
    """Tokenises the corpus once, or opens what was made from the same text with the same tokenizer before.

    Takes 2 bytes a token on disk (4 where the vocabulary passes 65,536) and 12 a sentence. A part appears whole or not at
    all, and is the same whoever makes it.

    Args:
        sentences: of the corpus.
        wordpiece: the tokenizer.
        characters: of each document.
        fingerprint: of the corpus.
        cache_dir: holds the folder of the parts.
        progress: called with characters done and in all.
        mapped: tokenises ranges of documents.
        shard: make this machine's parts only.

    Returns:
        None where other machines' parts are missing.

    Raises:
        DataError: the disk has no room for it.
    """
    directory = cache_dir / f"token_cache-{fingerprint}-{wordpiece.fingerprint}"
    firsts = _firsts(characters)
    if not _complete(directory, firsts):
        missing = [
            part
            for part in range(len(firsts) - 1)
            if (shard is None or shard.has(part)) and not (directory / _name(part)).is_dir()
        ]
        _make(sentences, wordpiece, characters, directory, firsts, missing, progress, mapped)
    return TokenCache(directory, firsts) if _complete(directory, firsts) else None


def token_cache_exists(wordpiece: WordPiece, characters: np.ndarray, fingerprint: str, cache_dir: Path) -> bool:
    """Whether all its parts are there."""
    directory = cache_dir / f"token_cache-{fingerprint}-{wordpiece.fingerprint}"
    return _complete(directory, _firsts(characters))


def disk_space(wordpiece: WordPiece, characters: int, characters_per_token: float) -> float:
    """Bytes that the token cache of so many characters will take, about."""
    return characters * (_id_type(wordpiece).itemsize / characters_per_token + 12 / CHARACTERS_A_SENTENCE)


def _id_type(wordpiece: WordPiece) -> np.dtype:
    return np.dtype(np.uint16 if wordpiece.vocab_size <= 1 << 16 else np.uint32)


def _name(part: int) -> str:
    return f"part-{part:02}"


def _firsts(characters: np.ndarray) -> list[int]:
    """Number of each part's first document, and of documents in all."""
    ends = np.cumsum(characters, dtype=np.int64)
    total = int(ends[-1])
    parts = max(1, min(MOST_PARTS, total // PART))
    borders = ends.searchsorted([total * part // parts for part in range(1, parts)], side="left") + 1
    return sorted({0, *borders.tolist(), len(characters)})


def _complete(directory: Path, firsts: list[int]) -> bool:
    return all((directory / _name(part)).is_dir() for part in range(len(firsts) - 1))


class _Encoded(NamedTuple):
    """A range of documents, ready to be appended."""

    ids: np.ndarray
    sizes: np.ndarray
    """int64 [sentences], tokens of each."""
    characters: np.ndarray
    """uint32 [sentences]."""
    sentences: np.ndarray
    """int64 [documents], of each."""


def _encode(sentences: Sentences, wordpiece: WordPiece, documents: range) -> _Encoded:
    found = [sentences.cleaned(document)[0] for document in documents]
    flat = list(chain.from_iterable(found))
    sizes, ids = _joined(wordpiece.encode(flat), _id_type(wordpiece))
    return _Encoded(
        ids=ids,
        sizes=sizes,
        characters=np.fromiter(map(len, flat), dtype=np.uint32, count=len(flat)),
        sentences=np.fromiter(map(len, found), dtype=np.int64, count=len(found)),
    )


def _make(
    sentences: Sentences,
    wordpiece: WordPiece,
    characters: np.ndarray,
    directory: Path,
    firsts: list[int],
    missing: list[int],
    progress: Progress,
    mapped: "Map[range, _Encoded]",
) -> None:
    """Makes the missing parts, one after the other, each on all cores."""
    ranges = [list(document_ranges(characters, *firsts[part : part + 2])) for part in missing]
    sums = [
        int(characters[documents.start : documents.stop].sum(dtype=np.int64)) for part in ranges for documents in part
    ]
    require_space(directory, disk_space(wordpiece, sum(sums), 2.0), "the token cache")
    encoded = iter(mapped(partial(_encode, sentences, wordpiece), list(chain.from_iterable(ranges))))
    done, total, left = 0, sum(sums), iter(sums)

    def next_ranges(count: int) -> Iterator[_Encoded]:
        nonlocal done
        for _ in range(count):
            yield next(encoded)
            done += next(left)
            progress(done, total)

    for part, documents in zip(missing, ranges, strict=True):
        with new_folder(directory / _name(part)) as folder:
            _write(folder, next_ranges(len(documents)), _id_type(wordpiece))


def _write(directory: Path, found: Iterator[_Encoded], id_type: np.dtype) -> None:
    columns = {
        "ids": id_type,
        "characters": np.dtype(np.uint32),
        "sentence_starts": np.dtype(np.uint64),
        "document_starts": np.dtype(np.uint64),
    }
    tokens = sentences = 0
    with ExitStack() as stack:
        files = {name: stack.enter_context((directory / name).open("wb")) for name in columns}
        np.zeros(1, np.uint64).tofile(files["sentence_starts"])
        np.zeros(1, np.uint64).tofile(files["document_starts"])
        for encoded in found:
            encoded.ids.tofile(files["ids"])
            encoded.characters.tofile(files["characters"])
            (tokens + np.cumsum(encoded.sizes)).astype(np.uint64).tofile(files["sentence_starts"])
            (sentences + np.cumsum(encoded.sentences)).astype(np.uint64).tofile(files["document_starts"])
            tokens, sentences = tokens + len(encoded.ids), sentences + len(encoded.sizes)
    about = {"columns": {name: dtype.str for name, dtype in columns.items()}, "tokens": tokens, "sentences": sentences}
    (directory / ABOUT).write_text(json.dumps(about), encoding="utf-8")
