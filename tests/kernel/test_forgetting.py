from __future__ import annotations

import sys
import types
import weakref

import pytest

from gptwidgets.kernel.forgetting import forget_frames, forget_in_notebook
from tests.kernel.test_gpt import build


class Model:
    pass


def test_forget_frames_follows_causes():
    def raise_from(held: Model) -> None:
        try:
            int(type(held).__name__)
        except ValueError as cause:
            raise KeyError(1) from cause

    model = Model()
    seen = weakref.ref(model)
    with pytest.raises(KeyError) as caught:
        raise_from(model)
    del model
    assert seen() is not None
    forget_frames(caught.value)
    assert seen() is None


def test_what_the_notebook_keeps_on_the_side_is_let_go(monkeypatch):
    held = build()
    model = weakref.ref(held)
    names = {"_oh": {3: held, 4: "text"}, "_": held, "_3": held, "x": 1, "__": "else"}
    hook = types.SimpleNamespace(_=held, __=None, ___=None)
    shell = types.SimpleNamespace(user_ns=names, displayhook=hook)
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    forget_in_notebook(held)
    del held
    assert model() is None
    assert names["_oh"] == {4: "text"}
    assert (names["x"], names["__"]) == (1, "else")
