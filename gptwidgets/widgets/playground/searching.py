"""Beam search as the page shows it: each step's beams, kept and dropped, and the best one's tokens."""

from __future__ import annotations

from itertools import pairwise
from typing import Any


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
