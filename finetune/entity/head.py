"""The tagger: what each element of a text (`alignment`) is scored by, and the CRF that reads the scores.

With `unit` both, 로 and 는 of 겐자부로는, where one token ##로는 covers them:

    hidden state of ##로는  +  embedding of 로  +  embedding of "first of two"   ┐
    hidden state of ##로는  +  embedding of 는  +  embedding of "second of two"  ┴→ LayerNorm → x + GELU(linear(x)) → linear → CRF

The GELU lets the three meet: without it the score of a tag would be a sum of theirs, and "ends here because this is the second
character of that subword" is none. [UNK] words are not blind, since every character has an embedding of its own. Where the elements are
tokens, the hidden states go to the last linear layer alone.

Dimension letters, in comments beside each change of shape:
    B texts   N elements of all of them   L elements of the longest   T tokens   D hidden size   C tags
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bert_core.config import BertConfig
from bert_core.dropout import Dropout
from bert_core.model import Bert, initialize
from bert_core.packing import pack
from finetune.batches import Batch
from finetune.entity.alignment import PLACES, Aligned
from finetune.entity.config import Unit
from finetune.entity.crf import OUTSIDE, BioCRF
from finetune.model import TaskNetwork

UNKNOWN_CHARACTER = 0
"""The number of characters that training has not, or once only; those that it has once teach its embedding."""


@dataclass(frozen=True)
class HeadOptions:
    """What the head is built of."""

    unit: Unit
    crf: bool
    """Whether transitions between tags are learnt, and sentences scored as a whole."""
    dropout: float


@dataclass(frozen=True)
class EntityBatch(Batch):
    """What a step needs: B texts with at least one element each."""

    token: Tensor
    """int64 [N], the token that each element looks at, among all T."""
    characters: Tensor
    """int64 [N], numbers of the elements' characters."""
    places: Tensor
    """int64 [N], of the characters in their tokens."""
    mask: Tensor
    """bool [B, L], where a text has an element."""
    tags: Tensor
    """int64 [B, L], O beyond a text's end."""


def make_batch(
    aligned: Sequence[Aligned],
    characters: Sequence[np.ndarray],
    rows: Sequence[int],
    tags: Sequence[np.ndarray] | None = None,
) -> EntityBatch:
    """Packs the windows of some texts.

    Args:
        aligned: all texts.
        characters: numbers of each text's elements' characters.
        rows: which of them; each has an element.
        tags: of each text's elements; all O when left out.
    """
    chosen = [aligned[row] for row in rows]
    packed = pack([window for text in chosen for window in text.windows])
    tokens_before = np.cumsum([0, *(text.length for text in chosen[:-1])])
    lengths = torch.tensor([len(text.token) for text in chosen])
    mask = torch.arange(int(lengths.max())) < lengths[:, None]
    rectangle = torch.full(mask.shape, OUTSIDE)
    if tags is not None:
        rectangle[mask] = torch.from_numpy(np.concatenate([tags[row] for row in rows]))
    return EntityBatch(
        packed=packed,
        token=torch.from_numpy(np.concatenate([text.token + n for text, n in zip(chosen, tokens_before, strict=True)])),
        characters=torch.from_numpy(np.concatenate([characters[row] for row in rows])),
        places=torch.from_numpy(np.concatenate([text.places for text in chosen])),
        mask=mask,
        tags=rectangle,
        rows=tuple(rows),
    )


class EntityHead(nn.Module):
    """Scores of tags from hidden states, and the CRF over them.

    Args:
        config: the encoder's.
        options: the variant.
        kinds: types of entities.
        characters: known ones, `UNKNOWN_CHARACTER` included.
    """

    def __init__(self, config: BertConfig, options: HeadOptions, kinds: int, characters: int) -> None:
        super().__init__()
        self.options = options
        hidden_size = config.hidden_size
        self.dropout = Dropout(options.dropout)
        if options.unit == "both":
            self.character = nn.Embedding(characters, hidden_size)
            self.place = nn.Embedding(PLACES, hidden_size)
            self.norm = nn.LayerNorm(hidden_size, eps=config.layer_norm_eps)
            self.mix = nn.Linear(hidden_size, hidden_size)
        self.crf = BioCRF(kinds, learned=options.crf)
        self.classifier = nn.Linear(hidden_size, self.crf.num_tags)
        self.apply(lambda module: initialize(module, config.initializer_range))

    def forward(self, hidden: Tensor, batch: EntityBatch) -> Tensor:
        """Scores of the tags, fp32 [B, L, C]; 0 beyond a text's end.

        Args:
            hidden: of the encoder's last block, [T, D].
            batch: what its tokens belong to.
        """
        states = hidden.index_select(0, batch.token)  # [N, D]
        if self.options.unit == "both":
            states = self.norm(states + self.character(batch.characters) + self.place(batch.places))
            states = states + F.gelu(self.mix(self.dropout(states)))  # [N, D]
        with torch.autocast(hidden.device.type, enabled=False):
            scores = self.classifier(self.dropout(states.float()))  # [N, C]
            rectangle = scores.new_zeros(*batch.mask.shape, scores.shape[1])  # [B, L, C]
            return rectangle.masked_scatter(batch.mask[:, :, None], scores)

    def losses(self, scores: Tensor, batch: EntityBatch) -> Tensor:
        """Of each text, in nats: −log of the probability of its tags as a whole, or, without a CRF, of each: [B]."""
        with torch.autocast(scores.device.type, enabled=False):
            if self.options.crf:
                return -self.crf.log_likelihood(scores, batch.tags, batch.mask)
            each = F.cross_entropy(scores.flatten(0, 1), batch.tags.flatten(), reduction="none")
            return (each.view(batch.tags.shape) * batch.mask).sum(1)


class BertForEntities(TaskNetwork):
    """The encoder with a tagger.

    Nothing looks at the pooler, so it is neither run nor trained, and keeps its pretrained weights.
    """

    def __init__(self, bert: Bert, options: HeadOptions, kinds: int, characters: int) -> None:
        super().__init__()
        self.bert = bert
        self.head: EntityHead = EntityHead(bert.config, options, kinds, characters)
        bert.pooler.requires_grad_(False)

    def forward(self, batch: EntityBatch) -> Tensor:
        """Scores of the tags, fp32 [B, L, C]."""
        return self.head(self.bert(batch.packed), batch)
