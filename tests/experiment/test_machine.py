"""The device, the precision and the threads of a process. GPUs are made up: what counts is what PyTorch is asked for."""

import os

import pytest
import torch

from experiment.errors import UsageError
from experiment.machine import Machine, choose_machine

SRUN = {"SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_NUM_NODES": "1", "SLURM_PROCID": "1", "SLURM_LOCALID": "1"}


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    """PyTorch's settings and the launcher's variables are the whole process's."""
    for name in [
        name for name in os.environ if name.startswith(("SLURM_", "LOCAL_")) or name in ("RANK", "WORLD_SIZE")
    ]:
        monkeypatch.delenv(name)
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    yield
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision(precision)


@pytest.fixture
def gpus(monkeypatch):
    """A machine with GPUs of this capability; gives what was done to them, in order."""

    def make(count=2, capability=(9, 0)):
        done = []
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.cuda, "set_device", lambda device: done.append(("set", torch.device(device).index)))
        monkeypatch.setattr(
            torch.cuda,
            "get_device_capability",
            lambda device=None: done.append(("asked", torch.device(device).index)) or capability,
        )
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: capability[0] >= 8)
        return done

    return make


@pytest.mark.parametrize(
    ("variables", "index"),
    [
        ({}, 0),
        ({"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"}, 1),
        (SRUN, 1),
        ({"LOCAL_RANK": "3", "WORLD_SIZE": "4"}, 1),
        (SRUN | {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "2"}, 0),
    ],
    ids=["alone", "torchrun", "srun", "more processes than GPUs to see", "torchrun within Slurm"],
)
def test_each_process_has_its_own_device_before_anything_touches_one(gpus, monkeypatch, variables, index):
    done = gpus()
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    machine = choose_machine("auto", "32")
    assert machine.device == torch.device("cuda", index)
    assert done[0] == ("set", index) and all(each[1] == index for each in done)


def test_nothing_is_measured(gpus, monkeypatch):
    gpus()
    monkeypatch.setattr("experiment.environment.matmul_rates", None)
    choose_machine("gpu", "auto")


@pytest.mark.parametrize(
    ("capability", "precision"),
    [((9, 0), "bf16-mixed"), ((8, 0), "bf16-mixed"), ((7, 5), "16-mixed"), ((7, 0), "16-mixed"), ((6, 1), "32-true")],
    ids=["H200", "A100", "T4", "V100", "P40"],
)
def test_auto_is_the_fastest_precision_that_the_tensor_cores_know(gpus, capability, precision):
    gpus(capability=capability)
    assert choose_machine("auto", "auto").precision == precision


@pytest.mark.parametrize(
    ("asked", "setting", "said"),
    [("32", "highest", "fp32 (TF32 off)"), ("tf32", "high", "fp32 with TF32 products"), ("bf16", "highest", "bf16")],
    ids=["32", "tf32", "bf16"],
)
def test_tf32_is_a_choice_and_is_said(gpus, asked, setting, said):
    gpus(capability=(8, 0))
    torch.set_float32_matmul_precision("medium")  # as another library may have left it
    machine = choose_machine("auto", asked)
    assert torch.get_float32_matmul_precision() == setting
    assert said in machine.description and machine.tf32 == (asked == "tf32")


def test_where_there_is_no_tf32_none_is_spoken_of(gpus):
    gpus(capability=(7, 0))
    assert choose_machine("auto", "32").arithmetic == choose_machine("cpu", "32").arithmetic == "fp32"
    with pytest.raises(UsageError, match="--precision tf32 needs an NVIDIA GPU of the Ampere generation"):
        choose_machine("auto", "tf32")


@pytest.mark.parametrize(
    ("accelerator", "precision", "sentence"),
    [
        ("cpu", "tf32", "--precision tf32 needs an NVIDIA GPU"),
        ("cpu", "16", "--precision 16 is for GPUs"),
        ("gpu", "auto", "--accelerator gpu: this machine shows no such GPU"),
        ("cuda", "auto", "--accelerator cuda: this machine shows no such GPU"),
        ("cuda:1", "auto", "--accelerator cuda:1 is not known"),
        ("meta", "auto", "--accelerator meta is not known"),
    ],
    ids=lambda value: value if len(value) < 10 else "",
)
def test_what_cannot_be_is_refused_in_a_sentence(monkeypatch, accelerator, precision, sentence):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(UsageError, match=sentence):
        choose_machine(accelerator, precision)


def test_the_threads_are_those_that_were_asked_for():
    machine = choose_machine("cpu", "32", 3)
    assert machine.threads == torch.get_num_threads() == 3
    assert machine.description == "cpu, fp32, 3 threads"
    assert choose_machine("cpu", "32", 1).description == "cpu, fp32, 1 thread"


def test_autocast_is_off_in_fp32_and_on_in_bf16():
    with Machine(torch.device("cpu"), "bf16-mixed").autocast():
        assert torch.mm(torch.ones(2, 2), torch.ones(2, 2)).dtype == torch.bfloat16
    with Machine(torch.device("cpu"), "32-true").autocast():
        assert torch.mm(torch.ones(2, 2), torch.ones(2, 2)).dtype == torch.float32
