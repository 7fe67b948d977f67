"""R-BERT (Wu & He 2019, arXiv 1905.08284): a relation is read off the sentence's [CLS] and off its two entities.

Where was 김새솔 (the subject) born? One row of a batch, with punctuation as markers:

    [CLS]  @   김  ##새솔  @   은   #   한빛군  #   에서  태어났다  [SEP]
      0    1   2    3      4   5    6    7     8    9     10       11

    cls  hidden[0]
    e1   the mean of hidden[2] and hidden[3]    (start: hidden[1]    start_end: hidden[1] and hidden[4] side by side)
    e2   hidden[7]                              (start: hidden[6]    start_end: hidden[6] and hidden[8] side by side)

Each of the three goes through dropout → activation → linear. The terms of `concat`, computed of the outcome and put side by
side, go through dropout → linear, whose softmax is the answer: per:place_of_birth. With `cls,e1,e2` and one entity layer for
both (`shared`) this is the paper's head.

Dimension letters, in comments beside each change of shape:
    B sequences   T real tokens of all of them   E tokens of all their entities   D hidden size   C relations   G groups

Entity 0 … B-1 is the subject of row 0 … B-1, entity B … 2B-1 the object of row 0 … B-1. The head computes in fp32 under
autocast, too: beside the encoder's T rows its B rows cost nothing, and logits in half precision would give many rows the
same probability, which blurs every curve that orders rows by it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import reduce
from operator import mul
from typing import Any, Self, get_args

import numpy as np
import torch
from torch import Tensor, nn

from bert_core.config import BertConfig
from bert_core.dropout import Dropout
from bert_core.model import Bert, initialize
from bert_core.packing import Packed
from finetune.model import TaskNetwork
from finetune.relation.config import Activation, ClsInput, Concat, EntityLayer, EntityPooling
from finetune.relation.marking import Marked


@dataclass(frozen=True)
class HeadOptions:
    """What the head is built of."""

    entity_layer: EntityLayer
    """split: subject and object have a linear layer each; shared: one for both, as in the paper."""
    concat: Concat
    """The terms that the classifier sees, of the vectors cls, e1 and e2 after their layers; products and absolute
    differences are element by element."""
    entity_pooling: EntityPooling
    """mean: of the entity's own tokens, markers left out; start: its block's first token, which is the opening marker;
    start_end: its block's first and last token, side by side."""
    cls: ClsInput
    """hidden: the hidden state of [CLS], as in the paper; pooler: the output of the layer that next-sentence prediction
    has trained. That one ends in a tanh and gets no second activation."""
    activation: Activation
    """Before each linear layer but the last."""
    hierarchical: bool
    """Whether the relation's group is decided first; see `HierarchicalClassifier`."""
    dropout: float
    """Rate before each linear layer."""

    def __post_init__(self) -> None:
        for field in fields(self):
            choices, value = get_args(field.type), getattr(self, field.name)
            if choices and value not in choices:
                raise ValueError(f"{field.name} must be one of {' · '.join(choices)}, not {value!r}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must lie in [0, 1), not {self.dropout}")


@dataclass(frozen=True)
class Spans:
    """Where the 2B entities of a packed batch lie, as positions among its T tokens."""

    tokens: Tensor  # int64 [E], the entities' own tokens, entity by entity
    owners: Tensor  # int64 [E], the entity that each of them belongs to
    first: Tensor  # int64 [2B], first token of each entity's block, markers included
    last: Tensor  # int64 [2B], last token of each entity's block

    def to(self, *args: Any, **kwargs: Any) -> Self:
        return self._each(lambda tensor: tensor.to(*args, **kwargs))

    def pin_memory(self) -> Self:
        return self._each(Tensor.pin_memory)

    def _each(self, change: Any) -> Self:
        return replace(self, **{field.name: change(getattr(self, field.name)) for field in fields(self)})


