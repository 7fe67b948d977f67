"""The sample's words and sentences: YAML in `words/`, for people who know Korean and need not know Python.

    통학로:                     a block
      기관: 교육 당국            a list of one entry
      대상: |                   a list with an entry a line, which may have braces, commas and colons
        등굣길 학생들
        {시설} 학생들
      화제: [통학로 안전, 등굣길]  a list of plain words

What a file's lists are for stands at its top, and how the entries are written in `data.sample.grammar`.
"""

from functools import cache
from importlib.resources import files

import yaml

Blocks = dict[str, dict[str, list[str]]]


@cache
def read_words(name: str) -> Blocks:
    """The lists of `words/<name>.yaml` by block and name, all in the file's order; shared between callers, so leave them unchanged.

    Raises ValueError, one sentence, for a list that is not written in one of the three ways.
    """
    written = files(__package__).joinpath("words", f"{name}.yaml").read_text("utf-8")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # of libyaml, ten times as fast where it is there
    return {
        block: {key: _entries(value, f"data/sample/words/{name}.yaml, {block}, {key}") for key, value in lists.items()}
        for block, lists in yaml.load(written, Loader=loader).items()
    }


def _entries(written: object, place: str) -> list[str]:
    if isinstance(written, str):
        return written.splitlines()
    if isinstance(written, list) and all(isinstance(entry, str) for entry in written):
        return written
    if type(written) is int:
        return [str(written)]
    raise ValueError(f"{place} is no list of words: put entries with braces or numbers below a '|', one a line")
