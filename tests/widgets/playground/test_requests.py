"""What a page asks and hears."""

from __future__ import annotations

import base64
import json
import threading

import numpy as np
import pytest

from gptwidgets.widgets.columns import unpack
from gptwidgets.widgets.playground.playground import Playground
from tests.waiting import until
from tests.widgets.playground.fake import FakeEngine, logits


@pytest.fixture
def page(page, play):
    return page(play)


def test_a_page_runs_goes_on_branches_and_undoes(play, page):
    assert page.ask("hello")[0]["version"] == 1
    reply, _ = page.ask("run")
    assert reply["run"] == "r1"
    page.until(lambda: play.status == "ready")
    leaf = play.leaf
    page.ask("continue", leaf=leaf)
    page.until(lambda: play.status == "ready")
    assert play.nodes[play.leaf].parent == leaf
    page.ask("branch", node=leaf, at=4, token=65)
    page.until(lambda: play.status == "ready")
    assert play.path_text()[4] == "A"
    edited, _ = page.ask("edit", node=leaf, at=0, end=3, text="xyz", scored=True)
    assert play.leaf == edited["node"]
    assert play.path_text().startswith("xyz")
    assert not np.isnan(play.nodes[play.leaf].tokens.columns()["logprob"][1:]).any()
    assert page.ask("undo")[0]["undone"] == "edit"
    page.ask("name", node=leaf, name="mine")
    page.ask("prune", node=leaf, pruned=True)
    assert (play.nodes[leaf].name, play.nodes[leaf].pruned) == ("mine", True)
    page.ask("clear")
    assert play.leaf == ""
    assert page.ask("stop")[0]["ok"]


@pytest.mark.parametrize(
    ("kind", "fields", "words"),
    [
        ("branch", {"node": "n99", "at": 1, "token": 2}, "There is no node 'n99'"),
        ("branch", {"node": 3, "at": 1, "token": 2}, "a node's name"),
        ("branch", {"at": "1", "token": 2}, "whole number"),
        ("branch", {"at": 1, "token": 2.5}, "whole number"),
        ("branch", {"at": 1}, "lacks 'token'"),
        ("branch", {"at": 77, "token": 65}, "token 77 does not exist"),
        ("edit", {"at": 1, "end": 0, "text": "x"}, "ends before it begins"),
        ("edit", {"at": 0, "end": 1, "text": 7}, "This is a text"),
        ("prune", {"node": "n1", "pruned": "yes"}, "true or false"),
        ("name", {"node": "n1", "name": 5}, "A name is a text"),
        ("continue", {"leaf": "nope"}, "There is no node"),
        ("next", {"node": "nope"}, "There is no node"),
        ("next", {"at": -50}, "does not exist"),
        ("pieces", {"ids": "abc"}, "list of at most"),
        ("pieces", {"ids": [1.5]}, "whole number"),
        ("score", {"text": 5}, "A text is scored"),
        ("score", {"text": ""}, "nothing to read"),
        ("story", {"since": [1]}, "since is"),
        ("beams", {"node": "n77"}, "There is no node"),
        ("code", {"leaf": "n77"}, "There is no node"),
        ("preset", {"save": {"name": ""}}, "name"),
        ("preset", {"delete": "Story"}, "no preset 'Story' of your own"),
        ("fly", {}, "does not know"),
    ],
)
def test_nonsense_is_answered_in_words(play, page, kind, fields, words):
    play.run().wait(20)
    reply, _ = page.ask(kind, **fields)
    assert not reply["ok"]
    assert words in reply["error"]["message"]
    assert play.run().wait(20).text


