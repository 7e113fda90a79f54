"""Columns of numbers as one buffer and a few words of JSON: how tables travel to a page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

Spec: TypeAlias = list[tuple[str, str, list[int]]]
"""[name, dtype, shape] of each column, in the order in which they stand in the buffer."""

DTYPES = {"<i4": 4, "<f4": 4, "|u1": 1}  # bytes an entry


def pack(columns: Mapping[str, np.ndarray]) -> tuple[Spec, bytes]:
    """Puts columns one after the other, without gaps.

    Args:
        columns: arrays of any shape: floats travel as float32, bytes as uint8, other integers as int32.

    Returns:
        What stands where, for JSON, and the bytes (little-endian).

    Example:
        >>> pack({"id": np.array([3, 7]), "logprob": np.array([-0.5, -2.0])})[0]
        [('id', '<i4', [2]), ('logprob', '<f4', [2])]
    """
    spec: Spec = []
    parts: list[bytes] = []
    for name, column in columns.items():
        dtype = "|u1" if column.dtype == np.uint8 else "<f4" if column.dtype.kind == "f" else "<i4"
        spec.append((name, dtype, list(column.shape)))
        parts.append(np.ascontiguousarray(column, dtype).tobytes())
    return spec, b"".join(parts)


def unpack(spec: Sequence[Sequence[Any]], data: bytes | memoryview) -> dict[str, np.ndarray]:
    """The columns that `pack` put together.

    Args:
        spec: [name, dtype, shape] of each.
        data: their bytes.

    Returns:
        Arrays by name, read-only, over the same memory.

    Raises:
        ValueError: it is no such description, or not of as many bytes.
    """
    columns: dict[str, np.ndarray] = {}
    at = 0
    for entry in spec:
        name, dtype, shape = _checked(entry)
        size = math.prod(shape) * DTYPES[dtype]
        if at + size > len(data):
            raise ValueError(f"The columns end within '{name}'.")
        columns[name] = np.frombuffer(data[at : at + size], dtype).reshape(shape)
        at += size
    if at != len(data):
        raise ValueError(f"{len(data) - at} bytes more than the columns need.")
    return columns


def _checked(entry: Sequence[Any]) -> tuple[str, str, list[int]]:
    if isinstance(entry, list | tuple) and len(entry) == 3:
        name, dtype, shape = entry
        sizes = isinstance(shape, list | tuple) and all(type(n) is int and 0 <= n < 2**31 for n in shape)
        if isinstance(name, str) and dtype in DTYPES and sizes:
            return name, dtype, list(shape)
    raise ValueError(f"A column is [name, dtype, shape] with a dtype of {', '.join(DTYPES)}, not {entry!r}.")
