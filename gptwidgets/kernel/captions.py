"""What to look for: kinds of heads, a sentence for each, and which head to look at first.

The kinds are those of the literature, read off the scores of a head on the text at hand, not claimed
of the head in general: Clark et al. 2019, "What Does BERT Look At?" (previous token, broad, a token
that serves as a place to rest), Xiao et al. 2023, "Efficient Streaming Language Models with Attention
Sinks" (first token), Olsson et al. 2022, "In-context Learning and Induction Heads" (induction).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gptwidgets.errors import UnknownNameError
from gptwidgets.kernel.readable import visible

if TYPE_CHECKING:
    import pandas as pd

    from gptwidgets.kernel.pieces import Tokens
    from gptwidgets.kernel.record import AttentionRecord, Which

CAPTIONS = {
    "first token": "It rests on the first token, until it finds something: see the rows where it does.",
    "previous token": "A stripe just under the diagonal: each token looks at the one before it.",
    "same token": "Find a word that comes a second time: it looks back at itself.",
    "induction": "Find a word that comes a second time: it looks at what followed it the first time.",
    "local": "A band along the diagonal: each token looks at itself and the last few words.",
    "broad": "No single bright cell: each token averages over much of the text before it.",
    "focused": "Bright cells away from the diagonal: which earlier word each token picks out.",
    "single token": "A single token has nowhere to look but at itself: a longer text shows more.",
}
BOTH_WAYS = {  # what reads otherwise where tokens look at later ones, too
    "same token": "Find a word that comes more than once: its places look at one another.",
    "local": "A band along the diagonal: each token looks at itself and its neighbours.",
    "broad": "No single bright cell: each token averages over much of the text.",
    "focused": "Bright cells away from the diagonal: which other word each token picks out.",
}
MERGED = {
    "mean": "The mean of several heads: what most of them share stands out.",
    "max": "The largest weight of several heads in each cell: a bright cell is bright in at least one.",
    "mean of max": "The largest weight of each layer's heads, and of these the mean over the layers.",
    "max of mean": "The mean of each layer's heads, and of these the largest over the layers.",
}
MEASURED = ("entropy", "distance", "first", "previous", "same")
CANDIDATES = 32  # heads whose weights are read before one is called the most telling
ROWS = 64  # of which at most so many queries each, spread evenly over the text


def kind(scores: Any, length: int | None = None, *, causal: bool = True) -> str:
    """Name the kind of a head by its scores.

    Args:
        scores: one row of `AttentionRecord.scores()`, or a dict with its columns: entropy in bits, distance
            in tokens, and the masses first, previous, same (0 to 1); induction where it was measured.
        length: number of tokens; what is local and what is broad depends on it. Guessed where None.
        causal: whether no token looks at a later one.

    Returns:
        A key of `CAPTIONS`; "" for a head of which nothing was measured (all NaN, as in signed arrays).

    Example:
        >>> kind({"entropy": 0.4, "distance": 3.2, "first": 0.9, "previous": 0.1, "same": 0.0}, length=9)
        'first token'
    """
    if length == 1:
        return "single token"
    if all(math.isnan(scores[name]) for name in MEASURED if name in scores):
        return ""
    at = {name: _number(scores, name) for name in (*MEASURED, "induction")}
    # in the second row the first token is the previous one: so the first comes first
    for name, least in (("induction", 0.5), ("first", 0.5), ("previous", 0.5), ("same", 0.4)):
        if at[name] > least:
            return name if name == "induction" else f"{name} token"
    length = length or max(2, round(2 * at["distance"]))
    # how far it looks when it does not look at the first token, which is length / 2 away on average
    distance = (at["distance"] - at["first"] * length / 2) / (1 - at["first"])
    if at["entropy"] > 0 and distance < min(12.0, length / 10):
        return "local"
    if at["entropy"] > 0.65 * (_even(length) if causal else math.log2(length)):
        return "broad"
    return "focused"


def merged(layer: Which | str, head: Which) -> str:
    """What a choice of several heads is called: a key of `MERGED`; "" for a single head.

    Example:
        >>> merged("mean", "max"), merged(3, "max"), merged(3, 1)
        ('mean of max', 'max', '')
    """
    ways = list(dict.fromkeys(how for how in (layer, head) if isinstance(how, str)))
    return " of ".join(ways)


def caption(kind: str, *, causal: bool = True) -> str:
    """One sentence: what to look for in a head of this kind.

    Args:
        kind: what `kind` or `merged` returned.
        causal: whether no token looks at a later one.

    Returns:
        The sentence; "" for "".

    Raises:
        UnknownNameError: a KeyError, for a word that names no kind.

    Example:
        >>> caption("previous token")
        'A stripe just under the diagonal: each token looks at the one before it.'
    """
    known = {"": ""} | CAPTIONS | MERGED | ({} if causal else BOTH_WAYS)
    if kind not in known:
        raise UnknownNameError(
            f"There is no kind of head named {kind!r}; the kinds are {', '.join(CAPTIONS)}."
        )
    return known[kind]


def most_telling(scores: pd.DataFrame, record: AttentionRecord | None = None) -> tuple[int, int]:
    """Choose the head to open with: concentrated, neither a sink nor merely local.

    By the scores alone that is the head with the most mass elsewhere than on the first and the previous
    token, per token over which the head spreads, (1 - first - previous) / 2^entropy, and less if that mass
    stays within two tokens. With the record, the best by that quotient are read. Many heads rest on a second
    token just as they do on the first one ("the", ":"), and look concentrated because of it. So what counts
    is the peak of a row away from the first token and from those just before it, times how far that peak
    stands above the mean of its column: a head is telling where different tokens look at different places.

    Args:
        scores: `AttentionRecord.scores()`, indexed by (layer, head).
        record: what the scores were made of; read in `CANDIDATES` heads and `ROWS` rows at most.

    Returns:
        (layer, head); the first of the index where no head tells anything (one token, all NaN).

    Raises:
        ValueError: if there is no head at all.

    Example:
        >>> layer, head = most_telling(record.scores(), record)  # doctest: +SKIP
    """
    if not len(scores):
        raise ValueError("there is no head to choose from.")
    entropy, distance, first, previous = (
        scores[["entropy", "distance", "first", "previous"]].to_numpy(float).T
    )
    mass = np.clip(1 - first - previous, 0, None)  # (heads,)
    elsewhere = mass / np.exp2(entropy)
    if record is None:
        far = np.max(np.nan_to_num(distance))  # of a head that looks at hardly anything but the first token
        reach = (distance - first * far - previous) / np.maximum(mass, 1e-9)
        elsewhere *= np.clip(reach / 2, 0, 1)
    plain = (first > 0.5) | (previous > 0.5)  # its name says all; only where there is nothing better
    elsewhere = np.nan_to_num(np.where(plain, elsewhere / 1000, elsewhere), nan=-1.0)
    names = [(int(layer), int(head)) for layer, head in scores.index]
    if elsewhere.max() <= 0:  # three tokens, say: nowhere else to look; then rather no sink
        return names[int(np.argmax(np.nan_to_num(1 - first, nan=-1.0)))]
    order = np.argsort(-elsewhere, kind="stable")
    if record is None:
        return names[int(order[0])]
    best = [i for i in order[:CANDIDATES] if elsewhere[i] > 0]
    best = [i for i in best if not plain[i]] or best
    telling = [_telling(record, *names[i]) for i in best]
    return names[best[int(np.argmax(telling))]]


def describe(
    record: AttentionRecord,
    layer: Which | str,
    head: Which | None = None,
    query: int | None = None,
    *,
    sink_hidden: bool = False,
) -> str:
    """Say in one sentence what a token looks at most; what a screen reader hears.

    Args:
        record: the recording.
        layer: layer number, "mean", "max" or a head's name ("L13H8").
        head: head number, "mean" or "max".
        query: index of the token that looks; the last one where None.
        sink_hidden: leave the first token out and share its weight among the others, as the picture does.

    Raises:
        IndexError: if the layer, the head or the token does not exist.

    Example:
        >>> describe(record, 13, 8, query=8)  # doctest: +SKIP
        "layer 13 head 8: 'it' looks most at 'animal', 0.75"
    """
    layer, head = record.find(layer, head)
    length = record.length
    query = length - 1 if query is None else query
    if not 0 <= query < length:
        raise IndexError(f"token {query} does not exist; this text has tokens 0 to {length - 1}")
    here = range(query, query + 1)
    row = record.block(layer, head, here, range(length), no_sink=sink_hidden)[0].cpu().numpy()  # (T,)
    place, looks = f"layer {layer} head {head}", word(record.tokens, query)
    key = int(np.argmax(np.abs(row)))
    if row[key] == 0:
        return f"{place}: {looks} looks at nothing{' but the first token' if sink_hidden else ''}"
    without = " (first token hidden)" if sink_hidden else ""
    return f"{place}: {looks} looks most at {word(record.tokens, key)}, {row[key]:.2f}{without}"


def word(tokens: Tokens, index: int) -> str:
    """A token within a sentence: its text, or the whole character it is a part of, in quotes."""
    text = tokens.group_text(index)
    return f"'{visible(text.strip() or text)}'"


def _telling(record: AttentionRecord, layer: int, head: int) -> float:
    """How much of a head's weight goes to places that depend on who looks (0 to 1)."""
    length = record.length
    some = min(length, ROWS, max(16, 2**16 // length))
    rows = np.unique(np.linspace(0, length - 1, some).astype(int))  # (R,)
    whole = record.source.rows(layer, [head], rows.tolist())
    weights = np.zeros((len(rows), length), np.float32)  # (R, T)
    weights[:, whole.cols.start : whole.cols.stop] = whole.weights[0].cpu().numpy()
    near = max(2, min(8, length // 32))  # what is nearer than that is local
    seen = np.arange(length)[None, :] <= rows[:, None] - near  # (R, T)
    seen[:, 0] = False
    weights = np.where(seen, weights, 0)
    column = weights.sum(0) / np.maximum(seen.sum(0), 1)  # (T,)
    peak = weights.max(1).mean()
    above = np.where(seen, weights - column, 0).max(1).mean()
    return float(math.sqrt(max(0.0, peak * above)))


def _number(scores: Any, name: str) -> float:
    value = float(scores[name]) if name in scores else 0.0
    return 0.0 if math.isnan(value) else value


def _even(length: int) -> float:
    """Mean entropy in bits of causal rows i >= 1 that spread their weight evenly: mean of log2(i + 1)."""
    return math.lgamma(length + 1) / math.log(2) / max(1, length - 1)
