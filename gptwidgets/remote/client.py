"""The way to a server: one question and its answer, or an answer as it is written, and how both fail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Literal

from gptwidgets.errors import GPTWidgetsError
from gptwidgets.remote import asking, failures
from gptwidgets.remote.asking import CHAT, COMPLETIONS
from gptwidgets.remote.failures import Key

CONNECT = 10.0  # seconds for the connection itself
LONGEST_LINE = 1 << 24  # bytes; more is no message
DUMMY = "none"  # a key for servers that want none


class Client:
    """The `openai` client with our errors.

    Attributes:
        url: of the API, without a key.
        host: how errors call the server.
        own: whether this is OpenAI itself.
        name: how errors call the model.
    """

    def __init__(self, url: str, host: str, key: Key, *, timeout: float, own: bool) -> None:
        """Makes the client; nothing is sent yet.

        Args:
            url: of the API, ending in /v1 mostly.
            host: how to call the server.
            key: what it wants.
            timeout: seconds without a sign of life.
            own: whether this is OpenAI itself.
        """
        openai = library()
        self.url, self.host, self.own, self.name = url, host, own, "this model"
        self._key, self._timeout = key, timeout
        self._openai: Any = openai.OpenAI(
            api_key=key.reveal() or DUMMY,
            base_url=url,
            timeout=openai.Timeout(timeout, connect=min(timeout, CONNECT)),
            max_retries=0,
        )
        self._alone(self._openai)

    def _alone(self, openai: Any) -> None:
        """Takes away what the environment says of OpenAI, which is no other server's business."""
        if not self.own:
            openai.organization = openai.project = openai.admin_api_key = None
            openai._custom_headers = {"Authorization": f"Bearer {self._key.reveal() or DUMMY}"}

    @property
    def keyed(self) -> Literal["key", "dummy", "own"]:
        """Whether it was given a key, sends a dummy, or is OpenAI's own."""
        if self.own:
            return "own"
        return "key" if self._key.reveal() else "dummy"

    def close(self) -> None:
        """Ends all connections."""
        self._openai.close()

    def clean(self, text: str) -> str:
        """What a server said, without the key."""
        return self._key.clean(text)

    def models(self) -> Any:
        """What GET /models answers."""
        return self._guarded(lambda: self._openai.get("/models", cast_to=object))

    def ask(self, path: str, body: dict[str, Any]) -> Any:
        """One question and its whole answer, as JSON.

        Raises:
            RemoteError, TextError, UnknownModelError: in words, whatever went wrong.
        """
        return self._guarded(lambda: self._openai.post(path, cast_to=object, body=body))

    def try_ask(self, path: str, body: dict[str, Any]) -> tuple[Any, GPTWidgetsError | None]:
        """As `ask`, but where the server refuses what is in the question: (None, the refusal).

        A server that fails (status 500) at an option that it does not have refuses it, too.
        """
        try:
            return self._openai.post(path, cast_to=object, body=body), None
        except Exception as error:
            status, words = failures.status_of(error), self.in_words(error)
        if status is not None and (status in failures.REFUSED or status >= 500):
            return None, words
        raise words

    def ask_root(self, path: str, body: dict[str, Any]) -> Any:
        """As `ask`, of what engines offer beside the API: its address without the /v1."""
        root = self._openai.with_options(base_url=self.url.removesuffix("/v1"))
        self._alone(root)
        return self._guarded(lambda: root.post(path, cast_to=object, body=body))

    def open(self, path: str, body: dict[str, Any]) -> Reply:
        """A question whose answer is read while it is written."""
        resource = self._openai.completions if path == COMPLETIONS else self._openai.chat.completions
        asked = "prompt" if path == COMPLETIONS else "messages"
        rest = {name: value for name, value in body.items() if name not in {asked, "model"}}
        manager: Any = resource.with_streaming_response.create(
            model=body["model"], **{asked: body[asked]}, stream=True, extra_body=rest
        )
        try:
            return Reply(self, manager, manager.__enter__())
        except Exception as error:
            status, words = failures.status_of(error), self.in_words(error)
        raise words if status is not None else self.why(path, body, words)

    def why(self, path: str, body: dict[str, Any], words: GPTWidgetsError) -> GPTWidgetsError:
        """Why a server hung up before its first word: llama-cpp-python explains only what is no stream.

        Args:
            path: where it was asked.
            body: what it was asked; now for one token in one piece.
            words: the error where it does answer that.
        """
        if "within" in str(words):  # it was waited for already
            return words
        newer, last = self.own and path == CHAT, words
        for _ in range(2):  # the first may be sent over the connection that the server is about to close
            try:
                _, refused = self.try_ask(path, body | asking.most_tokens(1, newer=newer))
            except failures.RemoteError as error:
                last = error.with_traceback(None)
            else:
                return refused or words
        return last

    def in_words(self, error: BaseException) -> GPTWidgetsError:
        """What the client raised, as one of our errors."""
        return failures.in_words(
            error, name=self.name, host=self.host, timeout=self._timeout, key=self._key
        ).with_traceback(None)

    def refusal(self, body: Any) -> GPTWidgetsError:
        """An error that came in the middle of an answer."""
        code = body.get("code") if isinstance(body, dict) else None
        status = code if isinstance(code, int) and 400 <= code < 600 else None
        said = failures.said_by(body)
        return failures.refusal(status, said, name=self.name, host=self.host, key=self._key)

    def nonsense(self, what: str) -> GPTWidgetsError:
        """An answer that is none."""
        return failures.nonsense(self.host, what)

    def _guarded(self, call: Any) -> Any:
        try:
            return call()
        except Exception as error:
            words = self.in_words(error)
        # raised out here: the client's error holds the request with its key, and would be the context
        raise words


