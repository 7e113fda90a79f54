"""Connecting: addresses, keys, models, and what a server is found to do."""

from __future__ import annotations

import builtins
import sys

import pytest

import gptwidgets as gw
from gptwidgets.errors import TextError, UnknownModelError
from gptwidgets.remote import client as clients
from gptwidgets.remote import connecting
from gptwidgets.remote.failures import RemoteError
from tests.remote.conftest import KEY
from tests.remote.engines import VLLM, Bare, LlamaCpp, OpenAIChat
from tests.remote.standin import Answer, refusal

NEVER = {"ids", "logits", "beams", "attention"}


@pytest.mark.parametrize(
    ("engine", "can"),
    [
        (VLLM, {"alternatives", "chat", "n", "score", "seed", "text"}),
        (LlamaCpp, {"alternatives", "chat", "seed", "text"}),
        (OpenAIChat, {"alternatives", "chat", "n", "seed"}),
        (Bare, {"n", "seed", "text"}),
    ],
)
def test_what_a_server_can_do_is_found_out_by_asking(connected, engine, can):
    gpt, _, _ = connected(engine())
    assert gpt.can == can
    for what in NEVER | {"alternatives", "chat", "n", "score", "seed", "text"}:
        why = gpt.cannot(what)
        assert (why == "") == (what in can)
        assert not why or (why.endswith(".") and ". " not in why and "{" not in why)
    assert gpt.name == gpt.model == engine.model
    assert gpt.context_length == 2048


def test_a_server_that_takes_everything_is_asked_once_for_each_endpoint(served):
    server = served(VLLM())
    with gw.connect(server.url) as gpt:
        paths = [asked.path for asked in server.asked]
        assert "alternatives" in repr(gpt)
    assert paths == [
        "/v1/models",
        *("/v1/completions", "/detokenize", "/v1/completions"),  # the second for what its echo is worth
        *("/v1/chat/completions", "/detokenize"),
    ]
    assert all(asked.body["max_tokens"] == 1 for asked in server.asked if "completions" in asked.path)


def test_an_echo_whose_numbers_belong_elsewhere_is_not_taken(connected):
    class Shifted(VLLM):
        def logprobs(self, tokens, body, *, chat, echo=False):
            made = super().logprobs(tokens, body, chat=chat, echo=echo)
            if made and echo:
                for name in ("token_logprobs", "top_logprobs"):
                    made[name] = [None, *made[name][2:], made[name][1]]
            return made

    class Short(VLLM):
        def logprobs(self, tokens, body, *, chat, echo=False):
            return super().logprobs(tokens[:-1] if echo else tokens, body, chat=chat, echo=echo)

    for engine in (Shifted, Short):
        gpt, _, _ = connected(engine())
        assert gpt.can == {"alternatives", "chat", "n", "seed", "text"}
        assert "or a wrong one" in gpt.cannot("score")


def test_one_refused_option_does_not_take_the_others_with_it(connected):
    engine = VLLM()
    engine.refuses = {"n": refusal(400, "n is not supported")}
    gpt, _, _ = connected(engine)
    assert gpt.can == {"alternatives", "chat", "score", "seed", "text"}
    engine = VLLM()
    engine.refuses = {"logprobs": refusal(500, "logits_all is False")}
    gpt, _, _ = connected(engine)
    assert gpt.can == {"chat", "n", "seed", "text"}
    assert "--logits_all" in gpt.cannot("alternatives")


def test_fewer_alternatives_than_asked_for_are_found(connected):
    class Five(VLLM):
        def __call__(self, asked):
            if (asked.body or {}).get("logprobs", 0) > 5 or (asked.body or {}).get("top_logprobs", 0) > 5:
                return refusal(400, "logprobs must be at most 5")
            return super().__call__(asked)

    gpt, server, _ = connected(Five())
    assert "alternatives" in gpt.can
    gpt.generate("Once", gw.Sampling(max_new_tokens=1), k=10)
    assert server.bodies("/v1/completions")[-1]["logprobs"] == 5


def test_rules_that_are_refused_or_maybe_overlooked_are_said(connected):
    assert "refuses top_k, min_p and repetition_penalty" in connected(OpenAIChat())[0].notes[0]
    assert "does not say whether it heeds them" in connected(Bare())[0].notes[0]
    assert connected(VLLM())[0].notes == []


def test_the_model_may_be_left_out_where_there_is_one(served):
    class Two(VLLM):
        def __call__(self, asked):
            if asked.path == "/v1/models":
                return Answer({"data": [{"id": "small-model"}, {"id": "large-model"}]})
            return super().__call__(asked)

    url = served(Two()).url
    with pytest.raises(UnknownModelError, match="small-model, large-model: say which"):
        gw.connect(url)
    with pytest.raises(UnknownModelError, match="did you mean large-model"):
        gw.connect(url, "large-modle")
    with gw.connect(url, model="large-model") as gpt:
        assert gpt.name == "large-model"


