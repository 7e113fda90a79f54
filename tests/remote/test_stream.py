"""Runs: what is sent, what is read, and how they end."""

from __future__ import annotations

import json
import math
import threading

import pytest

import gptwidgets as gw
from gptwidgets.errors import Cancelled, ClosedError, TextError
from gptwidgets.kernel.worker import CancelToken
from gptwidgets.remote.failures import RemoteError
from tests.remote.engines import VLLM, Bare, LlamaCpp, OpenAIChat
from tests.remote.standin import Answer, events, refusal

TEXT = " the cat sat."
CHAT = [{"role": "user", "content": "Tell me."}]


@pytest.mark.parametrize(
    ("engine", "prompt"),
    [(VLLM, "Once"), (VLLM, CHAT), (LlamaCpp, "Once"), (LlamaCpp, CHAT), (OpenAIChat, CHAT), (Bare, "Once")],
)
def test_all_dialects_say_the_same(connected, engine, prompt):
    gpt, _, _ = connected(engine())
    written = gpt.generate(prompt, gw.Sampling(seed=5), k=3).sequences[0]
    assert (written.text, written.reason, written.seed) == (TEXT, "end", 5)
    assert [token.piece for token in written.steps] == [" the", " cat", " sat", "."]
    if engine is Bare:
        assert all(math.isnan(token.logprob) and token.rank == -1 for token in written.steps)
        return
    for token in written.steps:
        assert token.logprob == pytest.approx(math.log(0.5))
        assert token.rank == 0
        assert len(token.alternatives.pieces) == 3
        assert token.alternatives.pieces[0] == token.piece
        assert token.alternatives.logprobs[1] == pytest.approx(math.log(0.2))
    known = engine is not OpenAIChat
    assert [token.id for token in written.steps] == ([7, 8, 9, 13] if known else [-1] * 4)


def test_the_settings_as_they_are_sent(connected):
    gpt, server, _ = connected()
    rules = gw.Sampling(temperature=0.7, top_p=0.9, min_p=0.05, stop="\n", seed=3, max_new_tokens=2)
    assert gpt.generate("Once", rules, k=4).reason == "max_new_tokens"
    (body,) = server.bodies("/v1/completions")
    assert body == {
        "model": "org/model-7b", "prompt": "Once", "max_tokens": 2, "temperature": 0.7, "top_p": 0.9,
        "top_k": -1, "min_p": 0.05, "repetition_penalty": 1.0, "stop": ["\n"], "seed": 3, "logprobs": 4,
        "return_tokens_as_token_ids": True, "stream": True,
    }  # fmt: skip
    gpt, server, _ = connected(LlamaCpp())
    gpt.generate(CHAT, gw.Sampling(repetition_penalty=1.2), k=0)
    (body,) = server.bodies("/v1/chat/completions")
    assert (body["top_k"], body["repeat_penalty"]) == (0, 1.2)
    assert (body["logprobs"], body["top_logprobs"]) == (True, 1)
    gpt, server, _ = connected(OpenAIChat())
    gpt.generate(CHAT, gw.Sampling(top_k=5))
    assert "top_k" not in server.bodies("/v1/chat/completions")[0]


def test_probabilities_after_the_rules_are_known_where_there_is_no_rule(connected):
    gpt, _, _ = connected()
    token = gpt.generate("Once").sequences[0].steps[0]
    assert token.sampled_logprob == token.logprob
    assert math.isnan(gpt.generate("Once", gw.Sampling(top_k=5)).sequences[0].steps[0].sampled_logprob)


def test_sequences_side_by_side(connected):
    gpt, _, _ = connected()
    steps = list(stream := gpt.stream("Once", gw.Sampling(seed=10), n=2))
    assert [len(step.tokens) for step in steps] == [2] * 4
    assert stream.seeds == [10, 11]
    assert stream.reasons == ["end", "end"]
    assert [written.text for written in stream.generation.sequences] == [TEXT, TEXT]
    llama, _, _ = connected(LlamaCpp())
    with pytest.raises(TextError, match="one sequence"):
        llama.stream("Once", n=2)


