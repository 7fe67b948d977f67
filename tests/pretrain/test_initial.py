import numpy as np
import pytest
import torch
import torch.nn.functional as F

from bert_core.config import SIZES, BertConfig
from bert_core.model import BertForPreTraining
from bert_core.packing import pack
from pretrain.initial import compare_segments, look_at_neighbours, prepare_network, shrink_writers, start_at_unigram

CONFIG = BertConfig(vocab_size=40, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=48)


def network_of(hidden, heads, layers=2, positions=60, vocabulary=500, seed=0):
    torch.manual_seed(seed)
    return BertForPreTraining(
        BertConfig(
            vocab_size=vocabulary, hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads,
            intermediate_size=64, max_position_embeddings=positions, initializer_range=0.04,
        )
    ).eval()  # fmt: skip


def attention_of_first_block(network, packed):
    """Attention probabilities of one sequence, [H, L, L]."""
    config = network.config
    embedded = network.bert.embeddings(packed)
    qkv = network.bert.blocks[0].attention.qkv(embedded).view(-1, 3, config.num_attention_heads, config.head_size)
    query, key, _ = qkv.unbind(1)
    return (torch.einsum("qhk,lhk->hql", query, key) / config.head_size**0.5).softmax(-1)


def test_the_first_guess_is_the_unigram():
    counts = np.where(np.arange(40) < 5, 0, 1 + np.arange(40) ** 2)
    frequencies = counts / counts.sum()
    torch.manual_seed(0)
    network = BertForPreTraining(CONFIG).eval()
    prepare_network(network, frequencies)
    packed, masked = pack([list(range(5, 30))]), torch.arange(1, 24)
    loss = F.cross_entropy(network(packed, masked).mlm, packed.input_ids[masked])
    assert loss.item() == pytest.approx(-np.log(frequencies[packed.input_ids[masked]]).mean(), abs=0.15)
    assert torch.isfinite(network.mlm_head.bias).all() and network.mlm_head.bias.std() > 0.5


def test_only_the_writers_shrink():
    torch.manual_seed(0)
    network = BertForPreTraining(CONFIG)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    shrink_writers(network)
    for name, tensor in network.state_dict().items():
        shrunk = name.endswith(("attention.output.weight", "contract.weight"))
        torch.testing.assert_close(tensor, before[name] / (2 if shrunk else 1))


@pytest.mark.parametrize(("heads", "hidden"), [(4, 256), (2, 128)])
@torch.no_grad()
def test_half_of_the_heads_begin_at_the_neighbours(heads, hidden):
    network = network_of(hidden, heads)
    before = network.bert.blocks[0].attention.qkv.weight.clone()
    prepare_network(network, np.full(500, 1 / 500))
    attention = attention_of_first_block(network, pack([torch.randint(5, 500, (60,)).tolist()]))
    inner = torch.arange(5, 55)
    looking = [-1, 1] if heads > 2 else [-1]  # of two heads in the first block the other one compares segments
    for head, away in enumerate(looking):
        assert (attention[head, inner].argmax(-1) == inner + away).float().mean() > 0.9
        assert attention[head, inner, inner + away].mean() > 0.2
    assert attention[0, 0].max() < 0.2  # [CLS] sees all alike
    if heads > 2:
        after = network.bert.blocks[0].attention.qkv.weight.view(3, heads, -1)
        assert torch.equal(after[:, 2], before.view(3, heads, -1)[:, 2])
    assert network.bert.embeddings.position.weight.norm(dim=1).max() < 1.3 * 0.04 * hidden**0.5


@torch.no_grad()
def test_what_neighbours_say_is_not_lost_beside_the_token_itself():
    """The last hidden state of one token, [MASK] say, tells which token stands before it."""
    network = network_of(128, 2)
    plain = network_of(128, 2)
    for each in (network, plain):
        shrink_writers(each)
    look_at_neighbours(network)
    ids = torch.randint(5, 500, (30,)).tolist()
    changed = [*ids[:14], 4, *ids[15:]]
    moved = [
        (each.bert(pack([ids])) - each.bert(pack([changed])))[15].norm() / each.bert(pack([ids]))[15].norm()
        for each in (network, plain)
    ]
    assert moved[0] > 0.2 > 4 * moved[1]


