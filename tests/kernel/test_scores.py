from __future__ import annotations

import numpy as np
import pytest
import torch

from gptwidgets.kernel.mask import EVERYTHING, Band
from gptwidgets.kernel.pieces import Tokens
from gptwidgets.kernel.record import AttentionRecord
from gptwidgets.kernel.scores import COLUMNS, diagonal, table_steps
from gptwidgets.kernel.source import LayerQK, QKSource
from tests.kernel.test_tiles import H, make


def by_definition(w: np.ndarray, names: list[str], seen: np.ndarray) -> dict[str, float]:
    """The formulas of the module's docstring, one query at a time. w: (T, T)."""
    T = len(w)
    found: dict[str, list[float]] = {name: [] for name in COLUMNS}
    for i in range(1, T):
        p = w[i] / w[i].sum()
        found["entropy"].append(-sum(x * np.log2(x) for x in p if x > 0))
        found["distance"].append(sum(p[j] * abs(i - j) for j in range(T)))
        found["first"].append(w[i, 0])
        found["previous"].append(w[i, i - 1])
    for i in range(T):
        twins = [j for j in range(T) if j != i and names[j] == names[i] and seen[i, j]]
        if twins:
            found["same"].append(sum(w[i, j] for j in twins))
    return {name: float(np.mean(values)) if values else np.nan for name, values in found.items()}


@pytest.mark.parametrize(
    "options",
    [{}, {"rule": Band(20)}, {"rule": EVERYTHING}, {"sinks": torch.tensor([0.0, 2, 4, -3])}],
    ids=["causal", "window", "bidirectional", "sinks"],
)
def test_scores_equal_their_definitions(options: dict) -> None:
    record = make(90, 2, **options)
    table = record.scores()
    assert list(table.columns) == list(COLUMNS)
    assert table.index.names == ["layer", "head"]
    assert not table.attrs["sampled"]
    rule = record.source.rule(0).visible(range(90), range(90))
    seen = np.ones((90, 90), bool) if rule is None else rule.numpy()
    for layer in range(2):
        for head in range(H):
            truth = by_definition(record.weights(layer, head).astype(float), list(record.tokens.pieces), seen)
            for name in COLUMNS:
                assert table.loc[(layer, head), name] == pytest.approx(truth[name], abs=1e-4), name


def test_blocks_add_up() -> None:
    record = make(600, 1)
    table = record.scores()
    w = record.weights(0, 1).astype(float)
    truth = by_definition(w, list(record.tokens.pieces), np.tri(600, dtype=bool))
    for name in COLUMNS:
        assert table.loc[(0, 1), name] == pytest.approx(truth[name], abs=1e-4)


def test_a_diagonal_head_scores_as_one() -> None:
    w = torch.zeros(1, 1, 6, 6)
    w[0, 0, 0, 0] = 1
    for i in range(1, 6):
        w[0, 0, i, i - 1] = 1
    scores = AttentionRecord.from_arrays(w, list("aabcda")).scores().loc[(0, 0)]
    assert scores.to_dict() == pytest.approx(
        {"entropy": 0, "distance": 1, "first": 0.2, "previous": 1, "same": 0.5}
    )  # the second and the last "a" have a twin behind them; only the second looks at it


def test_what_cannot_be_said_is_nan() -> None:
    one = AttentionRecord.from_arrays([[1.0]], ["a"]).scores()
    assert one.isna().all().all()
    alone = AttentionRecord.from_arrays(np.eye(3), list("abc")).scores()
    assert alone["same"].isna().all()
    assert alone.loc[(0, 0), "entropy"] == 0
    signed = AttentionRecord.from_arrays(-np.eye(3), list("abc")).scores()
    assert signed.isna().all().all()


def test_same_goes_by_id_where_there_are_ids() -> None:
    q, k = torch.randn(1, 4, 2), torch.randn(1, 4, 2)
    tokens = Tokens([7, 8, 7, 9], [b"a", b"a", b"b", b"c"])
    record = AttentionRecord(QKSource({0: LayerQK(q, k, scale=1.0)}), tokens)
    assert record.scores().loc[(0, 0), "same"] == pytest.approx(record.weights(0, 0)[2, 0], abs=1e-6)


def test_sampled_scores_are_near_the_exact_ones() -> None:
    record = make(1500, 1)
    sampled, exact = record.scores(), record.scores(sampled=False)
    assert sampled.attrs["sampled"]
    assert not exact.attrs["sampled"]
    assert (sampled["entropy"] / exact["entropy"] - 1).abs().max() < 0.1
    assert (sampled["distance"] / exact["distance"] - 1).abs().max() < 0.1
    assert (sampled["first"] - exact["first"]).abs().max() < 0.02


def test_scores_are_a_job_that_tells_how_far_it_is() -> None:
    shares = list(table_steps(make(300, 3), sampled=False))
    assert shares == sorted(shares)
    assert 0 <= shares[0] < shares[-1] < 1


def test_scores_and_thumbnails_are_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from gptwidgets.kernel import tiles

    record = make(100, 2)
    list(tiles.thumbnails(record, [(0, 0), (1, 0)]))
    monkeypatch.setattr(record.source, "rows", None)
    record.scores()
    list(tiles.thumbnails(record, [(0, 1)], sink_hidden=True))


def test_the_diagonal_that_induction_looks_along() -> None:
    record = make(300, 2, rule=Band())
    found = diagonal(record, 5, start=20)
    assert found.shape == (2, H)
    w = record.weights(1, 2)
    assert found[1, 2] == pytest.approx(np.mean([w[i, i - 5] for i in range(20, 300)]), abs=1e-6)
    assert np.isnan(diagonal(record, 400)).all()
    windowed = make(300, 1, rule=Band(10))
    assert diagonal(windowed, 50)[0, 0] == 0