def test_sequences_that_end_apart(connected):
    def say(row, text, reason=None):
        return {"choices": [{"index": row, "text": text, "finish_reason": reason}]}

    gpt, _, engine = connected()
    engine.streamed = Answer(
        events(
            [say(1, "b"), say(1, "B"), say(1, "", "stop"), say(0, "a"), say(0, "A"), say(0, "!", "length")]
        )
    )
    stream = gpt.stream("Once", n=2)
    texts = [[token and token.text for token in step.tokens] for step in stream]
    assert texts == [["a", "b"], ["A", "B"], ["!", None]]
    assert stream.reasons == ["context", "end"]  # fewer tokens than asked for: no more fitted in


def test_characters_that_are_split_between_packets_and_tokens(connected):
    gpt, _, engine = connected()
    whole = json.dumps({"choices": [{"index": 0, "text": "caf\u00e9 \u2028\U0001f600"}]}, ensure_ascii=False)
    data = f"data: {whole}\n\n".encode()
    # every byte in a packet of its own; U+2028 is no end of a line here
    packets = [data[at : at + 1] for at in range(len(data))]
    engine.streamed = Answer([*packets, b"data: [DO", b"NE]\n\n"])
    written = gpt.generate("Once").sequences[0]
    assert (written.text, written.reason) == ("caf\u00e9 \u2028\U0001f600", "stopped")

    def half(token, text, data):
        row = {"token": token, "logprob": -1.0, "bytes": data, "top_logprobs": []}
        return {"choices": [{"index": 0, "delta": {"content": text}, "logprobs": {"content": [row]}}]}

    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    engine.streamed = Answer(events([half("\\xe2\\x82", "", [0xE2, 0x82]), half("\\xac", "€", [0xAC]), end]))
    written = gpt.generate(CHAT).sequences[0]
    assert [token.piece for token in written.steps] == ["⟨E2 82⟩", "⟨AC⟩"]
    assert [token.bytes for token in written.steps] == [b"\xe2\x82", b"\xac"]
    assert written.text == "€"


def test_several_tokens_in_one_message(connected):
    gpt, _, engine = connected()
    logprobs = {"tokens": [" the", " cat"], "token_logprobs": [-1.0, None], "top_logprobs": None}
    engine.streamed = Answer(
        events([{"choices": [{"text": " the cat", "logprobs": logprobs, "finish_reason": "stop"}]}])
    )
    written = gpt.generate("Once").sequences[0]
    assert [token.text for token in written.steps] == [" the", " cat"]
    assert math.isnan(written.steps[1].logprob)


def test_half_characters_by_their_ids(connected):
    gpt, _, engine = connected()
    logprobs = {"tokens": ["token_id:99"], "token_logprobs": [-1.0], "top_logprobs": [{"token_id:98": -0.5}]}
    engine.streamed = Answer(
        events([{"choices": [{"text": "", "logprobs": logprobs, "finish_reason": "length"}]}])
    )
    (token,) = gpt.generate("Once").sequences[0].steps
    assert (token.id, token.piece, token.rank) == (99, "⟨id 99⟩", -1)
    assert (token.alternatives.ids, token.alternatives.pieces) == ([98], ["⟨id 98⟩"])


@pytest.mark.parametrize(("stop_reason", "reason"), [("\n", "stop"), (None, "end"), (128001, "end")])
def test_a_stop_text_and_the_end_of_a_text_are_told_apart_by_vllm(connected, stop_reason, reason):
    gpt, _, engine = connected()
    end = {"index": 0, "text": "a", "finish_reason": "stop", "stop_reason": stop_reason}
    engine.streamed = Answer(events([{"choices": [end]}]))
    assert gpt.generate("Once", gw.Sampling(stop="\n")).reason == reason


def held(server):
    """A stream that waits after its first token until the test lets it go on."""
    first, *rest = VLLM().stream(type("Asked", (), {"body": {"max_tokens": 4}}))
    return Answer([first, server.release, *rest])


def test_stopping_takes_effect_while_the_server_is_silent(connected):
    gpt, server, engine = connected()
    engine.streamed = held(server)
    cancel = CancelToken()
    stream = gpt.stream("Once", cancel=cancel)
    assert next(stream).tokens[0].text == " the"
    threading.Timer(0.05, cancel.cancel).start()
    assert next(stream, None) is None
    assert stream.reasons == ["stopped"]
    assert stream.generation.text == " the"
    assert server.gone.wait(10), "the server was not told"
    engine.streamed = None
    assert gpt.generate("Once").text == TEXT


