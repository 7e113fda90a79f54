from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
import torch

from gptwidgets.kernel import tiles
from gptwidgets.kernel.mask import EVERYTHING, Band
from gptwidgets.kernel.pieces import Tokens
from gptwidgets.kernel.record import AttentionRecord
from gptwidgets.kernel.source import LayerQK, QKSource
from gptwidgets.kernel.steps import finish

H, KV, D = 4, 2, 8


def make(T: int, layers: int = 2, **options: Any) -> AttentionRecord:
    g = torch.Generator().manual_seed(T)
    qk = {
        n: LayerQK(
            torch.randn(H, T, D, generator=g) * 3, torch.randn(KV, T, D, generator=g), scale=0.35, **options
        )
        for n in range(layers)
    }
    return AttentionRecord(QKSource(qk), Tokens.from_words([f"w{i % 7}" for i in range(T)]))


def weights(
    record: AttentionRecord, layer: Any, head: Any, *, no_sink: bool
) -> tuple[np.ndarray, np.ndarray]:
    """All weights of a head and which of them exist, from the record's exact matrices, by the definitions."""
    per_layer, seen = [], np.zeros((record.length, record.length), bool)
    for n in record.layers if isinstance(layer, str) else [layer]:
        w = record["pattern", n].double().numpy()
        rule = record.source.rule(n).visible(range(record.length), range(record.length))
        seen |= np.ones_like(seen) if rule is None else rule.numpy()
        if no_sink:
            rest = 1 - w[..., :1]
            w = np.divide(w, rest, out=np.zeros_like(w), where=w[..., 1:].sum(-1, keepdims=True) > 0)
            w[..., 0] = 0
        merge = {"mean": w.mean(0), "max": w.max(0)}.get(head) if isinstance(head, str) else w[head]
        per_layer.append(merge)
    stack = np.stack(per_layer)
    if no_sink:
        seen = seen.copy()
        seen[:, 0] = False
    return {"mean": stack.mean(0), "max": stack.max(0)}.get(layer, stack[0]), seen


