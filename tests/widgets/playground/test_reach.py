"""A slider that moves alone shows only tokens whose pieces the page has."""

from __future__ import annotations

import numpy as np
import pytest

from gptwidgets.widgets.playground.reach import SHOWN, ranks


@pytest.mark.parametrize("temperature", [0.0, 0.3, 1.0, 2.0])
@pytest.mark.parametrize("size", [2, 300, 5000])
def test_what_is_cut_first_is_among_them(size, temperature):
    logits = np.sort(np.random.default_rng(size).normal(0, 3, size).astype(np.float32))[::-1]
    known = set(ranks(logits, temperature).tolist())
    p = np.exp(logits.astype(float) / (temperature or 1))
    p /= p.sum()
    for place in np.arange(0, 1001, 7) / 1000:
        top_k = round(size**place)
        limit = max(0.01, round(place, 2))
        top_p = next((k for k in range(1, size) if p[:k].sum() >= limit), size)
        min_p = int((p >= round(place**3, 4) * p[0]).sum())
        for cut in (top_k, top_p, min_p):
            assert set(range(cut, min(cut + SHOWN, size))) <= known


def test_they_are_few():
    logits = np.sort(np.random.default_rng(0).normal(0, 3, 150_000).astype(np.float32))[::-1]
    found = ranks(logits, 1.0)
    assert len(found) < 6000
    assert (np.diff(found) > 0).all()
