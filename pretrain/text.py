"""From files to training material: corpus, held-out documents, tokenizer, sentence pairs and masks.

Every costly product (index, sample, tokenizer, frequencies, token cache) is kept in the cache directory under a fingerprint
of what it was made from, so that a second run over the same text starts at once.
"""

import ctypes
import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from bert_core.pretrained import CONFIG_FILE, PretrainedError
from data.cleaned import CleanedText, Sentences, open_cleaned
from data.cleaning import Cleaning
from data.corpus import Corpus, open_corpus
from data.errors import DataError
from data.passes import Map
from data.sample.files import write_sample
from data.sources import unpack
from data.survey import Survey, survey_corpus
from data.tokenizer import Coverage, WordPiece, measure_coverage, train_wordpiece
from data.tokens import Shard, TextTokens, TokenCache, TokenSource, open_token_cache, token_cache_exists
from experiment.console import Console
from experiment.environment import cpu_cores
from experiment.parallel import parallel_map
from pretrain.batches import WindowBuilder
from pretrain.config import PretrainConfig
from pretrain.masking import Masker
from pretrain.pairs import PairBuilder, PairOptions

HELD_OUT_SEED = 0
"""Pairs and masks of the held-out text are the same whatever the run's seed."""
_UNIGRAM_CHARACTERS = 4_000_000
"""Text that the unigram guess is counted on; its entropy does not change in the third digit beyond."""


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

    @property
    def tokens(self) -> int:
        """Of the training text, about."""
        share = len(self.training) / self.survey.documents
        return round(self.survey.characters * share / self.coverage.characters_per_token)

    @property
    def tokenises(self) -> bool:
        """Whether batches are tokenised when they are built."""
        return isinstance(self.source, TextTokens)

    def report(self) -> dict[str, object]:
        """What `data_report.json` says: what was read, what was left out and why, and how the tokenizer fits."""
        survey, share = self.survey, len(self.training) / self.survey.documents
        return self.corpus.report.as_dict() | {
            "training_documents": len(self.training),
            "held_out_documents": len(self.held_out),
            "sentences": round(survey.sentences * share),
            "tokens": self.tokens,
            "counted_in": {"documents": survey.documents, "of": len(self.training)},
            "cleaning": survey.as_dict(),
            "tokenizer": asdict(self.coverage) | {"vocabulary": self.wordpiece.vocab_size},
            "fingerprint": self.corpus.fingerprint,
        }


def prepare_text(config: PretrainConfig, console: Console) -> Text:
    """Opens the corpus and makes, or finds again, everything that depends on the text alone, on all cores of the machine.

    Raises:
        DataError: the text is missing, unusable or too small, or the disk is too full.
    """
    with parallel_map(cpu_cores()) as mapped:
        return _Preparation(config, console, mapped).text()


def token_cache(config: PretrainConfig, console: Console) -> TokenCache:
    """The tokens of a prepared text, made once.

    Raises:
        DataError: the disk has no room for them.
    """
    with parallel_map(cpu_cores()) as mapped:
        cache = _Preparation(config, console, mapped).tokenise()
    assert cache
    return cache


def make_shard(config: PretrainConfig, shard: Shard, console: Console) -> bool:
    """Makes one machine's parts of the token cache; whether all parts are there now.

    Raises:
        DataError: as `prepare_text` does.
    """
    with parallel_map(cpu_cores()) as mapped:
        return _Preparation(replace(config, token_cache=True), console, mapped).tokenise(shard) is not None


