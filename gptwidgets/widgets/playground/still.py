"""The last text as plain HTML, for the day when no kernel answers. All of it is escaped text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from itertools import groupby

import numpy as np

from gptwidgets.widgets.playground.tokens import TokenColumns

MOST = 200_000  # bytes
LEVELS = 5
RGB = "214,104,20"
KNOWN: dict[str, Callable[[dict[str, np.ndarray]], np.ndarray]] = {  # 0 … 1, how much a token stands out
    "probability": lambda c: 1 - np.exp(c["logprob"]),
    "rank": lambda c: np.log2(1.0 + np.maximum(c["rank"], 0)) / 10,
    "entropy": lambda c: c["entropy"] / 10,
    "surprise": lambda c: -c["logprob"] / np.log(2) / 15,
}
SAYS = {
    "probability": "the darker, the less probable",
    "rank": "the darker, the more tokens were more probable",
    "entropy": "the darker, the less certain the model was",
    "surprise": "the darker, the more bits of surprise",
}


def html(tokens: TokenColumns, given: int, color: str, caption: Sequence[str], most: int = MOST) -> str:
    """The text of a path, its tokens coloured, as one piece of HTML.

    Args:
        tokens: of the whole path.
        given: how many of them are the prompt.
        color: the trait of this name.
        caption: sentences that stand below.
        most: bytes; the beginning of a longer text is left out.
    """
    levels = levels_of(tokens, color)
    levels[:given] = 0
    texts = tokens.texts
    parts: list[str] = []
    cut = False
    left = most - 2000 - sum(6 * len(sentence.encode("utf-8", "replace")) for sentence in caption)
    runs = [
        (level, list(at)) for level, at in groupby(range(len(texts)), lambda at: (at < given, levels[at]))
    ]
    for (prompt, level), places in reversed(runs):
        text = "".join(texts[at] for at in places)
        part = _span(text, int(level), prompt=prompt)
        size = len(part.encode())
        if size > left:
            part, cut = (
                _span(text[-max(0, left // 8) :], int(level), prompt=prompt) if left > 800 else "",
                True,
            )
        parts.append(part)
        left -= size
        if cut:
            break
    says = [*caption, *([f"Colours: {SAYS[color]}."] if color in SAYS else [])]
    return (
        '<div class="gw-playground-still"><pre style="white-space: pre-wrap; overflow-wrap: anywhere">'
        f"{'…' if cut else ''}{''.join(reversed(parts))}</pre>"
        f'<p style="opacity: 0.7"><small>{_safe(" ".join(says))}</small></p></div>'
    )


def levels_of(tokens: TokenColumns, color: str) -> np.ndarray:
    """How dark each token is, 0 … 4 [T]; 0 where nothing is known of it."""
    columns = tokens.columns()
    if color not in KNOWN:
        return np.zeros(len(tokens), np.int64)
    share = np.where(np.isfinite(columns["logprob"]), KNOWN[color](columns), 0.0)
    return np.round(np.nan_to_num(np.clip(share, 0, 1)) * (LEVELS - 1)).astype(np.int64)


def _span(text: str, level: int, *, prompt: bool) -> str:
    if prompt:
        return f'<span style="opacity: 0.7">{_safe(text)}</span>'
    if not level:
        return _safe(text)
    alpha = 0.55 * level / (LEVELS - 1)
    return f'<span style="background-color: rgba({RGB},{alpha:.2f})">{_safe(text)}</span>'


def _safe(text: str) -> str:
    return escape(text.encode("utf-8", "replace").decode()).replace("\x00", "␀")
