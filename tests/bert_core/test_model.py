import math

import pytest
import torch
import torch.nn.functional as F

from bert_core.config import SIZES, BertConfig
from bert_core.model import BertForPreTraining
from bert_core.packing import pack

CONFIG = BertConfig(
    vocab_size=61, hidden_size=20, num_hidden_layers=2, num_attention_heads=5, intermediate_size=33,
    max_position_embeddings=17,
)  # fmt: skip


def random_batch(lengths, vocab_size=61, seed=0):
    generator = torch.Generator().manual_seed(seed)
    ids = [torch.randint(5, vocab_size, (length,), generator=generator).tolist() for length in lengths]
    return pack(ids, [[0] * (len(row) // 2) + [1] * (len(row) - len(row) // 2) for row in ids])


def test_shapes_at_odd_sizes():
    network, packed = BertForPreTraining(CONFIG), random_batch([13, 7, 1])
    assert network.bert(packed).shape == (21, 20)
    logits = network(packed, torch.tensor([3, 14]))
    assert logits.mlm.shape == (2, 61) and logits.nsp.shape == (3, 2)


def test_a_batch_gives_what_each_sequence_gives_alone():
    torch.manual_seed(0)
    network = BertForPreTraining(CONFIG).double().eval()
    lengths = [13, 7, 1, 17]
    packed = random_batch(lengths)
    together = network.bert(packed).split(lengths)
    ids, types = packed.input_ids.split(lengths), packed.token_type_ids.split(lengths)
    for row, alone_ids, alone_types in zip(together, ids, types, strict=True):
        torch.testing.assert_close(network.bert(pack([alone_ids.tolist()], [alone_types.tolist()])), row)


def test_reference_attention_gives_the_same_network():
    torch.manual_seed(0)
    network, packed = BertForPreTraining(CONFIG).double().eval(), random_batch([13, 7, 1, 17])
    fast = network.bert(packed)
    for block in network.bert.blocks:
        block.attention.path = "reference"
    torch.testing.assert_close(network.bert(packed), fast)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_computing_activations_again_changes_no_bit(dtype):
    """Dropout included: it is drawn anew, from the same state."""
    torch.manual_seed(0)
    network, packed = BertForPreTraining(CONFIG), random_batch([13, 7, 1, 17])
    found = []
    for network.bert.checkpoint_activations in (False, True):
        torch.manual_seed(1)
        network.zero_grad()
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            logits = network(packed, torch.tensor([3, 14, 30]))
        loss = logits.mlm.float().logsumexp(-1).sum() + logits.nsp.float().square().sum()
        loss.backward()
        found.append([loss.detach(), torch.get_rng_state(), *(p.grad.clone() for p in network.parameters())])
    assert all(torch.equal(kept, again) for kept, again in zip(*found, strict=True))


def test_what_is_computed_again_is_not_kept():
    network, packed = BertForPreTraining(CONFIG), random_batch([13, 7, 1, 17])
    kept = {}
    for network.bert.checkpoint_activations in (False, True):
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(lambda x: sizes.append(x.numel()) or x, lambda x: x):  # noqa: B023
            network.bert(packed)
        kept[network.bert.checkpoint_activations] = sum(sizes)
    assert kept[True] < kept[False] / 3


def test_initial_values_are_the_table():
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=3000, hidden_size=192, num_attention_heads=3, num_hidden_layers=2, intermediate_size=384
    )
    network = BertForPreTraining(config)
    std = 0.02 * 0.8796  # a normal distribution truncated at two of its standard deviations
    for name, parameter in network.named_parameters():
        if "norm" in name:
            assert torch.equal(
                parameter, torch.ones_like(parameter) if name.endswith("weight") else torch.zeros_like(parameter)
            )
        elif name.endswith("bias"):
            assert not parameter.any(), name
        else:
            assert parameter.abs().max() <= 0.04, name
            tolerance = 5 / math.sqrt(2 * parameter.numel())
            assert abs(parameter.std().item() / std - 1) < tolerance + 0.01, name


def test_output_weights_are_the_token_embeddings():
    network, packed = BertForPreTraining(CONFIG), random_batch([9])
    assert [name for name, p in network.named_parameters() if p.shape == (61, 20)] == ["bert.embeddings.token.weight"]
    network(packed, torch.tensor([2])).mlm.sum().backward()
    gradient = network.bert.embeddings.token.weight.grad
    unseen = next(i for i in range(61) if i not in packed.input_ids.tolist())
    assert gradient[unseen].any()  # reached through the output alone


def test_dropout_rates_are_used_in_training_only():
    network, packed = BertForPreTraining(CONFIG), random_batch([13, 7])
    torch.manual_seed(0)
    assert not torch.equal(network.bert(packed), network.bert(packed))
    network.eval()
    assert torch.equal(network.bert(packed), network.bert(packed))
    modules = dict(network.named_modules())
    assert modules["bert.embeddings.dropout"].rate == modules["bert.blocks.1.dropout"].rate == 0.1
    assert modules["bert.blocks.0.attention"].probability_dropout == 0.1


def test_sizes_are_googles():
    counted = {}
    for name, size in SIZES.items():
        with torch.device("meta"):
            counted[name] = sum(
                p.numel() for p in BertForPreTraining(BertConfig(vocab_size=30522, **size)).bert.parameters()
            )
    millions = {name: round(count / 1e6, 1) for name, count in counted.items()}  # Turc et al. 2019, table 1
    assert millions == {"tiny": 4.4, "mini": 11.2, "small": 28.8, "medium": 41.4, "base": 109.5, "large": 335.1}


def test_flops_are_those_of_the_linear_layers():
    config = BertConfig(vocab_size=61, hidden_size=20, num_hidden_layers=2, num_attention_heads=5, intermediate_size=80)
    from torch.utils.flop_counter import FlopCounterMode

    network, packed = BertForPreTraining(config).eval(), random_batch([16] * 4)
    for block in network.bert.blocks:
        block.attention.path = "reference"
    with FlopCounterMode(display=False) as counter:
        network(packed, torch.arange(8)).mlm.sum().backward()
    pooler_and_nsp = 2 * 4 * (20 * 20 + 20 * 2)
    expected = config.flops_per_token(16, 8 / 64) * 64
    assert abs(counter.get_total_flops() - pooler_and_nsp - expected) / expected < 0.02


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"num_attention_heads": 3}, "cannot be divided"),
        ({"hidden_dropout_prob": 1.0}, "must lie in"),
        ({"num_hidden_layers": 0}, "at least 1"),
    ],
)
def test_impossible_shapes_are_refused(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        BertConfig(**(vars(CONFIG) | change))


def test_overfits_one_batch():
    torch.manual_seed(0)
    config = BertConfig(**(vars(CONFIG) | {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}))
    network, packed = BertForPreTraining(config), random_batch([13, 7, 17, 9])
    masked = torch.tensor([1, 4, 15, 22, 30, 41])
    labels, next_sentence = packed.input_ids[masked], torch.tensor([0, 1, 1, 0])
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for _ in range(150):
        logits = network(packed, masked)
        losses = F.cross_entropy(logits.mlm, labels), F.cross_entropy(logits.nsp, next_sentence)
        optimizer.zero_grad()
        sum(losses).backward()
        optimizer.step()
    assert losses[0] < 0.05 and losses[1] < 0.05
