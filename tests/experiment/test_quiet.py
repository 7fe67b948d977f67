"""Compilers and profilers say nothing on the screen, and what the program itself warns of stays."""

import logging
import warnings

import pytest
import torch

from experiment.quiet import quiet_compilers


@pytest.fixture(autouse=True)
def restored():
    levels = {name: logging.getLogger(name).level for name in ("torch._inductor", "torch._dynamo")}
    with warnings.catch_warnings():
        yield
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.parametrize(
    ("module", "silent"),
    [
        ("torch._inductor.lowering", True),
        ("torch._inductor.compile_fx", True),
        ("torch._dynamo.eval_frame", True),
        ("torch.profiler.profiler", True),
        ("torch.nn.functional", False),
        ("pretrain.module", False),
    ],
)
def test_warnings_by_where_they_come_from(recwarn, module, silent):
    warnings.simplefilter("always")
    quiet_compilers()
    text = "\nOnline softmax is disabled on the fly since Inductor decides to\nsplit the reduction."
    warnings.warn_explicit(text, UserWarning, "lowering.py", 7836, module=module)
    assert [str(warning.message) for warning in recwarn] == ([] if silent else [text])


def test_a_profile_of_several_steps_is_silent(capfd, recwarn):
    warnings.simplefilter("always")
    quiet_compilers()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
        torch.ones(4, 4) @ torch.ones(4, 4)
    profiler.key_averages()
    assert not list(recwarn) and "Warning" not in capfd.readouterr().err


def test_loggers_of_compilers_tell_errors_only():
    quiet_compilers()
    for name in ("torch._inductor.utils", "torch._dynamo.convert_frame"):
        assert not logging.getLogger(name).isEnabledFor(logging.WARNING)
        assert logging.getLogger(name).isEnabledFor(logging.ERROR)
