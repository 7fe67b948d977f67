"""The run's entry in MLflow, written so that it can neither stop nor slow a training run.

    tracking = open_tracking(
        None, "pretrain", run, output_dir=Path("runs"), params=as_dict(config), tags={"corpus": "9f3a"}
    )
    Trainer(logger=[history, tracking]).fit(…)     # `Tracking` is a Lightning logger
    tracking.log_artifact(run.path / "report.html")
    tracking.finish("FINISHED")                    # or FAILED, KILLED

Where it is kept: by default in `<output_dir>/mlflow.db` (SQLite) with artifacts in `<output_dir>/mlartifacts`; the
environment variable MLFLOW_TRACKING_URI or a `tracking_uri` sends it elsewhere, and "none" switches it off without
importing mlflow. MLflow stores absolute artifact paths; when `output_dir` was moved or copied, the next run there sets
them right (`mlflow_store`).

Resuming: the MLflow run's id is remembered in the run directory (`mlflow.json`), and whoever opens that run directory
again goes on in the same MLflow run. Parameters cannot change in MLflow, so those that differ become tags
`resume_1.<name>`. Steps between the last checkpoint and the interruption appear twice in MLflow's curves, since it
cannot forget a point; `metrics.jsonl` cuts them.

Why not Lightning's own `MLFlowLogger`: it sends each call at once (11 ms with SQLite, a network round trip with a
server, minutes of retries with a dead one), an error ends the training, `finalize` closes the run before its artifacts
are there, and it sets the process-wide tracking URI.
"""

import getpass
import itertools
import os
import re
import shlex
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from experiment.errors import InterruptedRun, UsageError
from experiment.mlflow_store import artifact_folder, connect, quiet, reason, shown, sqlite_uri, store_errors
from experiment.run_directory import RunDirectory

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

RUN_FILE = "mlflow.json"
_METRICS_A_CALL = 1000
_PARAMS_A_CALL = 100
_PARAM_CHARS = 500
"""Limits of MLflow's REST interface, the lowest of the versions in use (later ones take longer parameters)."""


