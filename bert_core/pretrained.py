"""A network on disk, in Hugging Face's layout: `config.json` and `model.safetensors`.

`save_pretrained` writes what `transformers.AutoModelForPreTraining.from_pretrained` loads with no missing and no unexpected
key, or, of an encoder alone, what `AutoModel.from_pretrained` does; `from_pretrained` reads any BERT of that layout, ours or
anyone's: one file of weights or several shards, safetensors or PyTorch's own format, with or without the `bert.` prefix,
with TensorFlow's old LayerNorm names.

The networks differ in one thing only: Hugging Face keeps query, key and value as three matrices [D, D], this network as
one [3 D, D].
"""

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from bert_core.config import BertConfig
from bert_core.model import Bert, BertForPreTraining

Weights = dict[str, Tensor]
Network = TypeVar("Network", Bert, BertForPreTraining)

CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"

_ENCODER_NAMES = {
    "embeddings.token": "embeddings.word_embeddings",
    "embeddings.position": "embeddings.position_embeddings",
    "embeddings.segment": "embeddings.token_type_embeddings",
    "embeddings.norm": "embeddings.LayerNorm",
    "pooler": "pooler.dense",
}
_BLOCK_NAMES = {
    "attention.output": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "feed_forward.expand": "intermediate.dense",
    "feed_forward.contract": "output.dense",
    "feed_forward_norm": "output.LayerNorm",
}
_HEAD_NAMES = {
    "mlm_head.dense": "cls.predictions.transform.dense",
    "mlm_head.norm": "cls.predictions.transform.LayerNorm",
    "nsp_head": "cls.seq_relationship",
}
_MLM_BIAS = ("mlm_head.bias", "cls.predictions.bias")
_PARTS = ("query", "key", "value")


class PretrainedError(Exception):
    """A folder that holds no usable BERT; `str(error)` is one sentence for the user."""


