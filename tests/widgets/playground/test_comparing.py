"""What a change inside the model does to each token: as a table, and as what colours the text."""

from __future__ import annotations

import numpy as np
import pytest

from gptwidgets.errors import GPTWidgetsError
from gptwidgets.kernel.intervention import Intervention
from gptwidgets.widgets.playground.playground import Playground
from tests.waiting import until
from tests.widgets.conftest import HEADS, LAYERS
from tests.widgets.playground.fake import FakeEngine

ALL_OFF = [[layer, head] for layer in range(LAYERS) for head in range(HEADS)]


@pytest.fixture
def play(gpt):
    made = Playground(gpt, "hello world", temperature=0, max_new_tokens=5, ablation="zero")
    made.run().wait(30)
    yield made
    made.close()


def shown(play) -> np.ndarray:
    until(lambda: "words" in play.difference_of)
    return np.frombuffer(play.difference, "<f4")


def test_a_table_of_each_token_with_and_without(play, gpt):
    play.heads_off = ALL_OFF
    table = play.compare()
    assert table["id"].tolist() == play.path_ids()
    plain = gpt.score(play.path_ids())["logprob"]
    assert np.allclose(table["logprob"][1:], plain[1:], atol=1e-5)
    with gpt.intervene(heads_off=ALL_OFF):
        changed = gpt.score(play.path_ids())["logprob"]
    assert np.allclose(table["changed"][1:], changed[1:], atol=1e-5)
    assert np.abs(table["difference"][1:]).max() > 1e-3
    none = play.compare(Intervention())
    assert np.allclose(none["difference"][1:], 0)


def test_the_text_is_coloured_by_it_and_follows_the_change(play):
    play.color = "difference"
    assert play.difference == b""
    play.heads_off = ALL_OFF
    first = shown(play)
    assert play.difference_of["leaf"] == play.leaf
    assert play.difference_of["words"].startswith("8 heads off (zero)")
    assert np.allclose(first[1:], play.compare()["difference"][1:], atol=1e-6)
    total = play.difference_of["changed"] - play.difference_of["untouched"]
    assert total == pytest.approx(float(np.nansum(first)), abs=1e-4)
    play.heads_off = [[0, 1]]
    until(lambda: play.difference_of.get("words", "").startswith("1 head off"))
    assert not np.allclose(shown(play)[1:], first[1:])
    play.heads_off = []
    assert (play.difference, play.difference_of) == (b"", {})


def test_a_new_branch_has_its_own(play):
    play.color = "difference"
    play.heads_off = ALL_OFF
    shown(play)
    play.branch(12, 65).wait(30)
    until(lambda: play.difference_of.get("leaf") == play.leaf)
    assert len(shown(play)) == len(play.path_ids())
    play.color = "probability"
    assert play.difference_of == {}


def test_nobody_reads_twice_who_does_not_look(play, gpt, monkeypatch):
    monkeypatch.setattr(gpt, "compare", lambda *_, **__: pytest.fail("nobody asked"))
    play.heads_off = ALL_OFF
    play.run().wait(30)
    assert play.difference_of == {}


def test_a_model_elsewhere_says_why_not():
    play = Playground(FakeEngine(frozenset({"text", "ids"})), "hello")
    with pytest.raises(GPTWidgetsError, match="attention"):
        play.compare()
    play.color = "difference"
    assert play.difference_of == {}
    play.close()
