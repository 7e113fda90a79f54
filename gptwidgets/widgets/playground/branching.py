"""Walking and growing the tree: run, go on, branch, edit; undo, clear, prune, name."""

from __future__ import annotations

import threading
from typing import Any

import traitlets as t

from gptwidgets.errors import TextError
from gptwidgets.kernel.sampling import Sampling
from gptwidgets.widgets.playground import engine as engines
from gptwidgets.widgets.playground.giving import Giving
from gptwidgets.widgets.playground.plan import Plan
from gptwidgets.widgets.playground.runs import Run
from gptwidgets.widgets.playground.settings import SEQUENCES
from gptwidgets.widgets.playground.tokens import TokenColumns
from gptwidgets.widgets.playground.tree import Node
from gptwidgets.widgets.values import Position, whole

NAME = 200  # characters of a node's name, at most


class Branching(Giving):
    """The part of a playground that walks the tree and lets it grow."""

    token = Position(help="The chosen token's position in the shown path, or None.").tag(sync=True)

    def __init__(self, gpt: Any, **options: Any) -> None:
        self._rooting = threading.Lock()
        self._draft: Node | None = None  # a prompt that was looked at and not yet run
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
            TextError: this token cannot be given to a model that is served elsewhere.
        """
        node = self._shown(leaf)
        at = self._place(node, position)
        chosen = token if isinstance(token, str) else whole(token, "A token")
        if not isinstance(chosen, str) and "ids" not in self._gpt.can:
            self._vocabulary.spelt(chosen)  # refused here, not on the model's thread

        def where() -> tuple[Node, int, TokenColumns]:
            return node, at, self._instead(node, at, chosen)

        return self._begin(Plan("branch", where, self._rules(), 1, self.alternatives))

    def edit(
        self, start: int, end: int, text: str, leaf: str | Node | None = None, *, scored: bool = False
    ) -> Node:
        """Puts a text in place of tokens start … end (counted from the beginning of the prompt).

        What follows stays as it was written; nothing runs. Go on with `go_on()`.

        Args:
            start: the first token that is replaced; negative ones count from the end.
            end: the one after the last.
            text: what comes instead; "" takes the tokens out.
            leaf: the node whose path is meant; by default the one that is shown.
            scored: reads the whole once, so that of the text and of all that follows it is known how probable
                the model finds it now.

        Returns:
            The new node, which is shown now; the old one stays as it is.
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
        if scored and "ids" in self._gpt.can:
            own = self._scored_columns(self.nodes.ids(node, start), own, self.alternatives)
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
        if not draft:  # what could come next is asked of a hidden prompt, too
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