def test_the_next_distribution_is_there_before_anything_is_sampled(play, page):
    reply, (data,) = page.ask("next")
    assert (reply["at"], reply["partial"]) == (3, False)
    assert play.nodes[reply["node"]].kind == "prompt"
    columns = unpack(reply["columns"], data)
    z = logits(list(b"abc"))
    np.testing.assert_array_equal(columns["logit"], np.sort(z)[::-1])
    np.testing.assert_array_equal(z[columns["id"]], columns["logit"])
    assert columns["seen"].tolist() == list(b"abc")
    assert len(reply["pieces"]) == 256
    assert reply["pieces"][str(columns["id"][0])] == chr(columns["id"][0])
    assert not any(node.kind == "written" for node in play.nodes)


def test_what_was_cleared_stays_so_when_the_next_distribution_is_asked_for(play, page):
    play.run().wait()
    page.ask("clear")
    page.ask("next")
    assert all(node.pruned for node in play.nodes)
    play.run().wait()
    assert not play.nodes[play.leaf].pruned


def test_drafts_of_a_prompt_do_not_pile_up(play, page):
    for text in ("a", "ab", "abx"):
        play.prompt = text
        page.ask("next")
    assert [node.source for node in play.nodes] == ["abx"]
    play.run().wait(20)
    play.prompt = "other"
    page.ask("next")
    assert [node.source for node in play.nodes if node.kind == "prompt"] == ["abx", "other"]


def test_what_stood_in_the_distribution_has_its_numbers_as_a_branch(play, page):
    reply, (data,) = page.ask("next")
    columns = unpack(reply["columns"], data)
    page.ask("branch", node=reply["node"], at=reply["at"], token=int(columns["id"][7]))
    page.until(lambda: play.status == "ready")
    row = play.tokens.iloc[0]
    z = np.sort(logits(list(b"abc")).astype(float))[::-1]
    p = np.exp(z) / np.exp(z).sum()
    assert row["rank"] == 7
    assert row["prob"] == pytest.approx(p[7], rel=1e-5)
    assert row["entropy"] == pytest.approx(-(p * np.log2(p)).sum(), rel=1e-5)


def test_what_stood_in_the_place_of_a_kept_token_has_its_numbers_as_a_branch(play, page):
    run = play.run().wait(20)
    reply, (data,) = page.ask("next", node=run.nodes[0].id, at=5)
    columns = unpack(reply["columns"], data)
    assert columns["seen"].tolist() == sorted(set(play.path_ids()[:5]))
    page.ask("branch", node=reply["node"], at=reply["at"], token=int(columns["id"][40]))
    page.until(lambda: play.status == "ready")
    assert play.tokens.iloc[0]["rank"] == 40  # it is not among the alternatives that the run kept


def test_pieces_and_scores(play, page):
    assert page.ask("pieces", ids=[97, 10])[0]["pieces"] == {"97": "a", "10": "\n"}
    reply, (data,) = page.ask("score", text="hey")
    columns = unpack(reply["columns"], data)
    assert columns["id"].tolist() == list(b"hey")
    assert columns["rank"].tolist() == [-1, 3, 3]
    assert np.isnan(columns["logprob"][0])
    assert reply["texts"] == ["h", "e", "y"]
    assert set(reply["totals"]) == {
        "log_likelihood_nats", "perplexity_per_token", "bits_per_byte", "tokens", "bytes"
    }  # fmt: skip
    assert set(reply["pieces"]) == {str(i) for i in b"hey"}


def test_a_page_that_comes_during_a_run_gets_the_story_and_goes_on(engine, play, page):
    engine.gated = True
    run = play.run(n=2)
    until(lambda: run.nodes)
    engine.gate.release()
    until(lambda: len(run.ids) == 1)
    reply, buffers = page.ask("story")
    parts = dict(zip([part["node"] for part in reply["parts"]], buffers, strict=True))
    spec = {part["node"]: part["columns"] for part in reply["parts"]}
    first = run.nodes[0].id
    assert unpack(spec[first], parts[first])["id"].tolist() == run.ids
    assert {entry["id"] for entry in reply["tree"] if entry["running"]} == {node.id for node in run.nodes}
    assert reply["leaf"] == play.leaf
    engine.gated = False
    engine.gate.release(100)
    run.wait(20)
    rest, buffers = page.ask("story", since={first: 1})
    part = next(part for part in rest["parts"] if part["node"] == first)
    assert part["start"] == 1
    data = buffers[rest["parts"].index(part)]
    assert unpack(part["columns"], data)["id"].tolist() == run.ids[1:]
    nothing, _ = page.ask("story", since={node.id: len(node.tokens) for node in play.nodes})
    assert nothing["parts"] == []


