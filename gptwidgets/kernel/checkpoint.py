"""What a folder's safetensors say of themselves, read from their headers alone."""

from __future__ import annotations

import json
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import torch

from gptwidgets.errors import UnsafeModelError

if TYPE_CHECKING:
    from pathlib import Path

_HEADER_DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


def checkpoint_dtype(folder: Path, config: dict[str, Any]) -> torch.dtype | None:
    """The dtype a folder's weights are stored in: of most numbers, from the header of the first file."""
    for path in sorted(folder.glob("*.safetensors")):
        counts: dict[str, int] = {}
        for key, tensor in safetensors_header(path).items():
            if key != "__metadata__":
                try:
                    first, last = tensor["data_offsets"]
                    counts[tensor["dtype"]] = counts.get(tensor["dtype"], 0) + last - first
                except (KeyError, TypeError, ValueError):
                    raise _no_safetensors(path) from None
        if counts:
            return _HEADER_DTYPES.get(max(counts, key=lambda kind: counts[kind]))
    said = config.get("dtype") or config.get("torch_dtype")
    found = getattr(torch, str(said), None)
    return found if isinstance(found, torch.dtype) else None


def safetensors_header(path: Path) -> dict[str, Any]:
    """The JSON header of a safetensors file: 8 bytes of length, then names, dtypes, shapes and offsets.

    Raises:
        UnsafeModelError: the file is something else under this name.
    """
    header = None
    with suppress(struct.error, ValueError, RecursionError), path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length <= min(path.stat().st_size, 100_000_000):
            header = json.loads(file.read(length))
    if not isinstance(header, dict):
        raise _no_safetensors(path)
    return header


def _no_safetensors(path: Path) -> UnsafeModelError:
    return UnsafeModelError(
        f'"{path.name}" is no safetensors file, whatever its name says, and is not read; get it again.'
    )