def coded(w: np.ndarray, seen: np.ndarray, level: int) -> np.ndarray:
    """The contract's coding, cell by cell."""
    step = 1 << level
    side = -(-len(w) // step)
    out = np.zeros((side, side), np.uint8)
    for r in range(side):
        for c in range(side):
            part = np.s_[r * step : (r + 1) * step, c * step : (c + 1) * step]
            if seen[part].any():
                out[r, c] = round(float(w[part][seen[part]].max()) ** 0.25 * 254) + 1
    return out


def close(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal but for a rounding at a half."""
    return a.shape == b.shape and ((a == 0) == (b == 0)).all() and np.abs(a.astype(int) - b).max() <= 1


def assemble(record: AttentionRecord, layer: Any, head: Any, level: int, **options: Any) -> np.ndarray:
    size = tiles.side(record.length, level)
    out = np.zeros((size, size), np.uint8)
    for r in range(0, size, tiles.TILE):
        for c in range(0, size, tiles.TILE):
            part, exact = finish(
                tiles.tile(record, layer, head, level, r // tiles.TILE, c // tiles.TILE, **options)
            )
            assert exact
            out[r : r + len(part), c : c + part.shape[1]] = part
    return out


@pytest.mark.parametrize("no_sink", [False, True])
@pytest.mark.parametrize("level", [0, 1, 3])
@pytest.mark.parametrize(
    "options", [{}, {"rule": Band(30)}, {"rule": EVERYTHING}, {"sinks": torch.ones(H)}], ids=str
)
def test_tiles_are_the_coded_weights(options: Any, level: int, no_sink: bool) -> None:
    record = make(300, 1, **options)
    truth = coded(*weights(record, 0, 2, no_sink=no_sink), level)
    assert close(assemble(record, 0, 2, level, sink_hidden=no_sink), truth)


@pytest.mark.parametrize("no_sink", [False, True])
@pytest.mark.parametrize(("layer", "head"), [("mean", 1), (1, "max"), ("max", "mean"), ("mean", "mean")])
def test_means_and_maxima(layer: Any, head: Any, no_sink: bool) -> None:
    record = make(90)
    w, seen = weights(record, layer, head, no_sink=no_sink)
    assert close(assemble(record, layer, head, 1, sink_hidden=no_sink), coded(w, seen, 1))
    if not no_sink:
        assert np.abs(record.weights(layer, head) - w).max() < 1e-6


@pytest.mark.parametrize("length", [1, 2, 3, 63, 64, 65, 129, 1000])
def test_thumbnails_are_the_coarsest_level(length: int) -> None:
    record = make(length, 1)
    level = tiles.levels(length)
    assert tiles.side(length, level) <= 64
    for hidden in (False, True):
        found = [x for x in tiles.thumbnails(record, [(0, h) for h in range(H)], sink_hidden=hidden) if x]
        assert [(layer, head) for layer, head, _ in found] == [(0, h) for h in range(H)]
        for _, head, picture in found:
            assert close(picture, coded(*weights(record, 0, head, no_sink=hidden), level))


@pytest.mark.parametrize("rule", [Band(), Band(100), EVERYTHING], ids=str)
def test_thumbnails_under_windows(rule: Any) -> None:
    record = make(600, 1, rule=rule)
    for hidden in (False, True):
        _, _, picture = next(x for x in tiles.thumbnails(record, [(0, 3)], sink_hidden=hidden) if x)
        assert close(picture, coded(*weights(record, 0, 3, no_sink=hidden), tiles.levels(600)))


def test_levels() -> None:
    assert [tiles.levels(n) for n in (1, 64, 65, 128, 129, 1024, 32_768)] == [0, 0, 1, 1, 2, 4, 9]


@pytest.mark.parametrize("length", [65, 100, 1025, 2048, 5000, 32_768])
def test_the_sample_reaches_every_row_of_a_thumbnail(length: int) -> None:
    rows = tiles.sample(length)
    assert len(rows) == 64
    assert rows == sorted(set(rows))
    assert rows[-1] == length - 1
    level = tiles.levels(length)
    assert {row >> level for row in rows} == set(range(tiles.side(length, level)))


def test_sampled_thumbnails_never_exceed_the_exact_ones() -> None:
    record = make(1500, 1)
    for hidden in (False, True):
        exact, sampled = (
            [x[2] for x in tiles.thumbnails(record, [(0, 0), (0, 1)], sink_hidden=hidden, sampled=s) if x]
            for s in (False, True)
        )
        for a, b in zip(exact, sampled, strict=True):
            assert ((a == 0) == (b == 0)).all()
            assert (b.astype(int) <= a.astype(int) + 1).all()
            assert b.astype(int).sum() > 0.5 * a.astype(int).sum()


def test_a_sampled_tile_says_so() -> None:
    record = make(600, 1)
    part, exact = finish(tiles.tile(record, 0, 0, 2, 0, 0, sampled=True))
    whole, _ = finish(tiles.tile(record, 0, 0, 2, 0, 0))
    assert not exact
    assert part.shape == whole.shape == (150, 150)
    assert (part.astype(int) <= whole.astype(int) + 1).all()
    assert finish(tiles.tile(record, 0, 0, 0, 0, 0, sampled=True))[1]  # nothing to sample at level 0


@pytest.mark.parametrize("where", [(0, 0, 2), (0, -1, 0), (-1, 0, 0), (9, 0, 1)])
def test_tiles_that_do_not_exist(where: tuple[int, int, int]) -> None:
    with pytest.raises(IndexError, match="does not exist"):
        finish(tiles.tile(make(300, 1), 0, 0, *where))


@pytest.mark.parametrize("no_sink", [False, True])
def test_patches_are_exact_and_nan_where_there_is_no_cell(no_sink: bool) -> None:
    record = make(200, 1, rule=Band(90))
    w, seen = weights(record, 0, 1, no_sink=no_sink)
    truth = np.full((256, 256), np.nan)
    truth[:200, :200] = np.where(seen, w, np.nan)
    for row, col in ((0, 0), (64, 0), (128, 128), (90, 20)):
        ours = tiles.patch(record, 0, 1, row, col, sink_hidden=no_sink)
        assert ours.shape == (64, 64)
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, truth[row : row + 64, col : col + 64], atol=5e-6)
    assert np.isnan(tiles.patch(record, 0, 1, 500, 0)).all()


@pytest.mark.parametrize("no_sink", [False, True])
@pytest.mark.parametrize("head", [2, "mean", "max"])
def test_lines(head: Any, no_sink: bool) -> None:
    record = make(300, 1)
    w, seen = weights(record, 0, head, no_sink=no_sink)
    w = np.where(seen, w, np.nan)
    for at in (0, 1, 150, 299):
        np.testing.assert_allclose(
            tiles.line(record, 0, head, query=at, sink_hidden=no_sink), w[at], atol=5e-6
        )
        np.testing.assert_allclose(
            tiles.line(record, 0, head, key=at, sink_hidden=no_sink), w[:, at], atol=5e-6
        )


def test_a_line_is_a_row_or_a_column() -> None:
    record = make(10, 1)
    for wrong in ({}, {"query": 1, "key": 1}):
        with pytest.raises(TypeError, match="either"):
            tiles.line(record, 0, 0, **wrong)
    with pytest.raises(IndexError):
        tiles.line(record, 0, 0, query=10)


def test_signed_arrays() -> None:
    w = torch.randn(1, 2, 150, 150, generator=torch.Generator().manual_seed(0))
    w[..., 3, 5] = torch.nan
    record = AttentionRecord.from_arrays(w)
    level = tiles.levels(150)
    v = w[0, 1].numpy()
    expected = np.zeros((50, 50), int) if level == 1 else np.zeros((38, 38), int)
    step = 1 << level
    for r in range(len(expected)):
        for c in range(len(expected)):
            part = v[r * step : (r + 1) * step, c * step : (c + 1) * step].reshape(-1)
            part = part[~np.isnan(part)]
            x = part[np.abs(part).argmax()]
            expected[r, c] = 128 + round(float(np.sign(x) * (abs(x) / record.vmax) ** 0.25 * 127))
    _, _, picture = next(x for x in tiles.thumbnails(record, [(0, 1)]) if x)
    assert np.abs(picture.astype(int) - expected).max() <= 1
    cells, _ = finish(tiles.tile(record, 0, 1, 0, 0, 0))
    assert cells[3, 5] == 0
    assert cells.max() == 255 or cells.min() == 1
    hidden, _ = finish(tiles.tile(record, 0, 1, 0, 0, 0, sink_hidden=True))
    assert (hidden[:, 0] == 0).all()
    assert (hidden[:, 1:] == cells[:, 1:]).all()  # signed values are not shares: nothing to renormalise


def test_no_step_takes_long() -> None:
    record = make(2048, 3)
    for job in (
        tiles.tile(record, "mean", "mean", 3, 0, 0),
        tiles.thumbnails(record, [(n, 0) for n in range(3)], sampled=False),
        tiles.line_steps(record, "max", "mean", key=3),
    ):
        steps = []
        start = time.thread_time()
        for _ in job:
            steps.append(time.thread_time() - start)
            start = time.thread_time()
        assert sorted(steps)[len(steps) * 9 // 10] < 0.05
