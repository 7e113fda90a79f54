"""What goes wrong on the way to a server and back, in words that never hold the key."""

from __future__ import annotations

import re
from typing import Any

from gptwidgets.errors import GPTWidgetsError, TextError, UnknownModelError

LONGEST = 300  # characters of what a server says that are passed on
REFUSED = frozenset({400, 404, 405, 413, 415, 422, 501})
_FULL = re.compile(r"context|too long|too many tokens|exceed", re.IGNORECASE)


class RemoteError(GPTWidgetsError, ConnectionError):
    """A server could not be reached, refused what was asked, or broke off; the text says which."""


class Key:
    """A secret that shows itself to nobody who only looks.

    Example:
        >>> Key("sk-secret")
        Key(…)
    """

    __slots__ = ("_secret",)

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def __repr__(self) -> str:
        return "Key(…)"

    def __reduce__(self) -> str:
        raise TypeError("A key can be neither copied nor pickled.")

    def reveal(self) -> str:
        """The secret, for the one header that needs it."""
        return self._secret

    def clean(self, text: str) -> str:
        """A text that a server sent, without the key, should it have sent it back.

        Example:
            >>> Key("sk-secret").clean("no such key: sk-secret")
            'no such key: ⟨key⟩'
        """
        return text.replace(self._secret, "⟨key⟩") if len(self._secret) > 3 else text


def status_of(error: BaseException) -> int | None:
    """The HTTP status of an answer; None where there was none."""
    status = getattr(error, "status_code", None)
    return status if isinstance(status, int) else None


def in_words(error: BaseException, *, name: str, host: str, timeout: float, key: Key) -> GPTWidgetsError:
    """An exception of the client as one of ours, which holds neither request nor headers.

    Args:
        error: what the client raised.
        name: what the model is called.
        host: where the server is.
        timeout: seconds that were waited.
        key: what must not be in the text.
    """
    if isinstance(error, GPTWidgetsError):
        return error
    status = status_of(error)
    if status is None:
        return RemoteError(key.clean(_unanswered(error, host, timeout)))
    body: Any = getattr(error, "body", None)
    return refusal(status, said_by(body), name=name, host=host, key=key)


def refusal(status: int | None, said: str, *, name: str, host: str, key: Key) -> GPTWidgetsError:
    """What a server's refusal means for whoever asked.

    Args:
        status: the HTTP status; None where the error came in the middle of an answer.
        said: the server's own words, maybe "".
        name: what the model is called.
        host: where the server is.
        key: what must not be in the text.
    """
    said = key.clean(said)
    says = f" It says: {said}" if said else ""
    if status in {401, 403}:
        return RemoteError(f"{host} does not accept the key: pass another as api_key=….{says}")
    if status == 404:
        return UnknownModelError(f"{host} does not serve {name} in this way: check url and model.{says}")
    if status == 429:
        return RemoteError(
            f"{host} asks to wait: too many requests, or no credit left; try again later.{says}"
        )
    if status in {400, 413, 422} and _FULL.search(said):
        return TextError(f"This is too long for {name}: shorten the text, or write fewer tokens.{says}")
    if status is not None and 400 <= status < 500:
        return RemoteError(f"{host} refuses this: change the settings.{says}")
    kind = "" if status is None else f" (status {status})"
    return RemoteError(f"{host} failed{kind}: run it again; if that does not help, see its own log.{says}")


def nonsense(host: str, what: str) -> RemoteError:
    """An answer that is none."""
    return RemoteError(f"{host} sent something that is no completion ({what}): is this an OpenAI-like API?")


def said_by(body: Any) -> str:
    """The words in an error's body, whichever engine wrote it; at most `LONGEST` characters, on one line.

    Example:
        >>> said_by({"error": {"message": "No such model."}})
        'No such model.'
    """
    for name in ("error", "message", "detail", "msg"):
        if isinstance(body, list) and body:
            body = body[0]
        if isinstance(body, dict) and name in body:
            body = body[name]
    if not isinstance(body, str):
        return ""
    words = " ".join(body.split())
    if words.startswith("<"):  # a page of HTML says nothing here
        return ""
    return words if len(words) <= LONGEST else words[: LONGEST - 1] + "…"


def _unanswered(error: BaseException, host: str, timeout: float) -> str:
    cause = error.__cause__ if error.__cause__ is not None else error
    kinds = f"{type(error).__name__} {type(cause).__name__}"
    if "Timeout" in kinds:
        return (
            f"{host} did not answer within {timeout:g} s: it may be busy, or gone; "
            "gw.connect(…, timeout=…) waits longer."
        )
    if isinstance(error, ValueError) and not isinstance(error, OSError):  # json.JSONDecodeError
        return str(nonsense(host, "not JSON"))
    if "APIConnection" in kinds or "ConnectError" in kinds:
        return f"{host} could not be reached: is a server running there, and is the url right?"
    return f"{host} broke off its answer; what came until then is kept. Run it again."
