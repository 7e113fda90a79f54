"""The first picture of a record as trait values: it needs no request, and waits for pages to come."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import numpy as np

from gptwidgets.kernel import captions, tiles
from gptwidgets.kernel.pooling import pool_codes
from gptwidgets.kernel.stages import available

if TYPE_CHECKING:
    import pandas as pd

    from gptwidgets.kernel.gpt import GPT
    from gptwidgets.kernel.record import AttentionRecord, Which

FIRST = 32  # cells a side, at most, of the first thumbnails; finer ones are asked for where they show
QUICK_ABOVE = 256  # tokens; longer texts begin with sampled scores and thumbnails, exact ones follow
OPENING = 512  # cells a side, at most, of the chosen head's first picture
EXACT_ABOVE = 4096  # tokens; longer ones begin with a sampled picture of the chosen head, too

Steps = Generator[None, None, Any]


def variant(*, sink_hidden: bool) -> str:
    """The wire's name for what is computed: "no_sink" or "plain"."""
    return "no_sink" if sink_hidden else "plain"


def heads_of(record: AttentionRecord) -> list[tuple[Which, Which]]:
    """All heads of a record as (layer, head), in the order of the grid: layer by layer."""
    return [(layer, head) for layer in record.layers for head in range(record.n_heads)]


def grid(
    record: AttentionRecord, name: str, *, sink_hidden: bool, sampled: bool = False
) -> Generator[None, None, dict[str, Any]]:
    """The thumbnails of all heads, small.

    Args:
        record: the record.
        name: its id on the wire.
        sink_hidden: leave the first token out and renormalise.
        sampled: from some rows only, which is quick.

    Returns:
        The traits `first` (uint8 [layers · heads, s, s] as bytes) and `first_name`.
    """
    heads = heads_of(record)
    side = tiles.side(record.length, tiles.levels(record.length, FIRST))
    pictures = np.zeros((len(heads), side, side), np.uint8)  # (L·H, s, s)
    places = iter(range(len(heads)))
    for found in tiles.thumbnails(record, heads, sink_hidden=sink_hidden, sampled=sampled):
        if found:
            _, _, picture = found
            small = picture.shape[-1] <= side
            pictures[next(places)] = picture if small else pool_codes(picture, signed=record.signed)
        yield
    exact = not sampled or record.length <= tiles.SAMPLES
    label = f"{name}|{variant(sink_hidden=sink_hidden)}|{int(exact)}"
    return {"first": pictures.tobytes(), "first_name": label}


def large(
    record: AttentionRecord,
    name: str,
    layer: Which,
    head: Which,
    *,
    sink_hidden: bool,
    sampled: bool = False,
) -> Generator[None, None, dict[str, Any]]:
    """One head whole, at the finest level of at most 512 cells a side.

    Args:
        record: the record.
        name: its id on the wire.
        layer: layer number, "mean" or "max".
        head: head number, "mean" or "max".
        sink_hidden: leave the first token out and renormalise.
        sampled: from some rows only, which is quick for long texts.

    Returns:
        The traits `opening` (uint8 [s, s] as bytes) and `opening_name`.
    """
    level = 0
    while tiles.side(record.length, level) > OPENING:
        level += 1
    side = tiles.side(record.length, level)
    picture = np.zeros((side, side), np.uint8)  # (s, s)
    exact = True
    for row in range(-(-side // tiles.TILE)):
        for col in range(-(-side // tiles.TILE)):
            part, is_exact = yield from tiles.tile(
                record, layer, head, level, row, col, sink_hidden=sink_hidden, sampled=sampled
            )
            r, c = row * tiles.TILE, col * tiles.TILE
            picture[r : r + part.shape[0], c : c + part.shape[1]] = part
            exact = exact and is_exact
            yield
    label = f"{name}|{variant(sink_hidden=sink_hidden)}|{layer}|{head}|{level}|{int(exact)}"
    return {"opening": picture.tobytes(), "opening_name": label}


def table(scores: pd.DataFrame, *, sampled: bool) -> dict[str, Any]:
    """Scores as the browser reads them.

    Args:
        scores: index (layer, head), one column a score.
        sampled: whether they come from some rows only.

    Returns:
        {"columns": […], "rows": [[layer, head, value…]…], "sampled": …, "induction": …, "own": what the score
        "own" is called}; no value: None.
    """
    numbers = scores.to_numpy(np.float64)
    rows = [
        [int(layer), int(head), *(round(float(x), 5) if np.isfinite(x) else None for x in values)]
        for (layer, head), values in zip(scores.index, numbers, strict=True)
    ]
    columns = [str(column) for column in scores.columns]
    known = {"sampled": sampled, "induction": "induction" in columns, "own": scores.attrs.get("own", "")}
    return {"columns": columns, "rows": rows, **known}


def kinds(scores: pd.DataFrame, length: int, *, causal: bool) -> dict[str, Any]:
    """The traits `kind_of` (which kind each head is, where it is known) and `kinds` (what to look for)."""
    rows = scores.to_dict("records")
    of: list[tuple[int, int, str]] = [
        (int(layer), int(head), kind)
        for (layer, head), row in zip(scores.index, rows, strict=True)
        if (kind := captions.kind(row, length, causal=causal))
    ]
    there = sorted({kind for _, _, kind in of})
    told = {kind: captions.caption(kind, causal=causal) for kind in [*there, *captions.MERGED]}
    return {"kind_of": of, "kinds": told}


def describe(record: AttentionRecord, name: str, gpt: GPT | None) -> dict[str, Any]:
    """The trait `info`: what the browser must know of a record.

    Args:
        record: the record.
        name: its id on the wire.
        gpt: the model that made it, or None.
    """
    return {
        "record": name,
        "length": record.length,
        "layers": list(record.layers),
        "n_heads": record.n_heads,
        "n_kv_heads": record.n_kv_heads,
        "windows": [record.windows.get(layer) for layer in record.layers],
        "name": record.name,
        "causal": record.causal,
        "signed": record.signed,
        "vmax": float(record.vmax),
        "stages": available(record),
        "model": gpt is not None and not gpt.closed,
        "first_level": tiles.levels(record.length, FIRST),
        "device": str(gpt.device) if gpt else "",
        "dtype": str(gpt.dtype).removeprefix("torch.") if gpt else "",
    }
