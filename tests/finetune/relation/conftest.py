import json
import random

import pytest

from data.tokenizer import train_wordpiece
from finetune.relation.config import RelationConfig

PEOPLE = ["김새솔", "이다온", "박한별", "최가람", "정누리", "강마루", "조아라", "윤슬기"]
HOUSES = ["새솔대학교", "다온상사", "한별병원", "가람신문", "누리출판사", "마루은행"]
PATTERNS = {
    "per:spouse": "{a}은 {c}의 소개로 만난 {b}과 결혼했다.",
    "per:siblings": "{a}은 {c}에서 일하는 {b}의 동생이다.",
    "per:employee_of": "{c}의 친구 {a}은 작년부터 {h}에서 일한다.",
    "org:founded_by": "{h}은 {c}의 도움으로 {a}이 세웠다.",
    "no_relation": "{a}은 {h} 앞에서 {c}을 보았다.",
}


def sentence(rng, label):
    """A sentence, its subject and its object."""
    a, b, c = rng.sample(PEOPLE, 3)
    house = rng.choice(HOUSES)
    text = PATTERNS[label].format(a=a, b=b, c=c, h=house)
    pair = {"org:founded_by": (house, a), "per:employee_of": (a, house), "no_relation": (a, house)}.get(label, (a, b))
    return text, *pair


def entity(text, word):
    start = text.index(word)
    kind = "PER" if word in PEOPLE else "ORG"
    return {"word": word, "start_idx": start, "end_idx": start + len(word) - 1, "type": kind}


def write_rows(path, count, seed=0, labels=tuple(PATTERNS), labelled=True):
    """`count` rows in KLUE-RE's layout, the labels in turn, no two with the same sentence."""
    rng, rows, seen = random.Random(seed), [], set()
    while len(rows) < count:
        label = labels[len(rows) % len(labels)]
        text, subject, object_ = sentence(rng, label)
        if text not in seen:
            seen.add(text)
            row = {"guid": f"row-{seed}-{len(rows)}", "sentence": text}
            row |= {"subject_entity": entity(text, subject), "object_entity": entity(text, object_)}
            rows.append(row | ({"label": label} if labelled else {}))
    path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def rows_file(tmp_path_factory):
    """120 rows to train on."""
    return write_rows(tmp_path_factory.mktemp("relations") / "훈련.json", 120)


@pytest.fixture(scope="session")
def test_rows_file(tmp_path_factory):
    """40 other rows."""
    return write_rows(tmp_path_factory.mktemp("relations") / "시험.json", 40, seed=1)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory, save_bert):
    """A folder with a small BERT of random weights and a tokenizer."""
    folder = tmp_path_factory.mktemp("checkpoint")
    text, rng = folder / "text.txt", random.Random(0)
    lines = [sentence(rng, label)[0] for _ in range(200) for label in PATTERNS]
    text.write_text("\n".join([*lines, "사람 단체 장소 @ # * ^ 관계는 ?"] * 2), encoding="utf-8")
    wordpiece = train_wordpiece(text, 400)
    return save_bert(folder, wordpiece)


@pytest.fixture
def configure(checkpoint, rows_file, tmp_path):
    """A configuration small enough for a test."""

    def make(**changes):
        small = dict(
            checkpoint=checkpoint, train_file=rows_file, dev_share=0.2, epochs=2, batch_size=8, learning_rate=1e-3,
            dropout=0.0, precision="32", accelerator="cpu", output_dir=tmp_path / "runs", tracking_uri="none", log_every=2,
        )  # fmt: skip
        return RelationConfig(**(small | changes))

    return make


@pytest.fixture(scope="session")
def write_relation_rows():
    return write_rows
