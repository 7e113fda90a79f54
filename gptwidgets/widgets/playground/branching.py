"""Walking and growing the tree: run, go on, branch, edit; undo, clear, prune, name."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import traitlets as t

from gptwidgets.errors import TextError
from gptwidgets.kernel.sampling import Sampling
from gptwidgets.widgets.playground import engine as engines
from gptwidgets.widgets.playground.runs import Run
from gptwidgets.widgets.playground.settings import SEQUENCES
from gptwidgets.widgets.playground.tokens import TokenColumns
from gptwidgets.widgets.playground.tree import Node
from gptwidgets.widgets.playground.writing import Plan, Writing
from gptwidgets.widgets.values import Position, whole

NAME = 200  # characters of a node's name, at most


class Branching(Writing):
    """The part of a playground that walks the tree and lets it grow."""

    token = Position(help="The chosen token's position in the shown path, or None.").tag(sync=True)

    def __init__(self, gpt: Any, **options: Any) -> None:
        self._rooting = threading.Lock()
        self._draft: Node | None = None  # a prompt that was looked at and not yet run
        self._seen_next: tuple[list[int], np.ndarray, np.ndarray] | None = None  # path, ids, logits
        super().__init__(gpt, **options)

    # What a user asks

    def run(self, n: int | None = None) -> Run:
        """Lets the model go on from the prompt (or the messages); returns at once.

        Args:
            n: how many sequences side by side; by default the trait `n`.

        Returns:
            The run: wait for it, stop it, read it.

        Raises:
            ClosedError: the model, or the playground, was closed.

        Example:
            >>> play.run().wait().text  # doctest: +SKIP
        """
        source, rules = self.source, self._rules()

        def where() -> tuple[Node, int, TokenColumns]:
            root = self._root(source)
            return root, len(root.tokens), TokenColumns()

        return self._begin(Plan("run", where, rules, self._sequences(n), self.alternatives))

    def go_on(self, leaf: str | Node | None = None, n: int | None = None) -> Run:
        """Lets the model go on where a node ends; returns at once.

        Args:
            leaf: the node; by default the one that is shown.
            n: how many sequences side by side; by default the trait `n`.
        """
        node = self._node_of(leaf)
        if node is None:
            return self.run(n)

        def where() -> tuple[Node, int, TokenColumns]:
            return node, self.nodes.length(node), TokenColumns()

        return self._begin(Plan("continue", where, self._rules(), self._sequences(n), self.alternatives))

    def branch(self, position: int, token: int | str, leaf: str | Node | None = None) -> Run:
        """Replaces a token and lets the model tell the rest anew; returns at once.

        Args:
            position: of the token, counted from the beginning of the prompt; negative ones from the end.
                The position after the last token is that of the next one.
            token: the id of the token that comes instead, or a text.
            leaf: the node whose path is meant; by default the one that is shown.

        Raises:
            IndexError: there is no such position.
        """
        node = self._shown(leaf)
        at = self._place(node, position)
        chosen = token if isinstance(token, str) else whole(token, "A token")

        def where() -> tuple[Node, int, TokenColumns]:
            return node, at, self._instead(node, at, chosen)

        return self._begin(Plan("branch", where, self._rules(), 1, self.alternatives))

    def edit(self, start: int, end: int, text: str, leaf: str | Node | None = None) -> Node:
        """Puts a text in place of tokens start … end (counted from the beginning of the prompt).

        What follows stays as it was written; nothing runs. Go on with `go_on()`.

        Returns:
            The new node, which is shown now.
        """
        node = self._shown(leaf)
        start, end = self._place(node, start), self._place(node, end)
        if end < start:
            raise IndexError(
                f"The text from token {start} to {end} cannot be replaced: it ends before it begins."
            )
        own = self._read(text)
        tail = self.nodes.columns(node, end, self.nodes.length(node))
        own.extend(tail.copy(0, len(tail), known=False))
        before = self.leaf
        made = self.nodes.add(node, start, "edited", own, given=len(own))
        self.nodes.added("edit", [made], before)
        self._refresh(made, leaf=made.id)
        return made

    def undo(self) -> str:
        """Takes the last run, branch, edit, prune, name or clear back; what it made is hidden, not lost.

        Returns:
            What it was; "" where there is nothing to take back.
        """
        undone = self.nodes.undo()
        if undone is None:
            return ""
        what, nodes, leaf = undone
        for run in [run for run in list(self._runs) if any(node in nodes for node in run.nodes)]:
            run.stop()
        shown = self.nodes.nodes.get(leaf)
        self._refresh(*nodes, leaf=leaf if shown is not None and not shown.pruned else "")
        return what

    def clear(self) -> None:
        """Stops what runs and hides all that was written; the prompt stays, `undo()` brings it back."""
        self.halt()
        nodes = [node for node in self.nodes if not node.pruned]
        self.nodes.change("clear", nodes, self.leaf, pruned=True)
        self._refresh(*nodes, leaf="", token=None)

    def prune(self, leaf: str | Node | None = None, *, pruned: bool = True) -> None:
        """Hides a node and all that goes on from it; with `pruned=False` shows them again."""
        node = self._shown(leaf)
        nodes = self.nodes.below(node)
        if not pruned:
            nodes += [part for part, _, _ in self.nodes.segments(node) if part not in nodes]
        self.nodes.change("prune", nodes, self.leaf, pruned=bool(pruned))
        here = self.nodes.nodes.get(self.leaf)
        while here is not None and here.pruned:
            here = self.nodes.nodes.get(here.parent or "")
        self._refresh(*nodes, leaf=here.id if here else "")

    def rename(self, name: Any, leaf: str | Node | None = None) -> None:
        """Gives a node a name; "" takes it away."""
        if not isinstance(name, str) or len(name) > NAME:
            raise ValueError(f"A name is a text of at most {NAME} characters.")
        node = self._shown(leaf)
        self.nodes.change("name", [node], self.leaf, name=name)
        self._refresh(node)

    # Nodes and places

    @t.validate("leaf")
    def _leaf_exists(self, proposal: Any) -> str:
        if proposal["value"] and proposal["value"] not in self.nodes.nodes:
            raise ValueError(f"There is no node '{proposal['value']}' in this tree.")
        return proposal["value"]

    def check_position(self, position: int) -> int:
        """Checks a token's position in the shown path; negative ones count from the end."""
        node = self._node_of(None)
        length = self.nodes.length(node) if node is not None else 0
        if not -length <= position < max(length, 1):
            raise IndexError(f"token {position} does not exist; this text has tokens 0 to {length - 1}")
        return position % length if length else 0

    def _node_of(self, leaf: str | Node | None) -> Node | None:
        """The node that is meant; None where only the prompt is there and was never read."""
        if isinstance(leaf, Node):
            return self.nodes[leaf.id]
        if leaf is None or leaf == "":
            return self.nodes.nodes.get(self.leaf) or self._find_root(self.source)
        return self.nodes[leaf]

    def _shown(self, leaf: str | Node | None) -> Node:
        """The node that is meant; the prompt is read where it has to be."""
        node = self._node_of(leaf)
        return self._root(self.source) if node is None else node

    def _place(self, node: Node, position: Any) -> int:
        at, length = whole(position, "A position"), self.nodes.length(node)
        if not -length <= at <= length:
            raise IndexError(f"token {at} does not exist; this text has tokens 0 to {length - 1}")
        return at if at >= 0 else at + length

    def _find_root(self, source: Any) -> Node | None:
        roots = (node for node in self.nodes if node.kind == "prompt" and node.source == source)
        return next(roots, None)

    def _root(self, source: Any, *, draft: bool = False) -> Node:
        """The prompt as a node; read once. A draft goes when the next one comes."""
        with self._rooting:
            return self._rooted(source, draft=draft)

    def _rooted(self, source: Any, *, draft: bool) -> Node:
        root, old = self._find_root(source), self._draft
        if root is None:
            if "ids" in self._gpt.can:
                ids = engines.prompt_ids(self._gpt, source)
                tokens = self._vocabulary.tokens(ids, source if isinstance(source, str) else None)
            elif not source:
                raise TextError("There is nothing to read: write at least one token.")
            else:
                tokens = self._vocabulary.text(engines.as_text(source))
            root = self.nodes.add(None, 0, "prompt", tokens, source=source, given=len(tokens))
            self._draft = root if draft else None
            self._flusher.touch(root, entry=True)
        if old is not None and old is not root and old.id != self.leaf:
            self.nodes.drop_draft(old)
        root.pruned = False
        return root

    # Pieces of runs

    def _rules(self) -> list[Sampling]:
        rules = self.sampling
        return [rules, rules.replace(**self.other)] if self.other and rules.beams == 1 else [rules]

    def _sequences(self, n: int | None) -> int:
        number = self.n if n is None else whole(n, "n")
        if not 1 <= number <= SEQUENCES:
            raise ValueError(f"n must be 1 to {SEQUENCES}, not {number}.")
        return number

    def _read(self, text: Any) -> TokenColumns:
        """A text that a person wrote in the middle, as tokens."""
        if not isinstance(text, str):
            raise TypeError(f"This is a text, not {type(text).__name__}.")
        if not text:
            return TokenColumns()
        if "ids" not in self._gpt.can:
            return self._vocabulary.text(text)
        return self._vocabulary.tokens(self._gpt.encode(text, add_special_tokens=False))

    def _instead(self, node: Node, at: int, chosen: int | str) -> TokenColumns:
        """A chosen token, with what is known of it: it was an alternative, or stood in the distribution."""
        if isinstance(chosen, str):
            return self._read(chosen)
        if "ids" in self._gpt.can:
            made = self._vocabulary.tokens(self._gpt.encode([chosen]))
        else:
            piece = self._vocabulary.piece(chosen)
            made = TokenColumns.of([chosen], [piece])
        known = self._known(node, at, chosen)
        if known is None:
            return made
        columns = {name: np.asarray(value)[None] for name, value in known.items()}
        return TokenColumns.from_columns(columns, made.texts)

    def _known(self, node: Node, at: int, chosen: int) -> dict[str, Any] | None:
        there = self.nodes.token(node, at)
        if there is None:
            return self._known_next(self.nodes.ids(node, at), chosen)
        found = np.flatnonzero(there["alt_id"] == chosen)
        if not len(found):
            return there if int(there["id"]) == chosen else None
        rank = int(found[0])
        return {
            **there,
            "id": np.int32(chosen),
            "logprob": there["alt_logprob"][rank],
            "sampled": there["alt_sampled"][rank],
            "rank": np.int32(rank),
            "ms": np.float32(np.nan),
        }

    def _known_next(self, path: list[int], chosen: int) -> dict[str, Any] | None:
        """From the distribution that stood on the screen: log p_i = z_i - log Σ exp z."""
        if self._seen_next is None or self._seen_next[0] != path:
            return None
        _, ids, logits = self._seen_next
        found = np.flatnonzero(ids == chosen)
        if not len(found):
            return None
        z = logits.astype(np.float64)
        logprobs = z - z[0] - np.log(np.exp(z - z[0]).sum())
        p = np.exp(logprobs)
        k = min(self.alternatives, len(ids))
        return {
            "id": np.int32(chosen),
            "logprob": np.float32(logprobs[found[0]]),
            "rank": np.int32(found[0]),
            "entropy": np.float32(-(p[p > 0] * np.log2(p[p > 0])).sum()),
            "alt_id": ids[:k].astype(np.int32),
            "alt_logprob": logprobs[:k].astype(np.float32),
            "alt_sampled": np.full(k, np.nan, np.float32),
        }
