"""The WordPiece tokenizer: trained on the user's own text, cased, and the same from the same text every time.

    국민청원에 동의합니다  →  국민 ##청 ##원에 동의 ##합니다         (the pieces depend on the corpus)

The vocabulary, in order of ids:

    [PAD] [UNK] [CLS] [SEP] [MASK]      special tokens
    [SUBJ] [/SUBJ] … [OBJ:NOH] …        marker tokens for the entities of a relation
    [unused0] … [unused99]              free rows, for words that a user adds later
    ! " … 가 각 … ##가 ##각 …           the alphabet: each character as a word's beginning, and as its continuation
    국민 ##니다 …                       longer pieces, the most useful first

`tokenizers` splits and counts; what is added here is reproducibility. The library meets the continuations `##가` in the
order of a randomly seeded hash map and breaks ties between pairs by that order, so two trainings on one text differ, in
their ids and even in their words. Given the whole alphabet beforehand, in code point order, it has nothing left to decide.

Text is to be normalised (`data.cleaning.normalize`) before it comes here; a normaliser inside the tokenizer would report
offsets of another string than the caller's.
"""

import hashlib
import json
import string
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from data.errors import DataError

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
ENTITY_TYPES = ("PER", "ORG", "LOC", "DAT", "POH", "NOH")
MARKER_TOKENS = tuple(
    f"[{slash}{role}{kind}]"
    for role in ("SUBJ", "OBJ")
    for kind in ("", *(f":{name}" for name in ENTITY_TYPES))
    for slash in ("", "/")
)
UNUSED_TOKENS = tuple(f"[unused{i}]" for i in range(100))
RESERVED_TOKENS = SPECIAL_TOKENS + MARKER_TOKENS + UNUSED_TOKENS
"""Never drawn as a random replacement, never part of running text."""

PUNCTUATION = frozenset(string.punctuation)
"""Of ASCII; in every vocabulary, whatever its text, since entities are marked with @ # * ^."""

_READ = 1 << 20
"""Characters that are counted at once."""

LONGEST_WORD = 100
"""Characters; a longer word becomes one [UNK], as in Google's tokenizer."""


