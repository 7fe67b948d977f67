"""Whole runs: what they learn, what they leave, and that a saved model answers as it did in training."""

import csv
import json
import os
import shutil
import signal
from dataclasses import replace

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
import yaml
from safetensors.torch import load_file
from transformers import AutoModel

from bert_core.model import Bert
from bert_core.pretrained import from_pretrained
from data.errors import DataError
from experiment.errors import InterruptedRun, UsageError
from experiment.history import read_curves
from experiment.training import NotFiniteError
from finetune.class_metrics import class_metrics
from finetune.pipeline import fine_tune
from finetune.relation.config import RelationConfig
from finetune.relation.model import RelationModel

TIMES = {"wall_seconds", "real_tokens_per_second", "rows_per_second"}


def metrics_of(path, name="metrics.json"):
    return json.loads((path / name).read_text(encoding="utf-8"))


def read_csv(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def learnt(tmp_path_factory, checkpoint, rows_file, test_rows_file):
    """A run that has learnt its task."""
    from finetune.relation.config import RelationConfig

    config = RelationConfig(
        checkpoint=checkpoint, train_file=rows_file, test_file=test_rows_file, dev_share=0.2, epochs=12, batch_size=8,
        learning_rate=2e-3, precision="32", accelerator="cpu", output_dir=tmp_path_factory.mktemp("learnt"),
        tracking_uri="none",
    )  # fmt: skip
    return fine_tune(config)


def test_a_run_learns_and_leaves_what_it_should(learnt):
    metrics = metrics_of(learnt)
    assert metrics["micro_f1"] > 0.9 and metrics["test_micro_f1"] > 0.9
    assert {"macro_f1", "accuracy", "auprc", "test_macro_f1", "test_accuracy", "test_auprc"} <= set(metrics)
    names = {path.name for path in learnt.iterdir()}
    assert {
        "config.yaml", "metrics.json", "metrics.jsonl", "data_report.json", "report.html", "model", "plots", "finished",
        "predictions.csv", "errors.csv", "relations.csv", "test_predictions.csv", "test_errors.csv", "test_relations.csv",
    } <= names  # fmt: skip
    plots = {path.stem for path in (learnt / "plots").iterdir()}
    assert plots == {"curves", "confusion", "f1_by_relation", "precision_recall", "classes", "lengths"}
    assert (learnt.parent / "latest").resolve() == learnt.resolve()


def test_the_files_agree_with_the_figures(learnt):
    labels = json.loads((learnt / "model" / "task.json").read_text(encoding="utf-8"))["labels"]
    for prefix in ("", "test_"):
        rows = read_csv(learnt / f"{prefix}predictions.csv")
        probabilities = np.array([json.loads(row["probs"]) for row in rows])
        found = class_metrics(probabilities, [row["label"] for row in rows], labels, "no_relation")
        for name, value in found.items():
            assert metrics_of(learnt)[f"{prefix}{name}"] == pytest.approx(value, abs=1e-12)
        wrong = [row for row in rows if row["label"] != row["pred_label"]]
        assert {row["id"] for row in read_csv(learnt / f"{prefix}errors.csv")} == {row["id"] for row in wrong}
        assert sum(int(row["support"]) for row in read_csv(learnt / f"{prefix}relations.csv")) == len(rows)


def test_predicting_from_the_saved_run_gives_the_metrics_of_the_training_run(learnt, configure, test_rows_file):
    answers = fine_tune(
        replace(configure(), checkpoint=learnt, train_file=None, predict=test_rows_file, output=learnt / "again.csv")
    )
    assert answers.read_bytes() == (learnt / "test_predictions.csv").read_bytes()
    again, before = metrics_of(learnt, "again_metrics.json"), metrics_of(learnt)
    assert {f"test_{name}": value for name, value in again.items()} == {
        name: value for name, value in before.items() if name.startswith("test_")
    }
    assert read_csv(learnt / "again_submission.csv")[0].keys() == {"id", "pred_label", "probs"}


def test_rows_without_labels_are_answered_and_broken_ones_too(learnt, configure, tmp_path, write_relation_rows):
    path = write_relation_rows(tmp_path / "열.json", 10, seed=2, labelled=False)
    rows = json.loads(path.read_text(encoding="utf-8"))
    rows[3]["subject_entity"]["word"] = "없는 말"
    path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    answers = read_csv(fine_tune(replace(configure(), checkpoint=learnt, train_file=None, predict=path)))
    assert [row["id"] for row in answers] == [row["guid"] for row in rows]
    assert {row["label"] for row in answers} == {""}
    model = RelationModel.load(learnt / "model")
    assert json.loads(answers[3]["probs"]) == pytest.approx(model.prior.tolist())
    assert not (learnt / "predictions" / "열_metrics.json").exists()


def test_the_encoder_of_a_fine_tuned_model_is_anyones(learnt):
    theirs, loading = AutoModel.from_pretrained(learnt / "model", output_loading_info=True)
    assert not loading["missing_keys"] and not loading["unexpected_keys"]
    ours = from_pretrained(Bert, learnt / "model")
    assert sum(p.numel() for p in theirs.parameters()) == sum(p.numel() for p in ours.parameters())


def test_the_same_seed_gives_the_same_metrics_and_another_one_others(configure):
    first, again, other = (metrics_of(fine_tune(configure(dropout=0.1, seed=seed))) for seed in (0, 0, 1))
    for metrics in (first, again, other):
        for name in TIMES:
            del metrics[name]
    assert first == again
    assert first != other


def test_the_configuration_of_a_run_repeats_it(configure, tmp_path):
    from experiment.options import parse
    from finetune.relation.config import RelationConfig

    path = fine_tune(configure(concat="cls,e1,e2,|e1-e2|", name="first"))
    config = parse(RelationConfig, ["--config", str(path / "config.yaml"), "--name", "second"], description="")
    assert metrics_of(fine_tune(config))["auprc"] == metrics_of(path)["auprc"]
    assert yaml.safe_load((path / "config.yaml").read_text(encoding="utf-8"))["max_length"] == 64


@pytest.mark.parametrize(
    "changes",
    [
        dict(markers="entity_mask"),
        dict(markers="typed_entity_marker", query=True, max_length=48),
        dict(markers="none", concat="e1,e2"),
        dict(markers="entity_marker", entity_pooling="start_end", entity_layer="shared"),
        dict(concat="cls", cls="pooler", activation="gelu"),
        dict(hierarchical=True, class_weights="sqrt"),
        dict(loss="focal"),
        dict(label_smoothing=0.1, layer_decay=0.8, accumulate=2),
        dict(r_drop=1.0, dropout=0.1, evaluations=2, patience=1),
        dict(random_weights=True, train_rows=40),
        dict(precision="bf16"),
    ],
    ids=str,
)
def test_every_option_trains(configure, changes):
    metrics = metrics_of(fine_tune(configure(**({"epochs": 1} | changes))))
    assert 0 <= metrics["micro_f1"] <= 1 and metrics["steps"] > 0


def test_training_rows_can_be_fewer_while_the_dev_rows_stay(configure):
    whole, part = (
        metrics_of(fine_tune(configure(epochs=1, train_rows=rows)), "data_report.json") for rows in (None, 40)
    )
    assert whole["rows_used"]["dev"] == part["rows_used"]["dev"] == 24
    assert whole["rows_used"]["train"] == 96 and 38 <= part["rows_used"]["train"] <= 42


def test_a_loss_that_is_not_finite_stops_the_run_and_names_its_rows(configure):
    with pytest.raises(NotFiniteError, match=r"not finite at step \d+, in a batch from 훈련.json, row \d+"):
        fine_tune(configure(learning_rate=1e18, clip=1e18))


def test_a_run_that_cannot_begin_leaves_nothing(configure, tmp_path):
    with pytest.raises(DataError):
        fine_tune(configure(train_file=tmp_path / "nowhere.json"))
    assert not any(path.is_dir() for path in (tmp_path / "runs" / "finetune" / "re").iterdir())


def test_what_is_needed_is_said_in_a_sentence(configure, tmp_path):
    with pytest.raises(UsageError, match=r"no finished run to start from; pretrain one with python run\.py"):
        fine_tune(configure(checkpoint=None))
    with pytest.raises(UsageError, match="holds no BERT"):
        fine_tune(configure(checkpoint=tmp_path))
    with pytest.raises(UsageError, match="--max_length 65 is more than the 64 positions"):
        fine_tune(configure(max_length=65))


class _Stop(pl.Callback):
    """Sends the signal of Ctrl-C after some steps."""

    def __init__(self, step):
        self.step = step

    def on_train_batch_end(self, trainer, *args):
        if trainer.global_step == self.step:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def stopped_at(monkeypatch):
    """A run that is stopped by hand in a step: carries it out, and gives the sentence that it ends with."""
    trainer = pl.Trainer

    def carry_out(config, step):
        with monkeypatch.context() as within, pytest.raises(InterruptedRun) as caught:
            within.setattr(
                pl,
                "Trainer",
                lambda **settings: trainer(**settings | {"callbacks": [_Stop(step), *settings["callbacks"]]}),
            )
            fine_tune(config)
        return str(caught.value)

    return carry_out


def test_a_stopped_run_goes_on_as_if_it_had_not_been_stopped(configure, stopped_at):
    """In the middle of an epoch, after an evaluation; the best model, the curves and what is reported are the same."""
    settings = dict(epochs=4, dropout=0.1, accumulate=2, log_every=1)
    whole = fine_tune(configure(name="whole", **settings))
    sentence = stopped_at(configure(name="stopped", **settings), 17)
    stopped = configure().output_dir / "finetune" / "re" / "stopped"
    assert f"stopped at step 17; everything is saved, go on with the same command and --resume {stopped}" in sentence
    assert RelationModel.load(stopped / "model").outputs[0] == "no_relation"  # the best so far
    assert not (stopped / "finished").exists()
    resumed = fine_tune(RelationConfig(resume="auto", output_dir=configure().output_dir))
    assert resumed == stopped and not (resumed / "checkpoints").exists()
    for name in ("model.safetensors", "head.safetensors"):
        one, two = (load_file(path / "model" / name) for path in (whole, resumed))
        assert all(torch.equal(one[key], two[key]) for key in one)
    curves = [read_curves(path / "metrics.jsonl") for path in (whole, resumed)]
    for name in ("train_loss", "dev_micro_f1", "tokens_seen"):
        assert curves[0][name] == curves[1][name]
    one, two = (metrics_of(path) for path in (whole, resumed))
    assert {name: one[name] for name in one.keys() - TIMES} == {name: two[name] for name in two.keys() - TIMES}


def test_one_command_starts_a_run_goes_on_with_it_and_finds_it_finished(configure, stopped_at, capsys):
    config = configure(name="mine", resume="auto", epochs=2)
    stopped_at(config, 3)
    assert "there is no run mine to go on with" in " ".join(capsys.readouterr().out.split())
    directory = fine_tune(config)
    assert (directory / "finished").exists()
    capsys.readouterr()
    assert fine_tune(config) == directory
    assert "mine is finished; its model is in" in " ".join(capsys.readouterr().out.split())
    with pytest.raises(UsageError, match="is finished"):
        fine_tune(replace(config, resume=str(directory), name=None))


def test_rows_longer_than_the_pretraining_are_read_and_it_is_said(configure, checkpoint, tmp_path, capsys):
    """A network has more positions than its pretraining has seen; the recipe of that cuts no row short."""
    folder = tmp_path / "short"
    shutil.copytree(checkpoint, folder)
    shape = folder / "model" / "config.json"
    shape.write_text(json.dumps(json.loads(shape.read_text()) | {"trained_positions": 12}), encoding="utf-8")
    directory = fine_tune(configure(checkpoint=folder, epochs=1))
    assert "longer than the 12 tokens that the encoder was pretrained at" in " ".join(capsys.readouterr().out.split())
    report = json.loads((directory / "data_report.json").read_text(encoding="utf-8"))
    assert not any(report["input"]["longer_than_max_length"]["train"].values())
