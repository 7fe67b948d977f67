"""Run directories: names, the latest link, what can be resumed, and files that are whole or absent."""

import json
import os
import re
import time
from pathlib import Path

import pytest
import torch

from experiment.errors import UsageError
from experiment.run_directory import RunDirectory, checkpoint_step, replacing


def checkpoint(run: RunDirectory, name: str = "last.ckpt", age: float = 0, step: int = 0) -> Path:
    run.checkpoints.mkdir(exist_ok=True)
    path = run.checkpoints / name
    torch.save({"global_step": step}, path)
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_runs_that_start_together_have_different_names(tmp_path: Path) -> None:
    runs = [RunDirectory.create(tmp_path) for _ in range(5)]
    assert len({run.path for run in runs}) == 5
    assert all(run.path.parent == tmp_path / "pretrain" and run.path.is_dir() for run in runs)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d", runs[0].name)


def test_a_name_that_holds_a_run_is_refused(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path, "finetune/re", "첫번째")
    assert run.path == tmp_path / "finetune" / "re" / "첫번째"
    assert RunDirectory.create(tmp_path, "finetune/re", "첫번째") == run  # still empty
    run.write_text("config.yaml", "")
    with pytest.raises(UsageError, match="already holds a run"):
        RunDirectory.create(tmp_path, "finetune/re", "첫번째")


@pytest.mark.parametrize("name", ["latest", "a/b", "..", ".", "", ".hidden"])
def test_names_that_name_no_run(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a run"):
        RunDirectory.create(tmp_path, name=name)


def test_an_output_dir_that_is_a_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(UsageError, match=r"cannot make a run directory in .*runs"):
        RunDirectory.create(tmp_path / "runs")


def test_latest_follows_the_newest_finished_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no finished run"):
        RunDirectory.latest(tmp_path)
    first, second = RunDirectory.create(tmp_path, name="a"), RunDirectory.create(tmp_path, name="b")
    first.mark_finished()
    assert RunDirectory.latest(tmp_path) == first and first.finished and not second.finished
    second.mark_finished()
    assert RunDirectory.latest(tmp_path) == second
    assert sorted(path.name for path in first.path.parent.iterdir()) == ["a", "b", "latest"]
    with pytest.raises(UsageError, match="no finished run"):
        RunDirectory.latest(tmp_path, "finetune/re")


def test_the_link_survives_a_move_of_all_runs(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "runs", name="a")
    run.write_text("config.yaml", "")
    run.mark_finished()
    (tmp_path / "runs").rename(tmp_path / "moved")
    latest = RunDirectory.open(tmp_path / "moved" / "pretrain" / "latest")
    assert latest.path == tmp_path / "moved" / "pretrain" / "a"


def test_without_symbolic_links_a_text_file_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    for name in ("a", "b"):
        run = RunDirectory.create(tmp_path, name=name)
        run.mark_finished()
        assert not (tmp_path / "pretrain" / "latest").is_symlink()
        assert RunDirectory.latest(tmp_path) == run


def test_a_latest_whose_run_was_deleted_is_no_run(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path, name="a")
    run.mark_finished()
    run.path.rename(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="no finished run"):
        RunDirectory.latest(tmp_path)


def test_a_real_folder_called_latest_is_left_alone(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path, name="a")
    mine = tmp_path / "pretrain" / "latest" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    with pytest.raises(UsageError, match="latest stays"):
        run.mark_finished()
    assert run.finished and mine.read_text() == "mine"
    with pytest.raises(UsageError, match="rename it"):
        RunDirectory.create(tmp_path, name="b")


def test_the_newest_checkpoint_has_the_most_steps_whatever_its_name(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path)
    assert run.newest_checkpoint() is None
    ages = {"step=9.ckpt": 10, "epoch=0-step=10.ckpt": 40, "step=11.ckpt": 30, "step=11-v1.ckpt": 20}
    for name, age in ages.items():  # the names are in the order of their steps, not of their times
        path = checkpoint(run, name, age)
        assert run.newest_checkpoint() == path
    last = checkpoint(run, "last.ckpt", age=50, step=12)
    assert run.newest_checkpoint() == last and checkpoint_step(last) == 12
    checkpoint(run, "something.ckpt", step=8)
    assert run.newest_checkpoint() == last


def test_unfinished_checkpoints_are_passed_over(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path)
    whole = checkpoint(run, "step=5.ckpt")
    half, hidden, folder = (run.checkpoints / name for name in ("step=6.ckpt", ".step=7.ckpt", "step=8.ckpt"))
    half.write_bytes(whole.read_bytes()[:-100])
    hidden.write_bytes(whole.read_bytes())
    folder.mkdir()
    assert run.newest_checkpoint() == whole
    assert run.broken_checkpoints() == [half, folder]


def test_open_wants_a_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no run directory"):
        RunDirectory.open(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="is no run directory"):
        RunDirectory.open(tmp_path)
    run = RunDirectory.create(tmp_path, name="a")
    checkpoint(run)
    assert RunDirectory.open(run.path) == run


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path, name="a")
    path = run.write_text("config.yaml", "before")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "before"
    assert sorted(entry.name for entry in run.path.iterdir()) == [".lock", "config.yaml"]


def test_who_reads_meanwhile_sees_one_version_whole(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path, name="a")
    with run.write_text("config.yaml", "before").open() as reader:
        run.write_text("config.yaml", "after")
        assert reader.read() == "before"
    assert (run.path / "config.yaml").read_text() == "after"


def test_files_can_be_read_by_others_as_far_as_the_user_allows(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path, name="a")
    ordinary = tmp_path / "ordinary"
    ordinary.write_text("")
    assert run.write_text("a.txt", "").stat().st_mode == ordinary.stat().st_mode


def test_json_is_readable_and_valid(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path, name="a")
    path = run.write_json("plots/../metrics.json", {"가": 1.5, "nan": float("nan"), "list": [float("inf"), (1,)]})
    assert '"가": 1.5' in path.read_text(encoding="utf-8")

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    assert json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse) == run.read_json("metrics.json")
    assert run.read_json("metrics.json") == {"가": 1.5, "nan": None, "list": [None, [1]]}
    with pytest.raises(UsageError, match=r"cannot read .*nothing.json"):
        run.read_json("nothing.json")
    run.write_text("broken.json", "{")
    with pytest.raises(UsageError, match=r"broken.json is not valid JSON"):
        run.read_json("broken.json")
