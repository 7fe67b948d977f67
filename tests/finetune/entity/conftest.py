import random

import pytest

from data.entities import NamedEntity, TaggedText, bio_tags
from data.tokenizer import train_wordpiece
from finetune.entity.config import EntityConfig

PEOPLE = ["김새솔", "이다온", "박한별", "최가람", "정 누리", "강마루", "조아라", "윤슬기"]
PLACES = ["한빛군", "새터시", "달뫼읍", "푸른 내", "솔섬"]
TIMES = ["3월 2일", "지난해", "1952년", "내일", "5월"]
PATTERNS = [
    "{PS}은 {DT} {LC}에서 태어났다.",
    "{LC}에 사는 {PS}이 {DT}에 왔다고 한다.",
    "{DT}까지 {LC}군수인 {PS}와 {PS}가 만난다.",
    "{PS}씨의 집은 {LC}에 있다.",
    "오늘은 아무 일도 없었다, 정말로 {number}번이나.",
]


def tagged(rng, number):
    """A sentence with its entities."""
    pattern, text, entities = rng.choice(PATTERNS), "", []
    for part in pattern.replace("}", "{").split("{"):
        names = {"PS": PEOPLE, "LC": PLACES, "DT": TIMES}.get(part)
        word = rng.choice(names) if names else str(number) if part == "number" else part
        if names:
            entities.append(NamedEntity(len(text), len(text) + len(word), part))
        text += word
    return TaggedText(f"s-{number}", text, tuple(entities), f"문장.tsv:{number}")


def write_texts(path, count, seed=0):
    """`count` different sentences in KLUE-NER's character TSV."""
    rng, texts = random.Random(seed), {}
    while len(texts) < count:
        text = tagged(rng, len(texts))
        texts.setdefault(text.text, text)
    blocks = []
    for text in texts.values():
        tags = bio_tags(len(text.text), text.entities)
        lines = [f"{character}\t{tag}" for character, tag in zip(text.text, tags, strict=True)]
        blocks.append("\n".join([f"## {text.id}\t{text.text}", *lines]) + "\n")
    path.write_text("\n".join(blocks), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def texts_file(tmp_path_factory):
    """120 texts to train on."""
    return write_texts(tmp_path_factory.mktemp("entities") / "훈련.tsv", 120)


@pytest.fixture(scope="session")
def test_texts_file(tmp_path_factory):
    """40 other ones."""
    return write_texts(tmp_path_factory.mktemp("entities") / "시험.tsv", 40, seed=1)


@pytest.fixture(scope="session")
def wordpiece(tmp_path_factory):
    text, rng = tmp_path_factory.mktemp("tokenizer") / "text.txt", random.Random(0)
    lines = [tagged(rng, number).text for number in range(600)]
    text.write_text("\n".join(lines * 2), encoding="utf-8")
    return train_wordpiece(text, 400)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory, wordpiece, save_bert):
    """A folder with a small BERT of random weights and a tokenizer."""
    folder = tmp_path_factory.mktemp("checkpoint")
    return save_bert(folder, wordpiece)


@pytest.fixture
def configure(checkpoint, texts_file, tmp_path):
    """A configuration small enough for a test."""

    def make(**changes):
        small = dict(
            checkpoint=checkpoint, train_file=texts_file, dev_share=0.2, epochs=2, batch_size=8, learning_rate=2e-3,
            dropout=0.0, precision="32", accelerator="cpu", output_dir=tmp_path / "runs", tracking_uri="none", log_every=2,
        )  # fmt: skip
        return EntityConfig(**(small | changes))

    return make