@dataclass(frozen=True)
class WordPiece:
    """A trained tokenizer with what pretraining asks of it."""

    tokenizer: Tokenizer

    @cached_property
    def vocab_size(self) -> int:
        return self.tokenizer.get_vocab_size()

    @cached_property
    def tokens(self) -> list[str]:
        """Every token, by its id."""
        vocabulary = self.tokenizer.get_vocab()
        return sorted(vocabulary, key=vocabulary.__getitem__)

    def id_of(self, token: str) -> int:
        """The id of a token that must be there.

        Raises:
            DataError: this vocabulary does not have it.
        """
        index = self.tokenizer.token_to_id(token)
        if index is None:
            raise DataError(f"the tokenizer has no token {token}; use the vocabulary of a BERT")
        return index

    @cached_property
    def reserved(self) -> np.ndarray:
        """bool [V]: special, marker and unused tokens."""
        names = set(RESERVED_TOKENS)
        return np.array([token in names or token.startswith("[unused") for token in self.tokens])

    @cached_property
    def continues(self) -> np.ndarray:
        """bool [V]: pieces that go on with the word before them (`##…`)."""
        return np.array([token.startswith("##") for token in self.tokens])

    @cached_property
    def fingerprint(self) -> str:
        """Hexadecimal, of the vocabulary and the splitting rules."""
        return hashlib.blake2b(self.tokenizer.to_str().encode(), digest_size=8).hexdigest()

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, without [CLS] and [SEP]."""
        return [encoding.ids for encoding in self.tokenizer.encode_batch_fast(texts, add_special_tokens=False)]

    def encode_continuations(self, texts: Sequence[str], after: Sequence[str]) -> list[list[int]]:
        """Token ids of texts that stand directly after others and may go on with their last word: 은 after 대학교 is ##은.

        Where the tokenizer splits between the two anyway (white space, punctuation, Hanja), a text is encoded as usual.
        Otherwise what belongs to the word before is looked up longest match first with `##` before every piece, and is one
        [UNK] if that cannot be done. So `encode` of a, followed by this of b after a, is `encode` of ab wherever that has a
        boundary between the two.

        Args:
            texts: not normalised further; may be empty.
            after: what stands before each of them.
        """
        parts = [text.partition(" ") for text in texts]
        beginnings = [(before, first) for before, (first, _, _) in zip(after, parts, strict=True)]
        encoded = {beginning: self._encode_beginning(*beginning) for beginning in set(beginnings)}
        rests = self.encode([rest for _, _, rest in parts])
        return [encoded[beginning] + rest for beginning, rest in zip(beginnings, rests, strict=True)]

    def _encode_beginning(self, before: str, text: str) -> list[int]:
        """Token ids of a text without spaces that stands after another."""
        if not text:
            return []
        joined = self.tokenizer.encode(before + text, add_special_tokens=False)
        last_word, end = None, 0  # the last word that begins in `before`, and where it ends
        for (token_start, token_end), word in zip(joined.offsets, joined.word_ids, strict=True):
            if token_start < len(before) or word == last_word:
                last_word, end = word, token_end
        shared = max(0, end - len(before))
        return self._continue(text[:shared]) + self.encode([text[shared:]])[0]

    def _continue(self, text: str) -> list[int]:
        """Token ids of the rest of a word."""
        normalizer = self.tokenizer.normalizer
        word = normalizer.normalize_str(text) if normalizer else text
        unknown = [self.id_of("[UNK]")]
        if len(word) > LONGEST_WORD:
            return unknown
        ids: list[int] = []
        start = 0
        while start < len(word):
            for end in range(len(word), start, -1):
                piece = self.tokenizer.token_to_id(f"##{word[start:end]}")
                if piece is not None:
                    ids.append(piece)
                    start = end
                    break
            else:
                return unknown
        return ids

    def save(self, directory: Path) -> None:
        """Writes `vocab.txt`, `tokenizer.json` and `tokenizer_config.json`, as Hugging Face's `AutoTokenizer` reads them."""
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "vocab.txt").write_text("".join(f"{token}\n" for token in self.tokens), encoding="utf-8")
        self.tokenizer.save(str(directory / "tokenizer.json"))
        settings = {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": False,
            "strip_accents": False,
            "tokenize_chinese_chars": True,
            "model_max_length": 512,
            **{f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")},
        }
        (directory / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> "WordPiece":
        """Reads what `save` wrote, or any BERT's `tokenizer.json` or `vocab.txt`.

        Raises:
            DataError: neither file is there, or one cannot be read.
        """
        whole, vocabulary = directory / "tokenizer.json", directory / "vocab.txt"
        try:
            if whole.is_file():
                tokenizer = Tokenizer.from_file(str(whole))
                tokenizer.no_padding()
                tokenizer.no_truncation()
                return cls(tokenizer)
            if vocabulary.is_file():
                settings = directory / "tokenizer_config.json"
                given = json.loads(settings.read_text(encoding="utf-8")) if settings.is_file() else {}
                words = vocabulary.read_text(encoding="utf-8").split("\n")
                ids = {word: index for index, word in enumerate(words[:-1] if words[-1] == "" else words)}
                return cls(_assemble(ids, lowercase=bool(given.get("do_lower_case", False))))
        except Exception as error:  # tokenizers raises bare Exception for a broken file
            raise DataError(f"the tokenizer in {directory} cannot be read ({error}); save it anew") from None
        raise DataError(f"{directory} holds neither tokenizer.json nor vocab.txt; point to a folder with a tokenizer")


def alphabet_size(vocab_size: int) -> int:
    """How many characters of its text a vocabulary keeps, beside ASCII punctuation: a fifth of it (in two forms each), 5,000 at most.

    About 1,200 syllables cover 99.9 % of Korean running text and 2,000 cover 99.99 %; the rest is Hanja, emoji and foreign
    letters, each of them rarer than the words that a small vocabulary would give up for it.
    """
    return min(5000, vocab_size // 5)


def train_wordpiece(text: Path, vocab_size: int) -> WordPiece:
    """Trains a cased WordPiece vocabulary of exactly `vocab_size` tokens.

    Args:
        text: a file of normalised sentences, one a line; read twice, never held in memory.
        vocab_size: rows of the embedding table, reserved tokens included.

    Raises:
        DataError: the text is too small to give so many pieces, or the vocabulary too small for its reserved tokens.
    """
    if vocab_size < 2 * len(RESERVED_TOKENS):
        raise DataError(
            f"a vocabulary of {vocab_size} leaves too little room beside {len(RESERVED_TOKENS)} reserved tokens; "
            f"ask for --vocab_size {2 * len(RESERVED_TOKENS)} or more"
        )
    visible = [character for character in _most_frequent(text) if not _is_dropped(character)]
    alphabet = sorted({*PUNCTUATION, *visible[: alphabet_size(vocab_size)]})
    continuations = [f"##{character}" for character in alphabet if not _stands_alone(character)]

    tokenizer = _assemble({})
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocab_size,
        # What the trainer calls special is what it takes as given, in this order; none of it is special afterwards.
        special_tokens=[*RESERVED_TOKENS, *alphabet, *continuations],
        limit_alphabet=0,
        show_progress=False,
    )
    tokenizer.train([str(text)], trainer)
    vocabulary = tokenizer.get_vocab()
    if len(vocabulary) != vocab_size:
        raise DataError(
            f"the text is too small for a vocabulary of {vocab_size:,} tokens (it gives {len(vocabulary):,}); "
            f"lower --vocab_size or add text"
        )
    return WordPiece(_assemble(vocabulary))


def _most_frequent(text: Path) -> list[str]:
    """The characters of a text, the most frequent first."""
    counts = np.zeros(sys.maxunicode + 1, dtype=np.int64)
    with text.open(encoding="utf-8") as file:
        while block := file.read(_READ):
            counts += np.bincount(np.frombuffer(block.encode("utf-32-le"), dtype="<u4"), minlength=len(counts))
    return list(map(chr, np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)].tolist()))


