"""`gw.connect`: finding a server, and finding out what it can do."""

from __future__ import annotations

import difflib
import ipaddress
import math
import os
from numbers import Real
from typing import Any
from urllib.parse import SplitResult, urlsplit

from gptwidgets.errors import GPTWidgetsError, UnknownModelError
from gptwidgets.remote import asking, probing
from gptwidgets.remote.asking import CHAT, COMPLETIONS, DIALECTS, STRANGER, Endpoint
from gptwidgets.remote.client import Client, library
from gptwidgets.remote.engine import RemoteGPT
from gptwidgets.remote.failures import Key

TIMEOUT = 60.0  # seconds without a sign of life; a long prompt on a busy server takes its time
SHOWN = 10  # models that an error lists


def connect(
    url: str, model: str | None = None, api_key: str | None = None, *, timeout: float = TIMEOUT
) -> RemoteGPT:
    """Connects to a model that is served over an OpenAI-compatible API: vLLM, SGLang, llama.cpp, OpenAI.

    What the server can do is found out by asking for one token or two. Nothing is tried twice.

    Args:
        url: of the API, such as "http://127.0.0.1:8000/v1"; without a path, /v1 is added.
        model: one of those that the server lists; may be left out where it is only one.
        api_key: what the server wants. By default that in OPENAI_API_KEY, for OpenAI's own address only;
            other servers get a dummy. It is never shown, logged, or written into a notebook.
        timeout: seconds without a sign of life after which an answer is given up.

    Returns:
        What `gw.Playground` takes, and what can be asked like a GPT, as far as the server goes: `.can` says
        how far, `.cannot(what)` why not.

    Raises:
        RemoteError: nobody answers, or not in this language, or the key is wrong.
        UnknownModelError: the server does not serve this model, or several.
        ValueError, TypeError: an url, a key or a time that cannot be.
        ImportError: the `openai` client is not installed.

    Example:
        >>> gpt = gw.connect("http://127.0.0.1:8000/v1")    # doctest: +SKIP
        >>> gw.Playground(gpt, "Once upon a time")          # doctest: +SKIP
    """
    key = _key(api_key)
    api_key = None  # so that no traceback with local variables shows it
    where = _url(url)
    library()
    seconds = _seconds(timeout)
    _check_name(model)
    own = _is_openai(where)
    if key is None:
        key = Key(os.environ.get("OPENAI_API_KEY", "").strip() if own else "")
    path = where.path.rstrip("/").removesuffix(CHAT).removesuffix(COMPLETIONS) or "/v1"
    client = Client(f"{where.scheme}://{where.netloc}{path}", where.netloc, key, timeout=seconds, own=own)
    try:
        return _found(client, model, key, where, own=own)
    except BaseException:
        client.close()
        raise


def _found(client: Client, model: str | None, key: Key, where: SplitResult, *, own: bool) -> RemoteGPT:
    listed = probing.served(client)
    chosen = _chosen(client, [entry["id"] for entry in listed], model)
    client.name = client.clean(chosen)
    about: dict[str, Any] = next((entry for entry in listed if entry["id"] == chosen), {})
    dialect = DIALECTS.get(str(about.get("owned_by")), STRANGER)
    endpoints: list[Endpoint] = []
    refusals: list[GPTWidgetsError] = []
    for path in (COMPLETIONS, CHAT):
        endpoint, refused = probing.look(client, path, chosen, dialect, own=own)
        if endpoint is not None:
            endpoints.append(endpoint)
        elif refused is not None:
            refusals.append(refused)
    if not endpoints:
        raise refusals[0]
    notes: list[str] = []
    rules = f"{', '.join(asking.RULES[:-1])} and {asking.RULES[-1]}"
    if not all(endpoint.rules for endpoint in endpoints):
        notes.append(f"{client.host} refuses {rules}: they are not sent.")
    elif not dialect.heeds:
        notes.append(f"{client.host} takes {rules}, and does not say whether it heeds them.")
    if key.reveal() and where.scheme == "http" and not _is_near(where):
        notes.append(f"The key goes to {client.host} without encryption: ask for an https address.")
    return RemoteGPT(
        client,
        chosen,
        endpoints,
        context_length=_context(about),
        spell=lambda token_id: probing.spelling(client, chosen, token_id),
        notes=notes,
    )


def _chosen(client: Client, names: list[str], model: str | None) -> str:
    """The model that is meant."""
    shown = [client.clean(name) for name in names]
    if model is None:
        if len(names) == 1:
            return names[0]
        some = ", ".join(shown[:SHOWN]) + (" …" if len(shown) > SHOWN else "")
        raise UnknownModelError(
            f"{client.host} serves {some}: say which, as model=…."
            if names
            else f"{client.host} lists no models: say which, as model=…."
        )
    if model.strip() and (not names or model in names):
        return model
    near = difflib.get_close_matches(model, shown, 1, 0.5)
    hint = f"did you mean {near[0]}?" if near else f"it serves {', '.join(shown[:SHOWN])}."
    raise UnknownModelError(f"{client.host} serves no {client.clean(model)!r}: {hint}")


def _context(about: dict[str, Any]) -> int | None:
    """What vLLM and SGLang call max_model_len, and llama.cpp n_ctx or n_ctx_train."""
    meta: Any = about.get("meta")
    inside: dict[str, Any] = meta if isinstance(meta, dict) else {}
    for length in (about.get("max_model_len"), inside.get("n_ctx"), inside.get("n_ctx_train")):
        if isinstance(length, int) and not isinstance(length, bool) and length > 0:
            return length
    return None


def _url(url: Any) -> SplitResult:
    if not isinstance(url, str):
        raise TypeError(f"url is an address such as http://127.0.0.1:8000/v1, not {type(url).__name__}.")
    # not quoted in any error: people paste keys into addresses
    odd = ValueError("url must be an address such as http://127.0.0.1:8000/v1.")
    try:
        where = urlsplit(url.strip())
        where.port  # noqa: B018 - looked at, since only then it is checked
    except ValueError:
        raise odd from None
    if where.scheme not in {"http", "https"} or not where.hostname or not url.strip().isascii():
        raise odd
    if "@" in where.netloc or where.query or where.fragment:
        raise ValueError("url must hold neither a key nor a question mark: give the key as api_key=….")
    return where


def _key(api_key: Any) -> Key | None:
    if api_key is None:
        return None
    if not isinstance(api_key, str):
        raise TypeError(f"api_key is a text, not {type(api_key).__name__}.")
    secret = api_key.strip()
    if not (secret.isascii() and secret.isprintable() and " " not in secret):
        raise ValueError("api_key holds characters that no key has, such as spaces: copy it again.")
    return Key(secret)


def _check_name(model: Any) -> None:
    if model is not None and not isinstance(model, str):
        raise TypeError(f"model is a name, not {type(model).__name__}.")


def _seconds(timeout: Any) -> float:
    if isinstance(timeout, bool) or not isinstance(timeout, Real):
        raise TypeError(f"timeout is a number of seconds, not {type(timeout).__name__}.")
    seconds = float(timeout)
    if seconds <= 0 or not math.isfinite(seconds):
        raise ValueError("timeout must be above 0 and finite, in seconds.")
    return seconds


def _is_openai(where: SplitResult) -> bool:
    host = where.hostname or ""
    return where.scheme == "https" and (host == "api.openai.com" or host.endswith(".api.openai.com"))


def _is_near(where: SplitResult) -> bool:
    """Whether it is this computer."""
    host = where.hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
