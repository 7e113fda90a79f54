"""What a GGUF file says of itself, read from its head alone: a moment even for files of many gigabytes.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
import struct
from collections import Counter
from io import BufferedReader
from pathlib import Path
from typing import Any

from gptwidgets.errors import UnsupportedModelError
from gptwidgets.store.describing import Described

_NUMBERS = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip
_STRING, _ARRAY = 8, 9
_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1", 10: "Q2_K",
    11: "Q3_K", 12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 15: "Q8_K", 30: "BF16", 39: "MXFP4",
}  # fmt: skip
_MOST = 1 << 30  # bytes of one text, entries of one list: more is a broken file


def read_header(path: Path) -> tuple[dict[str, Any], list[tuple[str, tuple[int, ...], str]]]:
    """The metadata (lists are left out) and the tensors (name, shape, type) of a GGUF file.

    Raises:
        UnsupportedModelError: it is no GGUF file, or a broken one.
    """
    try:
        with path.open("rb") as file:
            magic, version, tensors, entries = struct.unpack("<4sIQQ", file.read(24))
            if magic != b"GGUF" or version not in {2, 3} or max(tensors, entries) > 1_000_000:
                raise _broken(path)
            facts: dict[str, Any] = {}
            for _ in range(entries):
                key = _text(file)
                (kind,) = _read(file, "<I")
                value = _value(file, kind)
                if value is not None:
                    facts[key] = value
            found: list[tuple[str, tuple[int, ...], str]] = []
            for _ in range(tensors):
                name = _text(file)
                (dimensions,) = _read(file, "<I")
                shape = _read(file, f"<{min(dimensions, 8)}Q")
                kind, _offset = _read(file, "<IQ")
                found.append((name, shape, _TYPES.get(kind, f"type {kind}")))
    except (struct.error, ValueError, UnicodeDecodeError, OverflowError, MemoryError):
        raise _broken(path) from None
    return facts, found


def describe_gguf(path: Path) -> tuple[Described, str]:
    """A GGUF file's facts, and the name that it gives itself.

    Example:
        >>> describe_gguf(Path("SmolLM2-135M.Q8_0.gguf"))[0].dtype             # doctest: +SKIP
        'Q8_0'
    """
    facts, tensors = read_header(path)
    kinds: Counter[str] = Counter()
    for _, shape, kind in tensors:
        kinds[kind] += math.prod(shape)
    architecture = str(facts.get("general.architecture", ""))
    context = facts.get(f"{architecture}.context_length")
    return (
        Described(
            architecture=architecture,
            parameters=sum(kinds.values()) or None,
            context_length=context if isinstance(context, int) else None,
            dtype=kinds.most_common(1)[0][0] if kinds else None,
            weight_bytes=path.stat().st_size,
        ),
        str(facts.get("general.name", "")),
    )


def _read(file: BufferedReader, form: str) -> tuple[Any, ...]:
    return struct.unpack(form, file.read(struct.calcsize(form)))


def _text(file: BufferedReader) -> str:
    (length,) = _read(file, "<Q")
    if length > _MOST:
        raise ValueError
    return file.read(length).decode("utf-8", "replace")


def _value(file: BufferedReader, kind: int, depth: int = 0) -> Any:
    if kind in _NUMBERS:
        return _read(file, _NUMBERS[kind])[0]
    if kind == _STRING:
        return _text(file)
    if kind != _ARRAY or depth > 2:
        raise ValueError
    inner, count = _read(file, "<IQ")
    if count > _MOST:
        raise ValueError
    if inner in _NUMBERS:
        file.seek(count * struct.calcsize(_NUMBERS[inner]), 1)
    elif inner == _STRING:  # a vocabulary: stepped over
        for _ in range(count):
            (length,) = _read(file, "<Q")
            if length > _MOST:
                raise ValueError
            file.seek(length, 1)
    else:
        for _ in range(count):
            _value(file, inner, depth + 1)
    return None


def _broken(path: Path) -> UnsupportedModelError:
    return UnsupportedModelError(f'"{path.name}" is no GGUF file, or a broken one; get it again.')
