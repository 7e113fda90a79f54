"""The embedded catalogue as a source: whoever has the database hands its functions in."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from gptwidgets.store.sources.found import Found


class Embedded:
    """Well-known open GPTs, described by facts that the package ships; works without a network.

    Example:
        >>> gpt2 = Found("gpt2", "GPT-2", "OpenAI", "", "MIT", "embedded")
        >>> source = Embedded(lambda words, limit: [gpt2], {"gpt2": gpt2}.get)
        >>> source.search("gpt")[0].publisher
        'OpenAI'
    """

    title = "the catalogue"

    def __init__(
        self, search: Callable[[str, int], Iterable[Found]], describe: Callable[[str], Found | None]
    ) -> None:
        self._search, self._describe = search, describe

    def search(self, words: str, *, limit: int = 50) -> list[Found]:
        """The listings that these words are about."""
        return list(self._search(words, limit))[:limit]

    def describe(self, name: str) -> Found | None:
        """One listing."""
        return self._describe(name)
