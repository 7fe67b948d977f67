"""Tables as CSV files, for programs and for people with a spreadsheet."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from experiment.run_directory import replacing


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]], *, for_people: bool = True) -> None:
    """Writes a table, whole or not at all.

    Args:
        path: of the file.
        header: names of the columns.
        rows: their cells.
        for_people: begins the file with a byte order mark, without which Excel does not take Korean for UTF-8, and puts '
            before text that starts with one of = + - @, or Excel would calculate: "- 1952년 …" becomes #NAME?.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    encoding = "utf-8-sig" if for_people else "utf-8"
    with replacing(path) as temporary, temporary.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([_as_text(cell) for cell in row] if for_people else row for row in rows)


def _as_text(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@")) else cell
