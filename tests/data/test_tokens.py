import pickle
import random
import shutil

import numpy as np
import pytest

import data.passes
from data.cleaned import open_cleaned
from data.cleaning import Cleaning
from data.corpus import Corpus, open_corpus
from data.errors import DataError
from data.passes import document_ranges
from data.survey import survey_corpus
from data.tokenizer import train_wordpiece
from data.tokens import Shard, TextTokens, open_token_cache

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
]
PARTICLES = ["이", "가", "을", "에서", "으로", "까지", "에게", "처럼", ""]


@pytest.fixture
def corpus(tmp_path):
    rng = random.Random(0)
    path = tmp_path / "글.txt"
    documents = [
        "\n".join(
            " ".join(word + rng.choice(PARTICLES) for word in rng.choices(WORDS, k=rng.randint(4, 9))) + "입니다."
            for _ in range(rng.randint(1, 9))
        )
        for _ in range(700)
    ]
    path.write_text("\n\n".join([*documents, "짧다."]) + "\n", encoding="utf-8")
    return open_corpus([path], tmp_path / "cache", Cleaning())


def survey_of(corpus, documents, directory, megabytes):
    return survey_corpus(corpus, documents, corpus.chars, corpus.fingerprint, directory, megabytes)


def cache_of(corpus, wordpiece, directory, report=lambda done, total: None, **named):
    return open_token_cache(corpus, wordpiece, corpus.chars, corpus.fingerprint, directory, report, **named)


@pytest.fixture
def sources(corpus, tmp_path):
    survey = survey_of(corpus, np.arange(len(corpus)), tmp_path, 1000)
    wordpiece = train_wordpiece(survey.text, 300)
    done = []
    cache = cache_of(corpus, wordpiece, tmp_path, lambda done_now, total: done.append((done_now, total)))
    assert done[-1] == (corpus.chars.sum(), corpus.chars.sum())
    cleaned = open_cleaned(corpus, tmp_path, lambda done_now, total: done.append((done_now, total)))
    assert done[-1] == (corpus.chars.sum(), corpus.chars.sum())
    return TextTokens(cleaned, wordpiece), cache, wordpiece


def everything(source, corpus):
    """Sentences of each document as lists of ids, asked for together."""
    firsts, lasts = source.sentence_ranges(np.arange(len(corpus)))
    sizes, ids = source.tokens(firsts, lasts)
    assert ids.dtype == sizes.dtype == np.int64
    sentences = [part.tolist() for part in np.split(ids, np.cumsum(sizes)[:-1])]
    return [sentences[first:last] for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True)]


def test_both_sources_give_the_same(corpus, sources):
    text, cache, wordpiece = sources
    documents = [wordpiece.encode(corpus.sentences(i)) for i in range(len(corpus))]
    assert everything(text, corpus) == everything(cache, corpus) == documents
    firsts, lasts = text.sentence_ranges(np.array([40, 3, 650, 3]))  # in any order, again, and none of some
    ranges = (
        np.array([firsts[0], firsts[1], lasts[2] - 1, firsts[3]]),
        np.array([lasts[0], firsts[1] + 1, lasts[2], firsts[3]]),
    )
    wanted = [*documents[40], documents[3][0], documents[650][-1]]
    for source in (text, cache):
        assert np.array_equal(source.sentence_ranges(np.array([40, 3, 650, 3])), (firsts, lasts))
        sizes, ids = source.tokens(*ranges)
        assert sizes.tolist() == [len(sentence) for sentence in wanted]
        assert ids.tolist() == [token for sentence in wanted for token in sentence]


@pytest.mark.parametrize("threshold", [1 << 30, -1], ids=["held in memory", "read from disk"])
def test_the_cleaned_text_is_that_of_the_corpus(corpus, tmp_path, monkeypatch, threshold):
    monkeypatch.setattr("data.lines.open_lines.__defaults__", (threshold, None))
    with monkeypatch.context() as patch:
        patch.setattr(data.passes, "RANGE", 200)
        cleaned = open_cleaned(corpus, tmp_path, lambda done, total: None)
    assert len(cleaned) == len(corpus)
    for one in (cleaned, pickle.loads(pickle.dumps(cleaned))):
        assert [one.cleaned(i) for i in range(len(corpus))] == [corpus.cleaned(i) for i in range(len(corpus))]
    first, last = cleaned.sentence_ranges(np.array([3, 600]))
    assert cleaned.sentences(first + 1, last) == [text for i in (3, 600) for text in corpus.sentences(i)[1:]]
    assert len(pickle.dumps(cleaned)) < 2000
    with monkeypatch.context() as patch:
        patch.setattr(Corpus, "cleaned", None)
        open_cleaned(corpus, tmp_path, lambda done, total: None)


