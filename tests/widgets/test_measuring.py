"""What a change inside the model does, as the heatmap tells it: each number beside the untouched one."""

from __future__ import annotations

import numpy as np
import pytest

from gptwidgets.kernel.sampling import Sampling
from gptwidgets.widgets import controls, measuring
from gptwidgets.widgets.heatmap import AttentionHeatmap

TEXT = "one text to read"
OFF = ["L0H1", "L1H2"]


@pytest.fixture
def read(gpt):
    made = AttentionHeatmap(gpt, TEXT, ablation="zero").wait(20)
    yield made
    made.close()


def told(gpt, **changes):
    """What the model itself says: of each next token by its id, of the text, and how it goes on."""
    with gpt.intervene(**changes):
        likely = gpt.next_token(TEXT, k=gpt.vocabulary_size).set_index("id")["prob"]
        text = gpt.score(TEXT).attrs["log_likelihood_nats"]
        return likely, text, gpt.generate(TEXT, Sampling(temperature=0, max_new_tokens=8)).text


def test_each_number_stands_beside_the_untouched_one(gpt, read):
    read.heads_off = OFF
    effect = read.wait(20).effect
    for side, changes in (("untouched", {}), ("now", {"heads_off": OFF})):
        likely, text, follows = told(gpt, **changes)
        for _, i, prob in effect[side]["next"]:
            assert prob == pytest.approx(likely[i], rel=1e-4)
        assert likely.idxmax() in {i for _, i, _ in effect[side]["next"]}  # of both sides, on both
        assert effect["text"][side] == pytest.approx(text, rel=1e-4)
        assert effect["continuation"][side] == follows
        best = effect["untouched"]["next"][0][1]
        assert effect[side]["logprob"] == pytest.approx(np.log(likely[best]), rel=1e-4)
    assert [row[1] for row in effect["untouched"]["next"]] == [row[1] for row in effect["now"]["next"]]
    assert effect["text"]["unit"] == "nats"
    assert not effect["busy"]


def test_the_same_as_a_table(gpt, read):
    read.heads_off = OFF
    table = read.effects()
    assert list(table.columns) == ["token", "id", "untouched", "now"]
    assert table["untouched"].is_monotonic_decreasing or len(table) > measuring.SHOWN
    assert table["now"].tolist() == [prob for _, _, prob in read.effect["now"]["next"]]


def test_nothing_is_measured_unasked(read):
    assert read.effect == {}


def test_the_mode_shows_what_there_is_to_change(gpt, read):
    read.switching = True
    effect = read.wait(20).effect
    assert (effect["words"], effect["untouched"]) == ("", effect["now"])
    assert effect["continuation"]["now"] == effect["continuation"]["untouched"] == told(gpt)[2]


def test_cut_edges_have_an_effect_too(gpt, read):
    edges = [(layer, head, 15, key) for layer in range(2) for head in range(4) for key in range(8)]
    read.cut = edges
    effect = read.wait(20).effect
    likely = told(gpt, cut=edges)[0]
    for _, i, prob in effect["now"]["next"]:
        assert prob == pytest.approx(likely[i], rel=1e-4)


def test_controls_are_as_many_other_heads_and_another_text(gpt, read):
    read.heads_off = OFF
    control = read.controls()
    assert read.effect["control"] == control
    best = read.effect["untouched"]["next"][0]
    assert (control["target"], control["untouched"]) == (best[0], pytest.approx(best[2]))
    assert control["now"] == pytest.approx(read.effect["now"]["next"][0][2], rel=1e-4)
    assert len(control["others"]) == len(control["named"]) == controls.DRAWS
    for words, prob in zip(control["named"], control["others"], strict=True):
        names = words.rpartition(": ")[2].split(", ")
        assert len(names) == len(OFF)
        assert not set(names) & set(OFF)
        assert prob == pytest.approx(told(gpt, heads_off=names)[0][best[1]], rel=1e-4)
    assert control["text"][1] * read.effect["tokens"] == pytest.approx(read.effect["text"]["now"], rel=1e-4)
    assert control["unrelated"][0] != control["unrelated"][1]


def test_controls_go_with_the_change_that_they_are_of(read):
    read.heads_off = OFF
    read.controls()
    read.heads_off = ["L0H0"]
    assert read.wait(20).effect["control"] == {}


def test_a_control_needs_a_change_and_other_heads(read, page, heat):
    with pytest.raises(ValueError, match="Nothing is switched off"):
        read.controls()
    with pytest.raises(TypeError, match="GPT"):
        heat.controls()
    read.heads_off = [(layer, head) for layer in range(2) for head in range(3)]
    read.wait(20)
    reply, _ = page(read).ask("control")
    assert "More than half" in reply["error"]["message"]


def test_a_single_token_has_no_text_before_it(gpt):
    heat = AttentionHeatmap(gpt, "a", heads_off=OFF).wait(20)
    assert heat.effect["text"] == {}
    assert heat.effect["now"]["next"]


def test_what_cannot_be_measured_is_said(gpt, read, monkeypatch):
    def fail(*_args, **_options):
        raise MemoryError

    monkeypatch.setattr(measuring, "outcome", fail)
    read.heads_off = OFF
    assert "Memory ran out" in read.wait(20).effect["error"]
    assert read.record.intervention.heads_off  # the picture is there all the same
