"""Where models can be found: the embedded catalogue, this machine, the Hugging Face Hub; one interface."""

from __future__ import annotations

from gptwidgets.store.sources.asking import Answer, ask, describe
from gptwidgets.store.sources.embedded import Embedded
from gptwidgets.store.sources.found import Found, Source
from gptwidgets.store.sources.huggingface import HuggingFace
from gptwidgets.store.sources.machine import Machine

__all__ = ["Answer", "Embedded", "Found", "HuggingFace", "Machine", "Source", "ask", "describe"]
