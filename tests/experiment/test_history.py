"""The metric history: a JSON line a call, whole lines only, and nothing beyond a checkpoint after a resume."""

import json
import math
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from experiment.history import MetricHistory, read_curves


def test_each_call_is_a_line_on_disk_at_once(tmp_path: Path) -> None:
    history = MetricHistory(tmp_path / "metrics.jsonl")
    history.log_metrics({"mlm_loss": 7.5, "정확도": 0.25}, step=3)
    line = json.loads((tmp_path / "metrics.jsonl").read_text(encoding="utf-8"))
    assert line.pop("time") > 1.7e9
    assert line == {"step": 3, "mlm_loss": 7.5, "정확도": 0.25}
    assert history.curves() == {"mlm_loss": ([3], [7.5]), "정확도": ([3], [0.25])}


def test_no_file_no_curves(tmp_path: Path) -> None:
    assert read_curves(tmp_path / "metrics.jsonl") == {}


def test_nan_is_valid_json_and_reads_back(tmp_path: Path) -> None:
    history = MetricHistory(tmp_path / "metrics.jsonl")
    history.log_metrics({"loss": float("nan")}, step=0)
    assert '"loss": null' in (tmp_path / "metrics.jsonl").read_text()
    steps, values = history.curves()["loss"]
    assert steps == [0] and math.isnan(values[0])


def test_a_resumed_run_goes_on_behind_its_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    first = MetricHistory(path)
    for step in range(8):
        first.log_metrics({"loss": 8.0 - step}, step)
        if step % 4 == 3:
            first.log_metrics({"held_out_loss": 9.0 - step}, step)

    second = MetricHistory(path)  # the checkpoint was made when steps 0 to 4 were done
    second.cut_from(5)
    second.log_metrics({"loss": 50.0}, 5)
    assert second.curves() == {
        "loss": ([0, 1, 2, 3, 4, 5], [8.0, 7.0, 6.0, 5.0, 4.0, 50.0]),
        "held_out_loss": ([3], [6.0]),
    }


def test_cutting_where_nothing_was_logged(tmp_path: Path) -> None:
    history = MetricHistory(tmp_path / "metrics.jsonl")
    history.cut_from(0)
    history.log_metrics({"loss": 1.0}, 0)
    history.cut_from(0)
    assert history.curves() == {}


def test_a_step_logged_twice_has_its_later_value(tmp_path: Path) -> None:
    history = MetricHistory(tmp_path / "metrics.jsonl")
    for step, value in ((1, 10.0), (0, 5.0), (1, 20.0)):
        history.log_metrics({"loss": value}, step)
    assert history.curves() == {"loss": ([0, 1], [5.0, 20.0])}


@given(cut=st.integers(0, 200))
def test_whatever_a_killed_run_left_the_next_line_is_whole(cut: int, tmp_path_factory) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path_factory.mktemp("killed") / "metrics.jsonl"
    history = MetricHistory(path)
    for step in range(4):
        history.log_metrics({"손실": float(step)}, step)
    history.finalize("failed")
    content = path.read_bytes()[:cut]
    path.write_bytes(content)
    whole = content.count(b"\n")
    assert len(read_curves(path).get("손실", ([], []))[0]) == whole

    again = MetricHistory(path)
    again.log_metrics({"손실": 9.0}, 9)
    assert again.curves()["손실"] == ([*range(whole), 9], [*map(float, range(whole)), 9.0])
    again.finalize("success")
