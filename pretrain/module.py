"""The LightningModule: two losses, their optimizer, and nothing about data or files."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import Tensor

from bert_core.model import BertForPreTraining
from experiment.distributed import global_sums
from experiment.training import warmup_then_linear
from pretrain.batches import IGNORED, PreTrainingBatch
from pretrain.optimizer import OptimizerName, make_optimizer

SUMS = ("mlm_loss", "mlm_correct", "masked", "nsp_loss", "nsp_correct", "sequences")
"""What a batch is counted by: summed losses in nats, right answers, and what both are divided by."""


def means(sums: Sequence[float]) -> dict[str, float]:
    """Of added `SUMS`: MLM loss (nats a masked token), perplexity and accuracy; NSP loss (nats a pair) and accuracy."""
    total = dict(zip(SUMS, sums, strict=True))
    mlm_loss = total["mlm_loss"] / max(1, total["masked"])
    found = {
        "mlm_loss": mlm_loss,
        "mlm_perplexity": math.exp(min(mlm_loss, 700.0)) if math.isfinite(mlm_loss) else mlm_loss,
        "mlm_accuracy": total["mlm_correct"] / max(1, total["masked"]),
    }
    if total["sequences"]:
        found["nsp_loss"] = total["nsp_loss"] / total["sequences"]
        found["nsp_accuracy"] = total["nsp_correct"] / total["sequences"]
    return found


def pretraining_losses(
    network: BertForPreTraining, batch: PreTrainingBatch, counts: Tensor, has_pairs: bool
) -> tuple[Tensor, Tensor]:
    """The loss to be minimised, and the batch's `SUMS` (fp32 [6]).

    Args:
        counts: [2], masked tokens and sequences of the whole step, over all devices and passes: what the sums of the losses
            are divided by, so that every token of a step weighs the same wherever it is computed.
    """
    logits = network(batch.packed, batch.masked)
    mlm, nsp = logits.mlm.float(), logits.nsp.float()
    mlm_loss = F.cross_entropy(mlm, batch.labels, ignore_index=IGNORED, reduction="sum")
    nsp_loss = mlm_loss.new_zeros(())
    if has_pairs:
        nsp_loss = F.cross_entropy(nsp, batch.next_sentence, ignore_index=IGNORED, reduction="sum")
    with torch.no_grad():
        masked = (batch.labels != IGNORED).sum()
        sequences = (batch.next_sentence != IGNORED).sum() * has_pairs
        mlm_correct = (mlm.argmax(-1) == batch.labels).sum()
        nsp_correct = (nsp.argmax(-1) == batch.next_sentence).sum() * has_pairs
        sums = [mlm_loss, mlm_correct, masked, nsp_loss, nsp_correct, sequences]
    loss = mlm_loss / counts[0].clamp_min(1) + nsp_loss / counts[1].clamp_min(1)
    return loss, torch.stack([each.detach().float() for each in sums])


class PreTrainingModule(pl.LightningModule):
    """BERT's two objectives, each with a criterion of its own; their sum is trained.

    Args:
        network: both heads included.
        has_pairs: whether the second objective is trained (NSP or SOP; the label means what the pairs make it mean).
        optimizer, learning_rate, warmup, weight_decay, clip: see `PretrainConfig`.
        progress: share of the run that is done, from 0 to 1, after so many optimizer steps; above 0 before the first.
        fused: use the optimizer's fused kernel.
    """

    def __init__(
        self,
        network: BertForPreTraining,
        *,
        has_pairs: bool,
        optimizer: OptimizerName,
        learning_rate: float,
        warmup: float,
        weight_decay: float,
        clip: float,
        progress: Callable[[int], float],
        fused: bool = True,
    ) -> None:
        super().__init__()
        self.network = network
        self.has_pairs = has_pairs
        self.optimizer: OptimizerName = optimizer
        self.learning_rate, self.warmup, self.weight_decay, self.clip = learning_rate, warmup, weight_decay, clip
        self.progress, self.fused = progress, fused
        self.sums: Tensor | None = None
        """`SUMS` of this device's batches since they were taken; added on the device, which waits for nothing."""
        self.gradient_norm = torch.zeros(())
        """Of the last optimizer step, before clipping."""
        self._counts = torch.ones(2)
        self._losses = pretraining_losses
        self._fixed_shapes = False

    def compile_losses(self, *, fixed_shapes: bool) -> None:
        """Compiles network and criteria as one: for the shape that all batches have, or once for all shapes."""
        self._losses = torch.compile(pretraining_losses, dynamic=not fixed_shapes)
        self._fixed_shapes = fixed_shapes

    def losses(self, batch: PreTrainingBatch, counts: Tensor) -> tuple[Tensor, Tensor]:
        """`pretraining_losses`, compiled or not."""
        if self._fixed_shapes:  # but for the number of sequences
            for tensor in (batch.packed.boundaries, batch.next_sentence):
                torch._dynamo.maybe_mark_dynamic(tensor, 0)
        return self._losses(self.network, batch, counts, self.has_pairs)

    def training_step(self, batch: PreTrainingBatch, batch_idx: int) -> Tensor:
        passes = self.trainer.accumulate_grad_batches
        if batch_idx % passes == 0:
            self._counts = global_sums(batch.step_counts.float())
        loss, sums = self.losses(batch, self._counts)
        self.sums = sums if self.sums is None else self.sums + sums
        # Lightning divides by the passes of a step, and the mean of the devices' gradients by the devices.
        return loss * (passes * self.trainer.world_size)

    def take_metrics(self) -> dict[str, float]:
        """`means` of all devices' batches since the last time."""
        assert self.sums is not None
        metrics = means(global_sums(self.sums).tolist())
        self.sums = None
        return metrics

    @torch.no_grad()
    def batch_sums(self, batch: PreTrainingBatch) -> Tensor:
        """`SUMS` of a batch in evaluation mode, uncompiled: fp32 [6] on the device."""
        was_training = self.training
        self.eval()
        try:
            with self.trainer.precision_plugin.forward_context():
                batch = batch.to(self.device)
                return pretraining_losses(self.network, batch, batch.step_counts.float(), self.has_pairs)[1]
        finally:
            self.train(was_training)

    def configure_gradient_clipping(
        self, optimizer: Any, gradient_clip_val: Any = None, gradient_clip_algorithm: Any = None
    ) -> None:
        self.gradient_norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.clip)

    def configure_optimizers(self) -> Any:
        """Weight matrices and embeddings decay, biases and LayerNorms do not (Devlin et al. 2019, appendix A.2)."""
        optimizer = make_optimizer(
            self.network, self.optimizer, lr=self.learning_rate, weight_decay=self.weight_decay, fused=self.fused
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self.learning_rate_share)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def learning_rate_share(self, step: int) -> float:
        """Share of the highest learning rate after `step` steps."""
        return warmup_then_linear(self.progress(step), self.warmup)
