from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from gptwidgets.kernel.mask import EVERYTHING, Band, Function
from gptwidgets.kernel.source import LayerQK, QKSource

T, H, KV, D = 300, 6, 2, 8


def layer(**options: Any) -> LayerQK:
    g = torch.Generator().manual_seed(1)
    q, k = torch.randn(H, T, D, generator=g) * 2, torch.randn(KV, T, D, generator=g) * 2
    return LayerQK(q, k, **{"scale": 0.5, **options})


def truth(qk: LayerQK) -> Tensor:
    """The formula, in float64, with everything T × T."""
    s = qk.q.double() @ qk.k.repeat_interleave(H // KV, 0).double().mT * qk.scale
    if qk.softcap is not None:
        s = qk.softcap * torch.tanh(s / qk.softcap)
    if qk.bias is not None:
        s = s + qk.bias
    seen = qk.rule.visible(range(T), range(T))
    if seen is not None:
        s = s.masked_fill(~seen, -torch.inf)
    if qk.sinks is not None:
        s = torch.cat([s, qk.sinks.double().view(H, 1, 1).expand(H, T, 1)], -1)
    w = s.softmax(-1).nan_to_num(0)
    return w[..., :T]


LAYERS = {
    "causal": layer(),
    "window": layer(rule=Band(40)),
    "bidirectional": layer(rule=EVERYTHING),
    "soft cap": layer(softcap=1.5),
    "sinks": layer(sinks=torch.linspace(-3, 6, H)),
    "bias": layer(bias=torch.randn(H, T, T, generator=torch.Generator().manual_seed(2))),
    "padded": layer(rule=Function(lambda _b, _h, i, j: j <= i, torch.arange(T)[None] >= 9)),
    "all at once": layer(rule=Band(70), softcap=3.0, sinks=torch.ones(H)),
}


@pytest.mark.parametrize("qk", LAYERS.values(), ids=LAYERS)
def test_every_answer_equals_the_formula(qk: LayerQK) -> None:
    w = truth(qk)
    source = QKSource({5: qk})
    everything = range(T)
    assert (source.block(5, range(H), everything, everything) - w).abs().max() < 2e-6
    for heads in ([0], [5, 1, 2], [3, 4]):
        for rows, cols in ((range(250, 300), range(200, 290)), (range(3, 5), range(4))):
            fresh = QKSource({5: qk}).block(5, heads, rows, cols)
            part = w[heads][:, rows.start : rows.stop, cols.start : cols.stop]
            assert (fresh - part).abs().max() < 2e-6
            assert (source.block(5, heads, rows, cols) - part).abs().max() < 2e-6


@pytest.mark.parametrize("qk", LAYERS.values(), ids=LAYERS)
def test_without_the_sink_the_rest_is_renormalised(qk: LayerQK) -> None:
    w = truth(qk)
    hidden = w / (1 - w[..., :1])
    hidden[..., 0] = 0
    hidden = torch.where(w[..., 1:].sum(-1, keepdim=True) > 0, hidden, 0)
    ours = QKSource({0: qk}).block(0, range(H), range(T), range(T), no_sink=True)
    assert (ours - hidden).abs().max() < 1e-5
    part = QKSource({0: qk}).block(0, [2], range(100, 140), range(50, 150), no_sink=True)
    assert (part - hidden[2:3, 100:140, 50:150]).abs().max() < 1e-5


def test_a_sink_that_takes_nearly_all_leaves_an_exact_rest() -> None:
    q = torch.ones(1, 4, 1)
    k = torch.tensor([[[40.0], [1.0], [2.0], [3.0]]])
    for sink in (40.0, 400.0):  # beyond 100, nothing of the others is left in float32
        k[0, 0] = sink
        source = QKSource({0: LayerQK(q, k, scale=1.0)})
        for _ in range(2):
            w = source.block(0, [0], range(4), range(4), no_sink=True)
            assert torch.allclose(w[0, 3, 1:], torch.tensor([1.0, 2.0, 3.0]).softmax(-1), atol=1e-6)
            assert w[0, 0].tolist() == [0, 0, 0, 0]
            source = QKSource({0: LayerQK(q, k, scale=1.0)})
            source.rows(0, [0], range(4))  # leaves its log-sum-exp


@pytest.mark.parametrize("qk", LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("rows", [range(256, 300), range(256), [0, 17, 299]], ids=str)
def test_whole_rows(qk: LayerQK, rows: Any) -> None:
    w = truth(qk)[:, list(rows)]
    found = QKSource({0: qk}).rows(0, range(H), rows, entropy=True)
    full = torch.zeros(H, len(rows), T)
    full[..., found.cols.start : found.cols.stop] = found.weights
    assert (full - w).abs().max() < 2e-6
    assert (found.total - w.sum(-1)).abs().max() < 2e-6
    rest = (1 - w[..., 0]) * (w.sum(-1) > 0)
    assert (found.rest - rest).abs().max() < 2e-6
    p = w / w.sum(-1, keepdim=True).clamp_min(1e-38)
    alive = w.sum(-1) > 0
    assert found.entropy is not None
    assert ((found.entropy - torch.special.entr(p).sum(-1)).abs() * alive).max() < 1e-5


def test_whole_rows_leave_their_log_sum_exp(monkeypatch: pytest.MonkeyPatch) -> None:
    source = QKSource({0: layer()})
    source.rows(0, range(H), range(256))
    source.rows(0, range(H), range(256, T))
    monkeypatch.setattr(source, "_compute_lse", None)
    assert (source.block(0, [1], range(T), range(T)) - truth(layer())[1]).abs().max() < 2e-6


def test_a_fully_masked_row_is_zero_and_not_nan() -> None:
    source = QKSource({0: LAYERS["padded"]})
    for no_sink in (False, True):
        w = source.block(0, range(H), range(T), range(T), no_sink=no_sink)
        assert not w.isnan().any()
        assert w[:, :9].abs().max() == 0


def test_the_log_sum_exp_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    source = QKSource({0: layer()})
    source.block(0, [2], range(250), range(50))
    monkeypatch.setattr(source, "_compute_lse", None)
    assert source.block(0, [2], range(100, 256), range(50)).shape == (1, 156, 50)


def test_a_line_does_not_pay_for_its_block(monkeypatch: pytest.MonkeyPatch) -> None:
    source = QKSource({0: layer()})
    cells = []
    logits = source.logits
    monkeypatch.setattr(source, "logits", lambda *a: cells.append(len(a[2]) * len(a[3])) or logits(*a))
    source.block(0, [2], range(299, 300), range(T))
    assert sum(cells) <= 2 * T


def test_reading_builds_no_graph() -> None:
    qk = layer(sinks=torch.nn.Parameter(torch.ones(H)).detach())
    assert not QKSource({0: qk}).block(0, [0], range(T), range(T)).requires_grad


@pytest.mark.parametrize("qk", LAYERS.values(), ids=LAYERS)
def test_state_makes_the_same_source(qk: LayerQK) -> None:
    source = QKSource({3: qk})
    tensors, meta = source.state()
    again = QKSource.from_state(tensors, meta)
    assert again.layers == (3,)
    assert again.rule(3).window == qk.rule.window
    for no_sink in (False, True):
        a, b = (s.block(3, range(H), range(T), range(T), no_sink=no_sink) for s in (source, again))
        assert torch.equal(a, b)


def test_memory_is_that_of_queries_and_keys() -> None:
    source = QKSource({0: layer()})
    assert source.nbytes == (H + KV) * T * D * 4
    source.block(0, [0], range(T), range(T))
    assert source.nbytes == (H + KV) * T * D * 4 + 2 * H * T * 4
