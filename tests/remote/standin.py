"""A server for tests: it replays what engines were recorded to answer, and fails in every way."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Answer:
    """What is sent back.

    Attributes:
        body: JSON for one answer; a list of packets, sent one by one, for a stream. A packet that is a
            threading.Event is waited for.
        cut: the connection ends without the end that was promised.
    """

    body: Any
    status: int = 200
    kind: str = "application/json"
    cut: bool = False


@dataclass
class Asked:
    path: str
    body: Any
    headers: dict[str, str]


@dataclass
class StandIn:
    """A server on the loopback address; `answer` says what to answer."""

    answer: Callable[[Asked], Answer]
    asked: list[Asked] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)  # a client hung up during a stream
    release: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:  # noqa: C901 - a handler that knows its server
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                self.reply(None)

            def do_POST(self) -> None:
                self.reply(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def reply(self, body: Any) -> None:
                asked = Asked(self.path, body, {name.lower(): value for name, value in self.headers.items()})
                stand_in.asked.append(asked)
                answer = stand_in.answer(asked)
                if isinstance(answer.body, list):
                    self.stream(answer)
                    return
                data = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def stream(self, answer: Answer) -> None:
                self.send_response(answer.status)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                try:
                    for packet in answer.body:
                        if isinstance(packet, threading.Event):
                            while not packet.wait(0.01):
                                # a look whether the client is still there: an event without content
                                self.send(b": still here\n\n")
                        else:
                            self.send(packet)
                    if answer.cut:
                        self.close_connection = True
                        return
                    self.wfile.write(b"0\r\n\r\n")
                except OSError:
                    self.close_connection = True
                    stand_in.gone.set()

            def send(self, data: bytes) -> None:
                self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
                self.wfile.flush()

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_: Any) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        return f"http://{self.host}/v1"

    def bodies(self, path: str) -> list[Any]:
        return [asked.body for asked in self.asked if asked.path.endswith(path)]

    def close(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()


def events(messages: Iterable[Any], *, done: bool = True) -> list[bytes]:
    """Messages as packets of server-sent events."""
    packets = [f"data: {json.dumps(message)}\n\n".encode() for message in messages]
    return [*packets, b"data: [DONE]\n\n"] if done else packets


def refusal(status: int, message: str, **more: Any) -> Answer:
    return Answer({"error": {"message": message, "type": "invalid_request_error", **more}}, status)