class Tracking(Logger):
    """One MLflow run as a Lightning logger; made by `open_tracking`.

    Metrics are collected and sent in batches, `seconds_between` apart (up to a minute apart where the store is slow). A
    store that fails is asked again so rarely that waiting for it takes a hundredth of the time, and gets what it missed
    when it answers again. No method raises because of MLflow; the first failure is told through `warn`.
    """

    def __init__(
        self,
        client: "MlflowClient",
        run_id: str,
        uri: str,
        warn: Callable[[str], None],
        seconds_between: float = 10.0,
        capacity: int = 200_000,
    ) -> None:
        super().__init__()
        self.uri = uri
        self.run_id = run_id
        self.failures = 0
        """Calls to MLflow that failed."""
        self.lost = 0
        """Metric values that MLflow will never get."""
        self._client = client
        self._warn = warn
        self._seconds_between = seconds_between
        self._next_send = time.monotonic() + seconds_between
        self._waiting: deque[tuple[str, float, int, int]] = deque(maxlen=capacity)
        self._finished = False

    @property
    def name(self) -> str:
        return "mlflow"

    @property
    def version(self) -> str:
        return self.run_id

    @property
    def ui_command(self) -> str:
        """What a user types, or opens, to browse the runs."""
        address = shown(self.uri)
        return address if address.startswith("http") else f"mlflow ui --backend-store-uri {shlex.quote(address)}"

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Take the metrics of one step; they are sent with the next batch."""
        now = int(time.time() * 1000)
        for name, value in metrics.items():
            self.lost += len(self._waiting) == self._waiting.maxlen
            self._waiting.append((re.sub(r"[^a-zA-Z0-9_/. -]", "_", name), float(value), now, step or 0))
        if time.monotonic() >= self._next_send:
            self.send()

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Nothing: `open_tracking` has logged the parameters."""

    @rank_zero_only
    def send(self) -> None:
        """Send all metrics that wait; those that MLflow refuses go on waiting."""
        from mlflow.entities import Metric

        start = time.monotonic()
        answers = True
        while self._waiting and answers:
            batch = list(itertools.islice(self._waiting, _METRICS_A_CALL))
            metrics = [Metric(*point) for point in batch]
            answers = self._attempt(partial(self._client.log_batch, self.run_id, metrics=metrics))
            for _ in batch if answers else ():
                self._waiting.popleft()
        end = time.monotonic()
        pause = max(self._seconds_between, 100 * (end - start))
        self._next_send = end + (min(pause, 60.0) if answers else pause)

    @rank_zero_only
    def log_artifact(self, path: Path, folder: str | None = None) -> None:
        """Copy a file, or a folder's contents, to the run's artifacts (below `folder` there)."""
        copy = self._client.log_artifacts if Path(path).is_dir() else self._client.log_artifact
        self._attempt(partial(copy, self.run_id, str(path), folder))

    @rank_zero_only
    def finish(self, status: str = "FINISHED") -> None:
        """Send what waits and close the run as FINISHED, FAILED or KILLED; only the first call counts."""
        if self._finished:
            return
        self._finished = True
        self.send()
        self._attempt(partial(self._client.set_terminated, self.run_id, status))
        self.lost += len(self._waiting)
        if self.lost:
            self._warn(f"MLflow has missed {self.lost:,} metric values; metrics.jsonl holds them all.")

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Called by Lightning when `fit` ends: sends what waits, but leaves the run open for its artifacts."""
        if not self._finished:
            self.send()

    def _attempt(self, call: Callable[[], object]) -> bool:
        """Whether the call succeeded; its failure is counted, and told the first time."""
        try:
            with quiet():
                call()
        except Exception as error:  # whatever it is, hours of training are worth more
            self.failures += 1
            if self.failures == 1:
                self._warn(f"MLflow does not answer ({reason(error)}); the run goes on without it.")
            return False
        return True


@contextmanager
def told(tracking: Tracking | None) -> Iterator[None]:
    """Tells the tracking store, if there is one, how what stands within the `with` has ended."""
    try:
        yield
    except BaseException as error:
        if tracking:
            tracking.finish("KILLED" if isinstance(error, InterruptedRun | KeyboardInterrupt) else "FAILED")
        raise
    if tracking:
        tracking.finish()


@rank_zero_only
def open_tracking(
    tracking_uri: str | None,
    experiment: str,
    run_directory: RunDirectory,
    *,
    output_dir: Path,
    params: Mapping[str, Any],
    tags: Mapping[str, str],
    warn: Callable[[str], None] = lambda sentence: print(sentence, file=sys.stderr),
) -> Tracking | None:
    """Open the MLflow run of a run directory, or go on in the one that it remembers.

    Gives None for "none" (mlflow is not imported then), and in every process but the main one. The MLflow run has the
    name of the run directory. `params` are the resolved configuration, `tags` short texts to find the run by; a tag
    "git_commit" also shows as MLflow's source version. A resumed run without a `tracking_uri` goes on in the store
    where it began. `warn` gets the sentences that a user should see while the run goes on.

    Raises UsageError when MLflow is not installed or the store cannot be opened.
    """
    if tracking_uri == "none":
        return None
    remembered = run_directory.read_json(RUN_FILE) if (run_directory.path / RUN_FILE).exists() else {}
    database = None
    if "MLFLOW_TRACKING_URI" in os.environ and tracking_uri is None and not remembered:
        tracking_uri = os.environ["MLFLOW_TRACKING_URI"]
    if tracking_uri is None:
        tracking_uri = remembered.get("tracking_uri")
    if tracking_uri is None:
        inside = remembered.get("database")
        database = (run_directory.path / inside if inside else Path(output_dir) / "mlflow.db").resolve()
        tracking_uri = sqlite_uri(database)

    client = connect(tracking_uri, database)
    with store_errors(tracking_uri), quiet():
        run = _remembered_run(client, remembered, tracking_uri, database) if remembered else None
        if run is None:
            if remembered:
                warn("This store does not have the MLflow run that was begun before, so a new one is opened.")
            # A server keeps artifacts where it sees fit; beside a bare database, mlflow would use the current folder.
            folder = artifact_folder(database or Path(output_dir).resolve() / "mlflow.db")
            location = folder.as_uri() if re.match("sqlite|postgresql|mysql|mssql", tracking_uri) else None
            experiment_id = _experiment_id(client, experiment, location)
            every_tag = _source_tags(tags) | {"run_directory": str(run_directory.path.resolve())}
            run = client.create_run(experiment_id, tags=every_tag, run_name=run_directory.name)
            _log_params(client, run.info.run_id, {name: _param(value) for name, value in params.items()})
        else:
            _reopen(client, run, params, tags)
    where = {"database": _relative(database, run_directory.path)} if database else {"tracking_uri": tracking_uri}
    run_directory.write_json(RUN_FILE, {"run_id": run.info.run_id, "experiment": experiment, **where})
    return Tracking(client, run.info.run_id, tracking_uri, warn)


def _experiment_id(client: "MlflowClient", name: str, artifact_location: str | None) -> str:
    """The id of the experiment of that name, which is made when there is none."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return client.create_experiment(name, artifact_location=artifact_location)
        except MlflowException:  # a run that starts at the same moment may have made it
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":
        raise UsageError(
            f"the MLflow experiment '{name}' was deleted; bring it back with "
            f"`mlflow experiments restore --experiment-id {found.experiment_id}`."
        )
    return found.experiment_id


