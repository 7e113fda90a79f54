"""What a source says of a model, and what a source is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True)
class Found:
    """A model that a source has; the fields that a listing has, too, are the same.

    Attributes:
        name: what `gw.load` takes.
        title: what a person calls it.
        publisher: who made it, or "".
        summary: one sentence, or "".
        licence: as SPDX or as its publisher calls it; "" where nothing says it.
        origin: "embedded", "machine" or "hub".
        architecture: transformers' model_type, or "".
        parameters: how many numbers it has, or None.
        context_length: tokens it was trained to read at once, or None.
        weight_bytes: the size of its weights, or None.
        dtype: of most numbers, or None.
        source: where its files come from: {"kind": "hub", "repository", "revision"}, {"kind": "wheel", …},
            {"kind": "folder", "path"} or {"kind": "gguf", "path"}.
        revision: the commit or version, or "".
        gated: given only to those who accept its licence.
        languages: ISO 639 codes.
        card: in Markdown, or "" (`describe` has it).
        config: config.json, or None (`describe` has it).
        downloads: how often it was fetched of late, or None.
    """

    name: str
    title: str
    publisher: str
    summary: str
    licence: str
    origin: str
    architecture: str = ""
    parameters: int | None = None
    context_length: int | None = None
    weight_bytes: int | None = None
    dtype: str | None = None
    source: dict[str, Any] = field(default_factory=dict[str, Any])
    revision: str = ""
    gated: bool = False
    languages: tuple[str, ...] = ()
    card: str = ""
    config: dict[str, Any] | None = None
    downloads: int | None = None

    def says(self, words: Sequence[str]) -> bool:
        """True where every word stands in what it says of itself.

        Example:
            >>> found = Found("us/tiny", "Tiny GPT", "us", "", "MIT", "machine", "gpt2")
            >>> found.says(["gpt2", "TINY"]), found.says(["large"])
            (True, False)
        """
        text = f"{self.name} {self.title} {self.publisher} {self.summary} {self.architecture}".casefold()
        return all(word.casefold() in text for word in words)


class Source(Protocol):
    """A place where models are found."""

    @property
    def title(self) -> str:
        """What a sentence calls it: "the Hugging Face Hub"."""
        ...

    def search(self, words: str, *, limit: int = 50) -> list[Found]:
        """The models that these words are about, the best first; all for no words.

        Raises:
            GPTWidgetsError: it cannot be asked just now; the sentence says why.
        """
        ...

    def describe(self, name: str) -> Found | None:
        """All that is known of one model; None where there is no such model here.

        Raises:
            GPTWidgetsError: it cannot be asked just now; the sentence says why.
        """
        ...
