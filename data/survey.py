"""A look at a corpus before training: a bounded sample of its sentences, drawn evenly, and what cleaning made of it.

The sample is a plain text file, a sentence a line, blank lines between documents. The tokenizer is trained on it, the
unigram guess is counted on it, and a person who wants to see what cleaning and splitting do to the text can read it.
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from data.cleaned import BYTES_A_CHARACTER, Sentences
from data.passes import Map, Progress, document_ranges


@dataclass(frozen=True)
class Survey:
    """What was found in the documents that were looked at."""

    text: Path
    """The sample."""
    documents: int
    """Looked at; all of the corpus when it is smaller than the bound."""
    sentences: int
    characters: int
    """Of these sentences."""
    short_sentences: int
    """Dropped for being shorter than `min_chars`."""
    documents_without_sentence: int
    """Nothing was left of them."""
    documents_of_one_sentence: int
    """They can make no sentence pair; with --second_objective none they are used."""

    def as_dict(self) -> dict[str, int]:
        """The counts for JSON."""
        return {name: value for name, value in asdict(self).items() if name != "text"}


_COUNTS = ("sentences", "characters", "short_sentences", "documents_without_sentence", "documents_of_one_sentence")


def survey_corpus(
    sentences: Sentences,
    documents: np.ndarray,
    characters: np.ndarray,
    fingerprint: str,
    cache_dir: Path,
    megabytes: int,
    progress: Progress | None = None,
    mapped: Map[np.ndarray, tuple[bytes, np.ndarray]] = map,
) -> Survey:
    """Draws the sample, or opens the one that was drawn from the same documents before.

    Args:
        sentences: of the corpus.
        documents: numbers of the documents to draw from, int [documents], without those held out.
        characters: of each document of the corpus.
        fingerprint: of the corpus.
        cache_dir: keeps the sample.
        megabytes: size of the sample at the most, UTF-8.
        progress: called with characters looked at and to be looked at.
        mapped: reads some documents after the others.
    """
    drawn = _draw_evenly(documents, characters, megabytes * 1_000_000)
    key = hashlib.blake2b(fingerprint.encode() + drawn.tobytes(), digest_size=8).hexdigest()
    text, about = cache_dir / f"sample-{key}.txt", cache_dir / f"sample-{key}.json"
    if about.is_file() and text.is_file():
        return Survey(text=text, **json.loads(about.read_text(encoding="utf-8")))
    cache_dir.mkdir(parents=True, exist_ok=True)
    unfinished = text.with_suffix(f".unfinished-{os.getpid()}")
    counts, done, total = np.zeros(len(_COUNTS), dtype=np.int64), 0, int(characters[drawn].sum(dtype=np.int64))
    parts = [drawn[part.start : part.stop] for part in document_ranges(characters[drawn])]
    with unfinished.open("wb") as file:
        for part, (written, found) in zip(parts, mapped(partial(_look_at, sentences), parts), strict=True):
            file.write(written)
            counts += found
            done += int(characters[part].sum(dtype=np.int64))
            if progress:
                progress(done, total)
    survey = Survey(text=text, documents=len(drawn), **dict(zip(_COUNTS, counts.tolist(), strict=True)))
    os.replace(unfinished, text)
    unfinished.write_text(json.dumps(survey.as_dict()), encoding="utf-8")
    os.replace(unfinished, about)
    return survey


def _look_at(sentences: Sentences, documents: np.ndarray) -> tuple[bytes, np.ndarray]:
    """Some documents as the sample has them, and their `_COUNTS`."""
    lines: list[str] = []
    counts = np.zeros(len(_COUNTS), dtype=np.int64)
    for document in documents.tolist():
        kept, short = sentences.cleaned(document)
        counts += (len(kept), sum(map(len, kept)), short, not kept, len(kept) == 1)
        lines += [*kept, ""]
    return "".join(f"{line}\n" for line in lines).encode(), counts


def _draw_evenly(documents: np.ndarray, characters: np.ndarray, most_bytes: int) -> np.ndarray:
    """Every k-th document (k need not be whole), so many that their text stays within the bound; one at least."""
    expected = float(characters[documents].sum(dtype=np.int64)) * BYTES_A_CHARACTER
    share = min(1.0, most_bytes / max(1.0, expected))
    count = max(1, int(len(documents) * share))
    return documents[np.arange(count) * len(documents) // count]
