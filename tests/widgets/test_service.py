from __future__ import annotations

import numpy as np
import pytest

from gptwidgets.kernel import tiles
from gptwidgets.kernel.pooling import pool_codes
from gptwidgets.kernel.record import AttentionRecord
from gptwidgets.widgets import service
from gptwidgets.widgets.heatmap import AttentionHeatmap
from tests.widgets.conftest import causal

LENGTH = 300


@pytest.fixture(scope="module")
def attention():
    return causal(2, 3, LENGTH)


@pytest.fixture
def heat(attention):
    return AttentionHeatmap(attention).wait(20)


def unpack(parts, field):
    """All pictures of an answer, by name."""
    found = {}
    for content, buffers in parts:
        at = 0
        for *name, rows, cols, exact in content[field]:
            codes = np.frombuffer(buffers[0], np.uint8, rows * cols, at).reshape(rows, cols)
            found.setdefault(tuple(name), []).append((codes, exact))
            at += rows * cols
        assert at == sum(map(len, buffers))
    return found


def test_tiles_hold_the_weights_and_fit_at_the_edge(heat, page, attention):
    heard = page(heat)
    wanted = [[1, 2, 0, 0, 0], [1, 2, 0, 1, 0], [1, 2, 0, 0, 1], [1, 2, 0, 1, 1], [0, "mean", 1, 0, 0]]
    found = unpack(heard.answer(heard.post("tiles", **heard.about(tiles=wanted))), "tiles")
    whole = np.block([[found[1, 2, 0, r, c][0][0] for c in (0, 1)] for r in (0, 1)])
    assert whole.shape == (LENGTH, LENGTH)
    above = np.triu(np.ones((LENGTH, LENGTH), bool), 1)
    assert (whole[above] == 0).all()
    np.testing.assert_allclose(whole[~above], attention[1, 2][~above] ** 0.25 * 254 + 1, atol=0.51)
    assert found[0, "mean", 1, 0, 0][0][0].shape == (150, 150)


def test_messages_are_neither_many_nor_huge(heat, page):
    heard = page(heat)
    tile = [[layer, head, 0, 0, 0] for layer in (0, 1) for head in (0, 1, 2)]
    sizes = [len(buffers[0]) for _, buffers in heard.answer(heard.post("tiles", **heard.about(tiles=tile)))]
    assert all(size <= service.PACK_MOST for size in sizes)
    assert all(size >= service.PACK for size in sizes[:-1])
    assert sum(sizes) == 6 * 256 * 256
    heads = [[layer, head] for layer in (0, 1, "max") for head in (0, 1, 2, "mean")]
    parts = heard.answer(heard.post("thumbs", **heard.about(heads=heads)))
    assert len(parts) == 1
    assert set(unpack(parts, "thumbs")) == {tuple(head) for head in heads}


def test_thumbnails_are_those_of_the_first_picture_but_finer(heat, page):
    heard = page(heat)
    parts = heard.answer(heard.post("thumbs", **heard.about(variant="no_sink", heads=[[1, 1]])))
    side = tiles.side(LENGTH, heat.info["first_level"])
    first = np.frombuffer(heat.first, np.uint8).reshape(2, 3, side, side)
    fine = unpack(parts, "thumbs")[1, 1][0][0]
    np.testing.assert_array_equal(pool_codes(fine, signed=False), first[1, 1])


def test_a_patch_is_exact_and_absent_where_there_is_nothing(heat, page, attention):
    heard = page(heat)
    content, (data,) = heard.ask("patch", **heard.about(layer=1, head=0, row=256, col=128))
    values = np.frombuffer(data, "<f4").reshape(64, 64)
    assert content["size"] == 64
    np.testing.assert_allclose(values[:44], attention[1, 0, 256:300, 128:192], atol=1e-6)
    assert np.isnan(values[44:]).all()


