import numpy as np
import pytest
import torch
import torch.nn.functional as F

from bert_core.config import BertConfig
from bert_core.model import BertForPreTraining
from bert_core.packing import pack
from pretrain.initial import look_at_neighbours, prepare_network

CONFIG = BertConfig(vocab_size=40, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=48)


def test_the_first_guess_is_the_unigram_and_only_the_writers_change_besides():
    counts = np.where(np.arange(40) < 5, 0, 1 + np.arange(40) ** 2)
    frequencies = counts / counts.sum()
    torch.manual_seed(0)
    network = BertForPreTraining(CONFIG).eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    prepare_network(network, frequencies)
    packed, masked = pack([list(range(5, 30))]), torch.arange(1, 24)
    loss = F.cross_entropy(network(packed, masked).mlm, packed.input_ids[masked])
    assert loss.item() == pytest.approx(-np.log(frequencies[packed.input_ids[masked]]).mean(), abs=0.15)
    for name, tensor in network.state_dict().items():
        if name == "mlm_head.bias":
            assert torch.isfinite(tensor).all() and tensor.std() > 0.5
        elif name.endswith(("attention.output.weight", "contract.weight")):
            torch.testing.assert_close(tensor, before[name] / 2)
        elif not name.endswith(("position.weight", "qkv.weight")):  # those are below
            assert torch.equal(tensor, before[name]), name


@pytest.mark.parametrize(("heads", "hidden"), [(4, 256), (2, 128)])
def test_half_of_the_heads_begin_at_the_neighbours(heads, hidden):
    config = BertConfig(
        vocab_size=500, hidden_size=hidden, num_hidden_layers=2, num_attention_heads=heads, intermediate_size=64,
        max_position_embeddings=60, initializer_range=0.04,
    )  # fmt: skip
    torch.manual_seed(0)
    network = BertForPreTraining(config).eval()
    before = network.bert.blocks[0].attention.qkv.weight.clone()
    look_at_neighbours(network)
    packed = pack([torch.randint(5, 500, (60,)).tolist()])
    with torch.no_grad():
        embedded = network.bert.embeddings(packed)
        query, key, _ = network.bert.blocks[0].attention.qkv(embedded).view(60, 3, heads, -1).unbind(1)
        attention = (torch.einsum("qhk,lhk->hql", query, key) / config.head_size**0.5).softmax(-1)
    inner = torch.arange(5, 55)
    for head, away in enumerate((-1, 1)):
        assert (attention[head, inner].argmax(-1) == inner + away).float().mean() > 0.9
        assert attention[head, inner, inner + away].mean() > 0.2
    after = network.bert.blocks[0].attention.qkv.weight
    assert torch.equal(after.view(3, heads, -1)[2], before.view(3, heads, -1)[2])  # values
    if heads > 2:
        assert torch.equal(after.view(3, heads, -1)[:, 2:], before.view(3, heads, -1)[:, 2:])
    assert network.bert.embeddings.position.weight.norm(dim=1).max() < 1.3 * 0.04 * hidden**0.5


@pytest.mark.parametrize(("positions", "alike"), [(128, 1e-4), (512, 0.4)])
def test_no_two_positions_begin_alike(positions, alike):
    config = BertConfig(
        vocab_size=50, hidden_size=128, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8,
        max_position_embeddings=positions,
    )  # fmt: skip
    network = BertForPreTraining(config)
    look_at_neighbours(network)
    directions = F.normalize(network.bert.embeddings.position.weight.detach(), dim=1)
    assert (directions @ directions.T - torch.eye(positions)).max() < alike


@pytest.mark.parametrize(("heads", "hidden"), [(1, 26), (3, 39)])
def test_odd_sizes_have_such_heads_too(heads, hidden):
    network = BertForPreTraining(
        BertConfig(
            vocab_size=50, hidden_size=hidden, num_hidden_layers=1, num_attention_heads=heads, intermediate_size=8
        )
    )
    before = network.bert.blocks[0].attention.qkv.weight.clone()
    look_at_neighbours(network)
    assert all(torch.isfinite(parameter).all() for parameter in network.parameters())
    changed = (
        (network.bert.blocks[0].attention.qkv.weight != before).view(3, heads, hidden // heads, hidden).any(3).any(2)
    )
    assert changed.tolist() == [[head < 2 for head in range(heads)]] * 2 + [[False] * heads]