@dataclass(frozen=True)
class Coverage:
    """How well a vocabulary fits a text that it was not trained on."""

    unknown_rate: float
    """Share of [UNK] among the tokens."""
    tokens_per_word: float
    """Tokens an eojeol (stretch between spaces)."""
    characters_per_token: float
    """Spaces counted."""


def measure_coverage(wordpiece: WordPiece, texts: Sequence[str]) -> Coverage:
    """Encodes the texts and counts."""
    ids = [index for encoded in wordpiece.encode(texts) for index in encoded]
    tokens = max(1, len(ids))
    return Coverage(
        unknown_rate=ids.count(wordpiece.id_of("[UNK]")) / tokens,
        tokens_per_word=len(ids) / max(1, sum(len(text.split()) for text in texts)),
        characters_per_token=sum(map(len, texts)) / tokens,
    )


def pieces(wordpiece: WordPiece, ids: Iterable[int]) -> Iterator[str]:
    """The tokens of these ids, for people to read."""
    return (wordpiece.tokens[index] for index in ids)


def _assemble(vocabulary: dict[str, int], lowercase: bool = False) -> Tokenizer:
    """BERT's splitting around a vocabulary. `strip_accents` stays off: it would break 각 into ㄱㅏㄱ."""
    model = models.WordPiece(vocab=vocabulary, unk_token="[UNK]", max_input_chars_per_word=LONGEST_WORD)
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=lowercase
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    if vocabulary:
        tokenizer.add_special_tokens([token for token in SPECIAL_TOKENS + MARKER_TOKENS if token in vocabulary])
        tokenizer.post_processor = processors.BertProcessing(
            ("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"])
        )
    return tokenizer


def _is_dropped(character: str) -> bool:
    """Whether BERT's normaliser never lets this character reach the vocabulary: white space and control characters."""
    return character.isspace() or unicodedata.category(character) in {"Cc", "Cf", "Co", "Cs", "Cn"}


def _stands_alone(character: str) -> bool:
    """Whether BERT's splitting makes this character a word of its own, so that it continues none."""
    is_ascii_symbol = character.isascii() and not character.isalnum()
    return is_ascii_symbol or unicodedata.category(character)[0] == "P" or _is_ideograph(character)


def _is_ideograph(character: str) -> bool:
    """Hanja, in the blocks that BERT's normaliser puts spaces around."""
    point = ord(character)
    return (
        0x4E00 <= point <= 0x9FFF
        or 0x3400 <= point <= 0x4DBF
        or 0xF900 <= point <= 0xFAFF
        or 0x20000 <= point <= 0x2FA1F
    )
