"""From files to training material: corpus, held-out documents, tokenizer, sentence pairs and masks.

Every costly product (index, sample, tokenizer, frequencies, token cache) is kept in the cache directory under a fingerprint
of what it was made from, so that a second run over the same text starts at once.
"""

import ctypes
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from bert_core.pretrained import CONFIG_FILE, PretrainedError
from data.cleaning import Cleaning
from data.corpus import Corpus, open_corpus
from data.errors import DataError
from data.sample.files import write_sample
from data.survey import Survey, survey_corpus
from data.tokenizer import Coverage, WordPiece, measure_coverage, train_wordpiece
from data.tokens import TextTokens, TokenSource, open_token_cache
from pretrain.batches import WindowBuilder
from pretrain.config import PretrainConfig
from pretrain.masking import Masker
from pretrain.pairs import PairBuilder, PairOptions

HELD_OUT_SEED = 0
"""Pairs and masks of the held-out text are the same whatever the run's seed."""
_UNIGRAM_CHARACTERS = 4_000_000
"""Text that the unigram guess is counted on; its entropy does not change in the third digit beyond."""

Progress = Callable[[str, str], AbstractContextManager[Callable[[int, int], None]]]
"""Opens a progress display for a label and a unit."""


@dataclass(frozen=True)
class Unigram:
    """What a guess that knows the frequencies of the words, and nothing of the context, scores on held-out text."""

    loss: float
    """Nats a masked token."""
    accuracy: float
    """Of naming the most frequent word each time."""


@dataclass(frozen=True)
class Text:
    """The material of a run."""

    corpus: Corpus
    survey: Survey
    wordpiece: WordPiece
    training: np.ndarray
    """Numbers of the documents to train on."""
    held_out: np.ndarray
    """Numbers of the documents to evaluate on."""
    coverage: Coverage
    """Of the tokenizer, on held-out text."""
    frequencies: np.ndarray
    """float64 [V], of each token in the training text, plus one occurrence each; 0 for reserved tokens; they sum to 1."""
    source: TokenSource

    def report(self) -> dict[str, object]:
        """What `data_report.json` says: what was read, what was left out and why, and how the tokenizer fits."""
        survey, share = self.survey, len(self.training) / self.survey.documents
        return self.corpus.report.as_dict() | {
            "training_documents": len(self.training),
            "held_out_documents": len(self.held_out),
            "sentences": round(survey.sentences * share),
            "tokens": round(survey.characters * share / self.coverage.characters_per_token),
            "counted_in": {"documents": survey.documents, "of": len(self.training)},
            "cleaning": survey.as_dict(),
            "tokenizer": asdict(self.coverage) | {"vocabulary": self.wordpiece.vocab_size},
            "fingerprint": self.corpus.fingerprint,
        }


def prepare_text(config: PretrainConfig, progress: Progress) -> Text:
    """Opens the corpus and makes, or finds again, everything that depends on the text alone.

    Raises:
        DataError: the text is missing, unusable or too small.
    """
    assert config.cache_dir is not None
    cache_dir = config.cache_dir
    paths: list[Path] = config.corpus
    if not paths:
        with progress("Writing the built-in sample", "documents"):
            paths = write_sample(cache_dir / "sample")
    with progress("Indexing", "bytes") as report:
        corpus = open_corpus(paths, cache_dir, cleaning_of(config), report)
    try:
        training, held_out = split_documents(corpus.keys, config)
    except DataError as error:
        raise DataError(f"{error}{_left_out(corpus)}") from None
    with progress("Reading", "documents") as report:
        survey = survey_corpus(corpus, training, cache_dir, config.tokenizer_sample_mb, report)
    if not survey.sentences:
        raise DataError(
            f"none of {survey.documents:,} documents has a sentence of {config.min_chars} characters or more after "
            "cleaning; lower --min_chars or look at the text"
        )
    wordpiece = _tokenizer(config, survey, cache_dir)
    source: TokenSource = TextTokens(corpus, wordpiece)
    if config.token_cache:
        with progress("Tokenising", "documents") as report:
            source = open_token_cache(corpus, wordpiece, cache_dir, report)
    sentences = [sentence for document in held_out.tolist() for sentence in corpus.sentences(document)]
    coverage = measure_coverage(wordpiece, sentences)
    return Text(
        corpus, survey, wordpiece, training, held_out, coverage, _frequencies(survey, wordpiece, cache_dir), source
    )


def cleaning_of(config: PretrainConfig) -> Cleaning:
    """The cleaning rules that the configuration asks for."""
    return Cleaning(
        urls=not config.keep_urls,
        repeats=not config.keep_repeats,
        placeholders=not config.keep_placeholders,
        notices=not config.keep_notices,
        characters=not config.keep_all_characters,
        hanja=config.keep_hanja,
        min_chars=config.min_chars,
    )


