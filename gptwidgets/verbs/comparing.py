"""Models side by side: what they did on this machine, what they are, and what people say of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from gptwidgets.kernel.memory import gigabytes

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

MOST = 8
MISSING = "not measured"
# Okabe and Ito's colours, which people with any kind of colour vision tell apart; bars have their names, too.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A6A00", "#4D4D4D")


class Figure(NamedTuple):
    """A figure to compare by.

    Attributes:
        column: what it is called in a row.
        title: what it is, and which end is the better one.
        words: how a person reads it.
        missing: what stands in its place where there is none.
        unit: what it is divided by along an axis.
    """

    column: str
    title: str
    words: Callable[[float], str]
    missing: str = MISSING
    unit: float = 1.0


def _count(n: float) -> str:
    """A number of parameters: '135 M', '1.7 B'."""
    return f"{n / 1e6:,.0f} M" if n < 999.5e6 else f"{n / 1e9:,.1f} B"


FIGURES = (
    Figure("tokens_per_second", "Tokens a second (more is faster)", lambda x: f"{x:.3g}"),
    Figure("first_token_s", "Seconds to the first token (fewer are faster)", lambda x: f"{x:.3g} s"),
    Figure("peak_bytes", "Memory in use", gigabytes, unit=1e9),
    Figure("bits_per_byte", "Bits per byte (fewer foretell better)", lambda x: f"{x:.3f}"),
    Figure("stars", "Stars (of 5)", lambda x: f"{x:.1f}", "no reviews"),
    Figure("parameters", "Parameters", _count, "not known", unit=1e6),
)
COLUMNS = (
    *("title", "tokens_per_second", "first_token_s", "peak_bytes", "bits_per_byte", "licence", "stars"),
    *("reviews", "parameters", "context_length", "weight_bytes", "measured_on"),
)
_NUMBERS = {*(figure.column for figure in FIGURES), "reviews", "context_length", "weight_bytes"}
_HEADS = {
    "title": "Model", "tokens_per_second": "Tokens/s", "first_token_s": "First token", "peak_bytes": "Memory",
    "bits_per_byte": "Bits per byte", "licence": "Licence", "stars": "Stars", "parameters": "Parameters",
    "context_length": "Context", "measured_on": "Measured on",
}  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """Models side by side; a notebook shows the table and the figure.

    Attributes:
        rows: what is known of each, as `store.search` tells it.

    Example:
        >>> both = compare([{"name": "a", "tokens_per_second": 20.0}, {"name": "b"}])
        >>> both.table["tokens_per_second"].tolist()
        [20.0, nan]
    """

    rows: tuple[Mapping[str, Any], ...]

    @property
    def table(self) -> pd.DataFrame:
        """One row a model, by its name; nan for what is not known."""
        import pandas as pd

        made = pd.DataFrame(
            {column: [_value(row, column) for row in self.rows] for column in COLUMNS},
            index=pd.Index([str(row["name"]) for row in self.rows], name="name"),
        )
        return made.astype({column: float for column in COLUMNS if column in _NUMBERS})

    @property
    def figure(self) -> go.Figure:
        """A small chart for each figure, a bar a model; what was not measured says so in its place."""
        import plotly.graph_objects as go
        from plotly.subplots import make_subplots

        names = _apart([_safe(str(row.get("title") or row["name"])) for row in self.rows])
        licences = [_safe(str(row.get("licence") or "licence not known")) for row in self.rows]
        labels = [f"{name} <br><i>{licence} </i>" for name, licence in zip(names, licences, strict=True)]
        chart: Any = make_subplots(
            rows=2, cols=3, shared_yaxes=True, horizontal_spacing=0.05, vertical_spacing=0.16,
            subplot_titles=[figure.title for figure in FIGURES],
        )  # fmt: skip
        for at, figure in enumerate(FIGURES):
            values = [_value(row, figure.column) for row in self.rows]
            known = [value for value in values if not math.isnan(value)]
            whole = 5.0 if figure.column == "stars" else max(known, default=0.0) / figure.unit
            room = 1.35 * whole or 1.0  # for the words behind the longest bar
            chart.add_trace(
                go.Bar(
                    orientation="h",
                    x=[0 if math.isnan(value) else value / figure.unit for value in values],
                    y=labels,
                    text=[figure.missing if math.isnan(value) else figure.words(value) for value in values],
                    textposition="outside",
                    cliponaxis=False,
                    marker_color=[COLOURS[i % len(COLOURS)] for i in range(len(self.rows))],
                    customdata=names,
                    hovertemplate="%{customdata}: %{text}<extra></extra>",
                    showlegend=False,
                ),
                row=at // 3 + 1,
                col=at % 3 + 1,
            )
            chart.update_xaxes(range=[0, room], row=at // 3 + 1, col=at % 3 + 1)
        chart.update_yaxes(autorange="reversed", showgrid=False)
        chart.update_xaxes(showticklabels=False, showgrid=False, zeroline=True, zerolinecolor="#7f7f7f")
        # its own ground, so that it is as readable on a dark page as on a light one
        chart.update_layout(
            template="plotly_white", width=980, height=170 + 2 * 46 * max(2, len(self.rows)),
            margin={"l": 10, "r": 30, "t": 50, "b": 20}, bargap=0.35, font={"size": 12, "color": "#1f1f1f"},
        )  # fmt: skip
        chart.update_annotations(font_size=13)
        return chart

    def __repr__(self) -> str:
        return self._words().to_string(index=False)

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display({"text/html": self._words().to_html(index=False), "text/plain": repr(self)}, raw=True)
        display(self.figure)

    def _words(self) -> pd.DataFrame:
        """The table as people read it."""
        import pandas as pd

        shown = {figure.column: figure for figure in FIGURES}
        made: dict[str, list[str]] = {}
        for column, head in _HEADS.items():
            figure = shown.get(column)
            values = [_value(row, column) for row in self.rows]
            if figure is not None:
                made[head] = [figure.missing if math.isnan(v) else figure.words(v) for v in values]
            elif column == "context_length":
                made[head] = ["not known" if math.isnan(v) else f"{v:,.0f}" for v in values]
            else:
                rest = MISSING if column == "measured_on" else "not known"
                made[head] = [rest if v is None else str(v) for v in values]
        return pd.DataFrame(made)


def compare(rows: Iterable[Mapping[str, Any]]) -> Comparison:
    """Puts models side by side.

    Args:
        rows: what is known of each: name, title, licence, stars, reviews, parameters, context_length,
            weight_bytes, tokens_per_second, first_token_s, peak_bytes, bits_per_byte, measured_on; what is
            missing or None is said to be so.

    Returns:
        The comparison; `.table` is a DataFrame, `.figure` a Plotly figure.

    Raises:
        ValueError: none, or more than eight.

    Example:
        >>> compare([{"name": "gpt2", "parameters": 124_439_808}]).table["parameters"].tolist()
        [124439808.0]
    """
    found: Sequence[Mapping[str, Any]] = tuple(rows)
    if not 1 <= len(found) <= MOST:
        raise ValueError(f"Give one to {MOST} models to compare, not {len(found)}.")
    return Comparison(tuple(dict(row) for row in found))


def _value(row: Mapping[str, Any], column: str) -> Any:
    """An entry: a number or nan, a word or None."""
    value = row.get(column)
    if column not in _NUMBERS:
        return row["name"] if column == "title" and value is None else value
    return math.nan if value is None else float(value)


def _apart(names: list[str]) -> list[str]:
    """Names of which no two are the same: Plotly would lay their bars on each other."""
    return [name if names.count(name) == 1 else f"{name} ({i + 1})" for i, name in enumerate(names)]


def _safe(text: str) -> str:
    """A title is text, not Plotly's markup and not a formula."""
    return escape(text).replace("$", "&#36;")
