"""A look at a corpus before training: a bounded sample of its sentences, drawn evenly, and what cleaning made of it.

The sample is a plain text file, a sentence a line, blank lines between documents. The tokenizer is trained on it, the
unigram guess is counted on it, and a person who wants to see what cleaning and splitting do to the text can read it.
"""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from data.corpus import Corpus

_BYTES_A_CHARACTER = 2.5
"""UTF-8 of running Korean text: three for a syllable, one for a space or a full stop."""


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


def survey_corpus(
    corpus: Corpus,
    documents: np.ndarray,
    cache_dir: Path,
    megabytes: int,
    progress: Callable[[int, int], None] | None = None,
) -> Survey:
    """Draws the sample, or opens the one that was drawn from the same documents before.

    Args:
        corpus: the text.
        documents: numbers of the documents to draw from, int [documents], without those held out.
        megabytes: size of the sample at the most, UTF-8.
        progress: called with documents looked at and to be looked at.
    """
    drawn = _draw_evenly(documents, corpus.chars, megabytes * 1_000_000)
    key = hashlib.blake2b(corpus.fingerprint.encode() + drawn.tobytes(), digest_size=8).hexdigest()
    text, about = cache_dir / f"sample-{key}.txt", cache_dir / f"sample-{key}.json"
    if about.is_file() and text.is_file():
        return Survey(text=text, **json.loads(about.read_text(encoding="utf-8")))
    counts = dict.fromkeys(
        ("sentences", "characters", "short_sentences", "documents_without_sentence", "documents_of_one_sentence"), 0
    )
    cache_dir.mkdir(parents=True, exist_ok=True)
    unfinished = text.with_suffix(f".unfinished-{os.getpid()}")
    with unfinished.open("w", encoding="utf-8") as file:
        for done, document in enumerate(drawn.tolist(), 1):
            sentences, short = corpus.cleaned(document)
            counts["sentences"] += len(sentences)
            counts["characters"] += sum(map(len, sentences))
            counts["short_sentences"] += short
            counts["documents_without_sentence"] += not sentences
            counts["documents_of_one_sentence"] += len(sentences) == 1
            file.writelines(f"{sentence}\n" for sentence in sentences)
            file.write("\n")
            if progress and (done % 200 == 0 or done == len(drawn)):
                progress(done, len(drawn))
    survey = Survey(text=text, documents=len(drawn), **counts)
    os.replace(unfinished, text)
    unfinished.write_text(json.dumps(survey.as_dict()), encoding="utf-8")
    os.replace(unfinished, about)
    return survey


def _draw_evenly(documents: np.ndarray, characters: np.ndarray, most_bytes: int) -> np.ndarray:
    """Every k-th document (k need not be whole), so many that their text stays within the bound; one at least."""
    expected = float(characters[documents].sum(dtype=np.int64)) * _BYTES_A_CHARACTER
    share = min(1.0, most_bytes / max(1.0, expected))
    count = max(1, int(len(documents) * share))
    return documents[np.arange(count) * len(documents) // count]
