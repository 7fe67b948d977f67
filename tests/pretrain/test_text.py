"""What a run makes of its text once, and finds again."""

import lzma
from contextlib import contextmanager

import numpy as np
import pytest

from data.corpus import Corpus
from data.tokenizer import WordPiece
from data.tokens import Shard, TextTokens, TokenCache
from experiment.console import Console
from pretrain.text import make_shard, prepare_text, window_builder

SILENT = Console(quiet=True)


def test_a_second_run_over_the_same_text_neither_cleans_nor_tokenises_anything(configure, monkeypatch):
    config = configure().resolved()
    first = prepare_text(config, SILENT)

    def fail(*_):
        raise AssertionError("once more")

    with monkeypatch.context() as patch:
        patch.setattr(WordPiece, "encode", fail)
        patch.setattr(Corpus, "cleaned", fail)
        again = prepare_text(config, SILENT)
    assert np.array_equal(first.frequencies, again.frequencies) and abs(again.frequencies.sum() - 1) < 1e-12
    assert first.coverage == again.coverage and first.survey == again.survey
    assert not [path for path in config.cache_dir.iterdir() if "unfinished" in path.name]


def test_a_token_cache_that_is_there_is_used_unless_the_user_wants_none(configure, tmp_path):
    def prepared(wanted):
        return prepare_text(configure(token_cache=wanted, cache_dir=tmp_path / "cache").resolved(), SILENT)

    assert isinstance(prepared(None).source, TextTokens)
    asked, found, refused = prepared(True), prepared(None), prepared(False)
    assert [text.tokenises for text in (asked, found, refused)] == [False, False, True]
    builders = [window_builder(text, configure().resolved()) for text in (asked, refused)]
    for one, two in zip(builders[0][0], builders[1][0], strict=True):
        assert np.array_equal(one.packed.input_ids, two.packed.input_ids)


class OneAtATime(Console):
    """A screen has room for one bar."""

    def __init__(self):
        super().__init__(quiet=True)
        self.open, self.seen = [], set()

    @contextmanager
    def shown(self, label):
        assert not self.open, f"{label} within {self.open}"
        self.open.append(label)
        self.seen.add(label)
        yield lambda done, total: None
        self.open.remove(label)

    def progress(self, label, unit="bytes"):
        return self.shown(label)

    def phase(self, label):
        return self.shown(label)


@pytest.mark.parametrize("token_cache", [None, True, False])
def test_bars_do_not_overlap(configure, tmp_path, token_cache):
    screen = OneAtATime()
    prepare_text(configure(token_cache=token_cache, cache_dir=tmp_path / "cache").resolved(), screen)
    assert not screen.open and ("Tokenising" if token_cache else "Cleaning") in screen.seen


def test_unpacking_is_shown_as_what_it_is(configure, corpus_file, tmp_path):
    packed = tmp_path / "글.txt.xz"
    packed.write_bytes(lzma.compress(corpus_file.read_bytes()))
    totals = {}

    class Noted(Console):
        @contextmanager
        def progress(self, label, unit="bytes"):
            yield lambda done, total: totals.setdefault(label, set()).add(total)

    config = configure(corpus=[packed], cache_dir=tmp_path / "cache").resolved()
    for _ in range(2):
        prepare_text(config, Noted(quiet=True))
    assert totals["Unpacking"] == {packed.stat().st_size}
    assert totals["Indexing"] == {corpus_file.stat().st_size}


def test_machines_share_the_tokenising(configure, monkeypatch, tmp_path):
    monkeypatch.setattr("data.tokens.PART", 3000)
    config = configure(cache_dir=tmp_path / "cache").resolved()
    assert not make_shard(config, Shard(2, 2), SILENT)
    assert make_shard(config, Shard(1, 2), SILENT)
    assert isinstance(prepare_text(config, SILENT).source, TokenCache)


def test_the_frequencies_of_another_vocabulary_are_others(configure):
    one, two = (prepare_text(configure(vocab_size=size).resolved(), SILENT) for size in (400, 450))
    assert len(one.frequencies) == 400 and len(two.frequencies) == 450
    assert not one.frequencies[one.wordpiece.reserved].any() and (one.frequencies[~one.wordpiece.reserved] > 0).all()
