"""One recording of a widget, and what to do about it where it fails."""

from __future__ import annotations

import threading
from typing import Any

from gptwidgets.kernel.worker import CancelToken
from gptwidgets.widgets.wire import in_words

ACTIONS = {
    "OutOfMemory": "Take a shorter text, or close other models and records.",
    "Cancelled": "Record it again, or change the text.",
    "TextError": "Change the text.",
    "ClosedError": "Load the model again with gw.load() and make a new widget.",
}
ANYWAY = "Change the text; if that does not help, restart the kernel."


class Run:
    """One recording: what is read, a flag to stop it, whether it is over, and what went wrong.

    Args:
        read: a text, messages or ids; None for a record that was given.
    """

    def __init__(self, read: Any = None) -> None:
        self.read = read
        self.token = CancelToken()
        self.done = threading.Event()
        self.error: BaseException | None = None


def in_full(error: BaseException) -> dict[str, str]:
    """An error as the trait of this name has it: type, message and action."""
    words = in_words(error)
    return {**words, "action": ACTIONS.get(words["type"], ANYWAY)}
