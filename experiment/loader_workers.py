"""What a process that only builds batches sets up for itself."""

import os

import torch


def start_worker(worker: int) -> None:
    """One core a worker: threads of their own would take the cores that training and the other workers use."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    torch.set_num_threads(1)
