from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

SHA = "1" * 40
FILES = {
    "config.json": json.dumps({"model_type": "llama"}).encode(),
    "tokenizer.json": b"{}",
    "model.safetensors": bytes(range(256)) * 500,
    "pytorch_model.bin": b"a pickle",
    "onnx/model.onnx": b"another form",
    "README.md": b"# A model",
}


class Hub(BaseHTTPRequestHandler):
    """A stand-in for the Hub that serves one model, `us/tiny`, and counts what is fetched."""

    files = FILES
    fetched: list[str] = []  # noqa: RUF012
    gated = False

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def do_GET(self):
        if not (self.path.startswith(("/api/models/us/tiny", "/us/tiny/"))):
            self.answer(404, b"{}", X_Error_Code="RepoNotFound")
        elif self.gated:
            self.answer(403, b"{}", X_Error_Code="GatedRepo")
        elif "nowhere" in self.path:
            self.answer(404, b"{}", X_Error_Code="RevisionNotFound")
        elif self.path.startswith("/api/"):
            siblings = [{"rfilename": name, "size": len(body)} for name, body in self.files.items()]
            body = {
                "id": "us/tiny",
                "sha": SHA,
                "siblings": siblings,
                "private": False,
                "tags": [],
                "downloads": 0,
            }
            self.answer(200, json.dumps(body).encode(), Content_Type="application/json")
        else:
            name = self.path.split("?")[0].split("/", 5)[-1]  # /us/tiny/resolve/REVISION/NAME
            body = self.files.get(name)
            if body is None:
                self.answer(404, X_Error_Code="EntryNotFound")
                return
            if self.command == "GET":
                self.fetched.append(name)
            etag = f'"{hashlib.sha256(body).hexdigest()}"'
            self.answer(200, body, ETag=etag, X_Repo_Commit=SHA, Content_Length=str(len(body)))

    do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for


@pytest.fixture
def hub(monkeypatch):
    made = type("Made", (Hub,), {"fetched": [], "files": dict(FILES)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), made)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    yield made
    server.shutdown()
    server.server_close()


# huggingface_hub reads its settings when it is imported: each case is a process of its own.
CASE = """
import json, sys
from pathlib import Path
from gptwidgets.store.hub import snapshot
from gptwidgets.store.folders import Watch
from gptwidgets import errors

def judge(folder, files):
    print(json.dumps({"judged": sorted(p.name for p in Path(folder).iterdir()), "files": sorted(files)}))
    if "refuse" in sys.argv:
        raise errors.UnsafeModelError("refused")

def tell(stage, done, total, unit):
    if "model.safetensors" in stage and "stop" in sys.argv:
        raise errors.Cancelled("stopped")
    print(json.dumps({"stage": stage, "done": done, "total": total}))

repository, revision = sys.argv[1], sys.argv[2] or None
try:
    folder = snapshot(repository, revision, judge, Watch(tell=tell))
    print(json.dumps({"folder": str(folder), "names": sorted(p.name for p in folder.iterdir())}))
except errors.GPTWidgetsError as error:
    print(json.dumps({"error": type(error).__name__, "said": str(error)}))
"""


def ask(url, home, repository="us/tiny", revision="", *more):
    environment = {
        "PATH": "/usr/bin:/bin",
        "HF_HOME": str(home),
        "HF_ENDPOINT": url,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "PYTHONPATH": ":".join(sys.path),
    }
    out = subprocess.run(
        [sys.executable, "-c", CASE, repository, revision, *more],
        env=environment, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    lines = [json.loads(line) for line in out.stdout.splitlines()]
    return lines[-1], lines


def test_what_is_needed_is_fetched_the_weights_last_and_pickles_never(hub, tmp_path):
    last, lines = ask(hub.url, tmp_path)
    assert last["names"] == ["config.json", "model.safetensors", "tokenizer.json"]
    judged = next(line for line in lines if "judged" in line)
    assert judged["judged"] == ["config.json", "tokenizer.json"]
    assert judged["files"] == [
        "README.md",
        "config.json",
        "model.safetensors",
        "pytorch_model.bin",
        "tokenizer.json",
    ]
    assert hub.fetched[-1] == "model.safetensors"
    assert set(hub.fetched) == {"config.json", "tokenizer.json", "model.safetensors"}
    done = [line for line in lines if line.get("stage") == "downloading model.safetensors"]
    assert done[-1]["done"] == done[-1]["total"] == len(FILES["model.safetensors"])


def test_the_second_time_it_works_offline(hub, tmp_path):
    first, _ = ask(hub.url, tmp_path)
    again, _ = ask("http://127.0.0.1:1", tmp_path)
    assert again == first
    pinned, _ = ask("http://127.0.0.1:1", tmp_path, "us/tiny", SHA)
    assert pinned == first


def test_offline_and_not_in_the_cache(tmp_path):
    last, _ = ask("http://127.0.0.1:1", tmp_path)
    assert last["error"] == "InstallError"
    assert '"us/tiny" could not be fetched from the Hugging Face Hub' in last["said"]
    assert "Is there a network?" in last["said"]
    assert "\n" not in last["said"]


def test_what_is_refused_is_not_fetched(hub, tmp_path):
    last, _ = ask(hub.url, tmp_path, "us/tiny", "", "refuse")
    assert last["error"] == "UnsafeModelError"
    assert "model.safetensors" not in hub.fetched


def test_stop_while_fetching_and_again(hub, tmp_path):
    last, _ = ask(hub.url, tmp_path, "us/tiny", "", "stop")
    assert last["error"] == "Cancelled"
    last, _ = ask(hub.url, tmp_path)
    assert "model.safetensors" in last["names"]


def test_shards_are_what_the_index_lists(hub, tmp_path):
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors", "c": "../../evil"}}
    hub.files = {
        "config.json": FILES["config.json"],
        "model.safetensors.index.json": json.dumps(index).encode(),
        "model-1.safetensors": b"one",
        "model-2.safetensors": b"two",
        "model-3.safetensors": b"not listed",
    }
    last, _ = ask(hub.url, tmp_path)
    assert [n for n in last["names"] if n.endswith(".safetensors")] == [
        "model-1.safetensors",
        "model-2.safetensors",
    ]


@pytest.mark.parametrize(
    ("repository", "revision", "kind", "words"),
    [
        ("us/missing", "", "UnknownModelError", 'no model "us/missing"'),
        ("us/tiny", "nowhere", "UnknownModelError", 'no revision "nowhere"'),
        ("us/ti ny", "", "UnknownModelError", "no Hugging Face id"),
    ],
)
def test_what_is_not_there(hub, tmp_path, repository, revision, kind, words):
    last, _ = ask(hub.url, tmp_path, repository, revision)
    assert last["error"] == kind
    assert words in last["said"]


def test_a_licence_to_be_accepted_first(hub, tmp_path):
    hub.gated = True
    last, _ = ask(hub.url, tmp_path)
    assert last["error"] == "InstallError"
    assert f"{hub.url}/us/tiny" in last["said"]
