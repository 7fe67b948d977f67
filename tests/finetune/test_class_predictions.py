"""Predictions as files: what is written can be read back to the last digit, rejected rows are there, mistakes are readable."""

import csv
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from data.errors import DataError
from data.relations import Entity, Relation, RelationFile
from experiment.errors import UsageError
from finetune.class_evaluation import write_scores
from finetune.class_metrics import class_metrics, class_scores
from finetune.class_predictions import (
    ClassPredictions,
    mean_predictions,
    mistakes,
    read_predictions,
    write_errors,
    write_predictions,
    write_submission,
)
from finetune.relation.task import marked_text

LABELS = ["no_relation", "per:spouse", "인물:직업"]


def relation(
    name="a-1", label="per:spouse", sentence="조지 해리슨은 1966년 패티 보이드와 결혼했다.", types=("PER", "PER")
):
    return Relation(name, sentence, Entity(0, 6, types[0]), Entity(14, 20, types[1]), label, f"train.json, {name}")


def predictions(probabilities, gold=None, labels=LABELS):
    rows = np.array(probabilities, dtype=float)
    gold = gold or [None] * len(rows)
    ids = [f"a-{number}" for number in range(len(rows))]
    return ClassPredictions(ids, list(labels), rows, gold, [relation(*pair) for pair in zip(ids, gold, strict=True)])


SOME = predictions([[0.1, 0.8, 0.1], [0.7, 0.1, 0.2], [0.3, 0.3, 0.4]], ["per:spouse", "인물:직업", None])


def rows_of(path, encoding="utf-8"):
    with path.open(encoding=encoding, newline="") as file:
        return list(csv.DictReader(file))


def test_predictions_and_submission(tmp_path):
    path = tmp_path / "new" / "predictions.csv"
    write_predictions(path, SOME)
    assert path.read_bytes().startswith(b"id,label,pred_label,probs\na-0,per:spouse,per:spouse,")
    assert [row["label"] for row in rows_of(path)] == ["per:spouse", "인물:직업", ""]
    assert [row["pred_label"] for row in rows_of(path)] == ["per:spouse", "no_relation", "인물:직업"]
    assert json.loads(rows_of(path)[1]["probs"]) == [0.7, 0.1, 0.2]
    write_submission(path, SOME)
    assert path.read_text(encoding="utf-8").splitlines()[0] == "id,pred_label,probs"
    assert [list(row) for row in rows_of(path)] == [["id", "pred_label", "probs"]] * 3


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrays(np.float64, st.tuples(st.integers(0, 12), st.just(3)), elements=st.floats(1e-9, 1)))
def test_what_is_written_is_read_back_exactly(tmp_path, weights):
    probabilities = weights / weights.sum(1, keepdims=True)
    gold = [[*LABELS, None][number % 4] for number in range(len(weights))]
    written = predictions(probabilities, gold)
    for write in (write_predictions, write_submission):
        write(tmp_path / "p.csv", written)
        read = read_predictions(tmp_path / "p.csv", LABELS)
        assert np.array_equal(read.probabilities, probabilities)
        assert (read.ids, read.answers, read.labels) == (written.ids, written.answers, LABELS)
        assert read.gold == (gold if write is write_predictions else [None] * len(gold))


def test_metrics_from_the_file_are_the_same(tmp_path):
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(3), 200)
    gold = [LABELS[number] for number in rng.integers(0, 3, 200)]
    write_predictions(tmp_path / "p.csv", predictions(probabilities, gold))
    read = read_predictions(tmp_path / "p.csv", LABELS)
    assert np.abs(read.probabilities.sum(1) - 1).max() < 1e-6
    assert class_metrics(read.probabilities, read.gold, LABELS, "no_relation") == class_metrics(
        probabilities, gold, LABELS, "no_relation"
    )


