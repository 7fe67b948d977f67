"""Grids: child runs and their folders, what is skipped, repeated, recorded, and said when a grid ends early."""

import io
import json
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from data.errors import DataError
from experiment.console import Console
from experiment.errors import InterruptedRun, UsageError
from experiment.options import parse, write_yaml
from experiment.resume import find_unfinished
from experiment.run_directory import RunDirectory
from experiment.tracking import open_tracking
from experiment.training import NotFiniteError
from finetune.grid import results as grid_results
from finetune.grid import runs as grid
from finetune.grid.plan import Child, plan
from finetune.grid.runs import parent_tag, run_grid
from finetune.grid.statistics import Outcome
from finetune.grid.sweep import read_sweep
from finetune.relation.config import RelationConfig

SWEEP = read_sweep("activation", RelationConfig)
CHILDREN = plan(RelationConfig(), SWEEP, [0, 1])
TANH_0, GELU_0, TANH_1, GELU_1 = (child.name for child in CHILDREN)
SCORES = {TANH_0: 0.5, GELU_0: 0.6, TANH_1: 0.52, GELU_1: 0.66}
COMMAND = "python run_finetune.py --task re --resume runs/mine"


class Grid:
    """A parent directory, a training that only notes who was trained, and the screen."""

    def __init__(self, output_dir: Path) -> None:
        self.directory = RunDirectory.create(output_dir, "finetune/re", "mine")
        write_yaml(RelationConfig(sweep="activation", seeds=[0, 1]), self.directory.config)
        self.trained: list[str] = []
        self.screen = io.StringIO()

    def run(
        self, at: Mapping[str, Callable[[], object]] | None = None, children: list[Child] = CHILDREN, **options: Any
    ) -> list[Outcome]:
        """Run the grid; `at` says what happens in the middle of some children."""

        def train(child: Child, own: RunDirectory) -> dict[str, float]:
            own.write_text("model/half.txt", child.name)
            if at and child.name in at:
                at[child.name]()
            self.trained.append(child.name)
            return {"micro_f1": SCORES[child.name], "steps": 100}

        settings: dict[str, Any] = {"figures": {"micro_f1": "micro F1"}, "sweep": SWEEP, "title": "Activation"}
        return run_grid(
            children,
            self.directory,
            train,
            Console(self.screen),
            **(settings | {"resume_command": COMMAND, "sentences": (DataError,)} | options),
        )

    def child(self, name: str) -> RunDirectory:
        return RunDirectory(self.directory.path / "runs" / name)


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Grid:
    """A grid that draws nothing, which would take most of the time here."""
    monkeypatch.setattr(grid_results, "plot_cells", lambda cells, path, **labels: path.write_bytes(b"drawn"))
    return Grid(tmp_path)


def throw(error: BaseException) -> Callable[[], None]:
    def raise_it() -> None:
        raise error

    return raise_it


def test_each_child_has_a_run_directory_of_its_own(mine: Grid) -> None:
    outcomes = mine.run()
    assert mine.trained == [TANH_0, GELU_0, TANH_1, GELU_1]
    assert [(outcome.child.name, outcome.metrics["micro_f1"]) for outcome in outcomes] == list(SCORES.items())
    for child in CHILDREN:
        own = mine.child(child.name)
        assert own.finished and own.read_json("metrics.json") == {"micro_f1": SCORES[child.name], "steps": 100}
        assert parse(RelationConfig, ["--config", str(own.config)], description="") == child.config
    assert sorted(path.name for path in mine.directory.runs.iterdir()) == sorted(SCORES)  # no "latest" among them
    assert not mine.directory.finished  # is the caller's to say, once its report is written
    assert mine.directory.read_json("metrics.json")["micro_f1"] == pytest.approx(0.63)
    kept = read_sweep(str(mine.directory.path / grid.SWEEP), RelationConfig)
    assert [cell.settings for cell in kept.cells] == [cell.settings for cell in SWEEP.cells]


def test_the_screen_tells_where_a_grid_stands(mine: Grid) -> None:
    mine.run()
    text = mine.screen.getvalue()
    assert "run 1 of 4 · activation=tanh · seed 0\n" in text
    assert re.search(r"run 4 of 4 · activation=gelu · seed 1 · about \d+ s left\n  micro F1 66.00 · took \d+ s\n", text)
    assert re.search(r"gelu +63.00 ± 4.24\* +2\n +tanh +51.00 ± 1.41 +2\n", text)


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), InterruptedRun("stopped at step 7; …")])
def test_a_grid_goes_on_where_it_was_stopped(mine: Grid, stop: BaseException) -> None:
    with pytest.raises(InterruptedRun, match=f"^1 of 4 runs are finished; go on with: {COMMAND}$"):
        mine.run({GELU_0: throw(stop)})
    assert mine.trained == [TANH_0] and not mine.child(GELU_0).finished
    assert "1 of 4 runs are finished" in (mine.directory.path / "results.md").read_text(encoding="utf-8")
    assert not (mine.directory.path / "metrics.json").exists()
    mine.child(GELU_0).write_text("left over", "")

    outcomes = mine.run()
    assert mine.trained == [TANH_0, GELU_0, TANH_1, GELU_1]
    assert [outcome.metrics["micro_f1"] for outcome in outcomes] == list(SCORES.values())
    assert not (mine.child(GELU_0).path / "left over").exists()  # half-done is begun anew
    mine.run()
    assert len(mine.trained) == 4


def test_lightnings_way_of_stopping(mine: Grid) -> None:
    def stop() -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise SystemExit(1)  # noqa: B904

    with pytest.raises(InterruptedRun, match="2 of 4 runs"):
        mine.run({TANH_1: stop})
    with pytest.raises(SystemExit):
        mine.run({TANH_1: throw(SystemExit(3))})


