"""A Hugging Face Hub, a cache of it and a home, all of a test's own."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import pytest

from gptwidgets.store import fetching, hubinstall
from tests.store.hub.standin import Hub, git_blob


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """The stand-in, where huggingface_hub looks for the Hub: here, and in the processes that fetch."""
    made = Hub()
    kept = tmp_path / "huggingface"
    monkeypatch.setenv("HF_ENDPOINT", made.url)
    monkeypatch.setenv("HF_HOME", str(kept))
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", made.url)
    template = f"{made.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(kept / "hub"))
    yield made
    made.close()


@pytest.fixture
def home(monkeypatch, tmp_path) -> Path:
    monkeypatch.setenv("GPTWIDGETS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("GPTWIDGETS_MODELS", raising=False)
    return tmp_path / "home"


@pytest.fixture
def processes() -> None:
    """For a test in which models are fetched in a process of its own, as everywhere but in tests."""


@pytest.fixture(autouse=True)
def here(request, monkeypatch) -> None:
    """Else the fetching process's work is done here: half a second less each time."""
    if "processes" not in request.fixturenames:

        def run_child(_module, arguments, watch, **_options):
            return json.loads(json.dumps(fetching.work(json.loads(json.dumps(arguments)), watch)))

        monkeypatch.setattr(hubinstall, "run_child", run_child)


@pytest.fixture
def cache(tmp_path):
    """Puts files into Hugging Face's cache, as huggingface_hub does; gives the last one's place."""
    if sys.platform == "win32":
        pytest.skip("Windows has no links there")

    def put(repository: str, commit: str, files: dict[str, bytes]) -> Path:
        root = tmp_path / "huggingface" / "hub" / f"models--{repository.replace('/', '--')}"
        snapshot = root / "snapshots" / commit
        snapshot.mkdir(parents=True, exist_ok=True)
        (root / "blobs").mkdir(exist_ok=True)
        (root / "refs").mkdir(exist_ok=True)
        (root / "refs" / "main").write_text(commit)
        blob = root
        for name, body in files.items():
            large = name.endswith(".safetensors")
            blob = root / "blobs" / (hashlib.sha256(body).hexdigest() if large else git_blob(body))
            blob.write_bytes(body)
            (snapshot / name).symlink_to(Path("../../blobs") / blob.name)
        return blob

    return put
