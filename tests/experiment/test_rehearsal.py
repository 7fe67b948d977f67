"""The longest step before the first one."""

import pytest
import torch
from torch import nn

from experiment.errors import UsageError
from experiment.rehearsal import rehearse

CPU = torch.device("cpu")


def rehearsed(attempt, passes=1, most=8):
    return rehearse(attempt, parameters=[], device=CPU, passes=passes, most=most, flag="lower --max_length")


def test_what_does_not_fit_takes_twice_as_many_passes_until_it_does():
    tried = []

    def attempt(passes):
        tried.append(passes)
        if passes < 4:
            raise torch.OutOfMemoryError("CUDA out of memory")

    passes, seconds = rehearsed(attempt)
    assert passes == 4 and seconds >= 0 and tried[:3] == [1, 2, 4]


def test_what_never_fits_is_a_sentence_that_names_a_flag():
    def attempt(passes):
        raise RuntimeError("MPS backend out of memory")

    with pytest.raises(UsageError, match="does not fit into the memory of cpu; lower --max_length"):
        rehearsed(attempt, most=4)


def test_other_errors_stay_what_they_are():
    def attempt(passes):
        raise RuntimeError("a fault")

    with pytest.raises(RuntimeError, match="a fault"):
        rehearsed(attempt)


def test_nothing_of_it_is_left():
    weight = nn.Parameter(torch.ones(3))
    before = weight.detach().clone()

    def attempt(passes):
        (weight * 2).sum().backward()

    rehearse(attempt, parameters=[weight], device=CPU, passes=1, most=1, flag="")
    assert weight.grad is None and torch.equal(weight, before)