def test_lines_look_both_ways(heat, page, attention):
    heard = page(heat)
    plain = np.frombuffer(heard.ask("line", **heard.about(layer=0, head=1, query=7))[1][0], "<f4")
    np.testing.assert_allclose(plain[:8], attention[0, 1, 7, :8], atol=1e-6)
    assert np.isnan(plain[8:]).all()
    hidden = heard.about(layer=0, head=1, query=7, variant="no_sink")
    hidden = np.frombuffer(heard.ask("line", **hidden)[1][0], "<f4")
    assert np.isnan(hidden[0])
    np.testing.assert_allclose(hidden[1:8], plain[1:8] / (1 - plain[0]), rtol=1e-4)
    to = np.frombuffer(heard.ask("line", **heard.about(layer=0, head=1, key=7))[1][0], "<f4")
    np.testing.assert_allclose(to[7:], attention[0, 1, 7:, 7], atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "fields", "error"),
    [
        ("tiles", {"tiles": [[0, 0, 0, 9, 9]]}, "IndexError"),
        ("tiles", {"tiles": [[7, 0, 0, 0, 0]]}, "IndexError"),
        ("tiles", {"tiles": [[0, 0]]}, "ValueError"),
        ("tiles", {}, "ValueError"),
        ("thumbs", {"heads": [[0, 99]]}, "IndexError"),
        ("line", {"layer": 0, "head": 0}, "ValueError"),
        ("line", {"layer": 0, "head": 0, "query": 999}, "IndexError"),
        ("patch", {"layer": "x", "head": 0, "row": 0, "col": 0}, "TypeError"),
        ("export", {"format": "gif"}, "ValueError"),
        ("export", {"format": []}, "ValueError"),
        ("tiles", {"tiles": None}, "TypeError"),
        ("tiles", {"tiles": [{"a": 1}]}, "ValueError"),
        ("tiles", {"tiles": [[0, 0, -1, 0, 0]]}, "IndexError"),
        ("tiles", {"tiles": [[0, 0, 99, 0, 0]]}, "IndexError"),
        ("tiles", {"tiles": [[0, 0, 10**30, 0, 0]]}, "IndexError"),
        ("tiles", {"tiles": [[0, 0, 0, 0.5, 0]]}, "TypeError"),
        ("tiles", {"tiles": [[0, 0, 0, float("nan"), 0]]}, "TypeError"),
        ("thumbs", {"heads": "ab"}, "TypeError"),
        ("patch", {"layer": 0, "head": 0, "row": float("inf"), "col": 0}, "TypeError"),
        ("line", {"layer": 0, "head": 0, "key": [1]}, "TypeError"),
        ("missing", {"from": "a", "to": None}, "TypeError"),
        ("picture", {}, "ValueError"),
    ],
)
def test_requests_that_cannot_be_are_answered_by_an_error(heat, page, kind, fields, error):
    heard = page(heat)
    content, _ = heard.ask(kind, **heard.about(**fields))
    assert content["ok"] is False
    assert content["error"]["type"] == error
    assert "int()" not in content["error"]["message"]  # a sentence of ours, not Python's
    assert heard.ask("hello")[0]["ok"]


def test_a_record_of_yesterday_is_stale(heat, page):
    heard = page(heat)
    content, _ = heard.ask("line", record="gone", variant="plain", layer=0, head=0, query=1)
    assert content["error"]["type"] == "StaleRecord"


def test_large_coarse_tiles_come_twice(monkeypatch):
    monkeypatch.setattr(service, "SAMPLED_SIDE", 256)
    record = AttentionRecord.from_arrays(causal(1, 1, LENGTH))
    steps = service.send_tiles(record, [[0, 0, 3, 0, 0], [0, 0, 0, 0, 0]], sink_hidden=False)
    sent = []
    while True:
        try:
            part = next(steps)
        except StopIteration as stop:
            sent.append(stop.value)
            break
        if part:
            sent.append(part)
    names = [(*entry[:5], entry[-1]) for part in sent for entry in part.content["tiles"]]
    assert names == [(0, 0, 3, 0, 0, 0), (0, 0, 0, 0, 0, 1), (0, 0, 3, 0, 0, 1)]


def test_what_is_under_the_pointer_goes_first():
    chosen = service.urgency({"kind": "tiles", "tiles": [[1, 2, 0, 0, 0]]}, 1, 2)
    other = service.urgency({"kind": "tiles", "tiles": [[1, 3, 0, 0, 0]]}, 1, 2)
    hover = service.urgency({"kind": "patch"}, 1, 2)
    assert hover > chosen > other == service.urgency({"kind": "thumbs"}, 1, 2)
