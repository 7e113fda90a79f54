from __future__ import annotations

import pytest

from gptwidgets.store import ranking


def test_one_enthusiast_does_not_beat_fifty_who_are_content():
    assert ranking.mean({5: 1}) > ranking.mean({4: 50})
    assert ranking.bound({5: 1}) < ranking.bound({4: 50})


def test_the_bound_comes_up_to_the_mean_with_the_number_of_reviews():
    bounds = [ranking.bound({4: n}) for n in (1, 10, 100, 10_000)]
    assert bounds == sorted(bounds)
    assert bounds[-1] == pytest.approx(4, abs=0.02)
    assert all(bound < 4 for bound in bounds)


def test_it_is_the_formula_of_the_article():
    # ten reviews 1, 2, 3, 4, 5 with the counts 1, 0, 2, 3, 4; worked out by hand
    share = {1: 2 / 15, 2: 1 / 15, 3: 3 / 15, 4: 4 / 15, 5: 5 / 15}
    first, second = sum(s * p for s, p in share.items()), sum(s * s * p for s, p in share.items())
    assert first == pytest.approx(54 / 15)
    assert ranking.bound({1: 1, 3: 2, 4: 3, 5: 4}) == pytest.approx(
        first - 1.65 * ((second - first**2) / 16) ** 0.5
    )


def test_what_nobody_reviewed_has_neither():
    assert ranking.mean({}) is None
    assert ranking.bound({1: 0}) is None
