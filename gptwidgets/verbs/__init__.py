"""What needs both the kernel and the store: load by name, convert, fetch the default model."""

from __future__ import annotations

from gptwidgets.verbs.converting import convert
from gptwidgets.verbs.loading import fetch_default, load

__all__ = ["convert", "fetch_default", "load"]
