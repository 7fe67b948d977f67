"""The LightningModule: two losses, their optimizer, and nothing about data or files."""

from collections.abc import Callable, Iterable
from typing import Any

import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import Tensor

from bert_core.model import BertForPreTraining
from experiment.training import warmup_then_linear
from pretrain.batches import IGNORED, PreTrainingBatch


class Sums:
    """Sums over batches, kept on the device so that adding one waits for nothing."""

    NAMES = ("mlm_loss", "mlm_correct", "masked", "nsp_loss", "nsp_correct", "sequences")

    def __init__(self) -> None:
        self.total: Tensor | None = None

    def add(self, values: Tensor) -> None:
        self.total = values if self.total is None else self.total + values

    def metrics(self, total: Tensor | None = None) -> dict[str, float]:
        """Means: MLM loss (nats a masked token), perplexity and accuracy; NSP loss (nats a pair) and accuracy."""
        total = self.total if total is None else total
        assert total is not None
        sums = dict(zip(self.NAMES, total.double().tolist(), strict=True))
        mlm_loss = sums["mlm_loss"] / max(1, sums["masked"])
        found = {
            "mlm_loss": mlm_loss,
            "mlm_perplexity": float(torch.tensor(mlm_loss, dtype=torch.float64).exp()),
            "mlm_accuracy": sums["mlm_correct"] / max(1, sums["masked"]),
        }
        if sums["sequences"]:
            found["nsp_loss"] = sums["nsp_loss"] / sums["sequences"]
            found["nsp_accuracy"] = sums["nsp_correct"] / sums["sequences"]
        return found


def pretraining_losses(network: BertForPreTraining, batch: PreTrainingBatch, has_pairs: bool) -> tuple[Tensor, Tensor]:
    """The loss to be minimised, and the batch's `Sums` (fp32 [6])."""
    logits = network(batch.packed, batch.masked)
    mlm, nsp = logits.mlm.float(), logits.nsp.float()
    mlm_loss = F.cross_entropy(mlm, batch.labels, ignore_index=IGNORED)
    nsp_loss = mlm_loss.new_zeros(())
    if has_pairs:
        nsp_loss = F.cross_entropy(nsp, batch.next_sentence, ignore_index=IGNORED)
    with torch.no_grad():
        masked = (batch.labels != IGNORED).sum()
        sequences = (batch.next_sentence != IGNORED).sum() * has_pairs
        mlm_correct = (mlm.argmax(-1) == batch.labels).sum()
        nsp_correct = (nsp.argmax(-1) == batch.next_sentence).sum() * has_pairs
        sums = [mlm_loss * masked, mlm_correct, masked, nsp_loss * sequences, nsp_correct, sequences]
    return mlm_loss + nsp_loss, torch.stack([each.detach().float() for each in sums])


class PreTrainingModule(pl.LightningModule):
    """BERT's two objectives, each with a criterion of its own; their sum is trained.

    Args:
        network: both heads included.
        has_pairs: whether the second objective is trained (NSP or SOP; the label means what the pairs make it mean).
        learning_rate, warmup, weight_decay, clip: see `PretrainConfig`.
        progress: share of the run that is done, from 0 to 1, after so many optimizer steps.
        fused: use the optimizer's fused kernel.
    """

    def __init__(
        self,
        network: BertForPreTraining,
        *,
        has_pairs: bool,
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
        self.learning_rate, self.warmup, self.weight_decay, self.clip = learning_rate, warmup, weight_decay, clip
        self.progress, self.fused = progress, fused
        self.sums = Sums()
        """Of the batches since the last log."""
        self.gradient_norm = torch.zeros(())
        """Of the last optimizer step, before clipping."""
        self._losses = pretraining_losses
        self._fixed_shapes = False

    def compile_losses(self, *, fixed_shapes: bool) -> None:
        """Compiles network and criteria as one: for the shape that all batches have, or once for all shapes."""
        self._losses = torch.compile(pretraining_losses, dynamic=not fixed_shapes)
        self._fixed_shapes = fixed_shapes

    def losses(self, batch: PreTrainingBatch) -> tuple[Tensor, Tensor]:
        """`pretraining_losses`, compiled or not."""
        if self._fixed_shapes:  # but for the number of sequences
            for tensor in (batch.packed.boundaries, batch.next_sentence):
                torch._dynamo.maybe_mark_dynamic(tensor, 0)
        return self._losses(self.network, batch, self.has_pairs)

    def training_step(self, batch: PreTrainingBatch, batch_idx: int) -> Tensor:
        loss, sums = self.losses(batch)
        self.sums.add(sums)
        return loss

    @torch.no_grad()
    def evaluate(self, batches: Iterable[PreTrainingBatch]) -> dict[str, float]:
        """Metrics over these batches, each device taking its share."""
        was_training, sums = self.training, Sums()
        self.eval()
        for batch in list(batches)[self.trainer.global_rank :: self.trainer.world_size]:
            with self.trainer.precision_plugin.forward_context():
                sums.add(self.losses(batch.to(self.device))[1])
        self.train(was_training)
        total = sums.total if sums.total is not None else torch.zeros(len(Sums.NAMES), device=self.device)
        return sums.metrics(self.trainer.strategy.reduce(total, reduce_op="sum"))

    def configure_gradient_clipping(
        self, optimizer: Any, gradient_clip_val: Any = None, gradient_clip_algorithm: Any = None
    ) -> None:
        self.gradient_norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.clip)

    def configure_optimizers(self) -> Any:
        """AdamW; weight matrices and embeddings decay, biases and LayerNorms do not (Devlin et al. 2019, appendix A.2)."""
        trained = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        decayed = [parameter for parameter in trained if parameter.ndim > 1]
        others = [parameter for parameter in trained if parameter.ndim <= 1]
        optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": self.weight_decay}, {"params": others, "weight_decay": 0.0}],
            lr=self.learning_rate,
            betas=(0.9, 0.98),
            fused=self.fused,
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self.learning_rate_share)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def learning_rate_share(self, step: int) -> float:
        """Share of the highest learning rate after `step` steps."""
        return warmup_then_linear(self.progress(step), self.warmup)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        random = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            random["cuda"] = torch.cuda.get_rng_state(self.device)
        checkpoint["random"] = random

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self._random = checkpoint["random"]

    def on_train_start(self) -> None:
        # Dropout goes on where it was; set here, after everything that draws numbers while a run starts.
        if random := getattr(self, "_random", None):
            torch.set_rng_state(random["cpu"])
            if "cuda" in random and self.device.type == "cuda":
                torch.cuda.set_rng_state(random["cuda"], self.device)