def entity_spans(marked: Sequence[Marked], packed: Packed) -> Spans:
    """Finds the entities of a batch in its packed tokens; for the loader's worker.

    Args:
        marked: the B rows, whose spans count from each row's own [CLS].
        packed: the batch that was packed from these rows, on the CPU.

    Raises:
        ValueError: another number of rows, or a span that is empty or leaves its row.
    """
    if len(marked) != packed.sequences:
        raise ValueError(f"{len(marked)} marked rows do not belong to a batch of {packed.sequences}")
    own = np.array([row.subject for row in marked] + [row.object for row in marked])  # [2B, 2], within the row
    blocks = np.array([row.subject_block for row in marked] + [row.object_block for row in marked])
    boundaries = packed.boundaries.numpy().astype(np.int64)
    rows = np.tile(np.diff(boundaries), 2)  # [2B], tokens of each entity's row
    for begins, ends in (own.T, blocks.T):
        unsound = (begins < 0) | (begins >= ends) | (ends > rows)
        if unsound.any():
            entity = int(unsound.argmax())
            raise ValueError(
                f"row {entity % len(marked)} of the batch has {rows[entity]} tokens, and none in the span "
                f"[{begins[entity]}, {ends[entity]}) of an entity, or not all of it"
            )
    lengths = own[:, 1] - own[:, 0]
    place = np.arange(lengths.sum()) - np.repeat(lengths.cumsum() - lengths, lengths)  # [E], within the entity
    starts = np.tile(boundaries[:-1], 2)  # [2B], where each entity's row begins
    return Spans(
        tokens=torch.from_numpy(np.repeat(starts + own[:, 0], lengths) + place),
        owners=torch.from_numpy(np.repeat(np.arange(len(own)), lengths)),
        first=torch.from_numpy(starts + blocks[:, 0]),
        last=torch.from_numpy(starts + blocks[:, 1] - 1),
    )


def entity_means(hidden: Tensor, spans: Spans) -> Tensor:
    """The mean of each entity's own tokens: [T, D] → fp32 [2B, D]."""
    own = hidden.index_select(0, spans.tokens).float()  # [E, D]
    entities = spans.first.numel()
    sums = own.new_zeros(entities, own.shape[1]).index_add(0, spans.owners, own)
    counts = own.new_zeros(entities, 1).index_add(0, spans.owners, own.new_ones(len(own), 1))
    return sums / counts


class Transform(nn.Module):
    """Dropout, activation (if any), linear."""

    def __init__(self, width: int, hidden_size: int, activation: Activation | None, dropout: float) -> None:
        super().__init__()
        self.dropout = Dropout(dropout)
        self.activation = {"tanh": nn.Tanh, "gelu": nn.GELU, None: nn.Identity}[activation]()
        self.linear = nn.Linear(width, hidden_size)

    def forward(self, vectors: Tensor) -> Tensor:
        return self.linear(self.activation(self.dropout(vectors)))  # [B, D] or [B, 2D] → [B, D]


class FlatClassifier(nn.Module):
    """Linear, then softmax over all relations."""

    def __init__(self, width: int, labels: Sequence[str]) -> None:
        super().__init__()
        self.relation = nn.Linear(width, len(labels))

    def forward(self, features: Tensor) -> Tensor:
        return self.relation(features).log_softmax(-1)  # [B, C]


class HierarchicalClassifier(nn.Module):
    """The group first, then the relation within it: P(relation) = P(its group) · P(relation | its group).

    per:title and per:alias are of the group per, org:members is of org; a label without a colon, such as no_relation, is a
    group of its own and has probability 1 within it. The product is a distribution over all relations, like the flat one.
    """

    def __init__(self, width: int, labels: Sequence[str]) -> None:
        super().__init__()
        names = ["".join(label.partition(":")[:2]) for label in labels]  # "per:" for per:title, "per" for a bare per
        groups = list(dict.fromkeys(names))
        if not 1 < len(groups) < len(labels):
            raise ValueError(
                "a hierarchical head needs at least two groups of labels (what stands before the colon), one of them with "
                f"at least two relations, but {len(labels)} labels form {len(groups)}; leave hierarchical out"
            )
        self.group = nn.Linear(width, len(groups))
        self.relation = nn.Linear(width, len(labels))
        group_of = torch.tensor([groups.index(name) for name in names])  # [C]
        self.register_buffer("group_of", group_of, persistent=False)
        self.register_buffer("outsiders", group_of != torch.arange(len(groups))[:, None], persistent=False)  # [G, C]

    def forward(self, features: Tensor) -> Tensor:
        group = self.group(features).log_softmax(-1)  # [B, G]
        relation = self.relation(features)  # [B, C]
        total = relation[:, None].masked_fill(self.outsiders, -torch.inf).logsumexp(-1)  # [B, G, C] → [B, G]
        return group.index_select(1, self.group_of) + (relation - total.index_select(1, self.group_of))  # [B, C]


