"""Trains a network on a task: Lightning's trainer, the curves, and the evaluations of which the best one's weights are kept."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from bert_core.model import Bert
from experiment.console import Console, quantity
from experiment.history import MetricHistory
from experiment.launchers import trainer_processes
from experiment.machine import Machine
from experiment.progress import ProgressStatus, TrainingProgress
from experiment.run_directory import RunDirectory
from experiment.tracking import Tracking
from experiment.training import NotFiniteError, StopOnSignal, log, stepped
from finetune.batches import FineTuningData
from finetune.config import FineTuneConfig
from finetune.module import FineTuningModule, parameter_groups


@dataclass(frozen=True)
class Task:
    """What a task gives to the training, and what the training asks of it."""

    network: nn.Module
    """The encoder with the task's head."""
    encoder: Bert
    data: FineTuningData
    loss: Callable[[Any], Tensor]
    """Of a batch; a scalar."""
    evaluate: Callable[[], dict[str, float]]
    """Metrics on the dev rows, in every process alike."""
    score: tuple[str, ...]
    """The metric that tells the best evaluation; where it is equal, the next one decides."""
    save: Callable[[], None]
    """Keeps the present weights as the best; called in the main process."""
    where: Callable[[Any], str]
    """The places that a batch comes from, for people."""


def train(
    task: Task,
    config: FineTuneConfig,
    machine: Machine,
    directory: RunDirectory,
    console: Console,
    tracking: Tracking | None,
) -> dict[str, float]:
    """Trains `task.network`; the best evaluation's weights are with `task.save` afterwards.

    Returns:
        Figures for `metrics.json`: steps, seconds, tokens, and the epoch of the best evaluation.

    Raises:
        NotFiniteError, InterruptedRun: the training ended early.
    """
    assert config.learning_rate is not None and config.head_learning_rate is not None and config.epochs is not None
    module = FineTuningModule(
        task.network,
        task.loss,
        parameter_groups(
            task.network,
            task.encoder,
            learning_rate=config.learning_rate,
            head_learning_rate=config.head_learning_rate,
            layer_decay=config.layer_decay,
            weight_decay=config.weight_decay,
        ),
        warmup=config.warmup,
        clip=config.clip,
        fused=machine.precision != "16-mixed",  # Lightning cannot unscale fp16 gradients for the fused kernel
    )
    length = float(task.data.lengths.mean())
    flops = task.encoder.config.flops_per_token(length, 0.0)
    watch = Watch(task.where, config.log_every, flops, machine.matmul_rate, config.learning_rate)
    evaluation = Evaluation(task, watch, config.evaluations, config.patience)
    history = MetricHistory(directory.history)
    trainer = pl.Trainer(
        accelerator=machine.device.type,
        **trainer_processes(config.devices, 1, machine.device.type),
        strategy=config.strategy,
        precision=machine.precision,  # type: ignore[arg-type]
        max_epochs=config.epochs,
        accumulate_grad_batches=config.accumulate,
        logger=[history, tracking] if tracking else [history],
        callbacks=[
            watch,
            evaluation,
            TrainingProgress(console, lambda trainer: _status(trainer, watch, evaluation)),
            StopOnSignal(lambda trainer: _stopped(trainer, evaluation, directory)),
        ],
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        default_root_dir=directory.path,
    )
    started = time.perf_counter()
    trainer.fit(module, task.data)
    seconds = time.perf_counter() - started
    return {
        "best_epoch": evaluation.best_epoch,
        "epochs_trained": trainer.global_step / watch.steps_an_epoch,
        "steps": trainer.global_step,
        "tokens_seen": watch.tokens,
        "real_tokens_per_second": watch.tokens / watch.training_seconds,
        "rows_per_second": watch.rows / watch.training_seconds,
        "wall_seconds": seconds,
    }


