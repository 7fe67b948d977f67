"""MLflow: one run through all resumes, out of the way when it fails, and not needed at all."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib
import pytest
import pytorch_lightning as pl
import torch
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from mlflow.tracking._tracking_service.utils import _artifact_repos_cache

from experiment.errors import UsageError
from experiment.history import MetricHistory
from experiment.run_directory import RunDirectory
from experiment.tracking import Tracking, open_tracking

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One output_dir for all tests, since building MLflow's database takes a second."""
    return tmp_path_factory.mktemp("실험") / "runs"


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture
def start(runs: Path) -> Iterator[Callable[..., Tracking]]:
    """Open the tracking of a run directory (a new one unless given), collecting warnings in `said`."""
    opened = []

    def open_(run: RunDirectory | None = None, said: list[str] | None = None, **given: Any) -> Tracking:
        arguments: dict[str, Any] = {"output_dir": runs, "params": {}, "tags": {}, "tracking_uri": None} | given
        tracking = open_tracking(
            arguments.pop("tracking_uri"),
            "pretrain",
            run or RunDirectory.create(arguments["output_dir"]),
            warn=(said if said is not None else []).append,
            **arguments,
        )
        assert tracking is not None
        opened.append(tracking)
        return tracking

    yield open_
    for tracking in opened:
        tracking.finish("FINISHED")


def client(runs: Path) -> MlflowClient:
    return MlflowClient(f"sqlite:///{runs / 'mlflow.db'}")


def history(runs: Path, run_id: str, metric: str) -> list[tuple[int, float]]:
    return sorted((point.step, point.value) for point in client(runs).get_metric_history(run_id, metric))


class Tiny(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def training_step(self, batch: list[torch.Tensor], index: int) -> torch.Tensor:
        self.log("loss", float(self.global_step))
        return self.layer(batch[0]).sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)

    def train_dataloader(self) -> torch.utils.data.DataLoader:
        return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.zeros(20, 1)))


def train(steps: int, loggers: list[Any], folder: Path, checkpoint: Path | None = None) -> None:
    trainer = pl.Trainer(
        max_steps=steps,
        accelerator="cpu",
        logger=loggers,
        log_every_n_steps=1,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        default_root_dir=folder,
    )
    trainer.fit(Tiny(), ckpt_path=checkpoint)
    trainer.save_checkpoint(folder / "checkpoints" / "last.ckpt")


def test_a_resumed_training_goes_on_in_the_same_mlflow_run(start: Callable[..., Tracking], runs: Path) -> None:
    run = RunDirectory.create(runs)
    params = {"preset": "tiny", "corpus": ["a", "b"], "max_steps": 3, "long": "x" * 9000}
    first = start(run, params=params, tags={"fingerprint": "9f3a"})
    train(3, [MetricHistory(run.history), first], run.path)
    first.finish("KILLED")
    assert client(runs).get_run(first.run_id).info.status == "KILLED"

    said: list[str] = []
    again = start(RunDirectory.open(run.path), said, params=params | {"max_steps": 5, "new": 1}, tags={"machine": "b"})
    assert again.run_id == first.run_id
    assert client(runs).get_run(first.run_id).info.status == "RUNNING"
    resumed = MetricHistory(run.history)
    resumed.cut_from(3)
    train(5, [resumed, again], run.path, run.newest_checkpoint())
    assert client(runs).get_run(first.run_id).info.status == "RUNNING"  # the end of fit is not the end of the run
    again.finish("FINISHED")

    entry = client(runs).get_run(first.run_id)
    assert entry.info.status == "FINISHED" and entry.info.run_name == run.name
    assert entry.data.params["max_steps"] == "3" and entry.data.params["new"] == "1"
    assert entry.data.params["corpus"] == "a b" and len(entry.data.params["long"]) == 500
    tags = entry.data.tags
    assert tags["resume_1.max_steps"] == "5" and "resume_1.preset" not in tags and tags["resumes"] == "1"
    assert tags["fingerprint"] == "9f3a" and tags["machine"] == "b"
    # Lightning numbers the first step 0, and shows the module its own count at that moment.
    expected = [(step, float(step)) for step in range(5)]
    assert history(runs, first.run_id, "loss") == expected
    assert resumed.curves()["loss"] == ([0, 1, 2, 3, 4], [value for _, value in expected])
    assert not said


def test_none_needs_no_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "mlflow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    run = RunDirectory.create(tmp_path)
    assert open_tracking("none", "pretrain", run, output_dir=tmp_path, params={}, tags={}) is None
    recorded = MetricHistory(run.history)
    train(2, [recorded], run.path)
    assert recorded.curves()["loss"] == ([0, 1], [0.0, 1.0])
    with pytest.raises(UsageError, match=r"mlflow is not installed.*--tracking_uri none"):
        open_tracking(None, "pretrain", run, output_dir=tmp_path, params={}, tags={})


