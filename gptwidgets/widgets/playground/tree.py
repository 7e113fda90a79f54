"""The tree of everything that was written: prompts are its roots, and nothing in it is ever lost.

A node holds tokens of its own; its path is its parent's path cut to `at` tokens, and then these. So a
branch at token 500 of a story shares the first 500 tokens with it. Whoever prunes, clears or undoes only
hides; all of it can be shown again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from gptwidgets.widgets.playground.tokens import TokenColumns

Kind = Literal["prompt", "written", "edited"]
PREVIEW = 160  # characters: what a row of the tree has room for on a wide screen


@dataclass(eq=False)
class Node:
    """A piece of text in the tree.

    Attributes:
        id: its name on the wire.
        parent: the id of the node that it goes on from; None for a prompt.
        at: how many tokens of the parent's path come before its own.
        kind: "prompt", "written" by the model, or "edited" by a person.
        tokens: its own tokens.
        sampling: the settings with which it was written, as JSON values; {} where nobody wrote.
        seed: of this sequence.
        reason: why it ended; None while it grows, and for what was not written by a model.
        name: what a person calls it.
        pruned: hidden.
        sequence: the same for what one run wrote together; "" otherwise.
        running: whether it still grows.
        under: what was changed inside the model while it was written, in words.
        source: of a prompt: the text or messages that it was made from.
        given: how many of its first tokens were given to the model, and not written by it.
        begun: the bytes of a character that its given tokens have begun and it has not completed.
        beams: the steps of a beam search.
    """

    id: str
    parent: str | None
    at: int
    kind: Kind
    tokens: TokenColumns
    sampling: dict[str, Any] = field(default_factory=dict)
    seed: int | None = None
    reason: str | None = None
    name: str = ""
    pruned: bool = False
    sequence: str = ""
    running: bool = False
    under: str = ""
    source: Any = None
    given: int = 0
    begun: bytes = b""
    beams: list[dict[str, Any]] = field(default_factory=list)

    def entry(self) -> dict[str, Any]:
        """The node without its tokens, as the browser gets it."""
        preview = (_said_last(self.source) or "".join(self.tokens.texts[:PREVIEW]))[:PREVIEW]
        return {
            "id": self.id,
            "parent": self.parent,
            "at": self.at,
            "kind": self.kind,
            "start": self.at,
            "length": len(self.tokens),
            "sampling": self.sampling,
            "seed": self.seed,
            "reason": self.reason,
            "name": self.name,
            "pruned": self.pruned,
            "sequence": self.sequence,
            "running": self.running,
            "under": self.under,
            "preview": preview.encode("utf-8", "replace").decode(),
        }


class Tree:
    """All nodes by id, in the order in which they were made.

    Its lock is held while nodes are added or changed; it is never held while a message is sent.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.nodes: dict[str, Node] = {}
        self._count = 0
        self._undo: list[tuple[str, dict[str, dict[str, Any]], str]] = []

    def __iter__(self) -> Iterator[Node]:
        with self.lock:
            return iter(list(self.nodes.values()))

    def __len__(self) -> int:
        return len(self.nodes)

    def __getitem__(self, name: Any) -> Node:
        node = self.nodes.get(name) if isinstance(name, str) else None
        if node is None:
            raise ValueError(f"There is no node {name!r} in this tree.")
        return node

    def add(self, parent: Node | None, at: int, kind: Kind, tokens: TokenColumns, **more: Any) -> Node:
        """Adds a node; `at` and the parent are moved to where the text at `at` really stands."""
        with self.lock:
            self._count += 1
            above, at = (None, 0) if parent is None else self.home(parent, at)
            node = Node(f"n{self._count}", above.id if above else None, at, kind, tokens, **more)
            self.nodes[node.id] = node
            return node

    def replace(self, nodes: list[Node]) -> None:
        """Takes other nodes, which have their names already, in place of all that were here."""
        with self.lock:
            self.nodes = {node.id: node for node in nodes}
            self._undo.clear()
            numbers = [name[1:] for name in self.nodes if name[:1] == "n" and name[1:].isdecimal()]
            self._count = max([self._count, *map(int, numbers)])

    def drop_draft(self, node: Node) -> None:
        """Lets go of a prompt that nobody went on from."""
        with self.lock:
            if not node.name and not any(other.parent == node.id for other in self.nodes.values()):
                self.nodes.pop(node.id, None)

    # Paths

    def home(self, node: Node, at: int) -> tuple[Node, int]:
        """The node that itself holds the token before `at` on the path of `node`."""
        while node.parent is not None and at <= node.at:
            node = self.nodes[node.parent]
        return node, at

    def segments(self, node: Node, end: int | None = None) -> list[tuple[Node, int, int]]:
        """The path of a node: which tokens of which nodes, from the prompt on.

        Args:
            node: the last one.
            end: how many tokens of the path; None for all.

        Returns:
            (node, first own token, the one after the last) each.
        """
        with self.lock:
            found: list[tuple[Node, int, int]] = []
            stop = self.length(node) if end is None else min(end, self.length(node))
            here: Node | None = node
            while here is not None:
                if stop > here.at:
                    found.append((here, 0, stop - here.at))
                    stop = here.at
                here = self.nodes[here.parent] if here.parent is not None else None
            return found[::-1]

    def length(self, node: Node) -> int:
        """How many tokens the path has."""
        return node.at + len(node.tokens)

    def ids(self, node: Node, end: int | None = None) -> list[int]:
        """The ids of a path."""
        return [id_ for part, start, stop in self.segments(node, end) for id_ in part.tokens.ids[start:stop]]

    def texts(self, node: Node, end: int | None = None) -> list[str]:
        """The texts of a path, one a token."""
        return [t for part, start, stop in self.segments(node, end) for t in part.tokens.texts[start:stop]]

    def columns(self, node: Node, start: int, end: int) -> TokenColumns:
        """Tokens start … end of a path, with all that is known of them."""
        segments = self.segments(node, end)
        made = TokenColumns(max((part.tokens.k for part, _, _ in segments), default=0))
        for part, first, stop in segments:
            made.extend(part.tokens.copy(max(first, start - part.at), stop, known=True))
        return made

    def token(self, node: Node, at: int) -> dict[str, Any] | None:
        """What is known of the token at a place of a path; None where the path ends before it."""
        if at >= self.length(node):
            return None
        for part, start, stop in reversed(self.segments(node, at + 1)):
            if stop > start:
                return part.tokens.at(stop - 1)
        return None

    def below(self, node: Node) -> list[Node]:
        """A node and all that goes on from it."""
        found = {node.id}
        for other in self:  # a parent is always older than its children
            if other.parent in found:
                found.add(other.id)
        return [other for other in self if other.id in found]

    # Undo

    def change(self, what: str, nodes: list[Node], leaf: str, **values: Any) -> None:
        """Sets attributes of nodes so that `undo` brings the old ones back.

        Args:
            what: a phrase for what is done: "prune", "clear" …
            nodes: which.
            leaf: what is shown now.
            **values: the attributes.
        """
        with self.lock:
            before = {node.id: {name: getattr(node, name) for name in values} for node in nodes}
            self._undo.append((what, before, leaf))
            for node in nodes:
                for name, value in values.items():
                    setattr(node, name, value)

    def added(self, what: str, nodes: list[Node], leaf: str) -> None:
        """Remembers that nodes are new, so that `undo` hides them."""
        with self.lock:
            self._undo.append((what, {node.id: {"pruned": True} for node in nodes}, leaf))

    def undo(self) -> tuple[str, list[Node], str] | None:
        """Takes the last change back.

        Returns:
            What it was, the nodes that changed, and what was shown before; None where there is nothing.
        """
        with self.lock:
            if not self._undo:
                return None
            what, before, leaf = self._undo.pop()
            nodes = [self.nodes[name] for name in before if name in self.nodes]
            for node in nodes:
                for attribute, value in before[node.id].items():
                    setattr(node, attribute, value)
            return what, nodes, leaf


def _said_last(source: Any) -> str:
    """What a person said last in a talk: its template's signs are no preview. "" for a text."""
    talk: list[Any] = source if isinstance(source, list) else []
    said = [part.get("content") for part in talk if isinstance(part, dict) and part.get("role") == "user"]
    return said[-1] if said and isinstance(said[-1], str) else ""
