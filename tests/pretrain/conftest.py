import random

import numpy as np
import pytest

from pretrain.batches import WindowBuilder
from pretrain.config import PretrainConfig
from pretrain.masking import Masker
from pretrain.pairs import PairBuilder, PairOptions


class ListSource:
    """A `TokenSource` over lists: document d, sentence s holds the ids that `sentence` gives; two characters a token."""

    def __init__(self, documents):
        self.documents = documents
        self._sentences = [np.array(ids, dtype=np.int64) for document in documents for ids in document]
        self._begins = np.cumsum([0, *map(len, documents)])
        self.asked = 0

    def sentence_ranges(self, documents):
        return self._begins[documents], self._begins[documents + 1]

    def characters(self, firsts, lasts):
        return 2 * self._of(firsts, lasts)[0]

    def tokens(self, firsts, lasts):
        self.asked += int((lasts - firsts).sum())
        return self._of(firsts, lasts)

    def _of(self, firsts, lasts):
        found = [ids for first, last in zip(firsts, lasts, strict=True) for ids in self._sentences[first:last]]
        return np.array([len(ids) for ids in found], dtype=np.int64), np.concatenate([np.zeros(0, np.int64), *found])


@pytest.fixture
def list_source():
    return ListSource


@pytest.fixture
def marked_documents():
    """40 documents of 2 to 21 sentences; id 1000 d + s tells document and sentence of every token."""
    rng = np.random.default_rng(0)
    return [
        [[1000 * (d + 1) + s] * int(rng.integers(3, 15)) for s in range(int(rng.integers(2, 22)))] for d in range(40)
    ]


@pytest.fixture
def windows(list_source, marked_documents):
    def make(batch_tokens=128, documents=marked_documents, seed=0):
        source = list_source(documents)
        characters = np.array([2 * sum(map(len, document)) for document in documents])
        pairs = PairBuilder(
            source, np.arange(len(documents)), characters, characters_per_token=2.0, cls_id=2, sep_id=3,
            options=PairOptions(max_length=32), seed=seed,
        )  # fmt: skip
        vocabulary = np.arange(200_000)
        masker = Masker(mask_id=4, reserved=vocabulary < 1000, continues=vocabulary < 0)
        return WindowBuilder(pairs, masker, batch_tokens, seed)

    return make


@pytest.fixture(scope="session")
def corpus_file(tmp_path_factory):
    """120 documents of three to nine sentences on twelve topics, each topic with words of its own."""
    topics = [
        "도로 신호등 보행자 횡단보도 자동차", "학교 급식 학생 선생님 교실", "병원 의사 환자 치료 간호사", "공원 나무 산책로 벤치 분수",
        "버스 정류장 노선 배차 기사", "도서관 책 열람실 사서 대출", "시장 상인 가게 손님 물건", "하천 오염 물고기 정화 시설",
        "아파트 층간소음 이웃 관리비 승강기", "농촌 농민 쌀 수확 저수지", "군대 병사 휴가 급여 훈련", "영화 극장 배우 감독 관객",
    ]  # fmt: skip
    endings = [
        "에 문제가 있습니다.",
        "을 고쳐 주세요.",
        "이 꼭 필요합니다.",
        "에서 불편을 겪었습니다.",
        "은 왜 그대로입니까?",
    ]
    rng = random.Random(0)
    documents = []
    for number in range(120):
        words = topics[number % len(topics)].split()
        sentences = [
            f"{rng.choice(words)} {rng.choice(words)} {rng.choice(words)}{rng.choice(endings)}"
            for _ in range(rng.randint(3, 9))
        ]
        documents.append("\n".join([f"{words[0]} 관련 청원 {number}번", *sentences]))
    path = tmp_path_factory.mktemp("corpus") / "청원.txt"
    path.write_text("\n\n".join(documents) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def configure(corpus_file, tmp_path):
    """A configuration small enough for a test: a tiny network over the corpus above."""

    def make(**changes):
        small = dict(
            corpus=[corpus_file], vocab_size=640, max_length=32, batch_tokens=256, max_steps=12, workers=0, evaluations=2,
            log_every=2, precision="32", accelerator="cpu", output_dir=tmp_path / "runs", tracking_uri="none",
            cache_dir=corpus_file.parent / "cache",
        )  # fmt: skip
        return PretrainConfig(**(small | changes))

    return make