class Watch(pl.Callback):
    """Logs the curves, and stops the run at the first loss or gradient that is not finite.

    Reading a number off a device waits for it, so both happen every `log_every` steps and before each evaluation.

    Args:
        where: a batch's places, for the sentence that names them.
        log_every: optimizer steps between two points.
        flops_per_token: arithmetic of a training step for a real token.
        matmul_rate: FLOP/s that the machine reaches in a plain matrix product; the measure of MFU.
        learning_rate: the highest one, of which the schedule's present share is logged.
    """

    def __init__(
        self,
        where: Callable[[Any], str],
        log_every: int,
        flops_per_token: float,
        matmul_rate: float,
        learning_rate: float,
    ) -> None:
        self.where, self.log_every, self.learning_rate = where, log_every, learning_rate
        self.flops_per_token, self.matmul_rate = flops_per_token, matmul_rate
        self.latest: dict[str, float] = {}
        """The last point of each curve."""
        self.tokens = self.rows = 0
        """Trained on, by all devices."""
        self.steps_an_epoch = 1.0
        self._paused = 0.0
        self._started: float | None = None
        self._ended: float | None = None
        self._pending: list[tuple[int, Tensor, Any]] = []
        self._since = (0.0, 0)  # training seconds and tokens at the last point

    @property
    def training_seconds(self) -> float:
        """Spent in training steps; evaluations are left out."""
        assert self._started is not None
        return (self._ended or time.perf_counter()) - self._started - self._paused

    def pause(self, seconds: float) -> None:
        """Time that went into something else."""
        self._paused += seconds

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._started = time.perf_counter()
        self.steps_an_epoch = float(trainer.num_training_batches) / trainer.accumulate_grad_batches

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        assert isinstance(pl_module, FineTuningModule)
        self.tokens += batch.packed.tokens * trainer.world_size
        self.rows += batch.packed.sequences * trainer.world_size
        # Lightning hands the loss over divided by the passes of an optimizer step.
        loss = outputs["loss"].detach() * trainer.accumulate_grad_batches
        self._pending.append((trainer.global_step, loss + 0 * pl_module.gradient_norm.to(loss.device), batch))
        if stepped(trainer, batch_idx) and trainer.global_step % self.log_every == 0:
            self._log(trainer, pl_module, self.look())

    def look(self) -> float | None:
        """Checks the steps since the last look, and gives their mean loss.

        Raises:
            NotFiniteError: naming the first bad step and where its rows come from.
        """
        pending, self._pending = self._pending, []
        if not pending:
            return None
        losses = torch.stack([loss for _, loss, _ in pending]).float()
        finite = torch.isfinite(losses).tolist()
        if not all(finite):
            step, _, batch = pending[finite.index(False)]
            raise NotFiniteError(
                f"the loss or its gradient was not finite at step {step:,}, in a batch from {self.where(batch)}; lower "
                "--learning_rate, or look at these rows"
            )
        return float(losses.mean())

    def _log(self, trainer: pl.Trainer, module: FineTuningModule, loss: float | None) -> None:
        now, tokens = self.training_seconds, self.tokens
        rate = (tokens - self._since[1]) / max(1e-9, now - self._since[0])
        self._since = (now, tokens)
        group = trainer.optimizers[0].param_groups[0]
        self.latest = {
            "train_loss": loss if loss is not None else float("nan"),
            "learning_rate": self.learning_rate * group["lr"] / group["initial_lr"],
            "gradient_norm": float(module.gradient_norm),
            "real_tokens_per_second": rate,
            "mfu": rate * self.flops_per_token / (self.matmul_rate * trainer.world_size),
            "epoch": trainer.global_step / self.steps_an_epoch,
        }
        log(trainer, self.latest)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._ended = time.perf_counter()
        self.look()


class Evaluation(pl.Callback):
    """Evaluates at even distances over each epoch, keeps the best weights, and stops when nothing gets better.

    Args:
        task: says how to evaluate and where to keep weights.
        watch: is asked to look at the losses first, and told of the time that this takes.
        an_epoch: evaluations in each.
        patience: evaluations without a better one before the run ends; None runs to the end.
    """

    def __init__(self, task: Task, watch: Watch, an_epoch: int, patience: int | None) -> None:
        self.task, self.watch, self.an_epoch, self.patience = task, watch, an_epoch, patience
        self.latest: dict[str, float] = {}
        self.best: tuple[float, ...] | None = None
        self.best_epoch = 0.0
        self._without_gain = 0

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        batches = int(trainer.num_training_batches)
        done = batch_idx + 1
        if done * self.an_epoch // batches == (done - 1) * self.an_epoch // batches:
            return
        self.watch.look()
        started = time.perf_counter()
        metrics = self.task.evaluate()
        self.latest = {f"dev_{name}": value for name, value in metrics.items()}
        log(trainer, self.latest | {"epoch": trainer.global_step / self.watch.steps_an_epoch})
        score = tuple(metrics[name] for name in self.task.score)
        if self.best is None or score > self.best:
            self.best, self._without_gain = score, 0
            self.best_epoch = trainer.global_step / self.watch.steps_an_epoch
            if trainer.is_global_zero:
                self.task.save()
        else:
            self._without_gain += 1
            if self.patience is not None and self._without_gain >= self.patience:
                trainer.should_stop = True
        self.watch.pause(time.perf_counter() - started)


def _status(trainer: pl.Trainer, watch: Watch, evaluation: Evaluation) -> ProgressStatus:
    """The live line."""
    fields = [("step", f"{trainer.global_step:,}")]
    if watch.latest:
        fields.append(("loss", f"{watch.latest['train_loss']:.3f}"))
    for name in evaluation.task.score[:1]:
        if evaluation.best is not None:
            fields.append(
                (f"dev {name.replace('_', ' ').replace('f1', 'F1')}", f"{evaluation.latest[f'dev_{name}']:.1%}")
            )
            fields.append(("best", f"{evaluation.best[0]:.1%}"))
    if watch.latest:
        fields.append(("tokens/s", quantity(watch.latest["real_tokens_per_second"])))
        fields.append(("MFU", f"{watch.latest['mfu']:.0%}"))
    return ProgressStatus(trainer.global_step / float(trainer.estimated_stepping_batches), fields)


def _stopped(trainer: pl.Trainer, evaluation: Evaluation, directory: RunDirectory) -> str:
    """The sentence about a run that is stopped by hand."""
    if evaluation.best is None:
        return f"stopped at step {trainer.global_step:,}, before the first evaluation; nothing is kept"
    return (
        f"stopped at step {trainer.global_step:,}; the best model so far (epoch {evaluation.best_epoch:.2g}) is kept in "
        f"{directory.model}"
    )
