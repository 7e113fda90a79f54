"""What may be given to a server to go on from: a text, or the messages of a chat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gptwidgets.errors import TextError
from gptwidgets.remote.asking import CHAT, COMPLETIONS

NOTHING = "There is nothing to read: write at least one token."


def checked(prompt: Any, no_ids: str) -> tuple[str, Any]:
    """A prompt and where to send it.

    Args:
        prompt: a text, or a list of {"role", "content"} dicts.
        no_ids: why there can be no ids.

    Raises:
        TextError: nothing to read, ids, half characters, half messages.
        TypeError: something else altogether.

    Example:
        >>> checked("Once", "")
        ('/completions', 'Once')
    """
    if isinstance(prompt, str):
        if not prompt:
            raise TextError(NOTHING)
        return COMPLETIONS, _whole(prompt)
    ids = type(prompt).__name__ in {"Tensor", "ndarray"}
    if not ids and (not isinstance(prompt, Sequence) or isinstance(prompt, bytes | bytearray)):
        raise TypeError(f"Give a text, or a list of chat messages, not {type(prompt).__name__}.")
    if not len(prompt):
        raise TextError(NOTHING)
    if ids or not all(isinstance(message, Mapping) for message in prompt):
        raise TextError(no_ids)
    for message in prompt:
        if not isinstance(message.get("role"), str) or not isinstance(message.get("content"), str):
            raise TextError('Each chat message needs a "role" and a "content", both text.')
    return CHAT, [{"role": message["role"], "content": _whole(message["content"])} for message in prompt]


def _whole(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise TextError(
            f"Character {error.start} of the text is half a character (a lone surrogate); "
            'text.encode("utf-8", "replace").decode() removes such halves.'
        ) from None
    return text
