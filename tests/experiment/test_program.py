"""How a program ends, and how it is started."""

import sys
import tomllib
from pathlib import Path

import pytest

from experiment.errors import UsageError
from experiment.program import COMMANDS, command, run_main

ROOT = Path(__file__).parents[2]


class OtherError(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "code", "printed"),
    [
        (UsageError("what is\nwrong."), 2, "error: what is wrong.\n"),
        (OtherError("청원.jsonl:3: broken."), 2, "error: 청원.jsonl:3: broken.\n"),
        (KeyboardInterrupt(), 130, "\nstopped; go on with --resume auto.\n"),
        (None, 0, ""),
    ],
)
def test_run_main_turns_mistakes_into_a_line_and_a_code(
    error: BaseException | None, code: int, printed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def main() -> None:
        if error is not None:
            raise error

    assert run_main(main, OtherError, interrupted="stopped; go on with --resume auto.") == code
    assert capsys.readouterr().err == printed


def test_run_main_knows_lightnings_way_of_stopping() -> None:
    def main() -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            sys.exit(1)

    assert run_main(main) == 130


@pytest.mark.parametrize("error", [RuntimeError("a fault"), SystemExit(3)])
def test_run_main_leaves_other_errors_alone(error: BaseException) -> None:
    def main() -> None:
        raise error

    with pytest.raises(type(error)):
        run_main(main)


@pytest.mark.parametrize(
    ("started", "printed"),
    [
        ("run.py", "python run_finetune.py"),
        ("../Sae BERT/run.py", "python '../Sae BERT/run_finetune.py'"),
        ("/opt/bin/saebert-pretrain", "saebert-finetune"),
        ("somebody.py", "python run_finetune.py"),
        ("-c", "python run_finetune.py"),
        ("", "python run_finetune.py"),
    ],
)
def test_a_printed_command_starts_as_this_program_was_started(
    started: str, printed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [started, "--task", "re"])
    assert command("run_finetune.py") == printed


def test_a_launcher_starts_the_file_or_the_installed_command(monkeypatch: pytest.MonkeyPatch) -> None:
    launcher = "torchrun --nproc_per_node 8"
    monkeypatch.setattr(sys, "argv", ["run.py"])
    assert command("run.py", launcher) == f"{launcher} run.py"
    monkeypatch.setattr(sys, "argv", ["saebert-pretrain"])
    assert command("run.py", launcher) == f"{launcher} --no_python saebert-pretrain"


def test_the_commands_are_those_that_are_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(COMMANDS.values()) == set(project["scripts"])
    assert all((ROOT / program).is_file() for program in COMMANDS)
