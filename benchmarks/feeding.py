"""Batches from raw text on one core, beside what others use: real tokens a second, start-up, memory, and where the time goes.

    python benchmarks/feeding.py --corpus petitions/ --preset base

Every system runs in a process of its own, on one core, in turns; rates are tokens by CPU seconds, so that other jobs of the machine
count for little. Ours are what a loader worker does, `WindowBuilder`, text to packed batches:

- `text`: reading, cleaning, splitting, tokenising, pairs, masks, batches, on the fly; `token cache`: the same from `--token_cache`;
- `collator`: a fast tokenizer of `transformers` over a streamed `datasets` text file, a sentence a row, in batches of 32 through
  `DataCollatorForLanguageModeling`. No documents, no pairs (needs `pip install datasets`, else it is left out);
- `in memory`: NSP pairs as Google's create_pretraining_data.py documents them: all documents tokenised into lists first, by the fast
  tokenizer here, then pairs and masks in plain Python.

The last two read sentences that were cleaned and split before, which is not counted; what ours clean and split
once is: its CPU seconds are spread over the tokens of an epoch. Making the token cache is not (see `benchmarks/start.py`). `text at 512` and
`token cache at 512` are the same with sequences of up to 512 tokens. `data_wait` is simulated from the windows' measured
times: workers build windows ahead, two each, and a device takes them in order.
"""

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import checkout  # noqa: F401
import torch
from side_by_side import write

import data.tokens
import pretrain.batches
from data.cleaned import CleanedText
from data.tokenizer import WordPiece
from experiment.console import Console
from pretrain.config import PretrainConfig
from pretrain.masking import Masker
from pretrain.text import Text, prepare_text, window_builder

OURS = ("text", "token cache", "text at 512", "token cache at 512")
SYSTEMS = (*OURS, "collator", "in memory")
WORKERS = (1, 2, 4, 8, 12, 16)
WINDOWS = 500
CLEANED = 2000
"""Documents on which cleaning is timed."""
ONE_CORE = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
Batches = Iterator[int]
"""Real tokens of one batch after the other; what is measured is the time between them."""


def settings(arguments: argparse.Namespace) -> PretrainConfig:
    return PretrainConfig(
        corpus=arguments.corpus, preset=arguments.preset, output_dir=arguments.output_dir,
        token_cache="token cache" in arguments.system, max_length=512 if arguments.system.endswith("512") else None,
    ).resolved()  # fmt: skip


def prepared(config: PretrainConfig) -> Text:
    return prepare_text(config, Console(quiet=True))


def windows(text: Text, config: PretrainConfig) -> Batches:
    """Ours, a window at a time."""
    builder = window_builder(text, config)
    for window in range(builder.windows_an_epoch):
        yield sum(batch.packed.tokens for batch in builder[window])


def collated(text: Text, config: PretrainConfig) -> Batches:
    """The collator's batches."""
    import datasets  # type: ignore[import-not-found, import-untyped, unused-ignore]
    from torch.utils.data import DataLoader
    from transformers import BertTokenizer, DataCollatorForLanguageModeling

    tokenizer = BertTokenizer(tokenizer_object=text.wordpiece.tokenizer)
    rows = datasets.load_dataset(
        "text", data_files=str(text.survey.text), split="train", streaming=True, cache_dir=str(text.survey.text.parent)
    )
    encode = partial(tokenizer, truncation=True, max_length=config.max_length, return_special_tokens_mask=True)  # type: ignore[misc]
    rows = rows.filter(lambda row: row["text"]).map(
        lambda row: encode(row["text"]), batched=True, remove_columns="text"
    )
    for batch in DataLoader(rows, batch_size=32, collate_fn=DataCollatorForLanguageModeling(tokenizer)):
        yield int(batch["attention_mask"].sum())


def in_memory(text: Text, config: PretrainConfig) -> Batches:
    """The batches of a builder that holds every document as lists of tokens; its first batch waits for all of them."""
    assert config.max_length
    parts = text.survey.text.read_text(encoding="utf-8").strip().split("\n\n")
    documents = [found for part in parts if (found := text.wordpiece.encode(part.split("\n")))]
    rng, room = random.Random(0), config.max_length - 3
    names = [text.wordpiece.id_of(name) for name in ("[CLS]", "[SEP]", "[MASK]")]
    for number in range(len(documents)):
        for first, second in document_pairs(documents, number, room, rng):
            yield len(masked_pair(first, second, names, text.wordpiece.vocab_size, rng)[0])


