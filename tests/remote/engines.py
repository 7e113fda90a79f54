"""Engines as they answer: the shapes of vLLM, llama.cpp's server and OpenAI, the words are ours."""

from __future__ import annotations

import math
from typing import Any

from tests.remote.standin import Answer, Asked, events, refusal

WORDS = {
    7: " the",
    8: " cat",
    9: " sat",
    10: " on",
    11: " a",
    12: " mat",
    13: ".",
    14: "!",
    15: "?",
    16: " so",
}
WRITES = [7, 8, 9, 13]
ODDS = [0.5, 0.2, 0.1, 0.05, 0.03]


def ranked(token: int) -> list[tuple[int, float]]:
    """The token and what else there could be, most probable first."""
    others = [other for other in WORDS if other != token]
    return [(i, math.log(p)) for i, p in zip([token, *others], ODDS, strict=False)]


class VLLM:
    """Completions and chats with everything: n, ids, echo; a tokenizer beside the API."""

    model, owner = "org/model-7b", "vllm"
    spells = True

    def __init__(self) -> None:
        self.streamed: Any = None  # an Answer that is given to streams instead
        self.refuses: dict[str, Answer] = {}  # option → what it is answered with
        self.failing: Answer | None = None  # whatever is asked

    def __call__(self, asked: Asked) -> Answer:  # noqa: PLR0911 - one for each thing that may be asked
        if self.failing is not None:
            return self.failing
        if asked.path == "/v1/models":
            entry = {"id": self.model, "object": "model", "owned_by": self.owner, "max_model_len": 2048}
            return Answer({"object": "list", "data": [entry]})
        if asked.path == "/detokenize" and self.spells:
            return Answer({"prompt": WORDS.get(asked.body["tokens"][0], "\ufffd")})
        if asked.path not in {"/v1/completions", "/v1/chat/completions"}:
            return refusal(404, "Not Found")
        for option, answer in self.refuses.items():
            if option in asked.body:
                return answer
        if asked.body.get("stream"):
            return self.streamed or Answer(self.stream(asked))
        return Answer(self.whole(asked))

    def stream(self, asked: Asked) -> list[bytes]:
        body = asked.body
        chat = "messages" in body
        messages: list[Any] = []
        rows = range(body.get("n", 1))
        if chat:
            delta = {"role": "assistant", "content": ""}
            messages += [
                self.message([{"index": row, "delta": delta, "finish_reason": None}]) for row in rows
            ]
        writes = WRITES[: body.get("max_tokens", 16)]
        for at, token in enumerate(writes):
            last = at == len(writes) - 1
            reason = None if not last else "length" if len(writes) == body["max_tokens"] else "stop"
            for row in rows:
                said = {"delta": {"content": WORDS[token]}} if chat else {"text": WORDS[token]}
                logprobs = self.logprobs([token], body, chat=chat)
                choice = {"index": row, **said, "logprobs": logprobs, "finish_reason": reason}
                messages.append(self.message([{**choice, "stop_reason": None}]))
        messages.append(self.message([]) | {"usage": {"prompt_tokens": 4, "total_tokens": 9}})
        return events(messages)

    def whole(self, asked: Asked) -> dict[str, Any]:
        body = asked.body
        chat = "messages" in body
        writes = [9, 8, 7][:3] if body.get("echo") else []
        tokens = [*writes, *WRITES[: body["max_tokens"]]]
        text = "".join(WORDS[token] for token in tokens)
        said = {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
        logprobs = self.logprobs(tokens, body, chat=chat, echo=bool(writes))
        choices = [
            {"index": row, **said, "logprobs": logprobs, "finish_reason": "length"}
            for row in range(body.get("n", 1))
        ]
        return self.message(choices) | {"usage": {"prompt_tokens": len(writes) or 4}}

    def message(self, choices: list[Any]) -> dict[str, Any]:
        return {"id": "cmpl-1", "object": "text_completion", "model": self.model, "choices": choices}

    def name(self, token: int, body: Any) -> str:
        return f"token_id:{token}" if body.get("return_tokens_as_token_ids") else WORDS[token]

    def logprobs(self, tokens: list[int], body: Any, *, chat: bool, echo: bool = False) -> Any:
        if body.get("logprobs") in {None, False}:
            return None
        k = body["top_logprobs"] if chat else body["logprobs"]
        if chat:
            return {
                "content": [
                    {
                        "token": self.name(token, body),
                        "logprob": math.log(0.5),
                        "bytes": list(self.name(token, body).encode()),
                        "top_logprobs": [
                            {
                                "token": self.name(i, body),
                                "logprob": p,
                                "bytes": list(self.name(i, body).encode()),
                            }
                            for i, p in ranked(token)[:k]
                        ],
                    }
                    for token in tokens
                ]
            }
        columns: dict[str, Any] = {
            "tokens": [self.name(token, body) for token in tokens],
            "token_logprobs": [math.log(0.5) for _ in tokens],
            "top_logprobs": [{self.name(i, body): p for i, p in ranked(token)[:k]} for token in tokens],
            "text_offset": [0 for _ in tokens],
        }
        if echo:
            columns["token_logprobs"][0] = columns["top_logprobs"][0] = None
        return columns


class LlamaCpp(VLLM):
    """llama.cpp's server: rows of log-probabilities with ids everywhere, no echo, one sequence."""

    model, owner = "model.gguf", "llamacpp"

    def __init__(self) -> None:
        super().__init__()
        self.refuses = {"echo": refusal(400, "Only no echo is supported")}

    def __call__(self, asked: Asked) -> Answer:
        if asked.body and "n" in asked.body:
            asked.body.pop("n")
        return super().__call__(asked)

    def logprobs(self, tokens: list[int], body: Any, *, chat: bool, echo: bool = False) -> Any:
        if body.get("logprobs") in {None, False}:
            return None
        k = body["top_logprobs"] if chat else body["logprobs"]
        return {"content": [{**self.row(t, math.log(0.5)), "top_logprobs": self.rows(t, k)} for t in tokens]}

    def rows(self, token: int, k: int) -> list[Any]:
        return [self.row(i, p) for i, p in ranked(token)[:k]]

    def row(self, token: int, logprob: float) -> dict[str, Any]:
        return {"id": token, "token": WORDS[token], "bytes": list(WORDS[token].encode()), "logprob": logprob}


class OpenAIChat(VLLM):
    """A server of chats alone, which refuses every option that it does not know."""

    model, owner = "chat-model", "system"
    spells = False
    known = frozenset(
        ["model", "messages", "max_tokens", "temperature", "top_p", "n", "seed", "stop", "stream", "logprobs"]
    ) | {"top_logprobs"}

    def __call__(self, asked: Asked) -> Answer:
        if asked.path == "/v1/completions":
            return refusal(404, "This is a chat model and not supported in the v1/completions endpoint.")
        unknown = set(asked.body or ()) - self.known
        if unknown:
            return refusal(400, f"Unrecognized request argument supplied: {min(unknown)}")
        return super().__call__(asked)


class Bare(VLLM):
    """Completions without log-probabilities, as gateways give them; unknown options are overlooked."""

    model, owner = "bare", "somebody"
    spells = False

    def logprobs(self, tokens: list[int], body: Any, *, chat: bool, echo: bool = False) -> Any:
        return None

    def __call__(self, asked: Asked) -> Answer:
        if asked.path == "/v1/chat/completions":
            return refusal(400, "The model has no chat template.")
        return super().__call__(asked)
