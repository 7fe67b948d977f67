"""Both pipelines on a GPU, from raw text to a fine-tuned model that answers; `python -m pytest -m gpu` runs these and the other tests
that need one."""

import json
from pathlib import Path

import pytest

from data.sample.files import write_entities, write_relations
from experiment.history import read_curves
from finetune.pipeline import fine_tune
from finetune.tasks import CONFIGS
from pretrain.config import PretrainConfig
from pretrain.pipeline import pretrain

pytestmark = pytest.mark.gpu

COMMON = {"accelerator": "gpu", "devices": 1, "tracking_uri": "none", "log_every": 5}


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gpu")
    return pretrain(PretrainConfig(max_steps=200, output_dir=folder, workers=1, precision="32", **COMMON))


def metrics_of(run: Path) -> dict[str, float]:
    return json.loads((run / "metrics.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("compiled", [False, True], ids=["as it is", "compiled"])
@pytest.mark.parametrize("precision", ["32", "bf16", "16"])
def test_pretraining_learns(pretrained, precision, compiled):
    settings = PretrainConfig(
        max_steps=200, output_dir=pretrained.parents[1], workers=1, precision=precision, compile=compiled, **COMMON
    )
    metrics, exact = metrics_of(pretrain(settings)), metrics_of(pretrained)
    assert metrics["mlm_loss"] < metrics["unigram_loss"]
    assert metrics["mlm_loss"] == pytest.approx(exact["mlm_loss"], rel=0.05)


@pytest.mark.parametrize("precision", ["32", "bf16", "16"])
@pytest.mark.parametrize(
    ("task", "write", "score"),
    [("re", write_relations, "micro_f1"), ("ner", write_entities, "entity_f1")],
    ids=["re", "ner"],
)
def test_fine_tuning_learns_and_its_model_answers_alike(pretrained, tmp_path, task, write, score, precision):
    train, dev = write(tmp_path, 800, 100)
    common = COMMON | {"precision": precision, "output_dir": tmp_path / "runs"}
    kind = CONFIGS[task]
    run = fine_tune(kind(checkpoint=pretrained, train_file=train, dev_file=dev, epochs=3, **common))
    losses = read_curves(run / "metrics.jsonl")["train_loss"][1]
    assert losses[-1] < losses[0]
    fine_tune(kind(checkpoint=run, predict=dev, output=tmp_path / "answers", **common))
    answered = json.loads((tmp_path / "answers_metrics.json").read_text(encoding="utf-8"))
    assert answered[score] == pytest.approx(metrics_of(run)[score], abs=0.02)