class Reply:
    """An answer that is being written: server-sent events, one JSON object each."""

    def __init__(self, client: Client, manager: Any, response: Any) -> None:
        self.finished = False  # whether the server said [DONE]
        self.broken = False  # whether it hung up without
        self._client = client
        self._manager = manager
        self._response = response

    def __iter__(self) -> Iterator[Any]:
        """The messages.

        Raises:
            RemoteError: the connection broke, or something else came than messages.
        """
        words: GPTWidgetsError | None = None
        try:
            for line in self._lines():
                told = self._read(line)
                if self.finished:
                    return
                if told is not None:
                    yield told
            self.broken = not self.finished
        except GPTWidgetsError:
            raise
        except Exception as error:
            self.broken = True
            words = self._client.in_words(error)
        if words is not None:
            raise words

    def _lines(self) -> Iterator[bytes]:
        """The lines as bytes: a character may be spread over several packets, a line break may not be."""
        rest = b""
        for data in self._response.iter_bytes():
            *lines, rest = (rest + data).split(b"\n")
            yield from lines
            if len(rest) > LONGEST_LINE:
                raise self._client.nonsense("a line without an end")
        if rest.strip():
            yield rest

    def _read(self, line: bytes) -> Any:
        line = line.strip()
        if line.startswith(b"error:"):
            return self._raise(line[6:])
        if not line.startswith(b"data:"):
            if line[:1] in b"{<":  # an answer that is no stream; names and comments of events are passed over
                return self._raise(line) if line else None
            return None
        content = line[5:].strip()
        if content == b"[DONE]":
            self.finished = True
            return None
        told = self._json(content)
        if isinstance(told, dict) and told.get("error"):
            raise self._client.refusal(told["error"])
        return told

    def _raise(self, content: bytes) -> Any:
        told = self._json(content)
        if isinstance(told, dict) and told.get("error"):
            raise self._client.refusal(told["error"])
        raise self._client.nonsense("no stream of events")

    def _json(self, content: bytes) -> Any:
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            raise self._client.nonsense("half a message, or no JSON") from None

    def abort(self) -> None:
        """Breaks the connection from another thread, so that whoever reads wakes up, and the server stops."""
        import socket

        with suppress(Exception):
            stream = self._response.http_response.extensions["network_stream"]
            stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Gives the connection back."""
        with suppress(Exception):
            self._manager.__exit__(None, None, None)


def library() -> Any:
    """The `openai` package, imported when something is first connected.

    Raises:
        ImportError: it is not installed; says how.
    """
    try:
        import openai
    except ImportError:
        raise ImportError("gw.connect(…) needs the openai client: pip install gptwidgets[remote]") from None
    return openai
