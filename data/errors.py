"""The one exception that `data` raises for a mistake in the user's files."""


class DataError(Exception):
    """A mistake in the user's data.

    `str(error)` is one sentence for the user: what is wrong, where (file and line), and what to do. The entry
    points print it without a traceback.
    """
