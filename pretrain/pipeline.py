"""A pretraining run from its configuration to its last file.

    configuration → run directory → text (corpus, tokenizer, held-out documents) → network → training → model/, report

The order is that of the screen: what is read here from top to bottom is what a user sees from top to bottom.
"""

import functools
import math
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from bert_core.attention import choose_path
from bert_core.config import SIZES, BertConfig
from bert_core.model import Bert, BertForPreTraining
from bert_core.pretrained import PretrainedError, from_pretrained, save_pretrained
from data.errors import DataError
from experiment.callbacks import Checkpoints, DropoutSeeds, RunClock, StopOnSignal
from experiment.console import first_places, quantity
from experiment.distributed import from_main, process_rank, trainer_devices
from experiment.environment import describe_environment
from experiment.errors import InterruptedRun, UsageError
from experiment.history import MetricHistory
from experiment.launchers import cluster_environment, join_process_group
from experiment.machine import Machine, choose_machine
from experiment.monitor import TrainingMonitor
from experiment.options import as_dict
from experiment.peers import PeerMonitor
from experiment.progress import ProgressStatus, TrainingProgress
from experiment.rehearsal import rehearse
from experiment.run_directory import checkpoint_step
from experiment.speed import Speed, measure_speed
from experiment.tracking import Tracking, open_tracking, told
from experiment.training import NotFiniteError, quiet_libraries
from pretrain.batches import PreTrainingBatch, WindowBuilder
from pretrain.callbacks import Budget, Finish, HeldOut
from pretrain.config import POSITIONS, PretrainConfig
from pretrain.heldout import HeldOutText
from pretrain.initial import prepare_network
from pretrain.module import PreTrainingModule
from pretrain.results import shape_of, show_results, show_start, write_results
from pretrain.start import KIND, Run, loader_processes, open_run
from pretrain.stream import DeviceShare, StreamModule, StreamPosition
from pretrain.text import Text, Unigram, prepare_text, unigram_guess, window_builder

