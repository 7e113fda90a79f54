"""Every stage of a head, as matrices, tiles and lines, against the formula in float64."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest
import torch

from gptwidgets.errors import ClosedError, DoesNotFitError, UnknownNameError
from gptwidgets.kernel import tiles
from gptwidgets.kernel.mask import EVERYTHING, Band, Function
from gptwidgets.kernel.pieces import Tokens
from gptwidgets.kernel.record import AttentionRecord
from gptwidgets.kernel.source import LayerQK, QKSource
from gptwidgets.kernel.stages import STAGES, staged
from gptwidgets.kernel.steps import finish

T, H, KV, D, DV = 150, 6, 2, 8, 12


def layer(**options: Any) -> LayerQK:
    g = torch.Generator().manual_seed(1)
    q, k, v = (torch.randn(h, T, d, generator=g) * 2 for h, d in ((H, D), (KV, D), (KV, DV)))
    return LayerQK(q, k, **{"scale": 0.5, "v": v, **options})


def record_of(*layers: LayerQK) -> AttentionRecord:
    return AttentionRecord(QKSource(dict(enumerate(layers))), Tokens.from_words([str(i) for i in range(T)]))


LAYERS = {
    "causal": layer(),
    "window": layer(rule=Band(40)),
    "two-sided": layer(rule=EVERYTHING),
    "soft cap": layer(softcap=1.5),
    "sinks": layer(sinks=torch.linspace(-3, 6, H)),
    "bias": layer(bias=torch.randn(H, T, T, generator=torch.Generator().manual_seed(2))),
    "padded": layer(rule=Function(lambda _b, _h, i, j: j <= i, torch.arange(T)[None] >= 9)),
}


def truth(qk: LayerQK) -> dict[str, np.ndarray[Any, Any]]:
    """All stages, [H, T, T]."""
    raw = qk.q.double() @ qk.k.repeat_interleave(H // KV, 0).double().mT
    scaled = raw * qk.scale
    s = scaled if qk.softcap is None else qk.softcap * torch.tanh(scaled / qk.softcap)
    s = s if qk.bias is None else s + qk.bias
    seen = qk.rule.visible(range(T), range(T))
    masked = s if seen is None else s.masked_fill(~seen, -torch.inf)
    with_sink = masked
    if qk.sinks is not None:
        with_sink = torch.cat([masked, qk.sinks.double().view(H, 1, 1).expand(H, T, 1)], -1)
    w = with_sink.softmax(-1).nan_to_num(0)[..., :T]
    assert qk.v is not None
    weighted = w * qk.v.double().norm(dim=-1).repeat_interleave(H // KV, 0)[:, None]
    stages = zip(STAGES, (raw, scaled, masked, w, weighted), strict=True)
    return {stage: numbers.numpy() for stage, numbers in stages}


def size(cell: Any, stage: str) -> int:
    """A coded cell's magnitude."""
    return int(cell) if stage == "softmax" else abs(int(cell) - 128)


