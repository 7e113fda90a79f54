"""Runs of the playground on an engine that obeys: queues, stops, errors, closing, what pages hear."""

from __future__ import annotations

import threading
import time
import warnings

import numpy as np
import pytest

import gptwidgets as gw
from gptwidgets.errors import ClosedError, OutOfMemory, TextError
from gptwidgets.kernel.sampling import Sampling
from gptwidgets.widgets.columns import unpack
from gptwidgets.widgets.playground import flusher
from gptwidgets.widgets.playground.playground import Playground
from gptwidgets.widgets.playground.runs import Speed
from tests.widgets.playground.fake import FakeEngine


def until(there, seconds=20):
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end
        time.sleep(0.002)


def listen(play):
    """What pages hear: events as {node: tokens} put together, and the messages themselves."""
    heard: list[tuple[dict, list[bytes]]] = []
    play.send = lambda content, buffers=None: heard.append((content, [bytes(b) for b in buffers or ()]))
    return heard


def put_together(heard):
    ids: dict[str, list[int]] = {}
    texts: dict[str, str] = {}
    for content, buffers in heard:
        if content.get("kind") != "tokens":
            continue
        for part, data in zip(content["parts"], buffers, strict=True):
            mine = ids.setdefault(part["node"], [])
            assert part["start"] == len(mine)
            mine += unpack(part["columns"], data)["id"].tolist()
            texts[part["node"]] = texts.get(part["node"], "") + "".join(part["texts"])
    return ids, texts


def test_a_run_returns_at_once_and_writes_what_the_model_writes(engine, play):
    engine.gated = True
    run = play.run()
    assert (run.status in {"queued", "running"}, run.text, run.tokens.empty) == (True, "", True)
    engine.gated = False
    assert run.wait(20) is run
    assert (run.status, run.reason, len(run.ids)) == ("done", "max_new_tokens", 8)
    assert play.path_text() == "abc" + run.text
    assert play.text == run.text
    assert bytes(run.ids).decode() == run.text
    frame = play.tokens
    assert list(frame) == [
        "token", "id", "text", "logprob", "prob", "sampled_prob", "rank", "entropy", "ms"
    ]  # fmt: skip
    np.testing.assert_allclose(frame["prob"], np.exp(frame["logprob"]))
    assert (frame["rank"] == 0).all()
    assert (play.status, play.error, play.leaf) == ("ready", {}, run.nodes[0].id)
    assert play.figures["queued"] == 0
    assert play.figures["context_used"] == 11
    assert play.figures["first_token_ms"] >= 0


def test_pages_hear_every_token_once_and_seldom(engine, play):
    heard = listen(play)
    play.max_new_tokens = 400
    began = time.monotonic()
    run = play.run(n=8)
    run.wait(60)
    until(lambda: sum(len(ids) for ids in put_together(heard)[0].values()) == 3 + 8 * 400)
    seconds = time.monotonic() - began
    events = [content for content, _ in heard if content.get("type") == "event"]
    assert len(events) <= 25 * seconds + 2
    ids, texts = put_together(heard)
    for node in run.nodes:
        assert ids[node.id] == node.tokens.ids
        assert texts[node.id] == node.tokens.text
    assert [event["seq"] for event in events] == sorted({event["seq"] for event in events})
    told = {id_ for event in events for id_ in event["pieces"]}
    assert {str(id_) for id_ in run.ids} <= told
    assert all(
        set(event) == {"type", "kind", "seq", "nodes", "parts", "pieces", "beams", "figures"}
        for event in events
    )


def test_no_trait_grows_with_the_tokens(engine, play):
    sent: list[str] = []
    real = play.send_state
    play.send_state = lambda key=None: (sent.append(str(key)), real(key))
    play.max_new_tokens = 500
    play.run().wait(60)
    until(lambda: not play._runs)
    assert sum("'story'" in keys for keys in sent) == 1
    assert len(sent) < 8


def test_the_first_token_goes_at_once(engine, play, monkeypatch):
    monkeypatch.setattr(flusher, "EVERY", 3600.0)  # only a first message can come
    heard = listen(play)
    play._flusher._last = -1e9
    engine.gated = True
    run = play.run()
    engine.gate.release()
    until(lambda: any(content.get("kind") == "tokens" for content, _ in heard))
    run.stop()


def test_runs_queue_and_say_so(engine, play):
    engine.gated = True
    runs = [play.run() for _ in range(20)]
    until(lambda: runs[0].nodes)
    assert play.figures["queued"] == 19
    assert [run.status for run in runs[1:]] == ["queued"] * 19
    assert play.status == "running"
    engine.gated = False
    engine.gate.release(1000)
    for run in runs:
        run.wait(30)
    assert len({run.text for run in runs}) == 1
    until(lambda: play.status == "ready")
    assert play.figures["queued"] == 0
    assert len([node for node in play.nodes if node.kind == "prompt"]) == 1


