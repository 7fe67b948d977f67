"""Few combinations of settings in which any two values meet that can."""

import itertools
from collections.abc import Callable, Mapping, Sequence

Values = dict[str, str]
"""A value of each factor."""


def pairwise(factors: Mapping[str, Sequence[str]], possible: Callable[[Values], bool]) -> list[Values]:
    """Chooses greedily, each time the first of the combinations with most pairs that are new.

    Args:
        factors: what varies, and its values.
        possible: whether there is such a combination.
    """

    def pairs(values: Values) -> set[tuple[str, str, str, str]]:
        return {(a, values[a], b, values[b]) for a, b in itertools.combinations(factors, 2)}

    every = [dict(zip(factors, chosen, strict=True)) for chosen in itertools.product(*factors.values())]
    every = [values for values in every if possible(values)]
    missing = set().union(*map(pairs, every))
    chosen = []
    while missing:
        best = max(every, key=lambda values: len(pairs(values) & missing))
        chosen.append(best)
        missing -= pairs(best)
    return chosen
