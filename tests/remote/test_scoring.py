"""The next token, and how probable a text is."""

from __future__ import annotations

import math

import pytest


def test_next_tokens_and_scores(connected):
    gpt, _, _ = connected()
    frame = gpt.next_token("Once", k=3)
    assert frame["token"].tolist() == [" the", " cat", " sat"]
    assert frame["id"].tolist() == [7, 8, 9]
    assert frame["prob"].tolist() == pytest.approx([0.5, 0.2, 0.1])
    scored = gpt.score(" sat cat the")
    assert scored["token"].tolist() == [" sat", " cat", " the"]
    assert math.isnan(scored["logprob"][0])
    assert scored["rank"].tolist() == [-1, 0, 0]
    assert scored.attrs["tokens"] == 2
    assert scored.attrs["bytes"] == 8
    assert scored.attrs["log_likelihood_nats"] == pytest.approx(2 * math.log(0.5))
    assert scored.attrs["bits_per_byte"] == pytest.approx(2 / 8)
    assert scored.attrs["perplexity_per_token"] == pytest.approx(2)
