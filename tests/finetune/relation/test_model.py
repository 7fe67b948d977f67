"""A model that answers: on devices without float64, and where a batch does not fit into memory."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml

from data.relations import read_relations
from experiment.console import Console
from experiment.errors import UsageError
from experiment.machine import Machine
from experiment.run_directory import RunDirectory
from finetune.batches import evaluation_batches
from finetune.pipeline import fine_tune
from finetune.relation.task import RELATIONS
from finetune.run import prepare

CPU = Machine(torch.device("cpu"), "32-true")


@pytest.fixture
def run(configure, tmp_path):
    def make(**changes):
        directory = RunDirectory.create(tmp_path, "finetune/re", None)
        return prepare(RELATIONS, configure(**changes), directory, Console(quiet=True), None)

    return make


def test_training_evaluation_and_prediction_ask_no_device_for_float64(
    configure, test_rows_file, device_without_float64, tmp_path
):
    with device_without_float64:
        path = fine_tune(configure(epochs=1, class_weights="balanced", hierarchical=True))
        trained = device_without_float64.calls
        predict = replace(configure(), checkpoint=path, train_file=None, predict=test_rows_file)
        fine_tune(replace(predict, output=tmp_path / "answers.csv"))
    assert 0 < trained < device_without_float64.calls


def test_predicting_measures_nothing(run, configure, test_rows_file, monkeypatch, tmp_path):
    run().model.save(tmp_path / "model")
    for name in ("matmul_rates", "share_of_cores"):
        monkeypatch.setattr(f"experiment.speed.{name}", None)
    predict = replace(configure(), checkpoint=tmp_path, train_file=None, predict=test_rows_file)
    assert fine_tune(replace(predict, output=tmp_path / "answers.csv")).is_file()


def test_the_number_of_threads_is_kept_with_the_run(run):
    before = torch.get_num_threads()
    try:
        chosen = run(threads=2)
        assert chosen.config.threads == torch.get_num_threads() == 2
        assert yaml.safe_load(chosen.directory.config.read_text(encoding="utf-8"))["threads"] == 2
    finally:
        torch.set_num_threads(before)


def test_the_loss_and_its_class_weights_move_with_the_network(run):
    objective = run(class_weights="balanced").prepared.objective
    moved = objective.network.to("meta")
    weights = [buffer for name, buffer in moved.named_buffers() if "class_weights" in name]
    assert [each.device.type for each in weights] == ["meta"]
    assert sum(p.numel() for p in objective.network.parameters()) == sum(
        p.numel() for p in run().model.network.parameters()
    )


def asked(model, marked, **options):
    """The probabilities of all rows, [N, C]."""
    found = model.answer(marked, CPU, **options)
    return np.array([found[row] for row in range(len(marked))])


@pytest.fixture
def little_memory(monkeypatch):
    """Lets the network of a model compute so many tokens at once and no more; gives the tokens of each attempt."""

    def limit(model, tokens):
        whole, attempts = type(model.network).forward, []

        def forward(network, packed, spans):
            attempts.append(packed.tokens)
            if packed.tokens > tokens:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
            return whole(network, packed, spans)

        monkeypatch.setattr(type(model.network), "forward", forward)
        return attempts

    return limit


def test_what_does_not_fit_is_answered_in_halves(run, test_rows_file, little_memory):
    model = run().model
    marked = model.inputs(read_relations(test_rows_file, needs_label=False, strict=True).rows)
    lengths = np.array([len(row.ids) for row in marked])
    assert len(evaluation_batches(lengths)) == 1
    whole = asked(model, marked)
    attempts, done = little_memory(model, 200), []
    assert np.allclose(asked(model, marked, report=lambda part, total: done.append(part)), whole, atol=1e-6)
    assert attempts[0] == lengths.sum() and max(attempts[-3:]) <= 200
    assert done == sorted(done) and done[-1] == len(marked)
    assert model.network.training


def test_a_row_that_does_not_fit_is_a_sentence_with_a_length_that_does(run, test_rows_file, little_memory):
    model = run().model
    marked = model.inputs(read_relations(test_rows_file, needs_label=False, strict=True).rows)
    lengths = sorted(len(row.ids) for row in marked)
    assert lengths[0] < lengths[-1]
    little_memory(model, lengths[0])
    longer = next(length for length in lengths if length > lengths[0])
    with pytest.raises(
        UsageError, match=f"row of {longer} tokens does not fit .* --max_length {lengths[0]}, which fits"
    ):
        asked(model, marked)
