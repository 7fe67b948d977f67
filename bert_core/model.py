"""BERT (Devlin et al. 2019) on packed sequences: embeddings, post-LN encoder, pooler, MLM head and NSP head.

Dimension letters, in comments beside each change of shape:
    B sequences   T real tokens of all of them   L longest sequence   D hidden size   F feed-forward size
    H heads   K head size (H K = D)   V vocabulary   M masked tokens

What differs from the paper's code is speed, never the function computed: the tokens of all sequences lie end to end (no
padding enters a linear layer), one product makes queries, keys and values, and only the M masked tokens reach the
vocabulary projection. `pretrained` names the weights as Hugging Face does when it writes them.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from bert_core.attention import AttentionPath, self_attention
from bert_core.config import BertConfig
from bert_core.dropout import Dropout
from bert_core.packing import Packed


class Embeddings(nn.Module):
    """Sum of token, position and segment embeddings, normalised."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.token = nn.Embedding(config.vocab_size, config.hidden_size)
        self.position = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.segment = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout_prob)

    def forward(self, packed: Packed) -> Tensor:
        embedded = self.token(packed.input_ids)  # [T, D]
        embedded = embedded + self.position(packed.position_ids) + self.segment(packed.token_type_ids)
        return self.dropout(self.norm(embedded))


class SelfAttention(nn.Module):
    """Multi-head self-attention within each sequence."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.heads, self.head_size = config.num_attention_heads, config.head_size
        self.probability_dropout = config.attention_probs_dropout_prob
        self.path: AttentionPath | None = None  # None: the fastest; the tests set "reference"
        self.qkv = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.output = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden: Tensor, packed: Packed) -> Tensor:
        qkv = self.qkv(hidden).view(-1, 3, self.heads, self.head_size)  # [T, D] → [T, 3, H, K]
        dropout = self.probability_dropout if self.training else 0.0
        attended = self_attention(qkv, packed, dropout, self.path)  # [T, H, K]
        return self.output(attended.flatten(1))  # [T, D]


class FeedForward(nn.Module):
    """D → F → D with the exact GELU between."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.expand = nn.Linear(config.hidden_size, config.intermediate_size)
        self.contract = nn.Linear(config.intermediate_size, config.hidden_size)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.contract(F.gelu(self.expand(hidden)))  # [T, D] → [T, F] → [T, D]


class Block(nn.Module):
    """One encoder layer; LayerNorm comes after each residual sum (post-LN)."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.attention = SelfAttention(config)
        self.attention_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.feed_forward = FeedForward(config)
        self.feed_forward_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout_prob)

    def forward(self, hidden: Tensor, packed: Packed) -> Tensor:
        hidden = self.attention_norm(hidden + self.dropout(self.attention(hidden, packed)))  # [T, D]
        return self.feed_forward_norm(hidden + self.dropout(self.feed_forward(hidden)))  # [T, D]


class Bert(nn.Module):
    """The encoder: what fine-tuning starts from."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.config = config
        self.checkpoint_activations = False
        """Whether the backward pass computes a block's activations again instead of keeping them."""
        self.embeddings = Embeddings(config)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_hidden_layers))
        self.pooler = nn.Linear(config.hidden_size, config.hidden_size)
        self.apply(lambda module: initialize(module, config.initializer_range))

    def forward(self, packed: Packed) -> Tensor:
        """Hidden states of the last block, [T, D]."""
        hidden = self.embeddings(packed)
        for block in self.blocks:
            if self.checkpoint_activations:
                hidden = checkpoint(block, hidden, packed, use_reentrant=False)
            else:
                hidden = block(hidden, packed)
        return hidden

    def pool(self, hidden: Tensor, packed: Packed) -> Tensor:
        """tanh of a linear layer on each sequence's first token ([CLS]): [T, D] → [B, D]."""
        first = hidden.index_select(0, packed.boundaries[:-1])
        return torch.tanh(self.pooler(first))


class MaskedLanguageHead(nn.Module):
    """Dense, GELU, LayerNorm, then the token embeddings themselves as output weights, and a bias of its own."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def forward(self, hidden: Tensor, token_embeddings: Tensor) -> Tensor:
        hidden = self.norm(F.gelu(self.dense(hidden)))  # [M, D]
        return F.linear(hidden, token_embeddings, self.bias)  # [M, V]


class PreTrainingLogits(NamedTuple):
    mlm: Tensor
    """Over the vocabulary, for the masked tokens alone, [M, V]."""
    nsp: Tensor
    """[B, 2]; class 0 means that segment B is next."""


class BertForPreTraining(nn.Module):
    """The encoder with both heads of pretraining.

    Initial values (truncated at two standard deviations, as in the paper's code; σ = `initializer_range`):

    | parameter                                   | distribution       |
    |---------------------------------------------|--------------------|
    | token, position and segment embeddings      | truncated N(0, σ²) |
    | weight of every linear layer                | truncated N(0, σ²) |
    | bias of every linear layer, of the MLM head | 0                  |
    | weight, bias of every LayerNorm             | 1, 0               |
    | output weights of the MLM head              | none of their own: the token embeddings (tied) |
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.config = config
        self.bert = Bert(config)
        self.mlm_head = MaskedLanguageHead(config)
        self.nsp_head = nn.Linear(config.hidden_size, 2)
        for head in (self.mlm_head, self.nsp_head):
            head.apply(lambda module: initialize(module, config.initializer_range))

    def forward(self, packed: Packed, masked: Tensor) -> PreTrainingLogits:
        """Logits of both objectives.

        Args:
            packed: the batch.
            masked: which of the T tokens are to be predicted, int64 [M].
        """
        hidden = self.bert(packed)  # [T, D]
        mlm = self.mlm_head(hidden.index_select(0, masked), self.bert.embeddings.token.weight)
        return PreTrainingLogits(mlm, self.nsp_head(self.bert.pool(hidden, packed)))


def initialize(module: nn.Module, std: float) -> None:
    """Gives one module its initial values, by the table of `BertForPreTraining`."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.trunc_normal_(module.weight, std=std, a=-2 * std, b=2 * std)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
