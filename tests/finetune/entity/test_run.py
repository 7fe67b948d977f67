"""Whole runs on named entities: what they learn, what they leave, and that a saved model answers as it did in training."""

import csv
import gc
import json
import signal
from dataclasses import replace

import pytest
from transformers import AutoModel

from data.entities import read_entities
from data.errors import DataError
from experiment.errors import UsageError
from finetune.entity.config import EntityConfig
from finetune.entity.files import read_answers
from finetune.entity.head import BertForEntities
from finetune.entity.metrics import entity_metrics
from finetune.entity.model import EntityModel
from finetune.pipeline import fine_tune

TIMES = {"wall_seconds", "real_tokens_per_second", "rows_per_second"}
NAMES = {
    "entity_f1", "entity_precision", "entity_recall", "entity_macro_f1", "char_f1", "klue_entity_f1", "klue_char_f1",
}  # fmt: skip


def metrics_of(path, name="metrics.json"):
    return json.loads((path / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def learnt(tmp_path_factory, checkpoint, texts_file, test_texts_file):
    """A run that has learnt its task."""
    config = EntityConfig(
        checkpoint=checkpoint, train_file=texts_file, test_file=test_texts_file, dev_share=0.2, epochs=10, batch_size=8,
        learning_rate=5e-3, precision="32", accelerator="cpu", output_dir=tmp_path_factory.mktemp("learnt"),
        tracking_uri="none",
    )  # fmt: skip
    return fine_tune(config)


def test_a_run_learns_and_leaves_what_it_should(learnt):
    metrics = metrics_of(learnt)
    assert metrics["entity_f1"] > 0.9 and metrics["test_entity_f1"] > 0.9
    assert NAMES | {f"test_{name}" for name in NAMES} <= set(metrics)
    names = {path.name for path in learnt.iterdir()}
    assert {
        "config.yaml", "metrics.json", "metrics.jsonl", "data_report.json", "report.html", "model", "plots", "finished",
        "predictions.jsonl", "predictions.html", "errors.csv", "entities.csv", "test_predictions.jsonl", "test_errors.csv",
    } <= names  # fmt: skip
    plots = {path.stem for path in (learnt / "plots").iterdir()}
    assert plots == {"curves", "confusion", "f1_by_type", "f1_by_length", "calibration", "types", "lengths"}
    assert (learnt.parent / "latest").resolve() == learnt.resolve()


def test_the_files_agree_with_the_figures(learnt, test_texts_file):
    for prefix in ("", "test_"):
        answers = list(read_answers(learnt / f"{prefix}predictions.jsonl"))
        for name, value in entity_metrics(answers, ["DT", "LC", "PS"]).items():
            assert metrics_of(learnt)[f"{prefix}{name}"] == pytest.approx(value, abs=1e-12)
        for answer in answers:
            for entity in answer.entities:
                assert 0 <= entity.score <= 1
    texts = read_entities(test_texts_file).rows
    assert [answer.text.entities for answer in answers] == [text.entities for text in texts]


def test_predicting_from_the_saved_run_gives_the_metrics_of_the_training_run(learnt, configure, test_texts_file):
    path = fine_tune(
        replace(configure(), checkpoint=learnt, train_file=None, predict=test_texts_file, output=learnt / "again.jsonl")
    )
    assert path.read_bytes() == (learnt / "test_predictions.jsonl").read_bytes()
    before = {name: value for name, value in metrics_of(learnt).items() if name.startswith("test_")}
    assert {f"test_{name}": value for name, value in metrics_of(learnt, "again_metrics.json").items()} == before
    assert (learnt / "again.html").exists() and (learnt / "again_errors.csv").exists()


def test_raw_text_of_any_length_is_answered_in_characters_of_the_file(learnt, configure, tmp_path):
    text = tmp_path / "글.txt"
    sentence = "김새솔은 1952년 한빛군에서 태어났다. "
    decomposed = "\u1100\u1175\u11b7새솔은 내일 왔다."  # 김 in three letters
    long_one = sentence * 30 + "끝."
    text.write_text(f"{sentence}\n\n{long_one}\n{decomposed}\n", encoding="utf-8")
    asked = replace(configure(), checkpoint=learnt, train_file=None, predict=text)
    path = fine_tune(asked)
    assert path == learnt / "predictions" / "글.jsonl" and path.with_suffix(".html").exists()
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [row["text"] for row in rows] == [sentence, long_one, decomposed]
    assert [row["id"] for row in rows] == ["1", "3", "4"]
    for row in rows:
        for entity in row["entities"]:
            assert row["text"][entity["start"] : entity["end"]] == entity["surface"]
    found = [entity["surface"] for entity in rows[1]["entities"]]
    assert found == ["김새솔", "1952년", "한빛군"] * 30
    assert rows[2]["entities"][0]["surface"] == "\u1100\u1175\u11b7새솔"
    assert not path.with_name("글_metrics.json").exists()


def test_the_encoder_of_a_fine_tuned_model_is_anyones(learnt):
    _, loading = AutoModel.from_pretrained(learnt / "model", output_loading_info=True)
    assert not loading["missing_keys"] and not loading["unexpected_keys"]


def test_the_same_seed_gives_the_same_metrics_and_another_one_others(configure):
    first, again, other = (
        metrics_of(fine_tune(configure(dropout=0.1, seed=seed, epochs=4, learning_rate=1e-3))) for seed in (0, 0, 1)
    )
    for metrics in (first, again, other):
        for name in TIMES:
            del metrics[name]
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    "changes",
    [
        dict(unit="subword"),
        dict(unit="character", max_length=24),
        dict(crf=False, r_drop=1.0, dropout=0.1),
        dict(max_length=8),
        dict(layer_decay=0.8, accumulate=2, evaluations=2, patience=1),
        dict(random_weights=True, train_rows=40),
        dict(precision="bf16"),
    ],
    ids=str,
)
def test_every_option_trains(configure, changes):
    metrics = metrics_of(fine_tune(configure(**({"epochs": 1} | changes))))
    assert 0 <= metrics["entity_f1"] <= 1 and metrics["steps"] > 0


def networks():
    gc.collect()
    return {id(each) for each in gc.get_objects() if type(each) is BertForEntities}


def test_nothing_of_a_run_stays_in_memory(configure):
    handlers, others = (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)), networks()
    fine_tune(configure(epochs=1))
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    assert not networks() - others


