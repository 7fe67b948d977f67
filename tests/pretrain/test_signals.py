"""A signal to all processes of a run saves everything, and the same command goes on as if nothing had been."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from experiment.run_directory import RunDirectory, checkpoint_step
from pretrain.pipeline import pretrain

ROOT = Path(__file__).parents[2]
STEPS = 24


@pytest.fixture
def command(configure, corpus_file, tmp_path):
    """The one command of a run that a scheduler starts as often as need be."""
    config = configure()
    flags = {
        "corpus": corpus_file, "vocab_size": 640, "max_length": 32, "batch_tokens": 256, "max_steps": STEPS, "workers": 2,
        "evaluations": 2, "log_every": 1, "dropout": 0.1, "precision": "32", "accelerator": "cpu", "tracking_uri": "none",
        "output_dir": tmp_path / "runs", "cache_dir": config.cache_dir, "resume": "auto", "name": "stopped",
    }  # fmt: skip
    return [sys.executable, "run.py", *(text for name, value in flags.items() for text in (f"--{name}", str(value)))]


def ended(command, moment, number=signal.SIGTERM):
    """Starts the command, sends the signal to all of its processes once `moment()` is there, and gives status and errors."""
    process = subprocess.Popen(
        command, cwd=ROOT, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    while not moment() and process.poll() is None:
        time.sleep(0.01)
    if process.poll() is None:
        os.killpg(process.pid, number)
    out, errors = process.communicate(timeout=300)
    return process.returncode, errors, out


def test_a_run_is_stopped_again_and_again_and_ends_with_the_same_weights(configure, command, tmp_path):
    directory = RunDirectory(tmp_path / "runs" / "pretrain" / "stopped")
    curves = directory.history

    def in_step(number):
        return lambda: curves.exists() and f'"step": {number},' in curves.read_text()

    status, errors, out = ended(command, (directory.path / "config.yaml").exists)  # before the training
    assert status == 143 and "Traceback" not in errors and "stopped" in errors
    assert "it begins" in " ".join(out.split())
    for number, sent in ((3, signal.SIGTERM), (9, signal.SIGUSR1), (16, signal.SIGTERM)):
        status, errors, _ = ended(command, in_step(number), sent)
        assert status == 143 and "Traceback" not in errors, errors
        step = checkpoint_step(directory.newest_checkpoint())
        assert step >= number and f"stopped at step {step}; everything is saved" in errors
        assert f'"step": {step},' in curves.read_text().splitlines()[-1].replace(
            "}", ","
        )  # the last step that was done
    status, errors, _ = ended(command, lambda: False)
    assert status == 0, errors
    status, _, out = ended(command, lambda: False)
    assert status == 0 and "is finished; its model is in" in " ".join(out.split())
    whole = pretrain(configure(name="whole", max_steps=STEPS, dropout=0.1, log_every=1))
    one, two = (load_file(path / "model" / "model.safetensors") for path in (whole, directory.path))
    assert one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def test_two_processes_are_stopped_at_one_step_and_one_goes_on(configure, command, tmp_path):
    """A scheduler's signal to torchrun and all that it started; the run is then finished by another number of processes."""
    directory = RunDirectory(tmp_path / "runs" / "pretrain" / "stopped")
    two = [command[0], "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", *command[1:]]

    def in_step_4():
        return directory.history.exists() and '"step": 4,' in directory.history.read_text()

    _, errors, _ = ended(two, in_step_4)
    (checkpoint,) = directory.checkpoints.glob("[!.]*.ckpt")
    step = checkpoint_step(checkpoint)
    assert (
        errors.count(f"stopped at step {step}; everything is saved") == 1
    )  # said by the main process, agreed on by both
    state = torch.load(checkpoint, weights_only=True)
    (place,) = (value["place"] for name, value in state.items() if name == "StreamModule")
    assert state["global_step"] == step and tuple(place) == (0, step, step)
    status, errors, _ = ended(command, lambda: False)
    assert status == 0, errors
    whole = pretrain(configure(name="whole", max_steps=STEPS))
    seen = [json.loads((path / "metrics.json").read_text())["tokens_seen"] for path in (whole, directory.path)]
    assert seen[0] == seen[1]  # every example once, whoever computed it
