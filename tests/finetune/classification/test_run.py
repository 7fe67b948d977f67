"""Classification from its files to its answers: labels and numbers, texts and pairs, files that predict and files that read them."""

import csv
import io
import json
import os
import signal
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from data.errors import DataError
from experiment.errors import InterruptedRun, UsageError
from finetune import load
from finetune.classification.config import ClassificationConfig
from finetune.classification.model import ClassificationModel, LabelAnswer
from finetune.classification.task import CLASSIFICATION
from finetune.module import FineTuningModule
from finetune.pipeline import fine_tune


def read_csv(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def metrics_of(path, name="metrics.json"):
    return json.loads((path / name).read_text(encoding="utf-8"))


def asked(config, checkpoint, file, **changes):
    return fine_tune(replace(config, checkpoint=checkpoint, train_file=None, predict=file, **changes))


def test_labels_are_learnt_and_every_file_says_the_same(configure, write_labels, tmp_path):
    path = fine_tune(configure(test_file=write_labels(tmp_path / "시험.tsv", 30, seed=1)))
    metrics = metrics_of(path)
    assert metrics["accuracy"] > 0.8 and metrics["test_accuracy"] > 0.8
    rows = read_csv(path / "test_predictions.csv")
    right = [row["label"] == row["pred_label"] for row in rows]
    assert metrics["test_accuracy"] == pytest.approx(np.mean(right))
    assert len(read_csv(path / "test_errors.csv")) == right.count(False)
    assert {row["label"] for row in read_csv(path / "labels.csv")} == {"길", "개", "학교"}
    for name in ("report.html", "plots/confusion.png", "plots/curves.png", "plots/f1_by_label.png"):
        assert (path / name).is_file(), name
    predicted = asked(configure(), path, tmp_path / "시험.tsv", output=tmp_path / "answers.csv")
    assert [row["probs"] for row in read_csv(predicted)] == [row["probs"] for row in rows]
    assert metrics_of(tmp_path, "answers_metrics.json")["accuracy"] == metrics["test_accuracy"]


def test_three_lines_answer_as_the_run_does(configure, tmp_path):
    path = fine_tune(configure())
    model = load(path, task="classification", device="cpu")
    answers = model.predict(["버스 때문에 도로 이야기를 합니다. 7번째", "강아지에 대한 목줄 청원입니다. 9번째"])
    assert all(isinstance(answer, LabelAnswer) for answer in answers)
    assert [answer.label for answer in answers] == ["길", "개"]
    for answer in answers:
        assert sum(answer.probabilities.values()) == pytest.approx(1)
        assert answer.probability == max(answer.probabilities.values()) == answer.probabilities[answer.label]
    assert model.encode(["버스", ""]).shape == (2, 32)


def test_numbers_are_learnt_from_pairs(configure, write_scores, scores_file, tmp_path):
    path = fine_tune(configure(train_file=scores_file, epochs=40, learning_rate=5e-3))
    metrics = metrics_of(path)
    assert metrics["pearson"] > 0.25 and {"spearman", "f1_at_3"} <= metrics.keys()
    rows = read_csv(path / "predictions.csv")
    gold, answers = (np.array([float(row[name]) for row in rows]) for name in ("score", "pred_score"))
    assert metrics["pearson"] == pytest.approx(np.corrcoef(gold, answers)[0, 1])
    assert (path / "plots" / "numbers.png").is_file()
    model = load(path, device="cpu")
    same, other = model.predict([("버스와 도로", "골목과 신호등"), ("버스와 도로", "강아지와 목줄")])
    assert isinstance(same, float) and same != other
    new = write_scores(tmp_path / "새.tsv", 9, seed=2)
    lines = new.read_text(encoding="utf-8").splitlines()
    lines[4] = lines[4].rpartition("\t")[0] + "\t"  # no second text
    new.write_text("\n".join(lines), encoding="utf-8")
    answered = read_csv(asked(configure(), path, new))
    assert [row["id"] for row in answered] == [f"2-{number}" for number in range(9)]
    assert float(answered[3]["pred_score"]) == pytest.approx(float(model.prior[0]))
    assert answered[3]["score"] == "" and answered[4]["score"] != ""


def test_rows_that_share_an_id_keep_their_own_answers(configure, scores_file, tmp_path):
    path = fine_tune(configure(train_file=scores_file, epochs=1))
    lines = scores_file.read_text(encoding="utf-8").splitlines()[:31]
    second = lines[2].split("\t")
    lines[2] = "\t".join([lines[1].split("\t")[0], *second[1:]])  # two rows with one id
    file = tmp_path / "같은 이름.tsv"
    file.write_text("\n".join(lines), encoding="utf-8")
    answered = read_csv(asked(configure(), path, file))
    model = load(path, device="cpu")
    expected = model.predict([tuple(line.split("\t")[2:]) for line in lines[1:]])
    assert answered[0]["id"] == answered[1]["id"]
    assert [float(row["pred_score"]) for row in answered] == pytest.approx(expected, abs=1e-4)


def test_numbers_go_on_where_they_were_stopped(configure, scores_file, monkeypatch):
    """A resumed run knows from its own configuration that it learns numbers: the command line says nothing of them."""
    settings = dict(train_file=scores_file, epochs=2, dropout=0.1)
    whole = fine_tune(configure(name="whole", **settings))
    steps = FineTuningModule.training_step

    def stop(self, batch, batch_idx):
        if self.trainer.global_step == 20:
            os.kill(os.getpid(), signal.SIGTERM)
        return steps(self, batch, batch_idx)

    with monkeypatch.context() as patched:
        patched.setattr(FineTuningModule, "training_step", stop)
        with pytest.raises(InterruptedRun):
            fine_tune(configure(name="stopped", **settings))
    config = ClassificationConfig(resume="auto", output_dir=configure().output_dir)
    stopped = fine_tune(config)
    assert stopped.name == "stopped"
    for name in ("pearson", "spearman"):
        assert metrics_of(stopped)[name] == metrics_of(whole)[name]


def test_a_guess_stands_beside_numbers(configure, scores_file, capsys):
    fine_tune(configure(train_file=scores_file, epochs=1))
    shown = " ".join(capsys.readouterr().out.split())
    assert "dev rows a guess Pearson (%)" in shown and "a guess answers with the mean" in shown


def test_what_becomes_of_rows_that_cannot_be_read_is_said(configure, labels_file, tmp_path, capsys):
    path = fine_tune(configure(epochs=1))
    broken = tmp_path / "깨진.tsv"
    broken.write_text("id\tdocument\n1\t버스\n2\t\n", encoding="utf-8")
    capsys.readouterr()
    asked(configure(), path, broken)
    assert "they are answered with the labels' shares in training" in " ".join(capsys.readouterr().out.split())


def test_seeds_answer_together(configure):
    grid = fine_tune(configure(seeds=[0, 1], epochs=1))
    parts = [read_csv(path / "predictions.csv") for path in sorted((grid / "runs").iterdir())]
    for together, *rows in zip(read_csv(grid / "predictions.csv"), *parts, strict=True):
        mean = np.mean([json.loads(row["probs"]) for row in rows], axis=0)
        assert json.loads(together["probs"]) == pytest.approx(mean.tolist())
    assert metrics_of(grid, "ensemble_metrics.json").keys() >= {"accuracy", "macro_f1"}


def test_standard_input_and_output(configure, labels_file, monkeypatch, capsysbinary):
    path = fine_tune(configure(epochs=1))
    capsysbinary.readouterr()
    given = io.TextIOWrapper(io.BytesIO(labels_file.read_bytes()))
    monkeypatch.setattr(sys, "stdin", given)
    asked(configure(), path, type(path)("-"))
    out, err = capsysbinary.readouterr()
    rows = list(csv.DictReader(io.StringIO(out.decode())))
    assert len(rows) == 150 and rows[0].keys() == {"id", "label", "pred_label", "probs"}
    assert "150 rows to predict" in err.decode()


def test_the_longer_text_gives_way(checkpoint, configure):
    model = CLASSIFICATION.model_class.load(fine_tune(configure(epochs=1, max_length=16)) / "model")
    (alone, pair, short) = model.inputs(
        [
            model_row("버스 " * 40),
            model_row("버스 " * 40, "강아지"),
            model_row("버스", "강아지"),
        ]
    )
    assert alone.length == pair.length == 16 and alone.cut > 0 and pair.cut > 0 and short.cut == 0
    tokens = [model.wordpiece.tokens[index] for index in pair.ids]
    assert tokens.count("[SEP]") == 2 and tokens[-1] == "[SEP]"
    second = model.wordpiece.encode(["강아지"])[0]
    assert pair.ids[-1 - len(second) : -1].tolist() == second
    assert pair.types.tolist() == [0] * (15 - len(second)) + [1] * (len(second) + 1)


def model_row(text, pair=None):
    from data.classification import LabelledText

    return LabelledText("", text, pair, None, None, "")


def test_a_batch_has_the_gradient_of_its_rows(configure, tmp_path):
    """The loss is a sum over rows, so that halves add up to the whole, with R-Drop, too."""
    from experiment.console import Console
    from experiment.run_directory import RunDirectory
    from finetune.run import prepare

    directory = RunDirectory.create(tmp_path, "finetune/classification", None)
    run = prepare(CLASSIFICATION, configure(r_drop=1.0), directory, Console(quiet=True), None)
    objective = run.prepared.objective
    whole = objective.loss(objective.build([0, 1, 2, 3]))
    halves = objective.loss(objective.build([0, 1])) + objective.loss(objective.build([2, 3]))
    torch.testing.assert_close(whole, halves)


def test_mistakes_are_sentences(configure, labels_file, scores_file, tmp_path):
    with pytest.raises(ValueError, match="--regression needs numbers"):
        configure(train_file=None, regression=True)
    with pytest.raises(DataError, match="no column nowhere"):
        fine_tune(configure(text="nowhere"))
    one = tmp_path / "하나.tsv"
    one.write_text("document\tlabel\n버스가 왔다.\t1\n도로가 있다.\t1\n", encoding="utf-8")
    with pytest.raises(DataError, match="has one label only"):
        fine_tune(configure(train_file=one, dev_file=one))
    with pytest.raises(DataError, match="has pairs of texts and"):
        fine_tune(configure(dev_file=scores_file))
    path = fine_tune(configure(epochs=1))
    with pytest.raises(UsageError, match="is the file that --predict reads"):
        asked(configure(), path, labels_file, output=labels_file)
    with pytest.raises(DataError, match="holds no model of --task classification"):
        ClassificationModel.load(tmp_path)
