"""Two processes on the CPU, from the command line, with torchrun: they train as one, evaluate as one, and write once."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_two_processes_carry_out_a_series_of_seeds(checkpoint, rows_file, tmp_path):
    flags = {
        "task": "re", "checkpoint": checkpoint, "train_file": rows_file, "dev_share": 0.2, "epochs": 4, "batch_size": 16,
        "learning_rate": 0.002, "accelerator": "cpu", "devices": 2, "strategy": "ddp", "precision": "32",
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
    command += [text for name, value in flags.items() for text in (f"--{name}", str(value))] + ["--seeds", "0", "1"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr
    path = tmp_path / "runs" / "finetune" / "re" / "two"
    assert done.stdout.count("Where it lies") == 1 and (path / "finished").exists()
    for run in (path / "runs").iterdir():
        metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
        assert metrics["steps"] == 4 * 6  # 96 rows, 16 a step
        assert metrics["micro_f1"] > 0.5
        # What the last evaluation of both processes together saw is what one process finds in the saved model's answers.
        history = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
        assert max(line["dev_micro_f1"] for line in history if "dev_micro_f1" in line) == metrics["micro_f1"]
        with (run / "predictions.csv").open(encoding="utf-8", newline="") as file:
            assert len(list(csv.DictReader(file))) == 24


def test_two_processes_have_the_gradients_and_metrics_of_one(checkpoint, rows_file, trained_alike):
    trained_alike(
        {"task": "re", "checkpoint": checkpoint, "train_file": rows_file, "class_weights": "balanced", "dev_share": 0.2}
    )
