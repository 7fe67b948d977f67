"""How a program ends."""

import sys

import pytest

from experiment.errors import UsageError
from experiment.program import run_main


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
