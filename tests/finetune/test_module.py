"""The optimizer's groups: what learns how fast, and what decays."""

import pytest
from torch import nn

from bert_core.config import BertConfig
from bert_core.model import Bert
from finetune.module import parameter_groups


@pytest.fixture
def encoder():
    return Bert(
        BertConfig(vocab_size=50, hidden_size=8, num_hidden_layers=3, num_attention_heads=2, intermediate_size=16)
    )


def groups_of(encoder, network=None, layer_decay=1.0):
    return parameter_groups(
        network or encoder,
        encoder,
        learning_rate=1.0,
        head_learning_rate=4.0,
        layer_decay=layer_decay,
        weight_decay=0.1,
    )


def rates(encoder, groups):
    """Learning rate and decay of each parameter, by name."""
    names = {id(parameter): name for name, parameter in encoder.named_parameters()}
    return {
        names[id(parameter)]: (group["lr"], group["weight_decay"]) for group in groups for parameter in group["params"]
    }


def test_each_layer_learns_slower_than_the_one_above(encoder):
    found = rates(encoder, groups_of(encoder, layer_decay=0.5))
    assert found["pooler.weight"] == (1.0, 0.1)
    assert [found[f"blocks.{layer}.attention.qkv.weight"][0] for layer in (2, 1, 0)] == [0.5, 0.25, 0.125]
    assert found["embeddings.token.weight"][0] == 0.0625
    assert set(found) == {name for name, _ in encoder.named_parameters()}


def test_biases_and_norms_do_not_decay(encoder):
    found = rates(encoder, groups_of(encoder))
    assert {rate for rate, _ in found.values()} == {1.0}
    for name, (_, decay) in found.items():
        assert decay == (0.0 if name.endswith("bias") or "norm" in name else 0.1), name


def test_what_is_not_trained_is_not_given_to_the_optimizer(encoder):
    encoder.pooler.requires_grad_(False)
    found = rates(encoder, groups_of(encoder))
    assert "pooler.weight" not in found


def test_the_head_has_a_learning_rate_of_its_own(encoder):
    network = nn.Sequential(encoder, nn.Linear(8, 5))
    found = rates(network, groups_of(encoder, network, layer_decay=0.5))
    assert found["1.weight"] == (4.0, 0.1) and found["1.bias"] == (4.0, 0.0)
    assert found["0.pooler.weight"] == (1.0, 0.1) and found["0.blocks.2.attention.qkv.weight"][0] == 0.5
