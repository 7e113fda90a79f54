"""Which intervention holds, asked in every layer of every pass.

What a thread runs inside `within(…)` is under exactly that one: a job that was asked under one intervention
stays with it. Everything else, such as a direct call of the model from whichever thread, is under what stands
for the model.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

    from gptwidgets.kernel.editing import Edits
    from gptwidgets.kernel.intervention import Intervention


class Sites:
    """Where a model's heads are.

    Args:
        modules: the modules whose calls are changed, with their layers' numbers.
        configs: the configurations with which the model asks for its masks.
        lazy: whether its masks may be rules instead of matrices.
    """

    def __init__(
        self, modules: Iterable[tuple[nn.Module, int]], configs: Iterable[Any] = (), *, lazy: bool = False
    ) -> None:
        self._numbers = weakref.WeakKeyDictionary(dict(modules))
        self._configs = list(configs)
        self.lazy = lazy

    def layer(self, module: nn.Module) -> int | None:
        """The layer's number; None for a module of another model."""
        return self._numbers.get(module)

    def prepare(self, gpt: Any) -> None:
        """Makes ready what edits need in the model; called before the first one."""

    def check(self, intervention: Intervention) -> None:
        """Refuses what cannot be done in this model."""

    def masks(self, config: Any) -> bool:
        """Whether a mask that is made with this configuration may be this model's."""
        return any(one is config for one in self._configs)


# What this thread runs under, the innermost last: one for each model it has to do with. None: nothing at all.
_own: ContextVar[tuple[Edits | None, ...]] = ContextVar("gptwidgets_edits", default=())
_standing: tuple[Edits, ...] = ()  # for passes that are nobody's job, replaced as a whole
_lock = threading.Lock()


@contextmanager
def within(edits: Edits | None) -> Generator[None]:
    """Runs this thread's passes under exactly these; None: all models under nothing."""
    token = _own.set((*_own.get(), edits))
    try:
        yield
    finally:
        _own.reset(token)


def stand(sites: Sites, edits: Edits | None) -> None:
    """Lets edits hold for a model from now on, in the place of those that did; None ends that."""
    global _standing  # noqa: PLW0603 - one a process, like the function that is registered
    with _lock:
        others = tuple(one for one in _standing if one.sites is not sites)
        _standing = others if edits is None else (*others, edits)


def own(sites: Sites) -> Edits | None:
    """Under what this thread runs a model, where it was told to."""
    return next((one for one in reversed(_own.get()) if one is not None and one.sites is sites), None)


def edit_of(module: nn.Module, sites: Sites | None = None) -> Any:
    """What is to be done with a module's heads: a `LayerEdit`, or None.

    Args:
        module: who calls.
        sites: the only model that is meant; None for whichever the module belongs to.
    """
    for one in _all():
        if one is None:
            return None
        number = one.sites.layer(module) if sites is None or one.sites is sites else None
        if number is not None:
            return one.layer(number)
    return None


def by_position(config: Any) -> Edits | None:
    """The edits that hold for a model that asks for a mask, if places in the text matter to them."""
    for one in _all():
        if one is None:
            return None
        if one.sites.masks(config):
            return one if one.positional else None
    return None


def _all() -> Sequence[Edits | None]:
    """All that may hold here, the most particular first."""
    mine = _own.get()
    return (*reversed(mine), *reversed(_standing)) if mine or _standing else ()
