"""The built-in sample: invented Korean text in the two layouts that the corpus reader knows best, relations in KLUE-RE's,
entities in KLUE-NER's, texts with a label in NSMC's.

    write_sample(Path("cache/sample"))     ->  [cache/sample/petitions_sample, cache/sample/namuwiki_sample.txt]
    write_relations(Path("cache/sample"))  ->  (cache/sample/klue-re_sample_train.json, cache/sample/klue-re_sample_dev.json)
    write_entities(Path("cache/sample"))   ->  (cache/sample/klue-ner_sample_train.tsv, cache/sample/klue-ner_sample_dev.tsv)
    write_topics(Path("cache/sample"))     ->  (cache/sample/topics_sample_train.tsv, cache/sample/topics_sample_dev.tsv)

`petitions_sample` holds one petition a line, as JSON with the keys of the petitions archive; `namuwiki_sample.txt` holds wiki pages in
namuwikitext's layout. Nothing is downloaded, and no real person or organisation occurs: names and facts come from
`data.sample.lexicon`, the sentences from `data.sample.petitions`, `data.sample.pages`, `data.sample.relations`, `data.sample.entities` and
`data.sample.topic_texts`. The sample shows that everything works; what a model learns from it is its few hundred sentence patterns, not Korean.
"""

import json
import os
import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from data.entities import TaggedText, bio_tags
from data.sample.entities import compose_entities
from data.sample.lexicon import Lexicon, build_lexicon
from data.sample.pages import subjects, write_page
from data.sample.petitions import write_petition
from data.sample.relations import Row, compose_relations
from data.sample.topic_texts import compose_topic_texts

_KLUE_NER_HEADER = """\
## 토큰, 레이블 구분자 : \\t
## 토큰 구분자 : \\n
## 문장 구분자 : \\n\\n
## 주석 : ##
## 컬럼명 : CHAR\tNE_TAG
"""
"""The comments with which KLUE-NER's files begin."""


def write_sample(directory: Path, petitions: int = 2000, pages: int = 1000, seed: int = 0) -> list[Path]:
    """Write the sample into `directory` and return its two files; the same arguments give the same bytes everywhere.

    Each file is written whole or not at all, and not again where it is there already, so that a run that reads it is not
    disturbed. Raises ValueError if there are fewer subjects in the lexicon than `pages`.
    """
    lexicon = build_lexicon(seed)
    candidates = subjects(lexicon)
    if pages > len(candidates):
        raise ValueError(f"the sample has subjects for {len(candidates)} pages: ask for no more than that")
    rng = random.Random(f"pages {seed}")
    articles = (write_page(rng, lexicon, subject) for subject in rng.sample(candidates, pages))
    directory.mkdir(parents=True, exist_ok=True)
    return [
        _write(directory / "petitions_sample", _petitions(lexicon, petitions, seed)),
        _write(directory / "namuwiki_sample.txt", articles),
    ]


def write_relations(directory: Path, train: int = 2000, dev: int = 400, seed: int = 0) -> tuple[Path, Path]:
    """Write `train` and `dev` relations into `directory` and return their files; the same arguments give the same bytes everywhere.

    Both have KLUE-RE's layout, a JSON list with one relation a line, and all of its 30 labels; no sentence is in both. They are written
    as `write_sample` writes its files. Raises ValueError for fewer relations than can hold every label.
    """
    rows = compose_relations(train, dev, seed)
    directory.mkdir(parents=True, exist_ok=True)
    paths = directory / "klue-re_sample_train.json", directory / "klue-re_sample_dev.json"
    return _write(paths[0], _json_list(rows[0])), _write(paths[1], _json_list(rows[1]))


def write_entities(directory: Path, train: int = 2000, dev: int = 400, seed: int = 0) -> tuple[Path, Path]:
    """Write `train` and `dev` sentences with named entities into `directory` and return their files; the same bytes everywhere.

    Both have KLUE-NER's layout, a character and its tag a line, and its six types; no sentence is in both, nor twice in one. They are
    written as `write_sample` writes its files. Raises ValueError for less than one sentence.
    """
    texts = compose_entities(train, dev, seed)
    directory.mkdir(parents=True, exist_ok=True)
    paths = directory / "klue-ner_sample_train.tsv", directory / "klue-ner_sample_dev.tsv"
    return _write(paths[0], _character_tsv(texts[0])), _write(paths[1], _character_tsv(texts[1]))


def write_topics(directory: Path, train: int = 2000, dev: int = 300, seed: int = 0) -> tuple[Path, Path]:
    """Write `train` and `dev` short texts and what they are about into `directory` and return the two files; the same bytes everywhere.

    Both have NSMC's layout, tab-separated with the heading id, document, label; the seven labels are equally frequent, and no text is in
    both, nor twice in one. They are written as `write_sample` writes its files. Raises ValueError for fewer texts than labels.
    """
    rows = compose_topic_texts(train, dev, seed)
    directory.mkdir(parents=True, exist_ok=True)
    paths = directory / "topics_sample_train.tsv", directory / "topics_sample_dev.tsv"
    return _write(paths[0], _topics_tsv("train", rows[0])), _write(paths[1], _topics_tsv("dev", rows[1]))


def _topics_tsv(use: str, rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    yield "id\tdocument\tlabel\n"
    for number, (text, label) in enumerate(rows):
        yield f"sample-topics_{use}_{number:05}\t{text}\t{label}\n"


def _character_tsv(texts: Sequence[TaggedText]) -> Iterator[str]:
    yield _KLUE_NER_HEADER
    for text in texts:
        entities = text.entities or ()
        marked, end = "", 0
        for entity in entities:
            marked += f"{text.text[end : entity.start]}<{text.text[entity.start : entity.end]}:{entity.type}>"
            end = entity.end
        lines = (f"{letter}\t{tag}" for letter, tag in zip(text.text, bio_tags(len(text.text), entities), strict=True))
        yield "\n".join((f"## {text.id}\t{marked}{text.text[end:]}", *lines)) + "\n\n"


def _json_list(rows: Sequence[Row]) -> Iterator[str]:
    lines = (json.dumps(row, ensure_ascii=False) for row in rows)
    yield "[\n" + ",\n".join(lines) + "\n]\n"


def _petitions(lexicon: Lexicon, count: int, seed: int) -> Iterator[str]:
    """`count` petitions as lines of JSON, no two with the same content."""
    rng = random.Random(f"petitions {seed}")
    seen: set[str] = set()
    while len(seen) < count:
        petition = write_petition(rng, lexicon, len(seen))
        if petition["content"] not in seen:
            seen.add(str(petition["content"]))
            yield json.dumps(petition, ensure_ascii=False) + "\n"


def _write(path: Path, parts: Iterable[str]) -> Path:
    """`parts` joined at `path`, which is left untouched, with its time of writing, where it holds them already."""
    content = "".join(parts).encode()
    if path.is_file() and path.read_bytes() == content:
        return path
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path