def test_a_store_that_fails_in_mid_run_costs_a_warning(
    start: Callable[..., Tracking], runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    tracking = start(said=said)

    def fail(*args: object, **kwargs: object) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    with monkeypatch.context() as broken:
        for name in ("log_batch", "log_artifact", "log_artifacts", "set_terminated"):
            broken.setattr(tracking._client, name, fail)
        broken.setattr(tracking, "_next_send", 0.0)
        train(3, [tracking], tmp_path)
        tracking.send()
        tracking.log_artifact(Path(__file__))
        tracking.log_artifact(tmp_path)
    assert said == ["MLflow does not answer (Connection refused); the run goes on without it."]
    assert tracking.failures >= 4 and tracking.lost == 0

    tracking.finish("FINISHED")  # it answers again, and gets what it missed
    assert history(runs, tracking.run_id, "loss") == [(0, 0.0), (1, 1.0), (2, 2.0)]
    assert len(said) == 1


def test_a_store_that_never_comes_back(start: Callable[..., Tracking], monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    tracking = start(said=said)

    def fail(*args: object, **kwargs: object) -> None:
        raise MlflowException("gone")

    monkeypatch.setattr(tracking._client, "log_batch", fail)
    monkeypatch.setattr(tracking._client, "set_terminated", fail)
    tracking.log_metrics({"a": 1.0, "b": 2.0}, 0)
    tracking.finish("FINISHED")
    tracking.finish("FAILED")
    assert tracking.lost == 2 and "missed 2 metric values" in said[-1] and len(said) == 2


def test_the_memory_for_a_dead_store_is_bounded(start: Callable[..., Tracking], runs: Path) -> None:
    real = start()
    tracking = Tracking(real._client, real.run_id, real.uri, warn=lambda _: None, capacity=3)
    for step in range(5):
        tracking.log_metrics({"loss": float(step)}, step)
    assert tracking.lost == 2
    tracking.send()
    assert history(runs, real.run_id, "loss") == [(2, 2.0), (3, 3.0), (4, 4.0)]


def test_metrics_are_sent_in_batches(start: Callable[..., Tracking], monkeypatch: pytest.MonkeyPatch) -> None:
    tracking = start()
    calls = []
    send = tracking._client.log_batch

    def count(run_id: str, metrics: list[Any]) -> None:
        calls.append(len(metrics))
        send(run_id, metrics=metrics)

    monkeypatch.setattr(tracking._client, "log_batch", count)
    for step in range(300):
        tracking.log_metrics({"a": 1.0, "b": 2.0, "c": float("nan"), "정확도/홀드 아웃": 0.5}, step)
    assert not calls
    tracking.send()
    assert calls == [1000, 200] and not tracking.failures


def test_a_slow_store_is_asked_at_most_a_hundredth_of_the_time(
    start: Callable[..., Tracking], monkeypatch: pytest.MonkeyPatch
) -> None:
    tracking = start()
    now = [time.monotonic()]  # the store has looked at the clock already
    monkeypatch.setattr("experiment.tracking.time.monotonic", lambda: now[0])

    def slow_and_dead(*args: object, **kwargs: object) -> None:
        now[0] += 15
        raise TimeoutError

    monkeypatch.setattr(tracking._client, "log_batch", slow_and_dead)
    waited = 0.0
    for step in range(20_000):
        before = now[0] = now[0] + 1
        tracking.log_metrics({"loss": 1.0}, step)
        waited += now[0] - before
    assert 0 < waited <= 0.01 * 20_000 + 15  # the first time it did not know yet


def test_artifacts_lie_beside_the_database(start: Callable[..., Tracking], runs: Path, tmp_path: Path) -> None:
    tracking = start()
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "곡선.png").write_bytes(b"png")
    tracking.log_artifact(Path(__file__))
    tracking.log_artifact(tmp_path / "plots", "plots")
    assert not tracking.failures
    kept = runs / "mlartifacts" / tracking.run_id / "artifacts"
    assert (kept / Path(__file__).name).exists() and (kept / "plots" / "곡선.png").exists()
    assert tracking.ui_command == f"mlflow ui --backend-store-uri '{tracking.uri}'"  # quoted: the path has Hangul


def test_moved_runs_take_their_artifacts_with_them(start: Callable[..., Tracking], runs: Path, tmp_path: Path) -> None:
    begun = start()
    begun.log_artifact(Path(__file__))
    begun.finish("KILLED")
    run = next(run for run in (runs / "pretrain").iterdir() if begun.run_id in (run / "mlflow.json").read_text())
    moved = tmp_path / "moved"
    shutil.copytree(runs, moved)
    _artifact_repos_cache.clear()  # what mlflow knows in this process, a later one would not
    there = start(RunDirectory(moved / "pretrain" / run.name), output_dir=Path("unused"))
    assert there.run_id == begun.run_id
    assert [file.path for file in there._client.list_artifacts(there.run_id)] == [Path(__file__).name]
    (tmp_path / "more.txt").write_text("")
    there.log_artifact(tmp_path / "more.txt")
    assert (moved / "mlartifacts" / there.run_id / "artifacts" / "more.txt").exists()
    assert not (runs / "mlartifacts" / there.run_id / "artifacts" / "more.txt").exists()
    new = start(output_dir=moved)
    new.log_artifact(tmp_path / "more.txt")
    assert (moved / "mlartifacts" / new.run_id / "artifacts" / "more.txt").exists()


def test_a_forgotten_run_is_begun_anew_and_said(start: Callable[..., Tracking], runs: Path) -> None:
    run = RunDirectory.create(runs)
    first = start(run)
    client(runs).delete_run(first.run_id)
    said: list[str] = []
    second = start(run, said)
    assert second.run_id != first.run_id and len(said) == 1 and "new one" in said[0]
    assert start(run).run_id == second.run_id


def test_the_environment_variable_names_the_store(
    start: Callable[..., Tracking], tmp_path: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start().finish()  # makes sure of the database
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{runs / 'mlflow.db'}")
    run = RunDirectory.create(tmp_path)
    tracking = start(run, output_dir=tmp_path)
    assert tracking.uri == f"sqlite:///{runs / 'mlflow.db'}" and not (tmp_path / "mlflow.db").exists()
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert start(run, output_dir=tmp_path).run_id == tracking.run_id  # remembered


@pytest.mark.parametrize(
    ("uri", "parts"),
    [
        ("http://127.0.0.1:9", ["http://127.0.0.1:9", "Connection refused", "--tracking_uri none"]),
        ("http://user:geheim@127.0.0.1:9", ["http://user:***@127.0.0.1:9"]),
        ("nonsense://x", ["nonsense://x"]),
    ],
)
def test_a_store_that_cannot_be_used_is_one_sentence(tmp_path: Path, uri: str, parts: list[str]) -> None:
    run = RunDirectory.create(tmp_path)
    with pytest.raises(UsageError) as caught:
        open_tracking(uri, "pretrain", run, output_dir=tmp_path, params={}, tags={})
    message = str(caught.value)
    assert "\n" not in message and "geheim" not in message
    for part in parts:
        assert part in message
    assert not [path for path in run.path.iterdir() if path.name != ".lock"]


def test_a_broken_database_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"not a database " * 100)
    run = RunDirectory.create(tmp_path)
    with pytest.raises(UsageError, match=r"mlflow\.db .*not a database"):
        open_tracking(None, "pretrain", run, output_dir=tmp_path, params={}, tags={})
    odd = tmp_path / "100%"
    with pytest.raises(UsageError, match="100%"):
        open_tracking(None, "pretrain", RunDirectory.create(odd), output_dir=odd, params={}, tags={})


def test_a_deleted_experiment_is_one_sentence(start: Callable[..., Tracking], runs: Path) -> None:
    start()
    run = RunDirectory.create(runs)
    number = client(runs).create_experiment("gone")
    client(runs).delete_experiment(number)
    with pytest.raises(UsageError, match=f"'gone' was deleted.*--experiment-id {number}"):
        open_tracking(None, "gone", run, output_dir=runs, params={}, tags={})


def test_other_processes_track_nothing(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pytorch_lightning.utilities.rank_zero import rank_zero_only

    run = RunDirectory.create(runs)
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    assert open_tracking(None, "pretrain", run, output_dir=runs, params={}, tags={}) is None
    MetricHistory(run.history).log_metrics({"loss": 1.0}, 0)
    assert not [path for path in run.path.iterdir() if path.name != ".lock"]


def test_a_first_start_is_silent_whole_and_calls_nobody(tmp_path: Path) -> None:
    """In a process of its own, with a home and a working folder of its own, that may not open a connection."""
    code = """
import socket, sys
def refuse(self, address):
    raise AssertionError(f"connects to {address}")
socket.socket.connect = socket.socket.connect_ex = refuse
from pathlib import Path
from experiment.run_directory import RunDirectory
from experiment.tracking import open_tracking
run = RunDirectory.create(Path("runs"))
tracking = open_tracking(None, "pretrain", run, output_dir=Path("runs"), params={"a": 1}, tags={"git_commit": "abc"})
tracking.log_metrics({"loss": 1.0}, 0)
tracking.finish("FINISHED")
assert not tracking.failures
"""
    hidden = ("MLFLOW_", "PYTEST_", "CI", "GITHUB_")  # mlflow itself is quieter when these are set
    environment = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    environment |= {"HOME": str(tmp_path / "home"), "PYTHONPATH": str(REPOSITORY), "PATH": ""}
    environment["MPLCONFIGDIR"] = matplotlib.get_cachedir()  # a new home would cost building the list of fonts
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "work", env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted(path.name for path in (tmp_path / "work" / "runs").iterdir()) == ["mlflow.db", "pretrain"]
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["runs"]
    assert not list((tmp_path / "home").rglob("*telemetry*"))
