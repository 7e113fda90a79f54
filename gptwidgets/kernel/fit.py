"""How many bytes a model needs, from its configuration alone, and whether they are there.

weights   parameters · bytes
KV cache  Σ layers  2 · Hkv · d · min(T, window) · bytes
recorded  Σ layers  (H + Hkv) · d · T · bytes       queries and keys after position encoding
working   the widest activations of one layer, the logits of one position, and the library itself
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from gptwidgets.errors import DoesNotFitError, UnsupportedModelError
from gptwidgets.kernel import device as devices
from gptwidgets.kernel.shape import Shape

if TYPE_CHECKING:
    from transformers import PretrainedConfig

TYPICAL_LENGTH = 1024  # tokens a first text may have


@dataclass(frozen=True)
class Needs:
    """Bytes, by what they are needed for."""

    weights: int
    cache: int
    recorded: int
    working: int

    @property
    def total(self) -> int:
        """All together."""
        return self.weights + self.cache + self.recorded + self.working


def count_parameters(config: PretrainedConfig) -> int:
    """How many numbers a model of this configuration has; shared ones count once.

    The model is built on the meta device, which takes no memory and well under a second.
    """
    from transformers import AutoModelForCausalLM

    try:
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(
                config, trust_remote_code=False, attn_implementation="eager"
            )
    except (ValueError, KeyError, ImportError, AttributeError, TypeError, RuntimeError) as error:
        first = str(error).strip().split("\n")[0]
        raise UnsupportedModelError(f"transformers cannot build this {config.model_type}: {first}") from None
    return sum(parameter.numel() for parameter in model.parameters())


def needs(
    config: PretrainedConfig,
    *,
    dtype: torch.dtype,
    parameters: int | None = None,
    tokens: int | None = None,
    batch: int = 1,
    cache: bool = False,
) -> Needs:
    """What a model needs to read a text and have its attention recorded.

    Args:
        config: a transformers configuration.
        dtype: the arithmetic.
        parameters: how many there are, where that was counted already.
        tokens: T, the text's length; by default 1,024, or less where the context is shorter.
        batch: how many texts at once.
        cache: whether a KV cache is kept, too (for generation).

    Returns:
        Bytes.
    """
    shape = Shape.of(config)
    T = tokens or min(TYPICAL_LENGTH, shape.context or TYPICAL_LENGTH)
    itemsize = dtype.itemsize
    kept = sum(min(T, window or T) for window in shape.windows)  # over the layers
    return Needs(
        weights=(count_parameters(config) if parameters is None else parameters) * itemsize,
        cache=batch * 2 * shape.n_kv_heads * shape.head_size * kept * itemsize if cache else 0,
        recorded=batch * shape.n_layers * (shape.n_heads + shape.n_kv_heads) * shape.head_size * T * itemsize,
        # residual, q k v, attention output and the two or three widest of the feed-forward, at one moment
        working=batch * T * (6 * shape.width + 3 * shape.inner) * itemsize
        + batch * shape.vocabulary * 8
        + 64_000_000,
    )


def refusal(
    name: str, needed: Needs, dtype: torch.dtype, memory: devices.Memory, in_bfloat16: Needs
) -> DoesNotFitError:
    """The sentence for a model that does not fit: what it needs, what there is, what to do."""
    advice = "close other models (gpt.close()) and notebooks, or choose a smaller model"
    if in_bfloat16.total <= memory.free:
        advice = f'load it with dtype="bfloat16" ({devices.gigabytes(in_bfloat16.total)}), or {advice}'
    return DoesNotFitError(
        f"{name} needs about {devices.gigabytes(needed.total)} in {devices.name_of(dtype)}, and "
        f"{devices.gigabytes(memory.free)} is {memory.where}: {advice}."
    )
