"""Attention weights that other libraries made, read and checked."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gptwidgets.kernel.mask import EVERYTHING, Band, Matrix, Rule
from gptwidgets.kernel.pieces import Tokens
from gptwidgets.kernel.source import TINY, Rows

HOOK = re.compile(
    r"(?:.*\.)?(?:blocks|layers|h)\.(\d+)\.(?:attn|self_attn|attention)\.(?:hook_pattern|hook_attn)$"
)

KEPT = frozenset({torch.float16, torch.bfloat16, torch.float32})  # as they are; all others as float32
WIDEST = 8  # bytes of the widest number that torch reads


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
    if w.ndim == 0:
        raise TypeError(
            f"Attention weights are an array with an axis of queries and one of keys, not {weights!r}."
        )
    if w.ndim == 5 and w.shape[1] == 1:  # torch.stack(outputs.attentions): a batch of one text
        w = w[:, 0]
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
    if not layers:
        raise ValueError("These weights have no layers.")
    shapes = {tuple(w.shape) for w in layers.values()}
    if len(shapes) != 1:
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
        w = _as_tensor(weights)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"Weights are an array of numbers, its rows equally long; this {type(weights).__name__} is not."
        ) from error
    if w.is_complex() or w.dtype == torch.bool:
        raise TypeError(f"Weights are real numbers; these are {w.dtype}.")
    return w if w.dtype in KEPT else w.float()


def _as_tensor(weights: Any) -> Tensor:
    if isinstance(weights, list | tuple) and weights and all(isinstance(one, Tensor) for one in weights):
        weights = torch.stack(list(weights))
    if isinstance(weights, Tensor):
        if weights.is_meta:
            raise TypeError("A tensor on the meta device has no values.")
        return weights.detach().to_dense()
    if isinstance(weights, np.ma.MaskedArray):
        weights = np.ma.filled(weights.astype(np.float32), np.nan)  # a masked cell does not exist
    array = np.asarray(weights)
    foreign = not array.dtype.isnative or array.dtype.itemsize > WIDEST or min((0, *array.strides)) < 0
    if array.dtype.kind in "iuf" and foreign:  # torch reads no such
        array = array.astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an array that must not be written to: nobody does
        return torch.as_tensor(array)


def _batch_of_one(w: Tensor) -> Tensor:
    if w.ndim == 4 and w.shape[0] == 1:
        return w[0]
    if w.ndim == 4:
        raise ValueError(f"This is a batch of {w.shape[0]} texts; a record holds one: choose one of them.")
    return w if w.ndim == 3 else w[None]


class ArraySource:
    """Weights that are there already.

    Args:
        layers: weights [H, T, T] by the layers' real numbers; nan where a cell does not exist, in the same
            cells for all heads of a layer.

    Raises:
        ValueError: if the absent cells differ between the heads of a layer.
    """

    def __init__(self, layers: dict[int, Tensor]) -> None:
        self.arrays = {n: w if w.is_floating_point() else w.float() for n, w in sorted(layers.items())}
        self.layers = tuple(self.arrays)
        first = next(iter(self.arrays.values()))
        self.n_heads, self.length = first.shape[0], first.shape[-1]
        self.n_kv_heads = self.n_heads
        self._rules = {n: _rule_of(n, w) for n, w in self.arrays.items()}
        self.causal = self.length > 1 and all(isinstance(rule, Band) for rule in self._rules.values())
        self.signed = any(bool((w < 0).any()) for w in self.arrays.values())
        self.vmax = max(float(w.float().abs().nan_to_num(nan=0.0).max()) for w in self.arrays.values())

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        return sum(w.nbytes for w in self.arrays.values())

    def device(self, layer: int) -> torch.device:
        """Where the layer's array is."""
        return self.arrays[layer].device

    def rule(self, layer: int, head: int | None = None) -> Rule:
        """Which cells of the layer exist, in all of its heads."""
        del head
        return self._rules[layer]

    def block(
        self, layer: int, heads: Sequence[int], rows: range, cols: range, *, no_sink: bool = False
    ) -> Tensor:
        """Weights [h, r, c], cut out of the array; a signed array is not renormalised."""
        w = self._cut(layer, heads, rows)
        if no_sink:
            if not self.signed:
                rest = w[..., 1:].sum(-1, keepdim=True)
                w = torch.where(rest > 0, w / rest.clamp_min(TINY), w)
            w[..., 0] = 0
        return w[..., cols.start : cols.stop]

    def rows(self, layer: int, heads: Sequence[int], rows: Sequence[int], *, entropy: bool = False) -> Rows:
        """Whole rows; a signed array has no `rest` and no entropy to speak of."""
        w = self._cut(layer, heads, rows)
        total = w.sum(-1)
        rest = torch.ones_like(total) if self.signed else w[..., 1:].sum(-1)
        nats = None
        if entropy:
            p = w / total.clamp_min(TINY)[..., None]
            nats = torch.special.entr(p).sum(-1)
        return Rows(w, rest, total, range(self.length), nats)

    def _cut(self, layer: int, heads: Sequence[int], rows: Sequence[int]) -> Tensor:
        w = self.arrays[layer][list(heads)]
        w = w[:, rows.start : rows.stop] if isinstance(rows, range) else w[:, list(rows)]
        return w.float().nan_to_num(nan=0.0, posinf=None, neginf=None)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors and JSON-able metadata from which `from_state` makes the same source."""
        return {f"{n}.w": w.contiguous() for n, w in self.arrays.items()}, {"kind": "arrays"}

    @classmethod
    def from_state(cls, tensors: dict[str, Tensor], meta: dict[str, Any]) -> ArraySource:
        """The source that `state` described."""
        del meta
        return cls({int(name.removesuffix(".w")): w for name, w in tensors.items() if name.endswith(".w")})


def _rule_of(layer: int, w: Tensor) -> Rule:
    """Which cells of [H, T, T] exist: those that are not nan; none above an empty upper triangle."""
    missing = w.isnan()
    absent = missing[0]
    if not bool((missing == absent).all()):
        raise ValueError(
            f"In layer {layer} the absent cells (nan) differ between the heads; they must be the same."
        )
    upper = torch.ones_like(absent).triu(1)
    empty_above = bool(torch.where(absent, 0, w)[:, upper].eq(0).all())
    if empty_above and not bool(absent.tril().any()):
        return Band()
    return Matrix(~absent) if bool(absent.any()) else EVERYTHING
