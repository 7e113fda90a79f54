"""One recording of a widget, and what to do about it where it fails."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from gptwidgets.kernel.worker import CancelToken
from gptwidgets.widgets.wire import in_words

if TYPE_CHECKING:
    from gptwidgets.kernel.record import AttentionRecord

Make: TypeAlias = "Callable[[Any, Any], AttentionRecord]"
"""Records something, always the same way: given what hears of the progress (or False) and a CancelToken."""

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

    Attributes:
        make: how the record is made.
        quiet: the text is the one that is shown already; only the model was changed.
    """

    def __init__(self, read: Any = None) -> None:
        self.read = read
        self.make: Make | None = None
        self.quiet = False
        self.token = CancelToken()
        self.done = threading.Event()
        self.error: BaseException | None = None


def in_full(error: BaseException) -> dict[str, str]:
    """An error as the trait of this name has it: type, message and action."""
    words = in_words(error)
    return {**words, "action": ACTIONS.get(words["type"], ANYWAY)}
