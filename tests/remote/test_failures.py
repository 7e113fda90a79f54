"""Every error that a server can cause, in words, and without the key."""

from __future__ import annotations

import copy
import logging
import pickle
from pathlib import Path

import pytest

import gptwidgets as gw
from gptwidgets.errors import GPTWidgetsError, TextError, UnknownModelError
from gptwidgets.remote.failures import Key, RemoteError
from gptwidgets.widgets.playground.playground import Playground
from tests.remote.conftest import KEY
from tests.remote.engines import VLLM
from tests.remote.standin import Answer, refusal

FAILURES = [
    (refusal(401, f"Incorrect API key provided: {KEY}"), RemoteError, "does not accept the key"),
    (refusal(403, KEY), RemoteError, "does not accept the key"),
    (refusal(404, f"The model {KEY} does not exist"), UnknownModelError, "check url and model"),
    (refusal(400, "This model's maximum context length is 8 tokens"), TextError, "shorten the text"),
    (refusal(400, f"seed is odd, {KEY}"), RemoteError, "change the settings"),
    (refusal(422, "temperature"), RemoteError, "change the settings"),
    (refusal(429, f"Rate limit for {KEY}"), RemoteError, "asks to wait"),
    (refusal(500, f"Internal error {KEY}"), RemoteError, "failed"),
    (Answer(b"<html>Bad gateway</html>", 502, "text/html"), RemoteError, "502"),
    (Answer({"detail": [{"msg": KEY}]}, 422), RemoteError, "⟨key⟩"),
    (Answer(b"not json", 200), RemoteError, "no completion"),
]


def seen(error: BaseException | None) -> str:
    """All that can be seen of an error: its text, its arguments, what the frames it came through hold."""
    if error is None:
        return ""
    found = [str(error), repr(error), repr(error.args), repr(vars(error))]
    trace = error.__traceback__
    while trace is not None:
        if "tests" not in Path(trace.tb_frame.f_code.co_filename).parts:
            found.append(repr(trace.tb_frame.f_locals))
        trace = trace.tb_next
    return "\n".join([*found, seen(error.__cause__), seen(error.__context__)])


@pytest.mark.parametrize(("answer", "kind", "words"), FAILURES)
def test_errors_say_what_to_do_and_never_the_key(connected, caplog, answer, kind, words):
    caplog.set_level(logging.DEBUG)
    gpt, server, engine = connected(api_key=KEY)
    engine.failing = answer
    for ask in (
        lambda: gpt.generate("Once"),
        lambda: gpt.next_token("Once"),
        lambda: gpt.score("Once"),
        lambda: gw.connect(server.url, api_key=KEY),
    ):
        with pytest.raises(GPTWidgetsError) as caught:
            ask()
        assert KEY not in seen(caught.value)
    with pytest.raises(kind, match=words):
        gpt.generate("Once")
    assert KEY not in caplog.text
    assert KEY not in repr(gpt) + repr(vars(gpt))
    engine.failing = None
    assert gpt.generate("Once").reason == "end"


def test_nothing_is_tried_twice(connected):
    gpt, server, engine = connected()
    engine.failing = refusal(500, "oh")
    with pytest.raises(RemoteError):
        gpt.generate("Once")
    assert len(server.asked) == 1


def test_a_server_that_falls_silent(connected):
    gpt, server, engine = connected(timeout=0.3)
    good = VLLM().stream(type("Asked", (), {"body": {"max_tokens": 4}}))

    class Silent:
        def __iter__(self):
            yield good[0]
            server.release.wait(20)

    answer = Answer([])
    answer.body = type("Packets", (list,), {"__iter__": Silent.__iter__})()
    engine.streamed = answer
    with pytest.raises(RemoteError, match=r"within 0.3 s"):
        gpt.generate("Once")
    assert gpt.last.text == " the"


def test_the_widget_knows_no_key(connected):
    gpt, _, engine = connected(api_key=KEY)
    play = Playground(gpt, "Once")
    try:
        play.run().wait(20)
        engine.failing = FAILURES[0][0]
        run = play.run()
        with pytest.raises(RemoteError):
            run.wait(20)
        assert play.status == "error"
        assert "does not accept the key" in play.error["message"]
        assert KEY not in str(play.get_state()) + repr(play) + str(play.state())
    finally:
        play.close()


def test_connections_and_keys_are_not_copied(connected):
    gpt, _, _ = connected(api_key=KEY)
    for thing in (gpt, Key(KEY)):
        for take in (pickle.dumps, copy.copy):
            with pytest.raises(TypeError):
                take(thing)
    assert KEY not in repr(Key(KEY))
