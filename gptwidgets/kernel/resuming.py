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
    with _lock:
        known = _checked.get(model)
    if known is None:
        try:
            with evaluation(model), torch.inference_mode(), holding.within(None):
                known = _check(model)
        except Exception as error:
            if devices.is_out_of_memory(error):
                raise
            known = False  # a layer of another shape than these; whole passes always work
        with _lock:
            _checked[model] = known
    return known


_lock = threading.Lock()
_checked: weakref.WeakKeyDictionary[nn.Module, bool] = weakref.WeakKeyDictionary()


def _check(model: Any) -> bool:
    layers = blocks(model)
    if layers is None:
        return False
    words = model.get_input_embeddings().weight
    seeded = torch.Generator().manual_seed(0)
    ids = torch.randint(words.shape[0], (1, CHECKED), generator=seeded).to(words.device)
    truth = forward(model, ids, None, 0).float()
    plan = Pass(layers)
    runs = [forward(model, ids, plan, 0)]
    hidden, L = plan.hidden(), len(layers)
    if len(hidden) != L + 1 or any(one.shape != hidden[0].shape for one in hidden):
        return False
    for start in sorted({0, 1, L // 2, L - 1, L}):
        again = plan.again(start, hidden[start].repeat(2, 1, 1))
        runs.append(forward(model, ids.expand(2, -1), again, 0))
    rounding = 0.1 if hidden[0].dtype in {torch.float16, torch.bfloat16} else 1e-4
    spread = float(truth.std())
    return all(float((run.float() - truth).abs().max()) <= rounding * spread for run in runs)


class Pass:
    """What the layers do in one pass.

    Args:
        layers: the model's.
        start: the first that runs.
        given: what it gets, [B, T, D]; None runs all layers and keeps what they give.
        cancel: looked at in every layer.
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
        self._first: Tensor | None = None

    def again(self, start: int, given: Tensor) -> Pass:
        """A pass from layer `start` upwards, after this one."""
        made = Pass(self.layers, start, given, self.cancel)
        made.outputs = self.outputs
        return made

    def hidden(self) -> list[Tensor]:
        """What went into the first layer, and what each layer gave."""
        outputs = [self.outputs[at].hidden for at in sorted(self.outputs)]
        return outputs if self._first is None else [self._first, *outputs]

    def layer(self, at: int, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Runs layer number `at`, or gives what stands for it."""
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


# The plan of this thread's pass, if any: a pass of another thread runs all layers.
_active: ContextVar[Pass | None] = ContextVar("gptwidgets_upward", default=None)


def forward(model: Any, ids: Tensor, plan: Pass | None, last: int) -> Tensor:
    """A pass [B, T] under a plan: logits [B, 1 or T, V]. The model is as it was when this returns."""
    keep: dict[str, Any] = {"logits_to_keep": last} if model._supports_logits_to_keep() else {}
    if plan is None:
        return model(input_ids=ids, use_cache=False, **keep).logits[:, -last:]
    token = _active.set(plan)
    try:
        with steered(model, plan.layers, _asking):
            return model(input_ids=ids, use_cache=False, **keep).logits[:, -last:]
    finally:
        _active.reset(token)


def _asking(at: int, forward: Callable[..., Any]) -> Callable[..., Any]:
    def ask(*args: Any, **kwargs: Any) -> Any:
        plan = _active.get()
        return forward(*args, **kwargs) if plan is None else plan.layer(at, forward, args, kwargs)

    return ask
