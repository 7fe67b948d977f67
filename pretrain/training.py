"""Trains a network on both objectives: Lightning's trainer, with what happens around a step, and what its end leaves.

the longest batch is tried → steps → the model and a checkpoint are saved → held-out text is evaluated
"""

import functools
from typing import Any, cast

import pytorch_lightning as pl

from bert_core.attention import choose_path
from bert_core.pretrained import save_pretrained
from experiment.callbacks import Checkpoints, DropoutSeeds, RunClock, StopOnSignal
from experiment.console import first_places, quantity
from experiment.distributed import from_main, process_rank, trainer_devices
from experiment.history import MetricHistory
from experiment.launchers import cluster_environment, join_process_group
from experiment.monitor import TrainingMonitor
from experiment.peers import PeerMonitor
from experiment.program import command
from experiment.progress import ProgressStatus, TrainingProgress
from experiment.rehearsal import given_passes, passes_that_fit
from experiment.run_directory import checkpoint_step
from experiment.tracking import Tracking
from pretrain.callbacks import Budget, Finish, HeldOut
from pretrain.compiling import Way, choose_way
from pretrain.feeding import choose_source
from pretrain.material import Material
from pretrain.module import PreTrainingModule
from pretrain.start import Run, loader_processes
from pretrain.stream import DeviceShare, StreamModule, StreamPosition

_LONG = 3600.0
"""Seconds of a step whose time is not known yet: a run that is given in steps counts as a long one."""

FINE_TUNING_DROPOUT = {"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1}
"""What `model/config.json` says, whatever the pretraining used: who fine-tunes the model expects the paper's."""


def train(run: Run, material: Material, tracking: Tracking | None, peers: PeerMonitor) -> dict[str, Any]:
    """Trains, saves `model/`, and returns the figures of `metrics.json`.

    Raises:
        NotFiniteError, InterruptedRun: the training ended early.
    """
    config, network, machine = run.config, material.network, material.machine
    clock = RunClock(config.log_every)
    budget = Budget(clock, config.max_steps, config.max_minutes)
    assert config.learning_rate is not None and config.optimizer is not None
    module = PreTrainingModule(
        network,
        has_pairs=config.second_objective != "none",
        optimizer=config.optimizer,
        learning_rate=config.learning_rate,
        warmup=config.warmup,
        weight_decay=config.weight_decay,
        clip=config.clip,
        progress=budget.progress,
        fused=machine.precision != "16-mixed",  # Lightning cannot unscale fp16 gradients for the fused kernel
    )
    devices, nodes = trainer_devices(config.devices, config.num_nodes, machine.device.type)
    shares, budget.seconds_a_step = _first_step(run, material, module, devices * nodes)
    passes = shares[0].passes
    choose_source(run, material, shares[-1].tokens_a_second, budget.seconds_a_step, devices * nodes)
    stream = StreamModule(
        shares,
        lambda steps: int(bool(material.short) and budget.share(steps) >= config.short_share),
        workers=loader_processes(config),
        pin_memory=machine.device.type == "cuda",
    )
    monitor = TrainingMonitor(
        log_every=config.log_every,
        flops_per_token=network.config.flops_per_token(material.builder.mean_length, config.mask_rate),
        matmul_rate=material.speed.matmul_rate,
        counts=lambda batch: (batch.tokens, batch.packed.sequences),
        places=lambda batch: batch.documents,
        where=lambda documents: first_places([material.text.corpus.where(document) for document in documents]),
        waited=lambda: stream.waited,
    )
    assert config.evaluations is not None
    evaluation = HeldOut(material.held_out, budget, monitor, config.evaluations, run.console)
    checkpoints = Checkpoints(run.directory.checkpoints, clock, config.checkpoint_minutes, monitor.settle)
    finish = Finish(monitor, checkpoints, evaluation, lambda: _save_model(run, material), run.console)
    history = MetricHistory(run.directory.history)
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
            *([DropoutSeeds(config.seed)] if config.dropout else []),
            peers,
            StreamPosition(stream),
            clock,
            monitor,
            budget,
            evaluation,
            TrainingProgress(run.console, lambda trainer: _status(trainer, budget, monitor, evaluation)),
            checkpoints,
            finish,
            StopOnSignal(clock, lambda trainer: _save_and_tell(trainer, checkpoints)),
        ],
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        default_root_dir=run.directory.path,
    )
    if run.checkpoint:
        history.cut_from(checkpoint_step(run.checkpoint) + 1)
    trainer.fit(module, stream, ckpt_path=run.checkpoint)
    return finish.metrics | {
        "real_tokens_per_second": (monitor.tokens - monitor.untimed[0]) / max(clock.seconds, 1e-9),
        "tokens_seen": monitor.tokens,
        "steps": trainer.global_step,
        "wall_seconds": clock.seconds,
    }


