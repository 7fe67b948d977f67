"""Out of memory: told from other errors, and gone around by halves."""

import numpy as np
import pytest
import torch

from experiment.errors import UsageError
from experiment.memory import in_halves, is_out_of_memory

CPU, GPU = torch.device("cpu"), torch.device("cuda", 1)
LENGTHS = np.array([3, 4, 5, 6, 7, 8, 9, 10])


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 18.00 GB, max allowed: 18.13 GB)"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"), True),
        (MemoryError(), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
    ids=["cuda", "mps", "cpu", "python", "another error", "another class"],
)
def test_what_is_out_of_memory(error, expected):
    assert is_out_of_memory(error) == expected


def limited(tokens, attempts):
    """Computes the sum of so many tokens at the most."""

    def compute(rows):
        attempts.append(int(LENGTHS[rows].sum()))
        if attempts[-1] > tokens:
            raise RuntimeError("MPS backend out of memory")
        return [100 + row for row in rows]

    return compute


def test_every_row_is_computed_once_and_in_order():
    batches = [np.array([4, 5, 6, 7]), np.array([0, 1, 2, 3])]
    for tokens in (10, 13, 20, 1000):
        parts = list(in_halves(limited(tokens, []), batches, LENGTHS, CPU))
        assert [row for rows, _ in parts for row in rows] == [4, 5, 6, 7, 0, 1, 2, 3]
        assert all(answer == [100 + row for row in rows] for rows, answer in parts)


def test_what_did_not_fit_is_not_tried_again():
    attempts = []
    batches = [np.array([0, 1, 2, 3, 4, 5, 6, 7])] * 3
    list(in_halves(limited(30, attempts), batches, LENGTHS, CPU))
    assert attempts == [52, 18, 34, 15, 19] + [18, 15, 19] * 2


def test_a_single_row_that_does_not_fit_is_a_sentence():
    with pytest.raises(UsageError) as found:
        list(in_halves(limited(9, []), [np.arange(8)], LENGTHS, GPU))
    assert str(found.value) == (
        "one row of 10 tokens does not fit into the memory of cuda:1; train with --max_length 9, which fits, or compute with "
        "--accelerator cpu"
    )
    with pytest.raises(UsageError, match=r"memory of cpu; train with --max_length 1$"):
        list(in_halves(limited(0, []), [np.arange(8)], LENGTHS, CPU))


def test_other_errors_pass():
    def broken(rows):
        raise RuntimeError("shapes")

    with pytest.raises(RuntimeError, match="shapes"):
        list(in_halves(broken, [np.arange(8)], LENGTHS, CPU))
