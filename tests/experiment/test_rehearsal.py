"""The longest step before the first one."""

import pytest
import torch
from torch import nn

from experiment.errors import UsageError
from experiment.rehearsal import given_passes, passes_that_fit, rehearse

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


def test_what_was_asked_for_and_does_not_fit_is_answered_with_what_does():
    def attempt(passes):
        if passes < 8:
            raise torch.OutOfMemoryError

    def fitting(given):
        return passes_that_fit(
            attempt, nn.Linear(2, 2), CPU, given=given, most=16, flag="", instead=lambda passes: f"--device_tokens {4096 // passes}"
        )  # fmt: skip

    assert fitting(None)[0] == fitting(8)[0] == 8
    with pytest.raises(UsageError, match=r"in 2 forward passes does not fit .* in 8 does; give --device_tokens 512"):
        fitting(2)


@pytest.mark.parametrize(
    ("device_size", "accumulate", "devices", "passes"),
    [(None, None, 1, None), (None, 3, 2, 3), (256, None, 1, 4), (256, None, 2, 2), (300, None, 1, 4), (256, 4, 1, 4), (512, 4, 1, 4)],
    ids=["left to what fits", "given", "derived", "over two devices", "rounded up", "both", "more than needed"],
)  # fmt: skip
def test_passes_follow_from_what_a_device_holds(device_size, accumulate, devices, passes):
    assert given_passes(1024, device_size, accumulate, devices, ("batch_tokens", "device_tokens")) == passes


def test_numbers_that_contradict_each_other_are_refused():
    with pytest.raises(
        UsageError, match="--accumulate 2 passes of --device_tokens 256 on 1 devices are fewer than --batch_tokens 1024"
    ):
        given_passes(1024, 256, 2, 1, ("batch_tokens", "device_tokens"))
