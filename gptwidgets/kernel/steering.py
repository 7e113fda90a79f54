"""Other forward methods for some of a model's modules, for the length of a pass.

Hooks can change what goes in and comes out of a module, but not keep it from computing.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from torch import nn

Forward: TypeAlias = Callable[..., Any]

_lock = threading.Lock()
_turns: weakref.WeakKeyDictionary[nn.Module, threading.RLock] = weakref.WeakKeyDictionary()


@contextmanager
def steered(
    model: nn.Module, modules: Sequence[nn.Module], instead: Callable[[int, Forward], Forward]
) -> Generator[None]:
    """Lets modules run something else; the model is as it was when the block ends.

    Args:
        model: theirs; two threads that steer one model take turns.
        modules: of the model.
        instead: from a module's place in `modules` and its forward method to what runs in its place, in
            whichever thread.
    """
    with _lock:
        turn = _turns.setdefault(model, threading.RLock())  # several GPTs may hold one model
    with turn:
        before = [module.__dict__.get("forward") for module in modules]  # accelerate may have put one there
        try:
            for at, module in enumerate(modules):
                module.forward = instead(at, module.forward)
            yield
        finally:
            for module, was in zip(modules, before, strict=True):
                if was is None:
                    module.__dict__.pop("forward", None)
                else:
                    module.forward = was
