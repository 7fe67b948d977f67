"""Whether a run compiles its network, and how: by what compiling costs and what it saves until the run's end.

Measured for `base` on one H100, sequences of up to 512 tokens (benchmarks/results/h100_step.json and .log):

                    ready after   a step's time
    not compiled          0 s          1.00
    fixed shapes         28 s          0.85       one program; sequences that do not count fill each batch up
    any shapes           49 s          0.81

so fixed shapes pay from three minutes on, any shapes from ten.
"""

from typing import Literal

Way = Literal["not", "fixed shapes", "any shapes"]

COSTS: dict[Way, tuple[float, float]] = {"not": (0.0, 1.0), "fixed shapes": (28.0, 0.849), "any shapes": (49.0, 0.814)}
"""Seconds before the first step, and a step's time in those of one that is not compiled."""


def choose_way(wanted: bool | None, device: str, fixed_shapes: bool, seconds: float) -> Way:
    """How to compile.

    Args:
        wanted: by the user; None leaves it to the run.
        device: its kind. What compiling saves on a CPU was 7 % after 90 s (two cores), so only users who want it get it there.
        fixed_shapes: whether what fills a batch up costs little: where attention reads rows as they lie.
        seconds: that the run takes if it is not compiled.
    """
    if wanted is False or (wanted is None and device != "cuda"):
        return "not"
    ways = [way for way in COSTS if not (wanted and way == "not") and (fixed_shapes or way != "fixed shapes")]
    return min(ways, key=lambda way: COSTS[way][0] + COSTS[way][1] * seconds)
