"""A model of named entities as a whole: encoder, tagger, types, characters and the way it reads; on disk, and answering.

model/   config.json  model.safetensors           the encoder; transformers.AutoModel reads it
         vocab.txt  tokenizer.json  …             its tokenizer
         entities.json                            types, characters, unit
         entity_head.safetensors                  the tagger
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from bert_core.model import Bert
from bert_core.pretrained import from_pretrained, save_pretrained
from data.entities import NamedEntity, TaggedText
from data.errors import DataError
from data.tokenizer import WordPiece
from experiment.machine import Machine
from experiment.memory import in_halves
from experiment.run_directory import replacing
from finetune.batches import evaluation_batches
from finetune.entity.alignment import Aligned, Aligner, AlignmentOptions
from finetune.entity.answers import Answer, FoundEntity
from finetune.entity.crf import find_spans
from finetune.entity.head import UNKNOWN_CHARACTER, BertForEntities, HeadOptions, make_batch

DESCRIPTION_FILE, HEAD_FILE = "entities.json", "entity_head.safetensors"


def known_characters(aligned: Iterable[Aligned]) -> str:
    """The characters that get an embedding of their own: those that training texts have at least twice."""
    counts: Counter[str] = Counter()
    for text in aligned:
        counts.update(text.map.text)
    return "".join(sorted(character for character, count in counts.items() if count > 1))


def _apart(entities: Sequence[NamedEntity], scores: Sequence[float]) -> tuple[FoundEntity, ...]:
    """Entities with their scores. Two that meet within one character of the file (U+0958 is two in NFC) would overlap there;
    the character stays with the first one."""
    found: list[FoundEntity] = []
    for entity, score in zip(entities, scores, strict=True):
        start = max(entity.start, found[-1].end if found else 0)
        if start < entity.end:
            found.append(FoundEntity(start, entity.end, entity.type, score))
    return tuple(found)


@dataclass(frozen=True)
class EntityModel:
    """A network with all that is needed to ask it."""

    network: BertForEntities
    wordpiece: WordPiece
    aligner: Aligner
    types: list[str]
    characters: str
    """Those with an embedding of their own, from number 1 on."""

    @classmethod
    def new(
        cls,
        encoder: Bert,
        wordpiece: WordPiece,
        head: HeadOptions,
        alignment: AlignmentOptions,
        types: Sequence[str],
        characters: str,
    ) -> "EntityModel":
        """A model whose tagger is yet to be trained."""
        network = BertForEntities(encoder, head, len(types), 1 + len(characters))
        return cls(network, wordpiece, Aligner(wordpiece, alignment), list(types), characters)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {character: number for number, character in enumerate(self.characters, 1)}

    def numbers(self, text: Aligned) -> np.ndarray:
        """The numbers of the elements' first characters, int64 [E]."""
        known, characters = self._numbers, text.map.text
        return np.array([known.get(characters[start], UNKNOWN_CHARACTER) for start in text.spans[:, 0]], dtype=np.int64)

    def answer(
        self,
        texts: Sequence[TaggedText],
        aligned: Sequence[Aligned],
        machine: Machine,
        *,
        share: tuple[int, int] = (0, 1),
        report: Callable[[int, int], None] = lambda done, total: None,
    ) -> list[Answer]:
        """The entities of each text.

        Args:
            texts: what is asked.
            aligned: the same, by `aligner`.
            machine: where the network is; its precision is used.
            share: this process and the number of processes: each answers for its part, and finds nothing elsewhere.
            report: is called with the texts that are done, and all of them.

        Raises:
            UsageError: a single text does not fit into the device's memory.
        """
        found: list[tuple[FoundEntity, ...]] = [()] * len(texts)
        numbers = [self.numbers(text) for text in aligned]
        asked = np.array([row for row, text in enumerate(aligned) if len(text.token)], dtype=np.int64)
        lengths = np.array([text.length for text in aligned], dtype=np.int64)
        batches = [asked[batch] for batch in evaluation_batches(lengths[asked])[share[0] :: share[1]]]
        crf = self.network.head.crf
        was_training, done = self.network.training, 0
        self.network.eval()

        def scores_and_tags(rows: list[int]) -> tuple[Tensor, Tensor, Tensor]:
            batch = make_batch(aligned, numbers, rows)
            here = batch.to(machine.device)
            scores = self.network(here)
            with torch.autocast(machine.device.type, enabled=False):
                return scores.cpu(), crf.best_tags(scores, here.mask).cpu(), batch.mask

        try:
            with torch.inference_mode(), machine.autocast():
                for rows, (scores, tags, mask) in in_halves(scores_and_tags, batches, lengths, machine.device):
                    spans = find_spans(tags)
                    sure = crf.span_probabilities(scores, mask, spans).numpy()
                    places = torch.stack(spans, 1).numpy()
                    for number, row in enumerate(rows):
                        own = places[:, 0] == number
                        found[row] = _apart(aligned[row].entities(places[own, 1:], self.types), sure[own].tolist())
                    done += len(rows)
                    report(done, len(texts))
        finally:
            self.network.train(was_training)
        return [Answer(text, entities) for text, entities in zip(texts, found, strict=True)]

    def save(self, directory: Path) -> None:
        """Writes the files named at the top, each whole or not at all."""
        save_pretrained(self.network.bert, directory)
        self.wordpiece.save(directory)
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in self.network.head.state_dict().items()}
        with replacing(directory / HEAD_FILE) as temporary:
            save_file(weights, temporary)
        description = {
            "types": self.types,
            "head": asdict(self.network.head.options),
            "alignment": asdict(self.aligner.options),
            "characters": self.characters,
        }
        with replacing(directory / DESCRIPTION_FILE) as temporary:
            temporary.write_text(json.dumps(description, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> "EntityModel":
        """Reads what `save` wrote.

        Raises:
            DataError, PretrainedError: the folder holds no model of named entities, or a damaged one.
        """
        path = directory / DESCRIPTION_FILE
        if not path.is_file():
            raise DataError(
                f"{directory} holds no model of named entities (no {DESCRIPTION_FILE}); train one with "
                "python run_finetune.py --task ner"
            )
        encoder, wordpiece = from_pretrained(Bert, directory), WordPiece.load(directory)
        try:
            description = json.loads(path.read_text(encoding="utf-8"))
            head, alignment = HeadOptions(**description["head"]), AlignmentOptions(**description["alignment"])
            model = cls.new(encoder, wordpiece, head, alignment, description["types"], description["characters"])
            model.network.head.load_state_dict(load_file(directory / HEAD_FILE))
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            raise DataError(f"the model of named entities in {directory} is damaged ({error}); train it anew") from None
        return model
