import subprocess
import sys
import time
from pathlib import Path

import pytest

from bert_core.config import BertConfig
from experiment.errors import UsageError
from pretrain.config import RECIPES, PretrainConfig

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("given", "both"),
    [
        ({"max_steps": 5, "max_minutes": 1.0}, ("--max_steps", "--max_minutes")),
        ({"tokenizer": Path("t"), "vocab_size": 500}, ("--tokenizer", "--vocab_size")),
        ({"init_from": Path("m"), "vocab_size": 500}, ("--init_from", "--vocab_size")),
        ({"init_from": Path("m"), "tokenizer": Path("t")}, ("--init_from", "--tokenizer")),
        ({"short_length": 128, "max_length": 128}, ("--short_length", "--max_length")),
        ({"second_objective": "none", "segments": "sentences"}, ("--second_objective", "--segments")),
        ({"keep_all_characters": True, "keep_hanja": False}, ("--keep_all_characters", "--no_keep_hanja")),
        ({"second_objective": "none", "truncation": "second_first"}, ("--second_objective", "--truncation")),
    ],
)
def test_contradictions_name_both_flags(given, both):
    with pytest.raises(ValueError) as caught:
        PretrainConfig(**given)
    assert all(flag in str(caught.value) for flag in both)


@pytest.mark.parametrize(
    "given",
    [
        {"mask_rate": 0.0}, {"mask_rate": 1.0}, {"short_rate": 1.0}, {"warmup": -0.1}, {"dropout": 1.0}, {"max_steps": 0},
        {"max_minutes": 0.0}, {"learning_rate": -1.0}, {"batch_tokens": 1}, {"workers": -1}, {"max_length": 4},
    ],
)  # fmt: skip
def test_impossible_values_name_their_flag(given):
    with pytest.raises(ValueError, match=f"--{next(iter(given))} must"):
        PretrainConfig(**given)


def test_zero_is_possible_where_it_means_something():
    zeros = {"short_rate": 0.0, "warmup": 0.0, "dropout": 0.0, "weight_decay": 0.0, "workers": 0, "seed": 0}
    resolved = PretrainConfig(**zeros).resolved()
    assert {name: getattr(resolved, name) for name in zeros} == zeros  # a preset does not take 0 for "not given"


@pytest.mark.parametrize("preset", sorted(RECIPES))
def test_presets_fill_what_was_not_given(preset):
    resolved = PretrainConfig(corpus=[Path("x")], preset=preset, learning_rate=0.5).resolved()
    assert resolved.learning_rate == 0.5
    for name, value in RECIPES[preset].items():
        if name != "learning_rate":
            assert getattr(resolved, name) == value
    assert resolved.max_minutes == 20 and resolved.cache_dir == Path("runs/cache")
    assert PretrainConfig(corpus=[Path("x")], max_steps=7).resolved().max_minutes is None


def test_the_sample_has_a_recipe_of_its_own():
    assert PretrainConfig().resolved().max_minutes == 1
    assert PretrainConfig().resolved().vocab_size < PretrainConfig(corpus=[Path("x")]).resolved().vocab_size
    assert PretrainConfig(vocab_size=999).resolved().vocab_size == 999


def test_a_short_first_part_must_be_shorter_than_the_preset_too():
    with pytest.raises(UsageError, match="--short_length 128 must be below --max_length 128"):
        PretrainConfig(corpus=[Path("x")], preset="mini", short_length=128).resolved()


def test_a_given_tokenizer_decides_the_vocabulary():
    assert PretrainConfig(tokenizer=Path("t")).resolved().vocab_size is None


def test_help_answers_at_once_and_knows_every_field():
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "run.py", "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert time.perf_counter() - started < 10  # half a second on an idle machine; this guards against heavy imports
    for name in vars(PretrainConfig()):
        assert f"--{name}" in done.stdout or f"--[no_]{name}" in done.stdout, name
    script = (
        "import sys, run; sys.exit(bool({'torch', 'mlflow', 'pytorch_lightning', 'matplotlib'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT).returncode == 0


def saved_bert(folder, **shape):
    folder.mkdir()
    values = {"vocab_size": 100, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12} | shape
    (folder / "config.json").write_text(BertConfig(**values).to_json(), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("width", "preset"), [(96, "tiny"), (128, "tiny"), (256, "mini"), (768, "base"), (1024, "large"), (2048, "large")]
)
def test_who_goes_on_from_a_network_gets_its_sizes_recipe_and_a_gentle_rate(tmp_path, width, preset):
    given = saved_bert(tmp_path / "model", hidden_size=width, num_attention_heads=4)
    config, recipe = PretrainConfig(init_from=given).resolved(), RECIPES[preset]
    assert config.preset == preset and config.vocab_size is None
    assert config.max_length == recipe["max_length"] and config.batch_tokens == recipe["batch_tokens"]
    assert config.learning_rate == recipe["learning_rate"] / 4
    assert PretrainConfig(init_from=given, learning_rate=1e-5, max_length=64).resolved().learning_rate == 1e-5


def test_a_given_network_is_not_read_beyond_its_positions(tmp_path):
    given = saved_bert(tmp_path / "model", max_position_embeddings=100)
    assert PretrainConfig(init_from=given).resolved().max_length == 100
    with pytest.raises(UsageError, match="nearest to base; leave out --preset mini"):
        PretrainConfig(init_from=given, preset="mini").resolved()


def test_more_tokens_a_step_than_the_passes_hold_are_refused():
    with pytest.raises(ValueError, match=r"--accumulate 2 passes of --device_tokens 100 on 3 devices are fewer"):
        PretrainConfig(batch_tokens=1000, device_tokens=100, accumulate=2, devices=3)


def test_the_number_of_threads_is_chosen_once_and_kept(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    resolved = PretrainConfig().resolved()
    assert resolved.threads == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert resolved.resolved().threads == 3 and PretrainConfig(threads=2).resolved().threads == 2
