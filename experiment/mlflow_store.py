"""The MLflow store: opening it quietly, quickly, and with one sentence when it cannot be opened.

A store is what MLflow calls a tracking URI: a server, or a database. Ours, unless the user names another, is a SQLite
file in `output_dir`. mlflow itself is imported here, and only when a store is opened.
"""

import logging
import os
import re
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from experiment.errors import UsageError
from experiment.run_directory import replacing

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


def connect(uri: str, database: Path | None) -> "MlflowClient":
    """A client for the store, with everything switched off that MLflow would print or send home.

    MLflow 3 reports usage to a server of its makers unless told not to, asks GitPython for a commit (which complains
    where git is missing), and prints addresses and migrations. It retries a dead server for minutes.
    """
    for name, value in {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "GIT_PYTHON_REFRESH": "quiet",
    }.items():
        os.environ.setdefault(name, value)
    try:
        with quiet():
            import mlflow.store.db.utils
            from mlflow.tracking import MlflowClient
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "mlflow":
            raise
        raise UsageError("mlflow is not installed; install it, or train without it by --tracking_uri none.") from error
    mlflow.store.db.utils.MAX_RETRY_COUNT = 3  # ten tries are 100 seconds before a user learns of a wrong address
    with store_errors(uri), quiet():
        if database is not None:
            database.parent.mkdir(parents=True, exist_ok=True)
            if database.exists():
                _follow_moved_artifacts(database)
            else:
                with suppress(FileExistsError), replacing(database) as temporary:
                    with _no_disk_waits():
                        MlflowClient(sqlite_uri(temporary))
                    if database.exists():
                        raise FileExistsError  # another run has been faster
        return MlflowClient(uri)


def sqlite_uri(database: Path) -> str:
    """The address of a SQLite file. Raises UsageError for a path that MLflow's addresses cannot hold."""
    if set("%?") & set(str(database)):
        raise UsageError(
            f"MLflow cannot keep a database in {database.parent}, because of the % or ? in the path; choose another "
            "--output_dir, or train without MLflow by --tracking_uri none."
        )
    return f"sqlite:///{database.as_posix()}"


@contextmanager
def store_errors(uri: str) -> Iterator[None]:
    """Turn whatever a store raises into the one sentence that a user needs."""
    try:
        yield
    except UsageError:
        raise
    except Exception as error:  # requests, sqlalchemy, sqlite3 and mlflow each have their own
        raise UsageError(
            f"cannot use the MLflow store {shown(uri)} ({reason(error)}); start or repair it, name another with "
            "--tracking_uri, or train without it by --tracking_uri none."
        ) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Keep MLflow's and alembic's progress messages and deprecation warnings off the user's screen."""
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _no_disk_waits() -> Iterator[None]:
    """Let SQLite build MLflow's tables without waiting for the disk after each of their 300 statements.

    That is 1.3 s instead of 6. Nothing is lost in a power cut, since the database is put in its place when it is done;
    the connections opened meanwhile are closed at the end.
    """
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    connections: list[sqlite3.Connection] = []

    def relax(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA synchronous = OFF")
        connections.append(connection)

    event.listen(Engine, "connect", relax)
    try:
        yield
    finally:
        event.remove(Engine, "connect", relax)
        for connection in connections:
            connection.close()


def artifact_folder(database: Path) -> Path:
    """Where the artifacts of our own SQLite store lie."""
    return database.parent / "mlartifacts"


def _follow_moved_artifacts(database: Path) -> None:
    """Point the artifacts of a moved or copied `output_dir` to where they lie now.

    MLflow keeps the absolute address of every run's artifacts in its tables `experiments` and `runs`, and would go on
    writing to the old place.
    """
    here = artifact_folder(database).as_uri()
    with suppress(sqlite3.Error), closing(sqlite3.connect(database)) as connection, connection:
        for (old,) in connection.execute("SELECT DISTINCT artifact_location FROM experiments").fetchall():
            if old and old.endswith(f"/{artifact_folder(database).name}") and old != here:
                connection.execute(
                    "UPDATE runs SET artifact_uri = ? || substr(artifact_uri, ?) WHERE substr(artifact_uri, 1, ?) = ?",
                    (here, len(old) + 1, len(old) + 1, f"{old}/"),
                )
                connection.execute(
                    "UPDATE experiments SET artifact_location = ? WHERE artifact_location = ?", (here, old)
                )


def shown(uri: str) -> str:
    """The address without its password."""
    return re.sub(r"//([^:/@]*):[^@/]*@", r"//\1:***@", uri)


def reason(error: BaseException) -> str:
    """What went wrong, short enough for the middle of a sentence: the system's own word for it, if there is one."""
    text = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            text = cause.strerror
        cause = cause.__cause__ or cause.__context__
    return text if len(text) <= 160 else text[:159] + "…"
