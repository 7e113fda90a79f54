"""What cannot be: each is a clear sentence or a clean end, and the next run works. On a real, tiny model."""

from __future__ import annotations

import json
import math
import threading

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from gptwidgets.errors import ClosedError, TextError
from gptwidgets.kernel.gpt import GPT
from gptwidgets.widgets.playground.playground import Playground
from tests.waiting import until
from tests.widgets.conftest import tiny
from tests.widgets.playground.fake import reader

ROOM = 16  # tokens
HUGE = 10**30


@pytest.fixture(scope="module")
def narrow():
    """A random model that reads bytes, and no more than 16 of them."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=256,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=ROOM,
    )
    made = GPT(LlamaForCausalLM(config), reader(), name="narrow")
    yield made
    made.close()


@pytest.fixture
def play(narrow):
    made = Playground(narrow, "abc", temperature=0, max_new_tokens=4)
    yield made
    made.close()


def works(play):
    """Whether the next run is one like any other."""
    play.prompt = "next"
    run = play.run().wait(60)
    return (play.status, play.error, run.reason, len(run.ids)) == ("ready", {}, "max_new_tokens", 4)


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("", "nothing to read"),
        ("x" * ROOM, "The prompt has 16 tokens, and narrow reads at most 16"),
        ("x" * 5000, "The prompt has 5,000 tokens"),
        ("a\ud83d", "half a character"),
    ],
)
@pytest.mark.parametrize("beams", [1, 2])
def test_prompts_that_cannot_be_read(play, prompt, words, beams):
    play.prompt, play.beams = prompt, beams
    with pytest.raises(TextError, match=words):
        play.run().wait(60)
    said = (play.status, play.error["type"], play.error["action"])
    assert said == ("error", "TextError", "Change the prompt.")
    assert len(play.nodes) == 0
    play.beams = 1
    assert works(play)


def test_a_full_context_is_an_end_and_no_error(play):
    play.prompt = "x" * (ROOM - 2)
    run = play.run().wait(60)
    assert (run.reason, len(run.ids), play.status) == ("context", 2, "ready")
    for more in (play.go_on, lambda: play.branch(ROOM, 65), lambda: play.branch(ROOM - 1, 65)):
        with pytest.raises(TextError, match="shorten the prompt"):
            more().wait(60)
    assert play.path_text() == play.prompt + run.text  # shown as before
    assert len(play.branch(ROOM - 2, 65).wait(60).ids) == 2
    assert works(play)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("temperature", -1, "at least 0"),
        ("temperature", math.nan, "at least 0"),
        ("temperature", 1e-300, "0 .greedy. or at least"),
        ("temperature", "1", "must be a number"),
        ("top_k", -1, "at least 0"),
        ("top_k", 2.5, "must be a whole number"),
        ("top_p", 0, "above 0"),
        ("top_p", 1.5, "at most 1"),
        ("min_p", 2, "at most 1"),
        ("repetition_penalty", 0, "at least 0.001"),
        ("repetition_penalty", 1e308, "at most 1000"),
        ("max_new_tokens", 0, "at least 1"),
        ("stop_at", [""], "empty text"),
        ("stop_at", ["\ud83d"], "half a character"),
        ("stop_at", {"a": 1}, "list of texts"),
        ("seed", 1.5, "whole number"),
        ("seed", 2**63, "below"),
        ("beams", 33, "at most 32"),
        ("n", 0, "1 to 8"),
        ("n", True, "whole number"),
        ("alternatives", 101, "1 to 100"),
        ("other", {"temperature": -1}, "at least 0"),
        ("other", {5: 5}, "has no 5"),
        ("other", [1], "a dict"),
        ("sampling", 5, "is a gw.Sampling"),
        ("sampling", {"temprature": 5}, "did you mean temperature"),
        ("sampling", {"beams": 3, "temperature": 0.5}, "nothing to chance"),
    ],
)
def test_settings_that_cannot_be(play, name, value, words):
    before = (play.sampling, play.n, play.alternatives, play.other)
    with pytest.raises((TypeError, ValueError), match=words):
        setattr(play, name, value)
    assert (play.sampling, play.n, play.alternatives, play.other) == before
    assert works(play)


@pytest.mark.parametrize(
    "rules",
    [
        {"temperature": 1e-6},
        {"temperature": 100.0, "repetition_penalty": 1000.0},
        {"temperature": 1e-6, "repetition_penalty": 0.001},
        {"temperature": 1.0, "top_p": 1e-300},
        {"temperature": 1.0, "top_k": HUGE, "min_p": 1.0},
        {"temperature": 1.0, "seed": 2**63 - 1},
        {"temperature": 1.0, "max_new_tokens": HUGE},
        {"stop_at": ["x" * 10_000]},
        {"alternatives": 100, "n": 8},
    ],
    ids=str,
)
def test_settings_at_the_edge_give_numbers(play, rules):
    for name, value in rules.items():
        setattr(play, name, value)
    frame = play.run().wait(60).tokens
    assert len(frame) == (ROOM - 3 if rules.get("max_new_tokens") else 4)
    assert frame["sampled_prob"].between(0, 1.0001).all()
    assert ((frame["sampled_prob"] > 0) & (frame["prob"] > 0)).all()
    json.dumps(play.tree, allow_nan=False)


def test_the_browser_hears_why_a_value_cannot_be(play, page):
    browser = page(play)
    play.set_state({"temperature": 1e-40, "top_p": 7, "prompt": "new"})
    told = {heard["trait"]: heard["message"] for heard, _ in browser.heard if heard.get("kind") == "refused"}
    assert told.keys() == {"temperature", "top_p"}
    assert "0 (greedy) or at least 1e-06" in told["temperature"]
    assert (play.temperature, play.prompt) == (0, "abc")  # all of it, or nothing
    assert works(play)


def test_special_tokens_that_are_typed_are_read_as_the_tokenizer_does(smollm2):
    play = Playground(smollm2, "<|endoftext|>x<|im_start|>", temperature=0, max_new_tokens=1)
    play.run().wait(120)
    assert play.nodes[play.nodes[play.leaf].parent].tokens.ids == smollm2.encode("<|endoftext|>x<|im_start|>")
    assert play.path_text().startswith("<|endoftext|>x<|im_start|>")


def test_an_edit_down_to_nothing_can_be_written_on_from_a_token(play):
    play.run().wait(60)
    play.edit(0, 7, "")
    assert play.path_text() == ""
    with pytest.raises(TextError, match="nothing to read"):
        play.go_on().wait(60)
    assert len(play.branch(0, 65).wait(60).ids) == 5
    assert works(play)


def test_what_changes_the_text_leaves_the_error_behind(play):
    play.run().wait(60)
    play.prompt = ""
    with pytest.raises(TextError):
        play.run().wait(60)
    assert play.error
    play.edit(0, 1, "A")
    assert (play.status, play.error) == ("ready", {})


def test_a_playground_that_was_closed_can_be_read_and_does_nothing(play):
    run = play.run().wait(60)
    play.close()
    play.close()
    play.stop()
    play.clear()
    assert play.undo() == "clear"
    assert (play.tokens["id"].tolist(), play.text) == (run.ids, run.text)
    with pytest.raises(ClosedError, match="make a new one"):
        play.go_on()


def test_runs_stops_and_edits_from_many_threads_end_well(play):
    errors: list[BaseException] = []

    def one(number):
        try:
            for _ in range(4):
                run = play.run()
                if number % 2:
                    run.stop()
                run.wait(60)
                play.edit(0, 1, "A", leaf=play.nodes["n1"])
                play.undo()
        except BaseException as error:  # told by the test
            errors.append(error)

    play.run().wait(60)
    threads = [threading.Thread(target=one, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    until(lambda: not play._runs)
    assert not any(node.running for node in play.nodes)
    assert works(play)


def test_closing_a_real_model_during_a_run():
    gpt = tiny()
    play = Playground(gpt, "abc", max_new_tokens=4000)
    run = play.run()
    until(lambda: run.ids)
    gpt.close()
    with pytest.raises(ClosedError, match="closed"):
        run.wait(60)
    until(lambda: play.status == "closed")
    assert play.path_text().startswith("abc")
    with pytest.raises(ClosedError, match=r"load it again with gw.load"):
        play.run()


def test_an_interrupted_cell_keeps_what_was_written(play):
    gpt = play._gpt

    def interrupted(report):
        if report.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gpt.generate("a", play.sampling, progress=interrupted)
    assert (len(gpt.last.ids), gpt.last.reason) == (2, "stopped")
    assert works(play)


def test_a_page_stops_a_score_that_is_being_made(play, page, monkeypatch):
    begun = threading.Event()

    def read(_reader, *_args, **_options):
        begun.set()
        until(lambda: play._jobs and next(iter(play._jobs)).cancelled)
        return torch.zeros(1, 3, 256)

    monkeypatch.setattr("gptwidgets.kernel.forward.Reader.read", read)
    monkeypatch.setattr("gptwidgets.kernel.textscore.NUMBERS", 3 * 256)  # three tokens at a time
    view = page(play)
    name = view.post("score", text="x" * 30)
    assert begun.wait(20)
    view.cancel(name)
    assert view.answer(name)[-1][0]["error"]["type"] == "Cancelled"
    monkeypatch.undo()
    assert play.progress == {}
    assert works(play)
