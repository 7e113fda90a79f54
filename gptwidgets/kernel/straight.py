"""A pass whose output is a sum: what each part of a model adds straight to a logit.

The residual stream is a sum (Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits"): the
embedding, what each head adds, what each MLP adds. Only norms stand between it and the logits. With each norm
frozen, its scale taken from this very text, a logit is linear in all that was added before, so that

    logit = Σ_parts  part · ∂logit/∂part

where the derivative goes along the residual stream alone: what a layer reads from the stream counts as its
own. So all of it is one pass and one backward pass over the norms and the output embedding; scales on the
way, norms after attention, parallel blocks and gates are in it without being known one by one.

No number of the pass is changed: where a path is cut, its value still flows.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gptwidgets.errors import UnsupportedModelError
from gptwidgets.kernel.steering import Forward

Layers = list[nn.Module]


@dataclass
class Term:
    """One summand: `sign` · Σ value · ∂logit/∂tensor.

    Attributes:
        part: "embedding", "mlp" (whatever a layer adds besides heads) or "bias".
        tensor: where the derivative is taken.
        value: what is multiplied with it.
        sign: 1, or -1 for what a part got and only handed on.
    """

    part: str
    tensor: Tensor
    value: Tensor
    sign: int = 1


class Tape:
    """What a straight pass keeps.

    Attributes:
        heads: by layer its heads' outputs (1, T, H, dv), before the output projection.
        terms: all summands but the heads'.
        head: what the output embedding gave, before a soft cap or a scale.
    """

    def __init__(self, model: Any, layers: Layers) -> None:
        self.heads: dict[int, Tensor] = {}
        self.terms: list[Term] = []
        self.head: Tensor | None = None
        self.modules: Layers = []
        self._instead: list[Callable[[Forward, Any, Any], Any]] = []
        self._put(layers[0], self._first)
        for part in model.modules():
            if _norm(part):
                self._put(part, self._freeze)
        for layer in layers:
            for child in layer.children():
                if not _norm(child) and next(child.parameters(), None) is not None:
                    self._put(child, self._add)
        self._output = model.get_output_embeddings()
        self._put(self._output, self._say)

    def take(self, layer: int, out: Tensor) -> Tensor:
        """Keeps a layer's heads' outputs; what comes after them in the attention module counts."""
        if layer in self.heads:
            raise UnsupportedModelError(
                f"This model attends several times in layer {layer}: its heads have no one output."
            )
        self.heads[layer] = made = out.detach().requires_grad_()
        torch.set_grad_enabled(True)  # until the module around it returns
        return made

    def instead(self, at: int, forward: Forward) -> Forward:
        """What runs in place of a module's forward method, in the thread of this tape."""
        run = self._instead[at]

        def ask(*args: Any, **kwargs: Any) -> Any:
            return run(forward, args, kwargs) if active.get() is self else forward(*args, **kwargs)

        return ask

    def _put(self, module: nn.Module, run: Callable[[Forward, Any, Any], Any]) -> None:
        self.modules.append(module)
        self._instead.append(run)

    def _first(self, forward: Forward, args: Any, kwargs: Any) -> Any:
        """The stream begins here."""
        args, kwargs, hidden = _cut(args, kwargs)
        hidden.requires_grad_()
        self.terms.append(Term("embedding", hidden, hidden))
        return forward(*args, **kwargs)

    def _add(self, forward: Forward, args: Any, kwargs: Any) -> Any:
        """A part of a layer: it reads the stream as it is, and what it gives is a summand."""
        args, kwargs, _ = _cut(args, kwargs)
        handed: list[Tensor] = []  # Bloom's modules add the residual themselves

        def alias(one: Any) -> Any:
            if isinstance(one, Tensor) and one.requires_grad:
                handed.append(one.view_as(one))
                return handed[-1]
            return one

        args, kwargs = tuple(map(alias, args)), {name: alias(one) for name, one in kwargs.items()}
        before = set(self.heads)
        with torch.set_grad_enabled(bool(handed)):
            out = forward(*args, **kwargs)
        new = set(self.heads) - before
        many = isinstance(out, tuple | list)
        first: Tensor = out[0] if many else out
        if not new and not handed:
            first = first.detach().requires_grad_()
        part = "bias" if new else "mlp"
        self.terms.append(Term(part, first, first))
        self.terms += [Term(part, one, one, -1) for one in handed]
        self.terms += [Term(part, self.heads[layer], self.heads[layer], -1) for layer in new]
        mine = first.clone()  # to which Falcon adds in place
        return type(out)((mine, *map(self._constant, out[1:]))) if many else mine

    def _constant(self, one: Any) -> Any:
        """A bias that a module leaves to its layer to add (GPT-NeoX-Japanese)."""
        if not isinstance(one, nn.Parameter):
            return one
        made = one.detach().requires_grad_()
        self.terms.append(Term("bias", made, made))
        return made

    def _freeze(self, forward: Forward, args: Any, kwargs: Any) -> Any:
        """A norm with the scale that this text gives it."""
        x = args[0] if args else kwargs.get("hidden_states")
        if not (isinstance(x, Tensor) and x.requires_grad and torch.is_grad_enabled()):
            return forward(*args, **kwargs)
        with torch.no_grad():
            y = forward(*args, **kwargs)
            bias, gain, centred = _linear(forward, x, y)
        y = _Frozen.apply(x, y, gain, centred)
        self.terms.append(Term("bias", y, bias.expand_as(y)))
        return y

    def _say(self, forward: Forward, args: Any, kwargs: Any) -> Any:
        """The output embedding."""
        self.head = out = forward(*args, **kwargs)
        bias = getattr(self._output, "bias", None)
        if isinstance(bias, Tensor):
            self.terms.append(Term("bias", out, bias.detach().expand_as(out)))
        return out


