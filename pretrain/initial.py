"""Initial weights that learn at once.

A BERT whose weights all start as in the paper spends its first steps on the words' frequencies, and every one of these steps
pushes all hidden states in the same direction. At the learning rate that a short run needs they end as one and the same
vector, and the network sits at the unigram entropy for thousands of steps. Three changes keep it from there:

- the output bias starts at the log of the words' frequencies: there is nothing left to learn in that direction;
- the two matrices of each block that write to the residual stream start smaller by 1 / sqrt(2 layers), as in GPT-2
  (Radford et al. 2019): each LayerNorm begins with a sum in which the token itself prevails;
- narrow networks start with larger weights (`initializer_range`, by preset): 0.02 was chosen for a width of 768.

Then come two plateaus of attention, each of which a head leaves only when it finds by chance what it should look at. So some
heads begin there (initial weights made after what trained networks have: Trockman & Kolter 2023, arXiv 2305.09828):

- MLM knows which words a text has, but not their order: half of the heads look at the token before and the token after
  (`look_at_neighbours`), and in a network of two blocks they pass on what they see louder than the token itself;
- NSP stays at the coin: in networks of two blocks one head of the first block looks in segment B for each token's like, and [CLS]
  collects how much of segment A it found there (`compare_segments`).

None of it changes the function that the network computes, so the weights stay those of any BERT. What it is worth
is measured by `benchmarks/recipe.py`; the README has the figures.
"""

import numpy as np
import torch
from torch import Tensor

from bert_core.model import BertForPreTraining, Block

NEIGHBOUR_SCORE = 5.0
"""By how much a neighbour's attention score begins above that of all other tokens: e^5 is about the length of a sequence."""
NEIGHBOUR_GAIN = 4.0
"""How many times larger than others the weights begin, in a network of two blocks, that take a neighbour's value and write it: it
would be lost beside the token itself, which is [MASK] where the neighbours matter. In deeper ones, one after another, they
amplify what all tokens have in common, and MLM then stays at the unigram."""
SEGMENT_SHARE = 0.3
"""Length of a segment's embedding, in those of a token's. What a LayerNorm spends on it is lost to the tokens."""
ALIKE_SCORE = 20.0
"""The attention score of two equal tokens; of two others it is 0 on average, with a standard deviation of about 2.5."""
SEGMENT_SCORE = 3.0
"""By how much the scores of segment B begin higher, and those of A lower: what both have is found in B."""
SHALLOW = 2
"""Blocks up to which segments are compared from the first step on. A deeper network leaves the coin by itself, and its MLM stays
near the unigram for millions of tokens where NSP is learnt first: `mini` had 7.10 nats after 3.1 M tokens so, and 6.4 without."""
VERDICT = 0.3
"""Weight of the collected share in the NSP head: enough to know which way to go."""


def prepare_network(network: BertForPreTraining, frequencies: np.ndarray) -> None:
    """Changes a network's initial weights as above.

    Args:
        network: as it was made.
        frequencies: of each token in the training text, float [V]; 0 where it never is a label.
    """
    start_at_unigram(network, frequencies)
    shrink_writers(network)
    look_at_neighbours(network)
    compare_segments(network)


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


