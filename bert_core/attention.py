"""Self-attention over packed sequences: four ways to compute one formula.

    softmax(q kᵀ / √K) v     within each sequence, never across its boundary

- `varlen`: `torch.nn.attention.varlen` reads the packed rows as they are. CUDA of compute capability 8 and above, half
  precision, no dropout on the probabilities (the kernel has none).
- `sdpa`: `scaled_dot_product_attention` on a padded rectangle; everywhere.
- `matmul`: the formula as batched products on the same rectangle. For CPUs: in half precision, where PyTorch's fused kernel
  takes 1.6 to 2.8 times as long (`benchmarks/attention_paths.py`), and with dropout, which that kernel lacks.
- `reference`: the formula itself, a sequence at a time. What the tests hold the others against.

Shapes: T real tokens, B sequences, L longest sequence, H heads, K head size.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from bert_core.dropout import dropout as drop
from bert_core.packing import Packed, pad, unpad

_HALF = (torch.bfloat16, torch.float16)

AttentionPath = Literal["varlen", "sdpa", "matmul", "reference"]


def choose_path(device: torch.device, dtype: torch.dtype, dropout: float) -> AttentionPath:
    """The fastest path that computes exactly what is asked for."""
    if device.type == "cpu":
        return "matmul" if dropout or dtype in _HALF else "sdpa"
    if dtype not in _HALF:
        return "sdpa"
    return "varlen" if dropout == 0 and _has_varlen(device) else "sdpa"


def _has_varlen(device: torch.device) -> bool:
    if device.type != "cuda" or torch.version.hip:
        return False
    return torch.cuda.get_device_properties(device).major >= 8


def self_attention(qkv: Tensor, packed: Packed, dropout: float = 0.0, path: AttentionPath | None = None) -> Tensor:
    """Attends within each sequence.

    Args:
        qkv: queries, keys and values, [T, 3, H, K].
        packed: where the sequences lie.
        dropout: rate on the attention probabilities.
        path: one of the ways; None for the fastest that fits.

    Returns:
        [T, H, K]
    """
    match path or choose_path(qkv.device, qkv.dtype, dropout):
        case "varlen":
            return _varlen(qkv, packed)
        case "sdpa":
            return _sdpa(qkv, packed, dropout)
        case "matmul":
            return _matmul(qkv, packed, dropout)
        case "reference":
            return _reference(qkv, packed, dropout)


def _varlen(qkv: Tensor, packed: Packed) -> Tensor:
    from torch.nn.attention.varlen import varlen_attn

    query, key, value = qkv.unbind(1)  # [T, H, K] each
    boundaries, longest = packed.boundaries, packed.max_length
    attended = varlen_attn(query, key, value, boundaries, boundaries, longest, longest)
    assert isinstance(attended, Tensor)  # it is a tuple only when asked for the log-sum-exp
    return attended


def _sdpa(qkv: Tensor, packed: Packed, dropout: float) -> Tensor:
    query, key, value = pad(qkv, packed).permute(2, 0, 3, 1, 4)  # [B, H, L, K] each
    attended = F.scaled_dot_product_attention(query, key, value, attn_mask=_real_keys(packed), dropout_p=dropout)
    return unpad(attended.transpose(1, 2), packed)  # [B, L, H, K] → [T, H, K]


def _matmul(qkv: Tensor, packed: Packed, dropout: float) -> Tensor:
    query, key, value = pad(qkv, packed).permute(2, 0, 3, 1, 4)  # [B, H, L, K] each
    scores = (query * key.shape[-1] ** -0.5) @ key.transpose(-1, -2)  # [B, H, L, L]
    mask = _real_keys(packed)
    if mask is not None:  # in place, and with nothing to do in the backward pass
        scores += torch.zeros_like(mask, dtype=scores.dtype).masked_fill_(~mask, -torch.inf)
    probabilities = scores.softmax(-1)
    if dropout:
        probabilities = drop(probabilities, dropout)
    return unpad((probabilities @ value).transpose(1, 2), packed)  # [B, L, H, K] → [T, H, K]


def _real_keys(packed: Packed) -> Tensor | None:
    """bool [B, 1, 1, L], True where a sequence has a token; None where all have L."""
    if packed.is_rectangle:
        return None
    lengths = packed.boundaries.diff()
    return (torch.arange(packed.max_length, device=lengths.device) < lengths[:, None])[:, None, None, :]


def _reference(qkv: Tensor, packed: Packed, dropout: float) -> Tensor:
    attended = []
    for sequence in qkv.split(packed.boundaries.diff().tolist()):
        query, key, value = sequence.permute(1, 2, 0, 3)  # [H, length, K] each
        scores = query @ key.transpose(1, 2) / key.shape[-1] ** 0.5
        attended.append((drop(scores.softmax(-1), dropout) @ value).transpose(0, 1))
    return torch.cat(attended)
