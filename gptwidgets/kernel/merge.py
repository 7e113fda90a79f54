"""One head's picture made of many: the mean or the largest over heads and layers."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

import torch
from torch import Tensor

from gptwidgets.kernel.cells import Which


def merge(
    layer: Which,
    head: Which,
    chosen: tuple[Sequence[int], Sequence[int]],
    compute: Callable[[int, int], Tensor],
    device: Callable[[int], torch.device],
) -> Generator[None, None, Tensor]:
    """Merges what `compute` gives for each head, as a job of one step a head.

    One head at a time: the rectangles of all heads at once would leave the processor's cache.

    Args:
        layer: a number, "mean" or "max": how layers are merged.
        head: likewise for the heads of a layer, which are merged first.
        chosen: the numbers of the layers and heads that this means.
        compute: what to merge, by layer and head; a fresh tensor each time, which may be written to.
        device: where a layer lies; the answer is on the first one's.

    Returns:
        The merged tensor. Of signed values the largest is that of the largest magnitude.
    """
    layers, heads = chosen
    merged: Tensor | None = None
    for number in layers:
        of_layer: Tensor | None = None
        for h in heads:
            of_layer = _with(of_layer, compute(number, h), head)
            if len(heads) * len(layers) > 1:
                yield
        assert of_layer is not None  # noqa: S101 - there is a head
        of_layer = (of_layer / len(heads) if head == "mean" else of_layer).to(device(layers[0]))
        merged = _with(merged, of_layer, layer)
    assert merged is not None  # noqa: S101 - there is a layer
    return merged / len(layers) if layer == "mean" else merged


def _with(total: Tensor | None, part: Tensor, how: Which) -> Tensor:
    """Adds for a mean, keeps the largest for a max."""
    if total is None:
        return part
    if how == "mean":
        return total.add_(part)
    return torch.where(part.abs() > total.abs(), part, total)
