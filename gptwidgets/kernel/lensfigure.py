"""A logit lens as a figure: the embedding below, the output above, a word in each cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gptwidgets.errors import DoesNotFitError
from gptwidgets.kernel.figure import _safe
from gptwidgets.kernel.readable import visible

if TYPE_CHECKING:
    from gptwidgets.kernel.lens import Lens

CELLS = 4096  # a word stands in each
LONGEST = 12  # characters of a word that fit into a cell


def figure(lens: Lens) -> Any:
    """The first choices of a lens as a Plotly figure, coloured by their probability, all k on hover.

    Raises:
        DoesNotFitError: for more than 4,096 cells.
    """
    import plotly.graph_objects as go

    R, T, k = lens.ids.shape
    if R * T > CELLS:
        raise DoesNotFitError(
            f"{R} × {T:,} words are too many for one figure; look after fewer layers (layers=[…]) or at a "
            f"text of at most {CELLS // R:,} tokens."
        )
    words = [[_safe(_short(visible(cell[0]))) for cell in row] for row in lens.tokens]
    told = [
        [
            "<br>".join(f"{_safe(visible(cell[n]))} {lens.probabilities[r, t, n]:.1%}" for n in range(k))
            for t, cell in enumerate(row)
        ]
        for r, row in enumerate(lens.tokens)
    ]
    heat = go.Heatmap(
        z=lens.probabilities[..., 0],
        x=[f"{i} {_safe(visible(piece))}" for i, piece in enumerate(lens.text.pieces, lens.start)],
        y=[_name(n) for n in lens.layers],
        text=words,
        texttemplate="%{text}",
        customdata=told,
        zmin=0,
        zmax=1,
        colorscale="Viridis",
        colorbar={"tickformat": ".0%"},
        hovertemplate="after %{x}<br>%{y}<br>%{customdata}<extra></extra>",
    )
    chart = go.Figure(heat)
    chart.update_layout(
        title=" · ".join(filter(None, [_safe(lens.name), "what it would say after each layer"])),
        template="plotly_white",
        width=max(500, 160 + 84 * T),
        height=160 + 26 * R,
    )
    chart.update_xaxes(title="token read", type="category")
    chart.update_yaxes(title="layers", type="category")
    return chart


def _name(layers: int) -> str:
    return "embedding" if layers == 0 else f"after {layers} layer{'' if layers == 1 else 's'}"


def _short(word: str) -> str:
    return word if len(word) <= LONGEST else word[: LONGEST - 1] + "…"
