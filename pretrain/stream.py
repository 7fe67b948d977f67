"""The endless, resumable stream of batches that the training reads.

The loader returns windows in the order of their numbers, so the stream is the same for any number of workers. Device r of
R takes windows r, R + r, 2 R + r, …; all have the same number of batches, so all devices move from turn to turn in step.
"""

import os
import time
from collections.abc import Iterator
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Sampler

from pretrain.batches import Place, PreTrainingBatch, WindowBuilder


class _Windows(Sampler[int]):
    """Numbers of the windows of one device, without end."""

    def __init__(self, first: int, stride: int) -> None:
        self.first, self.stride = first, stride

    def __iter__(self) -> Iterator[int]:
        window = self.first
        while True:
            yield window
            window += self.stride


class BatchStream:
    """Batches from a place on, without end.

    Args:
        builder: builds the windows.
        workers: processes that build ahead of the training; 0 builds in this one.
        start: where to go on, as any device's last batch had it.
        rank, world_size: this device among all.
        pin_memory: for a device that copies from page-locked memory.
    """

    def __init__(
        self,
        builder: WindowBuilder,
        *,
        workers: int,
        start: Place = Place(),
        rank: int = 0,
        world_size: int = 1,
        pin_memory: bool = False,
    ) -> None:
        self.builder, self.workers, self.start = builder, workers, start
        self.rank, self.world_size, self.pin_memory = rank, world_size, pin_memory
        self.waited = 0.0
        """Seconds that the reader has waited for a window so far."""

    def __iter__(self) -> Iterator[PreTrainingBatch]:
        # The devices' windows k R … k R + R - 1 are turn k; a place at a window's beginning follows a finished turn.
        window, skip = self.start
        turn = window // self.world_size if skip else -(-window // self.world_size)
        loader = DataLoader(
            self.builder,
            batch_size=None,
            sampler=_Windows(turn * self.world_size + self.rank, self.world_size),
            num_workers=self.workers,
            prefetch_factor=2 if self.workers else None,
            pin_memory=self.pin_memory,
            worker_init_fn=_quiet_worker,
        )
        windows = iter(loader)
        while True:
            asked = time.perf_counter()
            batches = next(windows)
            self.waited += time.perf_counter() - asked
            yield from batches[skip:]
            skip = 0


class StreamModule(pl.LightningDataModule):
    """The stream as Lightning wants it, with its place in the checkpoint."""

    def __init__(self, builder: WindowBuilder, *, workers: int, pin_memory: bool = False) -> None:
        super().__init__()
        self.builder, self.workers, self.pin_memory = builder, workers, pin_memory
        self.place = Place()
        """Next batch to be trained on; whoever trains sets it to the last batch's `following`."""
        self._stream: BatchStream | None = None

    @property
    def waited(self) -> float:
        """Seconds that the training has waited for data so far."""
        return self._stream.waited if self._stream else 0.0

    def train_dataloader(self) -> BatchStream:
        assert self.trainer is not None
        self._stream = BatchStream(
            self.builder,
            workers=self.workers,
            start=self.place,
            rank=self.trainer.global_rank,
            world_size=self.trainer.world_size,
            pin_memory=self.pin_memory,
        )
        return self._stream

    def state_dict(self) -> dict[str, Any]:
        return {"place": tuple(self.place)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.place = Place(*state_dict["place"])


def _quiet_worker(worker: int) -> None:
    """One core a worker: threads of their own would take the cores that training and the other workers use."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    torch.set_num_threads(1)
