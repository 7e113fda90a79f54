"""Keys and values of what was read: with room to grow, cut to a prefix, copied for several sequences.

transformers' cache joins old and new keys anew in every layer for every token, which copies the whole text's
keys for each. Ours keep room behind the last one and write there; what they hand out are views of the same
numbers.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DummyLayer, DynamicLayer, DynamicSlidingWindowLayer

ROOM = 256  # tokens at least that a growing layer makes room for


class GrowingLayer(DynamicLayer):
    """A layer's keys and values [B, Hkv, T, d], with room for more behind them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._rooms: tuple[Tensor, Tensor] | None = None

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Appends new keys and values; returns all of them."""
        del args, kwargs
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        before = self.get_seq_length()
        if before == 0:
            self._rooms = None
        after = before + key_states.shape[-2]
        if self._rooms is None or after > self._rooms[0].shape[-2]:
            self._rooms = (
                _room(self.keys, key_states, before, after),
                _room(self.values, value_states, before, after),
            )
        keys, values = self._rooms
        keys[..., before:after, :] = key_states
        values[..., before:after, :] = value_states
        self.keys, self.values = keys[..., :after, :], values[..., :after, :]
        return self.keys, self.values

    def reorder_cache(self, beam_idx: Tensor) -> None:
        """Takes these rows of the batch, some perhaps twice."""
        super().reorder_cache(beam_idx)  # type: ignore[arg-type]
        self._rooms = None

    def crop(self, tokens_to_remove: int) -> None:
        """Forgets the last tokens (a negative number of them), and copies what is left."""
        super().crop(tokens_to_remove)
        self._rooms = None


def _room(old: Tensor | None, new: Tensor, before: int, after: int) -> Tensor:
    """A tensor for `after` tokens and more, with the old ones in it."""
    *rows, _, size = new.shape
    room = new.new_empty(*rows, max(after + ROOM, after + after // 2), size)
    if before and old is not None:
        room[..., :before, :] = old
    return room


def new_cache(model: Any) -> Any:
    """An empty cache for a model; None for the few that bring one of their own kind."""
    if not model._supports_default_dynamic_cache():
        return None
    cache = DynamicCache(config=model.config.get_text_config(decoder=True))
    cache.layers = [GrowingLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    if cache.layer_class_to_replicate is DynamicLayer:
        cache.layer_class_to_replicate = GrowingLayer
    return cache


def take_rows(cache: Any, rows: list[int], device: torch.device) -> None:
    """Makes row i of the batch what row `rows[i]` was: for several sequences, ended ones, and beams."""
    cache.reorder_cache(torch.tensor(rows, device=device))


def copy_prefix(cache: Any, row: int, length: int) -> Any:
    """The first tokens of one row of a cache, as a cache of batch 1 that shares nothing with it.

    Returns:
        The copy; None where this kind of cache cannot forget what came after (a sliding window that has moved
        on, a recurrent state).
    """
    whole = length == cache.get_seq_length()
    if not whole and not all(_can_be_cut(layer) for layer in cache.layers):
        return None
    made = copy.copy(cache)
    made.layers = [_copy_layer(layer, row, length) for layer in cache.layers]
    return made


def nbytes(cache: Any) -> int:
    """How many bytes a cache holds, its room included."""
    storages = {
        tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes()
        for layer in cache.layers
        for tensor in _tensors(vars(layer))
    }
    return sum(storages.values())


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [tensor for item in value for tensor in _tensors(item)]
    return []


def _can_be_cut(layer: Any) -> bool:
    """Whether a layer still holds all tokens and nothing that mixes them."""
    if type(layer) is DynamicSlidingWindowLayer:
        return layer.cumulative_length < layer.sliding_window
    return isinstance(layer, DummyLayer) or type(layer) in {GrowingLayer, DynamicLayer}


def _copy_layer(layer: Any, row: int, length: int) -> Any:
    if isinstance(layer, GrowingLayer):
        made = GrowingLayer()
        keys, values = layer.keys, layer.values
        if keys is not None and values is not None:  # layers that share another's keys have none
            made.update(keys[row : row + 1, :, :length], values[row : row + 1, :, :length])
        return made
    made = copy.deepcopy(layer)
    if getattr(layer, "is_initialized", True):
        made.reorder_cache(torch.tensor([row], device=getattr(layer, "device", None)))
    if length < layer.get_seq_length():
        made.crop(length - layer.get_seq_length())
    return made
