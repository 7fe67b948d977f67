"""Initial weights that learn at once.

A BERT whose weights all start as in the paper spends its first steps on the words' frequencies, and every one of these steps
pushes all hidden states in the same direction. At the learning rate that a short run needs they end as one and the same
vector, and the network sits at the unigram entropy for thousands of steps. Two changes keep it from there, and a third then
pays:

- the output bias starts at the log of the words' frequencies: there is nothing left to learn in that direction;
- the two matrices of each block that write to the residual stream start smaller by 1 / sqrt(2 layers), as in GPT-2
  (Radford et al. 2019): each LayerNorm begins with a sum in which the token itself prevails;
- narrow networks start with larger weights (`initializer_range`, by preset): 0.02 was chosen for a width of 768.

None of them changes the function that the network computes, so the weights stay those of any BERT. What each is worth is
measured by `benchmarks/plateau.py`; the README has the figures.
"""

import numpy as np
import torch

from bert_core.model import BertForPreTraining


def prepare_network(network: BertForPreTraining, frequencies: np.ndarray) -> None:
    """Changes a network's initial weights as above.

    Args:
        network: as it was made.
        frequencies: of each token in the training text, float [V]; 0 where it never is a label.
    """
    start_at_unigram(network, frequencies)
    shrink_writers(network)


def start_at_unigram(network: BertForPreTraining, frequencies: np.ndarray) -> None:
    """Sets the bias of the MLM head to the log of the frequencies; of the rarest word's where one is 0."""
    least = frequencies[frequencies > 0].min()
    with torch.no_grad():
        network.mlm_head.bias.copy_(torch.from_numpy(np.log(np.maximum(frequencies, least))))


def shrink_writers(network: BertForPreTraining) -> None:
    """Divides the last matrix of each sublayer by sqrt(2 layers)."""
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith(("attention.output.weight", "feed_forward.contract.weight")):
                parameter.div_((2 * network.config.num_hidden_layers) ** 0.5)
