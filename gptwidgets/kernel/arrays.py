"""Attention weights that other libraries made, read and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gptwidgets.kernel.pieces import Tokens

HOOK = re.compile(
    r"(?:.*\.)?(?:blocks|layers|h)\.(\d+)\.(?:attn|self_attn|attention)\.(?:hook_pattern|hook_attn)$"
)


def read(weights: Any) -> dict[int, Tensor]:
    """Weights [T, T], [H, T, T] or [L, H, T, T] as [H, T, T] by layer.

    Raises:
        ValueError: for other shapes, and for infinite values.
        TypeError: for something that is no array of numbers.
    """
    if isinstance(weights, Mapping):
        raise TypeError("This is a mapping; AttentionRecord.from_cache reads those.")
    if isinstance(weights, list | tuple) and any(_is_layer(one) for one in weights):
        layers = {n: _batch_of_one(_tensor(one)) for n, one in enumerate(weights) if one is not None}
        return check(layers)
    w = _tensor(weights)
    if w.ndim not in {2, 3, 4}:
        raise ValueError(
            f"Weights are [T, T], [heads, T, T] or [layers, heads, T, T]; these are {list(w.shape)}."
        )
    w = w[(None,) * (4 - w.ndim)]  # (L, H, T, T)
    return check(dict(enumerate(w)))


def from_cache(cache: Any) -> dict[int, Tensor]:
    """The patterns in TransformerLens' cache, or in transformers' `outputs.attentions`, by layer."""
    attentions = getattr(cache, "attentions", None)
    if attentions is not None:
        cache = attentions
    if isinstance(cache, list | tuple):
        return check({n: _batch_of_one(_tensor(one)) for n, one in enumerate(cache) if one is not None})
    if not hasattr(cache, "keys"):
        raise TypeError("from_cache reads a mapping with blocks.N.attn.hook_pattern, or outputs.attentions.")
    found = {int(named[1]): key for key in cache.keys() if (named := HOOK.match(str(key)))}  # noqa: SIM118
    if not found:
        raise ValueError('There is no "blocks.N.attn.hook_pattern" in this cache; was the pattern kept?')
    return check({n: _batch_of_one(_tensor(cache[key])) for n, key in found.items()})


def check(layers: dict[int, Tensor]) -> dict[int, Tensor]:
    """Raises ValueError unless all layers are finite (or nan) squares of one shape."""
    shapes = {tuple(w.shape) for w in layers.values()}
    if not layers or len(shapes) != 1:
        raise ValueError(f"All layers must have one shape; there are {sorted(shapes)}.")
    shape = shapes.pop()
    if len(shape) != 3 or shape[1] != shape[2] or 0 in shape:
        raise ValueError(
            f"The last two dimensions are queries and keys, equally many; these are {list(shape)}."
        )
    for n, w in layers.items():
        if bool(w.isinf().any()):
            raise ValueError(f"Layer {n} has infinite values; mark cells that do not exist with nan.")
    return layers


def label(tokens: Sequence[str] | Tokens | None, length: int) -> Tokens:
    """The given tokens, or the numbers of the positions."""
    if isinstance(tokens, Tokens):
        return tokens
    return Tokens.from_words([str(i) for i in range(length)] if tokens is None else tokens)


def _is_layer(one: Any) -> bool:
    return one is None or (hasattr(one, "shape") and len(one.shape) >= 3)


def _tensor(weights: Any) -> Tensor:
    try:
        w = (
            weights.detach()
            if isinstance(weights, Tensor)
            else torch.as_tensor(np.asarray(weights, dtype=None))
        )
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"Weights are an array of numbers; this is {type(weights).__name__}.") from error
    if w.is_complex() or w.dtype == torch.bool:
        raise TypeError(f"Weights are real numbers; these are {w.dtype}.")
    return w if w.is_floating_point() and w.dtype != torch.float64 else w.float()


def _batch_of_one(w: Tensor) -> Tensor:
    if w.ndim == 4 and w.shape[0] == 1:
        return w[0]
    if w.ndim == 4:
        raise ValueError(f"This is a batch of {w.shape[0]} texts; a record holds one: choose one of them.")
    return w if w.ndim == 3 else w[None]