def test_stop_ends_all_twenty(engine, play):
    engine.gated = True
    runs = [play.run() for _ in range(20)]
    until(lambda: runs[0].nodes)
    engine.gate.release()
    until(lambda: len(runs[0].ids) == 1)
    play.stop()
    for run in runs:
        run.wait(20)
    assert runs[0].reason == "stopped"
    assert (runs[0].status, len(runs[0].ids)) == ("stopped", 1)
    assert {run.status for run in runs[1:]} == {"stopped"}
    assert not any(run.nodes for run in runs[1:])
    assert all(stream.closed for stream in engine.streams)
    engine.gated = False
    assert play.run().wait(20).reason == "max_new_tokens"


def test_stop_before_the_first_token(engine, play):
    engine.gated = True
    run = play.run()
    until(lambda: run.nodes)
    run.stop()
    assert run.wait(20).ids == []
    assert (run.status, run.reason) == ("stopped", "stopped")
    engine.gated = False
    assert play.run().wait(20).text


def test_an_interrupt_while_waiting_stops_the_run(engine, play, monkeypatch):
    engine.gated = True
    run = play.run()

    def interrupted(_timeout):
        raise KeyboardInterrupt

    waits = run._over.wait
    monkeypatch.setattr(run._over, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run.wait()
    assert waits(20)
    assert run.status == "stopped"


def test_waiting_has_an_end(engine, play):
    engine.gated = True
    run = play.run()
    with pytest.raises(TimeoutError, match=r"run\.wait\(\) waits on"):
        run.wait(0.05)
    run.stop()


@pytest.mark.parametrize(
    ("error", "kind", "action"),
    [
        (RuntimeError("CUDA error: out of memory"), "OutOfMemory", "shorter"),
        (MemoryError(), "OutOfMemory", "shorter"),
        (TextError("Too long."), "TextError", "prompt"),
        (KeyError("what"), "KeyError", "restart the kernel"),
    ],
)
def test_an_error_is_said_what_was_written_stays_and_the_next_run_works(engine, play, error, kind, action):
    engine.fail_at, engine.error = 3, error
    run = play.run()
    with pytest.raises((OutOfMemory, TextError, KeyError)):
        run.wait(20)
    assert (run.status, run.reason, len(run.ids)) == ("error", "error", 3)
    assert play.status == "error"
    assert play.error["type"] == kind
    assert action in play.error["action"]
    engine.fail_at = None
    assert play.run().wait(20).reason == "max_new_tokens"
    assert (play.status, play.error) == ("ready", {})


def test_an_empty_prompt_is_an_error_in_words(engine):
    play = Playground(engine)
    with pytest.raises(TextError, match="nothing to read"):
        play.run().wait(20)
    assert play.error["action"] == "Change the prompt."
    play.prompt = "now"
    assert play.run().wait(20).text


def test_closing_the_model_during_a_run(engine, play):
    engine.gated = True
    run, waiting = play.run(), play.run()
    until(lambda: run.nodes)
    engine.gate.release()
    until(lambda: run.ids)
    engine.close()
    for each in (run, waiting):
        with pytest.raises(ClosedError, match="closed"):
            each.wait(20)
    assert len(run.ids) >= 1
    until(lambda: play.status == "closed")
    assert play.error["type"] == "ClosedError"
    with pytest.raises(ClosedError, match=r"load it again"):
        play.run()
    assert play.path_text().startswith("abc")


def test_deleting_the_widget_during_a_run(engine, play):
    engine.gated = True
    run = play.run()
    until(lambda: run.nodes)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        play.close()
        run.wait(20)
    assert run.status == "stopped"
    with pytest.raises(ClosedError, match="make a new one"):
        play.run()
    assert all(stream.closed for stream in engine.streams)


def test_a_recording_or_a_look_goes_between_two_tokens(engine, play):
    engine.gated = True
    run = play.run()
    until(lambda: run.nodes)
    order: list[str] = []
    engine._model_worker.submit(lambda: order.append(f"recorded after {len(run.ids)}"))
    engine.gate.release()
    until(lambda: order)
    assert order == ["recorded after 1"]
    run.stop()


def test_many_sequences_have_their_own_seeds_and_one_group(engine, play):
    play.temperature, play.seed = 1.0, 40
    run = play.run(n=3).wait(20)
    assert [node.seed for node in run.nodes] == [40, 41, 42]
    assert {node.sequence for node in run.nodes} == {run.id}
    assert run.texts[1] != run.texts[0]
    play.seed = 41
    assert play.run(n=1).wait(20).text == run.texts[1]
    assert [entry["seed"] for entry in play.tree if entry["sequence"] == run.id] == [40, 41, 42]


def test_two_settings_side_by_side_share_prompt_and_chance(engine, play):
    play.temperature, play.other = 1.0, {"temperature": 0.0}
    run = play.run(n=2).wait(20)
    assert [node.sampling["temperature"] for node in run.nodes] == [1.0, 1.0, 0.0, 0.0]
    assert [node.seed for node in run.nodes] == [77, 78, 77, 78]
    assert run.texts[2] == run.texts[3] == play.run().wait(20).texts[1]
    assert engine.seen[-1][1].seed == 77


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


def test_undo_during_a_run_stops_it(engine, play):
    engine.gated = True
    run = play.run()
    until(lambda: run.nodes)
    assert play.undo() == "run"
    run.wait(20)
    assert run.nodes[0].pruned
    assert run.reason == "stopped"


def test_a_chat_goes_through_the_engine(engine):
    chat = [{"role": "user", "content": "hi"}]
    play = Playground(engine, chat, max_new_tokens=4)
    assert (play.chat, play.messages) == (True, chat)
    play.run().wait(20)
    assert play.path_text().startswith("<user>hi\n<assistant>")


def test_recording_uses_ids(engine, play):
    run = play.run().wait(20)
    assert play.record() == ("record", list(b"abc") + run.ids)


def test_texts_of_split_characters_and_a_stop_text(engine, play):
    engine.script = "é😀".encode() + b"\xf0\x9f"
    assert play.run().wait(20).text == "é😀⟨F0 9F⟩"[: len("é😀⟨F0 9F⟩")]
    play.stop_at = "😀"
    run = play.run().wait(20)
    assert (run.reason, run.text) == ("stop", "é😀")


def test_an_engine_that_knows_no_ids(page):
    engine = FakeEngine(frozenset({"alternatives", "seed", "n"}))
    play = Playground(engine, "abc", max_new_tokens=5, temperature=0)
    run = play.run().wait(20)
    assert len(run.text) == 5
    assert max(run.ids) < -1
    assert run.tokens["token"].tolist() == list(run.text)
    play.go_on().wait(20)
    assert engine.seen[-1][0] == "abc" + run.text
    chosen = int(run.nodes[0].tokens.at(1)["alt_id"][2])
    branched = play.branch(2, chosen, leaf=run.nodes[0]).wait(20)
    assert engine.seen[-1][0] == "abc" + run.text[0] + branched.text[0]
    with pytest.raises(TextError, match="fake gives no attention"):
        play.record()
    with pytest.raises(TextError, match="fake gives no ids"):
        play.code()
    reply, _ = page(play).ask("next")
    assert reply["partial"]
    assert len(reply["pieces"]) == 20
    with pytest.raises(TextError, match="fake gives no chat"):
        play.chat = True
    engine.close()


def test_beams_are_told_step_by_step_and_the_best_becomes_the_text(engine, play, page):
    heard = listen(play)
    play.beams, play.max_new_tokens = 2, 4
    run = play.run().wait(20)
    assert (run.text, run.reason) == ("aaaa", "max_new_tokens")
    np.testing.assert_allclose(run.tokens["logprob"], -1)
    until(lambda: any(content.get("nodes") for content, _ in heard))
    until(lambda: put_together(heard)[0].get(run.nodes[0].id) == run.ids)
    told = [told for content, _ in heard for told in content.get("beams", [])]
    assert sum(len(each["steps"]) for each in told) == 4
    reply, _ = page(play).ask("beams", node=run.nodes[0].id)
    assert [step["index"] for step in reply["steps"]] == [0, 1, 2, 3]
    second = [(beam["ids"], beam["parent"], beam["kept"]) for beam in reply["steps"][1]["beams"]]
    assert second[:3] == [([97, 97], 0, True), ([97, 98], 0, True), ([98, 97], 1, False)]
    assert reply["steps"][1]["beams"][2]["score"] == -2.5
    engine.gated = True
    play.max_new_tokens = 50
    stopped = play.run()
    engine.gate.release(3)
    until(lambda: stopped.nodes and len(stopped.nodes[0].beams) == 3)
    stopped.stop()
    assert stopped.wait(20).reason == "stopped"
    assert stopped.text == "aaa"


def test_setting_in_python_shows_at_once(engine, play):
    updates = []
    play._send = lambda message, **_: updates.append(message)
    play.prompt = "new"
    play.sampling = gw.Sampling(top_p=0.5, stop=["x"], seed=4)
    states = [message["state"] for message in updates if message["method"] == "update"]
    put = {name: value for state in states for name, value in state.items()}
    assert (put["prompt"], put["top_p"], put["stop_at"], put["seed"]) == ("new", 0.5, ["x"], 4)
    assert play.sampling == Sampling(top_p=0.5, stop=("x",), seed=4)


def test_two_threads_may_run_at_once(engine, play):
    runs = []
    threads = [threading.Thread(target=lambda: runs.append(play.run())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({run.id for run in runs}) == 8
    for run in runs:
        run.wait(20)


def test_speed_counts_from_the_first_token():
    now = iter([10.0, 10.5, 11.0, 11.5])
    speed = Speed(lambda: next(now))
    assert speed.count(2) == {"first_token_ms": 500.0}
    assert speed.count(2) == {"tokens_per_second": 4.0}
    assert speed.count(2) == {"tokens_per_second": 4.0}