def document_pairs(
    documents: list[list[list[int]]], number: int, room: int, rng: random.Random
) -> Iterator[tuple[list[int], list[int]]]:
    """The pairs of one document: sentences are collected to a length, cut in two, and half get another document's text."""
    document, place = documents[number], 0
    while place < len(document):
        target = rng.randint(2, room) if rng.random() < 0.1 else room
        end, length = place, 0
        while end < len(document) and length < target:
            length += len(document[end])
            end += 1
        cut = rng.randint(place + 1, max(place + 1, end - 1))
        first = [token for sentence in document[place:cut] for token in sentence]
        second: list[int] = []
        if end - place == 1 or rng.random() < 0.5:
            other = documents[
                rng.choice([n for n in (rng.randrange(len(documents)) for _ in range(10)) if n != number])
            ]
            for sentence in other[rng.randrange(len(other)) :]:
                second += sentence
                if len(second) >= target - len(first):
                    break
            end = cut  # what was not used comes again
        else:
            second = [token for sentence in document[cut:end] for token in sentence]
        while len(first) + len(second) > room:
            longer = first if len(first) > len(second) else second
            longer.pop(0 if rng.random() < 0.5 else -1)
        yield first, second
        place = end


def masked_pair(
    first: list[int], second: list[int], names: list[int], vocabulary: int, rng: random.Random
) -> tuple[list[int], list[int], list[int]]:
    """Ids with masks, segments, and the masked positions."""
    cls, sep, mask = names
    ids = [cls, *first, sep, *second, sep]
    types = [0] * (len(first) + 2) + [1] * (len(second) + 1)
    positions = [place for place, token in enumerate(ids) if token not in (cls, sep)]
    rng.shuffle(positions)
    chosen = sorted(positions[: max(1, round(len(ids) * 0.15))])
    for place in chosen:
        lot = rng.random()
        ids[place] = mask if lot < 0.8 else ids[place] if lot < 0.9 else rng.randrange(vocabulary)
    return ids, types, chosen


def timed(holder: Any, name: str, label: str, spent: dict[str, float]) -> None:
    """Replaces a function by one that counts its CPU seconds."""
    function: Callable[..., Any] = getattr(holder, name)

    def counted(*given: Any, **named: Any) -> Any:
        started = time.process_time()
        try:
            return function(*given, **named)
        finally:
            spent[label] = spent.get(label, 0.0) + time.process_time() - started

    setattr(holder, name, counted)


def measure_one(arguments: argparse.Namespace) -> None:
    """What a child process does; prints its figures as JSON."""
    torch.set_num_threads(1)
    config = settings(arguments)
    started = time.process_time()
    text = prepared(config)
    opened = time.process_time() - started
    spent: dict[str, float] = {}
    if arguments.stages:
        timed(CleanedText, "sentences", "reading", spent)
        timed(data.tokens, "read_ranges", "reading", spent)
        timed(WordPiece, "encode", "tokenising", spent)
        timed(Masker, "mask", "masking", spent)
        timed(pretrain.batches, "pack", "packing", spent)
    build = {"collator": collated, "in memory": in_memory}.get(arguments.system, windows)
    batches = build(text, config)
    started = time.process_time()
    first = next(batches)  # ours has opened its files then, the others their libraries
    start_up = time.process_time() - started
    # The in-memory builder's tokenising counts: it is not done once, but for every corpus and every vocabulary.
    tokens, seconds, times = (first, start_up, []) if arguments.system == "in memory" else (0, 0.0, [])
    spent.clear()
    while arguments.system == "in memory" or tokens < arguments.tokens:
        started = time.process_time()
        found = next(batches, None)
        if found is None:
            break
        times.append((time.process_time() - started) / found)
        tokens, seconds = tokens + found, seconds + time.process_time() - started
    if arguments.system.startswith("text"):
        seconds += tokens * cleaning_seconds_a_token(text)
    figures: dict[str, Any] = {
        "tokens": tokens, "tokens_per_second": tokens / seconds, "first_batch_seconds": start_up, "opening_seconds": opened,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "seconds_a_token": times if arguments.system in OURS else [],
    }  # fmt: skip
    if arguments.stages:
        spent["pairs and the rest"] = seconds - sum(spent.values())
        figures["shares"] = {name: share / seconds for name, share in sorted(spent.items(), key=lambda item: -item[1])}
    print(json.dumps(figures))


