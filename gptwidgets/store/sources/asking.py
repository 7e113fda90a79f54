"""Asking all sources at once: none waits for another, and what does not answer in time says so."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gptwidgets.errors import GPTWidgetsError
from gptwidgets.store.sources.found import Found, Source

WITHIN = 5.0  # seconds that a search waits for the slowest
_HANGING = threading.BoundedSemaphore(8)  # questions that were given up and still hang


@dataclass(frozen=True)
class Answer:
    """What one source answered.

    Attributes:
        source: its title.
        found: what it found.
        problem: the sentence of why it could not be asked, or None.
    """

    source: str
    found: tuple[Found, ...]
    problem: str | None = None


def ask(
    sources: Sequence[Source], words: str = "", *, limit: int = 50, within: float = WITHIN
) -> list[Answer]:
    """Searches all sources at the same time.

    Args:
        sources: which.
        words: what to search for.
        limit: how many each may find.
        within: seconds to wait at most.

    Returns:
        An answer of each, in the same order.

    Example:
        >>> ask([], "small chat model")
        []
    """
    answered = _all(sources, lambda source: tuple(source.search(words, limit=limit)), within)
    return [
        Answer(
            source.title,
            () if isinstance(answer, str) else answer,
            answer if isinstance(answer, str) else None,
        )
        for source, answer in zip(sources, answered, strict=True)
    ]


def describe(
    sources: Sequence[Source], name: str, *, within: float = WITHIN
) -> tuple[Found | None, tuple[str, ...]]:
    """What the first source that knows a model says of it.

    Returns:
        It, or None; and the sentences of the sources that could not be asked.
    """
    answered = _all(sources, lambda source: source.describe(name), within)
    found = [answer for answer in answered if isinstance(answer, Found)]
    return (found[0] if found else None), tuple(answer for answer in answered if isinstance(answer, str))


def _all(sources: Sequence[Source], question: Callable[[Source], Any], within: float) -> list[Any]:
    """Each source's answer, or a sentence."""
    answers: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
    found: dict[int, Any] = {}

    def one(place: int, source: Source) -> None:
        try:
            answers.put((place, question(source)))
        except GPTWidgetsError as error:
            answers.put((place, str(error)))
        except Exception as error:
            answers.put(
                (place, f"{_upper(source.title)} cannot be searched ({type(error).__name__}: {error}).")
            )
        finally:
            _HANGING.release()

    for place, source in enumerate(sources):
        if not _HANGING.acquire(blocking=False):
            found[place] = f"{_upper(source.title)} has not answered for a while; try again later."
            continue
        threading.Thread(target=one, args=(place, source), name="gptwidgets source", daemon=True).start()
    end = time.monotonic() + within
    while len(found) < len(sources):
        try:
            place, answer = answers.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            break
        found[place] = answer
    late = "{} did not answer within {:g} seconds; what is here and in the catalogue works without it."
    return [found.get(n, late.format(_upper(source.title), within)) for n, source in enumerate(sources)]


def _upper(title: str) -> str:
    return title[:1].upper() + title[1:]
