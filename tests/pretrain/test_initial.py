import numpy as np
import pytest
import torch
import torch.nn.functional as F

from bert_core.config import BertConfig
from bert_core.model import BertForPreTraining
from bert_core.packing import pack
from pretrain.initial import new_network

CONFIG = BertConfig(vocab_size=40, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=48)


@pytest.fixture
def frequencies():
    counts = np.where(np.arange(40) < 5, 0, 1 + np.arange(40) ** 2)
    return counts / counts.sum()


def test_the_first_guess_is_the_unigram(frequencies):
    torch.manual_seed(0)
    network = new_network(CONFIG, frequencies).eval()
    packed, masked = pack([list(range(5, 30))]), torch.arange(1, 24)
    loss = F.cross_entropy(network(packed, masked).mlm, packed.input_ids[masked])
    assert loss.item() == pytest.approx(-np.log(frequencies[packed.input_ids[masked]]).mean(), abs=0.15)


def test_only_the_bias_and_the_writers_differ_from_the_paper(frequencies):
    torch.manual_seed(0)
    ours = new_network(CONFIG, frequencies).state_dict()
    torch.manual_seed(0)
    for name, paper in BertForPreTraining(CONFIG).state_dict().items():
        if name == "mlm_head.bias":
            assert torch.isfinite(ours[name]).all() and ours[name].std() > 0.5
        elif name.endswith(("attention.output.weight", "contract.weight")):
            torch.testing.assert_close(ours[name], paper / 2)
        else:
            assert torch.equal(ours[name], paper), name
