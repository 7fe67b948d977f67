"""A linear-chain CRF (Lafferty et al. 2001) over BIO tags that cannot leave BIO, on `torchcrf`.

For PS and LC the tags are O B-PS I-PS B-LC I-LC. After 오에 겐자부로는, of which 오 is B-PS and what follows I-PS:

    from ↓  to →     O     B-PS   I-PS   B-LC   I-LC
    start            ·      ·      ✗      ·      ✗
    O                ·      ·      ✗      ·      ✗
    B-PS, I-PS       ·      ·      ·      ·      ✗
    B-LC, I-LC       ·      ·      ✗      ·      ·

What is crossed out scores −10⁴ wherever the CRF looks: in the sum over all paths, in the best path, in the marginals. So no
probability is spent on it in training, and none of it is ever answered. The other scores are learnt, or, for the comparison
without a CRF, stay 0.

`torchcrf` gives the log-likelihood. Its decoding walks back through each sentence by itself, a Python step a character; here
all sentences of a batch walk back together. It has no marginals; `span_probabilities` adds those of whole entities.

Dimension letters: B sentences   L characters of the longest   C tags   S spans
All of it is to be computed in fp32: in bf16 a log-likelihood of −350 is off by 4 nats. The marginals take fp64.
"""

from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torchcrf import CRF

FORBIDDEN = -1e4
"""Far below any score that is learnt, and small enough that fp32 still adds to it exactly enough."""

OUTSIDE = 0
"""The number of the tag O."""


Kind = TypeVar("Kind", int, Tensor)
"""The number of a type, or the numbers of several."""


def beginning(kind: Kind) -> Kind:
    """The number of the tag B- of a type."""
    return 1 + 2 * kind


def inside(kind: Kind) -> Kind:
    """The number of the tag I- of a type."""
    return 2 + 2 * kind


class Spans(NamedTuple):
    """S entities in a batch of tag sequences, by sentence and place."""

    sentence: Tensor
    """int64 [S]"""
    start: Tensor
    """int64 [S]"""
    end: Tensor
    """int64 [S], one after the last."""
    kind: Tensor
    """int64 [S], which type."""


class _Legal(nn.Module):
    """Scores with those of the crossed-out cells at `FORBIDDEN`, which no gradient reaches."""

    forbidden: Tensor

    def __init__(self, forbidden: Tensor) -> None:
        super().__init__()
        self.register_buffer("forbidden", forbidden, persistent=False)

    def forward(self, scores: Tensor) -> Tensor:
        return scores.masked_fill(self.forbidden, FORBIDDEN)


