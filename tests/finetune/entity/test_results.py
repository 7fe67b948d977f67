"""The last screen: a model that finds nothing is called so, and nothing is built on it."""

import pytest

from experiment.console import Console
from experiment.run_directory import RunDirectory
from finetune.entity.answers import Answer, FoundEntity
from finetune.entity.task import ENTITIES
from finetune.report import show_results
from finetune.run import prepare
from finetune.task import Outcome

FIGURES = dict(
    best_epoch=1.0, epochs_trained=1.0, steps=12, tokens_seen=100, wall_seconds=1.0, real_tokens_per_second=100.0
)


@pytest.mark.parametrize("finds", [True, False], ids=["finds entities", "finds nothing"])
def test_a_model_that_finds_nothing_is_called_so_and_nothing_is_built_on_it(configure, tmp_path, capsys, finds):
    run = prepare(ENTITIES, configure(), RunDirectory.create(tmp_path, "finetune/ner", None), Console(), None)
    answers = [
        Answer(text, tuple(FoundEntity(e.start, e.end, e.type, 0.9) for e in text.entities) if finds else ())
        for text in run.rows.dev
    ]
    capsys.readouterr()
    metrics = ENTITIES.metrics(answers, run.rows.outputs, run.config)
    show_results(ENTITIES, run, Outcome(FIGURES, {"dev": answers}, {"dev": metrics}, None), None)
    shown = " ".join(capsys.readouterr().out.split())
    assert "predictions.html" in shown
    assert ("--predict FILE" in shown) == finds
    assert ("no better than an empty answer" in shown) == (not finds)
