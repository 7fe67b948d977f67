"""Command line and YAML of one dataclass: the same values by either way, and one sentence for every mistake."""

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiment.errors import UsageError
from experiment.options import as_dict, help_text, parse, read_options, write_yaml


@dataclass
class Base:
    seed: int = 0
    """Start of every random draw."""


@dataclass
class Config(Base):
    corpus: list[Path] = field(default_factory=list, metadata={"group": "Data", "metavar": "PATH"})
    """Files and folders of raw Korean text
    (default: the built-in sample)."""
    urls: bool = field(default=True, metadata={"group": "Data"})
    """Remove URLs."""
    preset: Literal["tiny", "mini", "no"] = field(default="tiny", metadata={"group": "Network"})
    """Size of the network."""
    betas: tuple[float, ...] = field(default=(0.9, 0.98), metadata={"group": "Training"})
    """Adam's decay rates."""
    learning_rate: float | None = field(default=None, metadata={"group": "Training"})
    """Highest learning rate (default: by preset)."""
    max_steps: int | None = field(default=None, metadata={"group": "Training"})
    max_minutes: float | None = field(default=None, metadata={"group": "Training"})
    token_cache: bool = False
    tracking_uri: str | None = None
    output_dir: Path = Path("runs")

    def __post_init__(self) -> None:
        if self.max_steps is not None and self.max_minutes is not None:
            raise ValueError("--max_steps and --max_minutes contradict each other; give one.")


def read(*argv: str) -> Config:
    return parse(Config, list(argv), description="A test.")


def sentence(*argv: str) -> str:
    with pytest.raises(UsageError) as caught:
        read(*argv)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_without_arguments_the_defaults_hold() -> None:
    assert read() == Config()


def test_every_type_is_read_from_the_command_line() -> None:
    config = read(
        *("--corpus", "청원.jsonl", "나무위키", "--no_urls", "--preset", "mini", "--betas", "0.8", "0.9"),
        *("--learning_rate=1e-4", "--max_steps", "1_000", "--token_cache", "--tracking_uri", "none", "--seed", "-3"),
    )
    assert config == Config(
        seed=-3,
        corpus=[Path("청원.jsonl"), Path("나무위키")],
        urls=False,
        preset="mini",
        betas=(0.8, 0.9),
        learning_rate=1e-4,
        max_steps=1000,
        token_cache=True,
        tracking_uri="none",
    )


def test_none_is_a_value_of_an_optional_number(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    write_yaml(Config(max_steps=5), file)
    assert read("--config", str(file), "--max_steps", "none", "--max_minutes", "2").max_minutes == 2


@pytest.mark.parametrize(
    ("argv", "parts"),
    [
        (["--max-steps", "5"], ["--max-steps", "did you mean --max_steps?"]),
        (["--learning_rat", "5"], ["did you mean --learning_rate?"]),
        (["--no_preset"], ["there is no flag --no_preset"]),
        (["--qqqq"], ["--qqqq", "--help"]),
        (["--max_steps", "x"], ["--max_steps needs a whole number, not 'x'."]),
        (["--max_steps", "1.5"], ["--max_steps", "1.5"]),
        (["--max_steps", "1", "2"], ["one value", "'2'"]),
        (["--max_steps"], ["--max_steps needs a value"]),
        (["--betas", "0.9", "high"], ["--betas needs a number, not 'high'."]),
        (["--learning_rate", "nan"], ["--learning_rate", "nan"]),
        (["--preset", "huge"], ["one of tiny, mini, no", "'huge'"]),
        (["--urls", "yes"], ["--urls takes no value", "'yes'"]),
        (["청원.jsonl"], ["'청원.jsonl' belongs to no flag"]),
        (["--config"], ["--config needs one file"]),
        (["--config", "nowhere.yaml"], ["nowhere.yaml", "No such file"]),
        (["--max_steps", "1", "--max_minutes", "1"], ["--max_steps and --max_minutes"]),
    ],
)
def test_a_mistake_on_the_command_line_is_one_sentence(argv: list[str], parts: list[str]) -> None:
    message = sentence(*argv)
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("text", "line", "parts"),
    [
        ("seed: 1\nlearning_rat: 3\n", 2, ["learning_rat", "did you mean learning_rate?"]),
        ("seed: 1\n\nmax_steps: fast\n", 3, ["max_steps needs a whole number, not 'fast'."]),
        ("max_steps: 1.5\n", 1, ["max_steps", "1.5"]),
        ("max_steps: [1, 2]\n", 1, ["max_steps takes one value"]),
        ("betas:\n- 0.9\n- high\n", 3, ["betas needs a number, not 'high'."]),
        ("corpus:\n- a\n- {b: c}\n", 3, ["corpus needs a path"]),
        ("urls: 3\n", 1, ["urls needs true or false, not '3'."]),
        ("seed: true\n", 1, ["seed needs a whole number, not 'true'."]),
        ("seed: null\n", 1, ["seed needs a whole number"]),
        ("seed: 1\nseed: 2\n", 2, ["'seed'", "second time"]),
        ("seed: [1\n", 2, ["not YAML"]),
        ("- seed\n", 1, ["name: value"]),
    ],
)
def test_a_mistake_in_the_file_names_file_and_line(tmp_path: Path, text: str, line: int, parts: list[str]) -> None:
    file = tmp_path / "설정.yaml"
    file.write_text(text, encoding="utf-8")
    message = sentence("--config", str(file))
    assert message.startswith(f"{file}:{line}: ")
    for part in parts:
        assert part in message


