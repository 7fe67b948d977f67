"""The endless, resumable stream of batches that the training reads.

The loader returns windows in the order of their numbers, so the stream is the same for any number of workers. Device r of
R takes windows r, R + r, 2 R + r, …; all have the same number of batches, so all devices move from turn to turn in step.
Phases follow one another at a window's end: sequences that are short at first and long later, as Google trained BERT.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from experiment.loader_workers import quiet_worker, signals_held
from pretrain.batches import Place, PreTrainingBatch


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
        builders: give a window's batches by its number, one for each phase (short sequences first, say).
        phase_of: the phase that is due after so many batches; asked before each window, never falls.
        workers: processes that build ahead of the training; 0 builds in this one.
        start: where to go on, as any device's last batch had it.
        rank, world_size: this device among all.
        pin_memory: for a device that copies from page-locked memory.
    """

    def __init__(
        self,
        builders: Sequence[Dataset[list[PreTrainingBatch]]],
        *,
        workers: int,
        phase_of: Callable[[int], int] = lambda batches: 0,
        start: Place = Place(),
        rank: int = 0,
        world_size: int = 1,
        pin_memory: bool = False,
    ) -> None:
        self.builders, self.phase_of, self.workers, self.start = builders, phase_of, workers, start
        self.rank, self.world_size, self.pin_memory = rank, world_size, pin_memory
        self.waited = 0.0
        """Seconds that the reader has waited for a window so far."""

    def __iter__(self) -> Iterator[PreTrainingBatch]:
        place, windows = self.start, None
        while True:
            if place.batch == 0 and (due := self.phase_of(place.batches)) > place.phase:
                place, windows = Place(due, batches=place.batches), None
            if windows is None:
                windows = self._windows(place)
            asked = time.perf_counter()
            batches = next(windows)
            self.waited += time.perf_counter() - asked
            for batch in batches[place.batch :]:
                place = place._replace(batch=place.batch + 1, batches=place.batches + 1)
                if place.batch == len(batches):
                    place = place._replace(turn=place.turn + 1, batch=0)
                yield replace(batch, following=place)

    def _windows(self, place: Place) -> Iterator[list[PreTrainingBatch]]:
        """The windows of this device from a place on: of turn k it has window k R + r."""
        loader = DataLoader(
            self.builders[place.phase],
            batch_size=None,
            sampler=_Windows(place.turn * self.world_size + self.rank, self.world_size),
            num_workers=self.workers,
            prefetch_factor=2 if self.workers else None,
            pin_memory=self.pin_memory,
            worker_init_fn=quiet_worker,
        )
        with signals_held():
            return iter(loader)


class StreamModule(pl.LightningDataModule):
    """The stream as Lightning wants it, with its place in the checkpoint."""

    def __init__(
        self,
        builders: Sequence[Dataset[list[PreTrainingBatch]]],
        phase_of: Callable[[int], int],
        *,
        workers: int,
        pin_memory: bool = False,
    ) -> None:
        super().__init__()
        self.builders, self.phase_of, self.workers, self.pin_memory = builders, phase_of, workers, pin_memory
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
            self.builders,
            phase_of=self.phase_of,
            workers=self.workers,
            start=self.place,
            rank=self.trainer.global_rank,
            world_size=self.trainer.world_size,
            pin_memory=self.pin_memory,
        )
        return self._stream

    def transfer_batch_to_device(
        self, batch: PreTrainingBatch, device: torch.device, dataloader_idx: int
    ) -> PreTrainingBatch:
        """Lightning would copy tensor by tensor and wait for each, and so for all of the step before."""
        return batch.to(device, non_blocking=self.pin_memory)

    def state_dict(self) -> dict[str, Any]:
        return {"place": tuple(self.place)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.place = Place(*state_dict["place"])
