"""Runs on the model's thread: they wait for their turn, write into the tree, and end, well or not."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any, TypeAlias

import traitlets as t

from gptwidgets.errors import Cancelled, ClosedError
from gptwidgets.kernel.sampling import Sampling
from gptwidgets.widgets.base import told
from gptwidgets.widgets.playground import characters
from gptwidgets.widgets.playground import engine as engines
from gptwidgets.widgets.playground.changed import Changed
from gptwidgets.widgets.playground.flusher import Flusher
from gptwidgets.widgets.playground.plan import Place, Plan, begin
from gptwidgets.widgets.playground.runs import Run, Speed, error_told
from gptwidgets.widgets.playground.story import whole_story
from gptwidgets.widgets.playground.tokens import TokenColumns
from gptwidgets.widgets.playground.tree import Node, Tree
from gptwidgets.widgets.playground.vocabulary import Vocabulary
from gptwidgets.widgets.wire import plain

RUN = -1  # priority: a recording on the same thread, or a look at the next token, goes between two tokens


Way: TypeAlias = Callable[[Run, Plan, Any, Place, Speed], Generator[None, None, None]]


class Writing(Changed):
    """The part of a playground that lets the model write."""

    tree = told(t.List(help="All nodes without their tokens, parents before children."))
    leaf = t.Unicode("", help="The node that is shown; empty for the prompt.").tag(sync=True)
    figures = told(
        t.Dict(help="tokens_per_second, first_token_ms, context_used, memory_bytes, queued of the last run.")
    )
    progress = told(t.Dict(help="stage, done, total, unit, seconds_left of a long job; {} without one."))
    story = told(t.Bytes(b"", help="The columns of all nodes' tokens, as story_columns says."))
    story_columns = told(t.Dict(help="Where each node's columns are in `story`, its texts, and the pieces."))

    def __init__(self, gpt: Any, **options: Any) -> None:
        self._gpt = gpt
        self._nodes = Tree()
        self._vocabulary = Vocabulary(gpt)
        self._runs: list[Run] = []  # that have not ended
        self._latest: Run | None = None
        self._count = 0
        self._figures: dict[str, Any] = {}
        self._followers: list[Callable[[Any], object]] = []
        super().__init__(**options)
        self._flusher = Flusher(self.nodes, self._vocabulary, self._tell)

    @property
    def nodes(self) -> Tree:
        """All that was written, as a tree."""
        return self._nodes

    @property
    def followers(self) -> list[Callable[[Any], object]]:
        """Each is called with a run's stream, on the model's thread, before it begins."""
        return self._followers

    def _tell(self, kind: str, content: dict[str, Any], buffers: list[bytes] | None = None) -> None:
        with self._lock:  # events are numbered, and several threads tell them
            self._wire.tell(kind, content, buffers or [])

    # Beginning

    def _begin(self, plan: Plan) -> Run:
        """Puts a run in the queue; returns at once."""
        if self.comm is None:
            raise ClosedError("This playground was closed; make a new one.")
        if self._gpt.closed:
            raise ClosedError(f"{self._gpt.name} is closed; {engines.again(self._gpt)}.")
        with self._lock:
            self._count += 1
            run = self._latest = Run(f"r{self._count}", self._vocabulary)
            run._changed = self.intervention  # as it is now, whatever is switched while the run waits
            self._runs.append(run)
            self._figures["queued"] = self._queued
            self._say(status="running", error={}, figures=dict(self._figures))
        try:
            future = self._gpt._model_worker.submit(
                lambda: self._write(run, plan), priority=RUN, token=run._token
            )
        except ClosedError as error:
            self._over(run, error)
            raise
        run._future = future
        future.add_done_callback(lambda future: self._over(run, future.exception()))
        return run

    @property
    def _queued(self) -> int:
        return sum(not run._begun for run in self._runs)

    def _write(self, run: Run, plan: Plan) -> Generator[None, None, None]:
        """The job: nodes for the sequences, then one step after the other."""
        run._begun = True
        speed = Speed()
        place = begin(self._gpt, self.nodes, *plan.where())
        prompt = self._prompt(place.parent, place.at, place.given)
        yield from self._way(plan)(run, plan, prompt, place, speed)

    def _way(self, plan: Plan) -> Way:
        """How a plan is carried out."""
        del plan
        return self._stream

    def _prompt(self, parent: Node, at: int, given: TokenColumns) -> Any:
        """What the engine is given: ids, or a text where it knows no ids."""
        if "ids" in self._gpt.can:
            return [*self.nodes.ids(parent, at), *given.ids]
        if not isinstance(parent.source, str) and parent.kind == "prompt":
            if len(given) == 0 and at == self.nodes.length(parent):
                return parent.source
            engines.needs(self._gpt, "ids")
        root = self.nodes.segments(parent)[0][0]
        if not isinstance(root.source, str):
            engines.needs(self._gpt, "ids")  # a chat's template is applied elsewhere
        return "".join(self.nodes.texts(parent, at)) + given.text

    def _stream(
        self, run: Run, plan: Plan, prompt: Any, place: Place, speed: Speed
    ) -> Generator[None, None, None]:
        """So many sequences for each set of rules, in step with each other."""
        with contextlib.ExitStack() as ends:
            streams: list[Any] = []
            for rules in plan.sampling:
                if streams and rules.seed is None:
                    rules = rules.replace(seed=streams[0].seeds[0])  # noqa: PLW2901 - the same chance for both
                with self._felt(run._changed):  # a stream keeps what it was made under
                    stream = self._gpt.stream(prompt, rules, n=plan.n, k=plan.k, cancel=run._token)
                ends.callback(stream.close)
                for follow in () if streams else list(self.followers):
                    follow(stream)
                streams.append(stream)
            nodes = [
                [self._node(plan, place, rules, seed) for seed in stream.seeds]
                for rules, stream in zip(plan.sampling, streams, strict=True)
            ]
            self._appear(run, plan, [node for group in nodes for node in group])
            going = list(zip(streams, nodes, strict=True))
            while going:
                for stream, group in list(going):
                    step = next(stream, None)
                    if step is None:
                        going.remove((stream, group))
                    else:
                        self._take(step, group, speed)
                    self._reasons(stream, group)
                yield

    def _take(self, step: Any, group: list[Node], speed: Speed) -> None:
        """One step: each sequence's token into its node."""
        grown = [(node, token) for node, token in zip(group, step.tokens, strict=True) if token is not None]
        for node, token in grown:
            id_, alternatives = self._vocabulary.take(token)
            if node.begun:
                node.begun, text = characters.completed(node.begun, token.bytes, token.text)
                token = replace(token, text=text)  # noqa: PLW2901 - the same token, which says more here
            with self.nodes.lock:
                node.tokens.append(token, id_, step.milliseconds, alternatives)
        figures = speed.count(len(grown))
        figures["context_used"] = max(self.nodes.length(node) for node in group)
        figures["memory_bytes"] = engines.memory(self._gpt)
        self._figures.update(figures)
        self._flusher.touch(*(node for node, _ in grown), figures=dict(self._figures))

    def _reasons(self, stream: Any, group: list[Node]) -> None:
        for node, reason in zip(group, stream.reasons, strict=True):
            if reason is not None and node.reason is None:
                node.reason, node.running = str(reason), False
                self._flusher.touch(node, entry=True)

    def _node(self, plan: Plan, place: Place, rules: Sampling, seed: int | None) -> Node:
        tokens = TokenColumns(plan.k)
        tokens.extend(place.given)
        return self.nodes.add(
            place.parent,
            place.at,
            "written",
            tokens,
            sampling={**rules.to_dict(), "seed": seed},
            seed=seed,
            running=True,
            given=len(place.given),
            begun=place.begun,
        )

    def _appear(self, run: Run, plan: Plan, nodes: list[Node]) -> None:
        """New nodes are shown."""
        for node in nodes:
            node.sequence, node.under = run.id, run._changed.words()
        self.nodes.added(plan.what, nodes, self.leaf)
        run.nodes = nodes
        self._figures = {"queued": self._queued}
        self._flusher.touch(*nodes, entry=True)
        self._say(tree=self._tree_told(), leaf=nodes[0].id, figures=dict(self._figures))

    def _tree_told(self) -> list[dict[str, Any]]:
        return [node.entry() for node in self.nodes]

    # Ending

    def _over(self, run: Run, error: BaseException | None) -> None:
        """A run has ended: its tokens stay, its error is said."""
        if isinstance(error, Cancelled):
            closed = self._gpt.closed or self._gpt._model_worker.closed
            words = f"{self._gpt.name} was closed meanwhile; {engines.again(self._gpt)}."
            error = ClosedError(words) if closed else None
        for node in run.nodes:
            if node.running:
                node.running = False
                node.reason = node.reason or ("stopped" if error is None else "error")
        with self._lock:
            if run in self._runs:
                self._runs.remove(run)
            failed = None if error is None else plain(error)
            self._figures["queued"] = self._queued
            said: dict[str, Any] = {"figures": dict(self._figures), "tree": self._tree_told()}
            if not self._runs:  # one story for all the runs that waited
                said["story"], said["story_columns"] = whole_story(self.nodes, self._vocabulary)
                said["status"] = "closed" if self._gpt.closed else "error" if failed else "ready"
            if failed is not None:
                said["error"] = error_told(failed)
            if self.comm is not None:
                self._say(**said)
        self._flusher.touch(*run.nodes, entry=True)
        run._end(failed)
        if not self._runs:
            self._settled()

    def _settled(self) -> None:
        """What is seen will stay for a while."""

    def _refresh(self, *nodes: Node, **more: Any) -> None:
        """After a change that no run made: the tree, and the story with it."""
        with self._lock:
            if not self._runs:
                more["story"], more["story_columns"] = whole_story(self.nodes, self._vocabulary)
                if not self._gpt.closed:  # whoever changes the text has left an error behind
                    some = any(node.kind != "prompt" for node in self.nodes)
                    more |= {"status": "ready" if some else "empty", "error": {}}
            self._say(tree=self._tree_told(), **more)
        if nodes:
            self._flusher.touch(*nodes, entry=True)
        self._settled()

    def halt(self) -> None:
        """Stops every run of this playground, those that wait, too."""
        for run in reversed(list(self._runs)):  # the waiting ones first, or the next would begin
            run.stop()
