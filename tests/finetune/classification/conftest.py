import random

import pytest

from data.tokenizer import train_wordpiece
from finetune.classification.config import ClassificationConfig

WORDS = {
    "길": ["버스", "도로", "신호등", "골목", "지하철"],
    "개": ["강아지", "고양이", "산책로", "목줄", "동물병원"],
    "학교": ["교실", "급식", "운동장", "선생님", "시험"],
}
FRAMES = ["{a} 때문에 {b} 이야기를 합니다.", "우리 동네 {b}와 {a}를 살펴 주세요.", "{a}에 대한 {b} 청원입니다."]


def text_of(rng, label):
    a, b = rng.sample(WORDS[label], 2)
    return f"{rng.choice(FRAMES).format(a=a, b=b)} {rng.randrange(1000)}번째"


def _write_labels(path, count, seed=0):
    """`count` texts in NSMC's layout, the labels in turn."""
    rng, labels = random.Random(seed), list(WORDS)
    lines = [f"{seed}-{n}\t{text_of(rng, labels[n % 3])}\t{labels[n % 3]}" for n in range(count)]
    path.write_text("id\tdocument\tlabel\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def _write_scores(path, count, seed=0):
    """`count` pairs in KorSTS's layout: 5 for two texts about the same, less for others."""
    rng, lines = random.Random(seed), []
    for number in range(count):
        one = rng.choice(list(WORDS))
        other = one if number % 2 else rng.choice([label for label in WORDS if label != one])
        score = (4.5 if one == other else 0.5) + rng.choice([-0.5, 0.0, 0.5])
        lines.append(f"{seed}-{number}\t{score:.3f}\t{text_of(rng, one)}\t{text_of(rng, other)}")
    path.write_text("id\tscore\tsentence1\tsentence2\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def write_labels():
    return _write_labels


@pytest.fixture(scope="session")
def write_scores():
    return _write_scores


@pytest.fixture(scope="session")
def labels_file(tmp_path_factory):
    return _write_labels(tmp_path_factory.mktemp("labels") / "훈련.tsv", 150)


@pytest.fixture(scope="session")
def scores_file(tmp_path_factory):
    return _write_scores(tmp_path_factory.mktemp("scores") / "훈련.tsv", 150)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory, save_bert):
    """A folder with a small BERT of random weights and a tokenizer."""
    folder = tmp_path_factory.mktemp("checkpoint")
    text, rng = folder / "text.txt", random.Random(0)
    text.write_text("\n".join(text_of(rng, label) for _ in range(300) for label in WORDS), encoding="utf-8")
    wordpiece = train_wordpiece(text, 400)
    return save_bert(folder, wordpiece)


@pytest.fixture
def configure(checkpoint, labels_file, tmp_path):
    """A configuration small enough for a test."""

    def make(**changes):
        small = dict(
            checkpoint=checkpoint, train_file=labels_file, dev_share=0.2, epochs=8, batch_size=8, learning_rate=4e-3,
            dropout=0.0, precision="32", accelerator="cpu", output_dir=tmp_path / "runs", tracking_uri="none", log_every=2,
        )  # fmt: skip
        return ClassificationConfig(**(small | changes))

    return make
