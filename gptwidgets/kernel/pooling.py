"""The largest of neighbouring cells: the step from one level of a pyramid to a coarser one.

A mean would hide sparse attention; the largest commutes with every monotone coding. Of signed values the one
of largest magnitude is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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
