"""One head as a table and as a figure, with the tokens on both axes."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from gptwidgets.errors import DoesNotFitError
from gptwidgets.kernel.readable import visible
from gptwidgets.kernel.scale import WORDS, Scale, place, ticks

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from gptwidgets.kernel.record import AttentionRecord

Part: TypeAlias = "slice | range | tuple[int, int] | None"

ALL_NAMED = 48  # tokens along an axis up to which every one is written there
CELLS = 2048 * 2048  # of a figure; a browser takes no more


def cells(
    record: AttentionRecord,
    layer: Any,
    head: Any,
    rows: range,
    cols: range,
    *,
    sink_hidden: bool = False,
) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A rectangle of one head, float32 [rows, cols], with nan where there is no cell."""
    if not rows or not cols:
        return np.zeros((len(rows), len(cols)), np.float32)
    block = record.block(layer, head, rows, cols, no_sink=sink_hidden)
    absent = record.absent(layer, rows, cols, head=head, no_sink=sink_hidden)
    if absent is not None:
        block = block.masked_fill(absent, np.nan)
    return block.cpu().numpy()


def part(chosen: Part, length: int) -> range:
    """The positions that a slice, a range or (start, stop) means in a text; all of them where None.

    Example:
        >>> part(slice(-3, None), 10)
        range(7, 10)
    """
    if chosen is None:
        return range(length)
    if isinstance(chosen, slice):
        start, stop, _ = chosen.indices(length)
    else:
        start, stop = (chosen.start, chosen.stop) if isinstance(chosen, range) else chosen
    return range(max(0, start), max(0, start, min(stop, length)))


def to_pandas(
    record: AttentionRecord, layer: Any, head: Any = None, *, sink_hidden: bool = False
) -> pd.DataFrame:
    """One head as a DataFrame.

    Args:
        record: the recording.
        layer: layer number, "mean", "max" or a head's name ("L18H6").
        head: head number, "mean" or "max".
        sink_hidden: leave the first token out and share its weight among the others.

    Returns:
        float32 [query, key]; both axes indexed by (position, token), masked cells are nan.

    Raises:
        IndexError: if there is no such layer or head.
        DoesNotFitError: above 1 GiB.

    Example:
        >>> to_pandas(record, 13, 8).loc[8].T.nlargest(3, 8)  # doctest: +SKIP
    """
    import pandas as pd

    layer, head = record.find(layer, head)
    size = record.length**2 * 4
    if size > 2**30:
        raise DoesNotFitError(
            f"A table of {record.length:,} × {record.length:,} cells would take {size / 2**30:.1f} GiB; "
            "ask for a part: record.weights(layer, head, rows, cols)."
        )
    whole = range(record.length)
    axes = [
        pd.MultiIndex.from_arrays([list(whole), list(record.tokens.pieces)], names=[name, "token"])
        for name in ("query", "key")
    ]
    values = cells(record, layer, head, whole, whole, sink_hidden=sink_hidden)
    return pd.DataFrame(values, index=axes[0], columns=axes[1])


def figure(
    record: AttentionRecord,
    layer: Any,
    head: Any = None,
    *,
    rows: Part = None,
    cols: Part = None,
    scale: Scale = "sqrt",
    sink_hidden: bool = False,
    colorscale: str | None = None,
) -> go.Figure:
    """One head as a Plotly figure: tokens on the axes, masked cells absent, exact numbers on hover.

    Args:
        record: the recording.
        layer: layer number, "mean", "max" or a head's name ("L18H6").
        head: head number, "mean" or "max".
        rows: the queries: a slice, a range or (start, stop); all where None.
        cols: the keys, likewise.
        scale: "linear", "sqrt" or "log": how weights become colours; the numbers stay weights.
        sink_hidden: leave the first token out and share its weight among the others.
        colorscale: one of Plotly's; Viridis, for signed values RdBu, where None.

    Raises:
        IndexError: if there is no such layer or head.
        DoesNotFitError: for more than 2048 × 2048 cells.
        ValueError: for another scale.

    Example:
        >>> figure(record, "L13H8", scale="linear").show()  # doctest: +SKIP
    """
    import plotly.graph_objects as go

    layer, head = record.find(layer, head)
    i, j = part(rows, record.length), part(cols, record.length)
    if len(i) * len(j) > CELLS:
        raise DoesNotFitError(
            f"{len(i):,} × {len(j):,} cells are too many for one figure; "
            "choose a part of at most 2,048 × 2,048: rows=slice(…), cols=slice(…)."
        )
    values = cells(record, layer, head, i, j, sink_hidden=sink_hidden)
    signed, vmax = record.signed, record.vmax
    beside = ticks(scale, signed=signed, vmax=vmax)
    hidden = ", first token hidden" if sink_hidden else ""
    heat = go.Heatmap(
        z=place(values, scale, signed=signed, vmax=vmax).astype(np.float32),
        x=_labels(record, j),
        y=_labels(record, i),
        customdata=values,
        zmin=0,
        zmax=1,
        colorscale=colorscale or ("RdBu_r" if signed else "Viridis"),
        colorbar={"tickvals": [tick.at for tick in beside], "ticktext": [tick.label for tick in beside]},
        hoverongaps=False,
        hovertemplate="query %{y}<br>key %{x}<br>weight %{customdata:.6g}<extra></extra>",
    )
    title = " · ".join(
        filter(None, [_safe(record.name), f"layer {layer}, head {head}{hidden}, {WORDS[scale]}"])
    )
    chart = go.Figure(heat)
    chart.update_layout(
        title=title, template="plotly_white", width=760, height=800, margin_t=150, title_y=0.96
    )

    chart.update_xaxes(
        title="key: looked at", side="top", constrain="domain", showgrid=False, **_named(record, j)
    )
    chart.update_yaxes(
        title="query: looks", autorange="reversed", scaleanchor="x", showgrid=False, **_named(record, i)
    )
    return chart


def _labels(record: AttentionRecord, positions: range) -> list[str]:
    """Names of rows or columns, each its own: Plotly would lay equal ones on each other."""
    return [f"{i} {_safe(visible(record.tokens.pieces[i]))}" for i in positions]


def _named(record: AttentionRecord, positions: range) -> dict[str, Any]:
    """Which tokens are written along an axis: all of a short text, else about twenty."""
    step = 1 if len(positions) <= ALL_NAMED else -(-len(positions) // 20)
    at = list(range(0, len(positions), step))
    text = [_safe(visible(record.tokens.pieces[positions[k]])) for k in at]
    return {"type": "category", "tickmode": "array", "tickvals": at, "ticktext": text}


def _safe(text: str) -> str:
    """A token is text, not Plotly's markup and not a formula."""
    return escape(text).replace("$", "&#36;")
