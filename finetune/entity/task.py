"""Named entities as a task: which characters of a text are a name, and of what."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from bert_core.model import Bert
from data.entities import EntityFile, TaggedText, entity_types, read_entities
from data.errors import DataError
from data.rows import RowFile, counted
from data.sample.files import write_entities
from data.tokenizer import WordPiece
from experiment.plots import plot_histogram
from experiment.report import Block, Paragraph
from finetune.entity.alignment import Aligned, Aligner, AlignmentOptions, spans_of
from finetune.entity.answers import Answer, inline, mean_answers
from finetune.entity.config import EntityConfig
from finetune.entity.evaluation import EXPLANATION, METRICS, SCORE_HEADER, metrics_of, score_rows
from finetune.entity.files import read_answers, write_answers, write_errors, write_scores
from finetune.entity.head import BertForEntities, EntityBatch, HeadOptions, make_batch
from finetune.entity.metrics import confusion, length_scores, mistakes, type_scores
from finetune.entity.model import EntityModel, FoundEntities, known_characters
from finetune.entity.page import KEY, EntityText, write_page
from finetune.entity.plots import plot_calibration, plot_confusion, plot_entity_counts, plot_lengths, plot_types
from finetune.entity.texts import open_texts
from finetune.losses import r_drop
from finetune.model import TaskModel
from finetune.rows import Rows
from finetune.settings import Settings
from finetune.task import FileSource, Line, Objective, Outcome, Prepared, Run, Source, Task, Words

EntityRun = Run[EntityConfig, TaggedText, Aligned, EntityBatch, FoundEntities]
EntityOutcome = Outcome[list[Answer]]

UNITS = {
    "both": "subwords are read, characters are tagged",
    "subword": "subwords are read and tagged",
    "character": "characters are read and tagged",
}


class EntityTask(Task[EntityConfig, TaggedText, Aligned, EntityBatch, FoundEntities, list[Answer]]):
    """`--task ner`."""

    name: ClassVar[str] = "ner"
    words: ClassVar[Words] = Words(
        "named entities", rows="texts", labels="types", labelled="entities", sample="generated sentences"
    )
    model_class = EntityModel
    metrics_titles: ClassVar[Mapping[str, str]] = METRICS
    head_factor: ClassVar[float] = 10.0
    """On 2,500 sentences of KMOU-NER's training file for 3 epochs the pretrained mini (one seed each) reached an entity F1 of
    45.1 % on held-out ones at the same learning rate, 62.7, 64.8 and 65.4 % at 4, 10 and 20 times the rate; 61.5 % when the
    encoder learnt twice as fast, too. Tags are learnt from nothing, and so are transitions."""
    suffix: ClassVar[str] = ".jsonl"
    page: ClassVar[str | None] = "predictions.html"

    # ---- rows ----

    def read(
        self, path: Path, config: EntityConfig, *, labelled: bool, like: RowFile[TaggedText] | None = None
    ) -> EntityFile:
        return read_entities(path, strict=config.strict)

    def open(self, path: Path, config: EntityConfig, outputs: Sequence[str]) -> Source[TaggedText]:
        return open_texts(path, outputs, config.output_dir / "cache", config.strict)

    def write_sample(self, folder: Path) -> tuple[Path, Path]:
        return write_entities(folder)

    def outputs(self, file: RowFile[TaggedText], config: EntityConfig) -> list[str]:
        types = entity_types(file.rows)
        if not types:
            raise DataError(f"{file.path} has no entity at all; give texts in which some are marked")
        return types

    def labels_of(self, row: TaggedText) -> Sequence[str]:
        return [entity.type for entity in row.entities or ()]

    def count(self, rows: Rows[TaggedText]) -> dict[str, Any]:
        return {"entities": {use: _type_counts(part) for use, part in rows.parts.items()}}

    # ---- learning ----

    def prepare(
        self,
        config: EntityConfig,
        settings: Settings,
        encoder: Bert,
        wordpiece: WordPiece,
        rows: Rows[TaggedText],
    ) -> Prepared[TaggedText, Aligned, EntityBatch, FoundEntities]:
        options = AlignmentOptions(config.unit, settings.max_length)
        aligner = Aligner(wordpiece, options)
        inputs = {use: aligner.align([row.text for row in part]) for use, part in rows.parts.items()}
        characters = known_characters(inputs["train"])
        head = HeadOptions(config.unit, config.crf, settings.dropout)
        network = BertForEntities(encoder, head, len(rows.outputs), 1 + len(characters))
        model = EntityModel(network, wordpiece, options, rows.outputs, characters)
        return Prepared(model, inputs, _objective(config, network, model, rows, inputs["train"]))

    # ---- answers ----

    def score(self, outputs: Sequence[str]) -> tuple[str, ...]:
        return ("entity_f1", "char_f1")

    def predictions(
        self,
        rows: Sequence[TaggedText],
        answers: Sequence[FoundEntities],
        model: TaskModel[TaggedText, Aligned, FoundEntities],
    ) -> list[Answer]:
        return [Answer(text, entities) for text, entities in zip(rows, answers, strict=True)]

    def metrics(self, predictions: list[Answer], outputs: Sequence[str], config: EntityConfig) -> dict[str, float]:
        return metrics_of(predictions, outputs)

    def is_labelled(self, predictions: list[Answer]) -> bool:
        return any(answer.text.entities is not None for answer in predictions)

    def mean(self, parts: Mapping[str, list[Answer]]) -> list[Answer]:
        return mean_answers(parts)

    def join(self, parts: Sequence[list[Answer]]) -> list[Answer]:
        return [answer for part in parts for answer in part]

    # ---- files ----

    def write(self, path: Path, predictions: list[Answer]) -> None:
        write_answers(path, predictions)

    def read_predictions(self, path: Path, outputs: Sequence[str], known: Sequence[TaggedText]) -> list[Answer]:
        return list(read_answers(path))

    def write_evaluation(
        self, folder: Path, prefix: str, predictions: list[Answer], outputs: Sequence[str]
    ) -> list[str]:
        names = [f"{prefix}errors.csv", f"{prefix}entities.csv"]
        write_errors(folder / names[0], predictions)
        write_scores(folder / names[1], type_scores(predictions, outputs))
        return names

    def write_pages(self, folder: Path, prefix: str, title: str, predictions: list[Answer]) -> list[str]:
        name = f"{prefix}{self.page}"
        write_page(folder / name, title, predictions)
        return [name]

    def write_answers(
        self,
        path: Path,
        parts: Iterator[list[Answer]],
        source: Source[TaggedText],
        models: Mapping[str, TaskModel[TaggedText, Aligned, FoundEntities]],
    ) -> tuple[list[Answer] | None, list[Line]]:
        found: Counter[str] = Counter()
        texts = 0

        def each() -> Iterable[Answer]:
            nonlocal texts
            for part in parts:
                for answer in part:
                    found.update(entity.type for entity in answer.entities)
                    texts += 1
                    yield answer

        write_answers(path, each())
        page = path.with_suffix(".html")
        write_page(page, f"Named entities in {source.path.name}", read_answers(path))
        kinds = ", ".join(f"{name} {count:,}" for name, count in found.most_common())
        lines = [
            ("to look at", str(page)),
            ("found", f"{found.total():,} entities in {texts:,} texts" + (f": {kinds}" if kinds else "")),
        ]
        labelled = isinstance(source, FileSource)
        return list(read_answers(path)) if labelled else None, lines

    # ---- what people look at ----

    def sizes(self, run: EntityRun) -> dict[str, int]:
        return {"types": len(run.rows.outputs)} | run.model.sizes()

    def input_report(self, run: EntityRun) -> dict[str, Any]:
        report: dict[str, Any] = {"types": run.rows.outputs} | run.model.sizes()
        for use, texts in run.rows.parts.items():
            pairs = list(zip(texts, run.inputs[use], strict=True))
            report[use] = {
                "read_in_several_windows": counted([text.where for text, own in pairs if len(own.windows) > 1]),
                "without_anything_to_tag": counted([text.where for text, own in pairs if not len(own.token)]),
                "entities_not_expressible": _not_expressible(run, use),
            }
        return report

    def data_lines(self, run: EntityRun) -> list[Line]:
        aligned = [text for part in run.inputs.values() for text in part]
        characters, tokens = sum(len(text.map.raw) for text in aligned), sum(text.length for text in aligned)
        windowed = sum(len(text.windows) > 1 for text in aligned)
        counts = _type_counts(run.rows.train)
        entities = sum(counts.values())
        lines = [
            (
                "entities",
                f"{entities:,} in the training texts; "
                + ", ".join(f"{name} {count / entities:.0%}" for name, count in counts.items()),
            ),
            (
                "length",
                f"{characters / len(aligned):.0f} characters in {tokens / len(aligned):.0f} tokens on average; "
                + (f"{windowed:,} texts are read in several windows" if windowed else "every text fits a window"),
            ),
        ]
        if run.config.unit != "both":
            lost = ", ".join(f"{_not_expressible(run, use):,} of the {use} entities" for use in run.inputs)
            lines.append(("not expressible", lost))
        return lines

    def head_lines(self, config: EntityConfig) -> list[Line]:
        return [
            ("unit", f"{config.unit}: {UNITS[config.unit]}"),
            ("head", "CRF" if config.crf else "each tag by itself, without a CRF"),
        ]

    def examples(self, run: EntityRun, most: int) -> list[Line]:
        """With the tokens in which the network reads them, and the tags of each."""
        shown: list[Line] = []
        for text, aligned in zip(run.rows.train, run.inputs["train"], strict=True):
            if text.entities and len(shown) < most:
                shown.append((inline(text.text, text.entities), _tagged_tokens(run, text, aligned)))
        return shown

    def explanation(self, run: EntityRun, outcome: EntityOutcome) -> list[str]:
        return [EXPLANATION]

    def label_table(
        self, predictions: list[Answer], outputs: Sequence[str]
    ) -> tuple[list[tuple[str, ...]], tuple[str, ...]]:
        return score_rows(type_scores(predictions, outputs)), SCORE_HEADER

    def mistakes(self, predictions: list[Answer], most: int) -> list[Line]:
        shown: list[Line] = []
        for wrong in mistakes(predictions)[:most]:
            kinds = [f"{count} {kind}" if count > 1 else kind for kind, count in wrong.kinds.items() if count]
            shown.append((f"{', '.join(kinds)}; right is: {wrong.gold}", wrong.found))
        return shown

    def mistake_blocks(self, predictions: list[Answer], most: int) -> list[Block]:
        worst: list[Block] = [EntityText(wrong.answer) for wrong in mistakes(predictions)[:most]]
        return [Paragraph(KEY), *worst] if worst else []

    def plot(self, run: EntityRun, outcome: EntityOutcome) -> tuple[list[Line], list[Line]]:
        plots, answers, types = run.directory.plots, outcome.last, run.rows.outputs
        plot_types(type_scores(answers, types), types, plots / "f1_by_type.png")
        plot_confusion(confusion(answers, types), types, plots / "confusion.png")
        plot_lengths(length_scores(answers), plots / "f1_by_length.png")
        plot_calibration(_scored(answers), plots / "calibration.png")
        counts = {use: _type_counts(part) for use, part in run.rows.parts.items()}
        plot_entity_counts(counts, types, plots / "types.png")
        lengths = [len(text.map.raw) for part in run.inputs.values() for text in part]
        plot_histogram(lengths, plots / "lengths.png", title="Lengths of the texts", x_label="characters")
        by_label = [
            ("f1_by_type.png", "F1 of each type"),
            ("confusion.png", "Types and answers"),
            ("f1_by_length.png", "F1 by the length of the entity"),
            ("calibration.png", "How often a score is right"),
        ]
        return by_label, [("types.png", "Entities of each type"), ("lengths.png", "Lengths")]

    def curves(self, config: EntityConfig, outputs: Sequence[str]) -> dict[str, str]:
        return {
            "entity_f1": "Entity F1",
            "entity_macro_f1": "Entity macro F1",
            "char_f1": "Character F1, without O",
        }

    def loss_unit(self, config: EntityConfig, outputs: Sequence[str]) -> str:
        return "nats a character" if config.unit == "both" else "nats a token"

    def grid_figures(self, config: EntityConfig, outputs: Sequence[str]) -> dict[str, str]:
        figures = {name: f"dev {METRICS[name]}" for name in ("entity_f1", "entity_macro_f1", "char_f1")}
        if config.test_file:
            figures |= {
                f"test_{name}": f"test {METRICS[name]}" for name in ("entity_f1", "klue_entity_f1", "klue_char_f1")
            }
        return figures


def _objective(
    config: EntityConfig,
    network: BertForEntities,
    model: EntityModel,
    rows: Rows[TaggedText],
    inputs: Sequence[Aligned],
) -> Objective[EntityBatch]:
    # A text that the tokenizer leaves nothing of has nothing to learn from; data_report.json counts it.
    used = [row for row, aligned in enumerate(inputs) if len(aligned.token)]
    texts, aligned = [rows.train[row] for row in used], [inputs[row] for row in used]
    tags = [each.tags(text.entities or (), rows.outputs) for text, each in zip(texts, aligned, strict=True)]
    numbers = [model.numbers(each) for each in aligned]

    def loss(batch: EntityBatch) -> Tensor:
        scores = network(batch)
        total: Tensor = network.head.losses(scores, batch).sum()
        if config.r_drop:
            other = network(batch)
            apart = r_drop(scores.log_softmax(-1).flatten(0, 1), other.log_softmax(-1).flatten(0, 1))
            total = (total + network.head.losses(other, batch).sum() + config.r_drop * apart.sum()) / 2
        return total

    return Objective(
        network=network,
        lengths=np.array([each.length for each in aligned]),
        build=lambda chosen: make_batch(aligned, numbers, chosen, tags),
        loss=loss,
        places=[text.where for text in texts],
        units=sum(map(len, tags)) / len(tags),  # elements: each counts alike over the epoch
    )


def _type_counts(texts: Sequence[TaggedText]) -> dict[str, int]:
    """Entities of each type, the most frequent first."""
    return dict(Counter(entity.type for text in texts for entity in text.entities or ()).most_common())


def _not_expressible(run: EntityRun, use: str) -> int:
    """How many entities have an end within an element, so that no tags give them; with `unit` both there is none."""
    types = run.rows.outputs
    count = 0
    for text, aligned in zip(run.rows.parts[use], run.inputs[use], strict=True):
        entities = [entity for entity in text.entities or () if entity.type in types]
        count += len(set(entities) - set(aligned.entities(spans_of(aligned.tags(entities, types)), types)))
    return count


def _tagged_tokens(run: EntityRun, text: TaggedText, aligned: Aligned) -> str:
    """Each token with the tags of what looks at it: 오에⟨BII⟩ 겐⟨I⟩; without a tag but O, the token alone."""
    names = run.model.wordpiece.tokens
    letters = ["O", *(letter for _ in run.rows.outputs for letter in "BI")]
    tags: dict[int, str] = {}
    for token, tag in zip(aligned.token.tolist(), aligned.tags(text.entities or (), run.rows.outputs), strict=True):
        tags[token] = tags.get(token, "") + letters[tag]
    words = []
    for number, index in enumerate(index for window in aligned.windows for index in window.tolist()):
        own = tags.get(number, "")
        words.append(names[index] + (f"⟨{own}⟩" if own.strip("O") else ""))
    return " ".join(words)


def _scored(answers: Sequence[Answer]) -> list[tuple[float, bool]]:
    """The score of each found entity, and whether it is one."""
    return [
        (found.score, (found.start, found.end, found.type) in {(e.start, e.end, e.type) for e in answer.text.entities})
        for answer in answers
        if answer.text.entities is not None
        for found in answer.entities
    ]


ENTITIES = EntityTask()