FINE_TUNING_DROPOUT = {"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1}
"""What `model/config.json` says, whatever the pretraining used: who fine-tunes the model expects the paper's."""

SENTENCES = (DataError, PretrainedError, NotFiniteError, InterruptedRun)
"""How a run can end early, besides a `UsageError`: each is one sentence for the user."""


def pretrain(config: PretrainConfig) -> Path:
    """Carries out a run and returns its directory.

    Raises:
        UsageError, DataError, PretrainedError: a user's mistake, in one sentence.
        NotFiniteError, InterruptedRun: the training ended early; the last good checkpoint is kept.
    """
    quiet_libraries()
    with open_run(config) as run:
        if run.how == "finished":
            return run.directory.path
        with PeerMonitor() as peers:
            try:
                material = _prepare(run)
            except BaseException:
                if run.how == "new" and process_rank() == 0:
                    shutil.rmtree(run.directory.path)  # nothing is in it but the configuration
                raise
            _carry_out(run, material, peers)
            from_main(lambda: "written")  # the main process's results; no collective, which would wait for minutes only
            if torch.distributed.is_initialized():
                torch.distributed.destroy_process_group()
    return run.directory.path


@dataclass(frozen=True)
class Material:
    """All that the training needs."""

    text: Text
    builder: WindowBuilder
    short: list[WindowBuilder]
    """Of the first part's shorter sequences; empty for a run in one part."""
    held_out: HeldOutText
    unigram: Unigram
    network: BertForPreTraining
    machine: Machine
    speed: Speed


def _prepare(run: Run) -> Material:
    """Everything before the first step, so that what can fail for a user's mistake fails here."""
    config = run.config
    assert config.cache_dir is not None
    machine = choose_machine(config.accelerator, config.precision, config.threads)
    speed = measure_speed(machine, config.cache_dir)
    pl.seed_everything(config.seed, verbose=False)
    text = _text(run)
    short = replace(config, max_length=config.short_length, short_length=None) if config.short_length else None
    held_out = HeldOutText(window_builder(text, config, held_out=True))
    return Material(
        text=text,
        builder=window_builder(text, config),
        short=[window_builder(text, short)] if short else [],
        held_out=held_out,
        unigram=unigram_guess(text.frequencies, held_out.labels()),
        network=_network(config, text),
        machine=machine,
        speed=speed,
    )


def _carry_out(run: Run, material: Material, peers: PeerMonitor) -> None:
    """Shows, trains, and writes the results, all of it under the eyes of the tracking store."""
    config, directory, text = run.config, run.directory, material.text
    environment = describe_environment()
    tracking = open_tracking(
        config.tracking_uri,
        KIND,
        directory,
        output_dir=config.output_dir,
        params=as_dict(config) | shape_of(material.network, text),
        tags={name: str(value) for name, value in environment.items() if value is not None}
        | {"data_fingerprint": text.corpus.fingerprint}
        | ({"matmul_flops": f"{rate:.3g}"} if (rate := material.speed.matmul_rate) else {}),
        warn=run.console.warning,
    )
    with told(tracking):
        if process_rank() == 0:
            directory.write_json("data_report.json", text.report())
            text.wordpiece.save(directory.tokenizer)
            show_start(run, text, material.builder, material.network, material.machine, material.speed)
        metrics = _train(run, material, tracking, peers)
        if process_rank() == 0:
            write_results(run, text, material.builder, material.unigram, metrics, environment, tracking)
            directory.mark_finished()
            show_results(run, material.unigram, metrics, tracking)


def _text(run: Run) -> Text:
    """The main process first: the others find its work in the cache."""
    if process_rank() == 0:
        text = prepare_text(run.config, run.console.progress)
        from_main(lambda: "prepared")
        return text
    from_main(lambda: "prepared")
    return prepare_text(run.config, run.console.progress)


def _network(config: PretrainConfig, text: Text) -> BertForPreTraining:
    """A new network of the preset's size, or the one to go on from.

    Raises:
        PretrainedError, UsageError: the given folder holds no BERT, or one that does not fit.
    """
    assert config.max_length and config.initializer_range
    if config.init_from is None:
        network = BertForPreTraining(
            BertConfig(
                vocab_size=text.wordpiece.vocab_size,
                max_position_embeddings=max(POSITIONS, config.max_length),
                hidden_dropout_prob=config.dropout,
                attention_probs_dropout_prob=config.dropout,
                initializer_range=config.initializer_range,
                **SIZES[config.preset],
            )
        )
        prepare_network(network, text.frequencies)
    else:
        rates = {"hidden_dropout_prob": config.dropout, "attention_probs_dropout_prob": config.dropout}
        encoder = from_pretrained(Bert, config.init_from, **rates)
        try:
            network = from_pretrained(BertForPreTraining, config.init_from, **rates)
        except PretrainedError:  # an encoder alone: the heads are new
            network = BertForPreTraining(encoder.config)
            network.bert = encoder
        shape = network.config
        if config.max_length > shape.max_position_embeddings:
            raise UsageError(
                f"--max_length {config.max_length} is more than the {shape.max_position_embeddings} positions of "
                f"--init_from {config.init_from}"
            )
        if text.wordpiece.vocab_size > shape.vocab_size:
            raise UsageError(
                f"the tokenizer in {config.init_from} has {text.wordpiece.vocab_size:,} tokens, but the network only "
                f"{shape.vocab_size:,}"
            )
    if config.second_objective == "none":
        for unused in (network.bert.pooler, network.nsp_head):
            unused.requires_grad_(False)
    network.bert.checkpoint_activations = config.checkpoint_activations
    return network


def _train(run: Run, material: Material, tracking: Tracking | None, peers: PeerMonitor) -> dict[str, Any]:
    """Trains, saves `model/`, and returns the figures of `metrics.json`.

    Raises:
        NotFiniteError, InterruptedRun: the training ended early.
    """
    config, network, machine = run.config, material.network, material.machine
    clock = RunClock(config.log_every)
    budget = Budget(clock, config.max_steps, config.max_minutes)
    assert config.learning_rate is not None
    module = PreTrainingModule(
        network,
        has_pairs=config.second_objective != "none",
        learning_rate=config.learning_rate,
        warmup=config.warmup,
        weight_decay=config.weight_decay,
        clip=config.clip,
        progress=budget.progress,
        fused=machine.precision != "16-mixed",  # Lightning cannot unscale fp16 gradients for the fused kernel
    )
    # Sequences that only fill a batch up cost little where attention reads rows as they lie, but widen a rectangle.
    fixed_shape = config.compile and choose_path(machine.device, machine.dtype, config.dropout) == "varlen"
    if config.compile:
        module.compile_losses(fixed_shapes=fixed_shape)
    devices, nodes = trainer_devices(config.devices, config.num_nodes, machine.device.type)
    processes = ProcessShare(process_rank(), devices * nodes)
    passes, budget.seconds_a_step = _first_step(run, material, module, processes, fixed_shape)
    stream = StreamModule(
        [
            DeviceShare(builder, rank=processes.rank, devices=processes.devices, passes=passes, fixed_shape=fixed_shape)
            for builder in (*material.short, material.builder)
        ],
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
    run: Run, material: Material, module: PreTrainingModule, processes: "ProcessShare", fixed_shape: bool
) -> tuple[int, float]:
    """Forward passes of a step on each device, as given or as fit into memory, and the seconds that a step takes.

    Raises:
        UsageError: the given numbers contradict each other, or nothing fits.
    """
    config, builder, machine = run.config, material.builder, material.machine
    assert config.batch_tokens is not None
    given = config.accumulate
    if config.device_tokens:
        needed = math.ceil(config.batch_tokens / (config.device_tokens * processes.devices))
        if given and given < needed:
            raise UsageError(
                f"--accumulate {given} passes of --device_tokens {config.device_tokens} on {processes.devices} devices are fewer "
                f"than --batch_tokens {config.batch_tokens}; leave out one of them"
            )
        given = given or needed

    @functools.cache
    def longest(passes: int) -> PreTrainingBatch:
        share = DeviceShare(
            builder, rank=processes.rank, devices=processes.devices, passes=passes, fixed_shape=fixed_shape
        )
        return share.longest()

    def attempt(passes: int) -> None:
        batch = longest(passes).to(machine.device)
        with machine.autocast():
            loss, _ = module.losses(batch, batch.step_counts.float())
        loss.backward()

    network = material.network.to(machine.device).train()
    sequences = builder.pairs.examples // (builder.windows_an_epoch * builder.steps_a_window * processes.devices)

    def tried(passes: int, most: int) -> tuple[int, float]:
        return rehearse(
            attempt,
            parameters=[each for each in network.parameters() if each.requires_grad],
            device=machine.device,
            passes=passes,
            most=most,
            flag="lower --max_length, or --batch_tokens with it, or choose --checkpoint_activations",
        )

    with run.console.phase("Compiling, and trying the longest batch" if config.compile else "Trying the longest batch"):
        if processes.rank == 0:
            found = tried(given or 1, given or max(1, sequences))
        passes = int(from_main(lambda: str(found[0])))
        if processes.rank:
            found = tried(passes, passes)
    if passes > 1 and not given:
        run.console.note(
            f"A step of {config.batch_tokens:,} tokens takes {passes} forward passes a device, which fit into its memory."
        )
    return found


@dataclass(frozen=True)
class ProcessShare:
    """This process among all that train."""

    rank: int
    devices: int


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
        f"stopped at step {trainer.global_step:,}; everything is saved, go on with: python run.py --resume "
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
