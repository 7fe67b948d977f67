"""Every logged metric as one JSON line, in the run directory: the record that needs no server.

    {"step": 120, "time": 1772325000.412, "mlm_loss": 7.4312, "nsp_loss": 0.6931}
    {"step": 121, "time": 1772325003.127, "held_out_mlm_loss": 7.3988}

`MetricHistory` is a Lightning logger, so `self.log(...)` reaches it without further ado; `curves` reads the file back
for plots. A line is flushed as soon as it is written, and one that a killed run left half written is dropped when the
file is opened again. It does not aggregate, and it holds nothing in memory.
"""

import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from experiment.run_directory import replacing

Curve = tuple[list[int], list[float]]
"""Steps, in rising order, and the values at them."""


class MetricHistory(Logger):
    """A Lightning logger that appends to `path`; only the main process writes."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = Path(path)
        self._file: TextIO | None = None

    @property
    def name(self) -> str:
        return "history"

    @property
    def version(self) -> str:
        return ""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Append the metrics of one step; NaN and infinity are written as null."""
        if self._file is None:
            _drop_torn_line(self.path)
            self._file = self.path.open("a", encoding="utf-8")
        line: dict[str, float | None] = {"step": step or 0, "time": round(time.time(), 3)}
        for name, value in metrics.items():
            line[name] = float(value) if math.isfinite(value) else None
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._file.flush()

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Nothing: the configuration is `config.yaml`."""

    @rank_zero_only
    def finalize(self, status: str) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    @rank_zero_only
    def cut_from(self, step: int) -> None:
        """Forget `step` and every later one: a resumed run will log them again.

        Lightning counts logged steps from 0, so after a checkpoint at `global_step` G was loaded, `cut_from(G)` leaves
        just what the checkpoint had seen.
        """
        self.finalize("resumed")
        if not self.path.exists():
            return
        kept = [line for line in _complete_lines(self.path) if json.loads(line)["step"] < step]
        with replacing(self.path) as temporary:
            temporary.write_text("".join(kept), encoding="utf-8")

    def curves(self) -> dict[str, Curve]:
        """Everything logged so far, by metric name (see `read_curves`)."""
        return read_curves(self.path)


def read_curves(path: Path) -> dict[str, Curve]:
    """The curves of a `metrics.jsonl`, by metric name; a step logged twice has its later value, null reads as NaN.

    A missing file gives no curves.
    """
    points: dict[str, dict[int, float]] = {}
    for line in _complete_lines(path) if Path(path).exists() else ():
        entry = json.loads(line)
        step = entry.pop("step")
        del entry["time"]
        for name, value in entry.items():
            points.setdefault(name, {})[step] = math.nan if value is None else value
    return {name: (sorted(curve), [curve[step] for step in sorted(curve)]) for name, curve in points.items()}


def _complete_lines(path: Path) -> list[str]:
    """The file's lines but for a last one that was never finished."""
    text = Path(path).read_text(encoding="utf-8", errors="replace")
    return text[: text.rfind("\n") + 1].splitlines(keepends=True)


def _drop_torn_line(path: Path) -> None:
    """Cut a half-written last line off, so that the next one does not join it."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        content = file.read()
        file.truncate(content.rfind(b"\n") + 1)
