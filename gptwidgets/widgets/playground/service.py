"""What the browser asks of a playground. Nothing here runs a model: it starts a job, or answers at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gptwidgets.kernel.worker import CancelToken
from gptwidgets.widgets.columns import pack
from gptwidgets.widgets.playground import engine as engines
from gptwidgets.widgets.playground.branching import Branching
from gptwidgets.widgets.playground.reach import ranks
from gptwidgets.widgets.playground.story import ids_in, told_again
from gptwidgets.widgets.playground.tokens import TokenColumns
from gptwidgets.widgets.playground.tree import Node
from gptwidgets.widgets.progress import throttled
from gptwidgets.widgets.values import whole
from gptwidgets.widgets.wire import VERSION, Handler, Reply, Steps, Task

LOOK = 10  # priority: goes between two tokens of a run
ASKED = 10_000  # pieces at a time
REMOTE = 20  # next tokens that engines elsewhere tell
TOTALS = ("log_likelihood_nats", "perplexity_per_token", "bits_per_byte", "tokens", "bytes")


class Service(Branching):
    """The requests of the page."""

    def __init__(self, gpt: Any, **options: Any) -> None:
        self._jobs: set[CancelToken] = set()  # long jobs that are no runs: scores, sweeps
        super().__init__(gpt, **options)

    def _requests(self) -> dict[str, Handler]:
        return {
            "hello": self._on_hello,
            "run": lambda _request, _: Reply({"run": self.run().id}),
            "continue": lambda request, _: Reply({"run": self.go_on(self._asked(request, "leaf")).id}),
            "branch": self._on_branch,
            "stop": self._on_stop,
            "edit": self._on_edit,
            "undo": lambda _request, _: Reply({"undone": self.undo()}),
            "clear": self._on_clear,
            "prune": self._on_prune,
            "name": self._on_name,
            "next": self._on_next,
            "pieces": self._on_pieces,
            "score": self._on_score,
            "beams": lambda request, _: Reply({"steps": list(self.nodes[request["node"]].beams)}),
            "story": self._on_story,
        }

    def stop(self) -> None:
        """Stops everything: runs, those that wait, scores, sweeps. What was written stays."""
        for token in list(self._jobs):
            token.cancel()
        self.halt()
        self._wire.cancel_all()

    def _asked(self, request: dict[str, Any], name: str) -> str | None:
        """A node's name, which a page may leave out."""
        found = request.get(name)
        if found is not None and not isinstance(found, str):
            raise TypeError(f"'{name}' is a node's name, not {found!r}.")
        return found

    # At once

    def _on_hello(self, _request: dict[str, Any], _buffers: Any) -> Reply:
        self._front_end_answers()
        return Reply({"version": VERSION, "seq": self._wire.seq})

    def _front_end_answers(self) -> None:
        """A page is there."""

    def _on_stop(self, _request: dict[str, Any], _buffers: Any) -> Reply:
        self.stop()
        return Reply()

    def _on_clear(self, _request: dict[str, Any], _buffers: Any) -> Reply:
        self.clear()
        return Reply()

    def _on_prune(self, request: dict[str, Any], _buffers: Any) -> Reply:
        pruned = request.get("pruned", True)
        if not isinstance(pruned, bool):
            raise TypeError(f"'pruned' is true or false, not {pruned!r}.")
        self.prune(self._asked(request, "node"), pruned=pruned)
        return Reply()

    def _on_name(self, request: dict[str, Any], _buffers: Any) -> Reply:
        self.rename(request["name"], self._asked(request, "node"))
        return Reply()

    def _on_branch(self, request: dict[str, Any], _buffers: Any) -> Reply:
        token = request["token"]
        chosen = token if isinstance(token, str) else whole(token, "A token")
        return Reply({"run": self.branch(request["at"], chosen, self._asked(request, "node")).id})

    def _on_pieces(self, request: dict[str, Any], _buffers: Any) -> Reply:
        ids = request["ids"]
        if not isinstance(ids, list) or len(ids) > ASKED:
            raise ValueError(f"Pieces are asked for as a list of at most {ASKED:,} ids.")
        return Reply({"pieces": self._vocabulary.some(whole(id_, "An id") for id_ in ids)})

    def _on_story(self, request: dict[str, Any], _buffers: Any) -> Reply:
        seq = self._wire.seq  # before reading: what comes meanwhile comes again as an event
        content, buffers = told_again(self.nodes, self._vocabulary, request.get("since") or {})
        return Reply({**content, "leaf": self.leaf, "figures": dict(self._figures), "seq": seq}, buffers)

    # On the model's thread

    def _on_edit(self, request: dict[str, Any], _buffers: Any) -> Task:
        start, end, text, node = request["at"], request["end"], request["text"], self._asked(request, "node")
        scored = request.get("scored") is True

        def steps() -> Steps:
            yield None
            return Reply({"node": self.edit(start, end, text, node, scored=scored).id})

        return Task(steps, self._gpt._model_worker, LOOK)

    def _on_next(self, request: dict[str, Any], _buffers: Sequence[memoryview]) -> Task:
        """The distribution of the next token, sorted, so that the page can apply the rules itself."""
        name, at = self._asked(request, "node"), request.get("at")
        changed = self.intervention

        def steps() -> Steps:
            yield None
            node = self._root(self.source, draft=True) if not name else self.nodes[name]
            end = self.nodes.length(node) if at is None else self._place(node, at)
            if node.kind == "prompt":
                self._say(tree=self._tree_told())
            with self._felt(changed):
                return self._next(node, end)

        return Task(steps, self._gpt._model_worker, LOOK)

    def _next(self, node: Node, end: int) -> Reply:
        path = self.nodes.ids(node, end)
        if "logits" in self._gpt.can:
            logits = np.asarray(self._gpt.next_logits(path), np.float32)  # (V,)
            order = np.argsort(-logits, kind="stable")
            ids, logits = order, logits[order]
        else:
            engines.needs(self._gpt, "alternatives")
            frame = self._gpt.next_token(self._prompt(node, end, TokenColumns()), k=REMOTE)
            given = frame["id"].tolist() if "id" in frame else [-1] * len(frame)
            ids = np.array(
                [self._vocabulary.put(int(i), str(p)) for i, p in zip(given, frame["token"], strict=True)]
            )
            logits = frame["logprob"].to_numpy(np.float32)
        self._seen_next = (path, ids, logits)
        spec, data = pack({"id": ids, "logit": logits, "seen": np.unique(path)})
        partial = "logits" not in self._gpt.can
        near = ids if partial else ids[ranks(logits, self.temperature)]
        pieces = self._vocabulary.some(near.tolist())
        content = {"node": node.id, "at": end, "columns": spec, "pieces": pieces, "partial": partial}
        return Reply(content, [data])

    def _on_score(self, request: dict[str, Any], _buffers: Any) -> Task:
        """How probable a text is, token by token."""
        text = request["text"]
        if not isinstance(text, str):
            raise TypeError("A text is scored.")
        engines.needs(self._gpt, "score")
        token = CancelToken()
        self._jobs.add(token)

        def steps() -> Steps:
            try:
                yield None
                tell = throttled(lambda progress: self._say(progress=progress))
                return self._scored(text, self._gpt.score(text, progress=tell, cancel=token))
            finally:
                self._jobs.discard(token)
                self._say(progress={})

        return Task(steps, self._gpt._model_worker, token=token)

    def _scored(self, text: str, frame: Any) -> Reply:
        ids = [
            self._vocabulary.put(int(id_), str(piece))
            for id_, piece in zip(frame["id"], frame["token"], strict=True)
        ]
        if "ids" in self._gpt.can:
            tokens = self._vocabulary.tokens(ids, text)
        else:
            tokens = TokenColumns.of(ids, [str(piece) for piece in frame["token"]])
        columns = tokens.columns()
        for name in ("logprob", "entropy"):
            columns[name] = frame[name].to_numpy(np.float32)
        columns["rank"] = frame["rank"].fillna(-1).to_numpy(np.int32)
        spec, data = pack(columns)
        totals = {name: frame.attrs.get(name) for name in TOTALS}
        texts = [part.encode("utf-8", "replace").decode() for part in tokens.texts]
        pieces = self._vocabulary.some(ids_in(columns))
        return Reply({"columns": spec, "texts": texts, "pieces": pieces, "totals": totals}, [data])
