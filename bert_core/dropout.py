"""Dropout (Srivastava et al. 2014), with four decisions to each random number where drawing them is what takes the time.

PyTorch's own draws one Bernoulli number for each element, which on a CPU is a fifth of a fine-tuning step. Here a 64-bit
random number is read as four of 16 bits. The rate is met to 1 / 65,536 and the scale fits it exactly, so that the mean
stays what it was.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_STEPS = 1 << 16


def dropout(values: Tensor, rate: float) -> Tensor:
    """Zeros a share `rate` of the elements at random, and divides the others by 1 − `rate`; same shape and dtype."""
    if values.device.type != "cpu" or not rate:
        return F.dropout(values, rate) if rate else values
    dropped = round(rate * _STEPS)
    drawn = torch.empty(-(-values.numel() // 4), dtype=torch.int64).random_(-(1 << 63), None)
    kept = drawn.view(torch.int16)[: values.numel()] >= dropped - _STEPS // 2
    return values * kept.view(values.shape).to(values.dtype).mul_(_STEPS / (_STEPS - dropped))


class Dropout(nn.Module):
    """`dropout` while training, nothing else otherwise."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, values: Tensor) -> Tensor:
        return dropout(values, self.rate) if self.training else values
