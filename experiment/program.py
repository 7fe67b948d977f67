"""A program's main function: how it ends, for people and for whoever started it."""

import sys
from collections.abc import Callable

from experiment.errors import UsageError


def run_main(
    main: Callable[[], object], *sentences: type[Exception], interrupted: str = "stopped by the keyboard."
) -> int:
    """Run a program's main function and give its exit code.

    0 when it returns. A `UsageError`, or one of the other exception classes given, is printed to stderr as one line
    "error: …" and gives 2; Ctrl-C prints `interrupted` and gives 130. Lightning turns Ctrl-C within `Trainer.fit`
    into `SystemExit(1)`; that counts as Ctrl-C too. Anything else is a fault of the program and keeps its traceback.
    """
    shown: tuple[type[Exception], ...] = (UsageError, *sentences)
    try:
        main()
    except shown as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\n{interrupted}", file=sys.stderr)
        return 130
    except SystemExit as error:
        if not isinstance(error.__context__, KeyboardInterrupt):
            raise
        print(f"\n{interrupted}", file=sys.stderr)
        return 130
    return 0
