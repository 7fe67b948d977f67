"""Records of CSV, with the line that each begins on."""

import csv
import io
from collections.abc import Iterator

from data.errors import DataError


def read_records(text: str, name: str, delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    """The cells of each record that is not blank, with the line it begins on.

    Args:
        text: of the file.
        name: of the file, for messages.
        delimiter: between cells.

    Raises:
        DataError: a quote is left open, or closed in the middle of a cell.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            if len(cells) > 1 or "".join(cells).strip():
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{name}:{line} is broken CSV ({error}): quote a field that holds a comma, a quote or a line end, and double "
            "the quotes in it."
        ) from None