@pytest.mark.parametrize("positions", [128, 512])
def test_no_two_positions_begin_alike(positions):
    network = network_of(128, 2, layers=1, positions=positions)
    look_at_neighbours(network)
    directions = F.normalize(network.bert.embeddings.position.weight.detach(), dim=1)[1:]
    alike = directions @ directions.T - torch.eye(positions - 1)
    assert alike.max() < (1e-4 if positions == 128 else 0.6)
    assert alike[:120, :120].max() < 1e-4


@torch.no_grad()
def test_tokens_begin_by_finding_their_like_in_the_second_segment():
    network = network_of(128, 2)
    prepare_network(network, np.full(500, 1 / 500))
    #      [CLS]                      [SEP]
    ids = [2, 100, 101, 102, 103, 104, 3, 200, 102, 201, 104, 202, 3]
    packed = pack([ids], [[0] * 7 + [1] * 6])
    attention = attention_of_first_block(network, packed)[1]
    assert attention[3, 8] > 0.8 and attention[5, 10] > 0.8  # 102 and 104 find themselves in B
    for alone in (1, 2, 4, 7, 9, 11, 8, 10):
        assert attention[alone, alone] > 0.8  # all others stay where they are, those of B, too


@torch.no_grad()
def test_the_first_guess_of_nsp_knows_whether_segments_share_words():
    torch.manual_seed(0)
    network = BertForPreTraining(
        BertConfig(vocab_size=500, max_position_embeddings=64, initializer_range=0.04, **SIZES["tiny"])
    ).eval()
    prepare_network(network, np.full(500, 1 / 500))
    generator = np.random.default_rng(0)
    shared, strange = [], []
    for _ in range(40):
        words = generator.permutation(np.arange(5, 500))
        first, second, other = words[:20].tolist(), words[20:40].tolist(), words[40:60].tolist()
        for pairs, b in ((shared, first[:6] + second[6:]), (strange, other)):
            pairs.append(([2, *first, 3, *b, 3], [0] * 22 + [1] * 21))
    logits = [
        network(pack([ids for ids, _ in pairs], [types for _, types in pairs]), torch.tensor([1])).nsp
        for pairs in (shared, strange)
    ]
    margins = [(each[:, 0] - each[:, 1]).sort().values for each in logits]
    assert margins[0].median() > margins[1].quantile(0.8)


@pytest.mark.parametrize("size", ["small", "medium"])
def test_larger_networks_keep_their_heads_and_begin_finite(size):
    torch.manual_seed(0)
    network = BertForPreTraining(BertConfig(vocab_size=50, max_position_embeddings=64, **SIZES[size])).eval()
    before = network.bert.blocks[0].attention.qkv.weight.clone()
    frequencies = np.full(50, 1 / 50)
    prepare_network(network, frequencies)
    heads = network.config.num_attention_heads
    changed = (network.bert.blocks[0].attention.qkv.weight != before).view(3, heads, -1).any(2)[0]
    assert changed.tolist() == [head < heads // 2 for head in range(heads)], "they leave the coin by themselves"
    with torch.no_grad():
        logits = network(pack([list(range(40))], [[0] * 20 + [1] * 20]), torch.tensor([3]))
    assert torch.isfinite(logits.mlm).all() and torch.isfinite(logits.nsp).all()


@pytest.mark.parametrize(("heads", "hidden", "layers"), [(1, 26, 1), (1, 26, 2), (3, 39, 1), (3, 39, 2), (2, 10, 2)])
def test_odd_sizes_begin_so_too(heads, hidden, layers):
    network = network_of(hidden, heads, layers, vocabulary=50)
    before = network.bert.blocks[0].attention.qkv.weight.clone()
    start_at_unigram(network, np.full(50, 1 / 50))
    look_at_neighbours(network)
    compare_segments(network)
    assert all(torch.isfinite(parameter).all() for parameter in network.parameters())
    changed = (network.bert.blocks[0].attention.qkv.weight != before).view(3, heads, -1).any(2)
    expected = [True] * min(heads, 3) if layers == 2 else [head < 2 for head in range(heads)]
    assert changed[:2].tolist() == [expected] * 2
