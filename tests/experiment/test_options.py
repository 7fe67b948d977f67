"""Command line and YAML of one dataclass: the same values by either way, and one sentence for every mistake."""

import pickle
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiment.errors import UsageError
from experiment.options import (
    Options,
    as_dict,
    changes_on_resume,
    flag_value,
    option,
    parse,
    read_options,
    write_yaml,
)


@dataclass(frozen=True)
class Base(Options):
    seed: int = 0
    """Start of every random draw."""


@dataclass(frozen=True)
class Config(Base):
    corpus: list[Path] = field(default_factory=list, metadata={"group": "Data", "metavar": "PATH"})
    """Files and folders of raw Korean text
    (default: the built-in sample)."""
    urls: bool = field(default=True, metadata={"group": "Data"})
    """Remove 100 % of the URLs."""
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
        super().__post_init__()
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
        (["--no_urls=yes"], ["--urls takes no value"]),
        (["--no_url"], ["there is no flag --no_url; did you mean --no_urls?"]),
        (["--max_step=5"], ["there is no flag --max_step; did you mean --max_steps?"]),
        (["--output_dir", "-x"], ["--output_dir needs a value: a path (with a dash: --output_dir=-x)."]),
        (["--preset", "tiny", "mini"], ["--preset takes one value, but 'mini' follows 'tiny'."]),
        (["청원.jsonl"], ["'청원.jsonl' belongs to no flag"]),
        (["--config"], ["--config needs a value: a path."]),
        (["--config", "a.yaml", "b.yaml"], ["--config takes one value, but 'b.yaml' follows 'a.yaml'."]),
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
        ("seed: null\n", 1, ["seed needs a whole number, not 'null'."]),
        ("preset: mini\nseed:\n", 2, ["seed needs a whole number, not nothing."]),
        ("seed: 1\nseed: 2\n", 2, ["'seed'", "second time"]),
        ("seed: [1\n", 2, ["not YAML"]),
        ("- seed\n", 1, ["name: value"]),
        ("seed: 1\n---\nseed: 2\n", 2, ["not YAML: expected a single document"]),
        ("seed: 1\nname: *x\n", 2, ["not YAML: found undefined alias"]),
        ("corpus: &x\n - *x\n", 1, ["corpus needs a path, not a list or mapping."]),
        ("seed: &x {a: *x}\n", 1, ["seed needs a whole number, not a list or mapping."]),
        ("seed: 1\n? [a, b]\n: 2\n", 2, ["expected a name, not a list or mapping"]),
        ("<<: {seed: 1}\n", 1, ["there is no option '<<'"]),
        (f"seed: 1\nmax_steps: {'[' * 2000}\n", 2, ["too deep"]),
        ("\ntoken_cache: !!bool foo\n", 2, ["token_cache needs true or false, without a type such as !!bool."]),
        ("seed: !!int ''\n", 1, ["seed needs a whole number, without a type such as !!int."]),
        ("output_dir: !!timestamp foo\n", 1, ["output_dir needs a path", "!!timestamp"]),
        ("output_dir: !mine foo\n", 1, ["output_dir needs a path", "!mine"]),
        ('seed: 1\noutput_dir: "\\Uffffffff"\n', 2, ["not YAML"]),
        ('seed: 1\noutput_dir: "\\0"\n', 2, ["output_dir needs a path without the character NUL"]),
        ("seed: 1\noutput_dir: \x07\n", 2, ["a character that YAML does not allow: '\\x07'"]),
        (b"seed: 1\n\noutput_dir: \xc3\xbb\xbf\xf8\n", 3, ["not text in UTF-8"]),
        ("seed: 1\n".encode("utf-16"), 1, ["not text in UTF-8"]),
    ],
)
def test_a_mistake_in_the_file_names_file_and_line(
    tmp_path: Path, text: str | bytes, line: int, parts: list[str]
) -> None:
    file = tmp_path / "설정.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    message = sentence("--config", str(file))
    assert message.startswith(f"{file}:{line}: ")
    for part in parts:
        assert part in message