def test_a_server_without_a_list_of_models_wants_a_name(served):
    class Unlisted(VLLM):
        def __call__(self, asked):
            return refusal(404, "Not Found") if asked.path == "/v1/models" else super().__call__(asked)

    url = served(Unlisted()).url
    with pytest.raises(UnknownModelError, match="lists no models: say which"):
        gw.connect(url)
    gw.connect(url, model="org/model-7b").close()


@pytest.mark.parametrize(
    ("url", "error", "words"),
    [
        (7, TypeError, "not int"),
        ("", ValueError, "address"),
        ("localhost:8000", ValueError, "address"),
        ("ftp://localhost", ValueError, "address"),
        ("http://localhost:99999999/v1", ValueError, "address"),
        (f"http://user:{KEY}@localhost/v1", ValueError, "neither a key"),
        (f"http://localhost/v1?api_key={KEY}", ValueError, "neither a key"),
    ],
)
def test_addresses_that_cannot_be(url, error, words):
    with pytest.raises(error, match=words) as caught:
        gw.connect(url)
    assert KEY not in repr(caught.value)


@pytest.mark.parametrize("key", [f"{KEY}\nX: 1", f"{KEY} {KEY}", f"{KEY}é", 7, b"bytes"])
def test_keys_that_cannot_be(key):
    with pytest.raises((ValueError, TypeError)) as caught:
        gw.connect("http://localhost/v1", api_key=key)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf")])
def test_times_that_cannot_be(timeout):
    with pytest.raises(ValueError, match="above 0"):
        gw.connect("http://localhost/v1", timeout=timeout)
    with pytest.raises(TypeError, match="number of seconds"):
        gw.connect("http://localhost/v1", timeout="long")


def test_addresses_are_completed(served):
    server = served(VLLM())
    for url in (f"http://{server.host}", f"http://{server.host}/", f"{server.url}/chat/completions"):
        gw.connect(url).close()
    assert {asked.path for asked in server.asked if "completions" in asked.path} == {
        "/v1/completions",
        "/v1/chat/completions",
    }


def test_the_key_of_openai_goes_to_nobody_else(served, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_ADMIN_KEY", KEY)
    monkeypatch.setenv("OPENAI_ORG_ID", "our-organisation")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", f"Authorization: Bearer {KEY}\nX-Ours: {KEY}")
    server = served(VLLM())
    gw.connect(server.url).close()
    sent = str([asked.headers for asked in server.asked])
    assert KEY not in sent
    assert "our-organisation" not in sent
    assert all(asked.headers["authorization"] == "Bearer none" for asked in server.asked)


def test_a_given_key_is_sent(served):
    server = served(VLLM())
    gw.connect(server.url, api_key=f" {KEY}\n").close()
    assert all(asked.headers["authorization"] == f"Bearer {KEY}" for asked in server.asked)


def test_openais_own_address_reads_its_key_from_the_environment(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    seen = []

    class Stop(Exception):
        pass

    def client(url, host, key, **options):
        seen.append((url, key.reveal(), options["own"]))
        raise Stop

    monkeypatch.setattr(connecting, "Client", client)
    for url in ("https://api.openai.com/v1", "https://eu.api.openai.com/v1", "http://api.openai.com/v1"):
        with pytest.raises(Stop):
            gw.connect(url, "m")
    with pytest.raises(Stop):
        gw.connect("https://api.openai.com.evil.example/v1", "m")
    assert [(key, own) for _, key, own in seen] == [(KEY, True), (KEY, True), ("", False), ("", False)]


def test_without_the_client_a_sentence_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **more):
        if name == "openai":
            raise ImportError
        return real(name, *rest, **more)

    monkeypatch.delitem(sys.modules, "openai", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install gptwidgets\[remote\]"):
        clients.library()


def test_nobody_there():
    with pytest.raises(RemoteError, match="could not be reached"):
        gw.connect("http://127.0.0.1:9/v1")


def test_what_needs_the_model_here_is_refused_in_a_sentence(connected):
    gpt, _, _ = connected()
    for ask in (gpt.encode, gpt.next_logits, gpt.record, gpt.beam_search, gpt.intervene):
        with pytest.raises(TextError, match=r"org/model-7b"):
            ask("text")
    with pytest.raises(TextError, match="keeps its token ids"):
        gpt.stream([1, 2])
    with pytest.raises(TextError, match="no beams"):
        gpt.stream("a", gw.Sampling(beams=2))
    chat, _, _ = connected(OpenAIChat())
    with pytest.raises(TextError, match="only chats"):
        chat.stream("text")
    bare, _, _ = connected(Bare())
    with pytest.raises(TextError, match="takes no chats"):
        bare.stream([{"role": "user", "content": "Hi"}])
    with pytest.raises(TextError, match="no echo"):
        bare.score("text")
    with pytest.raises(TextError, match="no log-probabilities"):
        bare.next_token("text")
