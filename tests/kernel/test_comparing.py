from __future__ import annotations

import numpy as np
import pytest

import gptwidgets as gw
from gptwidgets.errors import Cancelled, ClosedError, TextError
from gptwidgets.kernel.gpt import GPT
from gptwidgets.kernel.worker import CancelToken
from tests.kernel.tiny_models import SMALL, make, tiny
from tests.kernel.words import characters

IDS = [(7 * i * i + 3) % 97 for i in range(20)]


@pytest.fixture(scope="module")
def gpt():
    with GPT(make("llama"), characters(), name="tiny") as made:
        yield made


def test_each_token_with_and_without_an_intervention(gpt):
    off = gw.Intervention.of(gpt, heads_off=["L1H2"], cut=[(0, 1, 9, 3)])
    plain = gpt.score(IDS)
    with gpt.intervene(heads_off=["L1H2"], cut=[(0, 1, 9, 3)]):
        changed = gpt.score(IDS)
        within = gpt.compare(IDS)
    table = gpt.compare(IDS, off)
    assert list(table) == ["token", "id", "logprob", "changed", "difference", "rank", "rank_changed"]
    np.testing.assert_allclose(table["logprob"], plain["logprob"], atol=1e-5)
    np.testing.assert_allclose(table["changed"], changed["logprob"], atol=1e-5)
    np.testing.assert_allclose(table["difference"], changed["logprob"] - plain["logprob"], atol=1e-5)
    assert table["rank_changed"].tolist() == changed["rank"].tolist()
    assert table["difference"].abs().max() > 0.01
    assert np.isnan(table["difference"][0])
    np.testing.assert_allclose(within["difference"], table["difference"], atol=1e-5)
    assert table.attrs["what"] == within.attrs["what"] == "1 head off (zero): L1H2; 1 edge cut"
    total = changed.attrs["log_likelihood_nats"] - plain.attrs["log_likelihood_nats"]
    assert table.attrs["log_likelihood_changed"] - table.attrs["log_likelihood"] == pytest.approx(
        total, abs=1e-3
    )


def test_without_a_change_nothing_differs(gpt):
    table = gpt.compare("the cat sat")
    assert table["difference"][1:].eq(0).all()
    assert "".join(table["token"]) == "the?cat?sat"
    assert table.attrs["what"] == "no intervention"


def test_two_models_with_one_tokenizer(gpt):
    with GPT(make("gpt2"), characters(), name="other") as other:
        table = gpt.compare("the cat sat", other)
        np.testing.assert_allclose(table["changed"], other.score("the cat sat")["logprob"], atol=1e-5)
        np.testing.assert_allclose(table["logprob"], gpt.score("the cat sat")["logprob"], atol=1e-5)
        assert table.attrs["what"] == "other"
        with other.intervene(heads_off=["L1H2"]):
            again = gpt.compare("the cat sat", other)
        assert (again["changed"] - table["changed"]).abs().max() > 0.01
        np.testing.assert_allclose(again["logprob"], table["logprob"], atol=1e-5)


def test_what_cannot_be_is_refused_in_words(gpt):
    with pytest.raises(TypeError, match=r"an Intervention .* or another GPT"):
        gpt.compare(IDS, ["L1H2"])
    with (
        GPT(make("gpt2"), name="bare") as bare,
        pytest.raises(TextError, match=r"Token 74 is .* only models"),
    ):
        gpt.compare([74, 75], bare)
    few = tiny("llama", "Llama", {**SMALL, "vocab_size": 60})
    with GPT(few, name="few") as small, pytest.raises(TextError, match="few has no token 74"):
        gpt.compare([74, 5], small)
    with pytest.raises(TextError):
        gpt.compare("")


def test_progress_stop_and_close():
    gpt, token, seen = GPT(make("llama")), CancelToken(), []
    gpt.compare(IDS, progress=seen.append)
    assert [(report.done, report.total) for report in seen] == [(20, 40), (40, 40)]
    with pytest.raises(Cancelled):
        gpt.compare(IDS, progress=lambda _: token.cancel(), cancel=token)
    gpt.close()
    with pytest.raises(ClosedError):
        gpt.compare(IDS)