@torch.no_grad()
def look_at_neighbours(network: BertForPreTraining) -> None:
    """Points half of each block's heads at the tokens beside each one.

    Positions start as sines and cosines (Vaswani et al. 2017), with frequencies up to π so that any two are orthogonal, in as
    many dimensions as a head has, where no block writes at first. Half of the heads, and two at least, take their queries from
    these dimensions, and their keys from the same, turned by so many places: head 0 finds the token before, head 1 the one
    after, head 2 the second before, and so on. [CLS] has no position, so these heads show it all tokens alike.
    """
    config, bert = network.config, network.bert
    half = config.head_size // 2
    size = 2 * half
    frequencies = torch.pi * (torch.arange(half) + 0.5) / half
    numbers = torch.arange(config.max_position_embeddings)
    # The waves repeat after 4 half places, so all later stretches of this length have signs of their own, frequency by frequency.
    signs = 2.0 * torch.randint(2, (len(numbers) // (4 * half) + 1, half)) - 1
    waves = numbers[:, None] * frequencies
    table = bert.embeddings.position.weight.zero_()
    # Each row is as long as a token's embedding, which has all dimensions.
    amplitude = config.initializer_range * (config.hidden_size / half) ** 0.5
    table[:, :size] = amplitude * torch.cat([waves.sin(), waves.cos()], 1) * signs.repeat(1, 2)[numbers // (4 * half)]
    table[0] = 0
    compares = _compares(network)
    segment = SEGMENT_SHARE if compares else 1.0
    gain = (NEIGHBOUR_SCORE * config.head_size**0.5 / (config.hidden_size * _share(1.0, segment))) ** 0.5
    louder = NEIGHBOUR_GAIN if compares else 1.0
    for number, block in enumerate(_blocks(network)):
        left = config.num_attention_heads - (number == 0 and compares)  # the last is for `compare_segments`
        query, key, value = _heads(block)
        written = block.attention.output.weight.unflatten(1, (config.num_attention_heads, -1))
        for head in range(min(left, max(2, config.num_attention_heads // 2))):
            away = (head // 2 + 1) * (1 if head % 2 else -1)
            sine, cosine = (away * frequencies).sin().diag(), (away * frequencies).cos().diag()
            # sin(a - d) = sin a cos d - cos a sin d and cos(a - d) = cos a cos d + sin a sin d, in rows.
            turned = torch.cat([torch.cat([cosine, -sine], 1), torch.cat([sine, cosine], 1)])
            query[head, :size, :size] += gain * torch.eye(size)
            key[head, :size, :size] += gain * turned
            value[head] *= louder
            written[:, head] *= louder
        for writer in (block.attention.output, block.feed_forward.contract) if compares else ():
            writer.weight[:size] = 0


@torch.no_grad()
def compare_segments(network: BertForPreTraining) -> None:
    """Makes one head see which tokens of segment A are in segment B, too, and [CLS] how many.

    Three dimensions start with nothing else in them: the segment, below 0 in A and above 0 in B; the segment in which a
    token's like was found; and what [CLS] has collected.

    - First block, last head: queries and keys are the same dimensions of the tokens' embeddings, so that each token finds
      itself and its like, and of two equal ones that in B. The value is the segment of what it found.
    - Second block, first head: the value is that segment less the token's own, 0 but for tokens of A that were found in B.
      [CLS], which sees all tokens alike, so gets their share, and the pooler and the NSP head pass it on.

    In networks of two blocks and several heads; all others stay as they are.
    """
    if not _compares(network):
        return
    config, bert = network.config, network.bert
    hidden, heads, size = config.hidden_size, config.num_attention_heads, config.head_size
    first, second = _blocks(network)
    segment, found, collected = own = [hidden - 1, hidden - 2, hidden - 3]
    bert.embeddings.token.weight[:, own] = 0
    for block in _blocks(network):
        for writer in (block.attention.output, block.feed_forward.contract):
            writer.weight[own] = 0
    length = SEGMENT_SHARE * config.initializer_range * hidden**0.5
    bert.embeddings.segment.weight.zero_()[:2, segment] = torch.tensor([-length, length])
    after_norm = (hidden * _share(SEGMENT_SHARE, SEGMENT_SHARE)) ** 0.5
    """What is left of it after the first LayerNorm."""

    query, key, value = (weight[heads - 1] for weight in _heads(first))
    alike = torch.arange(size // 2 * 2, min(size // 2 * 2 + size - 1, collected))
    gain = (ALIKE_SCORE * size**0.5 / (len(alike) * _share(1.0, SEGMENT_SHARE))) ** 0.5
    query.zero_()[: len(alike), alike] = gain * torch.eye(len(alike))
    key.zero_()[: len(alike), alike] = gain * torch.eye(len(alike))
    first.attention.qkv.bias.view(3, heads, size)[0, heads - 1, size - 1] = 1.0
    key[size - 1, segment] = SEGMENT_SCORE * size**0.5 / after_norm
    value[0] = 0
    value[0, segment] = 1 / after_norm
    first.attention.output.weight[:, (heads - 1) * size] = 0
    first.attention.output.weight[found, (heads - 1) * size] = 1.0

    _, _, value = (weight[0] for weight in _heads(second))
    value[0] = 0
    value[0, found], value[0, segment] = 1.0, -1 / after_norm
    second.attention.output.weight[:, 0] = 0
    second.attention.output.weight[collected, 0] = 1.0
    bert.pooler.weight[0] = 0
    bert.pooler.weight[0, collected] = 2.0
    network.nsp_head.weight[:, 0] = torch.tensor([VERDICT, -VERDICT])


def _compares(network: BertForPreTraining) -> bool:
    """Whether segments are compared: there is a head to spare for it, a block after it to collect what it finds, and no more."""
    return network.config.num_attention_heads > 1 and network.config.num_hidden_layers == SHALLOW


def _blocks(network: BertForPreTraining) -> list[Block]:
    return [block for block in network.bert.blocks if isinstance(block, Block)]


def _heads(block: Block) -> tuple[Tensor, Tensor, Tensor]:
    """Weights of a block's queries, keys and values, a head at a time, [H, K, D] each; changes reach the block."""
    heads = block.attention.heads
    query, key, value = block.attention.qkv.weight.unflatten(0, (3, heads, -1))
    return query, key, value


def _share(length: float, segment: float) -> float:
    """Part of the squared length after the first LayerNorm that embeddings of this length have, beside token, position and segment.
    Lengths are in those of a token's."""
    return length**2 / (2 + segment**2)
