"""Two processes on the CPU, from the command line, with torchrun: they train as one, evaluate as one, and write once."""

import json
import os
import subprocess
import sys
from pathlib import Path

from finetune.entity.files import read_answers

ROOT = Path(__file__).parents[3]


def test_two_processes_train_and_evaluate_as_one(checkpoint, texts_file, tmp_path):
    flags = {
        "task": "ner", "checkpoint": checkpoint, "train_file": texts_file, "dev_share": 0.2, "epochs": 6, "batch_size": 16,
        "learning_rate": 0.005, "accelerator": "cpu", "devices": 2, "strategy": "ddp", "precision": "32",
        "tracking_uri": "none", "output_dir": tmp_path / "runs", "name": "two",
    }  # fmt: skip
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc_per_node",
        "2",
        "run_finetune.py",
    ]
    command += [text for name, value in flags.items() for text in (f"--{name}", str(value))]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr
    path = tmp_path / "runs" / "finetune" / "ner" / "two"
    assert done.stdout.count("Where it lies") == 1 and (path / "finished").exists()
    metrics = json.loads((path / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["steps"] == 6 * 6  # 96 texts, 16 a step
    assert metrics["entity_f1"] > 0.5
    # What the evaluations of both processes together saw is what one process finds in the saved model's answers.
    history = [json.loads(line) for line in (path / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    assert max(line["dev_entity_f1"] for line in history if "dev_entity_f1" in line) == metrics["entity_f1"]
    assert len(list(read_answers(path / "predictions.jsonl"))) == 24


def test_two_processes_have_the_gradients_and_metrics_of_one(checkpoint, texts_file, trained_alike):
    trained_alike({"task": "ner", "checkpoint": checkpoint, "train_file": texts_file, "dev_share": 0.2})
