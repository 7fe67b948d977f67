"""The one exception that `experiment` raises for a mistake in flags, configuration or run directory."""


class UsageError(Exception):
    """A mistake in how the program was called.

    `str(error)` is one sentence for the user: what is wrong, where (flag, or file and line), and what to do.
    `program.run_main` prints it without a traceback.
    """
