from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from gptwidgets.kernel.gpt import GPT
from gptwidgets.widgets import base, standing, unasked
from gptwidgets.widgets.heatmap import AttentionHeatmap
from tests.waiting import until
from tests.widgets.shell import Notebook

LAYERS, HEADS = 2, 4
WORDS = [f"w{i}" for i in range(10)]


@pytest.fixture(autouse=True)
def front_end(tmp_path_factory, monkeypatch):
    """The Python half is tested without the built front end."""
    folder = tmp_path_factory.mktemp("static")
    for name in ("heatmap", "playground", "store"):
        (folder / f"{name}.js").write_text("export default {}")
        (folder / f"{name}.css").write_text("")
    monkeypatch.setattr(base, "STATIC", folder)
    base.front_end.cache_clear()
    yield folder
    base.front_end.cache_clear()


@pytest.fixture(autouse=True)
def nothing_unasked(monkeypatch):
    """No model is measured while a test counts what runs; test_unasked.py lets it be."""
    monkeypatch.setattr(unasked, "MOST", -1)


def tiny(seed: int = 0) -> GPT:
    """A random model of two layers that reads bytes."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    reader = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(letters)}, merges=[]))
    reader.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    reader.decoder = decoders.ByteLevel()
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=256,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=2,
        max_position_embeddings=4096,
    )
    return GPT(LlamaForCausalLM(config), PreTrainedTokenizerFast(tokenizer_object=reader), name="tiny")


@pytest.fixture
def gpt() -> Iterator[GPT]:
    made = tiny()
    yield made
    if not made.closed:
        made.close()


def causal(layers: int = LAYERS, heads: int = HEADS, length: int = 10, seed: int = 0) -> np.ndarray:
    """Random causal attention weights [layers, heads, T, T]."""
    weights = np.tril(np.random.default_rng(seed).random((layers, heads, length, length)))
    return (weights / weights.sum(-1, keepdims=True)).astype(np.float32)


@pytest.fixture
def weights() -> np.ndarray:
    return causal()


@pytest.fixture
def heat(weights):
    made = AttentionHeatmap(weights, tokens=WORDS)
    return made.wait(20)


@pytest.fixture
def gate(monkeypatch):
    """Lets recordings begin, one permit each."""
    permits = threading.Semaphore(0)
    record = GPT.record

    def wait(self, text, *, progress=None, cancel=None, **options):
        while not permits.acquire(timeout=0.01):
            if cancel is not None:
                cancel.check()
        return record(self, text, progress=progress, cancel=cancel, **options)

    monkeypatch.setattr(GPT, "record", wait)
    return permits


class FakePage:
    """What a page in the browser would send and hear."""

    def __init__(self, heat: AttentionHeatmap) -> None:
        self.heat = heat
        self.heard: list[tuple[dict[str, Any], list[bytes]]] = []
        self._count = 0
        heat.send = self._hear

    def _hear(self, content: dict[str, Any], buffers: Any = None) -> None:
        self.heard.append((content, [bytes(buffer) for buffer in buffers or ()]))

    def until(self, there: Callable[[], Any], seconds: float = 20) -> Any:
        """Waits until something is so."""
        return until(there, seconds, lambda: f"not heard; only {self.heard[-5:]}")

    def post(self, kind: str, *buffers: bytes, **fields: Any) -> str:
        """Sends a request and returns its id."""
        self._count += 1
        name = f"page-{self._count}"
        content = {"type": "request", "id": name, "kind": kind, **fields}
        self.heat._wire.hear(self.heat, content, list(map(memoryview, buffers)))
        return name

    def cancel(self, name: str) -> None:
        self.heat._wire.hear(self.heat, {"type": "cancel", "id": name}, [])

    def replies(self, name: str) -> list[tuple[dict[str, Any], list[bytes]]]:
        return [heard for heard in self.heard if heard[0].get("id") == name]

    def answer(self, name: str) -> list[tuple[dict[str, Any], list[bytes]]]:
        """All parts of the answer to a request."""
        self.until(lambda: any(reply["done"] for reply, _ in self.replies(name)))
        return self.replies(name)

    def ask(self, kind: str, *buffers: bytes, **fields: Any) -> tuple[dict[str, Any], list[bytes]]:
        """Sends a request and returns the last part of its answer."""
        return self.answer(self.post(kind, *buffers, **fields))[-1]

    def about(self, **fields: Any) -> dict[str, Any]:
        """The fields that name what is shown."""
        return {"record": self.heat.info["record"], "variant": "plain", **fields}


@pytest.fixture
def page() -> type[FakePage]:
    return FakePage


@pytest.fixture
def notebook(monkeypatch) -> Notebook:
    """The notebook that widgets are displayed in. Its pages never answer."""
    made = Notebook()
    monkeypatch.setattr(standing, "shell_here", lambda: made)
    monkeypatch.setattr(standing, "publish", made.publish)
    monkeypatch.setattr(standing, "ANSWER_WITHIN", 3600.0)
    monkeypatch.setattr(standing, "_of_cell", {})
    return made


@pytest.fixture
def later(monkeypatch) -> list[Callable[[], Any]]:
    """What would be done after some seconds, to be done by hand."""
    jobs: list[Callable[[], Any]] = []
    monkeypatch.setattr(standing, "after", lambda _seconds, job: jobs.append(job))
    return jobs
