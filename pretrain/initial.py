"""Initial weights that learn at once.

A post-LN BERT with the paper's initial weights spends its first steps on the words' frequencies, and every step pushes all
hidden states in that one direction. At a learning rate that a short run needs, they become one and the same vector and the
network sits at the unigram entropy for thousands of steps (figures in the README). Two changes keep it from there, neither
of which changes the function that the network computes, so the weights stay those of any BERT:

- the output bias starts at the log of the words' frequencies: there is nothing left to learn in that direction;
- the two matrices of each block that write to the residual stream start smaller by 1 / sqrt(2 layers), as in GPT-2
  (Radford et al. 2019): each LayerNorm begins with a sum in which the token itself prevails.
"""

import numpy as np
import torch

from bert_core.config import BertConfig
from bert_core.model import BertForPreTraining, Block


def new_network(config: BertConfig, frequencies: np.ndarray) -> BertForPreTraining:
    """A network to be pretrained from scratch.

    Args:
        config: its shape.
        frequencies: of each token in the training text, float [V]; 0 where it never is a label.
    """
    network = BertForPreTraining(config)
    least = frequencies[frequencies > 0].min()
    with torch.no_grad():
        network.mlm_head.bias.copy_(torch.from_numpy(np.log(np.maximum(frequencies, least))))
        for block in network.bert.blocks:
            assert isinstance(block, Block)
            for writer in (block.attention.output, block.feed_forward.contract):
                writer.weight /= (2 * config.num_hidden_layers) ** 0.5
    return network
