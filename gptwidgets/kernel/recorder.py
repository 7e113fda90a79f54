"""Keeps the queries, keys and values of a forward pass."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import torch

from gptwidgets.errors import UnsupportedModelError
from gptwidgets.kernel import mask
from gptwidgets.kernel.source import LayerQK

if TYPE_CHECKING:
    from torch import Tensor, nn

# The recorder of this thread, if any: other threads may run the same model unrecorded.
active: ContextVar[Recorder | None] = ContextVar("gptwidgets_recorder", default=None)


class Recorder:
    """Keeps queries, keys and values of one forward pass, or of several over the chunks of one text.

    Args:
        length: tokens of the whole text.
        layers: real numbers of the layers to keep; None keeps all.
        on_layer: called with the layer's number in each attention layer; raise there to stop.
    """

    def __init__(
        self,
        length: int,
        layers: frozenset[int] | None = None,
        on_layer: Callable[[int], None] | None = None,
    ) -> None:
        self.length = length
        self.start = 0  # first position of the chunk that runs now
        self.kept: dict[int, LayerQK] = {}
        self._layers = layers
        self._on_layer = on_layer
        self._seen: dict[int, weakref.ref[Tensor]] = {}

    def take(
        self, module: nn.Module, query: Tensor, key: Tensor, value: Tensor | None = None, **rest: Any
    ) -> None:
        """Keeps one layer's part.

        Args:
            module: the attention module; its `layer_idx` is the layer's number.
            query: (1, H, t, d).
            key: (1, Hkv, ≥ t, d), the new keys last.
            value: (1, Hkv, ≥ t, dv), likewise.
            rest: what else `LayerQK` holds.
        """
        layer = getattr(module, "layer_idx", None)
        if layer is None or getattr(module, "is_cross_attention", False):
            return
        if self._on_layer:
            self._on_layer(layer)
        if self._layers is not None and layer not in self._layers:
            return
        if query.shape[0] != 1:
            raise UnsupportedModelError("A recording holds one text at a time, not a batch.")
        if layer in self._seen and self._seen[layer]() is query:
            self._second_values(layer, value)
            return
        t, now = query.shape[2], slice(self.start, self.start + query.shape[2])
        if self._seen.get(layer) and t == self.length:
            raise UnsupportedModelError(
                f"This model runs layer {layer} several times; that cannot be shown yet."
            )
        if key.shape[2] > now.stop:
            raise UnsupportedModelError(f"Layer {layer} attends to keys that are no tokens of the text.")
        self._seen[layer] = weakref.ref(query)
        v = None if value is None else value[0]
        if t == self.length:
            q, k = query[0], key[0, :, -t:]
            v = None if v is None else v[:, -t:]
            parts = [q, k] if v is None else [q, k, v]
            self.kept[layer] = LayerQK(
                compact(q, parts), compact(k, parts), v=None if v is None else compact(v, parts), **rest
            )
            return
        if layer not in self.kept:
            q = query.new_empty(query.shape[1], self.length, query.shape[-1])
            self.kept[layer] = LayerQK(q, key[0, :, :0], v=None if v is None else v[:, :0], **rest)
        kept = self.kept[layer]
        kept.q[:, now] = query[0]
        kept.k = _extend(kept.k, key[0], now, self.length)
        if v is not None and kept.v is not None:
            kept.v = _extend(kept.v[..., : v.shape[-1]], v, now, self.length)

    def _second_values(self, layer: int, value: Tensor | None) -> None:
        """For diffllama, which attends twice with the same queries and keys to two halves of the values."""
        kept = self.kept[layer]
        if value is None or kept.v is None:
            return
        if value.shape[2] != kept.v.shape[1]:
            kept.v = None  # a cache that forgets: no model does this
            return
        kept.v, kept.halves = torch.cat([kept.v, value[0]], -1), 2


@contextmanager
def recording(recorder: Recorder, *, lazy: bool = False) -> Generator[Recorder]:
    """Records the forward passes that this thread runs inside. `lazy`: masks as rules, for chunks."""
    was, mode = active.set(recorder), mask.mode.set("lazy" if lazy else "tensor")
    try:
        yield recorder
    finally:
        mask.mode.reset(mode)
        active.reset(was)


def compact(x: Tensor, beside: Sequence[Tensor] = ()) -> Tensor:
    """The tensor itself, or a copy where it is a view that would pin a larger buffer.

    `beside`: all that is kept. gpt2's queries, keys and values are views of one buffer and fill it together.
    """
    buffer = x.untyped_storage()
    kept = sum(y.nbytes for y in beside if y.untyped_storage().data_ptr() == buffer.data_ptr()) or x.nbytes
    return x.clone() if buffer.nbytes() > 1.25 * kept else x


def _extend(kept: Tensor, passed: Tensor, now: slice, length: int) -> Tensor:
    """Keys or values so far, [h, n, d], with those that a call passed, [h, ≥ t, d], the new ones last."""
    if passed.shape[1] == now.stop:  # the cache's own tensor holds all of them
        return passed
    if kept.shape[1] < length:  # a sliding layer's cache forgets: from here on in a buffer of ours
        buffer = passed.new_empty(passed.shape[0], length, passed.shape[-1])
        buffer[:, : kept.shape[1]] = kept
        kept = buffer
    kept[:, now] = passed[:, -(now.stop - now.start) :]
    return kept
