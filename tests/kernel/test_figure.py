from __future__ import annotations

import numpy as np
import pytest

from gptwidgets.errors import DoesNotFitError
from gptwidgets.kernel import figure
from gptwidgets.kernel.record import AttentionRecord

WORDS = ["The", " <b>", " $x$", " it", "\n"]


def causal(T, heads=2, seed=0):
    weights = np.tril(np.random.default_rng(seed).random((1, heads, T, T)).astype(np.float32))
    return weights / weights.sum(-1, keepdims=True)


@pytest.fixture
def record():
    return AttentionRecord.from_arrays(causal(5), tokens=WORDS, name="tiny & co")


def test_a_table_has_tokens_and_no_masked_cells(record):
    table = figure.to_pandas(record, 0, 1)
    assert table.shape == (5, 5)
    assert table.index.names == ["query", "token"]
    assert table.columns.names == ["key", "token"]
    assert list(table.index.get_level_values("token")) == WORDS
    np.testing.assert_array_equal(table.isna().to_numpy(), np.triu(np.ones((5, 5), bool), 1))
    np.testing.assert_array_equal(np.nan_to_num(table.to_numpy()), record.weights(0, 1))
    assert table.loc[(3, " it"), (1, " <b>")] == record.weights(0, 1)[3, 1]
    assert record.to_pandas("L0H1").equals(table)


def test_a_table_without_the_sink(record):
    table = figure.to_pandas(record, 0, 0, sink_hidden=True)
    assert table[0].isna().all(axis=None)
    np.testing.assert_allclose(table.sum(axis=1).iloc[1:], 1, rtol=1e-5)


def test_a_figure_has_tokens_and_no_masked_values(record):
    chart = figure.figure(record, 0, 1)
    heat = chart.data[0]
    z, weights = np.array(heat.z), np.array(heat.customdata)
    above = np.triu(np.ones((5, 5), bool), 1)
    assert np.isnan(z[above]).all()
    assert not heat.hoverongaps
    np.testing.assert_allclose(z[~above], np.sqrt(record.weights(0, 1)[~above]), rtol=1e-6)
    np.testing.assert_array_equal(weights[~above], record.weights(0, 1)[~above])
    assert chart.layout.xaxis.ticktext == ("The", "·&lt;b&gt;", "·&#36;x&#36;", "·it", "⏎")
    assert chart.layout.yaxis.autorange == "reversed"
    assert len(set(heat.x)) == 5
    assert "layer 0, head 1" in chart.layout.title.text
    assert "tiny &amp; co" in chart.layout.title.text
    assert "square-root" in chart.layout.title.text
    assert chart.to_json()
    assert record.figure(0, 1).layout.title.text == chart.layout.title.text


def test_scales_and_the_hidden_sink(record):
    plain = figure.figure(record, 0, 0, scale="linear")
    np.testing.assert_allclose(np.nan_to_num(plain.data[0].z), record.weights(0, 0), rtol=1e-6)
    assert plain.data[0].colorbar.ticktext[0] == "0"
    hidden = figure.figure(record, 0, 0, sink_hidden=True)
    assert np.isnan(np.array(hidden.data[0].z)[:, 0]).all()
    assert "first token hidden" in hidden.layout.title.text
    with pytest.raises(ValueError, match="scale"):
        figure.figure(record, 0, 0, scale="cubic")


def test_a_part_of_a_long_text():
    record = AttentionRecord.from_arrays(causal(200, heads=1))
    chart = figure.figure(record, 0, 0, rows=slice(-20, None), cols=(10, 110))
    assert np.array(chart.data[0].z).shape == (20, 100)
    assert chart.data[0].x[0].startswith("10 ")
    assert len(chart.layout.yaxis.ticktext) == 20
    assert 10 <= len(chart.layout.xaxis.ticktext) <= 25


def test_what_is_too_large_is_refused(record, monkeypatch):
    monkeypatch.setattr(figure, "CELLS", 20)
    with pytest.raises(DoesNotFitError, match="rows=slice"):
        figure.figure(record, 0, 0)
    assert figure.figure(record, 0, 0, rows=(0, 4)).data
    record.length = 50_000
    with pytest.raises(DoesNotFitError, match="GiB"):
        figure.to_pandas(record, 0, 0)


def test_signed_values_have_zero_in_the_middle():
    record = AttentionRecord.from_arrays([[[0.0, -2.0], [1.0, 0.5]]], tokens=["a", "b"])
    heat = figure.figure(record, 0, 0, scale="linear").data[0]
    np.testing.assert_allclose(heat.z, [[0.5, 0], [0.75, 0.625]])
    assert heat.colorscale != figure.figure(AttentionRecord.from_arrays(causal(3)), 0, 0).data[0].colorscale


@pytest.mark.parametrize(
    ("chosen", "positions"),
    [
        (None, range(10)),
        (slice(2, 5), range(2, 5)),
        (slice(-3, None), range(7, 10)),
        (range(3, 99), range(3, 10)),
        ((-5, 4), range(4)),
        ((8, 3), range(8, 8)),
    ],
)
def test_parts(chosen, positions):
    assert figure.part(chosen, 10) == positions
