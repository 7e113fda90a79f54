"""Whether a model fits, from its configuration alone, and a refusal in words where it does not.

The arithmetic is in needs.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from gptwidgets.errors import DoesNotFitError, UnsupportedModelError
from gptwidgets.kernel import device as devices
from gptwidgets.kernel.needs import Habits, Needs, opening, reckon
from gptwidgets.kernel.refusals import auto_class
from gptwidgets.kernel.shape import Shape

if TYPE_CHECKING:
    from transformers import PretrainedConfig


def count_parameters(config: PretrainedConfig) -> int:
    """How many numbers a model of this configuration has; shared ones count once.

    The model is built on the meta device, which takes no memory and well under a second.
    """
    try:
        with torch.device("meta"):
            model = auto_class(config).from_config(
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
    """What a model needs to read a text and have its attention recorded, in a process that has torch.

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
    found = reckon(
        shape,
        Habits.of(config),
        parameters=count_parameters(config) if parameters is None else parameters,
        itemsize=dtype.itemsize,
        tokens=tokens,
        batch=batch,
        cache=cache,
    )
    return replace(found, working=found.working + opening(shape))


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
