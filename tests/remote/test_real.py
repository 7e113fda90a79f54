"""On a real server that others wrote: llama.cpp's, through llama-cpp-python, on the default model.

Asked for with `make test-remote`: the server is compiled once, which takes some minutes.
"""

from __future__ import annotations

import math
import os

import numpy as np
import pytest

import gptwidgets as gw
from gptwidgets.errors import TextError
from gptwidgets.remote.failures import RemoteError
from gptwidgets.widgets.playground.playground import Playground
from tests.remote import environment

pytestmark = [
    pytest.mark.remote,
    pytest.mark.timeout(1800),
    pytest.mark.skipif("GPTWIDGETS_REMOTE" not in os.environ, reason="make test-remote runs these"),
]
KEY = "sk-test-key"
PROMPT = "The capital of France is"
CHAT = [{"role": "user", "content": "What is the capital of France?"}]
GREEDY = gw.Sampling(temperature=0, max_new_tokens=12)


@pytest.fixture(scope="module")
def url():
    with environment.server(KEY) as address:
        yield address


@pytest.fixture(scope="module")
def gpt(url):
    with gw.connect(url, api_key=KEY) as made:
        yield made


@pytest.fixture(scope="module")
def local():
    with gw.load(progress=False) as made:
        yield made


def test_what_it_gives_and_what_not(gpt):
    assert gpt.can == {"alternatives", "chat", "seed", "text"}
    assert "one sequence" in gpt.cannot("n")
    assert "or a wrong one" in gpt.cannot("score")  # its echo gives a token the numbers of the next place
    assert gpt.name == "smollm2"


def test_it_writes_what_the_same_model_writes_here(gpt, local):
    # not for long: the server computes with the weights' four bits, we with what they stand for
    few = GREEDY.replace(max_new_tokens=4)
    there, here = gpt.generate(PROMPT, few), local.generate(PROMPT, few)
    assert there.text == here.text
    assert there.reason == here.reason == "max_new_tokens"
    frame = there.tokens
    assert "".join(frame["text"]) == there.text
    np.testing.assert_allclose(frame["logprob"], here.tokens["logprob"], atol=0.25)
    assert (frame["rank"] == 0).all()
    for token in there.sequences[0].steps:
        assert len(token.alternatives.pieces) == 10
        assert token.alternatives.logprobs == sorted(token.alternatives.logprobs, reverse=True)
        assert token.alternatives.pieces[0] == token.piece


def test_the_next_token(gpt, local):
    there, here = gpt.next_token(PROMPT, k=5), local.next_token(PROMPT, k=5)
    assert there["token"][0] == here["token"][0]
    assert set(there["token"][:3]) == set(here["token"][:3])
    assert there["prob"][0] == pytest.approx(here["prob"][0], abs=0.05)


def test_a_seed_is_heeded_and_so_are_the_rules(gpt):
    wild = gw.Sampling(temperature=1.5, seed=7, max_new_tokens=16)
    first, again = gpt.generate(PROMPT, wild).text, gpt.generate(PROMPT, wild).text
    assert first == again != gpt.generate(PROMPT, wild.replace(seed=8)).text
    greedy = gpt.generate(PROMPT, GREEDY.replace(max_new_tokens=16)).text
    assert gpt.generate(PROMPT, wild.replace(top_k=1)).text == greedy
    assert gpt.generate(PROMPT, wild.replace(min_p=1.0)).text == greedy


def test_characters_of_several_tokens_come_out_whole(gpt):
    sampling = GREEDY.replace(max_new_tokens=24)
    written = gpt.generate("Smileys: 😀 😃 😄 😁 😆 😅 😀 😃 😄", sampling).sequences[0]
    assert "\ufffd" not in written.text
    assert "".join(token.text for token in written.steps) == written.text


def test_chats(gpt):
    written = gpt.generate(CHAT, GREEDY)
    body = {"model": "smollm2", "messages": CHAT, "max_tokens": 12, "temperature": 0}
    body |= {"top_k": 0, "top_p": 1.0, "min_p": 0.0, "repeat_penalty": 1.0}
    whole = gpt._client.ask("/chat/completions", body)
    assert written.text == whole["choices"][0]["message"]["content"] != ""
    assert len(written.ids) == whole["usage"]["completion_tokens"]
    assert math.isfinite(written.tokens["logprob"].iloc[0])


def test_stop_texts(gpt):
    written = gpt.generate(
        "One, two, three, four, five,", GREEDY.replace(stop=(" eight",), max_new_tokens=20)
    )
    assert written.reason == "stop"
    assert "nine" not in written.text


def test_a_run_is_stopped_and_the_next_one_works(gpt):
    stream = gpt.stream(PROMPT, gw.Sampling(temperature=0, max_new_tokens=400))
    next(stream)
    stream.close()
    assert stream.reasons == ["stopped"]
    assert gpt.generate(PROMPT, GREEDY).reason == "max_new_tokens"


def test_errors_come_in_words(gpt, url):
    with pytest.raises(TextError, match="too long"):
        gpt.generate("word " * 2000, GREEDY)
    with pytest.raises(RemoteError, match="does not accept the key") as caught:
        gw.connect(url, api_key="sk-another-key")
    assert "sk-another-key" not in str(caught.value)
    assert gpt.generate(PROMPT, GREEDY).reason == "max_new_tokens"


def test_the_playground_runs_on_it(gpt):
    play = Playground(gpt, PROMPT, temperature=0, max_new_tokens=8)
    try:
        run = play.run().wait(60)
        assert run.text == gpt.generate(PROMPT, GREEDY.replace(max_new_tokens=8)).text
        again = play.branch(2, " river").wait(60)
        assert again.text.startswith(" river")
        assert play.error == {}
    finally:
        play.close()
