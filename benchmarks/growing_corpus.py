"""Corpora of any size, made of real text repeated.

    copy 0   = 0-17 =   … 2019년 5월 김다온 의원이 …         as it is
    copy 1   = 1-17 =   … 2019년 5월 박새솔 의원이 …         a word that occurs once becomes another one

So that a repetition is not dropped for being there twice, and so that the number of different words goes on growing, every word that
occurs only once in the real text (names and numbers mostly) becomes another one in each repetition: its first two syllables
or digits are exchanged. The share of such words is the Good-Turing estimate of how often the next word of more text would be new.
"""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import checkout  # noqa: F401

from data.cleaning import Cleaning
from data.corpus import open_corpus

_WORD = re.compile(r"(\w+)")
_SYLLABLES = 1000
"""The most frequent ones, which an exchanged word is made of."""


def pages(paths: list[Path], cache_dir: Path) -> Iterator[bytes]:
    """Pages of namuwikitext without end: the documents under `paths` as they are, then again and again with other names."""
    corpus = open_corpus(paths, cache_dir, Cleaning())
    texts = ["\n".join(corpus.text(document)) for document in range(len(corpus))]
    words: Counter[str] = Counter()
    syllables: Counter[str] = Counter()
    for text in texts:
        words.update(_WORD.findall(text))
        syllables.update(text)
    templates = [_template(text, words) for text in texts]
    del texts, words
    frequent = [each for each, _ in syllables.most_common() if "가" <= each <= "힣"][:_SYLLABLES]
    for copy in count():
        shift = 37 * copy % _SYLLABLES
        other = str.maketrans(
            "".join(frequent) + "0123456789",
            "".join(frequent[shift:] + frequent[:shift]) + "".join(str((digit + copy) % 10) for digit in range(10)),
        )
        for number, template in enumerate(templates):
            parts = template.copy()
            parts[1::2] = [word[:2].translate(other) + word[2:] for word in parts[1::2]]
            yield f" = {copy}-{number} =\n\n{''.join(parts)}\n\n".encode()


def _template(text: str, words: Counter[str]) -> list[str]:
    """The text in parts, of which every second one is a word that occurs once."""
    parts = [""]
    for number, part in enumerate(_WORD.split(text)):
        if number % 2 and words[part] == 1:
            parts += [part, ""]
        else:
            parts[-1] += part
    return parts
