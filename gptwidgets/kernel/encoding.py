"""From what a person gives (text, chat messages, ids) to token ids that a model can read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from gptwidgets.errors import TextError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

WRITE_SOMETHING = "There is nothing to read: write at least one token."


def encode(
    text: Any,
    tokenizer: PreTrainedTokenizerBase | None,
    vocabulary: int,
    *,
    add_special_tokens: Any = None,
    name: str = "This model",
    reply: bool = False,
) -> list[int]:
    """Text, chat messages or ids as a checked list of ids.

    Args:
        text: a string, a list of {"role", "content"} dicts, or ids (list, 1-D tensor, 1-D array).
        tokenizer: the model's tokenizer; ids do without.
        vocabulary: how many rows the model's embedding has: ids are below it.
        add_special_tokens: for a string: True, False, or None for the tokenizer's own habit.
        name: the model's name, for the error's sentence.
        reply: whether chat messages end where the model's answer begins.

    Returns:
        At least one id.

    Raises:
        TextError: nothing to read, half characters, ids that do not exist, no tokenizer or chat template.
        TypeError: something else altogether.

    Example:
        >>> encode([5, 6], None, vocabulary=10)
        [5, 6]
    """
    if add_special_tokens is not None and not isinstance(add_special_tokens, bool):
        raise TypeError(f"add_special_tokens must be True, False or None, not {add_special_tokens!r}.")
    if isinstance(text, str):
        ids = _from_text(text, _needed(tokenizer, name), add_special_tokens)
    elif isinstance(text, torch.Tensor | np.ndarray):
        ids = _from_array(text)
    elif isinstance(text, Sequence) and not isinstance(text, bytes | bytearray):
        if len(text) and all(isinstance(item, Mapping) for item in text):
            ids = _from_messages(text, _needed(tokenizer, name), name, reply=reply)
        else:
            ids = _from_list(text)
    else:
        raise TypeError(_WHAT.format(type(text).__name__))
    if not ids:
        raise TextError(WRITE_SOMETHING)
    wrong = next((i for i in ids if not 0 <= i < vocabulary), None)
    if wrong is not None:
        raise TextError(f"Token id {wrong} does not exist; {name} has ids 0 to {vocabulary - 1}.")
    return ids


_WHAT = "Give a text, a list of token ids, or a list of chat messages, not {}."


def _needed(tokenizer: PreTrainedTokenizerBase | None, name: str) -> PreTrainedTokenizerBase:
    if tokenizer is None:
        raise TextError(f"{name} has no tokenizer here: pass token ids, or load it with tokenizer=….")
    return tokenizer


def _check_characters(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = ord(text[error.start])
        raise TextError(
            f"Character {error.start} of the text is half a character (U+{half:04X}, a lone surrogate), "
            'which no tokenizer can read; text.encode("utf-8", "replace").decode() removes such halves.'
        ) from None


def _from_text(
    text: str,
    tokenizer: PreTrainedTokenizerBase,
    add_special_tokens: bool | None,
) -> list[int]:
    if not text:
        raise TextError(WRITE_SOMETHING)  # not even where the tokenizer would add a BOS
    _check_characters(text)
    chosen: dict[str, Any] = {} if add_special_tokens is None else {"add_special_tokens": add_special_tokens}
    # verbose=False: that a text exceeds the trained context is said by `record`, and in better words
    return list(tokenizer(text, verbose=False, **chosen)["input_ids"])


def _from_messages(
    messages: Sequence[Mapping[str, Any]], tokenizer: PreTrainedTokenizerBase, name: str, *, reply: bool
) -> list[int]:
    for message in messages:
        if not isinstance(message.get("role"), str) or not isinstance(message.get("content"), str):
            raise TextError('Each chat message needs a "role" and a "content", both text.')
        _check_characters(message["content"])
    if not getattr(tokenizer, "chat_template", None):
        raise TextError(f"{name} has no chat template: it is not a chat model; give it a text instead.")
    try:
        ids: Any = tokenizer.apply_chat_template(
            [dict(message) for message in messages], return_dict=False, add_generation_prompt=reply
        )
    except Exception as error:
        # Templates are programs of the model's makers: what they do not know they refuse as they like.
        raise TextError(f"The chat template of {name} refuses these messages: {error}") from None
    return [int(i) for i in ids]


def _from_array(array: torch.Tensor | np.ndarray[Any, Any]) -> list[int]:
    if array.ndim == 2 and array.shape[0] == 1:  # a batch of one, as tokenizers return it
        array = array[0]
    if array.ndim != 1:
        raise TextError(f"Token ids must be one-dimensional, not of shape {tuple(array.shape)}.")
    whole = (
        not (array.is_floating_point() or array.is_complex() or array.dtype == torch.bool)
        if isinstance(array, torch.Tensor)
        else np.issubdtype(array.dtype, np.integer)
    )
    if not whole:
        raise TypeError(f"Token ids must be whole numbers, not {array.dtype}.")
    return [int(i) for i in array.tolist()]


def _from_list(items: Sequence[Any]) -> list[int]:
    for item in items:
        if isinstance(item, bool | np.bool_) or not isinstance(item, int | np.integer):
            raise TypeError(_WHAT.format(f"a list that holds {item!r}"))
    return [int(item) for item in items]
