"""What a step waits for: beside gradients and label counts nothing, neither for another process nor for the device."""

import json
import os
import subprocess
import sys
from pathlib import Path

from bert_core.config import SIZES, BertConfig
from bert_core.model import BertForPreTraining

ROOT = Path(__file__).parents[2]

PROGRAM = """
import json, sys
import pytorch_lightning as pl
from torch.profiler import ProfilerActivity, profile
from experiment import callbacks
from experiment.distributed import process_rank
import run

callbacks._SECONDS_BETWEEN_AGREEMENTS = 1e9  # however slow the machine is
fit, path = pl.Trainer.fit, sys.argv.pop(1)

def profiled(self, *arguments, **options):
    with profile(activities=[ProfilerActivity.CPU]) as found:
        fit(self, *arguments, **options)
    if process_rank() == 0:
        with open(path, "w") as file:
            json.dump({event.key: event.count for event in found.key_averages()}, file)

pl.Trainer.fit = profiled
run.main()
"""


def test_collectives_and_synchronisations_of_a_step(configure, corpus_file, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")

    def counts(steps):
        flags = dict(vocab_size=400, max_length=32, batch_tokens=256, max_steps=steps, workers=0, evaluations=1, log_every=1000,
                     accelerator="cpu", precision="32", tracking_uri="none", output_dir=tmp_path / "runs", name=f"{steps}",
                     cache_dir=tmp_path / "cache")  # fmt: skip
        path = tmp_path / f"{steps}.json"
        command = [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nproc_per_node",
            "2",
            str(program),
            str(path),
        ]
        command += ["--corpus", str(corpus_file)]
        command += [text for name, value in flags.items() for text in (f"--{name}", str(value))]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, env=environment)
        assert done.returncode == 0, done.stderr
        return json.loads(path.read_text())

    few, many = counts(6), counts(26)
    more = {name: many.get(name, 0) - few.get(name, 0) for name in many}
    network, steps = BertForPreTraining(BertConfig(vocab_size=400, **SIZES["tiny"])), 20
    parameters = sum(
        not (name.startswith("bert.blocks.") and parameter.ndim == 2) for name, parameter in network.named_parameters()
    )  # the others are Muon's
    assert more["c10d::allreduce_"] == 3 * steps  # two buckets of gradients, and the label counts
    others = {name for name, count in more.items() if name.startswith("c10d::") and count and "allreduce" not in name}
    assert not others
    # AdamW's kernel for CPUs reads the step of each parameter, which lies on the CPU in any case.
    assert more.get("aten::_local_scalar_dense", 0) == parameters * steps
