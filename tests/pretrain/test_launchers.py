"""One run of several processes, however they are started, and what happens when one of them dies."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2"]


@pytest.fixture
def flags(corpus_file, tmp_path):
    """Of a small run, as words of a command line; None leaves one out."""

    def make(**changes):
        small = {
            "corpus": corpus_file, "vocab_size": 400, "max_length": 32, "batch_tokens": 128, "max_steps": 6, "workers": 0,
            "evaluations": 1, "accelerator": "cpu", "precision": "32", "tracking_uri": "none", "cache_dir": tmp_path / "cache",
            "output_dir": tmp_path / "runs",
        }  # fmt: skip
        return [
            text for name, value in (small | changes).items() if value is not None for text in (f"--{name}", str(value))
        ]

    return make


def environment(**changes):
    outer = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    clean = {name: value for name, value in os.environ.items() if name not in outer and not name.startswith("SLURM_")}
    return clean | {"OMP_NUM_THREADS": "1"} | changes


def started(command, **changes):
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(**changes)
    )


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def srun(command, tasks=2):
    """As srun starts its tasks, without Slurm."""
    job = {
        "SLURM_JOB_ID": "1", "SLURM_JOB_NAME": "pretrain", "SLURM_NTASKS": str(tasks), "SLURM_NNODES": "1", "SLURM_NODEID": "0",
        "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": str(tasks), "SLURM_STEP_NUM_NODES": "1", "SLURM_STEP_TASKS_PER_NODE": str(tasks),
        "SLURM_NODELIST": "localhost", "MASTER_PORT": free_port(),
    }  # fmt: skip
    return [
        started(
            command, **job, PYTHONPATH=str(ROOT), SLURM_PROCID=str(rank), SLURM_LOCALID=str(rank), SLURM_TASK_PID="0"
        )
        for rank in range(tasks)
    ]


@pytest.mark.parametrize(
    ("launcher", "devices"),
    [("srun", None), ("srun", 2), ("lightning", 2)],
    ids=["srun", "srun and --devices", "lightning"],
)
def test_every_launcher_starts_one_run_of_two_processes(flags, tmp_path, launcher, devices):
    command = [sys.executable, "run.py", *flags(devices=devices, name="two")]
    processes = srun(command) if launcher == "srun" else [started(command)]
    ended = [(*process.communicate(timeout=300), process.returncode) for process in processes]
    assert all(status == 0 for _, _, status in ended), ended
    metrics = json.loads((tmp_path / "runs" / "pretrain" / "two" / "metrics.json").read_text())
    assert metrics["steps"] == 6 and 6 * 90 < metrics["tokens_seen"] < 6 * 180  # a step counts over the devices
    assert sum(out.count("Where it lies") for out, _, _ in ended) == 1


def test_a_contradiction_is_said_once(flags):
    done = started([*TORCHRUN, "--standalone", "run.py", *flags(devices=3)])
    _, errors = done.communicate(timeout=120)
    assert done.returncode == 1
    assert errors.count("error: --devices 3 contradicts torchrun, which has started 2 on each of 1 machines") == 1


DIES = """
import os, signal, sys
from pathlib import Path
import run
from pretrain.module import PreTrainingModule
step = PreTrainingModule.training_step

def training_step(self, batch, batch_idx):
    mark = Path(sys.argv[0]).with_name("died")
    if self.global_step == 4 and self.trainer.global_rank == {rank} and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, batch, batch_idx)

PreTrainingModule.training_step = training_step
sys.exit(run.run_main(run.main))
"""


@pytest.fixture
def dies(tmp_path):
    """A program that pretrains, in which a process of the given rank dies once, after four steps."""

    def make(rank):
        path = tmp_path / "dies.py"
        path.write_text(DIES.replace("{rank}", str(rank)))
        return str(path)

    return make


@pytest.mark.parametrize("rank", [0, 1], ids=["the main one", "another"])
def test_when_a_process_dies_the_others_end_with_a_sentence(flags, dies, rank):
    processes = srun([sys.executable, dies(rank), *flags(name="dead")], 2)
    errors = [process.communicate(timeout=300)[1] for process in processes]
    assert processes[rank].returncode == -9 and processes[1 - rank].returncode == 1
    sentence = f"error: process {rank} of 2 on "
    assert errors[1 - rank].count(sentence) == 1 and "Traceback" not in errors[1 - rank], errors[1 - rank]


def test_torchruns_restart_goes_on_from_the_last_checkpoint(flags, dies, tmp_path):
    program = [dies(1), *flags(checkpoint_minutes=1e-6, log_every=1)]
    process = started([*TORCHRUN, "--standalone", "--max_restarts", "2", *program], PYTHONPATH=str(ROOT))
    out, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    (directory,) = [path for path in (tmp_path / "runs" / "pretrain").iterdir() if not path.is_symlink()]
    assert json.loads((directory / "metrics.json").read_text())["steps"] == 6
    assert "it goes on in" in " ".join(out.split()) and out.count("Where it lies") == 1
    lines = (directory / "metrics.jsonl").read_text().splitlines()
    steps = [json.loads(line)["step"] for line in lines if "train_mlm_loss" in line]
    assert steps == [1, 2, 3, 4, 5, 6]
