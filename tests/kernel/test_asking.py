from __future__ import annotations

import gc
import traceback

import numpy as np
import pytest
import torch

from gptwidgets.errors import OutOfMemory
from gptwidgets.kernel import forward, textscore
from gptwidgets.kernel.sampling import Sampling
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


@pytest.mark.parametrize("ask", ["next_token", "score"])
def test_an_error_that_is_held_holds_no_memory(gpt, monkeypatch, ask):
    """A notebook keeps the last error with its frames; the next try needs what the last one took."""
    monkeypatch.setitem(forward.CHUNK, "cpu", 10)
    monkeypatch.setattr(textscore, "NUMBERS", 97 * 10)
    gpt.generate(IDS, Sampling(temperature=0, max_new_tokens=10))  # leaves a cache for later runs
    passes = []

    def too_much(*_):
        passes.append(1)
        if len(passes) == 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    hook = gpt.model.model.layers[2].register_forward_hook(too_much)
    with pytest.raises(OutOfMemory, match="not enough memory to read 40 tokens on cpu: shorten") as held:
        getattr(gpt, ask)(list(range(40)))
    hook.remove()
    gc.collect()
    frames = [frame.f_locals for frame, _ in traceback.walk_tb(held.value.__traceback__)]
    names = [value for frame in frames for value in frame.values()]
    assert not any(isinstance(value, torch.Tensor) and value.numel() > 97 for value in names)
    assert all(value._cache is None for value in names if isinstance(value, forward.Reader))
    assert gpt.prefixes.take(IDS)[0] is None
    assert len(getattr(gpt, ask)(list(range(40)))) > 1
