"""Beam search as the page shows it: each step's beams, kept and dropped, and the best one's tokens."""

from __future__ import annotations

from collections.abc import Generator
from itertools import pairwise
from typing import Any

import numpy as np

from gptwidgets.widgets.playground import engine as engines
from gptwidgets.widgets.playground.plan import Place, Plan
from gptwidgets.widgets.playground.runs import Run, Speed
from gptwidgets.widgets.playground.tokens import TokenColumns
from gptwidgets.widgets.playground.tree import Node
from gptwidgets.widgets.playground.writing import Way, Writing


def beam_told(beam: Any) -> dict[str, Any]:
    """A beam as JSON: ids, token, piece, score, parent, kept, finished."""
    return {
        "ids": [int(id_) for id_ in beam.ids],
        "token": int(beam.id),
        "piece": str(beam.piece).encode("utf-8", "replace").decode(),
        "score": float(beam.score),
        "parent": int(beam.parent),
        "kept": bool(beam.kept),
        "finished": bool(beam.finished),
    }


def best_beam(steps: list[dict[str, Any]], found: list[int] | None = None) -> tuple[list[int], list[float]]:
    """The best beam of a search that has ended, or was stopped.

    Of the beams that finished and those that were kept to the end, the one with the highest mean
    log-probability, as transformers chooses with its default length penalty of 1.

    Args:
        steps: all steps, {index, beams} each.
        found: the ids that the search itself ended with, where it came to its end.

    Returns:
        Its ids, and what each of them added to its score: their log-probabilities.
    """
    if not steps:
        return [], []
    last = steps[-1]["beams"]
    done = [(at, beam) for at, step in enumerate(steps) for beam in step["beams"] if beam["finished"]]
    going = [(len(steps) - 1, beam) for beam in last if beam["kept"] and not beam["finished"]]
    if not done and not going:
        return [], []
    same = [(at, beam) for at, beam in done + going if found is not None and beam["ids"] == found]
    at, best = max(same or done + going, key=lambda found: found[1]["score"] / max(1, len(found[1]["ids"])))
    scores = [best["score"]]
    parent = best["parent"]
    for step in reversed(steps[:at]):
        above = step["beams"][parent]
        scores.append(above["score"])
        parent = above["parent"]
    scores = [0.0, *reversed(scores)]
    return best["ids"], [after - before for before, after in pairwise(scores)]


class Searching(Writing):
    """The part of a playground that searches with beams."""

    def _way(self, plan: Plan) -> Way:
        return self._search if plan.sampling[0].beams > 1 else super()._way(plan)

    def _search(
        self, run: Run, plan: Plan, prompt: Any, place: Place, speed: Speed
    ) -> Generator[None, None, None]:
        """Beam search: each step's beams, and at the end the best one as the node's text."""
        engines.needs(self._gpt, "beams")
        rules = plan.sampling[0]
        with self._felt(run._changed):
            steps = self._gpt.beam_search(prompt, rules, cancel=run._token)
        try:
            node = self._node(plan, place, rules, None)
            self._appear(run, plan, [node])
            while True:
                try:
                    step = next(steps)
                except StopIteration as stop:
                    self._take_best(node, stop.value)
                    break
                told = {"index": step.index, "beams": [beam_told(beam) for beam in step.beams]}
                for beam in step.beams:
                    self._vocabulary.put(beam.id, beam.piece)
                node.beams.append(told)
                used = self.nodes.length(node) + step.index + 1
                self._figures.update(
                    speed.count(1), context_used=used, memory_bytes=engines.memory(self._gpt)
                )
                self._flusher.touch(node, beams=told, figures=dict(self._figures))
                yield
        finally:
            steps.close()
            if run.nodes and run.nodes[0].reason is None:  # stopped on the way: the best one so far
                self._take_best(run.nodes[0], None)

    def _take_best(self, node: Node, found: Any) -> None:
        """The best beam's tokens become the node's; of a search that has ended, with all that is known."""
        ids, logprobs = best_beam(node.beams, None if found is None else list(found.ids))
        tokens = self._vocabulary.tokens(ids)
        if found is not None and "ids" in self._gpt.can:
            tokens = self._scored_columns(self.nodes.ids(node), tokens, node.tokens.k)
        for at, logprob in enumerate(logprobs):
            tokens.set_at(at, logprob=logprob)
        with self.nodes.lock:
            node.tokens.extend(tokens)
        node.reason, node.running = "stopped" if found is None else str(found.reason), False
        self._flusher.touch(node, entry=True)

    def _scored_columns(self, before: list[int], given: TokenColumns, k: int) -> TokenColumns:
        """Tokens that nobody drew, with how probable the model finds each where it stands.

        Args:
            before: the ids that they follow.
            given: the tokens.
            k: how many alternatives of each.
        """
        if not len(given):
            return given
        scores = self._gpt.scores([*before, *given.ids], k=k)
        own = slice(len(before), None)
        columns = {
            "id": scores.ids[own],
            "logprob": scores.logprobs[own],
            "rank": scores.ranks[own],
            "entropy": scores.entropies[own],
            "alt_id": scores.alternatives[own],
            "alt_logprob": scores.alternative_logprobs[own],
            "alt_sampled": np.full_like(scores.alternative_logprobs[own], np.nan),
        }
        return TokenColumns.from_columns(columns, given.texts)
