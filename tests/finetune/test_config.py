"""What can be asked for, and what is refused at once."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiment.errors import UsageError
from experiment.options import parse, read_options, write_yaml
from finetune.config import learning_rate_for
from finetune.entity.config import EntityConfig
from finetune.relation.config import RelationConfig
from finetune.tasks import CONFIGS, config_class

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (dict(predict=Path("a"), train_file=Path("b")), "--predict .* --train_file"),
        (dict(ensemble=[Path("a")]), "--ensemble .* --predict"),
        (dict(ensemble=[Path("a")], predict=Path("b"), checkpoint=Path("c")), "--ensemble .* --checkpoint"),
        (dict(output=Path("a")), "--output .* --predict"),
        (dict(folds=3, dev_file=Path("a"), train_file=Path("b")), "--folds .* --dev_file"),
        (dict(test_file=Path("a")), "--train_file"),
        (dict(seeds=[1, 1]), "--seeds"),
        (dict(dev_share=1.0), "--dev_share"),
        (dict(layer_decay=0.0), "--layer_decay"),
        (dict(epochs=0), "--epochs"),
        (dict(learning_rate=0.0), "--learning_rate"),
        (dict(loss="focal", label_smoothing=0.1), "--loss focal .* --label_smoothing"),
        (dict(markers="none", entity_pooling="start"), "--entity_pooling start .* --markers none"),
        (dict(concat="cls", entity_pooling="start_end"), "--concat cls .* --entity_pooling"),
        (dict(label_smoothing=1.0), "--label_smoothing"),
        (dict(focal_gamma=-1.0), "--focal_gamma"),
    ],
)
def test_what_cannot_be_is_refused_by_a_sentence(given, sentence):
    with pytest.raises(ValueError, match=sentence):
        RelationConfig(**given)


def test_a_configuration_survives_its_file(tmp_path):
    config = RelationConfig(
        concat="cls,e1,e2,|e1-e2|", seeds=[0, 1], train_file=Path("훈련.json"), negative_label="관계없음"
    )
    write_yaml(config, tmp_path / "config.yaml")
    assert parse(RelationConfig, ["--config", str(tmp_path / "config.yaml")], description="") == config


@pytest.mark.parametrize("kind", CONFIGS.values())
def test_every_option_has_a_help_text(kind):
    assert [option.name for option in read_options(kind).values() if len(option.help) < 10] == []


def test_the_task_decides_which_options_there_are(tmp_path):
    saved = tmp_path / "config.yaml"
    write_yaml(EntityConfig(unit="subword"), saved)
    assert config_class(["--epochs", "3", "--task", "ner"]) is EntityConfig
    assert config_class(["--task=re", "--config", str(saved)]) is RelationConfig
    assert config_class(["--config", str(saved), "--epochs", "3"]) is EntityConfig
    assert config_class(["--help"]) is RelationConfig
    assert config_class(["--task", "ner", "--help"]) is EntityConfig
    with pytest.raises(UsageError, match="--task is needed: re for relations, ner for named entities"):
        config_class(["--epochs", "3"])
    for wrong in (["--task", "pos"], ["--task"]):
        with pytest.raises(UsageError, match="--task needs re, ner or classification"):
            config_class(wrong)
    with pytest.raises(UsageError, match="--max_length 7 is too short"):
        parse(EntityConfig, ["--max_length", "7"], description="")


def test_learning_rates_fall_with_the_width():
    assert [learning_rate_for(width) for width in (128, 256, 300, 768, 1024, 4096)] == [
        5e-4,
        5e-4,
        1e-4,
        5e-5,
        2e-5,
        2e-5,
    ]


def test_help_answers_at_once():
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, ROOT / "run_finetune.py", "--help"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert "--entity_layer" in done.stdout and "--checkpoint" in done.stdout
    assert time.perf_counter() - started < 10  # half a second on an idle machine; this guards against heavy imports


def test_an_unknown_task_is_named():
    done = subprocess.run(
        [sys.executable, ROOT / "run_finetune.py", "--task", "pos"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 2
    assert done.stderr == "error: --task needs re, ner or classification, not 'pos'.\n"