def test_a_file_that_excel_saved_can_be_read(tmp_path):
    write_predictions(tmp_path / "p.csv", SOME)
    text = (tmp_path / "p.csv").read_text(encoding="utf-8").replace("\n", "\r\n")
    (tmp_path / "p.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read_predictions(tmp_path / "p.csv", LABELS).ids == SOME.ids


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('a-9,,per:spouse,"[0.1, 0.9"', r"p\.csv:3: probs is no list"),
        ("a-9,,per:spouse", r"p\.csv:3: probs is no list"),
        ('a-9,,per:spouse,"[0.1, 0.9]"', r"p\.csv:3: probs has 2 numbers for 3 labels"),
        ('a-9,,per:spouse,"[0.1, 0.9, 0.9]"', r"p\.csv:3: probs are no probabilities, their sum is 1.9"),
        ('a-9,,per:spouse,"[0.1, 1.0, -0.1]"', r"p\.csv:3: probs are no probabilities"),
        ('a-9,,per:spouse,"[0.1, NaN, 0.9]"', r"p\.csv:3: probs are no probabilities"),
        ('a-9,,per:spouse,"[0.8, 0.1, 0.1]"', r"p\.csv:3: pred_label is per:spouse, but .* no_relation's"),
        ('a-9,,per:child,"[0.8, 0.1, 0.1]"', r"p\.csv:3: pred_label is per:child"),
    ],
)
def test_a_row_that_does_not_fit_is_named(tmp_path, line, what):
    path = tmp_path / "p.csv"
    path.write_text(f'id,label,pred_label,probs\na-0,,per:spouse,"[0.1, 0.8, 0.1]"\n{line}\n', encoding="utf-8")
    with pytest.raises(DataError, match=what):
        read_predictions(path, LABELS)


