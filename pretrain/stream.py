"""The endless, resumable stream of batches that the training reads.

The loader returns windows in the order of their numbers, so the stream is the same for any number of workers. Every device
goes through all windows, step by step, and builds its share of each: after any step all of them are at the same place.
Phases follow one another at a window's end: sequences that are short at first and long later, as Google trained BERT.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from experiment.errors import UsageError
from experiment.loader_workers import signals_held, start_worker
from pretrain.batches import Place, PreTrainingBatch, WindowBuilder
from pretrain.fixed_shapes import Shape, padded


class _Windows(Sampler[int]):
    """Numbers of windows, without end."""

    def __init__(self, first: int) -> None:
        self.first = first

    def __iter__(self) -> Iterator[int]:
        window = self.first
        while True:
            yield window
            window += 1


class DeviceShare(Dataset[list[list[PreTrainingBatch]]]):
    """One device's part of each window: for each step a list of forward passes (see `WindowBuilder.share`).

    Args:
        builder: of the whole windows.
        rank, devices: this device among all.
        passes: forward passes that a device's share of a step is cut into.
        fixed_shape: give all batches the shape of the first window's, so that torch.compile compiles once.
    """

    def __init__(
        self,
        builder: WindowBuilder,
        *,
        rank: int = 0,
        devices: int = 1,
        passes: int = 1,
        fixed_shape: bool = False,
    ) -> None:
        self.builder, self.rank, self.devices, self.passes = builder, rank, devices, passes
        start = time.process_time()
        first = [batch for step in self._share(0) for batch in step]
        self.tokens_a_second = sum(batch.tokens for batch in first) / (time.process_time() - start)
        """Real tokens that a core builds."""
        self.longest = max(first, key=lambda batch: batch.packed.tokens)
        """The largest batch of the first window: what fits with it, fits."""
        self.shape: Shape | None = None
        if fixed_shape:
            self.shape = Shape.around(first, builder.pairs.options.max_length)
            self.longest = padded(self.longest, self.shape)

    def __getitem__(self, window: int) -> list[list[PreTrainingBatch]]:
        steps = self._share(window)
        if self.shape is None:
            return steps
        return [[padded(batch, self.shape) for batch in passes] for passes in steps]

    def _share(self, window: int) -> list[list[PreTrainingBatch]]:
        return self.builder.share(window, rank=self.rank, devices=self.devices, passes=self.passes)


class BatchStream:
    """Batches from a place on, without end: the forward passes of one step after the other.

    Args:
        shares: this device's part of each window, one for each phase (short sequences first, say).
        phase_of: the phase that is due after so many steps; asked before each window, never falls.
        workers: processes that build ahead of the training; 0 builds in this one.
        start: where to go on, as the last batch of any run had it.
        pin_memory: for a device that copies from page-locked memory.
    """

    def __init__(
        self,
        shares: Sequence[DeviceShare],
        *,
        workers: int,
        phase_of: Callable[[int], int] = lambda steps: 0,
        start: Place = Place(),
        pin_memory: bool = False,
    ) -> None:
        self.shares, self.phase_of, self.workers, self.start = shares, phase_of, workers, start
        self.pin_memory = pin_memory
        self.waited = 0.0
        """Seconds that the reader has waited for a window so far."""

    def __iter__(self) -> Iterator[PreTrainingBatch]:
        place, windows = self.start, None
        while True:
            done = place.step % self.shares[place.phase].builder.steps_a_window
            if not done and (due := self.phase_of(place.steps)) > place.phase:
                place, windows = Place(due, steps=place.steps), None
            if windows is None:
                windows = self._windows(place)
            asked = time.perf_counter()
            steps = next(windows)
            self.waited += time.perf_counter() - asked
            for passes in steps[done:]:
                following = place._replace(step=place.step + 1, steps=place.steps + 1)
                for number, batch in enumerate(passes, 1):
                    yield replace(batch, following=following if number == len(passes) else place)
                place = following

    def _windows(self, place: Place) -> Iterator[list[list[PreTrainingBatch]]]:
        """The windows from a place on."""
        share = self.shares[place.phase]
        loader = DataLoader(
            share,
            batch_size=None,
            sampler=_Windows(place.step // share.builder.steps_a_window),
            num_workers=self.workers,
            prefetch_factor=2 if self.workers else None,
            pin_memory=self.pin_memory,
            worker_init_fn=start_worker,
        )
        with signals_held():
            return iter(loader)


class StreamModule(pl.LightningDataModule):
    """The stream as Lightning wants it, with its place in the checkpoint; `StreamPosition` keeps it up to date."""

    def __init__(
        self,
        shares: Sequence[DeviceShare],
        phase_of: Callable[[int], int],
        *,
        workers: int,
        pin_memory: bool = False,
    ) -> None:
        super().__init__()
        self.shares, self.phase_of, self.workers, self.pin_memory = shares, phase_of, workers, pin_memory
        self.place = Place()
        """Next step to be trained on."""
        self._stream: BatchStream | None = None

    @property
    def waited(self) -> float:
        """Seconds that the training has waited for data so far."""
        return self._stream.waited if self._stream else 0.0

    def train_dataloader(self) -> BatchStream:
        self._stream = BatchStream(
            self.shares, phase_of=self.phase_of, workers=self.workers, start=self.place, pin_memory=self.pin_memory
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
        """Raises UsageError for the place of an older version, which counted windows a device."""
        if len(state_dict["place"]) != len(Place()):
            raise UsageError(
                "this run was begun by an older version, which counted its text otherwise; finish it with that version, or "
                "go on from its model with --init_from"
            )
        self.place = Place(*state_dict["place"])


class StreamPosition(pl.Callback):
    """Notes what has been trained on; comes before whatever saves a checkpoint."""

    def __init__(self, stream: StreamModule) -> None:
        self.stream = stream

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: PreTrainingBatch, batch_idx: int
    ) -> None:
        self.stream.place = batch.following