def save_pretrained(network: Bert | BertForPreTraining, directory: Path, **changes: float) -> None:
    """Writes `config.json` and `model.safetensors` in fp32, each whole or not at all.

    The MLM head's output weights are the token embeddings and are written once; readers tie them again.

    Args:
        network: its weights; an encoder alone becomes a `transformers.BertModel`.
        directory: made if it is not there.
        changes: fields of `BertConfig` that `config.json` is to give another value, such as the dropout rates.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if isinstance(network, Bert):
        architecture, named = "BertModel", _unprefixed(to_hugging_face(_prefixed(network.state_dict()), network.config))
    else:
        architecture, named = "BertForPreTraining", to_hugging_face(network.state_dict(), network.config)
    weights = {name: tensor.detach().to("cpu", torch.float32).contiguous() for name, tensor in named.items()}
    _replace(directory / WEIGHTS_FILE, lambda path: save_file(weights, path, metadata={"format": "pt"}))
    config = replace(network.config, **changes)  # type: ignore[arg-type]
    _replace(directory / CONFIG_FILE, lambda path: path.write_text(config.to_json(architecture), encoding="utf-8"))


def from_pretrained(kind: type[Network], directory: Path, **changes: float) -> Network:
    """Builds a network from a folder.

    Args:
        kind: `Bert` for the encoder alone (heads in the folder are left there), `BertForPreTraining` for all of it.
        directory: holds `config.json` and the weights.
        changes: fields of `BertConfig` to set anew, such as the dropout rates; not the sizes.

    Raises:
        PretrainedError: the folder is missing, or its files are, or they do not fit together.
    """
    path = directory / CONFIG_FILE
    if not path.is_file():
        raise PretrainedError(f"{directory} holds no {CONFIG_FILE}; point to the folder of a saved BERT")
    try:
        config = BertConfig.from_json(path)
        network = kind(replace(config, **changes))  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise PretrainedError(str(error)) from None
    weights = from_hugging_face(_read_weights(directory), config)
    if kind is Bert:
        weights = _unprefixed(weights)
    expected = network.state_dict()
    missing = sorted(expected.keys() - weights.keys())
    if missing:
        raise PretrainedError(
            f"the weights in {directory} lack {missing[0]} and {len(missing) - 1} more of {kind.__name__}"
        )
    for name, tensor in expected.items():
        if tensor.shape != weights[name].shape:
            raise PretrainedError(
                f"{name} in {directory} has shape {list(weights[name].shape)}, but its {CONFIG_FILE} asks for {list(tensor.shape)}"
            )
    network.load_state_dict({name: weights[name] for name in expected})
    return network


def to_hugging_face(weights: Weights, config: BertConfig) -> Weights:
    """A `BertForPreTraining.state_dict()` of ours, or its encoder's part alone (`bert.…`), under the names of
    `transformers.BertForPreTraining`."""
    renamed = {theirs: weights[ours] for ours, theirs in _names(config) if ours in weights}
    for layer in range(config.num_hidden_layers):
        for kind in ("weight", "bias"):
            fused = weights[f"bert.blocks.{layer}.attention.qkv.{kind}"]
            for part, tensor in zip(_PARTS, fused.chunk(3), strict=True):
                renamed[f"bert.encoder.layer.{layer}.attention.self.{part}.{kind}"] = tensor
    return renamed


def from_hugging_face(weights: Weights, config: BertConfig) -> Weights:
    """The inverse of `to_hugging_face`; what is missing there is missing here, what is unknown is left out."""
    weights = {_modern(name): tensor for name, tensor in weights.items()}
    renamed = {ours: weights[theirs] for ours, theirs in _names(config) if theirs in weights}
    for layer in range(config.num_hidden_layers):
        for kind in ("weight", "bias"):
            parts = [weights.get(f"bert.encoder.layer.{layer}.attention.self.{part}.{kind}") for part in _PARTS]
            found = [part for part in parts if part is not None]
            if len(found) == len(_PARTS):
                renamed[f"bert.blocks.{layer}.attention.qkv.{kind}"] = torch.cat(found)
    return renamed


def _names(config: BertConfig) -> Iterator[tuple[str, str]]:
    """Pairs (our name, theirs) of every tensor that is the same in both."""
    modules = {f"bert.{ours}": f"bert.{theirs}" for ours, theirs in _ENCODER_NAMES.items()} | _HEAD_NAMES
    for layer in range(config.num_hidden_layers):
        for ours, theirs in _BLOCK_NAMES.items():
            modules[f"bert.blocks.{layer}.{ours}"] = f"bert.encoder.layer.{layer}.{theirs}"
    yield _MLM_BIAS
    for ours, theirs in modules.items():
        yield f"{ours}.weight", f"{theirs}.weight"
        if not theirs.endswith("_embeddings"):
            yield f"{ours}.bias", f"{theirs}.bias"


def _prefixed(encoder: Weights) -> Weights:
    """A bare encoder's weights as they are named within `BertForPreTraining`."""
    return {f"bert.{name}": tensor for name, tensor in encoder.items()}


def _unprefixed(weights: Weights) -> Weights:
    """The inverse of `_prefixed`; heads are left out."""
    return {name.removeprefix("bert."): tensor for name, tensor in weights.items() if name.startswith("bert.")}


def _modern(name: str) -> str:
    """Old and bare names as today's `BertForPreTraining` has them."""
    name = re.sub(r"LayerNorm\.gamma$", "LayerNorm.weight", re.sub(r"LayerNorm\.beta$", "LayerNorm.bias", name))
    return f"bert.{name}" if name.startswith(("embeddings.", "encoder.", "pooler.")) else name


def _read_weights(directory: Path) -> Weights:
    try:
        for name in (WEIGHTS_FILE, "pytorch_model.bin"):
            index = directory / f"{name}.index.json"
            if (directory / name).is_file():
                return _read_file(directory / name)
            if index.is_file():
                shards = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
                return {key: tensor for shard in shards for key, tensor in _read_file(directory / shard).items()}
    except Exception as error:  # each format has its own exceptions for a damaged file
        raise PretrainedError(f"the weights in {directory} cannot be read ({error}); copy or save them anew") from None
    raise PretrainedError(f"{directory} holds neither {WEIGHTS_FILE} nor pytorch_model.bin; point to a saved BERT")


def _read_file(path: Path) -> Weights:
    if path.suffix == ".safetensors":
        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    """Writes beside the file and moves it there, so that a reader never sees half of it."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    write(unfinished)
    os.replace(unfinished, path)