active: ContextVar[Tape | None] = ContextVar("gptwidgets_straight", default=None)


class _Frozen(torch.autograd.Function):
    """y, as if it were gain · x, or gain · (x - mean of x)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, gain: Tensor, centred: bool) -> Tensor:
        del x
        ctx.save_for_backward(gain)
        ctx.centred = centred
        return y.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        (gain,) = ctx.saved_tensors
        g = grads[0].float() * gain
        g = g - g.mean(-1, keepdim=True) if ctx.centred else g
        return g.to(grads[0].dtype), None, None, None


def _linear(forward: Forward, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, bool]:
    """What a norm did to x, as y = gain · (x or x - mean) + bias: bias [D], gain [.., D], and which.

    It is found from what the norm does to zeros and to ±1, whatever its parameters are called, and checked
    against what it did to x.
    """
    D = x.shape[-1]
    bias = forward(torch.zeros_like(x[..., :1, :])).float()
    probe = torch.ones_like(x[..., :1, :])
    probe[..., 1::2] = -1
    shape = forward(probe).float() - bias
    rounding = 1e-3 if x.dtype == torch.float32 else 0.05
    for centred in (False, True):
        flat, u = probe.float(), x.float()
        if centred:
            flat, u = flat - flat.mean(-1, keepdim=True), u - u.mean(-1, keepdim=True)
        weight = shape / flat  # up to a factor
        made, wanted = u * weight, y.float() - bias
        size = (wanted * made).sum(-1, keepdim=True) / made.square().sum(-1, keepdim=True).clamp_min(1e-30)
        if bool(((wanted - size * made).norm(dim=-1) <= rounding * wanted.norm(dim=-1) + 1e-6 * D).all()):
            return bias, size * weight, centred
    raise UnsupportedModelError("A norm of this model is neither RMSNorm nor LayerNorm; it cannot be frozen.")


def _norm(module: nn.Module) -> bool:
    return "norm" in type(module).__name__.lower() and next(module.children(), None) is None


def _cut(args: Any, kwargs: Any) -> tuple[Any, Any, Tensor]:
    """The arguments with the hidden state detached, which is the first of them."""
    if args:
        hidden = args[0].detach()
        return (hidden, *args[1:]), kwargs, hidden
    hidden = kwargs["hidden_states"].detach()
    return args, {**kwargs, "hidden_states": hidden}, hidden
