import numpy as np
import pytest
import torch
import torch.nn.functional as F

from bert_core.config import BertConfig
from bert_core.model import BertForPreTraining
from bert_core.packing import pack
from pretrain.initial import prepare_network

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
        else:
            assert torch.equal(tensor, before[name]), name
