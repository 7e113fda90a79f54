"""The effect of each head as a score of the grid: measured when it is asked for, and only then."""

from __future__ import annotations

import numpy as np
import pytest

from gptwidgets.kernel.gpt import GPT
from gptwidgets.widgets.heatmap import AttentionHeatmap

TEXT = "one text to read"


@pytest.fixture
def read(gpt):
    made = AttentionHeatmap(gpt, TEXT, ablation="zero").wait(20)
    yield made
    made.close()


def column(heat, name):
    at = heat.scores["columns"].index(name) + 2
    return {(row[0], row[1]): row[at] for row in heat.scores["rows"]}


def test_nobody_is_measured_unasked(read, monkeypatch):
    monkeypatch.setattr(GPT, "head_effects", lambda *_args, **_options: pytest.fail("nobody asked"))
    read.sort, read.color = "effect", "effect"
    read.heads_off = ["L0H1"]
    read.wait(20)
    assert "effect" not in read.scores["columns"]


def test_a_page_asks_and_the_grid_has_the_models_own_numbers(gpt, read, page):
    front = page(read)
    front.ask("effects")
    best = int(gpt.next_token(TEXT, k=1)["id"].iloc[0])
    expected = gpt.head_effects(TEXT, best, progress=False)["effect"]
    told = column(read, "effect")
    assert told == pytest.approx({head: round(value, 5) for head, value in expected.items()}, abs=2e-5)
    assert read.progress == {}
    with gpt.intervene(heads_off=[(0, 1)]):
        now = gpt.next_token(TEXT, k=gpt.vocabulary_size).set_index("id")["logprob"][best]
    before = gpt.next_token(TEXT, k=gpt.vocabulary_size).set_index("id")["logprob"][best]
    assert told[0, 1] == pytest.approx(now - before, abs=1e-3)


def test_it_stays_with_its_text(read):
    effects = read.head_effects()["effect"]
    read.heads_off = ["L0H1"]
    assert column(read.wait(20), "effect")[1, 1] == pytest.approx(effects[1, 1], abs=2e-5)
    read.text = "another text"
    assert "effect" not in read.wait(20).scores["columns"]


def test_the_strongest_are_those_that_speak_for_the_word(read):
    effects = read.head_effects()["effect"]
    expected = sorted(map(list, effects.nsmallest(2).index))
    assert read.switch_off(2, by="effect").heads_off == expected


def test_other_words_have_other_effects(gpt, read):
    other = int(gpt.next_token(TEXT, k=5)["id"].iloc[4])
    assert not np.allclose(read.head_effects()["effect"], read.head_effects(other)["effect"])


def test_stop_stops_it(read, page, monkeypatch):
    front = page(read)

    def slow(_gpt, *_args, cancel, **_options):
        while True:
            cancel.check()

    monkeypatch.setattr(GPT, "head_effects", slow)
    asked = front.post("effects")
    front.ask("stop")
    reply = front.answer(asked)[-1][0]
    assert reply["error"]["type"] == "Cancelled"
    assert (read.status, read.progress) == ("ready", {})
    assert "effect" not in read.scores["columns"]


def test_a_score_that_is_not_there_is_said(read, heat):
    with pytest.raises(ValueError, match="head_effects"):
        read.switch_off(2, by="effect")
    with pytest.raises(TypeError, match="GPT"):
        heat.head_effects()


def test_what_each_head_adds_straight_to_the_word(gpt, read, page):
    page(read).ask("effects", of="direct")
    best = int(gpt.next_token(TEXT, k=1)["id"].iloc[0])
    expected = gpt.direct_logits(TEXT, best)["direct"]
    assert column(read, "direct") == pytest.approx(expected.to_dict(), abs=2e-5)
    read.sort, read.color, read.filter = "direct", "direct", ["direct", 0.0, None]
    assert read.switch_off(2, by="direct").heads_off == sorted(map(list, expected.nlargest(2).index))
    other = int(gpt.next_token(TEXT, k=5)["id"].iloc[4])
    both = read.direct_logits(best, other)["direct"]
    assert column(read, "direct") == pytest.approx(both.to_dict(), abs=2e-5)
    assert not np.allclose(both, expected)


def test_how_much_each_head_writes(gpt, read, page):
    page(read).ask("effects", of="value")
    expected = gpt.value_norms(gpt.record(TEXT))["norm"]
    assert column(read, "value") == pytest.approx(expected.to_dict(), rel=1e-3)
    assert read.progress == {}
    assert (read.value_norms()["norm"] > 0).all()
    read.head_effects()
    assert {"effect", "value"} <= set(read.scores["columns"])
    read.text = "another text"
    assert not {"effect", "value"} & set(read.wait(20).scores["columns"])


def test_other_measures_are_refused(read, page):
    assert "not 'more'" in page(read).ask("effects", of="more")[0]["error"]["message"]
