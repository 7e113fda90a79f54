from __future__ import annotations

import math

import plotly.graph_objects as go
import pytest

from gptwidgets.verbs import comparing
from gptwidgets.verbs.comparing import compare

SMOL = {
    "name": "smol", "title": "Smol", "licence": "Apache-2.0", "stars": 4.25, "reviews": 4,
    "parameters": 134_515_008, "context_length": 8192, "weight_bytes": 538_060_032,
    "tokens_per_second": 18.234, "first_token_s": 0.3125, "peak_bytes": 982_609_920,
    "bits_per_byte": 1.0354, "measured_on": "CPU, 2 threads", "summary": "more than is compared",
}  # fmt: skip
LARGE = {"name": "large", "title": "Large", "licence": "MIT", "parameters": 7_241_732_096, "stars": None}


def texts(figure):
    """What stands at each bar, by chart."""
    titles = [annotation.text for annotation in figure.layout.annotations]
    return {title: list(trace.text) for title, trace in zip(titles, figure.data, strict=True)}


def test_the_table_has_a_row_a_model_and_nan_for_what_is_not_known():
    table = compare([SMOL, LARGE]).table
    assert list(table.index) == ["smol", "large"]
    assert table.loc["smol", "bits_per_byte"] == 1.0354
    assert (table.loc["smol", "licence"], table.loc["large", "licence"]) == ("Apache-2.0", "MIT")
    assert math.isnan(table.loc["large", "tokens_per_second"])
    assert math.isnan(table.loc["large", "stars"])
    assert table["parameters"].idxmax() == "large"
    assert {"first_token_s", "peak_bytes", "context_length", "reviews", "measured_on"} <= set(table.columns)


def test_the_figure_says_every_number_and_what_was_not_measured():
    figure = compare([SMOL, LARGE]).figure
    assert type(figure) is go.Figure
    assert texts(figure) == {
        "Tokens a second (more is faster)": ["18.2", "not measured"],
        "Seconds to the first token (fewer are faster)": ["0.312 s", "not measured"],
        "Memory in use": ["983 MB", "not measured"],
        "Bits per byte (fewer foretell better)": ["1.035", "not measured"],
        "Stars (of 5)": ["4.2", "no reviews"],
        "Parameters": ["135 M", "7.2 B"],
    }
    assert list(figure.data[2].x) == [0.98260992, 0]
    assert all("Apache-2.0" in trace.y[0] and "MIT" in trace.y[1] for trace in figure.data)
    assert all(axis.range[0] == 0 for axis in figure.select_xaxes())  # bars may be compared by their length


def test_nothing_measured_at_all():
    figure = compare([{"name": "new"}]).figure
    assert texts(figure)["Parameters"] == ["not known"]
    assert all(axis.range[1] > 0 for axis in figure.select_xaxes())
    figure.to_json()


def test_titles_are_text_and_keep_apart():
    rows = [
        {"name": "a", "title": "<b>$x$</b>"},
        {"name": "b", "title": "Same"},
        {"name": "c", "title": "Same"},
    ]
    first, second, third = compare(rows).figure.data[0].y
    assert first.startswith("&lt;b&gt;&#36;x&#36;&lt;/b&gt; <br>")
    assert second != third


def test_it_can_be_read_on_a_dark_page_and_with_any_colour_vision():
    figure = compare([{"name": str(i), "parameters": 10} for i in range(comparing.MOST)]).figure
    colours = figure.data[0].marker.color
    assert len(set(colours)) == comparing.MOST
    ground = figure.layout.template.layout.paper_bgcolor  # its own, and not the page's
    assert contrast(figure.layout.font.color, ground) > 7
    assert min(contrast(colour, ground) for colour in colours) > 2


def contrast(one, other):
    """WCAG's, of #rrggbb and "white"."""

    def light(colour):
        colour = "#ffffff" if colour == "white" else colour
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05

    a, b = sorted([light(one), light(other)])
    return b / a


def test_a_notebook_shows_the_table_and_the_figure(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda what, **_: shown.append(what))
    both = compare([SMOL, {**LARGE, "title": "<script>"}])
    both._ipython_display_()
    table, figure = shown
    assert "not measured" in table["text/html"]
    assert "&lt;script&gt;" in table["text/html"]
    assert "<script>" not in table["text/html"]
    assert isinstance(figure, go.Figure)
    assert "983 MB" in repr(both)


@pytest.mark.parametrize("n", [0, 9])
def test_how_many_can_be_compared(n):
    with pytest.raises(ValueError, match=f"one to 8 models to compare, not {n}"):
        compare([SMOL] * n)
