"""The LightningModule of fine-tuning: a loss, its optimizer, and nothing about tasks or files."""

from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from bert_core.model import Bert
from experiment.distributed import global_sums
from experiment.training import warmup_then_linear


def parameter_groups(
    network: nn.Module,
    encoder: Bert,
    *,
    learning_rate: float,
    head_learning_rate: float,
    layer_decay: float,
    weight_decay: float,
) -> list[dict[str, Any]]:
    """The optimizer's groups: a learning rate for each layer; biases and LayerNorms do not decay.

    The head learns at `head_learning_rate`, the pooler at `learning_rate`, the topmost of L blocks at `layer_decay` times
    that, the lowest at `layer_decay`^L, the embeddings at `layer_decay`^(L + 1) (Howard & Ruder 2018; Clark et al. 2020).
    """
    blocks = len(encoder.blocks)
    rates = {id(parameter): learning_rate for parameter in encoder.pooler.parameters()}
    for number, block in enumerate(encoder.blocks):
        rates |= {id(parameter): learning_rate * layer_decay ** (blocks - number) for parameter in block.parameters()}
    lowest = learning_rate * layer_decay ** (blocks + 1)
    rates |= {id(parameter): lowest for parameter in encoder.embeddings.parameters()}
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for parameter in network.parameters():
        if parameter.requires_grad:
            rate = rates.get(id(parameter), head_learning_rate)
            groups.setdefault((rate, parameter.ndim > 1), []).append(parameter)
    return [
        {"params": parameters, "lr": rate, "weight_decay": weight_decay if is_matrix else 0.0}
        for (rate, is_matrix), parameters in groups.items()
    ]


class FineTuningModule(pl.LightningModule):
    """A network that is trained as a whole.

    Args:
        network: the encoder with its head.
        loss: of a batch, computed with the network: the sum over its rows, divided by what an average step has of them over
            all devices, so that each row weighs the same wherever it is computed; a scalar.
        groups: the optimizer's (`parameter_groups`).
        steps: optimizer steps of the whole run.
        warmup: share of the run in which the learning rate rises.
        clip: longest gradient.
        fused: use the optimizer's fused kernel.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: Callable[[Any], Tensor],
        groups: list[dict[str, Any]],
        *,
        steps: int,
        warmup: float,
        clip: float,
        fused: bool = True,
    ) -> None:
        super().__init__()
        self.network, self.loss, self.groups = network, loss, groups
        self.steps, self.warmup, self.clip, self.fused = steps, warmup, clip, fused
        self.gradient_norm = torch.zeros(())
        """Of the last optimizer step, before clipping."""
        self._sum: Tensor | None = None  # of this device's losses since they were taken
        self._taken = 0  # the step up to which they were

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        loss = self.loss(batch) if batch.rows else 0 * self.loss(batch)
        self._sum = loss.detach() if self._sum is None else self._sum + loss.detach()
        # Lightning divides by the passes of a step, and the mean of the devices' gradients by the devices.
        return loss * (self.trainer.accumulate_grad_batches * self.trainer.world_size)

    def on_train_start(self) -> None:
        self._taken = self.trainer.global_step

    def take_metrics(self) -> dict[str, float]:
        """The mean loss of the steps since the last time."""
        assert self._sum is not None
        steps, self._taken = self.trainer.global_step - self._taken, self.trainer.global_step
        loss, self._sum = float(global_sums(self._sum)) / max(1, steps), None
        return {"loss": loss}

    def configure_gradient_clipping(
        self, optimizer: Any, gradient_clip_val: Any = None, gradient_clip_algorithm: Any = None
    ) -> None:
        self.gradient_norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.clip)

    def configure_optimizers(self) -> Any:
        """AdamW; the learning rate rises in a line, then falls to 0 in a line."""
        optimizer = torch.optim.AdamW(self.groups, fused=self.fused)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: warmup_then_linear((step + 0.5) / self.steps, self.warmup)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
