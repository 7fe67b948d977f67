"""That the first command of the README learns both objectives: its own recipe on its own sample, for a fraction of its minute."""

import json

from pretrain.config import PretrainConfig
from pretrain.pipeline import pretrain


def test_both_objectives_are_learnt_on_the_sample_within_140_steps(tmp_path):
    directory = pretrain(
        PretrainConfig(max_steps=140, evaluations=1, accelerator="cpu", output_dir=tmp_path, tracking_uri="none")
    )
    metrics = json.loads((directory / "metrics.json").read_text(encoding="utf-8"))
    # The words' frequencies alone give 7 %, the coin 50 %.
    assert metrics["mlm_accuracy"] > 0.16
    assert metrics["nsp_accuracy"] > 0.78
