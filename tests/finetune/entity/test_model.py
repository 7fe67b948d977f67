"""A model that answers: on devices without float64, and where a batch does not fit into memory."""

from dataclasses import replace

import pytest
import torch

from data.entities import read_entities
from experiment.console import Console
from experiment.errors import UsageError
from experiment.machine import Machine
from experiment.run_directory import RunDirectory
from finetune.entity.task import ENTITIES
from finetune.pipeline import fine_tune
from finetune.run import prepare

CPU = Machine(torch.device("cpu"), "32-true")


def test_training_evaluation_and_prediction_ask_no_device_for_float64(
    configure, test_texts_file, device_without_float64, tmp_path
):
    with device_without_float64:
        path = fine_tune(configure(epochs=1))
        trained = device_without_float64.calls
        predict = replace(configure(), checkpoint=path, train_file=None, predict=test_texts_file)
        fine_tune(replace(predict, output=tmp_path / "answers.jsonl"))
    assert 0 < trained < device_without_float64.calls


@pytest.fixture
def asked(configure, test_texts_file, tmp_path):
    """A model, untrained, and texts for it."""
    directory = RunDirectory.create(tmp_path, "finetune/ner", None)
    model = prepare(ENTITIES, configure(), directory, Console(quiet=True), None).model
    texts = read_entities(test_texts_file).rows
    return model, model.inputs(texts)


def limit(monkeypatch, model, tokens):
    """Lets the network compute so many tokens at once and no more."""
    whole, attempts = type(model.network).forward, []

    def forward(network, batch):
        attempts.append(batch.packed.tokens)
        if batch.packed.tokens > tokens:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return whole(network, batch)

    monkeypatch.setattr(type(model.network), "forward", forward)
    return attempts


def test_what_does_not_fit_is_answered_in_halves(asked, monkeypatch):
    model, aligned = asked
    whole = model.answer(aligned, CPU)
    assert sum(map(len, whole.values())) > 0
    attempts = limit(monkeypatch, model, 150)
    parts = model.answer(aligned, CPU)
    assert len(attempts) > 3 and attempts[0] == sum(each.length for each in aligned)
    assert whole.keys() == parts.keys() == set(range(len(aligned)))
    for row, one in whole.items():
        other = parts[row]
        assert [(e.start, e.end, e.type) for e in one] == [(e.start, e.end, e.type) for e in other]
        scores = [[entity.score for entity in answer] for answer in (one, other)]
        assert scores[0] == pytest.approx(scores[1], abs=1e-5)


def test_a_text_that_does_not_fit_is_a_sentence_with_a_length(asked, monkeypatch):
    model, aligned = asked
    limit(monkeypatch, model, 0)
    shortest = min(each.length for each in aligned)
    with pytest.raises(UsageError, match=f"row of {shortest} tokens does not fit .* --max_length {shortest // 2}"):
        model.answer(aligned, CPU)
