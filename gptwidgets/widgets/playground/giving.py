"""What a person puts into a text, as tokens: a word, or another token, with what is known of it there."""

from __future__ import annotations

from typing import Any

import numpy as np

from gptwidgets.widgets.playground.searching import Searching
from gptwidgets.widgets.playground.tokens import TokenColumns
from gptwidgets.widgets.playground.tree import Node


class Giving(Searching):
    """The part of a playground that reads what is given."""

    def __init__(self, gpt: Any, **options: Any) -> None:
        self._seen_next: tuple[list[int], np.ndarray, np.ndarray] | None = None  # path, ids, logits
        super().__init__(gpt, **options)

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
            made = TokenColumns.of([chosen], [self._vocabulary.spelt(chosen)])
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
        if int(there["id"]) == chosen and not np.isnan(there["logprob"]):
            return there
        if not len(found):
            return self._known_next(self.nodes.ids(node, at), chosen)
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
