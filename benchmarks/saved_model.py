"""What the model of a finished run is worth when it is read again: its held-out loss, its keys for transformers, its distance from
another one."""

import math
from pathlib import Path

import checkout  # noqa: F401
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from bert_core.model import BertForPreTraining
from bert_core.pretrained import from_pretrained
from experiment.console import Console
from experiment.options import parse
from pretrain.config import PretrainConfig
from pretrain.heldout import HeldOutText
from pretrain.text import prepare_text, window_builder


@torch.no_grad()
def held_out_loss(run: Path, device: torch.device) -> float:
    """Mean MLM loss on the held-out documents of a pretraining run, in fp32, of the network in its `model/`."""
    settings = parse(PretrainConfig, ["--config", str(run / "config.yaml")], description="")
    text = prepare_text(settings, Console(quiet=True))
    network = from_pretrained(BertForPreTraining, run / "model").eval().to(device)
    total = count = 0.0
    for batch in HeldOutText(window_builder(text, settings, held_out=True)).batches():
        batch = batch.to(device)
        logits = network(batch.packed, batch.masked).mlm
        total += float(F.cross_entropy(logits, batch.labels, reduction="sum"))
        count += batch.labels.numel()
    return total / count


def keys_that_differ(model: Path, *, heads: bool) -> list[str]:
    """Weights that transformers misses or does not know, with the heads of pretraining or of the encoder alone."""
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    kind = transformers.AutoModelForPreTraining if heads else transformers.AutoModel
    _, found = kind.from_pretrained(model, output_loading_info=True)
    return [str(key) for name in ("missing_keys", "unexpected_keys", "mismatched_keys") for key in found[name]]


def distance(start: Path, one: Path, other: Path) -> float:
    """How far the weights of `other` lie from those of `one`, as a share of how far these lie from the start's.

    Folders with a `model.safetensors`; what the start does not have, a new head, does not count.
    """

    def encoder(folder: Path) -> dict[str, Tensor]:
        return {name.removeprefix("bert."): tensor for name, tensor in load_file(folder / "model.safetensors").items()}

    before, first, second = encoder(start), encoder(one), encoder(other)
    names = [name for name in first if name in before and before[name].shape == first[name].shape]

    def norm(left: dict[str, Tensor], right: dict[str, Tensor]) -> float:
        return math.sqrt(sum(float((left[name] - right[name]).double().square().sum()) for name in names))

    return norm(first, second) / norm(first, before)
