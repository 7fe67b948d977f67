"""A run in one process or in two, with the gradients of its first step."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure

from bert_core.config import BertConfig
from bert_core.model import Bert
from bert_core.pretrained import save_pretrained
from experiment.history import read_curves

ROOT = Path(__file__).parents[2]

PROGRAM = """
import sys
import torch
from finetune.module import FineTuningModule
from experiment.distributed import process_rank
import run_finetune

original, path = FineTuningModule.configure_gradient_clipping, sys.argv.pop(1)

def keep_the_first(self, *arguments, **options):
    if self.global_step == 0 and process_rank() == 0:
        gradients = {name: each.grad for name, each in self.network.named_parameters() if each.grad is not None}
        torch.save(gradients, path)
    original(self, *arguments, **options)

FineTuningModule.configure_gradient_clipping = keep_the_first
run_finetune.main()
"""


@pytest.fixture
def trained_alike(tmp_path):
    """Holds a run in two processes of two passes each against the same in one: gradients of the first step within float
    summation, curves and metrics."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")

    def carry_out(name, processes, flags):
        flags = flags | {
            "output_dir": tmp_path / "runs", "name": name, "epochs": 1, "batch_size": 16, "dropout": 0.0, "log_every": 1,
            "learning_rate": 0.002, "accelerator": "cpu", "precision": "32", "tracking_uri": "none",
        }  # fmt: skip
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
        command = [sys.executable, *(launcher if processes > 1 else []), str(program), str(tmp_path / f"{name}.pt")]
        command += [text for flag, value in flags.items() for text in (f"--{flag}", str(value))]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, env=environment)
        assert done.returncode == 0, done.stderr
        directory = tmp_path / "runs" / "finetune" / flags["task"] / name
        return torch.load(tmp_path / f"{name}.pt", weights_only=True), directory

    def compare(flags):
        one = carry_out("one", 1, flags)
        _assert_alike(one, carry_out("two", 2, flags | {"accumulate": 2}))

    return compare


def _assert_alike(one, two):
    (expected, first), (gradients, second) = one, two
    assert gradients.keys() == expected.keys()
    scale = max(float(gradient.abs().max()) for gradient in expected.values())
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-6 * scale, msg=name)
    curves = [read_curves(directory / "metrics.jsonl") for directory in (first, second)]
    for name in ("train_loss", "gradient_norm", "tokens_seen", "dev_loss"):
        if name in curves[0]:
            assert curves[0][name][0] == curves[1][name][0]
            assert curves[0][name][1] == pytest.approx(curves[1][name][1], rel=1e-3), name
    metrics = [json.loads((directory / "metrics.json").read_text()) for directory in (first, second)]
    for name in ("steps", "tokens_seen", "micro_f1", "entity_f1"):
        assert metrics[0].get(name) == metrics[1].get(name)


@pytest.fixture(scope="session")
def save_bert():
    """Writes a small BERT of random weights, with its tokenizer, as a run that can be started from."""

    def save(folder, wordpiece):
        torch.manual_seed(0)
        config = BertConfig(
            vocab_size=wordpiece.vocab_size, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=64, max_position_embeddings=64, initializer_range=0.1,
        )  # fmt: skip
        save_pretrained(Bert(config), folder / "model")
        wordpiece.save(folder / "model")
        return folder

    return save


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were saved, for a look inside."""
    figures = []

    def keep(figure, path, **_):
        figures.append(figure)
        path.write_bytes(b"PNG")

    monkeypatch.setattr(Figure, "savefig", keep)
    return figures