class BioCRF(CRF):
    """The CRF over O and the tags B- and I- of `kinds` types.

    Args:
        kinds: types of entities, at least one.
        learned: whether transitions have scores of their own, or only the ones that BIO forbids.
    """

    def __init__(self, kinds: int, learned: bool = True) -> None:
        super().__init__(1 + 2 * kinds, batch_first=True)
        tags = torch.arange(self.num_tags)
        is_inside = (tags > 0) & (tags % 2 == 0)
        continues = ((tags[:, None] == tags - 1) | (tags[:, None] == tags)) & is_inside  # B-X or I-X → I-X
        if not learned:
            for scores in (self.start_transitions, self.end_transitions, self.transitions):
                nn.init.zeros_(scores).requires_grad_(False)
        parametrize.register_parametrization(self, "transitions", _Legal(is_inside & ~continues))
        parametrize.register_parametrization(self, "start_transitions", _Legal(is_inside))

    def log_likelihood(self, emissions: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
        """Of legal tag sequences: fp32 [B, L, C], int64 [B, L], bool [B, L] → [B], in nats.

        Tags beyond a sentence's end may be any. Every sentence has at least one character.
        """
        with parametrize.cached():
            return self(emissions, tags.masked_fill(~mask, OUTSIDE), mask, reduction="none")

    @torch.no_grad()
    def best_tags(self, emissions: Tensor, mask: Tensor) -> Tensor:
        """The most probable tags (Viterbi): [B, L, C], bool [B, L] → int64 [B, L], O beyond the end of a sentence."""
        with parametrize.cached():
            transitions = self.transitions
            score = self.start_transitions + emissions[:, 0]  # [B, C]: the best path that ends with this tag here
            steps = []
            for here, real in zip(emissions[:, 1:].unbind(1), mask[:, 1:].unbind(1), strict=True):
                longer, came_from = (score[:, :, None] + transitions).max(1)
                score = torch.where(real[:, None], longer + here, score)
                # Beyond a sentence's end each tag comes from itself, so that all can walk back together.
                steps.append(torch.where(real[:, None], came_from, torch.arange(self.num_tags, device=mask.device)))
            tag = (score + self.end_transitions).argmax(1)
            path = [tag]
            for came_from in reversed(steps):
                tag = came_from.gather(1, tag[:, None]).squeeze(1)
                path.append(tag)
        return torch.stack(path[::-1], 1).masked_fill(~mask, OUTSIDE)

    @torch.no_grad()
    def span_probabilities(self, emissions: Tensor, mask: Tensor, spans: Spans) -> Tensor:
        """The probability that exactly this span is an entity of this type: the sum over all tag sequences in which it is.

        On the CPU, wherever the CRF is: it takes fp64, which not every device has.

        Args:
            emissions: [B, L, C].
            mask: bool [B, L].
            spans: which ones.

        Returns:
            fp64 [S], within [0, 1], on the CPU.
        """
        emissions, mask, spans = emissions.cpu().double(), mask.cpu(), Spans(*(each.cpu() for each in spans))
        with parametrize.cached():
            transitions, start = self.transitions.cpu().double(), self.start_transitions.cpu().double()
            end = self.end_transitions.cpu().double()
        before, after = _sums(emissions, mask, transitions, start, end)
        total = torch.logsumexp(before[torch.arange(len(mask)), mask.sum(1) - 1] + end, 1)  # [B]

        row, first, stop, kind = spans
        begins, goes_on = beginning(kind), inside(kind)
        longer = stop - first - 1  # characters after the first
        within = emissions[:, :, 2::2].cumsum(1)  # [B, L, kinds]: of I- tags
        score = before[row, first, begins] + within[row, stop - 1, kind] - within[row, first, kind]
        score = score + torch.where(longer > 0, transitions[begins, goes_on], 0.0)
        score = score + (longer - 1).clamp_min(0) * transitions[goes_on, goes_on]
        last = torch.where(longer > 0, goes_on, begins)

        ends_sentence = stop >= mask.sum(1)[row]
        following = stop.clamp_max(mask.shape[1] - 1)
        onward = transitions[last] + emissions[row, following] + after[row, following]  # [S, C]
        onward = onward.scatter(1, goes_on[:, None], -torch.inf)  # one character more would be another entity
        tail = torch.where(ends_sentence, end[last], torch.logsumexp(onward, 1))
        return (score + tail - total[row]).exp().clamp(0, 1)


def _sums(emissions: Tensor, mask: Tensor, transitions: Tensor, start: Tensor, end: Tensor) -> tuple[Tensor, Tensor]:
    """The forward and backward sums in logarithms, each [B, L, C].

    Forward: over all beginnings that end with this tag here, its emission included. Backward: over all continuations
    after this tag, up to the sentence's end.
    """
    here, real, weights = emissions.unbind(1), mask.unbind(1), transitions.exp()
    forward = [start + here[0]]
    for position in range(1, len(here)):
        longer = _log_product(forward[-1], weights) + here[position]
        forward.append(torch.where(real[position][:, None], longer, forward[-1]))
    backward = [end.expand_as(here[0])]
    for following in range(len(here) - 1, 0, -1):
        longer = _log_product(here[following] + backward[-1], weights.T)
        backward.append(torch.where(real[following][:, None], longer, end))
    return torch.stack(forward, 1), torch.stack(backward[::-1], 1)


def _log_product(scores: Tensor, weights: Tensor) -> Tensor:
    """log(exp(scores) @ weights), [B, C]: a tenth of the time of a logsumexp over [B, C, C]."""
    highest = scores.max(1, keepdim=True).values
    return (scores - highest).exp().matmul(weights).log() + highest


def find_spans(tags: Tensor) -> Spans:
    """The entities of legal tag sequences, int64 [B, L] on any device, sentence by sentence, in order."""
    begins = (tags % 2 == 1).nonzero()  # [S, 2]
    ends = torch.nn.functional.pad(tags, (0, 1), value=OUTSIDE)
    is_inside = (ends > 0) & (ends % 2 == 0)  # [B, L + 1]
    places = torch.arange(ends.shape[1], device=tags.device)
    # The next place from each on that is not inside an entity.
    stops = torch.where(is_inside, ends.shape[1], places).flip(1).cummin(1).values.flip(1)
    sentence, start = begins.unbind(1)
    return Spans(sentence, start, stops[sentence, start + 1], (tags[sentence, start] - 1) // 2)
