"""How much memory a model wants, from its configuration: a figure to search by (`verbs.fitting` is exact)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DTYPE_BYTES = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2, "float8_e4m3fn": 1}
TOKENS = 1024  # of context that the figure counts
# What is taken for cache and working space where the configuration is not known.
SPARE = 0.2


def memory_bytes(weights: int | None, config: Mapping[str, Any] | None, dtype: str | None) -> int | None:
    """Bytes for the weights and a key/value cache of 1,024 tokens; weights and a fifth without a config.

    Args:
        weights: bytes of all weights; None where they are not known.
        config: as transformers writes it.
        dtype: of the weights, and so of the cache.

    Example:
        >>> memory_bytes(1000, None, None)
        1200
    """
    if weights is None:
        return None
    cache = cache_bytes(config, TOKENS, dtype) if config else None
    return weights + (cache if cache is not None else int(weights * SPARE))


def cache_bytes(config: Mapping[str, Any], tokens: int, dtype: str | None) -> int | None:
    """Bytes of keys and values of one sequence; None where the configuration does not tell.

    Layers with a sliding window are counted in full: this is an upper bound.

    Example:
        >>> cache_bytes({"n_embd": 768, "n_layer": 12, "n_head": 12}, 1024, "float32")
        75497472
    """
    layers = _first(config, "num_hidden_layers", "n_layer", "num_layers")
    heads = _first(config, "num_attention_heads", "n_head", "num_heads")
    width = _first(config, "hidden_size", "n_embd")
    if not (layers and heads and width):
        return None
    grouped = _first(config, "num_key_value_heads") or heads
    per_head = _first(config, "head_dim") or width // heads
    return 2 * layers * grouped * per_head * tokens * DTYPE_BYTES.get(dtype or "float32", 4)


def _first(config: Mapping[str, Any], *names: str) -> int | None:
    found = (config.get(name) for name in names)
    return next((value for value in found if isinstance(value, int) and value > 0), None)
