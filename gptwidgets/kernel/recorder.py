"""Keeps the queries and keys of a forward pass."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from gptwidgets.errors import UnsupportedModelError
from gptwidgets.kernel import mask
from gptwidgets.kernel.source import LayerQK

if TYPE_CHECKING:
    from torch import Tensor, nn

# The recorder of this thread, if any: other threads may run the same model unrecorded.
active: ContextVar[Recorder | None] = ContextVar("gptwidgets_recorder", default=None)


class Recorder:
    """Keeps queries and keys of one forward pass, or of several over the chunks of one text.

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

    def take(self, module: nn.Module, query: Tensor, key: Tensor, **rest: Any) -> None:
        """Keeps one layer's part. query: (1, H, t, d); key: (1, Hkv, ≥ t, d), the new keys last."""
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
            return  # diffllama attends twice with the same queries and keys, to two halves of the values
        t, now = query.shape[2], slice(self.start, self.start + query.shape[2])
        if self._seen.get(layer) and t == self.length:
            raise UnsupportedModelError(
                f"This model runs layer {layer} several times; that cannot be shown yet."
            )
        if key.shape[2] > now.stop:
            raise UnsupportedModelError(f"Layer {layer} attends to keys that are no tokens of the text.")
        self._seen[layer] = weakref.ref(query)
        if t == self.length:
            self.kept[layer] = LayerQK(compact(query[0]), compact(key[0, :, -t:]), **rest)
            return
        if layer not in self.kept:
            q = query.new_empty(query.shape[1], self.length, query.shape[-1])
            self.kept[layer] = LayerQK(q, key[0, :, :0], **rest)
        kept = self.kept[layer]
        kept.q[:, now] = query[0]
        if key.shape[2] == now.stop:  # the cache's own tensor holds all keys so far
            kept.k = key[0]
            return
        if kept.k.shape[1] < self.length:  # a sliding layer's cache forgets: from here on in a buffer of ours
            k = key.new_empty(key.shape[1], self.length, key.shape[-1])
            k[:, : kept.k.shape[1]] = kept.k
            kept.k = k
        kept.k[:, now] = key[0, :, -t:]


@contextmanager
def recording(recorder: Recorder, *, lazy: bool = False) -> Generator[Recorder]:
    """Records the forward passes that this thread runs inside. `lazy`: masks as rules, for chunks."""
    was, mode = active.set(recorder), mask.mode.set("lazy" if lazy else "tensor")
    try:
        yield recorder
    finally:
        mask.mode.reset(mode)
        active.reset(was)


def compact(x: Tensor) -> Tensor:
    """The tensor itself, or a copy where it is a view that would pin a larger buffer."""
    return x.clone() if x.untyped_storage().nbytes() > 1.25 * x.nbytes else x
