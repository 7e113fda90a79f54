"""Heads of models that compute attention of their own: in what goes into their output projection.

Such a module joins its heads' outputs to (B, T, H · dv) and hands that to one last linear layer. Which layer
that is, and that its slices are the heads in their order, is found out from the model and checked: in the
first layer a token's value depends on nothing but this token, so in two texts of two tokens that differ in
the first one, (a, c) and (b, c), each head h must give

    out_ab = w_0 v_first + w_1 v_c    with the same v_c:    w'_1 (out - w_0 v_a) = w_1 (out' - w'_0 v_b)

where w are head h's own weights and v_a is what it gives at the first token, which sees itself alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from gptwidgets.errors import UnsupportedModelError
from gptwidgets.kernel import fallback, holding
from gptwidgets.kernel.prefill import evaluation

if TYPE_CHECKING:
    from gptwidgets.kernel.attention import Attachment
    from gptwidgets.kernel.intervention import Intervention

LINEAR = {"Linear", "Conv1D", "FalconLinear"}
TOLERANCE = 0.02  # of two sides that should be equal, relative to their size


class Sites(holding.Sites):
    """Where the heads of such a model are; found and checked when they are first wanted.

    Args:
        model: the transformers model.
        attachment: what puts it back as it was found, these hooks included.
    """

    def __init__(self, model: Any, attachment: Attachment) -> None:
        super().__init__([])
        self._kind = model.config.get_text_config().model_type
        self._attachment = attachment
        self._ready = False

    def prepare(self, gpt: Any) -> None:
        """Finds the output projections and hooks in before them.

        Raises:
            UnsupportedModelError: they were not found, or are not what they should be.
        """
        with gpt.lock:
            if self._ready:
                return
            model = gpt._open()[0]
            with torch.no_grad(), evaluation(model), holding.within(None):
                found = _find(model, self._attachment.layers, gpt.n_heads)
            if found is None:
                raise UnsupportedModelError(
                    f"{self._kind} models compute attention in their own way, and where this one's heads "
                    "come out was not found: they cannot be switched off."
                )
            for layer, module in found.items():
                self._numbers[module] = layer
                handle = module.register_forward_pre_hook(self._before(gpt.n_heads))
                self._attachment.on_detach(handle.remove)
            self._ready = True

    def check(self, intervention: Intervention) -> None:
        """Refuses what needs the attention function."""
        if intervention.cut:
            raise UnsupportedModelError(
                f"{self._kind} models compute attention in their own way: their heads can be switched off or "
                "scaled, but no edges can be cut."
            )
        if intervention.positional:
            raise UnsupportedModelError(
                f'{self._kind} models do not tell where in the text a pass is: use ablation="mean" or "zero".'
            )

    def _before(self, n_heads: int) -> Callable[..., Any]:
        def change(module: nn.Module, args: tuple[Tensor, ...]) -> Any:
            edit = holding.edit_of(module, self)
            if edit is None:
                return None
            joined, *rest = args
            heads = joined.view(*joined.shape[:-1], n_heads, -1)  # (B, T, H, dv)
            return (edit.replace(heads).reshape(joined.shape), *rest)

        return change


def _find(model: Any, layers: tuple[int, ...], n_heads: int) -> dict[int, nn.Module] | None:
    """The output projection of each layer, or None."""
    words = model.get_input_embeddings().weight
    a, b, c = (words.shape[0] // n for n in (2, 3, 5))
    calls: dict[int, list[tuple[nn.Module, Tensor]]] = {}

    def take(layer: int) -> Callable[..., None]:
        def see(module: nn.Module, args: tuple[Any, ...]) -> None:
            if args and isinstance(args[0], Tensor):
                calls.setdefault(layer, []).append((module, args[0]))

        return see

    parts = {
        part: layer
        for layer, module in fallback.attention_modules(model.base_model)
        for part in module.modules()
        if type(part).__name__ in LINEAR
    }
    handles = [part.register_forward_pre_hook(take(layer)) for part, layer in parts.items()]
    seen: list[tuple[dict[int, Tensor], dict[int, list[tuple[nn.Module, Tensor]]]]] = []
    try:
        for ids in ([a, c], [b, c]):
            calls.clear()
            weights, _ = fallback.weights(model, torch.tensor([ids], device=words.device))
            seen.append((weights, {layer: list(some) for layer, some in calls.items()}))
    finally:
        for handle in handles:
            handle.remove()
    last = [{layer: some[-1] for layer, some in calls_.items()} for _, calls_ in seen]
    if any(not set(layers) <= set(one) for one in last):
        return None
    if any(x.ndim != 3 or x.shape[1] != 2 or x.shape[2] % n_heads for one in last for _, x in one.values()):
        return None
    first = layers[0]
    outputs = [one[first][1][0].float().unflatten(-1, (n_heads, -1)) for one in last]  # [2, H, dv] each
    both = [(out, weights[first][0].float()) for out, (weights, _) in zip(outputs, seen, strict=True)]
    return {layer: last[0][layer][0] for layer in layers} if heads_in_order(both[0], both[1]) else None


def heads_in_order(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> bool:
    """Whether two texts' outputs [2, H, dv] are, head by head, what the weights [H, 2, 2] make of values.

    Args:
        one: of the tokens (a, c).
        other: of the tokens (b, c).
    """
    (out, w), (again, u) = one, other
    rest = out[1] - w[:, 1, :1] * out[0]  # [H, dv], w_1 v_c
    rest_again = again[1] - u[:, 1, :1] * again[0]
    left, right = u[:, 1, 1:] * rest, w[:, 1, 1:] * rest_again
    return bool((left - right).norm() <= TOLERANCE * (left.norm() + right.norm()))
