"""Letting go of what Python and IPython keep on the side: one name that holds a model keeps its memory."""

from __future__ import annotations

import sys
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def forget_frames(error: BaseException | None) -> None:
    """Empties the local variables that an exception's traceback keeps alive: they pin models and arrays.

    The lines of the traceback stay readable. Causes and contexts are emptied, too.
    """
    seen: set[int] = set()
    todo = [error]
    while todo:
        error = todo.pop()
        if error is None or id(error) in seen:
            continue
        seen.add(id(error))
        traceback.clear_frames(error.__traceback__)
        todo += [error.__cause__, error.__context__]


def forget_in_notebook(model: PreTrainedModel) -> None:
    """Lets go of the model where Python and IPython keep it on the side.

    These are the last error's traceback (`sys.last_exc`) and the cells' outputs (`Out`, `_`, `_12`).
    """
    for name in ("last_exc", "last_value"):
        forget_frames(getattr(sys, name, None))
    parts = {id(part) for part in model.modules()}
    main = sys.modules.get("IPython")
    shell = main.get_ipython() if main is not None else None
    if shell is None:
        return
    outputs = shell.user_ns.get("_oh", {})
    for number in [number for number, value in outputs.items() if id(value) in parts]:
        del outputs[number]
    for name in [name for name in shell.user_ns if name.strip("_").isdigit() or name in {"_", "__", "___"}]:
        if id(shell.user_ns[name]) in parts:
            shell.user_ns[name] = None
    history = shell.displayhook
    for name in ("_", "__", "___"):
        if id(getattr(history, name, None)) in parts:
            setattr(history, name, None)
