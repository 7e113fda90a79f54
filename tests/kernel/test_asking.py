from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.kernel.endless import IDS, gpt

__all__ = ["gpt"]  # a fixture


def test_the_next_tokens_probabilities(gpt):
    with torch.no_grad():
        logits = gpt.model(torch.tensor([IDS])).logits[0, -1]
    np.testing.assert_allclose(gpt.next_logits(IDS), logits, atol=1e-4)
    assert gpt.next_logits(IDS).dtype == np.float32
    table = gpt.next_token(IDS, k=97)
    assert list(table) == ["token", "id", "prob", "logprob"]
    assert table["prob"].sum() == pytest.approx(1)
    assert table["id"].tolist() == logits.argsort(descending=True).tolist()
    np.testing.assert_allclose(table["logprob"], logits.log_softmax(-1).sort(descending=True)[0], atol=1e-4)
    assert len(gpt.next_token(IDS, k=500)) == 97
    with pytest.raises(ValueError, match="k must be at least 1"):
        gpt.next_token(IDS, k=0)


def test_what_it_can_and_cannot(gpt):
    assert {"ids", "logits", "alternatives", "attention"} <= gpt.can
    assert gpt.cannot("logits") == ""
    assert gpt.cannot("chat") == "tiny has no chat template: it continues texts."
