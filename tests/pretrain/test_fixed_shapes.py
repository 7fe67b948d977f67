"""Batches of one shape, for a compiler that would compile anew for each."""

import json

import pytest
import torch
from torch._dynamo.testing import CompileCounter

from bert_core.config import BertConfig
from bert_core.model import BertForPreTraining
from pretrain import training
from pretrain.batches import IGNORED
from pretrain.fixed_shapes import Shape, padded
from pretrain.module import SUMS, PreTrainingModule, pretraining_losses
from pretrain.pipeline import pretrain
from pretrain.stream import DeviceShare


def module(path="reference", **changes):
    torch.manual_seed(0)
    network = BertForPreTraining(
        BertConfig(
            vocab_size=200_000, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
            max_position_embeddings=33, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        )
    )  # fmt: skip
    for block in network.bert.blocks:
        block.attention.path = path
    return PreTrainingModule(
        network, **{"has_pairs": True} | changes, optimizer="adamw", learning_rate=1e-3, warmup=0.0, weight_decay=0.0, clip=1.0,
        progress=lambda step: 0.5,
    )  # fmt: skip


def epoch(share):
    return [batch for window in range(share.builder.windows_an_epoch) for (batch,) in share[window]]


COUNTS = torch.tensor([40.0, 8.0])
"""Of a step: masked tokens and sequences."""


def test_all_batches_of_an_epoch_have_one_shape(windows):
    fixed = DeviceShare(windows(), fixed_shape=True)
    batches = epoch(fixed)
    assert {(b.packed.tokens, b.masked.numel(), b.labels.numel(), b.packed.max_length) for b in batches} == {
        (fixed.shape.tokens, fixed.shape.masked, fixed.shape.masked, 32)
    }
    assert fixed.shape.tokens % 128 == fixed.shape.masked % 128 == 0
    assert len({b.packed.sequences for b in batches}) > 1  # their number alone is open
    assert all(b.next_sentence.numel() == b.packed.sequences for b in batches)


def test_what_fills_a_batch_up_are_sequences(windows):
    fixed = DeviceShare(windows(), fixed_shape=True)
    for plain, full in zip(fixed.builder[0], (full for (full,) in fixed[0]), strict=True):
        lengths = full.packed.boundaries.diff()
        assert full.packed.boundaries[-1] == full.packed.tokens
        assert lengths.min() >= 1 and lengths.max() <= full.packed.max_length
        rectangle = torch.zeros(full.packed.sequences * full.packed.max_length, dtype=torch.int64)
        rectangle[full.packed.slots] = 1
        assert torch.equal(rectangle.view(full.packed.sequences, -1).sum(1), lengths)
        starts = full.packed.boundaries[:-1].repeat_interleave(lengths)
        assert torch.equal(full.packed.position_ids + starts, torch.arange(full.packed.tokens))
        assert torch.equal(full.packed.input_ids[: plain.tokens], plain.packed.input_ids)
        assert not full.packed.input_ids[plain.tokens :].any() and full.tokens == plain.tokens
        assert (full.labels[plain.labels.numel() :] == IGNORED).all()
        assert (full.next_sentence[plain.packed.sequences :] == IGNORED).all()
        assert full.documents == plain.documents


def test_a_batch_that_fills_its_shape_gets_nothing(windows):
    batch = windows()[0][0]
    full = padded(batch, Shape(batch.packed.tokens, batch.masked.numel(), 32))
    assert torch.equal(full.packed.boundaries, batch.packed.boundaries) and torch.equal(full.labels, batch.labels)


def test_a_batch_that_does_not_fit_gets_the_next_shape(windows):
    batch = windows(batch_tokens=512)[0][0]
    full = padded(batch, Shape(256, 32, 32))
    assert batch.packed.tokens <= full.packed.tokens < batch.packed.tokens + 16
    assert full.packed.tokens % 16 == full.masked.numel() % 2 == 0
    assert full.masked.numel() - batch.masked.numel() < 2


@pytest.mark.parametrize("path", ["reference", "sdpa", "matmul"])
@pytest.mark.parametrize("has_pairs", [True, False])
def test_losses_counts_and_gradients_stay_what_they_are(windows, path, has_pairs):
    fixed = DeviceShare(windows(), fixed_shape=True)
    trained = module(path, has_pairs=has_pairs)
    found = []
    for batch in (fixed.builder[0][0], fixed[0][0][0]):
        trained.zero_grad()
        loss, sums = trained.losses(batch, COUNTS)
        loss.backward()
        found.append((loss.detach(), sums, {name: p.grad for name, p in trained.named_parameters()}))
    (loss, sums, gradients), (loss_too, sums_too, gradients_too) = found
    torch.testing.assert_close(loss_too, loss, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(sums_too, sums, atol=0, rtol=1e-6)
    counts = [index for index, name in enumerate(SUMS) if not name.endswith("loss")]
    assert torch.equal(sums[counts], sums_too[counts])
    for name, gradient in gradients.items():
        if gradient is not None:
            torch.testing.assert_close(gradients_too[name], gradient, atol=1e-6, rtol=1e-5)


def test_one_compilation_serves_all_numbers_of_sequences(windows, monkeypatch):
    """With torch's compiler up to its graph; a shape that was grown is compiled by itself and leaves the other alone."""
    fixed, trained, compiler = DeviceShare(windows(), fixed_shape=True), module("sdpa"), CompileCounter()
    fixed.shape = fixed.shape._replace(longest=33)  # a rectangle, which 256 tokens can be of 32, would be another graph
    compile = torch.compile
    monkeypatch.setattr(torch, "compile", lambda function, **options: compile(function, backend=compiler, **options))
    torch._dynamo.reset()
    trained.compile_losses(fixed_shapes=True)
    batches = [batch for (batch,) in fixed[0]]
    assert len({batch.packed.sequences for batch in batches}) > 1
    larger = padded(fixed.builder[0][0], fixed.shape._replace(tokens=fixed.shape.tokens + 128))
    for batch, compiled in [*((batch, 1) for batch in batches), (larger, 2), (batches[0], 2)]:
        loss, _ = trained.losses(batch, COUNTS)
        assert compiler.frame_count == compiled
        torch.testing.assert_close(loss, pretraining_losses(trained.network, batch, COUNTS, True)[0])


def test_a_run_in_fixed_shapes_counts_and_learns_the_same(configure, monkeypatch):
    plain = pretrain(configure(name="plain"))
    monkeypatch.setattr(torch, "compile", lambda function, **options: function)
    monkeypatch.setattr(training, "choose_path", lambda *_: "varlen")
    fixed = pretrain(configure(name="fixed", compile=True))
    one, two = (json.loads((run / "metrics.json").read_text()) for run in (plain, fixed))
    assert one["tokens_seen"] == two["tokens_seen"] and one["unigram_loss"] == two["unigram_loss"]
    for name in ("mlm_loss", "mlm_accuracy", "nsp_loss", "nsp_accuracy"):
        assert two[name] == pytest.approx(one[name], abs=1e-4)