def test_work_is_cut_up_by_characters(monkeypatch):
    monkeypatch.setattr(data.passes, "RANGE", 10)
    characters = np.array([4, 4, 4, 30, 1, 1, 10, 1], dtype=np.uint32)
    assert list(document_ranges(characters)) == [
        range(0, 2),
        range(2, 3),
        range(3, 4),
        range(4, 6),
        range(6, 7),
        range(7, 8),
    ]
    assert list(document_ranges(characters, 2, 5)) == [range(2, 3), range(3, 4), range(4, 5)]


def test_a_disk_without_room_is_told_beforehand(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(data.passes.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 10, 0))
    with pytest.raises(
        DataError, match=r"^the cleaned text takes about 0\.\d\d GB of disk, but .* another --cache_dir$"
    ):
        open_cleaned(corpus, tmp_path, lambda done, total: None)


def files_of(directory):
    return {path.relative_to(directory): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.mark.parametrize("count", [2, 3])
def test_machines_make_the_parts_that_one_would_make(corpus, sources, tmp_path, monkeypatch, count):
    monkeypatch.setattr("data.tokens.PART", 4000)
    wordpiece = sources[2]
    whole = cache_of(corpus, wordpiece, tmp_path / "one")
    shards = [cache_of(corpus, wordpiece, tmp_path / "many", shard=Shard(n, count)) for n in range(1, count + 1)]
    assert [shard is None for shard in shards] == [True] * (count - 1) + [False]
    assert len(files_of(tmp_path / "one")) > 5 * count
    assert files_of(tmp_path / "one") == files_of(tmp_path / "many")
    assert everything(whole, corpus) == everything(sources[1], corpus)
    ranges = whole.sentence_ranges(np.arange(len(corpus)))
    assert np.array_equal(whole.characters(*ranges), sources[1].characters(*ranges))


def test_lengths_are_characters_of_sentences(corpus, sources):
    wanted = [len(sentence) for i in (3, 600) for sentence in corpus.sentences(i)]
    for source in sources[:2]:
        assert source.characters(*source.sentence_ranges(np.array([3, 600]))).tolist() == wanted


def test_a_document_without_sentence_is_empty(corpus, sources):
    empty = np.array([next(i for i in range(len(corpus)) if not corpus.sentences(i))])
    for source in sources[:2]:
        firsts, lasts = source.sentence_ranges(empty)
        assert (
            firsts == lasts and not len(source.characters(firsts, lasts)) and not len(source.tokens(firsts, lasts)[1])
        )


def test_the_cache_travels_to_a_worker_as_a_path(corpus, sources):
    assert len(pickle.dumps(sources[1])) < 2000
    assert everything(pickle.loads(pickle.dumps(sources[1])), corpus) == everything(sources[1], corpus)


def test_the_cache_is_made_once_for_a_text_and_a_tokenizer(corpus, sources, tmp_path):
    def fail(*_):
        raise AssertionError("made again")

    cache_of(corpus, sources[2], tmp_path, fail)
    assert not list(tmp_path.rglob(".writing*"))


def test_the_survey_counts_and_draws_evenly(corpus, tmp_path):
    documents = np.arange(len(corpus))
    survey = survey_of(corpus, documents, tmp_path / "all", 1000)
    kept = [corpus.sentences(i) for i in range(len(corpus))]
    assert survey.documents == len(corpus)
    assert survey.sentences == sum(map(len, kept)) and survey.characters == sum(len(s) for d in kept for s in d)
    assert survey.documents_without_sentence == sum(not d for d in kept) == 1
    assert survey.documents_of_one_sentence == sum(len(d) == 1 for d in kept)
    assert survey.short_sentences >= 1
    assert survey.text.read_text(encoding="utf-8").split() == [word for d in kept for s in d for word in s.split()]
    assert survey_of(corpus, documents, tmp_path / "all", 1000) == survey


def test_the_survey_is_bounded(tmp_path):
    path = tmp_path / "큰글.txt"
    path.write_text(
        "".join(f"{i}번째 문서의 첫째 문장입니다.\n{i}번째 문서의 둘째 문장입니다.\n\n" for i in range(30_000)),
        encoding="utf-8",
    )
    corpus = open_corpus([path], tmp_path / "cache", Cleaning())
    survey = survey_of(corpus, np.arange(len(corpus)), tmp_path, 1)
    assert 0.7e6 < survey.text.stat().st_size < 1.1e6
    numbers = [int(line.partition("번")[0]) for line in survey.text.read_text(encoding="utf-8").splitlines() if line]
    assert numbers[0] == 0 and numbers[-1] > 29_990 and np.diff(numbers).max() < 10
