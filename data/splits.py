"""Held-out rows and folds that share no sentence with the rows that are trained on.

A sentence with three entities makes several rows:

    새솔대학교는 1952년 김다온이 한빛군에 세웠다.    새솔대학교, 김다온    org:founded_by
    새솔대학교는 1952년 김다온이 한빛군에 세웠다.    새솔대학교, 한빛군    org:place_of_headquarters
    새솔대학교는 1952년 김다온이 한빛군에 세웠다.    한빛군, 김다온        no_relation

Were they drawn one by one, a model would be tested on sentences that it has learnt: in KLUE-RE, 19.4 % of the rows of a random
tenth. Here all rows of a sentence go to one side, re-spaced copies of it (한빛군에세웠다) included.

Each label keeps its share on both sides. Labels are dealt with from the rarest to the most common, each with the sentences
that have it and no rarer one; a sentence that was dealt before counts for all its labels. So the rare ones, where a
row matters, are dealt first, and the common ones make up for what these leave over or take too much.

The order in which sentences are drawn is that of a keyed hash, so it depends on the sentences and the seed alone: neither on the
order of the rows, nor on Python's version or its hash seed.
"""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol, TypeVar

from data.errors import DataError

_Label = str | None
"""None is the label of the rows that have none."""


class Row(Protocol):
    """A relation, or a text with named entities."""

    @property
    def sentence(self) -> str: ...
    @property
    def label(self) -> str | None:
        """What is to be spread evenly; of a text, which types of entities it has."""
        ...


AnyRow = TypeVar("AnyRow", bound=Row)


@dataclass(frozen=True)
class _Group:
    """All rows of one sentence."""

    rows: list[int]
    labels: Counter[_Label]


def sentence_key(sentence: str) -> str:
    """What sentences have in common that count as one: their characters without white space, composed (NFC)."""
    return unicodedata.normalize("NFC", "".join(sentence.split()))


def hold_out(
    rows: Sequence[AnyRow], folds: int | None, fold: int | None, share: float, seed: int
) -> tuple[list[AnyRow], list[AnyRow]]:
    """The rows to train on and the rows held out: one of so many folds, or a share where `fold` is None.

    Raises as `split_by_sentence` and `folds_by_sentence` do.
    """
    if fold is None:
        _, held = split_by_sentence(rows, share, seed)
    else:
        assert folds is not None
        held = folds_by_sentence(rows, folds, seed)[fold]
    apart = set(held)
    return [row for number, row in enumerate(rows) if number not in apart], [rows[number] for number in held]


def split_by_sentence(rows: Sequence[Row], share: float, seed: int) -> tuple[list[int], list[int]]:
    """The rows to train on and the rows held out, as ascending indices; no sentence is on both sides.

    Args:
        share: of the rows to be held out, within (0, 1). It is met for all rows together and for each label to within
            a few rows, as far as the sizes of the sentences allow.
        seed: another seed gives another split.

    Each label keeps a sentence to train on, so that one of a label's only sentence is never held out.

    Raises ValueError if `share` is not within (0, 1); DataError for fewer than two sentences, and if no sentence can be
    held out: the share is too small, or each is the only one of a label.
    """
    if not 0 < share < 1:
        raise ValueError(f"share is {share}; the part of the rows to hold out lies between 0 and 1, so give 0.1, say")
    groups = _by_sentence(rows)
    counts = Counter(row.label for row in rows)
    sentences = Counter(label for group in groups.values() for label in group.labels)
    training = sentences.copy()  # sentences of each label that are not held out
    held_rows = Counter[_Label]()
    held: list[int] = []
    owed = 0.0  # rows of the labels so far that should have been held out and were not, or the other way round
    for label, stratum in _strata(groups, counts, seed):
        owed += share * counts[label] - held_rows[label]
        needs_one = share * sentences[label] >= 1 and not held_rows[label]
        for group in stratum:
            size = group.labels[label]
            if (needs_one or size / 2 < owed) and all(training[each] > 1 for each in group.labels):
                held += group.rows
                held_rows.update(group.labels)
                training.subtract(group.labels.keys())
                owed -= size
                needs_one = False
    if not held:
        raise DataError(
            f"A share of {share} of {len(rows)} rows holds out no sentence, since each label keeps one to train on: "
            "give a larger share, or a file of its own to validate on."
        )
    return sorted(set(range(len(rows))) - set(held)), sorted(held)


def folds_by_sentence(rows: Sequence[Row], folds: int, seed: int) -> list[list[int]]:
    """The rows held out in each fold, as ascending indices: every row in one fold, every sentence in one fold.

    Each label's rows are spread evenly, as far as the sizes of the sentences allow. A label with fewer sentences than folds
    is missing from some.

    Raises ValueError for fewer than two folds; DataError for fewer sentences than folds.
    """
    if folds < 2:
        raise ValueError(f"folds is {folds}; each is held out from the others in turn, so give 2 or more")
    groups = _by_sentence(rows)
    if folds > len(groups):
        raise DataError(f"{len(groups)} different sentences do not make {folds} folds: give fewer folds or more rows.")
    held: list[list[int]] = [[] for _ in range(folds)]
    held_rows = [Counter[_Label]() for _ in range(folds)]
    counts = Counter(row.label for row in rows)
    for label, stratum in _strata(groups, counts, seed):
        # The largest first, so that the small ones level out what these leave uneven.
        for group in sorted(stratum, key=lambda group: -group.labels[label]):
            fold = min(range(folds), key=lambda fold: (held_rows[fold][label], len(held[fold]), fold))
            held[fold] += group.rows
            held_rows[fold].update(group.labels)
    return [sorted(each) for each in held]


def _by_sentence(rows: Sequence[Row]) -> dict[str, _Group]:
    """The rows of each sentence, under its key."""
    groups: dict[str, _Group] = {}
    for number, row in enumerate(rows):
        group = groups.setdefault(sentence_key(row.sentence), _Group([], Counter()))
        group.rows.append(number)
        group.labels[row.label] += 1
    if len(groups) < 2:
        raise DataError("All rows are of one sentence, so none can be held out from the others: give more sentences.")
    return groups


def _strata(groups: dict[str, _Group], counts: Counter[_Label], seed: int) -> Iterator[tuple[_Label, list[_Group]]]:
    """Each label, the rarest first, with the sentences that have no rarer one, in the order in which to draw them."""
    order = sorted(counts, key=lambda label: (counts[label], label or ""))
    rank = {label: i for i, label in enumerate(order)}
    key = str(seed).encode()
    strata: defaultdict[_Label, list[tuple[bytes, _Group]]] = defaultdict(list)
    for sentence, group in groups.items():
        place = blake2b(sentence.encode(), key=key, digest_size=16).digest()
        strata[min(group.labels, key=rank.__getitem__)].append((place, group))
    for label in order:
        yield label, [group for _, group in sorted(strata[label], key=lambda item: item[0])]