def split_documents(keys: np.ndarray, config: PretrainConfig) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the training and of the held-out documents, each ascending.

    Held out are the documents with the smallest content hashes: the same ones whatever the names and the order of the
    files, and mostly the same ones when text is added.

    Raises:
        DataError: too few documents for both.
    """
    pairs = config.second_objective == "nsp"
    if pairs and len(keys) == 1:
        raise DataError(
            "the corpus is one document only, but next-sentence prediction takes its negatives from other documents; "
            "separate documents by blank lines, add text, or choose --second_objective sop"
        )
    # One in a hundred; of a small corpus more, since a handful of documents measures nothing.
    count = config.heldout_documents or min(1000, max(len(keys) // 100, min(100, len(keys) // 10), 2))
    if len(keys) < count + 2:
        raise DataError(
            f"the corpus has {len(keys)} {'document' if len(keys) == 1 else 'documents'}, too few to train on two or more "
            f"and hold {count} out; add text, or separate documents by blank lines"
        )
    order = np.argpartition(keys, count)
    return np.sort(order[count:]), np.sort(order[:count])


def _left_out(corpus: Corpus) -> str:
    """The end of a sentence about too little text: what of it could not be used, if anything."""
    rejected = corpus.report.rejected
    if not rejected:
        return ""
    reason, found = next(iter(rejected.items()))
    total = sum(rejection.count for rejection in rejected.values())
    return f" ({total:,} left out, the first for: {reason}, {found.locations[0]})"


def _tokenizer(config: PretrainConfig, survey: Survey, cache_dir: Path) -> WordPiece:
    given = config.tokenizer or config.init_from
    if given:
        if config.init_from and not (given / CONFIG_FILE).is_file():
            raise PretrainedError(f"--init_from {given} holds no {CONFIG_FILE}; point to the folder of a saved BERT")
        return WordPiece.load(given)
    assert config.vocab_size is not None
    directory = cache_dir / f"tokenizer-{survey.text.stem.removeprefix('sample-')}-{config.vocab_size}"
    if not (directory / "tokenizer.json").is_file():
        train_wordpiece(survey.text, config.vocab_size).save(directory)
        _give_back_memory()
    return WordPiece.load(directory)


def _give_back_memory() -> None:
    """The C library keeps what the tokenizer's training freed, hundreds of megabytes, unless it is told to; glibc only."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def window_builder(text: Text, config: PretrainConfig, *, held_out: bool = False) -> WindowBuilder:
    """Batches of the training or of the held-out documents."""
    assert config.max_length is not None and config.batch_tokens is not None
    documents, seed = (text.held_out, HELD_OUT_SEED) if held_out else (text.training, config.seed)
    characters = text.corpus.chars[documents].astype(np.int64)
    characters_per_token = text.coverage.characters_per_token
    if config.segments == "sentences":
        # A pair of sentences fills less of a document than its length would let it.
        mean = text.survey.characters / text.survey.sentences
        characters = np.ceil(characters * config.max_length * characters_per_token / (2 * mean)).astype(np.int64)
    pairs = PairBuilder(
        text.source,
        documents,
        characters,
        characters_per_token=characters_per_token,
        cls_id=text.wordpiece.id_of("[CLS]"),
        sep_id=text.wordpiece.id_of("[SEP]"),
        options=PairOptions(
            max_length=config.max_length,
            second_objective=config.second_objective,
            segments=config.segments,
            truncation=config.truncation,
            short_rate=config.short_rate,
        ),
        seed=seed,
    )
    masker = Masker(
        mask_id=text.wordpiece.id_of("[MASK]"),
        reserved=text.wordpiece.reserved,
        continues=text.wordpiece.continues,
        rate=config.mask_rate,
        unit=config.mask_unit,
    )
    return WindowBuilder(pairs, masker, config.batch_tokens, seed)


def unigram_guess(frequencies: np.ndarray, labels: np.ndarray) -> Unigram:
    """Scores the frequencies of the training text on masked tokens of held-out text, int64."""
    return Unigram(
        loss=float(-np.log(frequencies[labels]).mean()), accuracy=float((labels == frequencies.argmax()).mean())
    )


def _frequencies(survey: Survey, wordpiece: WordPiece, cache_dir: Path) -> np.ndarray:
    """Counted on every k-th sentence of the sample, some millions of characters."""
    kept = cache_dir / f"frequencies-{survey.text.stem.removeprefix('sample-')}-{wordpiece.fingerprint}.npy"
    if not kept.is_file():
        every = max(1, survey.characters // _UNIGRAM_CHARACTERS)
        with survey.text.open(encoding="utf-8") as file:
            sentences = [line for number, line in enumerate(file) if number % every == 0 and line != "\n"]
        ids = np.fromiter((i for encoded in wordpiece.encode(sentences) for i in encoded), dtype=np.int64)
        counts = np.where(wordpiece.reserved, 0, np.bincount(ids, minlength=wordpiece.vocab_size) + 1)
        unfinished = kept.with_suffix(f".unfinished-{os.getpid()}.npy")
        np.save(unfinished, counts / counts.sum())
        os.replace(unfinished, kept)
    return np.load(kept)