def test_yaml_spellings_that_mean_the_same(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    # YAML 1.1 takes 1e-4 for text, no and 2026 for something else than text.
    file.write_text(
        "learning_rate: 1e-4\npreset: no\ncorpus: 2026\nmax_steps:\nseed: &many 010\nmax_minutes: *many\nurls: off\n"
        "tracking_uri: !!str null\nbetas: [1, '0.5']\n",
        encoding="utf-8",
    )
    assert read("--config", str(file)) == Config(
        learning_rate=1e-4,
        preset="no",
        corpus=[Path("2026")],
        seed=10,
        max_minutes=10.0,
        urls=False,
        tracking_uri="null",
        betas=(1.0, 0.5),
    )


NUMBERS = {
    "2_048": (2048, 2048.0),
    "１２": (12, 12.0),
    " 7 ": (7, 7.0),
    "010": (10, 10.0),
    "1e3": ("a whole number", 1000.0),
    "0x10": ("a whole number", "a number"),
    "1:30": ("a whole number", "a number"),
    "true": ("a whole number", "a number"),
    "nan": ("a whole number", "a finite number"),
    "inf": ("a whole number", "a finite number"),
    ".inf": ("a whole number", "a number"),
    "1e400": ("a whole number", "a finite number"),
    "9223372036854775808": ("a whole number below 2^63", 2.0**63),
    "9" * 5000: ("a whole number", "a finite number"),
    "": ("a whole number", "a number"),
}


@pytest.mark.parametrize("text", NUMBERS, ids=lambda text: text[:20] or "nothing")
@pytest.mark.parametrize("place", [0, 1], ids=["int", "float"])
def test_a_number_is_a_number_in_either_place(tmp_path: Path, text: str, place: int) -> None:
    name, expected = ("max_steps", "max_minutes")[place], NUMBERS[text][place]
    file = tmp_path / "config.yaml"
    file.write_text(f"{name}: {text}\n" if text else f"{name}: ''\n", encoding="utf-8")
    for argv in ([f"--{name}={text}"], ["--config", str(file)]):
        if isinstance(expected, str):
            assert f"{name} needs {expected}, not " in sentence(*argv)
        else:
            assert getattr(read(*argv), name) == expected


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
        seed=st.integers(-(2**63) + 1, 2**63 - 1),
        corpus=st.lists(paths, max_size=3),
        urls=st.booleans(),
        preset=st.sampled_from(["tiny", "mini", "no"]),
        betas=st.tuples(st.floats(0, 1), st.floats(1e-12, 1e-3)),
        learning_rate=st.none() | st.floats(allow_nan=False, allow_infinity=False),
        max_steps=st.none() | st.integers(-(2**63) + 1, 2**63 - 1),
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


def test_help_shows_docstrings_defaults_and_groups(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for columns in (80, 100):
        monkeypatch.setenv("COLUMNS", str(columns))
        with pytest.raises(SystemExit) as exit_:
            parse(
                Config,
                ["--preset", "nonsense", "--help"],
                description="A test\nof 100 %.",
                epilog="Example:\n  run.py --preset mini",
            )
        assert exit_.value.code == 0
        text = capsys.readouterr().out
        assert max(len(line) for line in text.splitlines()) <= columns
        flat = " ".join(text.split())
        assert "A test of 100 %. " in flat
        assert (
            "Data: --corpus PATH [PATH ...] Files and folders of raw Korean text (default: the built-in sample)."
            in flat
        )
        assert "--urls, --no_urls Remove 100 % of the URLs (default: on)." in flat
        assert "--preset tiny|mini|no Size of the network (default: tiny)." in flat
        assert "--seed N Start of every random draw (default: 0)." in flat
        assert "--learning_rate X Highest learning rate (default: by preset). --max_steps" in flat
        assert "General: --config FILE" in flat and "given" not in flat
        assert text.endswith("Example:\n  run.py --preset mini\n")


def test_what_has_no_default_must_be_given(capsys: pytest.CaptureFixture[str]) -> None:
    @dataclass(frozen=True)
    class Needed(Options):
        task: Literal["re", "ner"]
        """What to learn."""

    assert parse(Needed, ["--task", "ner"], description="").task == "ner"
    with pytest.raises(UsageError, match="--task is needed: one of re, ner"):
        parse(Needed, [], description="")
    with pytest.raises(SystemExit):
        parse(Needed, ["-h"], description="")
    assert "What to learn (needed)." in capsys.readouterr().out


def test_an_unknown_field_type_is_the_programmers_mistake() -> None:
    @dataclass(frozen=True)
    class Odd(Options):
        table: dict[str, int] = field(default_factory=dict)

    with pytest.raises(TypeError, match=r"Odd.table"):
        read_options(Odd)


def test_what_was_given_counts_whether_it_is_the_default_or_not(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("preset: tiny\nmax_steps: null\nlearning_rate: 0.1\n", encoding="utf-8")
    assert read().given == frozenset()
    assert read("--seed", "0", "--no_token_cache", "--max_minutes", "none").given == {
        "seed",
        "token_cache",
        "max_minutes",
    }
    # None in a file leaves the value to the defaults, as every kept configuration has it.
    assert read("--config", str(file), "--urls").given == {"preset", "learning_rate", "urls"}
    assert Config(seed=0, preset="mini", corpus=[Path("a")]).given == {"preset", "corpus"}


def test_what_was_given_is_no_option() -> None:
    config = read("--seed", "3")
    changed = replace(config, seed=4, preset="mini")
    assert changed.given == {"seed"} and replace(Config(), seed=4).given == frozenset()
    assert config == Config(seed=3) == replace(Config(), seed=3) and read("--seed", "0") == Config()
    assert "given" not in repr(config) and "given" not in as_dict(config) and "given" not in read_options(Config)
    assert vars(config).keys() == read_options(Config).keys()
    copied = pickle.loads(pickle.dumps(changed))
    assert copied == changed and copied.given == {"seed"}


def test_a_kept_configuration_remembers_what_was_given(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    write_yaml(replace(read("--preset", "tiny", "--corpus", "가, b"), betas=(0.1,)), file)
    text = file.read_text(encoding="utf-8")
    assert text.startswith("config_format: 2  # ") and "\ngiven: [corpus, preset]  # " in text
    again = read("--config", str(file))
    assert again == Config(corpus=[Path("가, b")], betas=(0.1,)) and again.given == {"corpus", "preset", "betas"}
    file.write_text(
        text.replace("seed: 0", "seed: 5").replace("given: [corpus, preset]", "given: []"), encoding="utf-8"
    )
    assert read("--config", str(file)).given == {"corpus", "betas", "seed"}  # changed by hand since
    file.write_text("config_format: 3\n" + text.split("\n", 1)[1], encoding="utf-8")
    assert sentence("--config", str(file)) == f"{file}:1: config_format 3 is not one that is read here, but 2 is."


@dataclass(frozen=True)
class Grown(Options):
    seed: int = option(0, "Training")
    optimizer: str | None = option(None, "Training", before="adamw")


def test_a_kept_configuration_means_what_it_meant_before_there_was_an_option(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"

    def found(text: str) -> Grown:
        file.write_text(text, encoding="utf-8")
        return parse(Grown, ["--config", str(file)], description="")

    kept = found("config_format: 2\ngiven: [seed]\nseed: 3\n")
    assert kept == Grown(seed=3, optimizer="adamw") and kept.given == {"seed"}
    assert found("config_format: 2\ngiven: []\nseed: 3\noptimizer: null\n").optimizer is None
    assert found("seed: 3\n").optimizer is None, "a person's own file"


def test_what_is_given_to_a_resumed_run_must_be_what_it_has() -> None:
    saved = Config(seed=3, preset="mini", max_steps=10)
    assert changes_on_resume(saved, read(), []) == {}
    assert changes_on_resume(saved, read("--seed", "3", "--preset", "mini"), []) == {}
    assert changes_on_resume(saved, read("--seed", "0", "--max_steps", "none"), ["seed", "max_steps"]) == {
        "seed": 0,
        "max_steps": None,
    }
    with pytest.raises(UsageError, match="in which seed is 3; leave out --seed"):
        changes_on_resume(saved, read("--seed", "0"), ["max_steps"])
    with pytest.raises(UsageError, match="in which urls is True; leave out --no_urls"):
        changes_on_resume(saved, read("--no_urls"), [])


@dataclass(frozen=True)
class Batches(Options):
    batch_tokens: int | None = option(None, "Training")
    batch_size: int = option(32, "Training")
    accumulate: int | None = option(None, "Training")
    devices: int | None = option(None, "Device")
    num_nodes: int = option(1, "Device")
    seed: int = option(0, "Training")


@pytest.mark.parametrize(
    ("text", "line", "parts"),
    [
        (
            "accumulate: 4\nbatch_tokens: 2048\ndevices: 2\nnum_nodes: 3\n",
            2,
            [
                "meant 2048 × accumulate 4 × devices 2 × num_nodes 3 = 49152 an optimizer step",
                "write batch_tokens: 49152, acc",
            ],
        ),
        (
            "batch_size: 32\naccumulate: 2\ndevices: null\n",
            1,
            [
                "meant 32 × accumulate 2 = 64 × the number of devices an optimizer",
                "write batch_size: 64 × the number of devices, acc",
            ],
        ),
        ("batch_size: 32\naccumulate: 1\ndevices: 2\n", 1, ["batch_size: 64, accumulate: null and config_format: 2."]),
    ],
)
def test_a_kept_configuration_of_the_first_format_is_refused_where_it_means_something_else(
    tmp_path: Path, text: str, line: int, parts: list[str]
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        parse(Batches, ["--config", str(file)], description="")
    assert str(caught.value).startswith(f"{file}:{line}: ")
    for part in parts:
        assert part in str(caught.value)
    file.write_text("config_format: 2\n" + text, encoding="utf-8")
    assert parse(Batches, ["--config", str(file)], description="").accumulate in (1, 2, 4)


@pytest.mark.parametrize(
    "text",
    [
        "seed: 0\nbatch_tokens: 2048\naccumulate: 1\ndevices: null\nnum_nodes: 1\n",
        "seed: 0\nbatch_size: 16\naccumulate: null\ndevices: 1\n",
    ],
)
def test_the_first_format_holds_where_it_means_the_same(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text, encoding="utf-8")
    assert "seed" not in parse(Batches, ["--config", str(file)], description="").given  # it held every option
    file.write_text("seed: 0\nbatch_tokens: 2048\ndevices: 4\n", encoding="utf-8")  # a person's own
    assert parse(Batches, ["--config", str(file)], description="").given == {"seed", "batch_tokens", "devices"}


def test_one_flag_is_known_before_the_others(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("seed: 1\ntask: ner\n", encoding="utf-8")
    assert flag_value("task", ["--epochs", "3", "--task", "re", "--config", str(file)]) == "re"
    assert flag_value("task", ["--task=re", "--strict"]) == "re"
    assert flag_value("task", [f"--config={file}", "--tas", "x"]) == "ner"
    assert flag_value("task", ["--tasks", "re"]) is None
    assert flag_value("task", ["--task"]) == ""
    file.write_text("seed: 1\ntask: [ner]\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"config.yaml:2: task takes one value, not a list."):
        flag_value("task", ["--config", str(file)])
    file.write_text("task:\n", encoding="utf-8")
    assert flag_value("task", ["--config", str(file)]) is None
    file.write_text("# nothing\n", encoding="utf-8")
    assert flag_value("task", ["--config", str(file)]) is None
    with pytest.raises(UsageError, match="--config needs a value"):
        flag_value("task", ["--config"])


def test_help_needs_no_heavy_import() -> None:
    code = "import sys, experiment.options, experiment.run_directory; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy: set[Any] = {"torch", "pytorch_lightning", "mlflow", "matplotlib", "numpy", "rich", "yaml"}
    assert not heavy & set(loaded)
