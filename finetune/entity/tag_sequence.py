"""The tags of all characters of all texts in one sequence, marked and answered, to be counted at once.

Of "<한별:PS>은" and "왔다" the marked tags, and those of an answer that took 한별은 for the name, are

    character    ·     한     별     은     ·     ·     왔     다     ·
    gold         O    B-PS   I-PS    O      O     O     O      O      O
    found        O    B-PS   I-PS   I-PS    O     O     O      O      O

where · is the edge of a text, at which KLUE-baseline has the O of [CLS] and of [SEP].
"""

from collections.abc import Sequence
from copy import copy

import numpy as np

from finetune.entity.answers import Answer


class TagSequence:
    """The tags of all characters of all texts, with an O before and after each text.

    0 is O; 2·t + 1 and 2·t + 2 are B- and I- of the type number t.

    Args:
        answers: unlabelled texts count as without entities.
        types: the numbers of the types; every type of an entity or an answer is among them.
    """

    def __init__(self, answers: Sequence[Answer], types: Sequence[str]) -> None:
        number = {name: index for index, name in enumerate(types)}
        # A line feed stands for the edge; all that is asked of a character is whether it is a space.
        joined = "".join(f"\n{answer.text.text}\n" for answer in answers)
        self.is_space = np.frombuffer(joined.encode("utf-32-le"), dtype="<u4") == ord(" ")
        self.gold, self.found = np.zeros((2, len(joined)), dtype=np.int64)
        self.tags = 2 * len(types) + 1
        first = 1
        for answer in answers:
            for sequence, entities in ((self.gold, answer.text.entities or ()), (self.found, answer.entities)):
                for entity in entities:
                    begin = 2 * number[entity.type] + 1
                    sequence[first + entity.start] = begin
                    sequence[first + entity.start + 1 : first + entity.end] = begin + 1
            first += len(answer.text.text) + 2

    def without_spaces(self) -> "TagSequence":
        """The sequence without the tags of the characters that are U+0020."""
        kept = copy(self)
        kept.gold, kept.found = self.gold[~self.is_space], self.found[~self.is_space]
        kept.is_space = self.is_space[~self.is_space]
        return kept

    def by_tag(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """How often each tag is right, answered and marked: [tags] each."""
        right = self.gold[self.gold == self.found]
        counted = (np.bincount(tags, minlength=self.tags) for tags in (right, self.found, self.gold))
        return next(counted), next(counted), next(counted)

    def by_type(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """How many entities of each type, as strict IOB2 reads the tags, are right, answered and marked: [types] each."""
        gold, found = _read(self.gold), _read(self.found)
        right = gold[(gold == found).all(1)]
        # Where no entity begins, the tag is 0, and half of it is the first count.
        counted = (
            np.bincount((rows[:, 0] + 1) // 2, minlength=self.tags // 2 + 1)[1:] for rows in (right, found, gold)
        )
        return next(counted), next(counted), next(counted)


def _read(tags: np.ndarray) -> np.ndarray:
    """The B- tag of the entity that begins at each position and where the entity ends, or 0 and 0: [positions, 2].

    An I- tag goes on with what stands before it where that has the same type, also where that is an I- that goes on with
    nothing. Only what begins with a B- is an entity.
    """
    before = np.concatenate([[0], tags[:-1]])
    goes_on = (tags > 0) & (tags % 2 == 0) & ((before == tags) | (before == tags - 1))
    (starts,) = np.nonzero(~goes_on)
    ends = np.append(starts[1:], len(tags))
    begins = tags[starts] % 2 == 1
    entities = np.zeros((len(tags), 2), dtype=np.int64)
    entities[starts[begins]] = np.stack([tags[starts], ends], axis=1)[begins]
    return entities
