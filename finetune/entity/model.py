"""A model of named entities: the network with the way it reads characters, and what it finds in a text."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import torch

from bert_core.model import Bert
from data.entities import NamedEntity, TaggedText
from data.sentences import split_sentences
from data.tokenizer import WordPiece
from finetune.encoder import BLOCK
from finetune.entity.alignment import Aligned, Aligner, AlignmentOptions
from finetune.entity.answers import FoundEntity
from finetune.entity.crf import find_spans
from finetune.entity.head import UNKNOWN_CHARACTER, BertForEntities, HeadOptions, make_batch
from finetune.model import Report, TaskModel

FoundEntities = tuple[FoundEntity, ...]
"""Of a text, in order, not overlapping."""


class EntityAnswer(NamedTuple):
    """A named entity in a text."""

    start: int
    """First character (code point) of the given text."""
    end: int
    """One after the last."""
    type: str
    surface: str
    """The characters."""
    probability: float
    """Of exactly this span and type."""


class EntityModel(TaskModel[TaggedText, Aligned, FoundEntities]):
    """A network with all that is needed to ask it.

    Args:
        network: encoder and tagger.
        wordpiece: the encoder's tokenizer.
        alignment: how texts are read.
        types: of entities, in the order of their tags.
        characters: those with an embedding of their own, from number 1 on.
    """

    task: ClassVar[str] = "ner"
    network: BertForEntities

    def __init__(
        self,
        network: BertForEntities,
        wordpiece: WordPiece,
        alignment: AlignmentOptions,
        types: Sequence[str],
        characters: str,
    ) -> None:
        super().__init__(network, wordpiece, types)
        self.aligner, self.characters = Aligner(wordpiece, alignment), characters

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {character: number for number, character in enumerate(self.characters, 1)}

    def numbers(self, text: Aligned) -> np.ndarray:
        """The numbers of the elements' first characters, int64 [E]."""
        known, characters = self._numbers, text.map.text
        return np.array([known.get(characters[start], UNKNOWN_CHARACTER) for start in text.spans[:, 0]], dtype=np.int64)

    def inputs(self, rows: Sequence[TaggedText]) -> list[Aligned]:
        return self.aligner.align([row.text for row in rows])

    def answers(self, inputs: Sequence[Aligned], device: torch.device) -> list[FoundEntities]:
        found: list[FoundEntities] = [()] * len(inputs)
        asked = [row for row, text in enumerate(inputs) if len(text.token)]
        if not asked:
            return found
        batch = make_batch(inputs, [self.numbers(text) for text in inputs], asked)
        here, crf = batch.to(device), self.network.head.crf
        scores = self.network(here)
        with torch.autocast(device.type, enabled=False):
            tags = crf.best_tags(scores, here.mask).cpu()
        spans = find_spans(tags)
        sure = crf.span_probabilities(scores.cpu(), batch.mask, spans).numpy()
        places = torch.stack(spans, 1).numpy()
        for number, row in enumerate(asked):
            own = places[:, 0] == number
            found[row] = _apart(inputs[row].entities(places[own, 1:], self.outputs), sure[own].tolist())
        return found

    def ask(self, rows: Sequence[TaggedText], report: Report = lambda done, total: None) -> list[FoundEntities]:
        """The answers for texts of any length: one that does not fit a window is read sentence by sentence."""
        asked: list[Aligned] = []
        places: list[tuple[int, int]] = []  # number of the text, and where in it the part begins
        for number, (row, whole) in enumerate(zip(rows, self.inputs(rows), strict=True)):
            parts = sentences_of(row.text) if len(whole.windows) > 1 else [(0, row.text)]
            asked += [whole] if len(parts) == 1 else self.aligner.align([part for _, part in parts])
            places += [(number, start) for start, _ in parts]
        answers = self.answer(asked, self.machine, report=report)
        found: list[list[FoundEntity]] = [[] for _ in rows]
        for part, (number, start) in enumerate(places):
            found[number] += [replace(each, start=each.start + start, end=each.end + start) for each in answers[part]]
        return [tuple(entities) for entities in found]

    def predict(self, texts: Sequence[str]) -> list[list[EntityAnswer]]:
        """The named entities of each text.

        Args:
            texts: of any length and number, as they are; spans count their code points.
        """
        found: list[list[EntityAnswer]] = []
        for first in range(0, len(texts), BLOCK):
            block = texts[first : first + BLOCK]
            rows = [TaggedText("", text, None, "") for text in block]
            for text, entities in zip(block, self.ask(rows), strict=True):
                found.append([EntityAnswer(e.start, e.end, e.type, text[e.start : e.end], e.score) for e in entities])
        return found

    def sizes(self) -> dict[str, int]:
        return {"characters": len(self.characters)}

    def description(self) -> dict[str, Any]:
        return {
            "types": self.outputs,
            "head": asdict(self.network.head.options),
            "alignment": asdict(self.aligner.options),
            "characters": self.characters,
        }

    @classmethod
    def described(cls, encoder: Bert, wordpiece: WordPiece, description: dict[str, Any]) -> Self:
        head, alignment = HeadOptions(**description["head"]), AlignmentOptions(**description["alignment"])
        types, characters = list(description["types"]), description["characters"]
        network = BertForEntities(encoder, head, len(types), 1 + len(characters))
        return cls(network, wordpiece, alignment, types, characters)


def known_characters(aligned: Iterable[Aligned]) -> str:
    """The characters that get an embedding of their own: those that training texts have at least twice."""
    counts: Counter[str] = Counter()
    for text in aligned:
        counts.update(text.map.text)
    return "".join(sorted(character for character, count in counts.items() if count > 1))


def sentences_of(text: str) -> list[tuple[int, str]]:
    """Where each sentence of a text begins, and the sentence; the whole text where its sentences cannot be found in it."""
    found, place = [], 0
    for sentence in split_sentences(text):
        start = text.find(sentence, place)
        if start < 0:
            return [(0, text)]
        found.append((start, sentence))
        place = start + len(sentence)
    return found or [(0, text)]


def _apart(entities: Sequence[NamedEntity], scores: Sequence[float]) -> FoundEntities:
    """Entities with their scores. Two that meet within one character of the file (U+0958 is two in NFC) would overlap there;
    the character stays with the first one."""
    found: list[FoundEntity] = []
    for entity, score in zip(entities, scores, strict=True):
        start = max(entity.start, found[-1].end if found else 0)
        if start < entity.end:
            found.append(FoundEntity(start, entity.end, entity.type, score))
    return tuple(found)
