"""A playground on a served model: its scripts, its chats, its halves of characters."""

from __future__ import annotations

import contextlib
import io

import pytest

import gptwidgets as gw
from gptwidgets.errors import ClosedError, TextError, UnknownModelError
from gptwidgets.widgets.playground.playground import Playground
from gptwidgets.widgets.playground.vocabulary import Vocabulary
from tests.remote.conftest import KEY, connected, no_keys_of_ours, served
from tests.remote.engines import VLLM, Bare, LlamaCpp, OpenAIChat
from tests.remote.standin import refusal
from tests.widgets.playground.fake import FakeEngine

__all__ = ["connected", "no_keys_of_ours", "served"]  # fixtures
CHAT = [{"role": "user", "content": 'What is "this"?'}]
RULES = gw.Sampling(temperature=0.7, top_k=5, stop=("!",), seed=3, max_new_tokens=4)


def printed(script: str) -> str:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(script, "copied", "exec"), {})
    return said.getvalue().removesuffix("\n")


def asked(server):
    """The last question, without what changes no text."""
    body = [one.body for one in server.asked if one.body and not one.path.endswith("/detokenize")][-1]
    beside = {"stream", "logprobs", "top_logprobs", "return_token_ids", "return_tokens_as_token_ids"}
    return {name: value for name, value in body.items() if name not in beside}


@pytest.mark.parametrize("engine", [VLLM, LlamaCpp, Bare, OpenAIChat])
@pytest.mark.parametrize("prompt", ["Once\n\"upon\" \\ 'a time'", CHAT], ids=["text", "chat"])
@pytest.mark.parametrize("key", [None, KEY], ids=["no key", "a key"])
def test_both_scripts_ask_what_the_run_asked(connected, monkeypatch, engine, prompt, key):
    gpt, server, _ = connected(engine(), api_key=key)
    if ("text" if isinstance(prompt, str) else "chat") not in gpt.can:
        pytest.skip("this server takes the other kind")
    play = Playground(gpt, prompt, sampling=RULES)
    run = play.run().wait(20)
    wanted, headers = asked(server), server.asked[-1].headers["authorization"]
    monkeypatch.setenv("API_KEY", KEY)
    scripts = play.code()
    assert list(scripts) == ["gptwidgets", "openai"]
    for script in scripts.values():
        assert KEY not in script
        assert printed(script) == run.text
        assert asked(server) == wanted
        assert server.asked[-1].headers["authorization"] == headers
    play.close()


def test_a_branch_is_asked_for_with_its_text(connected):
    gpt, server, _ = connected()
    play = Playground(gpt, "Once", sampling=RULES)
    play.run().wait(20)
    branch = play.branch(2, " dog").wait(20)
    wanted = asked(server)
    assert wanted["prompt"] == "Once the dog"
    for script in play.code().values():
        assert " dog" + printed(script) == branch.text
        assert asked(server) == wanted


@pytest.mark.parametrize(("engine", "together"), [(VLLM, False), (Bare, True)])
def test_one_of_several_sequences(connected, engine, together):
    gpt, server, _ = connected(engine())
    play = Playground(gpt, "Once", sampling=RULES)
    run = play.run(n=3).wait(20)
    scripts = play.code(run.nodes[2])
    assert ("sequences[2]" in scripts["gptwidgets"]) == ("choices[2]" in scripts["openai"]) == together
    for script in scripts.values():
        assert printed(script) == run.texts[2]
        assert (asked(server).get("n"), asked(server)["seed"]) == ((3, 3) if together else (None, 5))


def test_before_a_run_and_what_has_no_script(connected):
    gpt, _, _ = connected()
    play = Playground(gpt, "Once", temperature=0.5)
    assert "seed=0" in play.code()["gptwidgets"]
    play.beams, play.temperature = 3, 0
    with pytest.raises(TextError, match="shows no beams"):
        play.code()
    talk = Playground(gpt, CHAT)
    talk.run().wait(20)
    talk.edit(1, 2, "other")
    with pytest.raises(TextError, match="only be given anew"):
        talk.code()


def test_openais_own_key_is_found_by_its_client(connected):
    gpt, _, _ = connected()
    gpt.keyed = "own"
    scripts = Playground(gpt, "Once").code()
    assert "api_key" not in scripts["openai"]
    assert "environ" not in "".join(scripts.values())


def test_a_server_for_chats_begins_with_a_chat(connected):
    gpt, server, _ = connected(OpenAIChat())
    assert (Playground(gpt).chat, Playground(gpt).messages) == (True, [])
    play = Playground(gpt, "Tell me.", max_new_tokens=4)
    assert play.messages == [{"role": "user", "content": "Tell me."}]
    assert "takes only chats" in play.info["cannot"]["text"]
    assert play.run().wait(20).text == " the cat sat."
    assert asked(server)["messages"] == play.messages
    assert Playground(gpt, "Tell me.", chat=False).chat is False
    for other in (VLLM, Bare):
        assert Playground(connected(other())[0], "Once").chat is False


def test_what_is_no_text_is_not_sent_as_one():
    halves = FakeEngine(frozenset({"text", "alternatives", "seed", "n"}))
    known = Vocabulary(halves)
    for piece in ("⟨F0 9F⟩", "a⟨E2⟩", "⟨?⟩", "⟨id 17⟩"):
        with pytest.raises(TextError, match=r"no text of its own.*choose another token") as caught:
            known.spelt(known.put(-1, piece))
        assert piece in str(caught.value)
    with pytest.raises(TextError, match="⟨id -99⟩"):
        known.spelt(-99)
    for piece in (" the", "⟨", "⟨x⟩", "é", "\n"):
        assert known.spelt(known.put(-1, piece)) == piece
    halves.close()


def test_half_a_character_is_refused_where_it_is_chosen(connected):
    gpt, server, _ = connected()
    play = Playground(gpt, "Once")
    play.run().wait(20)
    half = play._vocabulary.put(-1, "⟨F0 9F⟩")
    count = len(server.asked)
    with pytest.raises(TextError, match="choose another token"):
        play.branch(1, half)
    assert len(server.asked) == count
    assert (play.status, play.error) == ("ready", {})


def test_a_saved_storys_ids_do_not_mean_two_things():
    engine = FakeEngine(frozenset({"text"}))
    known = Vocabulary(engine)
    here = known.put(-1, " the")
    known.keep(here, " cat")
    again = known.put(-1, " the")
    assert again != here
    assert known.some([here, again]) == {str(here): " cat", str(again): " the"}
    assert known.put(-1, " cat") == here
    engine.close()


def test_errors_say_what_to_do_with_a_server(connected):
    gpt, _, engine = connected()
    play = Playground(gpt, "Once")
    engine.failing = refusal(404, "The model does not exist")
    with pytest.raises(UnknownModelError):
        play.run().wait(20)
    assert play.error["action"].startswith("Connect again with gw.connect(url, model=…)")
    gpt.close()
    assert "connect" in play.error["action"]
    for ask in (play.run, lambda: Playground(gpt)):
        with pytest.raises(ClosedError, match=r"closed; connect again with gw\.connect"):
            ask()