def _remembered_run(
    client: "MlflowClient", remembered: Mapping[str, str], uri: str, database: Path | None
) -> "Run | None":
    """The MLflow run that the run directory remembers, when it lies in this store and was not deleted there."""
    from mlflow.exceptions import MlflowException

    if database is None and remembered.get("tracking_uri") != uri:
        return None
    try:
        run = client.get_run(remembered["run_id"])
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise
    return run if run.info.lifecycle_stage == "active" else None


def _reopen(client: "MlflowClient", run: "Run", params: Mapping[str, Any], tags: Mapping[str, str]) -> None:
    """Set a run that ended, or died, back to running; what is configured differently now becomes tags."""
    from mlflow.entities import RunTag

    run_id = run.info.run_id
    number = int(run.data.tags.get("resumes", "0")) + 1
    client.update_run(run_id, status="RUNNING")
    asked = {name: _param(value) for name, value in params.items()}
    _log_params(client, run_id, {name: value for name, value in asked.items() if name not in run.data.params})
    changed = {
        f"resume_{number}.{name}": value for name, value in asked.items() if run.data.params.get(name, value) != value
    }
    every_tag = {"resumes": str(number), **tags, **changed}
    client.log_batch(run_id, tags=[RunTag(name, value) for name, value in every_tag.items()])


def _log_params(client: "MlflowClient", run_id: str, params: Mapping[str, str]) -> None:
    from mlflow.entities import Param

    entities = [Param(name, value) for name, value in params.items()]
    for first in range(0, len(entities), _PARAMS_A_CALL):
        client.log_batch(run_id, params=entities[first : first + _PARAMS_A_CALL])


def _param(value: Any) -> str:
    text = " ".join(str(item) for item in value) if isinstance(value, list | tuple) else str(value)
    return text if len(text) <= _PARAM_CHARS else text[: _PARAM_CHARS - 1] + "…"


def _source_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The caller's tags, and those that MLflow's pages show: who started which program."""
    source = {"mlflow.source.name": Path(sys.argv[0]).name, "mlflow.source.type": "LOCAL"}
    with suppress(Exception):  # a container may run under a user id without a name
        source["mlflow.user"] = getpass.getuser()
    if tags.get("git_commit"):
        source["mlflow.source.git.commit"] = tags["git_commit"]
    return source | dict(tags)


def _relative(path: Path, folder: Path) -> str:
    """`path` as seen from `folder`, so that both can be moved together; absolute across Windows drives."""
    try:
        return Path(os.path.relpath(path, folder.resolve())).as_posix()
    except ValueError:
        return path.as_posix()