def test_files_that_are_no_predictions(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_predictions(tmp_path / "none.csv", LABELS)
    for content, what in (
        (b"guid,text\n", "no column id, pred_label, probs"),
        (b"", "no column"),
        (b"id\xff", "UTF-8"),
    ):
        (tmp_path / "p.csv").write_bytes(content)
        with pytest.raises(DataError, match=what):
            read_predictions(tmp_path / "p.csv", LABELS)


def test_a_writer_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "p.csv"
    path.write_text("old", encoding="utf-8")

    def fail(*_):
        raise RuntimeError

    monkeypatch.setattr(json, "dumps", fail)
    with pytest.raises(RuntimeError):
        write_predictions(path, SOME)
    assert path.read_text(encoding="utf-8") == "old" and list(tmp_path.iterdir()) == [path]


def test_rejected_rows_stand_at_their_places_with_the_labels_shares(tmp_path):
    usable = [relation("b"), relation("d", label=None)]
    file = RelationFile(
        tmp_path / "test.json", "klue-json", usable, {"empty span": ["row 1", "row 3"]}, ["a", "b", "c", "d"], []
    )
    own = np.array([[0.1, 0.8, 0.1], [0.2, 0.1, 0.7]])
    shares = np.array([0.6, 0.3, 0.1])
    complete = ClassPredictions.of_rows(usable, LABELS, own).among(file.ids, shares)
    assert complete.ids == ["a", "b", "c", "d"] and complete.gold == [None, "per:spouse", None, None]
    assert complete.rows == [None, usable[0], None, usable[1]]
    assert complete.answers == ["no_relation", "per:spouse", "no_relation", "인물:직업"]
    np.testing.assert_array_equal(complete.probabilities, [shares, own[0], shares, own[1]])
    write_submission(tmp_path / "s.csv", complete)
    assert [row["id"] for row in rows_of(tmp_path / "s.csv")] == file.ids
    with pytest.raises(ValueError, match="row d is not among"):
        ClassPredictions.of_rows(usable, LABELS, own).among(["a", "b"], shares)


@pytest.mark.parametrize("rows", [[[0.5, 0.5]], [[0.5, 0.4, 0.0]], [[np.nan, 0.5, 0.5]]])
def test_predictions_are_checked(rows):
    with pytest.raises(ValueError):
        predictions(rows)


def test_entities_are_marked_for_people():
    assert marked_text(relation()) == "<S:PER>조지 해리슨</S>은 1966년 <O:PER>패티 보이드</O>와 결혼했다."
    row = Relation("a", "비틀즈의 조지 해리슨", Entity(5, 11, None), Entity(0, 3, "ORG"), None, "")
    assert marked_text(row) == "<O:ORG>비틀즈</O>의 <S>조지 해리슨</S>"
    touching = Relation("a", "한국인", Entity(2, 3, None), Entity(0, 2, "LOC"), None, "")
    assert marked_text(touching) == "<O:LOC>한국</O><S>인</S>"


def test_the_surest_mistakes_come_first(tmp_path):
    some = predictions(
        [[0.6, 0.3, 0.1], [0.1, 0.8, 0.1], [0.05, 0.05, 0.9], [0.4, 0.3, 0.3], [0.5, 0.2, 0.3]],
        ["per:spouse", "per:spouse", "no_relation", "per:origin", None],
    )
    found = mistakes(some, marked_text)
    assert [(wrong.id, wrong.answer, wrong.probability, wrong.label_probability) for wrong in found] == [
        ("a-2", "인물:직업", 0.9, 0.05),
        ("a-0", "no_relation", 0.6, 0.3),
        ("a-3", "no_relation", 0.4, 0.0),  # the model does not know per:origin
    ]
    write_errors(tmp_path / "errors.csv", mistakes(some, marked_text))
    assert (tmp_path / "errors.csv").read_bytes().startswith(b"\xef\xbb\xbfid,text,")
    first = rows_of(tmp_path / "errors.csv", "utf-8-sig")[0]
    assert first == {
        "id": "a-2",
        "text": "<S:PER>조지 해리슨</S>은 1966년 <O:PER>패티 보이드</O>와 결혼했다.",
        "label": "no_relation",
        "pred_label": "인물:직업",
        "pred_prob": "0.90000",
        "label_prob": "0.05000",
    }


def test_a_spreadsheet_shows_every_text_as_it_is(tmp_path):
    texts = ['"인용", 쉼표', "- 1952년 사망", "=가=나다라", "@가나다라마"]
    rows = [
        Relation(str(i), text, Entity(4, 5, None), Entity(5, 6, None), "per:spouse", "") for i, text in enumerate(texts)
    ]
    wrong = ClassPredictions.of_rows(rows, LABELS, np.tile([0.8, 0.1, 0.1], (4, 1)))
    write_errors(tmp_path / "errors.csv", mistakes(wrong, marked_text))
    shown = [row["text"] for row in rows_of(tmp_path / "errors.csv", "utf-8-sig")]
    assert [text.startswith("'") for text in shown] == [False, True, True, True]
    assert [text.removeprefix("'") for text in shown] == [marked_text(row) for row in rows]


def test_the_table_of_relations(tmp_path):
    probabilities = np.array([[0.1, 0.8, 0.1], [0.7, 0.1, 0.2]])
    write_scores(
        tmp_path / "relations.csv", class_scores(probabilities, ["per:spouse", "per:origin"], LABELS), "relation"
    )
    rows = rows_of(tmp_path / "relations.csv", "utf-8-sig")
    assert list(rows[0].values()) == ["per:spouse", "1.00000", "1.00000", "1.00000", "1", "1", "1.00000"]
    assert rows[1]["relation"] == "per:origin" and rows[1]["auprc"] == "" and len(rows) == 4


def test_the_mean_of_models():
    one = predictions([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]], ["per:spouse", None])
    other = ClassPredictions(
        one.ids,
        ["인물:직업", "no_relation", "per:spouse"],
        np.array([[0.1, 0.2, 0.7], [0.6, 0.2, 0.2]]),
        [None, None],
        [None] * 2,
    )
    mean = mean_predictions({"first": one, "second": other})
    np.testing.assert_allclose(mean.probabilities, [[0.4, 0.5, 0.1], [0.2, 0.2, 0.6]])
    assert mean.labels == LABELS and mean.answers == ["per:spouse", "인물:직업"]
    assert mean.gold == ["per:spouse", None] and mean.rows == one.rows
    assert mean_predictions({"second": other, "first": one}).gold == mean.gold
    assert np.array_equal(mean_predictions({"alone": one}).probabilities, one.probabilities)
    np.testing.assert_array_equal(one.probabilities, [[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]])  # left alone


def test_models_that_do_not_go_together():
    def like(**changes):
        return ClassPredictions(**({name: getattr(SOME, name) for name in SOME.__dataclass_fields__} | changes))

    with pytest.raises(UsageError, match=r"A and B .* only one of them knows per:child, per:spouse"):
        mean_predictions({"A": SOME, "B": like(labels=["no_relation", "per:child", "인물:직업"])})
    with pytest.raises(DataError, match="row 2 is a-1 in one, b-1 in the other"):
        mean_predictions({"A": SOME, "B": like(ids=["a-0", "b-1", "a-2"])})
    shorter = ClassPredictions(SOME.ids[:1], SOME.labels, SOME.probabilities[:1], SOME.gold[:1], SOME.rows[:1])
    with pytest.raises(DataError, match="one has 3 rows, the other 1"):
        mean_predictions({"A": SOME, "B": shorter})
    with pytest.raises(DataError, match="row a-1 is labelled 인물:직업 in one, per:spouse in the other"):
        mean_predictions({"A": SOME, "B": like(gold=["per:spouse", "per:spouse", None])})