def test_a_subword_tagger_says_what_it_cannot_express(configure):
    report = metrics_of(fine_tune(configure(unit="subword", epochs=1)), "data_report.json")
    assert report["input"]["train"]["entities_not_expressible"] > 0
    report = metrics_of(fine_tune(configure(epochs=1)), "data_report.json")
    assert report["input"]["train"]["entities_not_expressible"] == 0


def test_seeds_answer_together_and_folds_answer_every_text(configure, texts_file):
    grid = fine_tune(configure(seeds=[0, 1], epochs=4, learning_rate=5e-3))
    runs = sorted((grid / "runs").iterdir())
    parts = [list(read_answers(run / "predictions.jsonl")) for run in runs]
    for together, *alone in zip(list(read_answers(grid / "predictions.jsonl")), *parts, strict=True):
        for entity in together.entities:
            same = [
                each.score
                for one in alone
                for each in one.entities
                if (each.start, each.end, each.type) == (entity.start, entity.end, entity.type)
            ]
            assert entity.score == pytest.approx(sum(same) / 2)
    assert (grid / "ensemble_metrics.json").exists() and (grid / "results.png").exists()
    folds = fine_tune(configure(folds=3, epochs=1))
    answered = [answer.text.id for answer in list(read_answers(folds / "predictions.jsonl"))]
    assert sorted(answered) == sorted(text.id for text in read_entities(texts_file).rows)


def test_what_is_needed_is_said_in_a_sentence(configure, tmp_path, learnt):
    with pytest.raises(UsageError, match="--max_length 65 is more than the 64 positions"):
        fine_tune(configure(max_length=65))
    plain = tmp_path / "글.txt"
    plain.write_text("아무 표시도 없는 글.\n", encoding="utf-8")
    with pytest.raises(DataError):
        fine_tune(configure(train_file=plain))
    with pytest.raises(UsageError, match="holds no fine-tuned model of --task ner"):
        fine_tune(replace(configure(), checkpoint=tmp_path, train_file=None, predict=plain))
    with pytest.raises(DataError, match="damaged"):
        (learnt.parent / "broken").mkdir()
        for file in (learnt / "model").iterdir():
            (learnt.parent / "broken" / file.name).write_bytes(file.read_bytes())
        (learnt.parent / "broken" / "task.json").write_text('{"format": 1, "task": "ner"}', encoding="utf-8")
        EntityModel.load(learnt.parent / "broken")


def test_types_that_training_has_not_count_as_missed(configure, tmp_path):
    other = tmp_path / "다른.txt"
    other.write_text("<새솔대학교:OG>는 <한빛군:LC>에 있다.\n<김새솔:PS>은 <누리호:XX>를 보았다.\n", encoding="utf-8")
    path = fine_tune(configure(test_file=other, epochs=1))
    assert "XX" in " ".join(metrics_of(path, "data_report.json")["notes"])
    with (path / "test_entities.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = {row["type"]: row for row in csv.DictReader(file)}
    assert rows["XX"]["support"] == "1" and float(rows["XX"]["recall"]) == 0
    with pytest.raises(DataError, match="types of the test texts"):
        fine_tune(configure(test_file=other, strict=True))


def test_a_file_in_another_encoding_is_refused_and_broken_lines_are_counted(
    learnt, configure, tmp_path, monkeypatch, capsys
):
    text = tmp_path / "글.txt"
    asked = replace(configure(), checkpoint=learnt, train_file=None, predict=text)
    text.write_bytes("김새솔은 왔다.\n".encode("cp949"))
    with pytest.raises(DataError, match=r"글.txt:1 is not UTF-8: convert the file"):
        fine_tune(asked)
    # Only the beginning of a large file is looked at before it is read.
    monkeypatch.setattr("data.entity_formats._BEGINNING", 60)
    text.write_bytes(
        "김새솔은 내일 왔다.\n".encode() * 3 + "이다온도 왔다.\n".encode("cp949") + "윤슬기도 왔다.\n".encode()
    )
    path = fine_tune(asked)
    assert len(list(read_answers(path))) == 5
    assert "글.txt:4 first" in " ".join(capsys.readouterr().out.split())
    with pytest.raises(DataError, match=r"글.txt:4 has U\+FFFD"):
        fine_tune(replace(asked, strict=True))
