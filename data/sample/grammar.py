"""The notation in which the entries of `words/` are written, and the composer that turns them into Korean.

A sentence frame has slots in braces, filled from the innermost outwards:

    {시설}          the value of a slot, the same throughout a document
    {보도|인도}      one of the alternatives
    {수:3-40}       a number of that range
    {문제+는데}      a clause drawn from a list, none twice until the list is used up, conjugated with an ending
    {쓰다+평서}      a clause that stands in the frame itself; 평서, 과거, 요구 … take the ending of the document's register

so that "{문제+는 것이} {현실-이다+평서}." gives "보도가 좁은 것이 현실입니다.". A star marks what has happened already (할인점이 들어섰습니다, not
들어섭니다). Particles are written in both forms and agree at the end (`data.josa`). The notation has no conditions and no loops.
"""

import random
import re
from collections.abc import Mapping, Sequence

from data.josa import agree
from data.sample.conjugation import conjugate

Register = Mapping[str, Sequence[str]]

WRITTEN: Register = {"평서": ("ㄴ다",), "과거": ("었다",), "추측": ("을 것이다",), "의문": ("는가",)}
"""The plain style of encyclopedias and newspapers."""

_INNERMOST = re.compile(r"\{([^{}]*)\}")


def likely_first(rng: random.Random, options: Sequence[str]) -> str:
    """One of `options`, the n-th of them n ** 1.5 times less often than the first.

    A few words and wordings are common and most are rare, as in any language (Zipf 1949): what is common is learnt soon.
    """
    return rng.choices(options, [number**-1.5 for number in range(1, len(options) + 1)])[0]


class Composer:
    """Writes the sentences of one document: fixed slots, lists of clauses that run down, one register."""

    def __init__(
        self, rng: random.Random, slots: Mapping[str, str], lists: Mapping[str, Sequence[str]], register: Register
    ):
        self.rng = rng
        self.slots = slots
        self.lists = lists
        self.register = register
        self._left: dict[str, list[str]] = {}

    def write(self, frame: str) -> str:
        """`frame` with every slot filled and every particle agreeing; KeyError for a slot that the document does not have."""
        while (filled := _INNERMOST.sub(lambda match: self._fill(match.group(1)), frame)) != frame:
            frame = filled
        return agree(frame)

    def can_write(self, frame: str) -> bool:
        """Whether the document has every slot and every list that `frame` names."""
        names = [body.partition("+")[0] for body in _INNERMOST.findall(frame) if "|" not in body and ":" not in body]
        return all(name in self.slots or name in self.lists or name.endswith("다") for name in names)

    def _fill(self, body: str) -> str:
        choice, plus, ending = body.rpartition("+") if "+" in body else (body, "", "")
        clause = likely_first(self.rng, choice.split("|"))
        if clause in self.lists:  # what is drawn has slots of its own: it is filled in the next round
            return "{" + self._draw(clause) + plus + ending + "}" if plus else self._draw(clause)
        if plus:
            return self._conjugate(clause, ending)
        if "|" in choice:
            return clause
        if body.startswith("수:"):
            low, high = body[2:].split("-")
            return self._number(int(low), int(high))
        return self.slots[body]

    def _draw(self, name: str) -> str:
        left = self._left.get(name)
        if not left:
            left = self._left[name] = list(self.lists[name])
        left.remove(drawn := likely_first(self.rng, left))
        return drawn

    def _number(self, low: int, high: int) -> str:
        number = self.rng.randint(low, high)
        if number >= 1000:
            number = round(number, -2)
        return f"{number:,}" if number >= 10000 else str(number)

    def _conjugate(self, clause: str, ending: str) -> str:
        ending = likely_first(self.rng, self.register.get(ending, (ending,)))
        if clause.endswith("*"):
            clause, ending = clause[:-1], _of_the_past(ending)
        if clause.endswith("주다") and ending.startswith("어 주"):  # 돌려주십시오, not 돌려줘 주십시오
            polite = ending[3] in "시십세셨실"
            ending = ("으" if polite else "") + ending[3:]
        return conjugate(clause, ending)


def _of_the_past(ending: str) -> str:
    """The ending for something completed: 습니다 → 었습니다, the modifier 는 → 은; 어서 and its like have no past of their own."""
    if ending.startswith(("었", "어", "으면", "기까지", "을 수밖에")):
        return ending
    if ending == "는" or ending.startswith("는 "):
        return "은" + ending[1:]
    return "었" + ending
