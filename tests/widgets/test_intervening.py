"""Heads switched off and edges cut in a heatmap: what is then seen, and that it all comes back."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from gptwidgets.errors import ClosedError, UnsupportedModelError
from gptwidgets.kernel.gpt import GPT
from gptwidgets.kernel.intervention import NOTHING, Intervention
from gptwidgets.widgets.heatmap import AttentionHeatmap
from tests.widgets.conftest import LAYERS, tiny

TEXT = "one text to read"


@pytest.fixture
def read(gpt):
    made = AttentionHeatmap(gpt, TEXT, ablation="zero").wait(20)
    yield made
    made.close()


def under(gpt, text=TEXT, **changes):
    with gpt.intervene(**changes):
        return gpt.record(text, progress=False)


def test_the_picture_is_of_the_model_with_the_head_off(gpt, read):
    before = read.info["record"]
    read.heads_off = ["L0H1", (0, 3)]
    assert read.heads_off == [[0, 1], [0, 3]]
    read.wait(20)
    assert read.info["record"] != before
    expected = under(gpt, heads_off=["L0H1", "L0H3"])
    np.testing.assert_allclose(read.record["pattern", 1], expected["pattern", 1], atol=1e-6)
    assert read.record.intervention.words() == "2 heads off (zero): L0H1, L0H3"
    assert not any("Recorded with" in note for note in read.notes)  # it stands where it is switched


def test_a_change_leaves_everything_in_its_place(read):
    read.choose(1, 2)
    read.query, read.view, read.hide_sink = 5, [1, 1, 6, 6], False
    states = []
    read.observe(lambda change: states.append(change["new"]), "status")
    read.heads_off = ["L0H0"]
    read.wait(20)
    assert (read.layer, read.head, read.query, read.view, read.hide_sink) == (1, 2, 5, [1, 1, 6, 6], False)
    assert (states, read.status) == ([], "ready")  # nothing fades or jumps


def test_a_cut_edge_is_no_cell_any_more(read):
    read.cut = [("L1H2", 5, 3), (1, 2, 6, 3)]
    assert read.wait(20).record.intervention.words() == "2 edges cut"
    assert read.record["pattern", 1][2, 5, 3] == 0
    assert read.record["pattern", 1][1, 5, 3] > 0


def test_with_without_and_the_difference(gpt, read):
    read.heads_off = ["L0H1"]
    read.compare = "without"
    read.wait(20)
    plain, changed = under(gpt)["pattern", 1], under(gpt, heads_off=["L0H1"])["pattern", 1]
    np.testing.assert_allclose(read.record["pattern", 1], plain, atol=1e-6)
    read.compare = "difference"
    read.wait(20)
    assert read.info["signed"]
    np.testing.assert_allclose(read.record["pattern", 1], changed - plain, atol=1e-6)
    read.heads_off = []
    assert not read.wait(20).info["signed"]  # there is no difference to be seen
    np.testing.assert_allclose(read.record["pattern", 1], plain, atol=1e-6)


def test_undo_and_clear(read):
    read.heads_off = ["L0H1"]
    read.heads_off = ["L0H1", "L1H1"]
    read.clear()
    assert (read.heads_off, read.undoable) == ([], 3)
    assert read.undo().heads_off == [[0, 1], [1, 1]]
    assert read.undo().undo().heads_off == []
    assert read.undo().undoable == 0
    assert read.wait(20).record.intervention == NOTHING


def test_clear_is_one_step(read):
    read.heads_off, read.cut = ["L0H1"], [(0, 0, 3, 1)]
    steps = read.undoable
    assert read.clear().undoable == steps + 1
    assert (read.undo().heads_off, read.cut) == ([[0, 1]], [[0, 0, 3, 1]])


def test_the_highest_by_a_score_are_switched_off(read):
    highest = read.scores["rows"]
    at = 2 + read.scores["columns"].index("entropy")
    expected = sorted(row[:2] for row in sorted(highest, key=lambda row: -row[at])[:2])
    assert read.switch_off(2, by="entropy").heads_off == expected
    assert len(read.switch_off(1, by="induction").heads_off) in {2, 3}  # measured for it
    assert "induction" in read.scores["columns"]


def test_the_plain_model_is_as_it_was(gpt, read):
    ids = torch.tensor([gpt.encode(TEXT)])
    with torch.no_grad():
        before = gpt.model(ids).logits
        read.heads_off, read.cut = ["L0H1"], [(1, 1, 4, 2)]
        during = gpt.model(ids).logits
        read.wait(20)
        read.close()
        assert torch.equal(gpt.model(ids).logits, before)
    assert torch.equal(during, before)  # the widget's state is the widget's


def test_another_text_is_read_with_the_same_heads_off_and_no_old_edges(gpt, read):
    read.heads_off, read.cut = ["L0H1"], [(1, 1, 4, 2)]
    read.wait(20)
    read.text = "quite another one"
    read.wait(20)
    assert (read.heads_off, read.cut, read.undoable) == ([[0, 1]], [], 0)
    expected = under(gpt, "quite another one", heads_off=["L0H1"])
    np.testing.assert_allclose(read.record["pattern", 1], expected["pattern", 1], atol=1e-6)


def test_a_change_while_a_text_is_being_read_holds_for_it(gpt, gate):
    heat = AttentionHeatmap(gpt, TEXT)
    heat.heads_off = ["L0H1"]
    gate.release(2)
    assert heat.wait(20).record.intervention.words() == "1 head off (mean): L0H1"


def test_it_is_there_from_the_beginning(gpt):
    heat = AttentionHeatmap(gpt, TEXT, heads_off=["L1H0"], ablation="zero", cut=[(0, 0, 2, 1)]).wait(20)
    assert heat.record.intervention.words() == "1 head off (zero): L1H0; 1 edge cut"
    assert heat.effect["words"] == "1 head off (zero): L1H0; 1 edge cut"


def test_a_state_carries_what_is_switched_off(gpt, read):
    read.heads_off, read.cut, read.compare = ["L0H1"], [(1, 1, 4, 2)], "difference"
    read.switching = True
    state = json.loads(json.dumps(read.wait(20).state()))
    other = AttentionHeatmap(gpt, "something else").wait(20)
    assert other.restore(state).wait(20).state() == state
    np.testing.assert_allclose(other.record["pattern", 1], read.record["pattern", 1], atol=1e-6)


def test_a_state_that_cannot_be_changes_nothing(read):
    read.heads_off = ["L0H1"]
    before = read.wait(20).state()
    with pytest.raises(IndexError):
        read.restore({"heads_off": [[99, 0]]})
    assert read.state() == before


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"heads_off": ["L9H0"]}, IndexError),
        ({"heads_off": "L0H1"}, TypeError),
        ({"cut": [(0, 0, 1, 5)]}, ValueError),
        ({"cut": [(0, 0, 1)]}, TypeError),
    ],
)
def test_heads_and_edges_that_do_not_exist_are_refused(read, change, error):
    name, value = next(iter(change.items()))
    with pytest.raises(error):
        setattr(read, name, value)
    assert (read.heads_off, read.cut, read.status) == ([], [], "ready")


def test_only_an_open_model_can_be_changed(heat, gpt, read):
    with pytest.raises(TypeError, match="Only in a GPT"):
        heat.heads_off = ["L0H1"]
    gpt.close()
    with pytest.raises(ClosedError, match="load"):
        read.heads_off = ["L0H1"]


def test_an_edge_beyond_the_text_changes_nothing(read):
    read.cut = [(0, 0, 500, 2)]
    assert read.wait(20).effect["now"] == read.effect["untouched"]


def test_what_a_model_refuses_is_taken_back_and_said(gpt, read, monkeypatch):
    read.heads_off = ["L0H1"]
    read.wait(20)
    shown = read.info["record"]
    edits = GPT._edits

    def refuse(self, rows):
        if any(row.cut for row in rows):
            raise UnsupportedModelError("This model's edges cannot be cut.")
        return edits(self, rows)

    monkeypatch.setattr(GPT, "_edits", refuse)
    read.cut = [(0, 0, 3, 1)]
    with pytest.raises(UnsupportedModelError, match="cannot be cut"):
        read.wait(20)
    assert (read.cut, read.heads_off, read.undoable) == ([], [[0, 1]], 1)
    assert (read.status, read.error["message"]) == ("ready", "This model's edges cannot be cut.")
    assert read.wait(20).info["record"] == shown  # and all goes on
    assert read.effect["words"] == "1 head off (zero): L0H1"
    read.heads_off = []
    assert read.wait(20).error == {}


def test_a_block_around_a_heatmap_holds_for_it_too(gpt, read):
    with gpt.intervene(heads_off=["L1H3"]):
        read.heads_off = ["L0H1"]
        read.wait(20)
    both = Intervention(frozenset({(0, 1), (1, 3)}))
    assert read.record.intervention == both
    with gpt.intervene(heads_off=["L1H3"], ablation="mean"):
        read.heads_off = ["L0H2"]
        with pytest.raises(ValueError, match="off already"):
            read.wait(20)
    assert read.heads_off == [[0, 1]]


def test_the_latest_of_many_changes_wins(read):
    for head in range(4):
        read.heads_off = [(layer, head) for layer in range(LAYERS)]
    assert read.wait(20).record.intervention.heads_off == {(0, 3), (1, 3)}
    assert read.effect["words"] == "2 heads off (zero): L0H3, L1H3"
    assert read.undoable == 4


def test_a_page_switches_and_takes_back(read, page):
    front = page(read)
    read.set_state({"heads_off": [[0, 1]]})
    front.until(lambda: read.record.intervention.heads_off == {(0, 1)})
    front.ask("undo")
    assert read.heads_off == []
    read.set_state({"heads_off": [[77, 1]]})  # answered by the truth
    assert read.heads_off == []


def test_two_heatmaps_of_one_model_are_changed_apart():
    gpt = tiny()
    one, other = (AttentionHeatmap(gpt, TEXT, ablation="zero").wait(20) for _ in range(2))
    one.heads_off, other.heads_off = ["L0H1"], ["L1H2"]
    assert one.wait(20).record.intervention.heads_off == {(0, 1)}
    assert other.wait(20).record.intervention.heads_off == {(1, 2)}
    gpt.close()
    assert one.status == other.status == "closed"
