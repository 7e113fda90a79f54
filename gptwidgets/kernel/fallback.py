"""Models whose attention does not go through transformers' interface: weights from eager attention.

bloom, codegen, cpmant, falcon, gpt_neo, gpt_neox_japanese, gptj, mpt, openai-gpt and xglm compute attention
of their own. While they are recorded they run eager, and a forward hook on each attention module takes the
weights [1, H, T, T] out of its output. The same hooks give the self-check its reference.
"""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor, nn

from gptwidgets.errors import DoesNotFitError, UnsupportedModelError
from gptwidgets.kernel.arrays import ArraySource

LIMIT = 2**30  # bytes of weights; beyond, a record of whole matrices would be no use


def record(
    model: Any, text: Tensor, layers: frozenset[int] | None, on_layer: Callable[[int], None] | None = None
) -> ArraySource:
    """All weights of a text, which is kept short: they are T × T for every head.

    Raises:
        DoesNotFitError: where they would take more than 1 GiB.
        UnsupportedModelError: where no module returns weights.
    """
    config = model.config.get_text_config()
    T = text.shape[1]
    n_layers, n_heads = config.num_hidden_layers, config.num_attention_heads
    kept = n_layers if layers is None else len(layers)
    nbytes = kept * n_heads * T * T * 4
    if nbytes > LIMIT:
        longest = int((LIMIT / (kept * n_heads * 4)) ** 0.5)
        raise DoesNotFitError(
            f"{config.model_type} models can only be recorded as whole matrices: {T:,} tokens would take "
            f"{nbytes / 2**30:.1f} GiB. Shorten the text to {longest:,} tokens, or choose fewer layers."
        )
    found, _ = weights(model, text, layers, on_layer)
    if not found:
        raise UnsupportedModelError(f"No attention weights came out of this {config.model_type} model.")
    return ArraySource({layer: w[0].float() for layer, w in found.items()})


def weights(
    model: Any,
    text: Tensor,
    layers: frozenset[int] | None = None,
    on_layer: Callable[[int], None] | None = None,
) -> tuple[dict[int, Tensor], Tensor]:
    """Runs the model eagerly, with hooks that are gone afterwards.

    Returns:
        The weights [1, H, T, T] by layer, and the last hidden state [1, T, D].
    """
    found: dict[int, Tensor] = {}
    heard: dict[int, weakref.ref[Tensor]] = {}
    base = model.base_model
    length = text.shape[1]

    def after(layer: int) -> Callable[..., None]:
        def take(module: nn.Module, _args: Any, output: Any) -> None:
            del module
            w = _square(output, length)
            if w is None or (layer in heard and heard[layer]() is w):
                return  # nothing, or what a module inside of this one has returned already
            if layer in heard:
                raise UnsupportedModelError(
                    f"This model runs layer {layer} several times; that cannot be shown yet."
                )
            heard[layer] = weakref.ref(w)
            if on_layer:
                on_layer(layer)
            if layers is None or layer in layers:
                found[layer] = w

        return take

    with ExitStack() as hooks:
        hooks.enter_context(eager(model))
        for layer, module in attention_modules(base):
            hooks.enter_context(module.register_forward_hook(after(layer)))
        asked = "output_attentions" in inspect.signature(base.forward).parameters
        out = base(input_ids=text, use_cache=False, **({"output_attentions": True} if asked else {}))
    return found, out[0]


def attention_modules(base: nn.Module) -> list[tuple[int, nn.Module]]:
    """The modules that may return weights, with their layers' numbers; some lie within another."""
    found: list[tuple[int, nn.Module]] = []
    for path, module in base.named_modules():
        if "attention" in type(module).__name__.lower():
            numbers = [int(part) for part in path.split(".") if part.isdigit()]
            layer = getattr(module, "layer_idx", None)
            found.append((numbers[0] if layer is None and numbers else layer or 0, module))
    return found


@contextmanager
def eager(model: Any) -> Generator[None]:
    """Switches the model to eager attention for a moment."""
    with implementation(model, "eager"):
        yield


@contextmanager
def implementation(model: Any, name: str) -> Generator[None]:
    """Switches every part of the model to an attention implementation, and each back to its own."""
    before = [(config, config._attn_implementation_internal) for config in configs(model)]
    try:
        for config, _ in before:
            config._attn_implementation_internal = name
        yield
    finally:
        for config, was in before:
            config._attn_implementation_internal = was


def configs(model: nn.Module) -> Iterable[Any]:
    """The configurations that the model's modules look into, each once."""
    found: dict[int, Any] = {}
    for module in model.modules():
        config = getattr(module, "config", None)
        if hasattr(config, "_attn_implementation_internal"):
            found[id(config)] = config
    return found.values()


def _square(output: Any, length: int) -> Tensor | None:
    """The weights in what an attention module returns: the one tensor [1, H, T, T]."""
    for part in output if isinstance(output, tuple | list) else ():
        if isinstance(part, Tensor) and part.ndim == 4 and part.shape[-2:] == (length, length):
            return part
    return None
