r"""What a server sends, read: the tokens of a completion in the dialects of those who speak this API.

Log-probabilities come in two forms, and servers mix them: as columns (tokens, token_logprobs, top_logprobs;
OpenAI's completions, vLLM, llama-cpp-python) and as rows (content: [{token, bytes, logprob, top_logprobs}];
chats, and llama.cpp's server everywhere). A token may be a text, `bytes:\xe2\x80`, or `token_id:17`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

_ID = re.compile(r"token_id:(\d{1,9})")
_BYTES = re.compile(r"bytes: ?((?:\\x[0-9a-fA-F]{2})+)")


@dataclass(frozen=True, slots=True)
class Told:
    """One token as a server tells it.

    Attributes:
        id: -1 where it is not told.
        text: None where only the id is told.
        data: its bytes, where these are told.
        logprob: natural logarithm; nan where it is not told.
        others: the most probable tokens of this place, most probable first, maybe with itself among them.
    """

    id: int
    text: str | None
    data: bytes | None
    logprob: float
    others: list[Told] = field(default_factory=list["Told"])

    @property
    def same(self) -> tuple[int, Any]:
        """By what it is recognised among others."""
        return (self.id, None) if self.id >= 0 else (-1, self.data if self.data is not None else self.text)


@dataclass(frozen=True, slots=True)
class Part:
    """What a message adds to one sequence.

    Attributes:
        row: which sequence.
        text: what became readable with it.
        tokens: what is told of its tokens; empty where nothing is.
        reason: why the sequence ended, in the server's word; None while it goes on.
        stop: the stop text that ended it, where the server tells.
    """

    row: int
    text: str
    tokens: list[Told]
    reason: str | None
    stop: str | None


def parts(answer: Any) -> list[Part]:
    """The parts of a message, or of a whole answer.

    Raises:
        ValueError: it is not a completion; the text says what is wrong.

    Example:
        >>> parts({"choices": [{"text": " cat", "index": 0, "finish_reason": "length"}]})
        [Part(row=0, text=' cat', tokens=[], reason='length', stop=None)]
    """
    if not isinstance(answer, dict):
        raise ValueError("not an object")  # noqa: TRY004 - whatever is wrong, it is the same error
    choices = answer.get("choices")
    if not isinstance(choices, list):
        raise ValueError("no list of choices")  # noqa: TRY004
    return [_part(choice) for choice in choices]


def _part(choice: Any) -> Part:
    if not isinstance(choice, dict):
        raise ValueError("a choice that is no object")  # noqa: TRY004
    row = choice.get("index", 0)
    if isinstance(row, bool) or not isinstance(row, int) or row < 0:
        raise ValueError("a choice without a number")
    said: Any = choice
    for name in ("delta", "message"):
        if isinstance(choice.get(name), dict):
            said = choice[name]
    # what a model thinks before it answers is written like all the rest, and some servers set it apart
    written = ("text", "reasoning_content", "reasoning", "content") if said is not choice else ("text",)
    texts = dict.fromkeys(str(_text(said.get(name), name)) for name in written if said.get(name))
    reason, stop = choice.get("finish_reason"), choice.get("stop_reason")
    tokens = _tokens(choice.get("logprobs"))
    ids = choice.get("token_ids")
    if isinstance(ids, list) and all(isinstance(i, int) and not isinstance(i, bool) for i in ids):
        if len(ids) == len(tokens):
            tokens = [
                Told(i, told.text, told.data, told.logprob, told.others)
                for i, told in zip(ids, tokens, strict=True)
            ]
        elif not tokens:
            tokens = [Told(i, None, None, math.nan) for i in ids]
    return Part(
        row,
        "".join(texts),
        tokens,
        reason if isinstance(reason, str) and reason else None,
        stop if isinstance(stop, str) else None,
    )


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"'{name}' that is no text")  # noqa: TRY004
    return value.encode("utf-8", "replace").decode()  # JSON can hold half characters; nothing else can


def _tokens(logprobs: Any) -> list[Told]:
    if logprobs is None:
        return []
    if not isinstance(logprobs, dict):
        raise ValueError("log-probabilities that are no object")  # noqa: TRY004
    rows = logprobs.get("content")
    if isinstance(rows, list):
        return [_row(row) for row in rows]
    tokens = logprobs.get("tokens")
    if tokens is None:
        return []
    own = logprobs.get("token_logprobs") or []
    others = logprobs.get("top_logprobs") or []
    if not all(isinstance(column, list) for column in (tokens, own, others)):
        raise ValueError("log-probabilities that are no lists")
    return [
        _told(
            token,
            None,
            own[at] if at < len(own) else None,
            _others(others[at] if at < len(others) else None),
        )
        for at, token in enumerate(tokens)
    ]


def _others(given: Any) -> list[Told]:
    if given is None:
        return []
    if isinstance(given, list):
        found = [_row(row, alone=True) for row in given]
    elif isinstance(given, dict):
        found = [_told(token, None, logprob, []) for token, logprob in given.items()]
    else:
        raise ValueError("alternatives that are neither object nor list")  # noqa: TRY004
    return sorted(found, key=lambda told: -told.logprob if told.logprob == told.logprob else math.inf)


def _row(row: Any, *, alone: bool = False) -> Told:
    if not isinstance(row, dict):
        raise ValueError("a token that is no object")  # noqa: TRY004
    others = [] if alone else _others(row.get("top_logprobs"))
    return _told(row.get("token"), row.get("bytes"), row.get("logprob"), others, row.get("id"))


def _told(token: Any, data: Any, logprob: Any, others: list[Told], id_: Any = None) -> Told:
    text = _text(token, "token")
    number = math.nan if logprob is None else logprob
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise ValueError("a log-probability that is no number")  # noqa: TRY004
    given = _ID.fullmatch(text)
    if given:
        return Told(int(given[1]), None, None, float(number), others)
    spelt = _BYTES.fullmatch(text)
    if spelt:
        data = list(bytes.fromhex(spelt[1].replace("\\x", "")))
    raw: bytes | None = None
    if isinstance(data, list) and all(isinstance(byte, int) and 0 <= byte < 256 for byte in data):
        raw = bytes(data)
    known = isinstance(id_, int) and not isinstance(id_, bool) and id_ >= 0
    return Told(id_ if known else -1, text, raw, float(number), others)
