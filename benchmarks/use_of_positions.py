"""Whether a pretrained model uses where words stand: python benchmarks/use_of_positions.py [RUN_DIRECTORY]

Evaluates a run's held-out text twice: as it is, and with the positions within each sequence shuffled. A network that has
learnt no order scores the same.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import checkout  # noqa: F401
import torch
import torch.nn.functional as F

from bert_core.model import BertForPreTraining
from bert_core.packing import Packed
from bert_core.pretrained import from_pretrained
from experiment.console import Console
from experiment.options import parse
from pretrain.config import PretrainConfig
from pretrain.heldout import HeldOutText
from pretrain.text import prepare_text, window_builder

RESULTS = Path(__file__).parent / "results"


def shuffled(packed: Packed) -> Packed:
    """The same tokens with the positions of each sequence in another order."""
    generator = torch.Generator().manual_seed(0)
    rows = packed.position_ids.split(packed.boundaries.diff().tolist())
    return replace(packed, position_ids=torch.cat([row[torch.randperm(len(row), generator=generator)] for row in rows]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="?", default=Path("runs/pretrain/latest"))
    run = parser.parse_args().run
    config = parse(PretrainConfig, ["--config", str(run / "config.yaml")], description="")
    text = prepare_text(config, Console())
    batches = HeldOutText(window_builder(text, config, held_out=True)).batches()
    network = from_pretrained(BertForPreTraining, run / "model").eval()

    @torch.no_grad()
    def loss(change: Callable[[Packed], Packed]) -> float:
        sums = [F.cross_entropy(network(change(b.packed), b.masked).mlm, b.labels, reduction="sum") for b in batches]
        return float(sum(sums)) / sum(b.labels.numel() for b in batches)

    result = {"preset": config.preset, "mlm_loss": loss(lambda packed: packed), "positions_shuffled": loss(shuffled)}
    print(json.dumps(result, indent=1))
    (RESULTS / "use_of_positions.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
