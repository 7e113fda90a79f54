from __future__ import annotations

import numpy as np
import pytest
import torch

from gptwidgets.kernel.pooling import pool, pool_codes, pool_columns, pool_rows


def brute(w: torch.Tensor, step: int, signed: bool) -> torch.Tensor:
    def top(part: torch.Tensor) -> torch.Tensor:
        flat = part.flatten(1)
        return flat.gather(1, (flat.abs() if signed else flat).argmax(1, keepdim=True))[:, 0]

    return torch.stack(
        [torch.stack([top(p) for p in strip.split(step, 2)], -1) for strip in w.split(step, 1)], dim=1
    )


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("step", [1, 2, 8, 16, 32, 64])
@pytest.mark.parametrize("shape", [(1, 1), (7, 50), (64, 64), (33, 100)])
def test_the_largest_of_every_square(shape: tuple[int, int], step: int, signed: bool) -> None:
    w = torch.rand(3, *shape, generator=torch.Generator().manual_seed(0))
    w = w * 2 - 1 if signed else w
    assert torch.equal(pool(w, step, signed=signed), brute(w, step, signed))
    assert torch.equal(pool(w[0], step, signed=signed), brute(w[:1], step, signed)[0])


def test_rows_and_columns_apart() -> None:
    w = torch.arange(12.0).view(3, 4)
    assert pool_rows(w, 2).tolist() == [[4, 5, 6, 7], [8, 9, 10, 11]]
    assert pool_columns(w, 2).tolist() == [[1, 3], [5, 7], [9, 11]]


def test_coded_cells_one_level_coarser() -> None:
    codes = np.array([[0, 9, 1], [3, 200, 0], [0, 0, 0]], np.uint8)
    assert pool_codes(codes, signed=False).tolist() == [[200, 1], [0, 0]]
    signed = np.array([[128, 100, 255], [130, 0, 1], [0, 128, 0]], np.uint8)
    assert pool_codes(signed, signed=True).tolist() == [[100, 255], [128, 0]]
    several = np.stack([codes, codes.T])
    assert pool_codes(several, signed=False)[1].tolist() == pool_codes(codes.T, signed=False).tolist()