class _Preparation:
    """What is made of a corpus, one thing from the other."""

    def __init__(self, config: PretrainConfig, console: Console, mapped: Map[Any, Any]) -> None:
        assert config.cache_dir is not None
        self.config, self.console, self.mapped, self.cache_dir = config, console, mapped, config.cache_dir
        paths: list[Path] = config.corpus
        if not paths:
            with console.progress("Writing the built-in sample", "documents"):
                paths = write_sample(self.cache_dir / "sample")
        with console.progress("Unpacking") as report:
            unpack(paths, self.cache_dir, report, cpu_cores())
        with console.progress("Indexing") as report:
            self.corpus = open_corpus(
                paths, self.cache_dir, cleaning_of(config), report, cores=cpu_cores(), mapped=mapped
            )
        try:
            self.training, self.held_out = split_documents(self.corpus.keys, config)
        except DataError as error:
            raise DataError(f"{error}{_left_out(self.corpus)}") from None

    def text(self) -> Text:
        """All of it."""
        survey, wordpiece = self.survey, self.wordpiece
        source: TokenSource | None = None
        if self.config.token_cache or (self.config.token_cache is None and self.token_cache_exists):
            source = self.tokenise()
        if source is None:
            source = TextTokens(self.cleaned, wordpiece)
        with self.console.phase("Measuring the tokenizer"):
            coverage = self._kept(f"coverage-{self._held_out_key}-{wordpiece.fingerprint}.json", self._coverage)
        with self.console.phase("Counting tokens"):
            sample = survey.text.stem.removeprefix("sample-")
            frequencies = self._kept(f"frequencies-{sample}-{wordpiece.fingerprint}.json", self._frequencies)
        return Text(
            self.corpus,
            survey,
            wordpiece,
            self.training,
            self.held_out,
            Coverage(**coverage),
            np.array(frequencies),
            source,
        )

    @cached_property
    def cleaned(self) -> CleanedText:
        with self.console.progress("Cleaning", "characters") as report:
            return open_cleaned(self.corpus, self.cache_dir, report, self.mapped)

    @property
    def sentences(self) -> Sentences:
        """Of the whole corpus. What is tokenised once need not be kept as text."""
        return self.corpus if self.config.token_cache else self.cleaned

    @cached_property
    def survey(self) -> Survey:
        sentences = self.sentences  # before the next bar: a screen has room for one
        with self.console.progress("Drawing a sample", "characters") as report:
            survey = survey_corpus(
                sentences,
                self.training,
                self.corpus.chars,
                self.corpus.fingerprint,
                self.cache_dir,
                self.config.tokenizer_sample_mb,
                report,
                self.mapped,
            )
        if not survey.sentences:
            raise DataError(
                f"none of {survey.documents:,} documents has a sentence of {self.config.min_chars} characters or more after "
                "cleaning; lower --min_chars or look at the text"
            )
        return survey

    @cached_property
    def wordpiece(self) -> WordPiece:
        given = self.config.tokenizer or self.config.init_from
        if given:
            if self.config.init_from and not (given / CONFIG_FILE).is_file():
                raise PretrainedError(
                    f"--init_from {given} holds no {CONFIG_FILE}; point to the folder of a saved BERT"
                )
            return WordPiece.load(given)
        text, vocab_size = self.survey.text, self.config.vocab_size
        assert vocab_size is not None
        directory = self.cache_dir / f"tokenizer-{text.stem.removeprefix('sample-')}-{vocab_size}"
        if not (directory / "tokenizer.json").is_file():
            with self.console.phase("Training the tokenizer"):
                train_wordpiece(text, vocab_size).save(directory)
            _give_back_memory()
        return WordPiece.load(directory)

    @property
    def token_cache_exists(self) -> bool:
        return token_cache_exists(self.wordpiece, self.corpus.chars, self.corpus.fingerprint, self.cache_dir)

    def tokenise(self, shard: Shard | None = None) -> TokenCache | None:
        """The token cache; None where other machines have not made their parts yet."""
        sentences, wordpiece = self.sentences, self.wordpiece
        with self.console.progress("Tokenising", "characters") as report:
            return open_token_cache(
                sentences,
                wordpiece,
                self.corpus.chars,
                self.corpus.fingerprint,
                self.cache_dir,
                report,
                mapped=self.mapped,
                shard=shard,
            )

    @property
    def _held_out_key(self) -> str:
        return blake2b(self.corpus.fingerprint.encode() + self.held_out.tobytes(), digest_size=8).hexdigest()

    def _coverage(self) -> dict[str, float]:
        sentences = [
            sentence for document in self.held_out.tolist() for sentence in self.sentences.cleaned(document)[0]
        ]
        return asdict(measure_coverage(self.wordpiece, sentences))

    def _frequencies(self) -> list[float]:
        """Counted on every k-th sentence of the sample, some millions of characters."""
        every = max(1, self.survey.characters // _UNIGRAM_CHARACTERS)
        with self.survey.text.open(encoding="utf-8") as file:
            sentences = [line for number, line in enumerate(file) if number % every == 0 and line != "\n"]
        ids = np.fromiter((i for encoded in self.wordpiece.encode(sentences) for i in encoded), dtype=np.int64)
        size = self.wordpiece.vocab_size
        counts = np.where(self.wordpiece.reserved, 0, np.bincount(ids, minlength=size) + 1)
        return (counts / counts.sum()).tolist()

    def _kept(self, name: str, make: Callable[[], Any]) -> Any:
        """What was made before, from JSON."""
        path = self.cache_dir / name
        if not path.is_file():
            unfinished = path.with_suffix(f".unfinished-{os.getpid()}")
            unfinished.write_text(json.dumps(make()), encoding="utf-8")
            os.replace(unfinished, path)
        return json.loads(path.read_text(encoding="utf-8"))


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
