from __future__ import annotations

import pytest

import gptwidgets as gw
from tests.remote.engines import VLLM
from tests.remote.standin import StandIn
from tests.widgets.conftest import FakePage, front_end  # noqa: F401 - a fixture for the playground

KEY = "sk-a-secret-that-nobody-may-see"


@pytest.fixture(autouse=True)
def no_keys_of_ours(monkeypatch):
    """Nothing of the real environment is sent, or read."""
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_CUSTOM_HEADERS", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def served():
    """Starts stand-ins: `served(engine)`."""
    servers: list[StandIn] = []

    def start(engine) -> StandIn:
        servers.append(StandIn(engine))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def connected(served):
    """Starts a stand-in and connects to it: `connected(engine)` gives (gpt, server, engine)."""
    opened = []

    def start(engine=None, **options):
        engine = engine or VLLM()
        server = served(engine)
        gpt = gw.connect(server.url, **{"timeout": 10, **options})
        opened.append(gpt)
        server.asked.clear()
        return gpt, server, engine

    yield start
    for gpt in opened:
        gpt.close()


@pytest.fixture
def page() -> type[FakePage]:
    return FakePage
