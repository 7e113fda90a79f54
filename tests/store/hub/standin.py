"""A local stand-in of the Hugging Face Hub, which can misbehave in each way that the real one has."""

from __future__ import annotations

import hashlib
import json
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "1" * 40


def safetensors(floats: int, fill: int = 0) -> bytes:
    """A safetensors file of one tensor."""
    body = bytes((fill + i) % 251 for i in range(1000)) * (4 * floats // 1000 + 1)
    end = 4 * floats
    header = json.dumps({"wte": {"dtype": "F32", "shape": [floats], "data_offsets": [0, end]}}).encode()
    return struct.pack("<Q", len(header)) + header + body[:end]


def git_blob(body: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(body) + body, usedforsecurity=False).hexdigest()


CONFIG = {"model_type": "gpt2", "n_positions": 64, "vocab_size": 97}


def tiny(floats: int = 50_000) -> dict[str, bytes]:
    """The files of a small model, a pickle among them."""
    return {
        "config.json": json.dumps(CONFIG).encode(),
        "tokenizer.json": b"{}" * 500,
        "README.md": b"---\nlicense: mit\n---\n# Tiny",
        "model.safetensors": safetensors(floats),
        "pytorch_model.bin": b"a pickle",
        "code.py": b"print('never')",
        "onnx/model.onnx": b"another form",
    }


class Hub:
    """What the stand-in serves, how it misbehaves, and what it was asked for.

    Attributes:
        models: by id, the files of each: name -> content.
        revisions: by id, the commit of each.
        facts: by id, more of what the Hub says of a model ("gated", "cardData", …).
        asked: (what, detail) of every request: ("api", path), ("file", name, first byte, bytes sent).
        status: an HTTP status for every answer, in place of it.
        body: an answer of the API in place of the right one.
        lists: sha256, size … by file name that are listed in place of the right ones.
        spoilt: content by file name that is sent in place of the right one.
        cut: {name: bytes}: the connection breaks after so many, once.
        hold: {name: bytes}: sends so many and then waits for `go`.
        ranges: whether it answers a Range.
        hang: answers nothing until `go`.
    """

    def __init__(self) -> None:
        self.models: dict[str, dict[str, bytes]] = {"us/tiny": tiny()}
        self.revisions: dict[str, str] = {}
        self.facts: dict[str, dict[str, Any]] = {}
        self.asked: list[tuple[Any, ...]] = []
        self.status: int | None = None
        self.file_status: int | None = None
        self.body: bytes | None = None
        self.lists: dict[str, dict[str, Any]] = {}
        self.spoilt: dict[str, bytes] = {}
        self.cut: dict[str, int] = {}
        self.hold: dict[str, int] = {}
        self.ranges = True
        self.hang = False
        self.go = threading.Event()
        self.reached = threading.Event()
        hub = self

        class Handler(_Handler):
            pass

        Handler.hub = hub
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.go.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def files(self) -> dict[str, bytes]:
        return self.models["us/tiny"]

    def fetched(self, name: str) -> list[tuple[int, int]]:
        """(first byte, bytes sent) of each time that a file was sent."""
        return [entry[2:] for entry in self.asked if entry[0] == "file" and entry[1] == name]

    def info(self, model: str) -> dict[str, Any]:
        siblings: list[dict[str, Any]] = []
        for name, body in self.models[model].items():
            entry: dict[str, Any] = {"rfilename": name, "size": len(body), "blobId": git_blob(body)}
            if name.endswith((".safetensors", ".bin", ".gguf", ".onnx")):
                entry["lfs"] = {
                    "sha256": hashlib.sha256(body).hexdigest(),
                    "size": len(body),
                    "pointerSize": 134,
                }
            siblings.append({**entry, **self.lists.get(name, {})})
        return {
            "id": model,
            "sha": self.revisions.get(model, COMMIT),
            "siblings": siblings,
            "private": False,
            "gated": False,
            "tags": ["text-generation", "safetensors"],
            "downloads": 10,
            "likes": 1,
            "cardData": {"license": "mit"},
            "author": model.split("/", maxsplit=1)[0],
            **self.facts.get(model, {}),
        }


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        hub, url = self.hub, urlsplit(self.path)
        path = unquote(url.path)
        try:
            if path.startswith("/api/"):
                hub.asked.append(("api", self.path))
            if hub.hang:
                hub.reached.set()
                hub.go.wait(30)
            if hub.status is not None:
                self._status(hub.status)
            elif hub.body is not None and path.startswith("/api/"):
                self._send(200, hub.body, {"Content-Type": "application/json"})
            elif path == "/api/models":
                self._search(parse_qs(url.query))
            elif path.startswith("/api/models/"):
                self._info(path.removeprefix("/api/models/"))
            else:
                owner, name, _, commit, file = path.lstrip("/").split("/", 4)
                self._file(f"{owner}/{name}", commit, file)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def _status(self, status: int) -> None:
        codes = {403: "GatedRepo", 404: "RepoNotFound"}
        headers = {"X-Error-Code": codes[status]} if status in codes else {}
        self._send(status, b'{"error": "no"}', headers)

    def _search(self, query: dict[str, list[str]]) -> None:
        words = query.get("search", [""])[0].lower()
        found = [self.hub.info(model) for model in self.hub.models if words in model.lower()]
        self._send(200, json.dumps(found).encode(), {"Content-Type": "application/json"})

    def _info(self, rest: str) -> None:
        model, _, revision = rest.partition("/revision/")
        if model not in self.hub.models:
            self._status(404)
        elif revision == "nowhere":
            self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        else:
            self._send(200, json.dumps(self.hub.info(model)).encode(), {"Content-Type": "application/json"})

    def _file(self, model: str, commit: str, name: str) -> None:
        hub = self.hub
        body = hub.models.get(model, {}).get(name)
        if hub.file_status is not None and self.command == "GET":
            self._status(hub.file_status)
            return
        if body is None or commit not in {hub.revisions.get(model, COMMIT), "main"}:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
            return
        body = hub.spoilt.get(name, body)
        first, asked = 0, self.headers.get("Range")
        if asked and hub.ranges:
            first = int(asked.removeprefix("bytes=").split("-")[0])
        digest = hashlib.sha256(body).hexdigest()
        self.send_response(206 if first else 200)
        for key, value in {
            "ETag": f'"{digest}"',
            "X-Linked-Etag": f'"{digest}"',
            "X-Linked-Size": str(len(body)),
            "X-Repo-Commit": commit,
            "Content-Length": str(len(body) - first),
            **({"Content-Range": f"bytes {first}-{len(body) - 1}/{len(body)}"} if first else {}),
        }.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "GET":
            return
        end = hub.cut.pop(name, len(body)) if name in hub.cut else len(body)
        held = hub.hold.get(name)
        stop = end if held is None else min(end, max(first, held))
        entry = len(hub.asked)
        hub.asked.append(("file", name, first, stop - first))
        self.wfile.write(body[first:stop])
        self.wfile.flush()
        if held is not None and stop < end:
            hub.reached.set()
            hub.go.wait(30)
            self.wfile.write(body[stop:end])
            hub.asked[entry] = ("file", name, first, end - first)
        if end < len(body):
            self.close_connection = True
            time.sleep(0)