class RelationHead(nn.Module):
    """From hidden states to log-probabilities of the relations; builds only the layers that its `concat` uses."""

    def __init__(self, config: BertConfig, options: HeadOptions, labels: Sequence[str]) -> None:
        super().__init__()
        self.options = options
        self.terms = options.concat.split(",")
        used = sorted(set(re.findall(r"cls|e1|e2", options.concat)))
        layer_names = {"cls": "cls", "e1": "subject", "e2": "object"}
        if options.entity_layer == "shared":
            layer_names |= {"e1": "entity", "e2": "entity"}
        self.layer_of = {name: layer_names[name] for name in used}
        self.uses_pooler = "cls" in used and options.cls == "pooler"

        hidden_size = config.hidden_size
        entity_width = 2 * hidden_size if options.entity_pooling == "start_end" else hidden_size
        self.layers = nn.ModuleDict()
        for layer in sorted(set(self.layer_of.values())):
            width = hidden_size if layer == "cls" else entity_width
            activation = None if layer == "cls" and self.uses_pooler else options.activation
            self.layers[layer] = Transform(width, hidden_size, activation, options.dropout)
        self.dropout = Dropout(options.dropout)
        classifier = HierarchicalClassifier if options.hierarchical else FlatClassifier
        self.classifier = classifier(len(self.terms) * hidden_size, labels)
        self.apply(lambda module: initialize(module, config.initializer_range))

    def forward(self, hidden: Tensor, pooled: Tensor | None, packed: Packed, spans: Spans) -> Tensor:
        """Log-probabilities of the relations, fp32 [B, C].

        Args:
            hidden: of the encoder's last block, [T, D].
            pooled: `Bert.pool` of it, [B, D]; only looked at where `uses_pooler`.
            packed: the batch.
            spans: where its entities lie.
        """
        with torch.autocast(hidden.device.type, enabled=False):
            inputs = self._inputs(hidden, pooled, packed, spans)
            vectors = {name: self.layers[layer](inputs[name]) for name, layer in self.layer_of.items()}  # [B, D] each
            features = torch.cat([_term(term, vectors) for term in self.terms], dim=1)  # [B, terms · D]
            return self.classifier(self.dropout(features))

    def _inputs(self, hidden: Tensor, pooled: Tensor | None, packed: Packed, spans: Spans) -> dict[str, Tensor]:
        """What enters the layers, in fp32: cls [B, D], e1 and e2 [B, D] or [B, 2D]."""
        inputs = {}
        if "cls" in self.layer_of:
            cls = pooled if self.uses_pooler else hidden.index_select(0, packed.boundaries[:-1])
            assert cls is not None, "this head was built for the pooler's output"
            inputs["cls"] = cls.float()
        if "e1" in self.layer_of or "e2" in self.layer_of:
            inputs["e1"], inputs["e2"] = self._entities(hidden, spans).chunk(2)
        return inputs

    def _entities(self, hidden: Tensor, spans: Spans) -> Tensor:
        match self.options.entity_pooling:
            case "mean":
                return entity_means(hidden, spans)  # [2B, D]
            case "start":
                return hidden.index_select(0, spans.first).float()  # [2B, D]
            case "start_end":
                ends = [hidden.index_select(0, end).float() for end in (spans.first, spans.last)]
                return torch.cat(ends, dim=1)  # [2B, 2D]


def _term(term: str, vectors: dict[str, Tensor]) -> Tensor:
    """One term of `concat`: a vector, `a*b` or `|a-b|`."""
    if term.startswith("|"):
        left, right = term.strip("|").split("-")
        return (vectors[left] - vectors[right]).abs()
    return reduce(mul, (vectors[name] for name in term.split("*")))


class BertForRelation(TaskNetwork):
    """The encoder with a relation head.

    Where the head takes nothing from the pooler, the pooler is neither run nor trained (`requires_grad` is off, as
    distributed training demands of parameters without a gradient) and keeps its pretrained weights.
    """

    def __init__(self, bert: Bert, options: HeadOptions, labels: Sequence[str]) -> None:
        super().__init__()
        self.bert = bert
        self.head: RelationHead = RelationHead(bert.config, options, labels)
        if not self.head.uses_pooler:
            bert.pooler.requires_grad_(False)

    def forward(self, packed: Packed, spans: Spans) -> Tensor:
        """Log-probabilities of the relations, fp32 [B, C]."""
        hidden = self.bert(packed)  # [T, D]
        pooled = self.bert.pool(hidden, packed) if self.head.uses_pooler else None
        return self.head(hidden, pooled, packed, spans)
