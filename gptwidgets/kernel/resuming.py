"""A model's layers, and passes in which those below one give what they gave before."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from gptwidgets.kernel import device as devices
from gptwidgets.kernel import holding
from gptwidgets.kernel.fallback import attention_modules
from gptwidgets.kernel.prefill import evaluation
from gptwidgets.kernel.steering import steered

if TYPE_CHECKING:
    from gptwidgets.kernel.worker import CancelToken

CHECKED = 12  # tokens that mean nothing, on which a model is checked


def blocks(model: Any) -> list[nn.Module] | None:
    """The model's layers in the order in which they run; None where it is not plain which those are.

    They are the children of the one list that is as long as the configuration says and holds the attention,
    each attention module in the child of its own number.
    """
    n_layers = getattr(model.config.get_text_config(), "num_hidden_layers", None)
    found: list[list[nn.Module]] = []
    for module in model.base_model.modules():
        if not isinstance(module, nn.ModuleList) or len(module) != n_layers:
            continue
        numbers = [{layer for layer, _ in attention_modules(child)} for child in module]
        # a child's path starts within it: a module without a number of its own says 0
        if any(numbers) and all(some <= {0, at} for at, some in enumerate(numbers)):
            found.append(list(module))
    return found[0] if len(found) == 1 else None


def resumable(model: Any) -> bool:
    """Whether running from a layer upwards gives what a whole pass gives; tried once a model, then known.

    Args:
        model: a causal language model; the caller holds its lock.
    """
    return _known(model)[0]


def narrowable(model: Any) -> bool:
    """Whether, besides, the last layer may do what comes after attention for the last token alone.

    Args:
        model: a causal language model; the caller holds its lock.
    """
    return _known(model)[1]


_lock = threading.Lock()
_checked: weakref.WeakKeyDictionary[nn.Module, tuple[bool, bool]] = weakref.WeakKeyDictionary()


def _known(model: Any) -> tuple[bool, bool]:
    """Whether it is resumable, and narrowable; found out once."""
    with _lock:
        known = _checked.get(model)
    if known is None:
        found = _tried(_check, model)
        known = found, found and _tried(_check_narrow, model)
        with _lock:
            _checked[model] = known
    return known


def _tried(check: Callable[[Any], bool], model: Any) -> bool:
    try:
        with evaluation(model), torch.inference_mode(), holding.within(None):
            return check(model)
    except Exception as error:
        if devices.is_out_of_memory(error):
            raise
        return False  # a layer of another shape than these; whole passes always work


def _check(model: Any) -> bool:
    layers = blocks(model)
    if layers is None:
        return False
    truth = forward(model, _some(model), None, 0).float()
    ids, plan = _some(model), Pass(layers)
    runs = [forward(model, ids, plan, 0)]
    hidden, L = plan.hidden(), len(layers)
    if len(hidden) != L + 1 or any(one.shape != hidden[0].shape for one in hidden):
        return False
    for start in sorted({0, 1, L // 2, L - 1, L}):
        again = plan.again(start, hidden[start].repeat(2, 1, 1))
        runs.append(forward(model, ids.expand(2, -1), again, 0))
    return all(_equal(run, truth) for run in runs)


def _check_narrow(model: Any) -> bool:
    layers = blocks(model) or []
    ids, plan = _some(model), Pass(layers)
    truth = forward(model, ids, plan, 1)
    hidden, L = plan.hidden(), len(layers)
    runs = [plan.again(start, hidden[start].repeat(2, 1, 1), narrow=True) for start in {0, L // 2, L - 1}]
    return all(_equal(forward(model, ids.expand(2, -1), run, 1), truth) for run in runs)


def _some(model: Any) -> Tensor:
    """Tokens that mean nothing, [1, CHECKED]."""
    words = model.get_input_embeddings().weight
    seeded = torch.Generator().manual_seed(0)
    return torch.randint(words.shape[0], (1, CHECKED), generator=seeded).to(words.device)


def _equal(run: Tensor, truth: Tensor) -> bool:
    rounding = 0.1 if run.dtype in {torch.float16, torch.bfloat16} else 1e-4
    return float((run.float() - truth.float()).abs().max()) <= rounding * float(truth.float().std())


class Pass:
    """What the layers do in one pass.

    Args:
        layers: the model's.
        start: the first that runs.
        given: what it gets, [B, T, D]; None runs all layers and keeps what they give.
        cancel: looked at in every layer.

    Attributes:
        tail: parts of the last layer that run for the last token alone; what they give for the others, which
            nobody reads any more, is 0.
    """

    def __init__(
        self,
        layers: list[nn.Module],
        start: int = 0,
        given: Tensor | None = None,
        cancel: CancelToken | None = None,
    ) -> None:
        self.layers, self.start, self.given, self.cancel = layers, start, given, cancel
        self.outputs: dict[int, _Output] = {}
        self.tail: list[nn.Module] = []
        self._first: Tensor | None = None

    def again(self, start: int, given: Tensor, *, narrow: bool = False) -> Pass:
        """A pass from layer `start` upwards, after this one; `narrow` where it is of the last token alone."""
        made = Pass(self.layers, start, given, self.cancel)
        made.outputs = self.outputs
        made.tail = _tail(self.layers[-1]) if narrow else []
        return made

    def hidden(self) -> list[Tensor]:
        """What went into the first layer, and what each layer gave."""
        outputs = [self.outputs[at].hidden for at in sorted(self.outputs)]
        return outputs if self._first is None else [self._first, *outputs]

    def layer(self, at: int, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Runs layer number `at`, or gives what stands for it; or a part of the tail, which come after."""
        if at >= len(self.layers):
            return _narrow(forward, args, kwargs)
        if self.cancel is not None:
            self.cancel.check()
        if self.given is None:
            out = forward(*args, **kwargs)
            if at == 0:
                self._first = args[0] if args else kwargs["hidden_states"]
            many = isinstance(out, tuple)
            self.outputs[at] = _Output(out[0] if many else out, out[1:] if many else None)
            return out
        if at < self.start:
            rest = self.outputs[at].rest
            return self.given if rest is None else (self.given, *rest)
        if at == self.start == 0:  # nothing below has put it in the place of the embedding
            args, kwargs = _instead(self.given, args, kwargs)
        return forward(*args, **kwargs)


