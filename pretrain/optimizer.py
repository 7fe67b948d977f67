"""Muon for the blocks' matrices, AdamW for all else, as one optimizer.

Muon (Jordan et al. 2024) takes a matrix's averaged gradient U S Vᵀ and steps along U Vᵀ: every direction that the gradients
have counts the same, however rare. U Vᵀ is approached by a few products (Newton-Schulz), here with the polynomials of Amsel et
al. 2025 ("Polar Express", arXiv 2505.16932), four of which come as close as five of the usual ones.

    queries, keys, values, outputs of all blocks     [4 layers, D, D]   one stack, one batched product
    both matrices of the feed-forward layers         [2 layers, D, 4D]  another

A step is as long as AdamW's would be (Liu et al. 2025, arXiv 2502.16982), so both share learning rate and weight decay.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from bert_core.model import BertForPreTraining

OptimizerName = Literal["muon", "adamw"]

BETAS = (0.9, 0.98)
"""AdamW's."""
MOMENTUM = 0.95
"""Muon's."""

COEFFICIENTS = (
    (8.383674, -24.765907, 18.357082),
    (4.043420, -3.011405, 0.569512),
    (3.505571, -2.626654, 0.525719),
    (2.490116, -1.834275, 0.436835),
)
"""Of each step's X (a + b XXᵀ + c (XXᵀ)²): those which bring all singular values from 0.003 to 1 closest to 1, within a fifth
of it (the minimax polynomials of that paper, by linear programming)."""

_MARGIN = 1.01
"""The largest singular value is kept by so much below 1: beyond it the first step would throw it far away."""

RMS = 0.2
"""Root mean square of an entry of AdamW's steps, which Muon's are brought to."""


def make_optimizer(
    network: BertForPreTraining, name: OptimizerName, *, lr: float, weight_decay: float, fused: bool
) -> torch.optim.Optimizer:
    """The optimizer of a network: biases and LayerNorms do not decay."""
    trained = {each: True for each in network.parameters() if each.requires_grad}
    matrices: list[tuple[nn.Parameter, int]] = []
    if name == "muon":
        for block in network.bert.blocks:
            for path, parameter in block.named_parameters():
                if parameter.ndim == 2 and trained.pop(parameter, False):
                    matrices.append((parameter, 3 if path.endswith("qkv.weight") else 1))
    others = [
        {"params": [each for each in trained if each.ndim > 1], "weight_decay": weight_decay},
        {"params": [each for each in trained if each.ndim <= 1], "weight_decay": 0.0},
    ]
    if not matrices:
        return torch.optim.AdamW(others, lr=lr, betas=BETAS, fused=fused)
    return Muon(matrices, others, lr=lr, betas=BETAS, weight_decay=weight_decay, fused=fused)


class Muon(torch.optim.AdamW):
    """AdamW, but for matrices that are stepped along their orthogonalised momentum.

    Args:
        matrices: [M, N] each, of which some consist of several below each other; how many, by parameter.
        others: AdamW's groups of parameters.
        lr, betas, fused: as AdamW has them.
        weight_decay: of the matrices.
    """

    def __init__(
        self,
        matrices: Sequence[tuple[nn.Parameter, int]],
        others: Iterable[dict[str, Any]],
        *,
        lr: float,
        betas: tuple[float, float],
        weight_decay: float,
        fused: bool,
    ) -> None:
        own = {
            "params": [matrix for matrix, _ in matrices],
            "weight_decay": weight_decay,
            "parts": [n for _, n in matrices],
        }
        super().__init__([own, *others], lr=lr, betas=betas, fused=fused)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        groups = self.param_groups
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        try:
            self.param_groups = groups[1:]
            super().step()
        finally:
            self.param_groups = groups
        self._step_matrices(groups[0])
        return loss

    def _step_matrices(self, group: dict[str, Any]) -> None:
        trained = [
            (matrix, parts)
            for matrix, parts in zip(group["params"], group["parts"], strict=True)
            if matrix.grad is not None
        ]
        if not trained:
            return
        matrices, gradients = [matrix for matrix, _ in trained], [matrix.grad for matrix, _ in trained]
        for matrix in matrices:
            if matrix not in self.state:  # AdamW looks for "step" when it is loaded
                self.state[matrix] = {"momentum": torch.zeros_like(matrix), "step": torch.zeros(())}
        momenta = [self.state[matrix]["momentum"] for matrix in matrices]
        torch._foreach_lerp_(momenta, gradients, 1 - MOMENTUM)
        updates = torch._foreach_lerp(gradients, momenta, MOMENTUM)  # Nesterov's
        stacks: dict[tuple[int, ...], list[Tensor]] = defaultdict(list)
        for update, (_, parts) in zip(updates, trained, strict=True):
            for part in update.chunk(parts):
                wide = part if part.shape[0] <= part.shape[1] else part.T
                stacks[tuple(wide.shape)].append(wide)
        turned = {shape: iter(orthogonalised(torch.stack(stack))) for shape, stack in stacks.items()}
        torch._foreach_mul_(matrices, 1 - group["lr"] * group["weight_decay"])
        for matrix, parts in trained:
            for part in matrix.chunk(parts):
                shape = tuple(part.shape)
                step = next(turned[shape]) if shape[0] <= shape[1] else next(turned[shape[::-1]]).T
                part.add_(step, alpha=-group["lr"] * RMS * max(shape) ** 0.5)


def orthogonalised(stack: Tensor) -> Tensor:
    """U Vᵀ of each matrix U S Vᵀ, about: singular values come out within a fifth of 1, but for those far below the largest.

    Args:
        stack: [K, M, N] with M ≤ N; of any length.

    Returns:
        [K, M, N], in bf16 where the device multiplies faster in it.
    """
    x = stack.bfloat16() if stack.is_cuda else stack
    x = x / (x.norm(dim=(-2, -1), keepdim=True) * _MARGIN + 1e-7)
    if 2 * stack.shape[-2] > stack.shape[-1]:
        for a, b, c in COEFFICIENTS:
            gram = x @ x.mT
            x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
        return x
    # Of a wide matrix only the small product is iterated: x becomes p x, and p is a polynomial of the first x xᵀ.
    gram = x @ x.mT
    product = None
    for number, (a, b, c) in enumerate(COEFFICIENTS, 1):
        factor = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        factor.diagonal(dim1=-2, dim2=-1).add_(a)
        product = factor if product is None else factor @ product
        if number < len(COEFFICIENTS):
            gram = factor @ gram @ factor
    return product @ x
