"""The largest of neighbouring cells: the step from one level of a pyramid to a coarser one.

A mean would hide sparse attention; the largest commutes with every monotone coding. Of signed values the one
of largest magnitude is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.functional import max_pool1d, pad

if TYPE_CHECKING:
    from torch import Tensor


def pool(w: Tensor, step: int, *, signed: bool = False) -> Tensor:
    """The largest of step × step cells, [..., r, c] to [..., ⌈r / step⌉, ⌈c / step⌉]."""
    return pool_columns(pool_rows(w, step, signed=signed), step, signed=signed)


def pool_rows(w: Tensor, step: int, *, signed: bool = False) -> Tensor:
    """The largest of `step` neighbours in the last dimension but one."""
    if step == 1:
        return w
    r = -w.shape[-2] % step
    return _largest((pad(w, (0, 0, 0, r)) if r else w).unflatten(-2, (-1, step)), -2, signed=signed)


def pool_columns(w: Tensor, step: int, *, signed: bool = False) -> Tensor:
    """The largest of `step` neighbours in the last dimension."""
    if step == 1:
        return w
    c = -w.shape[-1] % step
    w = pad(w, (0, c)) if c else w
    if step > 16:
        return _largest(w.unflatten(-1, (-1, step)), -1, signed=signed)
    # over few neighbours a reduction cannot use the processor's wide registers; pooling does, 4 × as fast
    lines = w.reshape(1, -1, w.shape[-1])
    top = max_pool1d(lines, step)
    if signed:
        top = larger(top, -max_pool1d(-lines, step), signed=True)
    return top.view(*w.shape[:-1], -1)


def _largest(w: Tensor, dim: int, *, signed: bool) -> Tensor:
    return larger(w.amax(dim), w.amin(dim), signed=True) if signed else w.amax(dim)


def larger(a: Tensor, b: Tensor, *, signed: bool) -> Tensor:
    """The larger of two, cell by cell; of signed values that of larger magnitude."""
    return torch.where(b.abs() > a.abs(), b, a) if signed else torch.maximum(a, b)


def pool_codes(
    codes: np.ndarray[Any, np.dtype[np.uint8]], *, signed: bool
) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Coded cells one level coarser, uint8 [..., r, c] to [..., ⌈r / 2⌉, ⌈c / 2⌉]; 0 stays "no cell"."""
    rows, cols = codes.shape[-2:]
    around = [(0, 0)] * (codes.ndim - 2)
    codes = np.pad(codes, [*around, (0, rows % 2), (0, cols % 2)])
    if not signed:
        over = np.maximum(codes[..., ::2, :], codes[..., 1::2, :])
        return np.maximum(over[..., ::2], over[..., 1::2])
    four = np.stack([codes[..., i::2, j::2] for i in (0, 1) for j in (0, 1)])
    strength = np.where(four == 0, -1, np.abs(four.astype(np.int16) - 128))
    return np.take_along_axis(four, strength.argmax(0)[None], 0)[0]