class _Output(NamedTuple):
    """What a layer gave: its hidden state, and the rest of the tuple where it was one."""

    hidden: Tensor
    rest: tuple[Any, ...] | None


def _instead(hidden: Tensor, args: Any, kwargs: Any) -> tuple[Any, Any]:
    return ((hidden, *args[1:]), kwargs) if args else (args, {**kwargs, "hidden_states": hidden})


def _tail(layer: nn.Module) -> list[nn.Module]:
    """What a layer does with each token by itself: its parts but attention and norms, which cost little."""
    return [
        child
        for child in layer.children()
        if next(child.parameters(), None) is not None
        and not any(True for _ in attention_modules(child))
        and "norm" not in type(child).__name__.lower()
    ]


def _narrow(forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """A module's forward pass over the last token alone."""
    hidden: Tensor = args[0] if args else kwargs["hidden_states"]
    length = hidden.shape[1]

    def last(one: Any) -> Any:
        whole = isinstance(one, Tensor) and one.ndim == hidden.ndim == 3 and one.shape[1] == length
        return one[:, -1:] if whole else one

    out = forward(*map(last, args), **{name: last(one) for name, one in kwargs.items()})
    many = isinstance(out, tuple | list)
    first: Tensor = out[0] if many else out
    if hidden.ndim == 3:
        first = torch.nn.functional.pad(first, (0, 0, length - 1, 0))
    return type(out)((first, *out[1:])) if many else first


# The plan of this thread's pass, if any: a pass of another thread runs all layers.
_active: ContextVar[Pass | None] = ContextVar("gptwidgets_upward", default=None)


def forward(model: Any, ids: Tensor, plan: Pass | None, last: int) -> Tensor:
    """A pass [B, T] under a plan: logits [B, 1 or T, V]. The model is as it was when this returns."""
    keep: dict[str, Any] = {"logits_to_keep": last} if model._supports_logits_to_keep() else {}
    if plan is None:
        return model(input_ids=ids, use_cache=False, **keep).logits[:, -last:]
    token = _active.set(plan)
    try:
        with steered(model, [*plan.layers, *plan.tail], _asking):
            return model(input_ids=ids, use_cache=False, **keep).logits[:, -last:]
    finally:
        _active.reset(token)


def _asking(at: int, forward: Callable[..., Any]) -> Callable[..., Any]:
    def ask(*args: Any, **kwargs: Any) -> Any:
        plan = _active.get()
        return forward(*args, **kwargs) if plan is None else plan.layer(at, forward, args, kwargs)

    return ask
