"""The longest batch before the first step: in how many passes it fits, compiled or not."""

from types import SimpleNamespace

import pytest
import torch

import pretrain.training
from experiment.console import Console
from experiment.errors import UsageError
from experiment.machine import choose_machine
from pretrain.training import _first_step


class Module:
    """Runs out of memory with more than so many tokens, and with other ones once it is compiled."""

    def __init__(self, network, fits, fits_compiled):
        self.network, self.fits, self.fits_compiled, self.tried = network, fits, fits_compiled, []

    def compile_losses(self, *, fixed_shapes):
        self.fits = self.fits_compiled

    def losses(self, batch, counts):
        self.tried.append(batch.tokens)
        if batch.tokens > self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self.network.weight.sum(), counts


@pytest.fixture
def first_step(configure, windows, monkeypatch):
    """`_first_step` of a run that compiles by its own choice, and the module that it tries; the longest batch has 685 tokens."""
    monkeypatch.setattr(pretrain.training, "choose_way", lambda *_: "any shapes")

    def make(fits, fits_compiled, **options):
        network = torch.nn.Linear(2, 2)
        module = Module(network, fits, fits_compiled)
        material = SimpleNamespace(
            builder=windows(batch_tokens=512), short=[], machine=choose_machine("cpu", "32", 1), network=network
        )
        run = SimpleNamespace(config=configure(batch_tokens=512, **options).resolved(), console=Console(quiet=True))
        return _first_step(run, material, module, 1)[0][0].passes, module

    return make


def test_what_fits_only_uncompiled_takes_more_passes_when_it_is_compiled(first_step):
    passes, module = first_step(fits=400, fits_compiled=100)
    assert passes == 8
    assert sum(tokens > 400 for tokens in module.tried) == 1, "what did not fit uncompiled is not compiled"
    assert first_step(fits=400, fits_compiled=400)[0] == 2


def test_passes_that_were_given_are_answered_with_what_fits_compiled_too(first_step):
    assert first_step(fits=400, fits_compiled=100, accumulate=8)[0] == 8
    with pytest.raises(
        UsageError, match=r"in 2 forward passes does not fit .* in 8 does; give --device_tokens 64 or --no_compile"
    ):
        first_step(fits=400, fits_compiled=100, accumulate=2)
