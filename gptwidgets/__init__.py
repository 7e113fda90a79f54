"""GPTs opened up in a notebook: see any head of any open GPT, at any length of text, while it talks.

    import gptwidgets as gw

    gpt = gw.load()                     # the default model on the best device of this kernel
    gw.AttentionHeatmap(gpt, "The animal didn't cross the street because it was too tired")

The public names are found when they are first used (PEP 562), so that `import gptwidgets` itself
loads neither torch nor transformers and takes a few milliseconds.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gptwidgets import errors
    from gptwidgets.kernel.gpt import GPT
    from gptwidgets.kernel.intervention import Intervention
    from gptwidgets.kernel.metrics import logit_diff
    from gptwidgets.kernel.record import AttentionRecord
    from gptwidgets.kernel.sampling import Sampling
    from gptwidgets.remote.connecting import connect
    from gptwidgets.verbs import load
    from gptwidgets.verbs.store import Store
    from gptwidgets.widgets.heatmap import AttentionHeatmap
    from gptwidgets.widgets.lab import Lab
    from gptwidgets.widgets.linking import Link, link
    from gptwidgets.widgets.playground.playground import Playground
    from gptwidgets.widgets.store.browser import StoreBrowser

__version__ = "0.1.0"

_HOME = {
    "GPT": "gptwidgets.kernel.gpt",
    "AttentionHeatmap": "gptwidgets.widgets.heatmap",
    "AttentionRecord": "gptwidgets.kernel.record",
    "Intervention": "gptwidgets.kernel.intervention",
    "Lab": "gptwidgets.widgets.lab",
    "Link": "gptwidgets.widgets.linking",
    "Playground": "gptwidgets.widgets.playground.playground",
    "Sampling": "gptwidgets.kernel.sampling",
    "Store": "gptwidgets.verbs.store",
    "StoreBrowser": "gptwidgets.widgets.store.browser",
    "connect": "gptwidgets.remote.connecting",
    "link": "gptwidgets.widgets.linking",
    "load": "gptwidgets.verbs",
    "logit_diff": "gptwidgets.kernel.metrics",
}

__all__ = [
    "GPT",
    "AttentionHeatmap",
    "AttentionRecord",
    "Intervention",
    "Lab",
    "Link",
    "Playground",
    "Sampling",
    "Store",
    "StoreBrowser",
    "__version__",
    "connect",
    "errors",
    "link",
    "load",
    "logit_diff",
]


def __getattr__(name: str) -> Any:
    """Import the module where the public name `name` lives, once, and return what it names."""
    if name == "errors":
        return import_module("gptwidgets.errors")
    if name not in _HOME:
        message = f"module 'gptwidgets' has no attribute '{name}'"
        raise AttributeError(message)
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