def cleaning_seconds_a_token(text: Text) -> float:
    """CPU seconds of cleaning and splitting, measured on some documents, by the tokens of an epoch."""
    drawn = text.training[:: max(1, len(text.training) // CLEANED)]
    started = time.process_time()
    characters = sum(len(sentence) for document in drawn.tolist() for sentence in text.corpus.sentences(document))
    return (time.process_time() - started) / (characters / text.coverage.characters_per_token)


def child(arguments: argparse.Namespace, system: str, *, stages: bool = False) -> dict[str, Any] | None:
    """The figures of a system from a process of its own; None where it cannot run."""
    command = [
        sys.executable,
        __file__,
        "--system",
        system,
        "--preset",
        arguments.preset,
        "--tokens",
        str(arguments.tokens),
    ]
    command += ["--output_dir", str(arguments.output_dir), "--corpus", *map(str, arguments.corpus)]
    done = subprocess.run(
        [*command, "--stages"] if stages else command, capture_output=True, text=True, env=os.environ | ONE_CORE
    )
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1]
        print(f"{system} left out: {reason}" + ("; pip install datasets" if "datasets" in reason else ""))
        return None
    return json.loads(done.stdout.splitlines()[-1])


def waiting(seconds_a_token: list[float], workers: int, device: float) -> float:
    """Share of its time that a device of so many tokens a second waits, in a long run."""
    rng = random.Random(0)
    builds = [
        rng.choice(seconds_a_token) * device for _ in range(WINDOWS)
    ]  # in units of the device's time for a window
    free, taken, now, waited, measured_from = [0.0] * workers, [0.0] * WINDOWS, 0.0, 0.0, 0.0
    for window, build in enumerate(builds):
        ahead = taken[window - 2 * workers] if window >= 2 * workers else 0.0
        free[window % workers] = max(free[window % workers], ahead) + build
        if window == 4 * workers:
            waited, measured_from = 0.0, now
        waited += max(0.0, free[window % workers] - now)
        taken[window] = now = max(now, free[window % workers])
        now += 1.0
    return waited / (now - measured_from)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, nargs="+", required=True)
    parser.add_argument("--preset", default="base")
    parser.add_argument("--tokens", type=int, default=2_000_000, help="real tokens of a measurement, about")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", type=float, default=600_000, help="tokens a second of the simulated device")
    parser.add_argument(
        "--output_dir", type=Path, default=Path("runs"), help="where index, tokenizer and tokens are kept"
    )
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "feeding.json")
    parser.add_argument("--system", choices=SYSTEMS, help="measure this one in this process, and nothing else")
    parser.add_argument("--stages", action="store_true", help="with --system: where the time goes")
    arguments = parser.parse_args()
    if arguments.system:
        measure_one(arguments)
        return
    for arguments.system in OURS[1::-1]:  # what is in the cache afterwards is no system's start-up
        text = prepared(config := settings(arguments))
    runs: dict[str, list[dict[str, Any]]] = {system: [] for system in SYSTEMS}
    for number in range(arguments.rounds):
        for system in random.Random(number).sample(SYSTEMS, len(SYSTEMS)):
            if figures := child(arguments, system):
                runs[system].append(figures)
    rows = {}
    print(f"{'':14}{'tokens/s (min … max)':>34}{'first batch, s':>16}{'peak MB':>10}   text is faster by")
    for system, found in runs.items():
        if len(found) < arguments.rounds:
            continue
        rates = [figures["tokens_per_second"] for figures in found]
        ratios = [mine["tokens_per_second"] / rate for mine, rate in zip(runs["text"], rates, strict=True)]
        rows[system] = {
            name: {"median": statistics.median(values), "min": min(values), "max": max(values)}
            for name, values in (
                ("tokens_per_second", rates), ("text_is_faster_by", ratios),
                *((name, [figures[name] for figures in found]) for name in ("first_batch_seconds", "opening_seconds", "peak_mb")),
            )
        }  # fmt: skip
        rate, ratio = rows[system]["tokens_per_second"], rows[system]["text_is_faster_by"]
        print(
            f"{system:14}{rate['median']:12,.0f} ({rate['min']:,.0f} … {rate['max']:,.0f})"
            f"{rows[system]['first_batch_seconds']['median']:14.2f}{rows[system]['peak_mb']['median']:10.0f}"
            f"   {ratio['median']:.2f} ({ratio['min']:.2f} … {ratio['max']:.2f})"
        )
    shares, waits = {}, {}
    for system in OURS:
        shares[system] = (child(arguments, system, stages=True) or {}).get("shares", {})
        print(f"{system}: " + ", ".join(f"{name} {share:.0%}" for name, share in shares[system].items()))
        times = [seconds for figures in runs[system] for seconds in figures["seconds_a_token"]]
        waits[system] = {str(workers): waiting(times, workers, arguments.device) for workers in WORKERS}
        print(f"{system}, data wait: " + ", ".join(f"{n} workers {wait:.1%}" for n, wait in waits[system].items()))
    facts = {
        "preset": arguments.preset,
        "vocabulary": config.vocab_size,
        "max_length": config.max_length,
        "rounds": arguments.rounds,
    }
    about = {
        "documents": len(text.corpus),
        "clock": "CPU seconds of one process",
        "device_tokens_per_second": arguments.device,
    }
    write(arguments.output, facts | about | {"systems": rows, "shares": shares, "data_wait": waits})


if __name__ == "__main__":
    main()
