"""Initial weights that learn at once.

A BERT whose weights all start as in the paper spends its first steps on the words' frequencies, and every one of these steps
pushes all hidden states in the same direction. At the learning rate that a short run needs they end as one and the same
vector, and the network sits at the unigram entropy for thousands of steps. Two changes keep it from there, and a third then
pays; a fourth is for the plateau that follows, on which a network knows which words a text has, but not their order:

- the output bias starts at the log of the words' frequencies: there is nothing left to learn in that direction;
- the two matrices of each block that write to the residual stream start smaller by 1 / sqrt(2 layers), as in GPT-2
  (Radford et al. 2019): each LayerNorm begins with a sum in which the token itself prevails;
- narrow networks start with larger weights (`initializer_range`, by preset): 0.02 was chosen for a width of 768;
- half of the heads begin by looking at the token before and the token after, which they would have to find among all
  others by chance (initial weights made after what trained networks have: Trockman & Kolter 2023, arXiv 2305.09828).

None of them changes the function that the network computes, so the weights stay those of any BERT. What each is worth is
measured by `benchmarks/plateau.py`; the README has the figures.
"""

import numpy as np
import torch

from bert_core.model import BertForPreTraining

NEIGHBOUR_SCORE = 5.0
"""By how much a neighbour's attention score begins above that of all other tokens: e^5 is about the length of a sequence."""


def prepare_network(network: BertForPreTraining, frequencies: np.ndarray) -> None:
    """Changes a network's initial weights as above.

    Args:
        network: as it was made.
        frequencies: of each token in the training text, float [V]; 0 where it never is a label.
    """
    start_at_unigram(network, frequencies)
    shrink_writers(network)
    look_at_neighbours(network)


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


def look_at_neighbours(network: BertForPreTraining) -> None:
    """Points half of each block's heads at the tokens beside each one.

    Positions start as sines and cosines (Vaswani et al. 2017), with frequencies up to π so that any two are nearly
    orthogonal, in as many dimensions as a head has. Half of the heads, and two at least, take their queries from
    these dimensions, and their keys from the same, turned by so many places: head 0 finds the token before, head 1 the one
    after, head 2 the second before, and so on. All other weights, values included, stay random.
    """
    config, bert = network.config, network.bert
    half = config.head_size // 2
    size = 2 * half
    # Evenly spaced, the frequencies make any two positions orthogonal, but repeat after 4 half of them.
    spacing = 1.0 if config.max_position_embeddings <= 4 * half else 1.2
    frequencies = torch.pi * ((torch.arange(half) + 0.5) / half) ** spacing
    angles = torch.arange(config.max_position_embeddings)[:, None] * frequencies
    with torch.no_grad():
        # Each row is as long as a token's embedding, which has all dimensions.
        table = bert.embeddings.position.weight.zero_()
        amplitude = config.initializer_range * (config.hidden_size / half) ** 0.5
        table[:, :size] = amplitude * torch.cat([angles.sin(), angles.cos()], 1)
        # After the first LayerNorm a position has a third of the squared length D; token and segment have the others.
        gain = (NEIGHBOUR_SCORE * config.head_size**0.5 / (config.hidden_size / 3)) ** 0.5
        for name, weight in bert.named_parameters():
            if not name.endswith("qkv.weight"):
                continue
            query, key, _ = weight.view(3, config.num_attention_heads, config.head_size, -1)
            for head in range(min(config.num_attention_heads, max(2, config.num_attention_heads // 2))):
                away = (head // 2 + 1) * (1 if head % 2 else -1)
                sine, cosine = (away * frequencies).sin().diag(), (away * frequencies).cos().diag()
                # sin(a - d) = sin a cos d - cos a sin d and cos(a - d) = cos a cos d + sin a sin d, in rows.
                turned = torch.cat([torch.cat([cosine, -sine], 1), torch.cat([sine, cosine], 1)])
                query[head, :size, :size] += gain * torch.eye(size)
                key[head, :size, :size] += gain * turned
