"""The questions in a server's words: a run's settings as a request, without what the server does not take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gptwidgets.kernel.sampling import Sampling

COMPLETIONS, CHAT = "/completions", "/chat/completions"
AS_IDS = {"return_tokens_as_token_ids": True}
WITH_IDS = {"return_token_ids": True}
RULES = ("top_k", "min_p", "repetition_penalty")


@dataclass(frozen=True)
class Dialect:
    """How an engine spells what OpenAI's API has no word for.

    Attributes:
        engine: what to call it.
        heeds: whether it is known to heed these rules; a stranger may take them without a word.
        no_top_k: what switches top-k off.
        penalty: the name of the repetition penalty.
        each_seed: whether the sequences of one request have the seeds seed, seed + 1, …
    """

    engine: str
    heeds: bool = True
    no_top_k: int = -1
    penalty: str = "repetition_penalty"
    each_seed: bool = False


DIALECTS = {  # "owned_by" in the list of models → its dialect
    "vllm": Dialect("vLLM", each_seed=True),
    "sglang": Dialect("SGLang"),
    "llamacpp": Dialect("llama.cpp", no_top_k=0, penalty="repeat_penalty"),
    "me": Dialect("llama-cpp-python", no_top_k=0, penalty="repeat_penalty"),
}
STRANGER = Dialect("this engine", heeds=False)


@dataclass(frozen=True)
class Endpoint:
    """One of the two ways to ask, and what came of asking it once.

    Attributes:
        path: completions, for texts, or chat.
        dialect: how to spell.
        most: how many alternatives it tells; 0 for none, and then no log-probabilities either.
        n: whether it writes several sequences for one request.
        seed: whether it takes a seed.
        rules: whether it takes top-k, min-p and a repetition penalty.
        ids: what makes it tell ids; {} where nothing does.
        echo: whether it tells the log-probabilities of the prompt.
    """

    path: str
    dialect: Dialect
    most: int = 0
    n: bool = False
    seed: bool = False
    rules: bool = False
    ids: tuple[tuple[str, Any], ...] = ()
    echo: bool = False

    def asks(self, k: int) -> dict[str, Any]:
        """The options that ask for k alternatives of each token (at most `most`, at least 1)."""
        if not self.most:
            return {}
        k = max(1, min(k, self.most))
        return logprobs(self.path, k) | dict(self.ids)


def logprobs(path: str, k: int) -> dict[str, Any]:
    """The option that asks for log-probabilities.

    Example:
        >>> logprobs("/chat/completions", 5)
        {'logprobs': True, 'top_logprobs': 5}
    """
    return {"logprobs": k} if path == COMPLETIONS else {"logprobs": True, "top_logprobs": k}


def prompted(path: str, prompt: Any) -> dict[str, Any]:
    """A prompt, a text or messages, under its name."""
    return {"messages" if path == CHAT else "prompt": prompt}


def most_tokens(count: int, *, newer: bool) -> dict[str, int]:
    """How long the answer may be; OpenAI has renamed this for chats, and nobody else has to follow."""
    return {"max_completion_tokens" if newer else "max_tokens": count}


def rules(dialect: Dialect, sampling: Sampling) -> dict[str, Any]:
    """Top-k, min-p and the penalty, also where they are off: servers have defaults of their own.

    Example:
        >>> rules(DIALECTS["llamacpp"], Sampling(top_k=5))
        {'top_k': 5, 'min_p': 0.0, 'repeat_penalty': 1.0}
    """
    return {
        "top_k": sampling.top_k or dialect.no_top_k,
        "min_p": sampling.min_p,
        dialect.penalty: sampling.repetition_penalty,
    }


def uses(sampling: Sampling) -> list[str]:
    """Which of these rules are on.

    Example:
        >>> uses(Sampling(top_k=5, top_p=0.5))
        ['top_k']
    """
    off = Sampling()
    return [name for name in RULES if getattr(sampling, name) != getattr(off, name)]


def run(
    endpoint: Endpoint, model: str, prompt: Any, sampling: Sampling, *, n: int, k: int, newer: bool
) -> dict[str, Any]:
    """The body of a run's request."""
    body: dict[str, Any] = {
        "model": model,
        **prompted(endpoint.path, prompt),
        **most_tokens(sampling.max_new_tokens, newer=newer and endpoint.path == CHAT),
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        **endpoint.asks(k),
    }
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    if endpoint.seed:
        body["seed"] = sampling.seed
    if endpoint.n and n > 1:
        body["n"] = n
    if endpoint.rules and (endpoint.dialect.heeds or uses(sampling)):
        body |= rules(endpoint.dialect, sampling)
    return body
