"""Going on, branching, editing, pruning, undoing: nothing is ever lost."""

from __future__ import annotations

import numpy as np
import pytest

from gptwidgets.errors import TextError
from tests.waiting import until
from tests.widgets.playground.fake import logits


def test_going_on_and_branching(engine, play):
    first = play.run().wait(20)
    whole = play.path_text()
    more = play.go_on().wait(20)
    assert play.path_text() == whole + more.text
    other = play.branch(5, ord("X")).wait(20)
    assert play.path_text() == whole[:5] + other.text
    assert other.text.startswith("X")
    assert len(other.ids) == 1 + 8
    assert engine.seen[-1][0] == list((whole[:5] + "X").encode())
    assert other.nodes[0].parent == first.nodes[0].id
    last = play.branch(-1, "YZ", leaf=first.nodes[0]).wait(20)
    assert play.path_text() == whole[:-1] + last.text
    assert last.text.startswith("YZ")
    for wrong in (99, -99):
        with pytest.raises(IndexError, match="does not exist; this text has tokens"):
            play.branch(wrong, 65)
    with pytest.raises(TextError, match="does not exist"):
        play.branch(1, 999).wait(20)


def test_a_chosen_alternative_brings_its_numbers_along(engine, play):
    first = play.run().wait(20)
    known = first.nodes[0].tokens.at(2)
    chosen = int(known["alt_id"][3])
    row = play.branch(5, chosen).wait(20).tokens.iloc[0]
    assert row["id"] == chosen
    assert row["rank"] == 3
    assert row["logprob"] == pytest.approx(float(known["alt_logprob"][3]))
    assert row["entropy"] == pytest.approx(2.5)
    unknown = play.branch(5, 200).wait(20).tokens.iloc[0]
    assert np.isnan(unknown["logprob"])


def test_branching_in_the_prompt(engine, play):
    play.run().wait(20)
    run = play.branch(1, ord("B")).wait(20)
    assert play.path_text() == "a" + run.text
    assert engine.seen[-1][0] == list(b"aB")


def test_editing_in_the_middle_starts_a_branch(engine, play):
    run = play.run().wait(20)
    node = play.edit(2, 5, "é!")
    assert play.path_text() == "ab" + "é!" + run.text[2:]
    assert play.leaf == node.id
    assert node.kind == "edited"
    assert np.isnan(node.tokens.columns()["logprob"]).all()
    more = play.go_on().wait(20)
    assert engine.seen[-1][0] == play.path_ids()[: -len(more.ids)]
    play.edit(0, 0, "", leaf=run.nodes[0])
    assert play.path_text() == "abc" + run.text
    with pytest.raises(IndexError, match="ends before it begins"):
        play.edit(3, 2, "x")


def test_the_rest_after_an_edit_is_scored_anew(play):
    run = play.run().wait(20)
    old = run.nodes[0].tokens.columns()
    node = play.edit(4, 5, "é", scored=True)
    assert play.path_text() == "abc" + run.text[0] + "é" + run.text[2:]
    path = play.path_ids()
    columns = node.tokens.columns()
    for own, at in enumerate(range(node.at, len(path))):
        z = logits(path[:at]).astype(float)
        assert columns["logprob"][own] == pytest.approx(z[path[at]] - np.log(np.exp(z).sum()), abs=1e-4)
        assert columns["alt_id"][own].tolist() == np.argsort(-z, kind="stable")[:10].tolist()
    assert np.isnan(columns["sampled"]).all()
    for name, column in run.nodes[0].tokens.columns().items():  # the old branch knows nothing of it
        np.testing.assert_array_equal(column, old[name])
    assert play.undo() == "edit"
    assert play.leaf == run.nodes[0].id
    assert play.edit(-1, play.nodes.length(run.nodes[0]), "", scored=True).tokens.texts == []


def test_nothing_is_ever_lost(engine, play):
    first = play.run().wait(20)
    second = play.go_on().wait(20)
    shown = play.leaf
    play.clear()
    assert (play.leaf, {entry["pruned"] for entry in play.tree}) == ("", {True})
    assert play.undo() == "clear"
    assert play.leaf == shown
    assert not any(entry["pruned"] for entry in play.tree)
    play.prune(first.nodes[0])
    assert play.leaf == first.nodes[0].parent
    assert sum(entry["pruned"] for entry in play.tree) == 2
    play.prune(second.nodes[0], pruned=False)
    assert not any(entry["pruned"] for entry in play.tree)
    play.undo()
    assert play.undo() == "prune"
    assert play.undo() == "continue"
    assert play.leaf == first.nodes[0].id
    assert play.undo() == "run"
    assert play.leaf == ""
    assert play.undo() == ""
    assert second.text in play.path_text(second.nodes[0])
    play.rename("the best", first.nodes[0])
    assert first.nodes[0].name == "the best"
    play.undo()
    assert first.nodes[0].name == ""
    with pytest.raises(ValueError, match="at most 200"):
        play.rename("x" * 201)


@pytest.mark.parametrize("cut", range(1, 4))
def test_a_character_that_was_cut_off_is_completed(engine, play, cut):
    word = "x😀é".encode()
    engine.script = word
    play.max_new_tokens = 1 + cut
    first = play.run().wait(20).nodes[0]
    engine.script = word[1 + cut :]
    play.max_new_tokens = len(word) - 1 - cut
    more = play.go_on().wait(20).nodes[0]
    assert play.path_text() == "abcx😀é"
    assert play.path_ids() == [*b"abc", *word]
    assert (more.at, more.given) == (4, cut)
    assert play.path_text(first) == f"abcx⟨{word[1 : 1 + cut].hex(' ').upper()}⟩"
    assert np.isfinite(more.tokens.columns()["logprob"]).all()


def test_a_character_that_is_never_completed_stays_hex(engine, play):
    engine.script = b"x\xe2"
    play.max_new_tokens = 2
    play.run().wait(20)
    engine.script = b"yz"
    play.go_on().wait(20)
    assert play.path_text() == "abcx⟨E2⟩yz"
    engine.script = b"\x82\xac!"
    play.max_new_tokens = 3
    play.branch(4, 0xE2).wait(20)
    assert play.path_text() == "abcx€!"


def test_undo_during_a_run_stops_it(engine, play):
    engine.gated = True
    run = play.run()
    until(lambda: run.nodes)
    assert play.undo() == "run"
    run.wait(20)
    assert run.nodes[0].pruned
    assert run.reason == "stopped"
