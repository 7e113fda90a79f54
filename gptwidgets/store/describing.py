"""What a model folder or a GGUF file is, from its config.json and its headers alone: no torch, no weights."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gptwidgets.errors import UnsafeModelError
from gptwidgets.store.hubfiles import check_safetensors

_CONTEXTS = ("max_position_embeddings", "n_positions", "n_ctx", "max_sequence_length", "seq_length")
_KIND = re.compile(r"[\w.+-]{1,100}")
_DTYPE = re.compile(r"\w{1,20}", re.ASCII)
_MOST = 2**60  # numbers that a file holds; what says more says nothing
_DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}


@dataclass(frozen=True)
class Described:
    """The facts of a model's files.

    Attributes:
        architecture: transformers' model_type; "" where nothing says it.
        parameters: how many numbers its files hold, or None.
        context_length: tokens it was trained to read at once, or None.
        dtype: of most numbers: "float32", "bfloat16" …, a GGUF type such as "Q4_K", or None.
        weight_bytes: the size of its weights.
        config: config.json, or None.
    """

    architecture: str
    parameters: int | None
    context_length: int | None
    dtype: str | None
    weight_bytes: int
    config: dict[str, Any] | None = None

    def as_manifest(self) -> dict[str, Any]:
        """What a manifest says of it."""
        return {
            "architecture": self.architecture,
            "parameters": self.parameters,
            "context_length": self.context_length,
            "dtype": self.dtype,
        }


def describe_config(config: dict[str, Any]) -> tuple[str, int | None]:
    """A config's architecture and context length.

    Example:
        >>> describe_config({"model_type": "gpt2", "n_positions": 1024})
        ('gpt2', 1024)
    """
    kind, inner = config.get("model_type"), config.get("text_config")
    found = [part.get(key) for part in (config, inner) if isinstance(part, dict) for key in _CONTEXTS]
    lengths = [length for length in found if isinstance(length, int) and 0 < length < 10**9]
    named = kind if isinstance(kind, str) and _KIND.fullmatch(kind) else ""
    return named, max(lengths, default=None)


def describe_folder(folder: Path) -> Described:
    """Describes a folder of config.json and safetensors; what cannot be read is left unknown.

    Example:
        >>> describe_folder(Path("my-model")).architecture                      # doctest: +SKIP
        'llama'
    """
    try:
        config: Any = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        config = None
    config = config if isinstance(config, dict) else None
    architecture, context = describe_config(config or {})
    counts: dict[str, int] = {}
    weight_bytes = 0
    for path in sorted(folder.glob("*.safetensors")):
        try:
            weight_bytes += path.stat().st_size
            for key, tensor in check_safetensors(path, path.name).items():
                if key != "__metadata__":
                    kind, n = str(tensor.get("dtype")), math.prod(tensor.get("shape", [0]))
                    counts[kind] = counts.get(kind, 0) + n
        except (OSError, UnsafeModelError, TypeError):
            counts.clear()
            break
    if not all(_DTYPE.fullmatch(kind) and 0 <= n < _MOST and n == int(n) for kind, n in counts.items()):
        counts.clear()
    return Described(
        architecture=architecture,
        parameters=sum(counts.values()) or None,
        context_length=context,
        dtype=_DTYPES.get(most, most.lower())
        if (most := max(counts, key=lambda k: counts[k], default=""))
        else None,
        weight_bytes=weight_bytes,
        config=config,
    )
