import json
import os
import random
import subprocess
import sys
import unicodedata

import pytest
import transformers
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from data.errors import DataError
from data.tokenizer import (
    MARKER_TOKENS,
    PUNCTUATION,
    RESERVED_TOKENS,
    SPECIAL_TOKENS,
    UNUSED_TOKENS,
    WordPiece,
    alphabet_size,
    measure_coverage,
    pieces,
    train_wordpiece,
)

WORDS = [
    "국민",
    "청원",
    "동의",
    "정부",
    "대통령",
    "학교",
    "급식",
    "안전",
    "어린이",
    "도로",
    "신호등",
    "설치",
    "요청",
    "부탁",
    "감사",
    "지역",
    "주민",
    "병원",
    "교육",
    "정책",
]
PARTICLES = ["이", "가", "을", "를", "은", "는", "에", "에서", "으로", "의", "합니다.", "했습니다!", ""]


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    rng = random.Random(0)
    lines = [" ".join(rng.choice(WORDS) + rng.choice(PARTICLES) for _ in range(8)) for _ in range(2000)]
    path = tmp_path_factory.mktemp("text") / "sample.txt"
    path.write_text("\n".join(lines) + "\n大韓民國 COVID-19 😀 ㅋㅋ ㅠㅠ 3.5%\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def wordpiece(text):
    return train_wordpiece(text, 500)


def test_vocabulary_in_its_order(wordpiece):
    tokens = wordpiece.tokens
    assert len(tokens) == len(set(tokens)) == wordpiece.vocab_size == 500
    assert tuple(tokens[: len(RESERVED_TOKENS)]) == SPECIAL_TOKENS + MARKER_TOKENS + UNUSED_TOKENS
    alphabet = [token for token in tokens[len(RESERVED_TOKENS) :] if len(token) == 1]
    assert alphabet == sorted(alphabet) and tokens.index(alphabet[0]) == len(RESERVED_TOKENS)
    assert wordpiece.reserved.sum() == len(RESERVED_TOKENS) and wordpiece.reserved[: len(RESERVED_TOKENS)].all()
    assert wordpiece.continues[wordpiece.id_of("##원")] and not wordpiece.continues[wordpiece.id_of("원")]


def test_ids_depend_on_the_text_alone(text, wordpiece, tmp_path):
    script = (
        "import sys, pathlib; from data.tokenizer import train_wordpiece\n"
        "train_wordpiece(pathlib.Path(sys.argv[1]), 500).save(pathlib.Path(sys.argv[2]))"
    )
    for number, hash_seed in enumerate(("1", "2", "3")):
        target = tmp_path / str(number)
        environment = os.environ | {"PYTHONHASHSEED": hash_seed, "TOKENIZERS_PARALLELISM": "true"}
        subprocess.run([sys.executable, "-c", script, str(text), str(target)], check=True, env=environment)
        assert (target / "vocab.txt").read_text(encoding="utf-8").split("\n")[:-1] == wordpiece.tokens


def test_hangul_stays_whole_and_case_is_kept(wordpiece):
    ids = wordpiece.encode(["국민청원 COVID"])[0]
    joined = "".join(token.removeprefix("##") for token in pieces(wordpiece, ids))
    assert joined == "국민청원COVID"
    assert unicodedata.is_normalized("NFC", joined)


def test_every_kept_character_can_begin_and_continue_a_word(wordpiece):
    for character in "청원ㅋ1a":
        if wordpiece.tokenizer.token_to_id(character) is not None:
            assert wordpiece.tokenizer.token_to_id(f"##{character}") is not None
    assert wordpiece.tokenizer.token_to_id(".") is not None and wordpiece.tokenizer.token_to_id("##.") is None


def test_markers_are_single_tokens_and_nothing_else_is_special(wordpiece):
    tokens = list(pieces(wordpiece, wordpiece.encode(["[SUBJ:PER] 국민 [/SUBJ:PER] 학교"])[0]))
    assert tokens[0] == "[SUBJ:PER]" and "[/SUBJ:PER]" in tokens
    assert wordpiece.encode(["가"])[0] != [wordpiece.id_of("[UNK]")] or "가" not in wordpiece.tokens


def test_transformers_reads_the_folder_and_agrees(wordpiece, tmp_path):
    wordpiece.save(tmp_path)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    sentences = ["국민청원에 동의합니다.", "大韓民國 COVID-19 ㅋㅋ", "학교 급식 안전", "없는 글자 뷁"]
    for sentence in sentences:
        expected = [wordpiece.id_of("[CLS]"), *wordpiece.encode([sentence])[0], wordpiece.id_of("[SEP]")]
        assert theirs(sentence)["input_ids"] == expected
    pair = theirs("학교", "병원")
    assert pair["token_type_ids"][-1] == 1 and theirs.mask_token_id == wordpiece.id_of("[MASK]")


@pytest.mark.parametrize("files", [("tokenizer.json",), ("vocab.txt", "tokenizer_config.json"), ("vocab.txt",)])
def test_loads_what_it_saved_and_anyones_vocabulary(wordpiece, tmp_path, files):
    wordpiece.save(tmp_path / "all")
    (tmp_path / "some").mkdir()
    for name in files:
        (tmp_path / "some" / name).write_bytes((tmp_path / "all" / name).read_bytes())
    again = WordPiece.load(tmp_path / "some")
    sentence = ["국민청원에 동의합니다. 大韓民國"]
    assert again.tokens == wordpiece.tokens and again.encode(sentence) == wordpiece.encode(sentence)


def test_foreign_tokenizer_does_not_pad_or_truncate(wordpiece, tmp_path):
    wordpiece.save(tmp_path)
    foreign = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    foreign.enable_truncation(4)
    foreign.enable_padding(length=64)
    foreign.save(str(tmp_path / "tokenizer.json"))
    assert WordPiece.load(tmp_path).encode(["학교 급식 안전 정책 도로"]) == wordpiece.encode(
        ["학교 급식 안전 정책 도로"]
    )


CHARACTERS = "국민청원학교이가은는아 .)大國aBé1\u200b뷁\t"


@pytest.fixture(scope="module", params=["ours", "lowercase", "without accents"])
def any_wordpiece(request, wordpiece):
    if request.param == "ours":
        return wordpiece
    vocabulary = [*SPECIAL_TOKENS, "국민", "##청원", "ab", "##ba", "##국민"]
    characters = set(unicodedata.normalize("NFKD", CHARACTERS) + CHARACTERS) - set(" \t뷁\u200b")
    vocabulary += sorted({form for character in characters for form in (character, f"##{character}")})
    tokenizer = Tokenizer(models.WordPiece({token: i for i, token in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(
        strip_accents=request.param == "without accents", lowercase=request.param == "lowercase"
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    return WordPiece(tokenizer)


@given(
    parts=st.lists(st.text(CHARACTERS, max_size=6) | st.sampled_from(["국민청원", "[MASK]", "가" * 101]), max_size=3),
    data=st.data(),
)
@example(parts=["국민청원"], data=2)
@example(parts=["학교) 은"], data=3)
@example(parts=["大國은"], data=2)
@example(parts=["국민\u200b은"], data=2)
def test_a_text_goes_on_as_if_it_had_not_been_cut(any_wordpiece, parts, data):
    text = "".join(parts)
    cut = data if isinstance(data, int) else data.draw(st.integers(0, len(text)))
    whole = any_wordpiece.tokenizer.encode(text, add_special_tokens=False)
    continued = any_wordpiece.encode_continuations([text[cut:]], after=[text[:cut]])[0]
    if not any(start < cut < end for start, end in whole.offsets):
        assert any_wordpiece.encode([text[:cut]])[0] + continued == whole.ids
    assert all(0 <= index < any_wordpiece.vocab_size for index in continued)


def test_continuations_where_the_word_has_no_boundary(wordpiece):
    texts = ["학교가", "뷁 학교", "은", "", "학교" * 60, ". 학교"]
    continued = wordpiece.encode_continuations(texts, after=["국", "국", "뷁", "국", "국", "국"])
    tokens = [" ".join(pieces(wordpiece, ids)) for ids in continued]
    longest = max(end for end in range(1, 4) if wordpiece.tokenizer.token_to_id(f"##{'학교가'[:end]}") is not None)
    assert tokens[0].startswith(f"##{'학교가'[:longest]}") and tokens[0].replace(" ##", "") == "##학교가"
    assert tokens[1:] == ["[UNK] 학교", "##은", "", "[UNK]", ". 학교"]
    with pytest.raises(ValueError):
        wordpiece.encode_continuations(["은", "는"], after=["국"])


def test_coverage_counts_what_it_says(wordpiece):
    coverage = measure_coverage(wordpiece, ["학교 뷁", "학교"])
    tokens = [token for sentence in wordpiece.encode(["학교 뷁", "학교"]) for token in sentence]
    assert coverage.unknown_rate == pytest.approx(1 / len(tokens))
    assert coverage.tokens_per_word == pytest.approx(len(tokens) / 3)
    assert coverage.characters_per_token == pytest.approx(6 / len(tokens))


def test_the_rarest_characters_give_way(tmp_path):
    path = tmp_path / "text.txt"
    common = " ".join(chr(ord("가") + i) * 2 for i in range(50))
    rare = "".join(chr(ord("힣") - i) for i in range(60))
    path.write_text(f"{common} {rare}\n" + f"{common}\n" * 50, encoding="utf-8")
    wordpiece = train_wordpiece(path, 300)
    kept = [token for token in wordpiece.tokens if len(token) == 1 and token not in PUNCTUATION]
    assert len(kept) == alphabet_size(300) == 60
    assert set(wordpiece.tokens) >= PUNCTUATION
    assert set(kept) >= {chr(ord("가") + i) for i in range(50)}


def test_too_little_text_and_too_small_vocabularies_are_refused(text, tmp_path):
    with pytest.raises(DataError, match="too small for a vocabulary of 30,000"):
        train_wordpiece(text, 30_000)
    with pytest.raises(DataError, match="reserved tokens"):
        train_wordpiece(text, 200)
    with pytest.raises(DataError, match=r"neither tokenizer.json nor vocab.txt"):
        WordPiece.load(tmp_path)
    (tmp_path / "tokenizer.json").write_text(json.dumps({"version": "1.0"}))
    with pytest.raises(DataError, match="cannot be read"):
        WordPiece.load(tmp_path)


def test_a_vocabulary_without_mask_is_named(tmp_path):
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n가\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"no token \[MASK\]"):
        WordPiece.load(tmp_path).id_of("[MASK]")
