"""What a server can do, found out by asking: one token of two short texts, with everything asked for at once.

Where a server refuses the whole, each option is asked for alone. Some refuse what they do not know, some
overlook it; so what an answer holds counts, and not that there was one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from gptwidgets.errors import GPTWidgetsError
from gptwidgets.kernel.sampling import Sampling
from gptwidgets.remote import asking, scoring
from gptwidgets.remote.asking import CHAT, COMPLETIONS, Dialect, Endpoint
from gptwidgets.remote.chunks import Part, parts
from gptwidgets.remote.client import Client

TEXT = "Once upon a time"
Ask = Callable[..., tuple[Any, GPTWidgetsError | None]]
COUNTS = (20, 5, 1)  # alternatives: what most allow at most, what OpenAI's completions do, and one


def look(
    client: Client, path: str, model: str, dialect: Dialect, *, own: bool
) -> tuple[Endpoint | None, GPTWidgetsError | None]:
    """Asks one endpoint.

    Args:
        client: the way there.
        path: of the endpoint.
        model: whom to ask.
        dialect: how to spell.
        own: whether it is OpenAI itself, which takes no option but its own.

    Returns:
        The endpoint, or None and why there is none.

    Raises:
        RemoteError: nobody answers, or the key is wrong.
    """
    options: dict[str, dict[str, Any]] = {
        "logprobs": asking.logprobs(path, COUNTS[0]),
        "n": {"n": 2},
        "seed": {"seed": 0},
    }
    if not own:
        options["rules"] = asking.rules(dialect, Sampling())
        options["ids"] = {**asking.AS_IDS, **asking.WITH_IDS}
        if path == COMPLETIONS:
            options["echo"] = {"echo": True}
    prompt: Any = TEXT if path == COMPLETIONS else [{"role": "user", "content": TEXT}]
    plain = {
        "model": model,
        **asking.prompted(path, prompt),
        **asking.most_tokens(1, newer=own and path == CHAT),
    }

    def ask(*names: str) -> tuple[Any, GPTWidgetsError | None]:
        body = dict(plain)
        for name in names:
            body |= options[name]
        return client.try_ask(path, body)

    answer, refused = ask(*options)
    if refused is not None:
        plainly, refused = ask()
        if refused is not None:
            return None, refused
        taken = _one_by_one(path, options, ask)
        # together they may be too much; then what matters most, or nothing
        for some in (taken, [name for name in taken if name in {"logprobs", "rules"}]):
            options = {name: options[name] for name in some if name in options}
            answer, refused = ask(*options)
            if refused is None:
                break
        else:
            answer, options = plainly, {}
    try:
        found = parts(answer)
    except ValueError as error:
        raise client.nonsense(str(error)) from None
    made = _endpoint(client, plain, Endpoint(path, dialect), options, found)
    if made.echo:
        answer, refused = client.try_ask(path, scoring.body(made, model, TEXT))
        made = replace(made, echo=refused is None and scoring.belongs(answer))
    return made, None


def _one_by_one(path: str, options: dict[str, dict[str, Any]], ask: Ask) -> list[str]:
    """The options that are not refused alone; `options` gets how many alternatives may be asked for."""
    taken = [name for name in options if name != "logprobs" and ask(name)[1] is None]
    for count in COUNTS:
        options["logprobs"] = asking.logprobs(path, count)
        if ask("logprobs")[1] is None:
            return ["logprobs", *taken]
    return taken


def _endpoint(
    client: Client, plain: dict[str, Any], end: Endpoint, options: dict[str, Any], found: list[Part]
) -> Endpoint:
    """The endpoint as its answer shows it."""
    tokens = [told for part in found for told in part.tokens]
    told = any(math.isfinite(token.logprob) and token.others for token in tokens)
    asked: dict[str, Any] = options.get("logprobs", {})
    most = asked.get("top_logprobs", asked.get("logprobs", 0))
    ids: dict[str, bool] = {}
    if "ids" in options and any(token.id >= 0 for token in tokens):
        # alternatives that are ids can be read only where the server spells them
        first = next(token.id for token in tokens if token.id >= 0)
        ids = asking.AS_IDS if spelling(client, plain["model"], first) is not None else asking.WITH_IDS
    return replace(
        end,
        most=int(most) if told else 0,
        n=len({part.row for part in found}) > 1,
        seed="seed" in options,
        rules="rules" in options,
        ids=tuple(ids.items()),
        echo=told and "echo" in options and any(len(part.tokens) > 1 for part in found),
    )


def spelling(client: Client, model: str, token_id: int) -> str | None:
    """What a token says, asked of vLLM's, SGLang's or llama.cpp's tokenizer; None where nobody answers."""
    try:
        answer = client.ask_root("/detokenize", {"model": model, "tokens": [token_id]})
    except GPTWidgetsError:
        return None
    if isinstance(answer, dict):
        for name in ("prompt", "content", "text"):
            if isinstance(answer.get(name), str):
                return answer[name]
    return None


def served(client: Client) -> list[dict[str, Any]]:
    """The models that a server lists; none where it keeps no list.

    Raises:
        RemoteError: nobody answers, or the key is wrong.
    """
    try:
        answer = client.models()
    except GPTWidgetsError as error:
        if isinstance(error, LookupError):  # status 404
            return []
        raise
    listed = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(listed, list):
        raise client.nonsense("no list of models")
    return [model for model in listed if isinstance(model, dict) and isinstance(model.get("id"), str)]
