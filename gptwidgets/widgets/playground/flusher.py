"""From the model's thread to the pages: what came goes as one message, 25 times a second at most."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from gptwidgets.widgets.columns import pack
from gptwidgets.widgets.playground.tree import Node, Tree
from gptwidgets.widgets.playground.vocabulary import Vocabulary
from gptwidgets.widgets.wire import log

EVERY = 0.045  # seconds between two messages: with those that begin and end a run at most 25 a second
IDLE = 2.0  # seconds without work, after which the thread ends

Tell = Callable[[str, dict[str, Any], list[bytes]], object]


class Flusher:
    """Collects what changes and tells it, in a thread of its own that ends when nothing happens.

    Args:
        tree: where the tokens are.
        vocabulary: where their pieces are.
        tell: sends an event: kind, content, buffers.
    """

    def __init__(self, tree: Tree, vocabulary: Vocabulary, tell: Tell) -> None:
        self._tree, self._vocabulary, self._tell = tree, vocabulary, tell
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._grown: dict[str, Node] = {}
        self._entries: dict[str, Node] = {}
        self._beams: dict[str, list[dict[str, Any]]] = {}
        self._figures: dict[str, Any] = {}
        self._sent: dict[str, int] = {}  # tokens of each node that all pages were told of
        self._last = 0.0

    def touch(
        self,
        *nodes: Node,
        entry: bool = False,
        beams: dict[str, Any] | None = None,
        figures: dict[str, Any] | None = None,
    ) -> None:
        """Says that nodes have grown, or (`entry`) that something else about them has changed."""
        with self._changed:
            for node in nodes:
                self._grown[node.id] = node
                if entry:
                    self._entries[node.id] = node
                if beams is not None:
                    self._beams.setdefault(node.id, []).append(beams)
            self._figures.update(figures or {})
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="gptwidgets flusher", daemon=True)
                self._thread.start()
            self._changed.notify()

    def told(self, *nodes: Node) -> None:
        """Says that pages hear of these nodes' tokens by another way."""
        with self._changed:
            for node in nodes:
                self._sent[node.id] = len(node.tokens)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not (self._grown or self._figures):
                    if not self._changed.wait(IDLE) and not (self._grown or self._figures):
                        self._thread = None
                        return
            pause = self._last + EVERY - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            self._last = time.monotonic()
            try:
                self._flush()
            except Exception:  # a page that is gone must not end the thread
                log.exception("A playground's message could not be sent")

    def _flush(self) -> None:
        with self._changed:
            grown, self._grown = self._grown, {}
            entries, self._entries = self._entries, {}
            beams, self._beams = self._beams, {}
            figures, self._figures = self._figures, {}
            parts: list[dict[str, Any]] = []
            buffers: list[bytes] = []
            for name, node in grown.items():
                start = self._sent.get(name, 0)
                self._sent[name] = len(node.tokens)
                if len(node.tokens) > start:
                    part, data = part_of(node, start, self._sent[name])
                    parts.append(part)
                    buffers.append(data)
            pieces = self._vocabulary.untold()
        content: dict[str, Any] = {
            "nodes": [node.entry() for node in entries.values()],
            "parts": parts,
            "pieces": pieces,
            "beams": [{"node": name, "steps": steps} for name, steps in beams.items()],
            "figures": figures,
        }
        self._tell("tokens", content, buffers)


def part_of(node: Node, start: int, end: int | None = None) -> tuple[dict[str, Any], bytes]:
    """Tokens start … end of a node as a message carries them.

    Returns:
        {node, start, columns, texts} and the columns' bytes.
    """
    end = len(node.tokens) if end is None else end
    spec, data = pack(node.tokens.columns(start, end))
    texts = [text.encode("utf-8", "replace").decode() for text in node.tokens.texts[start:end]]
    return {"node": node.id, "start": start, "columns": spec, "texts": texts}, data