def test_the_traits_hold_the_whole_story(play):
    run = play.run(n=2).wait(20)
    until(lambda: play.status == "ready")
    for part in play.story_columns["nodes"]:
        size = 4 * sum(int(np.prod(shape)) for _, _, shape in part["columns"])
        columns = unpack(part["columns"], play.story[part["offset"] : part["offset"] + size])
        assert columns["id"].tolist() == play.nodes[part["node"]].tokens.ids
        assert "".join(part["texts"]) == play.nodes[part["node"]].tokens.text
    assert {str(id_) for id_ in run.ids} <= set(play.story_columns["pieces"])
    json.dumps(play.story_columns, allow_nan=False)
    json.dumps(play.tree, allow_nan=False)


def test_bad_values_from_the_browser_are_answered_by_the_truth_and_a_sentence(play, page):
    updates = []
    play._send = lambda message, **_: updates.append(message)
    for name, value, words in [
        ("top_p", 1.5, "at most 1"),
        ("temperature", None, "must be a number"),
        ("temperature", True, "must be a number"),
        ("n", 9, "must be 1 to 8"),
        ("alternatives", 0, "must be 1 to 100"),
        ("seed", -1, "at least 0"),
        ("seed", 2**63, "below"),
        ("seed", "one", "whole number"),
        ("stop_at", [""], "empty text"),
        ("stop_at", 5, "stop is a text"),
        ("other", {"temprature": 1}, "did you mean temperature"),
        ("other", {"beams": 2}, "are shared"),
        ("messages", [{"role": "user"}], "A chat message"),
        ("color", "pink", "color"),
        ("leaf", "n77", "There is no node"),
        ("token", 99, "does not exist"),
        ("height", 5, "must be 200"),
        ("prompt", 5, "prompt"),
    ]:
        before = getattr(play, name)
        updates.clear()
        play.set_state({name: value})
        assert getattr(play, name) == before
        assert any(name in message["state"] for message in updates if message["method"] == "update"), name
        refused = [content for content, _ in page.heard if content.get("kind") == "refused"][-1]
        assert refused["trait"] == name
        assert words in refused["message"]
    play.set_state({"status": "running", "tree": [1]})
    assert (play.status, play.tree) == ("empty", [])


def test_the_browser_writes_what_it_may(play):
    play.set_state({"temperature": 1, "top_k": 40, "prompt": "p", "stop_at": ["x"], "seed": None, "n": 3})
    assert (play.temperature, play.top_k, play.prompt, play.n) == (1.0, 40, "p", 3)
    assert play.sampling.stop == ("x",)


def test_beams_leave_the_temperature_alone(play):
    play.temperature, play.beams = 0.7, 4
    assert (play.sampling.beams, play.sampling.temperature) == (4, 1.0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"temprature": 1}, "did you mean 'temperature'"),
        ({"status": "ready"}, "no option 'status'"),
        ({"top_p": "x"}, "top_p must be a number"),
        ({"prompt": [1, 2]}, "gpt.generate"),
        ({"prompt": 5}, "prompt is a text"),
    ],
)
def test_wrong_options_are_refused(engine, options, words):
    with pytest.raises(TypeError, match=words):
        Playground(engine, **options)


def test_what_is_no_gpt_is_refused(engine):
    for wrong in (None, "smollm2", object()):
        with pytest.raises(TypeError, match="needs a GPT"):
            Playground(wrong)
    engine.close()
    with pytest.raises(Exception, match="closed"):
        Playground(engine)


