"""A pretraining run from its configuration to its last file.

    configuration → run directory → text (corpus, tokenizer, held-out documents) → network → training → model/, report

The order is that of the screen: what is read here from top to bottom is what a user sees from top to bottom.
"""

import logging
import os
import warnings
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from bert_core.config import SIZES, BertConfig
from bert_core.model import Bert, BertForPreTraining
from bert_core.pretrained import PretrainedError, from_pretrained, save_pretrained
from data.errors import DataError
from experiment.console import quantity
from experiment.environment import agree, describe_environment, process_rank
from experiment.errors import UsageError
from experiment.history import MetricHistory
from experiment.options import as_dict
from experiment.progress import ProgressStatus, TrainingProgress
from experiment.tracking import Tracking, open_tracking
from pretrain.batches import PreTrainingBatch, WindowBuilder
from pretrain.callbacks import Budget, Checkpoints, HeldOut, InterruptedRun, NotFiniteError, StopByHand, Watch
from pretrain.config import PretrainConfig
from pretrain.initial import new_network
from pretrain.module import PreTrainingModule
from pretrain.results import shape_of, show_results, show_start, write_results
from pretrain.start import KIND, Machine, Run, choose_machine, open_run
from pretrain.stream import StreamModule
from pretrain.text import Text, held_out_batches, prepare_text, unigram_guess, window_builder

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
    _quiet_libraries()
    run = open_run(config)
    config, directory, console = run.config, run.directory, run.console
    pl.seed_everything(config.seed, verbose=False)
    text = _prepare(run)
    builder = window_builder(text, config)
    held_out = held_out_batches(window_builder(text, config, held_out=True))
    unigram = unigram_guess(text.frequencies, held_out)
    network = _network(config, text)
    machine = choose_machine(config)
    if process_rank() == 0:
        directory.write_json("data_report.json", text.report())
        text.wordpiece.save(directory.tokenizer)
        show_start(run, text, builder, network, machine)
    environment = describe_environment()
    tracking = open_tracking(
        config.tracking_uri,
        KIND,
        directory,
        output_dir=config.output_dir,
        params=as_dict(config) | shape_of(network, text),
        tags={name: str(value) for name, value in environment.items() if value is not None}
        | {"data_fingerprint": text.corpus.fingerprint, "matmul_flops": f"{machine.matmul_rate:.3g}"},
        warn=console.warning,
    )
    try:
        metrics = _train(run, text, builder, held_out, network, machine, tracking)
        if process_rank() == 0:
            write_results(run, text, builder, unigram, metrics, environment, tracking)
            directory.mark_finished()
            show_results(run, unigram, metrics, tracking)
    except BaseException as error:
        if tracking:
            tracking.finish("KILLED" if isinstance(error, InterruptedRun | KeyboardInterrupt) else "FAILED")
        raise
    if tracking:
        tracking.finish()
    if torch.distributed.is_initialized():
        torch.distributed.barrier()  # the main process writes the results; the launcher ends all when one ends early
        torch.distributed.destroy_process_group()
    return directory.path


def _prepare(run: Run) -> Text:
    """The main process first: the others find its work in the cache."""
    if process_rank() == 0:
        text = prepare_text(run.config, run.console.progress)
        agree(lambda: "prepared")
        return text
    agree(lambda: "prepared")
    return prepare_text(run.config, run.console.progress)


def _network(config: PretrainConfig, text: Text) -> BertForPreTraining:
    """A new network of the preset's size, or the one to go on from.

    Raises:
        PretrainedError, UsageError: the given folder holds no BERT, or one that does not fit.
    """
    assert config.max_length
    if config.init_from is None:
        network = new_network(
            BertConfig(
                vocab_size=text.wordpiece.vocab_size,
                max_position_embeddings=config.max_length,
                hidden_dropout_prob=config.dropout,
                attention_probs_dropout_prob=config.dropout,
                **SIZES[config.preset],
            ),
            text.frequencies,
        )
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
    return network


def _train(
    run: Run,
    text: Text,
    builder: WindowBuilder,
    held_out: list[PreTrainingBatch],
    network: BertForPreTraining,
    machine: Machine,
    tracking: Tracking | None,
) -> dict[str, Any]:
    """Trains, saves `model/`, and returns the figures of `metrics.json`.

    Raises:
        NotFiniteError, InterruptedRun: the training ended early.
    """
    config = run.config
    if config.compile:
        network.compile(dynamic=True)  # in place: the names of the weights stay clean
    budget = Budget(config.max_steps, config.max_minutes)
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
    stream = StreamModule(builder, workers=machine.workers, pin_memory=machine.device.type == "cuda")
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
        devices=config.devices or ("auto" if machine.device.type == "cuda" else 1),
        num_nodes=config.num_nodes,
        strategy=config.strategy,
        precision=machine.precision,  # type: ignore[arg-type]
        max_epochs=-1,
        max_steps=config.max_steps or -1,
        accumulate_grad_batches=config.accumulate,
        logger=[history, tracking] if tracking else [history],
        callbacks=[
            budget,
            watch,
            evaluation,
            TrainingProgress(run.console, lambda trainer: _status(trainer, budget, watch, evaluation)),
            StopByHand(run.directory.checkpoints),
            Checkpoints(run.directory.checkpoints, config.checkpoint_minutes),
        ],
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        default_root_dir=run.directory.path,
    )
    if run.checkpoint:
        history.cut_from(_step_of(run.checkpoint) + 1)
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


def _step_of(checkpoint: Path) -> int:
    return int(checkpoint.stem.partition("=")[2])


def _quiet_libraries() -> None:
    """What libraries say to developers hides what the run says to its user."""
    for name in ("pytorch_lightning", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
