"""A program's main function: how it ends, for people and for whoever started it; and how one is started."""

import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from experiment.distributed import prints_errors, process_rank
from experiment.errors import InterruptedRun, LostProcessError, UsageError
from experiment.signals import exit_status, handled, number_of

STOPPED = "stopped; what was saved is kept."

COMMANDS = {"run.py": "saebert-pretrain", "run_finetune.py": "saebert-finetune"}
"""What the programs are called where SaeBERT is installed; pyproject.toml has them, too."""


def command(program: str, launcher: str = "python") -> str:
    """The words that start a program, "run.py" or "run_finetune.py", for its user to paste.

    They depend on how this one has been started: after `python SaeBERT/run.py` it is `python SaeBERT/run_finetune.py`,
    after `saebert-pretrain` it is `saebert-finetune`. An installed wheel has no other way, so there it is always that.

    Args:
        launcher: what stands before the program's name: "torchrun --nproc_per_node 8".
    """
    started = Path(sys.argv[0])
    if __name__.startswith("saebert.") or started.stem in COMMANDS.values():
        return COMMANDS[program] if launcher == "python" else f"{launcher} --no_python {COMMANDS[program]}"
    beside = started.with_name(program) if started.name in COMMANDS else program
    return f"{launcher} {shlex.quote(str(beside))}"


def run_main(main: Callable[[], object], *sentences: type[Exception], interrupted: str = STOPPED) -> int:
    """Run a program's main function and give its exit code.

    - 0 when it returns.
    - 2 for a `UsageError`, or one of the other exception classes given: printed to stderr as one line "error: …".
    - 130 for Ctrl-C, 143 for SIGTERM and SIGUSR1. Where the program ends by an `InterruptedRun`, its sentence is
      printed, otherwise `interrupted`. (Lightning turns Ctrl-C within `Trainer.fit` into `SystemExit(1)`; that counts
      as Ctrl-C too.)
    - 1 for a `LostProcessError`: another process of the run has ended.

    Of several processes that end alike only the main one prints the sentence. Anything else is a fault of the
    program and keeps its traceback.
    """
    shown: tuple[type[Exception], ...] = (UsageError, *sentences)
    # Set before torch is loaded: its remarks, with C++ frames, on connections of processes that end.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    try:
        with handled():
            main()
    except (KeyboardInterrupt, InterruptedRun) as error:
        return _stopped(error, interrupted)
    except LostProcessError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except shown as error:
        sentence = " ".join(str(error).split())
        if prints_errors(sentence):
            print(f"error: {sentence}", file=sys.stderr)
        return 2
    except SystemExit as error:
        if not isinstance(error.__context__, KeyboardInterrupt):
            raise
        return _stopped(error, interrupted)
    return 0


def _stopped(error: BaseException, interrupted: str) -> int:
    sentence = str(error) if isinstance(error, InterruptedRun) else interrupted
    if process_rank() == 0:
        print(f"\n{' '.join(sentence.split())}", file=sys.stderr)
    return exit_status(number_of(error))
