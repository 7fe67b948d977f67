"""Trains a network on a task: Lightning's trainer, the curves, and the evaluations of which the best one's weights are kept."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from data.rows import RowT
from experiment.callbacks import Checkpoints, DropoutSeeds, RunClock, StopOnSignal
from experiment.console import Console, first_places, quantity
from experiment.distributed import process_rank, trainer_devices
from experiment.history import MetricHistory
from experiment.launchers import cluster_environment, join_process_group
from experiment.machine import Machine
from experiment.monitor import TrainingMonitor
from experiment.peers import PeerMonitor
from experiment.progress import ProgressStatus, TrainingProgress
from experiment.rehearsal import given_passes, passes_that_fit
from experiment.run_directory import RunDirectory, checkpoint_step
from experiment.tracking import Tracking
from experiment.training import log, stepped
from finetune.config import FineTuneConfig
from finetune.data_module import BatchT, FineTuningData
from finetune.model import AnswerT, InputT
from finetune.module import FineTuningModule, parameter_groups
from finetune.task import ConfigT, PredictionsT, Run, Task


def train(
    task: Task[ConfigT, RowT, InputT, BatchT, AnswerT, PredictionsT],
    run: Run[ConfigT, RowT, InputT, BatchT, AnswerT],
    tracking: Tracking | None,
    peers: PeerMonitor,
    checkpoint: Path | None = None,
) -> dict[str, float]:
    """Trains the run's network; the best evaluation's weights are in `directory.model` afterwards.

    Args:
        task: what is to be learnt.
        run: with what.
        tracking: the run's entry in MLflow.
        peers: watches over the run's other processes.
        checkpoint: to go on from; None begins.

    Returns:
        Figures for `metrics.json`: steps, seconds, tokens, and the epoch of the best evaluation.

    Raises:
        NotFiniteError, InterruptedRun: the training ended early.
        UsageError: a step does not fit into memory, or not as it was asked for.
    """
    config, settings, machine, directory = run.config, run.settings, run.machine, run.directory
    objective = run.prepared.objective
    data = FineTuningData(
        objective.lengths,
        objective.build,
        batch_size=config.batch_size,
        seed=config.seed,
        pin_memory=machine.device.type == "cuda",
    )
    total = settings.epochs * data.steps_an_epoch

    def loss(batch: BatchT) -> Tensor:
        # Each row counts alike over the epoch, whether its step has many rows or few long ones.
        return objective.loss(batch) / (data.rows_a_step * objective.units)

    module = FineTuningModule(
        objective.network,
        loss,
        parameter_groups(
            objective.network,
            run.encoder,
            learning_rate=settings.learning_rate,
            head_learning_rate=settings.head_learning_rate,
            layer_decay=config.layer_decay,
            weight_decay=config.weight_decay,
        ),
        steps=total,
        warmup=config.warmup,
        clip=config.clip,
        fused=machine.precision != "16-mixed",  # Lightning cannot unscale fp16 gradients for the fused kernel
    )
    devices, nodes = trainer_devices(config.devices, 1, machine.device.type)
    passes = _forward_passes(objective.network, loss, data, config, machine, devices * nodes, run.console)
    clock = RunClock(config.log_every)
    monitor = TrainingMonitor(
        log_every=config.log_every,
        flops_per_token=run.encoder.config.flops_per_token(float(data.lengths.mean()), 0.0),
        matmul_rate=run.speed.matmul_rate,
        counts=lambda batch: (batch.packed.tokens, batch.packed.sequences) if batch.rows else (0, 0),
        places=lambda batch: batch.rows,
        where=lambda chosen: first_places([objective.places[row] for row in chosen]),
    )
    checkpoints = Checkpoints(directory.checkpoints, clock, config.checkpoint_minutes, monitor.settle)
    evaluation = Evaluation(
        lambda: _dev_metrics(task, run, data),
        lambda: run.model.save(directory.model),
        task.score(run.rows.outputs),
        monitor,
        data.steps_an_epoch,
        total,
        config.evaluations,
        config.patience,
    )
    history = MetricHistory(directory.history)
    join_process_group(machine.device)
    trainer = pl.Trainer(
        accelerator=machine.device.type,
        devices=devices,
        num_nodes=nodes,
        plugins=[cluster_environment()],
        strategy=config.strategy,
        precision=machine.precision,  # type: ignore[arg-type]
        max_epochs=-1,
        accumulate_grad_batches=passes,
        logger=[history, tracking] if tracking else [history],
        callbacks=[
            DropoutSeeds(config.seed),
            peers,
            clock,
            monitor,
            evaluation,
            TrainingProgress(run.console, lambda trainer: _status(trainer, total, monitor, evaluation)),
            checkpoints,
            StopOnSignal(clock, lambda trainer: _stopped(trainer, checkpoints, directory)),
        ],
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        default_root_dir=directory.path,
    )
    if checkpoint:
        history.cut_from(checkpoint_step(checkpoint) + 1)
    trainer.fit(module, data, ckpt_path=checkpoint)
    tokens, rows = (done - first for done, first in zip((monitor.tokens, monitor.rows), monitor.untimed, strict=True))
    return {
        "best_epoch": evaluation.best_epoch,
        "epochs_trained": trainer.global_step / data.steps_an_epoch,
        "steps": trainer.global_step,
        "tokens_seen": monitor.tokens,
        "real_tokens_per_second": tokens / max(monitor.seconds, 1e-9),
        "rows_per_second": rows / max(monitor.seconds, 1e-9),
        "wall_seconds": clock.seconds,
    }


def _dev_metrics(
    task: Task[ConfigT, RowT, InputT, BatchT, AnswerT, PredictionsT],
    run: Run[ConfigT, RowT, InputT, BatchT, AnswerT],
    data: FineTuningData[BatchT],
) -> dict[str, float]:
    """Metrics on the dev rows, of which each process answers its part; in every process alike."""
    assert data.trainer is not None
    rank, processes = data.trainer.global_rank, data.trainer.world_size
    found = run.model.answer(run.inputs["dev"], run.machine, share=(rank, processes))
    if processes > 1:
        # As objects and not by a sum on the device, which may have no float64.
        parts: list[dict[int, AnswerT]] = [{}] * processes
        torch.distributed.all_gather_object(parts, found)
        found = {row: answer for part in parts for row, answer in part.items()}
    rows = run.rows.dev
    predictions = task.predictions(rows, [found[row] for row in range(len(rows))], run.model)
    return task.metrics(predictions, run.model.outputs, run.config)


def _forward_passes(
    network: nn.Module,
    loss: Callable[[BatchT], Tensor],
    data: FineTuningData[BatchT],
    config: FineTuneConfig,
    machine: Machine,
    devices: int,
    console: Console,
) -> int:
    """Forward passes of a step on each device, as given or as fit into memory.

    Raises:
        UsageError: the given numbers contradict each other, or nothing fits.
    """

    def attempt(passes: int) -> None:
        with machine.autocast():
            total = loss(data.longest(process_rank(), devices, passes).to(machine.device))
        torch.autograd.backward(total)

    given = given_passes(
        config.batch_size, config.device_batch_size, config.accumulate, devices, ("batch_size", "device_batch_size")
    )
    with console.phase("Trying the longest batch"):
        passes, _ = passes_that_fit(
            attempt,
            network,
            machine.device,
            given=given,
            most=int(data.rows_a_step) // devices,
            flag="lower --max_length or --batch_size",
            instead=lambda passes: f"--device_batch_size {max(1, config.batch_size // (devices * passes))}",
        )
    if passes > 1 and not given:
        console.note(
            f"A step of {config.batch_size} rows takes {passes} forward passes a device, which fit into its memory."
        )
    return passes


class Evaluation(pl.Callback):
    """Evaluates at even distances over each epoch, keeps the best weights, and ends the run when nothing gets better, or when
    all steps are done.

    Args:
        evaluate: gives metrics on the dev rows, in every process alike.
        save: keeps the present weights as the best; called in the main process.
        score: the metric that tells the best evaluation; where it is equal, the next one decides.
        monitor: is asked to look at the losses first, and does not count the time that this takes.
        steps_an_epoch: optimizer steps.
        total: optimizer steps of the run.
        an_epoch: evaluations in each.
        patience: evaluations without a better one before the run ends; None runs to the end.
    """

    def __init__(
        self,
        evaluate: Callable[[], dict[str, float]],
        save: Callable[[], None],
        score: tuple[str, ...],
        monitor: TrainingMonitor,
        steps_an_epoch: int,
        total: int,
        an_epoch: int,
        patience: int | None,
    ) -> None:
        self.evaluate, self.save, self.score, self.monitor = evaluate, save, score, monitor
        self.steps_an_epoch, self.total, self.an_epoch, self.patience = steps_an_epoch, total, an_epoch, patience
        self.latest: dict[str, float] = {}
        self.best: tuple[float, ...] | None = None
        self.best_epoch = 0.0
        self._without_gain = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        trainer.should_stop = trainer.global_step >= self.total  # of a run that was stopped after its last step

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if not stepped(trainer, batch_idx):
            return
        step, steps = trainer.global_step, self.steps_an_epoch
        if step * self.an_epoch // steps > (step - 1) * self.an_epoch // steps:
            self.monitor.look(pl_module)
            with self.monitor.paused():
                self._evaluate(trainer)
        if step >= self.total:
            trainer.should_stop = True

    def _evaluate(self, trainer: pl.Trainer) -> None:
        metrics = self.evaluate()
        epoch = trainer.global_step / self.steps_an_epoch
        self.latest = {f"dev_{name}": value for name, value in metrics.items()}
        log(trainer, self.latest | {"epoch": epoch})
        score = tuple(metrics[name] for name in self.score)
        if self.best is None or score > self.best:
            self.best, self._without_gain, self.best_epoch = score, 0, epoch
            if trainer.is_global_zero:
                self.save()
        else:
            self._without_gain += 1
            if self.patience is not None and self._without_gain >= self.patience:
                trainer.should_stop = True

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "best_epoch": self.best_epoch, "without_gain": self._without_gain}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best = tuple(state_dict["best"]) if state_dict["best"] is not None else None
        self.best_epoch, self._without_gain = state_dict["best_epoch"], state_dict["without_gain"]


def _status(trainer: pl.Trainer, total: int, monitor: TrainingMonitor, evaluation: Evaluation) -> ProgressStatus:
    """The live line."""
    fields, latest = [("step", f"{trainer.global_step:,}")], monitor.latest
    if latest:
        fields.append(("loss", f"{latest['train_loss']:.3f}"))
    for name in evaluation.score[:1]:
        if evaluation.best is not None and evaluation.latest:
            fields.append(
                (f"dev {name.replace('_', ' ').replace('f1', 'F1')}", f"{evaluation.latest[f'dev_{name}']:.1%}")
            )
            fields.append(("best", f"{evaluation.best[0]:.1%}"))
    units = [("tokens/s", "real_tokens_per_second", quantity), ("MFU", "mfu", "{:.0%}".format)]
    fields += [(label, form(latest[name])) for label, name, form in units if name in latest]
    return ProgressStatus(trainer.global_step / total, fields)


def _stopped(trainer: pl.Trainer, checkpoints: Checkpoints, directory: RunDirectory) -> str:
    """Saves a run that is stopped, and gives the sentence about it."""
    checkpoints.save(trainer)
    return (
        f"stopped at step {trainer.global_step:,}; everything is saved, go on with the same command and --resume "
        f"{directory.path}"
    )
