"""What is looked for in the store."""

from __future__ import annotations

from dataclasses import dataclass

from gptwidgets.errors import StoreError
from gptwidgets.store import schema

# What can be sorted by, and whether it begins with the highest.
SORTS = {
    "relevance": True,
    "stars": True,
    "parameters": False,
    "memory": False,
    "context": True,
    "tokens_per_second": True,
    "first_token": False,
    "bits_per_byte": False,
    "newest": True,
    "name": False,
}


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is looked for; None leaves a filter out.

    Attributes:
        words: all of them, or the beginnings of them, are in the listing.
        use_case: one of `schema.USE_CASES`.
        language: an ISO 639 code.
        licence: as SPDX.
        publisher: who made it.
        architecture: transformers' model_type.
        max_memory: bytes, for the weights and 1,024 tokens of cache.
        min_memory: bytes; more than that.
        min_parameters: at least so many numbers.
        max_parameters: fewer than so many.
        min_context: tokens.
        installed: on this machine, or not.
        status: of the listing; None for all.
        sort: one of `SORTS`.
        descending: highest first; None for what is usual for this sort.
    """

    words: str = ""
    use_case: str | None = None
    language: str | None = None
    licence: str | None = None
    publisher: str | None = None
    architecture: str | None = None
    max_memory: float | None = None
    min_memory: float | None = None
    min_parameters: float | None = None
    max_parameters: float | None = None
    min_context: int | None = None
    installed: bool | None = None
    status: str | None = "published"
    sort: str = "relevance"
    descending: bool | None = None

    def __post_init__(self) -> None:
        # what no database can hold is in no listing
        words = self.words.encode("utf-8", "ignore").decode().replace("\0", " ")
        object.__setattr__(self, "words", words)
        if self.sort not in SORTS:
            raise StoreError(f'There is no sort "{self.sort}"; take one of {", ".join(SORTS)}.')
        if self.use_case is not None and self.use_case not in schema.USE_CASES:
            raise StoreError(
                f'There is no use case "{self.use_case}"; take one of {", ".join(schema.USE_CASES)}.'
            )
        if self.status is not None and self.status not in schema.STATUSES:
            raise StoreError(f'There is no status "{self.status}"; take one of {", ".join(schema.STATUSES)}.')
