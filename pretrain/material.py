"""All that a training needs, brought together before its first step: text, batches, network, machine."""

from dataclasses import dataclass, replace

import pytorch_lightning as pl

from bert_core.config import SIZES, BertConfig
from bert_core.model import Bert, BertForPreTraining
from bert_core.pretrained import PretrainedError, from_pretrained
from experiment.distributed import from_main, process_rank
from experiment.errors import UsageError
from experiment.machine import Machine, choose_machine
from experiment.speed import Speed, measure_speed
from pretrain.batches import WindowBuilder
from pretrain.config import POSITIONS, PretrainConfig
from pretrain.heldout import HeldOutText
from pretrain.initial import prepare_network
from pretrain.start import Run
from pretrain.text import Text, Unigram, prepare_text, unigram_guess, window_builder


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


def prepare(run: Run) -> Material:
    """Everything before the first step, so that what can fail for a user's mistake fails here."""
    config = run.config
    assert config.cache_dir is not None
    machine = choose_machine(config.accelerator, config.precision, config.threads)
    speed = measure_speed(machine, config.cache_dir)
    pl.seed_everything(config.seed, verbose=False)
    text = _text(run)
    short = replace(config, max_length=config.short_length, short_length=None) if config.short_length else None
    with run.console.phase("Building held-out pairs"):
        held_out = HeldOutText(window_builder(text, config, held_out=True))
    with run.console.phase("Initialising the network" if config.init_from is None else "Loading the network"):
        network = _network(config, text)
    return Material(
        text=text,
        builder=window_builder(text, config),
        short=[window_builder(text, short)] if short else [],
        held_out=held_out,
        unigram=unigram_guess(text.frequencies, held_out.labels()),
        network=network,
        machine=machine,
        speed=speed,
    )


def _text(run: Run) -> Text:
    """The main process first: the others find its work in the cache."""
    if process_rank() == 0:
        text = prepare_text(run.config, run.console)
        from_main(lambda: "prepared")
        return text
    from_main(lambda: "prepared")
    return prepare_text(run.config, run.console)


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
