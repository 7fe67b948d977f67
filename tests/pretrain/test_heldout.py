"""Held-out text: one fixed set, whatever the run."""

import pytest
import torch

from experiment.console import Console
from experiment.run_directory import RunDirectory
from pretrain.heldout import EXAMPLES, HeldOutText
from pretrain.pipeline import pretrain
from pretrain.text import prepare_text, window_builder


def pairs_of(text):
    """Every pair as the network sees it, with what is masked."""
    found = []
    for batch in text.batches():
        found.append((batch.packed.input_ids.tolist(), batch.labels.tolist(), batch.next_sentence.tolist()))
    return found


def held_out(config, quiet):
    return HeldOutText(window_builder(prepare_text(config, quiet), config, held_out=True))


@pytest.fixture
def quiet():
    return Console(quiet=True)


def test_it_depends_neither_on_the_batch_nor_on_the_seed(configure, quiet):
    one, two = (
        held_out(configure(batch_tokens=tokens, seed=seed).resolved(), quiet) for tokens, seed in ((64, 0), (4096, 7))
    )
    assert pairs_of(one) == pairs_of(two)


def test_a_thousand_pairs_where_the_text_allows(configure, quiet):
    """120 small documents give 12 to hold out, and those their pairs, several times with other masks."""
    text = held_out(configure().resolved(), quiet)
    an_epoch = text.builder.pairs.examples
    assert len(text.examples) == min(EXAMPLES, 8 * an_epoch) > 24
    assert len({repr(pair) for pair in pairs_of(text)}) == len(text)


def test_halves_of_a_batch_have_its_sums(configure, quiet, monkeypatch):
    text = held_out(configure().resolved(), quiet)
    batch = text.batches()[0]

    def counted(batch):
        if batch.packed.sequences > 5:
            raise torch.OutOfMemoryError
        return torch.tensor([float(batch.packed.tokens), float(batch.labels.numel())])

    assert text.sums(0, counted, torch.device("cpu")).tolist() == [batch.packed.tokens, batch.labels.numel()]


def test_every_run_over_a_text_has_the_same_figures_before_training(configure):
    from experiment.history import read_curves

    runs = [pretrain(configure(max_steps=2, batch_tokens=tokens)) for tokens in (128, 512)]
    first = [read_curves(RunDirectory(run).history)["heldout_mlm_loss"][1][0] for run in runs]
    assert first[0] == first[1]