def _first_step(
    run: Run, material: Material, module: PreTrainingModule, devices: int
) -> tuple[list[DeviceShare], float]:
    """This device's shares of the batches, one for each phase, and the seconds that a step takes.

    A step has as many forward passes on each device as were given, or as fit into memory; the network is compiled if that
    was asked for, or pays.

    Raises:
        UsageError: the given numbers contradict each other, or nothing fits.
    """
    config, builder, machine = run.config, material.builder, material.machine
    assert config.batch_tokens is not None
    # Sequences that only fill a batch up cost little where attention reads rows as they lie, but widen a rectangle.
    may_fill = choose_path(machine.device, machine.dtype, config.dropout) == "varlen"

    @functools.cache
    def shares(passes: int, fixed_shape: bool) -> list[DeviceShare]:
        place = {"rank": process_rank(), "devices": devices, "passes": passes}
        return [DeviceShare(each, fixed_shape=fixed_shape, **place) for each in (*material.short, builder)]

    given = given_passes(
        config.batch_tokens, config.device_tokens, config.accumulate, devices, ("batch_tokens", "device_tokens")
    )
    sequences = builder.pairs.examples // (builder.windows_an_epoch * builder.steps_a_window)

    def tried(way: Way, least: int) -> tuple[int, float]:
        """Passes of a step, as many as are given or else `least` or a multiple of it, and seconds."""

        def attempt(times: int) -> None:
            batch = shares(times * least, way == "fixed shapes")[-1].longest.to(machine.device)
            with machine.autocast():
                loss, _ = module.losses(batch, batch.step_counts.float())
            loss.backward()

        label = "Trying the longest batch" if way == "not" else f"Compiling for {way}, and trying the longest batch"
        uncompiled = "" if way == "not" or config.compile else " or --no_compile"  # which was found to fit
        with run.console.phase(label):
            times, seconds = passes_that_fit(
                attempt,
                material.network,
                machine.device,
                given=given,
                most=sequences // (devices * least),
                flag="lower --max_length, or --batch_tokens with it, or choose --checkpoint_activations",
                instead=lambda passes: f"--device_tokens {config.batch_tokens // (devices * passes)}{uncompiled}",  # type: ignore[operator]
            )
        return times * least, seconds * least

    passes, seconds = 1, _LONG
    if not config.compile:
        passes, seconds = tried("not", 1)
    length = 60 * config.max_minutes if config.max_minutes else seconds * (config.max_steps or 0)
    way = from_main(lambda: choose_way(config.compile, machine.device.type, may_fill, length))
    if way != "not":
        module.compile_losses(fixed_shapes=way == "fixed shapes")
        # Compiled, a step may take more memory than before, and then takes more passes.
        passes, seconds = tried(cast(Way, way), 1 if given else passes)
    if passes > 1 and not given:
        run.console.note(
            f"A step of {config.batch_tokens:,} tokens takes {passes} forward passes a device, which fit into its memory."
        )
    return shares(passes, way == "fixed shapes"), seconds


def _save_model(run: Run, material: Material) -> None:
    shape = material.network.config
    before = 0 if run.config.init_from is None else shape.trained_positions or shape.max_position_embeddings
    trained = max(before, run.config.max_length or 0)
    save_pretrained(material.network, run.directory.model, trained_positions=trained, **FINE_TUNING_DROPOUT)
    material.text.wordpiece.save(run.directory.model)


def _save_and_tell(trainer: pl.Trainer, checkpoints: Checkpoints) -> str:
    """What a run that is stopped leaves, and the sentence about it."""
    checkpoints.save(trainer)
    return (
        f"stopped at step {trainer.global_step:,}; everything is saved, go on with: {command('run.py')} --resume "
        f"{checkpoints.directory.parent}"
    )


def _status(trainer: pl.Trainer, budget: Budget, monitor: TrainingMonitor, evaluation: HeldOut) -> ProgressStatus:
    """The live line."""
    latest = monitor.latest | evaluation.latest
    shown = [
        ("MLM", "train_mlm_loss", "{:.3f}"),
        ("NSP", "train_nsp_loss", "{:.3f}"),
        ("held-out MLM", "heldout_mlm_loss", "{:.3f}"),
    ]
    fields = [("step", f"{trainer.global_step:,}")]
    fields += [(label, form.format(latest[name])) for label, name, form in shown if name in latest]
    units = [
        ("tokens/s", "real_tokens_per_second", quantity),
        ("MFU", "mfu", "{:.0%}".format),
        ("data wait", "data_wait", "{:.1%}".format),
    ]
    fields += [(label, form(latest[name])) for label, name, form in units if name in latest]
    return ProgressStatus(budget.progress(trainer.global_step), fields)