@pytest.mark.parametrize("qk", LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_equals_the_formula(qk: LayerQK, stage: str) -> None:
    record, right = record_of(qk), truth(qk)[stage]
    for head in (0, 4):
        np.testing.assert_allclose(record.stage(0, head, stage), right[head], atol=1e-5, rtol=1e-5)
    rows, cols = [140, 3, 3, -1], slice(2, 90)
    some = record.stage("L0H5", stage=stage, rows=rows, cols=cols)
    np.testing.assert_allclose(some, right[5][rows, cols], atol=1e-5, rtol=1e-5)
    one = record.stage(0, 1, stage, 40, 60)
    np.testing.assert_allclose(one, right[1][40, 60], atol=1e-5, rtol=1e-5)
    assert record.stage(0, 1, stage, [], 3).shape == (0,)


@pytest.mark.parametrize("qk", LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("stage", STAGES)
def test_tiles_patches_and_lines_show_the_stage(qk: LayerQK, stage: str) -> None:
    record, right = record_of(qk), truth(qk)[stage][2]
    vmax = staged(record, stage, 0, 2).vmax
    exists = np.isfinite(right) if stage in {"raw", "scaled"} else truth(qk)["masked"][2] > -np.inf
    cells, exact = finish(tiles.tile(record, 0, 2, 0, 0, 0, stage=stage))
    assert exact
    assert ((cells == 0) == ~exists).all()
    if stage != "softmax":
        coded = (cells.astype(float) - 128) / 127
        shown = np.sign(coded) * coded**4 * vmax
        np.testing.assert_allclose(shown[exists], right[exists], atol=0.04 * vmax)
    coarse, _ = finish(tiles.tile(record, 0, 2, 2, 0, 0, stage=stage))
    assert coarse.shape == (-(-T // 4),) * 2
    assert size(coarse[30, 5], stage) == max(size(cell, stage) for cell in cells[120:124, 20:24].ravel())
    with_nan = np.where(exists, right, np.nan)
    patch = tiles.patch(record, 0, 2, 80, 20, stage=stage)
    n = min(tiles.PATCH, T - 80)
    np.testing.assert_allclose(patch[:n], with_nan[80 : 80 + n, 20 : 20 + tiles.PATCH], atol=1e-5, rtol=1e-5)
    for which, line in (({"query": 100}, with_nan[100]), ({"key": 30}, with_nan[:, 30])):
        np.testing.assert_allclose(tiles.line(record, 0, 2, stage=stage, **which), line, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("stage", STAGES)
def test_sampled_tiles_are_made_of_the_last_rows(stage: str) -> None:
    qk = layer()
    cells, exact = finish(tiles.tile(record_of(qk), 0, 2, 2, 0, 0, sampled=True, stage=stage))
    fine, _ = finish(tiles.tile(record_of(qk), 0, 2, 0, 0, 0, stage=stage))
    assert not exact
    assert size(cells[20, 3], stage) == max(size(cell, stage) for cell in fine[83, 12:16])


@pytest.mark.parametrize("qk", LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("stage", ["raw", "scaled", "masked", "value-weighted"])
def test_the_largest_number_of_a_head_is_found_and_of_many_bounded(qk: LayerQK, stage: str) -> None:
    record, right = record_of(qk, qk), np.abs(truth(qk)[stage])
    right[~np.isfinite(right)] = 0
    assert staged(record, stage, 0, 3).vmax == pytest.approx(right[3].max(), rel=1e-5)
    assert right.max() * (1 - 1e-5) <= staged(record, stage, "mean", "max").vmax


def test_the_mean_over_heads() -> None:
    qk = layer()
    record, right = record_of(qk, qk), truth(qk)
    np.testing.assert_allclose(record.stage("mean", "mean", "scaled"), right["scaled"].mean(0), atol=1e-5)
    assert (record.stage("mean", "mean", "masked")[3, 4:] == -np.inf).all()


def test_what_cannot_be_shown_is_refused_in_words() -> None:
    record = record_of(layer(v=None))
    with pytest.raises(UnknownNameError, match="no stage 'logits'; the stages are raw, scaled, masked,"):
        record.stage(0, 0, "logits")
    with pytest.raises(TypeError, match="holds no values"):
        record.stage(0, 0, "value-weighted")
    arrays = AttentionRecord.from_arrays([[1.0, 0.0], [0.25, 0.75]])
    assert arrays.stage(0, 0, "softmax", 1).tolist() == [0.25, 0.75]
    with pytest.raises(TypeError, match=r'weights alone.*only its "softmax" can be shown'):
        arrays.stage(0, 0, "raw")
    with pytest.raises(IndexError, match="head 6 does not exist"):
        record.stage(0, 6, "raw")
    q = torch.zeros(1, 20_000, 1)
    long = AttentionRecord(QKSource({0: LayerQK(q, q, 1.0)}), Tokens.from_words(["a"] * 20_000))
    with pytest.raises(DoesNotFitError, match=r"1\.5 GiB"):
        long.stage(0, 0, "raw")


def test_a_stage_holds_nothing_and_ends_with_its_record() -> None:
    record = record_of(layer())
    shown = staged(record, "raw", 0, 0)
    assert shown is staged(record, "raw", 0, 0)
    assert shown.nbytes == 0
    assert (shown.weights(0, 0) == record.stage(0, 0, "raw")).all()
    source = weakref.ref(record.source)
    record.close()
    with pytest.raises(ClosedError):
        shown.weights(0, 0)
    assert source() is None
    other = record_of(layer())
    alone, kept = staged(other, "scaled", 0, 0), weakref.ref(other)
    gc.disable()  # no circle keeps a record until the collector comes by
    try:
        del other
        assert kept() is None
    finally:
        gc.enable()
    with pytest.raises(ClosedError, match="is gone"):
        alone.weights(0, 0)