def test_a_run_killed_between_its_last_files_is_begun_anew(mine: Grid) -> None:
    mine.run()
    (mine.child(GELU_1).path / "finished").unlink()
    mine.run()
    assert mine.trained[4:] == [GELU_1]


def test_a_loss_that_is_no_number_fails_one_run_and_shows(mine: Grid) -> None:
    outcomes = mine.run({GELU_0: throw(NotFiniteError("the loss became infinite at step 3"))})
    assert [outcome.error for outcome in outcomes] == [None, "the loss became infinite at step 3", None, None]
    assert not mine.child(GELU_0).finished and not (mine.child(GELU_0).path / "metrics.json").exists()
    table = (mine.directory.path / "results.md").read_text(encoding="utf-8")
    assert "| 1 (1 failed) |" in table and f"Failed: {GELU_0}: the loss became infinite at step 3" in table
    assert f"warning: {GELU_0} failed: the loss became infinite" in mine.screen.getvalue()
    assert mine.directory.read_json("metrics.json")["grid_failed"] == 1

    mine.run()
    assert len(mine.trained) == 3  # what has failed is not tried again, …
    shutil.rmtree(mine.child(GELU_0).path)
    mine.run()
    assert mine.trained[3:] == [GELU_0]  # … unless its folder is gone


@pytest.mark.parametrize("error", [UsageError("too long."), DataError("train.tsv:3: too long.")])
def test_a_users_mistake_ends_the_grid_with_the_name_of_the_run(mine: Grid, error: Exception) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(TANH_1)}: .*too long.$"):
        mine.run({TANH_1: throw(error)})
    assert mine.trained == [TANH_0, GELU_0]
    assert "2 of 4 runs are finished; go on with: python run_finetune.py" in mine.screen.getvalue()


def test_a_fault_of_the_program_is_left_alone(mine: Grid) -> None:
    with pytest.raises(ZeroDivisionError):
        mine.run({TANH_0: throw(ZeroDivisionError())})
    assert "0 of 4 runs are finished" in mine.screen.getvalue()


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"fingerprints": {"training rows": "b"}}, "training rows was a and is b"),
        ({"fingerprints": {}}, "training rows was a and is not there"),
        ({"children": CHILDREN[:3]}, f"{GELU_1} is no longer planned"),
        ({"children": plan(RelationConfig(), SWEEP, [0, 1, 2])}, "activation=gelu,seed=2 was not planned"),
        ({"children": CHILDREN[::-1]}, "another order"),
    ],
)
def test_another_plan_is_refused(mine: Grid, options: dict[str, Any], part: str) -> None:
    same = {"fingerprints": {"training rows": "a"}}
    mine.run(**same)
    with pytest.raises(UsageError) as caught:
        mine.run(**(same | options))
    assert str(caught.value).startswith(f"{mine.directory.path} was begun with another plan: ")
    assert part in str(caught.value) and "start a new run" in str(caught.value)


def test_an_unfinished_grid_is_found_and_a_finished_one_is_not(mine: Grid, tmp_path: Path) -> None:
    mine.directory.write_text("config.yaml", "")
    mine.run()
    assert find_unfinished(tmp_path, "finetune/re") == mine.directory
    mine.directory.mark_finished()
    assert find_unfinished(tmp_path, "finetune/re") is None


def test_the_main_process_alone_writes(mine: Grid, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(path.name for path in mine.directory.path.iterdir())
    monkeypatch.setattr(grid, "process_rank", lambda: 1)
    trained = []

    def train(child: Child, own: RunDirectory) -> dict[str, float]:
        trained.append(own.name)
        return {}

    run_grid(
        CHILDREN, mine.directory, train, Console(quiet=True), figures={"micro_f1": "micro F1"}, resume_command="", title=""
    )  # fmt: skip
    assert trained == list(SCORES)
    assert sorted(path.name for path in mine.directory.path.iterdir()) == before


def test_mlflow_gets_the_results_and_the_parent(mine: Grid) -> None:
    class Tracking:
        run_id = "9f3a"

        def __init__(self) -> None:
            self.metrics: dict[str, float] = {}
            self.files: list[str] = []

        def log_metrics(self, metrics: dict[str, float]) -> None:
            self.metrics |= metrics

        def log_artifact(self, path: Path) -> None:
            self.files.append(path.name)

    tracking: Any = Tracking()
    mine.run(tracking=tracking)
    assert tracking.metrics == json.loads((mine.directory.path / "metrics.json").read_text())
    assert tracking.files == ["results.md", "results.csv", "results.json", "results.png"]
    assert parent_tag(tracking) == {"mlflow.parentRunId": "9f3a"} and parent_tag(None) == {}


def test_mlflow_shows_children_under_their_parent(mine: Grid, tmp_path: Path) -> None:
    from mlflow.tracking import MlflowClient

    def start(directory: RunDirectory, tags: dict[str, str]) -> Any:
        return open_tracking(None, "finetune/re", directory, output_dir=tmp_path, params={}, tags=tags)

    parent = start(mine.directory, {})
    own = mine.child(TANH_0)
    own.path.mkdir(parents=True)
    child = start(own, parent_tag(parent))
    client = MlflowClient(parent.uri)
    experiment = client.get_run(parent.run_id).info.experiment_id
    found = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{parent.run_id}'")
    assert [run.info.run_id for run in found] == [child.run_id] and found[0].info.run_name == TANH_0
    child.finish()
    parent.finish()
