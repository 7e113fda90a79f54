from __future__ import annotations

import numpy as np
import pytest

from gptwidgets.kernel import tiles
from gptwidgets.kernel.record import AttentionRecord
from gptwidgets.widgets.picture import view as view_
from gptwidgets.widgets.picture.view import View, decode


def causal(T, seed=0):
    weights = np.tril(np.random.default_rng(seed).random((1, 1, T, T)).astype(np.float32) ** 8)
    return weights / weights.sum(-1, keepdims=True)


def test_a_short_text_is_exact_and_masked_cells_are_absent():
    record = AttentionRecord.from_arrays(causal(20))
    cells = View(record, 0, 0).read()
    assert (cells.rows, cells.cols, cells.step, cells.sampled) == (range(20), range(20), 1, False)
    np.testing.assert_array_equal(np.isnan(cells.values), np.triu(np.ones((20, 20), bool), 1))
    np.testing.assert_array_equal(np.nan_to_num(cells.values), record.weights(0, 0))


def test_a_part():
    record = AttentionRecord.from_arrays(causal(20))
    cells = View(record, 0, 0, rows=(5, 9), cols=range(2, 4), sink_hidden=True).read()
    weights = record.weights(0, 0)
    np.testing.assert_allclose(cells.values, (weights[5:9] / (1 - weights[5:9, :1]))[:, 2:4], rtol=1e-5)


@pytest.mark.parametrize("sink_hidden", [False, True])
def test_a_long_text_keeps_the_largest_weights(sink_hidden):
    T = 1501
    record = AttentionRecord.from_arrays(causal(T))
    cells = View(record, 0, 0, sink_hidden=sink_hidden).read()
    assert cells.step == 4
    assert cells.values.shape == (376, 376)
    exact = View(record, 0, 0, rows=(0, 640), cols=(0, 640), sink_hidden=sink_hidden).read()
    assert exact.step == 1
    pooled = np.full((160, 160), np.nan, np.float32)
    blocks = exact.values.reshape(160, 4, 160, 4).swapaxes(1, 2).reshape(160, 160, 16)
    some = ~np.isnan(blocks).all(-1)
    pooled[some] = np.nanmax(blocks[some], axis=-1)
    np.testing.assert_array_equal(np.isnan(cells.values[:160, :160]), np.isnan(pooled))
    np.testing.assert_allclose(cells.values[:160, :160] ** 0.25, pooled**0.25, atol=0.003)


def test_a_part_of_a_long_text_is_put_together_from_tiles():
    record = AttentionRecord.from_arrays(causal(2600))
    whole = View(record, 0, 0, rows=(0, 2560), cols=(0, 2560)).read()
    part = View(record, 0, 0, rows=(1001, 2399), cols=(201, 1399)).read()
    assert (whole.step, part.step) == (4, 4)
    assert (part.rows, part.cols) == (range(1000, 2400), range(200, 1400))
    np.testing.assert_array_equal(part.values, whole.values[250:600, 50:350])


def test_a_very_long_text_is_sampled(monkeypatch):
    monkeypatch.setattr(view_, "SAMPLE_ABOVE", 1000)
    cells = View(AttentionRecord.from_arrays(causal(1200)), 0, 0).read()
    assert cells.sampled
    assert not np.isnan(cells.values[-1]).any()


def test_nothing_in_view():
    cells = View(AttentionRecord.from_arrays(causal(5)), 0, 0, rows=(3, 3)).read()
    assert cells.values.shape == (0, 5)


def test_codes_are_read_as_tiles_write_them():
    record = AttentionRecord.from_arrays([[0.5, -2.0], [0.0, 1.0]])
    steps = tiles.tile(record, 0, 0, 0, 0, 0)
    codes = view_._last(steps)
    np.testing.assert_allclose(decode(codes, signed=True, vmax=2), [[0.5, -2], [0, 1]], atol=0.03)
    np.testing.assert_allclose(decode(np.array([[1, 128, 255]], np.uint8)), [[0, 0.0625, 1]])