def test_state_travels_as_json(engine, play):
    play.run(n=2).wait(20)
    play.branch(4, ord("Q")).wait(20)
    play.rename("mine")
    state = json.dumps(play.state(), allow_nan=False)
    other = Playground(engine)
    assert other.restore(state) is other
    assert other.path_text() == play.path_text()
    assert other.state() == json.loads(state)
    assert other.go_on().wait(20).text == play.go_on().wait(20).text
    assert other.nodes[other.leaf].id not in json.loads(state)["tree"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda state: state.update(colour="x"), "has no 'colour'"),
        (lambda state: state.update(top_p=7), "top_p"),
        (lambda state: state.update(gptwidgets=9), "takes what state"),
        (lambda state: state.update(story="%%%"), "cannot be read"),
        (lambda state: state.update(story=base64.b64encode(b"x").decode()), "cannot be read"),
        (lambda state: state["tree"][1].update(parent="n9"), "do not belong together"),
        (lambda state: state["tree"][1].update(kind="evil"), "no node of the kind"),
        (lambda state: state["tree"][1].pop("at"), "cannot be read"),
        (lambda state: state.update(model="gpt-2"), "load that model"),
    ],
)
def test_a_broken_state_changes_nothing(play, change, words):
    play.run().wait(20)
    state = play.state()
    before = play.state()
    state["prompt"] = "changed"
    change(state)
    with pytest.raises((TypeError, ValueError), match=words):
        play.restore(state)
    assert play.state() == before


def test_a_sweep_is_a_table(engine, play):
    frame = play.sweep(["ab", "cd"], temperatures=[0, 1], seeds=[1, 2], top_k=[0, 5], progress=False)
    assert list(frame)[:4] == ["prompt", "temperature", "seed", "top_k"]
    assert len(frame) == 2 * 2 * 2 * 2
    assert (frame["tokens"] == 8).all()
    row = frame[(frame["prompt"] == "cd") & (frame["temperature"] == 1) & (frame["seed"] == 2)].iloc[0]
    play.prompt, play.temperature, play.seed = "cd", 1.0, 2
    run = play.run().wait(20)
    assert row["text"] == run.text
    assert row["logprob"] == pytest.approx(float(run.tokens["logprob"].sum()), abs=1e-4)
    assert len(play.nodes) == 2  # the sweep left the tree alone
    with pytest.raises(TypeError, match="list of values"):
        play.sweep("a", top_p=0.5)
    with pytest.raises(ValueError, match="top_p"):
        play.sweep("a", top_p=[0.5, 5])


def test_a_sweep_can_be_stopped_and_tells_how_far_it_is(play):
    told = []

    def progress(report):
        told.append((report.done, report.total))
        play.stop()

    play.max_new_tokens = 300
    frame = play.sweep(["a"] * 200, progress=progress)
    assert 0 < len(frame) < 200
    assert told[0][1] == 200


def test_of_a_sweep_that_is_stopped_the_run_in_progress_is_kept(engine, play):
    play.max_new_tokens = 5
    engine.gated = True
    engine.gate.release(8)  # all of the first run, and three tokens of the second

    def stop_when_it_waits():
        until(lambda: len(engine.streams) == 2 and engine.streams[1]._index == 3)
        play.stop()

    stopping = threading.Thread(target=stop_when_it_waits)
    stopping.start()
    frame = play.sweep(["a"] * 9, progress=False)
    stopping.join()
    assert list(frame["reason"]) == ["max_new_tokens", "stopped"]
    assert list(frame["tokens"]) == [5, 3]


def test_an_engine_without_scores_says_so(page):
    engine = FakeEngine(frozenset({"ids", "logits"}))
    play = Playground(engine, "a")
    page.__class__(play)
    reply, _ = page.__class__(play).ask("score", text="abc")
    assert reply["error"]["message"] == "fake gives no score: it is a fake."
    assert play.info["cannot"]["score"] == "fake gives no score: it is a fake."
    engine.close()
