from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from gptwidgets.errors import Cancelled, ClosedError, TextError
from gptwidgets.kernel import textscore
from gptwidgets.kernel.gpt import GPT
from gptwidgets.kernel.worker import CancelToken
from tests.kernel.tiny_models import make

IDS = [(7 * i * i + 3) % 97 for i in range(40)]


@pytest.fixture
def gpt():
    made = GPT(make("llama"), name="tiny")
    yield made
    made.close()


def wanted(model):
    with torch.no_grad():
        return model(torch.tensor([IDS])).logits[0, :-1].log_softmax(-1)


@pytest.mark.parametrize("name", ["llama", "gemma2", "gpt2"])
@pytest.mark.parametrize("piece", [1, 7, 512])
def test_each_token_has_its_own_probability_rank_and_entropy(name, piece, monkeypatch):
    monkeypatch.setattr(textscore, "NUMBERS", 97 * piece)
    with GPT(make(name)) as gpt:
        raw = wanted(gpt.model)
        table = gpt.score(IDS)
        scores = gpt.scores(IDS, k=5)
    mine = raw.gather(-1, torch.tensor(IDS[1:])[:, None])
    assert list(table) == ["token", "id", "logprob", "rank", "entropy"]
    assert table["id"].tolist() == IDS
    np.testing.assert_allclose(table["logprob"][1:], mine[:, 0], atol=1e-4)
    np.testing.assert_allclose(table["entropy"][1:], -(raw.exp() * raw).sum(-1) / math.log(2), atol=1e-4)
    assert table["rank"][1:].tolist() == (raw > mine).sum(-1).tolist()
    assert table["logprob"].isna().tolist() == [True] + [False] * 39
    assert table["rank"][0] == -1
    np.testing.assert_array_equal(scores.alternatives[1:], raw.topk(5).indices)
    np.testing.assert_allclose(scores.alternative_logprobs[1:], raw.topk(5).values, atol=1e-4)


def test_the_sum_and_what_follows_from_it(gpt):
    raw = wanted(gpt.model)
    total = float(raw.gather(-1, torch.tensor(IDS[1:])[:, None]).sum())
    attrs = gpt.score(IDS).attrs
    assert attrs["log_likelihood_nats"] == pytest.approx(total, abs=1e-3)
    assert attrs["perplexity_per_token"] == pytest.approx(math.exp(-total / 39), rel=1e-4)
    assert (attrs["tokens"], attrs["bytes"]) == (39, 0)
    assert math.isnan(attrs["bits_per_byte"])  # without a tokenizer there are no bytes


def test_one_token_has_nothing_before_it(gpt):
    table = gpt.score([5])
    assert math.isnan(table["logprob"][0])
    assert table.attrs["tokens"] == 0
    assert math.isnan(table.attrs["log_likelihood_nats"])
    assert math.isnan(table.attrs["perplexity_per_token"])


def test_progress_stop_and_refusals(gpt, monkeypatch):
    monkeypatch.setattr(textscore, "NUMBERS", 97 * 10)
    seen, token = [], CancelToken()
    gpt.score(IDS, progress=seen.append)
    assert [(report.done, report.total) for report in seen] == [(10, 40), (20, 40), (30, 40), (40, 40)]
    with pytest.raises(Cancelled):
        gpt.score(IDS, progress=lambda _: token.cancel(), cancel=token)
    with pytest.raises(TextError):
        gpt.score([])
    gpt.close()
    with pytest.raises(ClosedError):
        gpt.score(IDS)