def test_closing_a_run_hangs_up(connected):
    gpt, server, engine = connected()
    engine.streamed = held(server)
    stream = gpt.stream("Once")
    next(stream)
    stream.close()
    stream.close()
    assert stream.reasons == ["stopped"]
    assert server.gone.wait(10)


def test_stop_before_anything_was_asked(connected):
    gpt, server, _ = connected()
    cancel = CancelToken()
    cancel.cancel()
    assert gpt.generate("Once", cancel=cancel).reason == "stopped"
    assert server.asked == []
    with pytest.raises(Cancelled):
        gpt.score("Once", cancel=cancel)


def test_closing_the_connection_during_a_run(connected):
    gpt, server, engine = connected()
    engine.streamed = held(server)
    stream = gpt.stream("Once")
    next(stream)
    told = []
    gpt.on_close(lambda: told.append(1))
    closing = threading.Timer(0.05, gpt.close)
    closing.start()
    assert next(stream, None) is None
    closing.join(20)
    gpt.close()
    assert told == [1]
    assert gpt.closed
    assert repr(gpt) == "RemoteGPT org/model-7b: closed"
    with pytest.raises(ClosedError, match="connect again"):
        gpt.stream("Once")


def test_a_broken_connection_keeps_what_came(connected):
    gpt, _, engine = connected()
    good = VLLM().stream(type("Asked", (), {"body": {"max_tokens": 4}}))
    for packets, words in [
        ([good[0], good[1][:20]], "broke off"),
        ([good[0], b'data: {"choices": [{"te\n\n'], "half a message"),
        ([good[0], b'data: {"error": {"message": "out of memory", "code": 500}}\n\n'], "out of memory"),
    ]:
        engine.streamed = Answer(packets, cut=True)
        with pytest.raises(RemoteError, match=words):
            gpt.generate("Once")
        assert gpt.last.text == " the"
        assert gpt.last.reason == "stopped"
    engine.streamed = None
    assert gpt.generate("Once").text == TEXT


def test_a_server_that_hangs_up_instead_of_refusing_is_asked_why(connected):
    class HangsUp(VLLM):
        def __call__(self, asked):
            if asked.body and "word word" in str(asked.body.get("prompt")):
                long = refusal(400, "Requested tokens exceed context window of 512")
                return Answer([], cut=True) if asked.body.get("stream") else long
            return super().__call__(asked)

    gpt, server, _ = connected(HangsUp())
    with pytest.raises(TextError, match=r"too long.*512"):
        gpt.generate("word word")
    assert [body.get("max_tokens") for body in server.bodies("/v1/completions")] == [100, 1]
    assert gpt.generate("Once").text == TEXT


@pytest.mark.parametrize(
    "message",
    [
        7, "text", [], {}, {"choices": None}, {"choices": [7]}, {"choices": [{"index": "a", "text": ""}]},
        {"choices": [{"text": 7}]}, {"choices": [{"delta": {"content": [1]}}]},
        {"choices": [{"text": "a", "logprobs": 7}]}, {"choices": [{"text": "a", "logprobs": {"tokens": 7}}]},
        {"choices": [{"text": "a", "logprobs": {"tokens": [7]}}]},
        {"choices": [{"text": "a", "logprobs": {"tokens": ["a"], "token_logprobs": ["x"]}}]},
        {"choices": [{"text": "a", "logprobs": {"content": [7]}}]},
        {"choices": [{"text": "a", "logprobs": {"tokens": ["a"], "top_logprobs": [7]}}]},
    ],
)  # fmt: skip
def test_nonsense_is_named(connected, message):
    gpt, _, engine = connected()
    engine.streamed = Answer(events([message]))
    with pytest.raises(RemoteError, match="no completion"):
        gpt.generate("Once")


def test_answers_without_a_token_and_rows_that_nobody_asked_for(connected):
    gpt, _, engine = connected()
    engine.streamed = Answer(events([{"choices": []}]))
    with pytest.raises(RemoteError, match="without a token"):
        gpt.generate("Once")
    engine.streamed = Answer(b"<html>welcome</html>", kind="text/html")
    with pytest.raises(RemoteError, match="no completion"):
        gpt.generate("Once")
    rows = [{"index": row, "text": "a", "finish_reason": "stop"} for row in (5, 0)]
    engine.streamed = Answer(events([{"choices": rows}]))
    assert gpt.generate("Once").text == "a"