def test_yaml_spellings_that_mean_the_same(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    # YAML 1.1 takes 1e-4 for text, no and 2026 for something else than text.
    file.write_text("learning_rate: 1e-4\npreset: no\ncorpus: 2026\nmax_steps:\n", encoding="utf-8")
    config = read("--config", str(file))
    assert (config.learning_rate, config.preset, config.corpus) == (1e-4, "no", [Path("2026")])


def test_flags_win_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("seed: 1\npreset: mini\n", encoding="utf-8")
    config = read("--seed", "2", "--config", str(file))
    assert (config.seed, config.preset) == (2, "mini")


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("# nothing\n", encoding="utf-8")
    assert read("--config", str(file)) == Config()


texts = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=8)
paths = st.text("가나다ab #:-", min_size=1, max_size=6).filter(lambda text: text != ".").map(Path)


@given(
    config=st.builds(
        Config,
        seed=st.integers(),
        corpus=st.lists(paths, max_size=3),
        urls=st.booleans(),
        preset=st.sampled_from(["tiny", "mini", "no"]),
        betas=st.tuples(st.floats(0, 1), st.floats(1e-12, 1e-3)),
        learning_rate=st.none() | st.floats(allow_nan=False, allow_infinity=False),
        max_steps=st.none() | st.integers(),
        max_minutes=st.none(),
        token_cache=st.booleans(),
        tracking_uri=st.none() | texts,
        output_dir=paths,
    )
)
def test_a_written_configuration_repeats_itself(config: Config, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.getbasetemp() / "repeated.yaml"
    write_yaml(config, file)
    assert read("--config", str(file)) == config


def test_as_dict_is_plain() -> None:
    plain = as_dict(Config(corpus=[Path("a")]))
    assert plain["corpus"] == ["a"] and plain["betas"] == [0.9, 0.98] and plain["output_dir"] == "runs"


def test_help_shows_docstrings_defaults_and_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    for columns in (80, 100):
        monkeypatch.setenv("COLUMNS", str(columns))
        text = help_text(read_options(Config), "A test.", "Example: run.py --preset mini")
        assert max(len(line) for line in text.splitlines()) <= columns
        flat = " ".join(text.split())
        assert "Data --corpus PATH ... Files and folders of raw Korean text (default: the built-in sample)." in flat
        assert "--[no_]urls Remove URLs (default: on)." in flat
        assert "--preset tiny|mini|no Size of the network (default: tiny)." in flat
        assert "--seed N Start of every random draw (default: 0)." in flat
        assert "--learning_rate X Highest learning rate (default: by preset). --max_steps" in flat
        assert text.endswith("Example: run.py --preset mini")


def test_help_exits_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        read("--preset", "nonsense", "--help")
    assert exit_.value.code == 0
    assert "--corpus" in capsys.readouterr().out


def test_what_has_no_default_must_be_given() -> None:
    @dataclass
    class Needed:
        task: Literal["re", "ner"]
        """What to learn."""

    assert parse(Needed, ["--task", "ner"], description="").task == "ner"
    with pytest.raises(UsageError, match="--task is needed: one of re, ner"):
        parse(Needed, [], description="")
    assert "What to learn (needed)." in help_text(read_options(Needed), "")


def test_an_unknown_field_type_is_the_programmers_mistake() -> None:
    @dataclass
    class Odd:
        table: dict[str, int] = field(default_factory=dict)

    with pytest.raises(TypeError, match=r"Odd.table"):
        read_options(Odd)


def test_help_needs_no_heavy_import() -> None:
    code = "import sys, experiment.options, experiment.run_directory; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy: set[Any] = {"torch", "pytorch_lightning", "mlflow", "matplotlib", "numpy", "rich", "yaml"}
    assert not heavy & set(loaded)
