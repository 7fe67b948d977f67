"""The sample's texts to be classified: NSMC's layout, seven labels, and not to be told by one word or by heart."""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.svm import LinearSVC

from data.classification import label_order, read_classification
from data.sample.files import write_topics
from data.sample.topic_texts import compose_topic_texts
from data.sample.topics import topics
from data.sample.vocabulary import read_words
from data.splits import sentence_key

ROOT = Path(__file__).parents[3]
CLAUSES = ("문제", "경험", "결과", "요구")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_topics(tmp_path_factory.mktemp("topics"))


@pytest.fixture(scope="module")
def train(files):
    return read_classification(files[0], strict=True)


@pytest.fixture(scope="module")
def dev(files):
    return read_classification(files[1], strict=True)


def beginnings(*, kept_back):
    """Clauses without their last word, which alone is conjugated; those that stand in one clause only."""
    clauses = {clause for topic in topics().values() for name in CLAUSES for clause in topic[name]}
    chosen = [
        clause.rpartition(" ")[0]
        for topic in topics().values()
        for name in CLAUSES
        for number, clause in enumerate(topic[name], 1)
        if (number % 4 == 0) is kept_back and "{" not in clause
    ]
    return {before for before in chosen if " " in before and sum(before in clause for clause in clauses) == 1}


def test_layout_and_sizes(files, train, dev):
    assert [path.name for path in files] == ["topics_sample_train.tsv", "topics_sample_dev.tsv"]
    assert files[0].read_text("utf-8").startswith("id\tdocument\tlabel\nsample-topics_train_00000\t")
    assert (len(train.rows), len(dev.rows), train.numbers, train.columns.pair) == (2000, 300, False, None)
    assert len({row.id for row in [*train.rows, *dev.rows]}) == 2300


def test_labels_are_equally_frequent(train, dev):
    assert label_order(row.label for row in train.rows) == ["경제", "교육", "교통", "문화", "복지", "일자리", "환경"]
    for file in (train, dev):
        counts = Counter(row.label for row in file.rows)
        assert max(counts.values()) - min(counts.values()) <= 1 and len(counts) == 7


def test_no_text_is_on_both_sides_or_twice(train, dev):
    keys = [sentence_key(row.text) for row in [*train.rows, *dev.rows]]
    assert len(set(keys)) == len(keys)


def test_texts_are_korean_sentences(train, dev):
    for row in [*train.rows, *dev.rows]:
        assert re.fullmatch(r"[가-힣A-Z0-9 ,.?]+", re.sub(r"(?<=\d)[a-z]+", "", row.text)), row.text
        assert row.text[-1] in ".?" and 10 < len(row.text) < 100 and not re.search(r"[가-힣]\([가-힣]|  ", row.text), (
            row.text
        )


def test_no_text_says_the_same_twice(train, dev):
    phrases = beginnings(kept_back=True) | beginnings(kept_back=False)
    for row in [*train.rows, *dev.rows]:
        assert all(row.text.count(phrase) < 2 for phrase in phrases if phrase in row.text), row.text


def test_every_topic_has_one_label():
    named = [topic for part in read_words("topic_texts")["분야"].values() for topic in part]
    assert len(set(named)) == len(named) and set(named) <= set(topics())
    assert all(len(part) >= 3 for part in read_words("topic_texts")["분야"].values())


def test_no_word_gives_a_label_away(train):
    vectorizer = CountVectorizer(token_pattern=r"[가-힣A-Z]+", binary=True)
    words = vectorizer.fit_transform(row.text for row in train.rows)
    for label in {row.label for row in train.rows}:
        right = np.array([row.label == label for row in train.rows])
        hits, all_ = (np.asarray(part.sum(0)).ravel() for part in (words[right], words))
        assert (2 * hits / (all_ + right.sum())).max() < 0.5, (
            label
        )  # F1 of answering with the label where the word stands


def test_words_learn_much_and_not_all(train, dev):
    vectorizer = CountVectorizer(token_pattern=r"\S+")
    model = LinearSVC(C=0.1).fit(
        vectorizer.fit_transform(row.text for row in train.rows), [row.label for row in train.rows]
    )
    answers = model.predict(vectorizer.transform(row.text for row in dev.rows))
    assert 0.65 < np.mean(answers == np.array([row.label for row in dev.rows])) < 0.9


def test_some_clauses_are_for_development_alone(train, dev):
    kept_back = beginnings(kept_back=True)
    assert not [row.text for row in train.rows if any(phrase in row.text for phrase in kept_back)]
    new = [row for row in dev.rows if any(phrase in row.text for phrase in kept_back)]
    assert 60 < len(new) <= 104 and len({row.label for row in new}) == 7


def test_too_few_texts():
    with pytest.raises(ValueError, match="7 labels"):
        compose_topic_texts(7, 6, 0)
    assert {label for _, label in compose_topic_texts(7, 7, 1)[1]} == {
        label for _, label in compose_topic_texts(7, 7, 0)[0]
    }


def test_the_same_bytes_everywhere(files, tmp_path):
    code = "import sys; from pathlib import Path; from data.sample.files import write_topics; write_topics(Path(sys.argv[1]))"
    environment = os.environ | {"PYTHONHASHSEED": "7", "LC_ALL": "C", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=environment, check=True)
    for path in files:
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
    assert compose_topic_texts(50, 10, 1) != compose_topic_texts(50, 10, 0)


def test_files_that_are_there_are_left_untouched(files):
    before = [path.stat().st_mtime_ns for path in files]
    assert write_topics(files[0].parent) == files
    assert [path.stat().st_mtime_ns for path in files] == before
