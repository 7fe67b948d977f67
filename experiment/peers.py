"""Notices when a process of a distributed run dies, and ends the others.

A process that waits in a collective for one that is no more waits for minutes, with NCCL for half an hour, and what it
says then names no one. So each process keeps a TCP connection to the main one, beside torch's and without any traffic
while all is well. The operating system closes it when the process dies, however it dies; where a whole machine is lost,
keep-alive probes find out within seconds. The main process passes the news on.

Who hears of it gives its own program a moment to end by itself, by the error that a collective raises, say. A program that
is stuck in one is ended from a thread. Both ways its user reads one sentence.
"""

import itertools
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.strategies.launchers.subprocess_script import _SubprocessScriptLauncher

from experiment.distributed import Processes, main_address, processes, store
from experiment.errors import InterruptedRun, LostProcessError

SECONDS_TO_END = 3.0
"""Between the news of a lost process and the end of this one, unless it ends by itself."""
SECONDS_TO_FAIL = 8.0
"""The same for a process that is failing by itself, and may have things to put away."""

_monitors = itertools.count()


class PeerMonitor(pl.Callback):
    """Watches over the run's other processes; without any it does nothing.

        with PeerMonitor() as peers:
            ...
            pl.Trainer(callbacks=[peers, ...]).fit(...)

    The processes have to come to it equally often, after they have all heard from the main one (`from_main`). It is a
    callback since those that Lightning starts come into being in `Trainer.fit` only. What ends the `with` tells the
    others how this process has ended: a `return` and an `InterruptedRun`, on which all have agreed, are no loss.

    Raises:
        LostProcessError: what stands in the `with` failed to reach another process, because that one has ended.
    """

    def __init__(self) -> None:
        self._own: Processes | None = None
        self._sockets: dict[int, socket.socket] = {}  # by the other end's rank
        self._lost: str | None = None
        self._news = threading.Event()
        self._failing = self._ended = False
        self._lock = threading.Lock()

    def __enter__(self) -> "PeerMonitor":
        if processes().are_started:
            self._start()
        return self

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if self._own is not None:
            return
        self._start()
        launcher = trainer.strategy.launcher
        if isinstance(launcher, _SubprocessScriptLauncher):
            # Lightning looks after the children that it started, too, and kills this process without a word.
            launcher.procs.clear()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self._failing = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._failing = error is not None
        if self._sockets and error is not None and _is_about_others(error):
            self._news.wait(0 if isinstance(error, KeyboardInterrupt) else SECONDS_TO_END)
            if self._lost is not None:
                self._ended = True
                raise LostProcessError(self._lost) from error
        self._ended = True
        self._tell({"end": "well" if error is None or isinstance(error, InterruptedRun) else "failed"})
        for connection in self._sockets.values():
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _start(self) -> None:
        """Connects every process with the main one, and listens to what comes."""
        own = self._own = processes()
        if own.world_size == 1:
            return
        key = f"peers/{next(_monitors)}"
        if own.rank == 0:
            server = socket.create_server(("", 0), backlog=own.world_size)
            store().set(key, str(server.getsockname()[1]))
            for _ in range(own.world_size - 1):
                connection, _ = server.accept()
                news = _received(connection)
                who = next(news)
                self._listen(who["rank"], who["host"], connection, news)
            server.close()
        else:
            connection = socket.create_connection((main_address()[0], int(store().get(key))))
            connection.sendall(_line({"rank": own.rank, "host": socket.gethostname()}))
            host = main_address()[0] if own.nodes > 1 else socket.gethostname()
            self._listen(0, host, connection, _received(connection))

    def _listen(self, rank: int, host: str, connection: socket.socket, news: Iterator[dict[str, Any]]) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in (("TCP_KEEPIDLE", 2), ("TCP_KEEPINTVL", 1), ("TCP_KEEPCNT", 3)):
            if hasattr(socket, name):
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        self._sockets[rank] = connection
        # A loader worker inherits the connection, and would keep it open for a process that is dead.
        os.register_at_fork(after_in_child=connection.close)
        threading.Thread(target=self._read, args=(rank, host, news), daemon=True, name=f"peer {rank}").start()

    def _read(self, rank: int, host: str, news: Iterator[dict[str, Any]]) -> None:
        """Waits for news from one process until it ends."""
        for item in news:
            if "lost" in item:
                self._end(item["lost"])
            elif item["end"] == "well":
                return
            else:
                self._end(self._sentence(rank, host, "has failed"))
        if not self._ended:
            self._end(self._sentence(rank, host, "has ended"))

    def _sentence(self, rank: int, host: str, what: str) -> str:
        assert self._own is not None
        return (
            f"process {rank} of {self._own.world_size} on {host} {what}, and this one ends with it; go on from the last "
            "checkpoint with --resume auto."
        )

    def _end(self, sentence: str) -> None:
        """Ends this process, if it does not end by itself."""
        with self._lock:
            if self._lost is not None or self._ended:
                return
            self._lost = sentence
        # Before this process may end of it, or the others would hear of its end alone.
        self._tell({"lost": sentence})
        self._news.set()
        heard = time.monotonic()
        while time.monotonic() - heard < (SECONDS_TO_FAIL if self._failing else SECONDS_TO_END):
            time.sleep(0.1)
            if self._ended:
                return
        sys.stderr.write(f"error: {sentence}\n")
        sys.stderr.flush()
        os._exit(1)

    def _tell(self, news: dict[str, Any]) -> None:
        for connection in self._sockets.values():
            try:
                connection.sendall(_line(news))
            except OSError:  # that process has ended
                continue


def _line(news: dict[str, Any]) -> bytes:
    return (json.dumps(news) + "\n").encode()


def _received(connection: socket.socket) -> Iterator[dict[str, Any]]:
    """What the other end tells, until the connection ends: closed, reset, or lost."""
    buffer = b""
    while True:
        while b"\n" in buffer:
            line, _, buffer = buffer.partition(b"\n")
            yield json.loads(line)
        try:
            more = connection.recv(4096)
        except OSError:
            return
        if not more:
            return
        buffer += more


def _is_about_others(error: BaseException) -> bool:
    """Whether a collective or the store has failed, or torchrun ends this process because another one did, as far as the
    exception tells."""
    from torch.distributed import DistError

    return isinstance(error, DistError | ConnectionError | KeyboardInterrupt) or (
        isinstance(error, RuntimeError) and any(word in str(error) for word in ("gloo", "NCCL", "Connection closed"))
    )
