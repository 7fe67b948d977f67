"""The shape of a BERT, written as `config.json` beside the weights with the field names of Hugging Face's `BertConfig`."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class BertConfig:
    """Sizes and rates of one network; the defaults are those of BERT-base (Devlin et al. 2019) without its vocabulary."""

    vocab_size: int
    """Rows of the token embedding table, which the MLM head shares."""
    hidden_size: int = 768
    """Width of every hidden state; divided evenly among the heads."""
    num_hidden_layers: int = 12
    """Encoder blocks."""
    num_attention_heads: int = 12
    """Heads of each self-attention."""
    intermediate_size: int = 3072
    """Width of the feed-forward layer; four times the hidden size in all of Google's models."""
    max_position_embeddings: int = 512
    """Longest sequence, in tokens, [CLS] and [SEP] included."""
    type_vocab_size: int = 2
    """Segments: 0 for A, 1 for B."""
    hidden_dropout_prob: float = 0.1
    """Dropout on the embeddings and on each sublayer's output."""
    attention_probs_dropout_prob: float = 0.1
    """Dropout on the attention probabilities."""
    initializer_range: float = 0.02
    """Standard deviation of the initial weights, before truncation at two of it."""
    layer_norm_eps: float = 1e-12
    """Added to the variance in each LayerNorm."""
    pad_token_id: int = 0
    """Only carried along for other software: packed batches hold no padding."""
    trained_positions: int | None = None
    """How many of the positions training has seen, from the first on; all of them where it is not said."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.type is int and field.name != "pad_token_id" and value < 1:
                raise ValueError(f"{field.name} must be at least 1, not {value}")
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} cannot be divided among num_attention_heads {self.num_attention_heads}"
            )
        for name in ("hidden_dropout_prob", "attention_probs_dropout_prob"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must lie in [0, 1), not {getattr(self, name)}")

    @property
    def head_size(self) -> int:
        return self.hidden_size // self.num_attention_heads

    def flops_per_token(self, length: float, masked_rate: float) -> float:
        """Arithmetic of one training step (forward and backward, 3 × forward) for one real token, in FLOP.

        Counts the matrix products only, two operations a multiply-add: projections and feed-forward (12 D² weights a
        block when F = 4 D), attention over `length` tokens, and the MLM head for the `masked_rate` share of tokens that
        reach it.
        """
        hidden, feed_forward = self.hidden_size, self.intermediate_size
        block = 4 * hidden * hidden + 2 * hidden * feed_forward + 2 * length * hidden
        head = masked_rate * (hidden * hidden + hidden * self.vocab_size)
        return 3 * 2 * (self.num_hidden_layers * block + head)

    def to_json(self, architecture: str = "BertForPreTraining") -> str:
        """The text of `config.json`, readable by Hugging Face's `AutoConfig`; `architecture` is their class of the weights."""
        fixed = {"architectures": [architecture], "model_type": "bert", "hidden_act": "gelu"}
        values = {name: value for name, value in dataclasses.asdict(self).items() if value is not None}
        return json.dumps(fixed | values, indent=2) + "\n"

    @classmethod
    def from_json(cls, path: Path) -> "BertConfig":
        """Reads a `config.json`, ours or Hugging Face's.

        Raises:
            ValueError: the file is no BERT configuration, or asks for something that this network does not have.
        """
        try:
            values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path} is not valid JSON ({error}); point to the folder of a saved BERT") from None
        expected = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute"}
        for name, value in expected.items():
            if values.get(name, value) != value:
                raise ValueError(f"{path} has {name} = {values[name]!r}, but this network is built for {value!r} only")
        known = {field.name for field in dataclasses.fields(cls)}
        if "vocab_size" not in values:
            raise ValueError(f"{path} names no vocab_size; point to the folder of a saved BERT")
        given = {name: value for name, value in values.items() if name in known and value is not None}
        return cls(**given)


SIZES: dict[str, dict[str, int]] = {
    name: {
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "num_attention_heads": hidden // 64,
        "intermediate_size": 4 * hidden,
    }
    for name, layers, hidden in (
        ("tiny", 2, 128),
        ("mini", 4, 256),
        ("small", 4, 512),
        ("medium", 8, 512),
        ("base", 12, 768),
        ("large", 24, 1024),
    )
}
"""Google's BERT sizes (Devlin et al. 2019; Turc et al. 2019), with heads of 64."""
