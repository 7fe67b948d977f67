"""A pretraining run from its configuration to its last file.

    configuration → run directory → text (corpus, tokenizer, held-out documents) → network → training → model/, report

The order is that of the screen: what is read here from top to bottom is what a user sees from top to bottom.
"""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import Dataset

from bert_core.attention import choose_path
from bert_core.config import SIZES, BertConfig
from bert_core.model import Bert, BertForPreTraining
from bert_core.pretrained import PretrainedError, from_pretrained, save_pretrained
from data.errors import DataError
from experiment.console import quantity
from experiment.distributed import from_main, process_rank
from experiment.environment import describe_environment
from experiment.errors import UsageError
from experiment.history import MetricHistory
from experiment.launchers import trainer_processes
from experiment.machine import Machine, choose_machine
from experiment.options import as_dict
from experiment.peers import PeerMonitor
from experiment.progress import ProgressStatus, TrainingProgress
from experiment.run_directory import checkpoint_step
from experiment.tracking import Tracking, open_tracking, told
from experiment.training import InterruptedRun, NotFiniteError, StopOnSignal, quiet_libraries
from pretrain.batches import PreTrainingBatch, WindowBuilder
from pretrain.callbacks import Budget, Checkpoints, HeldOut, Watch
from pretrain.config import PretrainConfig
from pretrain.fixed_shapes import FixedShapes, Shape, padded
from pretrain.initial import prepare_network
from pretrain.module import PreTrainingModule
from pretrain.results import shape_of, show_results, show_start, write_results
from pretrain.start import KIND, Run, loader_processes, open_run
from pretrain.stream import StreamModule
from pretrain.text import Text, Unigram, held_out_batches, prepare_text, unigram_guess, window_builder

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
            if torch.distributed.is_initialized():
                torch.distributed.barrier()  # the main process writes the results; the launcher ends all when one ends early
                torch.distributed.destroy_process_group()
    return run.directory.path


@dataclass(frozen=True)
class Material:
    """All that the training needs."""

    text: Text
    builder: WindowBuilder
    short: list[WindowBuilder]
    """Of the first part's shorter sequences; empty for a run in one part."""
    held_out: list[PreTrainingBatch]
    unigram: Unigram
    network: BertForPreTraining
    machine: Machine


def _prepare(run: Run) -> Material:
    """Everything before the first step, so that what can fail for a user's mistake fails here."""
    config = run.config
    pl.seed_everything(config.seed, verbose=False)
    text = _text(run)
    short = replace(config, max_length=config.short_length, short_length=None) if config.short_length else None
    held_out = held_out_batches(window_builder(text, config, held_out=True))
    return Material(
        text=text,
        builder=window_builder(text, config),
        short=[window_builder(text, short)] if short else [],
        held_out=held_out,
        unigram=unigram_guess(text.frequencies, held_out),
        network=_network(config, text),
        machine=choose_machine(config.accelerator, config.precision),
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
        | {"data_fingerprint": text.corpus.fingerprint, "matmul_flops": f"{material.machine.matmul_rate:.3g}"},
        warn=run.console.warning,
    )
    with told(tracking):
        if process_rank() == 0:
            directory.write_json("data_report.json", text.report())
            text.wordpiece.save(directory.tokenizer)
            show_start(run, text, material.builder, material.network, material.machine)
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
                max_position_embeddings=config.max_length,
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
    config, text, builder = run.config, material.text, material.builder
    network, machine = material.network, material.machine
    budget = Budget(config.max_steps, config.max_minutes)
    assert config.learning_rate is not None and config.max_length is not None
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
    builders: list[Dataset[list[PreTrainingBatch]]] = [*material.short, builder]
    held_out = material.held_out
    if config.compile:
        # Sequences that only fill a batch up cost little where attention reads rows as they lie, but widen a rectangle.
        fixed_shapes = choose_path(machine.device, machine.dtype, config.dropout) == "varlen"
        module.compile_losses(fixed_shapes=fixed_shapes)
        if fixed_shapes:
            builders = [FixedShapes(each) for each in (*material.short, builder)]
            shape = Shape.around(held_out, config.max_length)
            held_out = [padded(batch, shape) for batch in held_out]
    stream = StreamModule(
        builders,
        lambda batches: int(bool(material.short) and budget.share(batches / config.accumulate) >= config.short_share),
        workers=loader_processes(config),
        pin_memory=machine.device.type == "cuda",
    )
    watch = Watch(
        stream,
        log_every=config.log_every,
        flops_per_token=network.config.flops_per_token(builder.mean_length, config.mask_rate),
        matmul_rate=machine.matmul_rate,
        where=text.corpus.where,
    )
    evaluation = HeldOut(held_out, budget, watch, config.evaluations)
    history = MetricHistory(run.directory.history)
    trainer = pl.Trainer(
        accelerator=machine.device.type,
        **trainer_processes(config.devices, config.num_nodes, machine.device.type),
        strategy=config.strategy,
        precision=machine.precision,  # type: ignore[arg-type]
        max_epochs=-1,
        max_steps=config.max_steps or -1,
        accumulate_grad_batches=config.accumulate,
        logger=[history, tracking] if tracking else [history],
        callbacks=[
            peers,
            budget,
            watch,
            evaluation,
            TrainingProgress(run.console, lambda trainer: _status(trainer, budget, watch, evaluation)),
            StopOnSignal(lambda trainer: _save_and_tell(trainer, run.directory.checkpoints)),
            Checkpoints(run.directory.checkpoints, config.checkpoint_minutes),
        ],
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        default_root_dir=run.directory.path,
    )
    if run.checkpoint:
        history.cut_from(checkpoint_step(run.checkpoint) + 1)
    trainer.fit(module, stream, ckpt_path=run.checkpoint)
    metrics = evaluation.evaluate(trainer, module)
    if trainer.is_global_zero:
        save_pretrained(network, run.directory.model, **FINE_TUNING_DROPOUT)
        text.wordpiece.save(run.directory.model)
    return metrics | {
        "real_tokens_per_second": watch.tokens / budget.seconds,
        "tokens_seen": watch.tokens,
        "steps": trainer.global_step,
        "wall_seconds": budget.seconds,
    }


def _save_and_tell(trainer: pl.Trainer, checkpoints: Path) -> str:
    """What a run that is stopped by hand leaves, and the sentence about it."""
    trainer.save_checkpoint(checkpoints / f"step={trainer.global_step}.ckpt")
    return (
        f"stopped at step {trainer.global_step:,}; everything is saved, go on with: python run.py --resume "
        f"{checkpoints.parent}"
    )


def _status(trainer: pl.Trainer, budget: Budget, watch: Watch, evaluation: HeldOut) -> ProgressStatus:
    """The live line."""
    latest = watch.latest | evaluation.latest
    shown = [
        ("MLM", "train_mlm_loss", "{:.3f}"),
        ("NSP", "train_nsp_loss", "{:.3f}"),
        ("held-out MLM", "heldout_mlm_loss", "{:.3f}"),
    ]
    fields = [("step", f"{trainer.global_step:,}")]
    fields += [(label, form.format(latest[name])) for label, name, form in shown if name in latest]
    if watch.latest:
        fields.append(("tokens/s", quantity(watch.latest["real_tokens_per_second"])))
        fields.append(("MFU", f"{watch.latest['mfu']:.0%}"))
        fields.append(("data wait", f"{watch.latest['data_wait']:.1%}"))
    return ProgressStatus(budget.progress(trainer.global_step), fields)
