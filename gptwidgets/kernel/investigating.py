"""What a GPT is asked about itself: what its layers would say, what carries what, what a change does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from gptwidgets.kernel.asking import token_of
from gptwidgets.kernel.progress import progress_bar
from gptwidgets.kernel.writing import Writing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gptwidgets.kernel.lens import Lens
    from gptwidgets.kernel.pieces import Tokens
    from gptwidgets.kernel.worker import CancelToken, Progress


class Investigating(Writing):
    """The part of a GPT that looks for causes; see `GPT`."""

    def logit_lens(
        self,
        text: Any,
        *,
        k: int = 5,
        layers: Iterable[int] | None = None,
        progress: Progress | Literal[False] | None = None,
        cancel: CancelToken | None = None,
    ) -> Lens:
        """What the model would say if it stopped after each of its layers (nostalgebraist 2020).

        Args:
            text: whatever `encode` takes.
            k: how many of the most probable tokens of each place.
            layers: after how many layers to look: 0 (the embedding alone) to `n_layers` (the output); all by
                default.
            progress: called with each Report; by default a bar that appears after a second; False for none.
            cancel: a token that stops it from another thread.

        Returns:
            The lens: `.table()`, `.figure()`, and arrays [layers, tokens, k]. Its last row is the model's own
            output; see `gptwidgets.kernel.lens` for what the other rows are and are not.

        Raises:
            TextError, IndexError, OutOfMemory, Cancelled, ClosedError: as the words say.

        Example:
            >>> gpt.logit_lens("The capital of France is").table(-1)        # doctest: +SKIP
        """
        from gptwidgets.kernel.lens import logit_lens

        ids, stop = self._prompt(text, reply=False), token_of(cancel)
        tokens = self._tokens(ids, text if isinstance(text, str) else None)
        with progress_bar(progress) as show:
            return logit_lens(self, ids, tokens, k=k, layers=layers, progress=show, cancel=stop)

    def _tokens(self, ids: list[int], text: str | None = None) -> Tokens:
        """Ids as people read them; as they are where there is no tokenizer."""
        from gptwidgets.kernel import pieces

        if self._tokenizer is None:
            return pieces.Tokens(ids, [b""] * len(ids), [f"⟨id {i}⟩" for i in ids])
        with self._tokenizer_lock:
            return pieces.tokens(self._tokenizer, ids, text=text)
