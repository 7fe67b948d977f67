"""Sentence splitting on petitions: our rules against kiwipiepy and a splitter at full stops.

    python benchmarks/sentence_splitting.py --corpus petitions/

Quality: precision, recall and F1 of sentence boundaries against `sentence_labels.json`, labelled by hand (a boundary is
where a Korean editor would put a full stop and a space). Offsets are compared in characters that are not white space, since
splitters differ in where they leave it. The rules were written with the development set in view; the test set was labelled
before they were scored on it and nothing was changed for it, so only its figures count.

Speed: MB of UTF-8 a second of processor time on one core, over the same petitions.

The corpus is the folder with the archive's monthly files (`petitions_2019-05` …); the labels hold no text of it.
"""

import argparse
import hashlib
import importlib.metadata
import json
import platform
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import checkout  # noqa: F401

from data.cleaning import Cleaning, normalize
from data.errors import DataError
from data.sentences import split_sentences

Splitter = Callable[[str], list[str]]
LABELS = Path(__file__).with_name("sentence_labels.json")
RESULTS = Path(__file__).with_name("results") / "sentence_splitting.json"
SPEED_SECONDS = 10.0
"""Processor time given to each splitter at most; slow ones see fewer petitions."""


def read_petitions(path: Path) -> list[dict[str, str]]:
    """The petitions of one month, in the order of the file."""
    if not path.is_file():
        raise DataError(f"{path} is not there; give the folder of the monthly petition files with --corpus")
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def labelled_texts(corpus: Path, rows: list[dict]) -> list[tuple[str, set[int]]]:
    """Each labelled text with its boundaries, counted in visible characters."""
    months: dict[str, list[dict[str, str]]] = {}
    texts = []
    for row in rows:
        if row["file"] not in months:
            months[row["file"]] = read_petitions(corpus / row["file"])
        petition = months[row["file"]][row["line"] - 1]
        text = normalize(petition[row["field"]])
        if hashlib.sha256(text.encode()).hexdigest()[:12] != row["sha256"]:
            raise DataError(
                f"{corpus / row['file']}, line {row['line']}: not the text that was labelled; use the archive's file"
            )
        texts.append((text, {visible(text[:boundary]) for boundary in row["boundaries"]}))
    return texts


def visible(text: str) -> int:
    """How many characters are not white space."""
    return sum(map(len, text.split()))


def score(split: Splitter, texts: list[tuple[str, set[int]]]) -> dict[str, float]:
    """Precision, recall and F1 of the boundaries inside the texts, over all of them together."""
    right = found = expected = 0
    for text, boundaries in texts:
        position, ends = 0, set()
        for sentence in split(text)[:-1]:
            position += visible(sentence)
            ends.add(position)
        right, found, expected = right + len(ends & boundaries), found + len(ends), expected + len(boundaries)
    precision, recall = right / max(1, found), right / max(1, expected)
    return {
        "boundaries": expected,
        "found": found,
        "right": right,
        "precision": round(precision, 4),
        "recall": round(recall, 4),
        "f1": round(2 * precision * recall / max(1e-9, precision + recall), 4),
    }


def megabytes_per_second(split: Splitter, texts: list[str]) -> float:
    """UTF-8 a second of processor time, in one thread."""
    done, start = 0, time.process_time()
    for text in texts:
        split(text)
        done += len(text.encode())
        if time.process_time() - start > SPEED_SECONDS:
            break
    return done / 1e6 / (time.process_time() - start)


def splitters() -> dict[str, Splitter]:
    """Name → splitter; kiwipiepy where it is installed."""
    full_stop = re.compile(r"(?<=[.!?])\s+")
    found: dict[str, Splitter] = {"rules": split_sentences, "full_stops": full_stop.split}
    try:
        from kiwipiepy import Kiwi
    except ImportError:
        print("kiwipiepy is not installed (pip install kiwipiepy); going on without it")
    else:
        kiwi = Kiwi(num_workers=1)
        found["kiwipiepy"] = lambda text: [sentence.text for sentence in kiwi.split_into_sents(text)]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, help="folder with the monthly petition files")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the JSON goes")
    arguments = parser.parse_args()

    labels = json.loads(LABELS.read_text(encoding="utf-8"))
    sets = {name: labelled_texts(arguments.corpus, labels[name]) for name in ("development", "test")}
    raw = [
        petition["content"]
        for path in sorted(arguments.corpus.glob("petitions_*"))
        for petition in read_petitions(path)
    ]
    texts = [normalize(text) for text in raw]
    table: dict[str, dict] = {}
    for name, split in splitters().items():
        split(texts[0])  # whatever is loaded at first use is not timed
        table[name] = {which: score(split, labelled) for which, labelled in sets.items()}
        table[name]["megabytes_per_second"] = round(megabytes_per_second(split, texts), 2)
    clean = Cleaning().clean
    speeds = {
        "normalize": megabytes_per_second(lambda text: [normalize(text)], raw),
        "clean": megabytes_per_second(lambda text: [clean(text)], raw),
        "clean and split": megabytes_per_second(lambda text: split_sentences(clean(text)), raw),
    }

    print(
        f"{'':14}{'precision':>10}{'recall':>10}{'F1':>10}{'MB/s':>10}   (test set, {table['rules']['test']['boundaries']} boundaries)"
    )
    for name, row in sorted(table.items(), key=lambda item: -item[1]["test"]["f1"]):
        test = row["test"]
        print(
            f"{name:14}{test['precision']:10.3f}{test['recall']:10.3f}{test['f1']:10.3f}{row['megabytes_per_second']:10.2f}"
        )
    print("\n" + "\n".join(f"{name:24}{speed:10.1f} MB/s" for name, speed in speeds.items()))
    record = {
        "splitters": table,
        "cleaning_megabytes_per_second": {name: round(speed, 1) for name, speed in speeds.items()},
        "python": platform.python_version(),
        "machine": machine(),
        "kiwipiepy": version("kiwipiepy"),
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def machine() -> str:
    """The processor's name, where the system tells it."""
    description = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", description.read_text()) if description.is_file() else None
    return f"{found[1] if found else platform.processor()}, {platform.system()} {platform.machine()}"


def version(package: str) -> str | None:
    """The installed version, None without it."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


if __name__ == "__main__":
    try:
        main()
    except DataError as error:
        sys.exit(str(error))
