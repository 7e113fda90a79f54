"""What a GPT does: text to ids, recording what its attention heads look at, and (in `writing`) writing."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Literal

from gptwidgets.kernel import budget
from gptwidgets.kernel import device as devices
from gptwidgets.kernel.encoding import encode
from gptwidgets.kernel.investigating import Investigating
from gptwidgets.kernel.progress import progress_bar
from gptwidgets.kernel.shape import vocabulary_size
from gptwidgets.kernel.worker import CancelToken

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from gptwidgets.kernel.record import AttentionRecord
    from gptwidgets.kernel.worker import Progress


class GPT(Investigating):
    """A decoder-only transformer with its tokenizer, ready to be looked into. Made by `gw.load()`.

    An encoder such as BERT can be looked into, too: all that reads attention is the same; it does not write.

    Attributes:
        name: what it was loaded as.
        why: a sentence: on which device it is, in which arithmetic, and why.
        notes: what one should know about it (where its weights come from, how attention is recorded).
        lock: held while the model runs; whoever calls `gpt.model` from a second thread takes it.
        reader: a worker for reading records, so that hovering never waits behind a forward pass.

    Example:
        >>> import gptwidgets as gw
        >>> with gw.load() as gpt:                              # doctest: +SKIP
        ...     gpt.record("The cat sat on the mat").weights("L18H6")
    """

    def encode(self, text: Any, add_special_tokens: bool | None = None) -> list[int]:
        """Text, chat messages or ids as a checked list of token ids.

        Args:
            text: a string; or chat messages, a list of {"role", "content"} dicts, which go through the
                model's chat template; or ids: a list of ints, a 1-D tensor or array.
            add_special_tokens: whether to put the tokenizer's own tokens (such as BOS) around a string;
                None leaves it to the tokenizer. Messages and ids are taken as they are.

        Returns:
            Token ids, at least one.

        Raises:
            TextError: nothing to read, half characters, ids that do not exist, no chat template.
            TypeError: something else altogether.
            ClosedError: after `close()`.
        """
        vocabulary = vocabulary_size(self.model)
        with self._tokenizer_lock:
            return encode(
                text, self._tokenizer, vocabulary, add_special_tokens=add_special_tokens, name=self.name
            )

    def record(
        self,
        text: Any,
        *,
        layers: Sequence[int] | None = None,
        add_special_tokens: bool | None = None,
        progress: Progress | Literal[False] | None = None,
        cancel: CancelToken | None = None,
    ) -> AttentionRecord:
        """Reads a text once, at full speed, and keeps each layer's queries, keys and values.

        Args:
            text: whatever `encode` takes.
            layers: which layers to keep; all by default.
            add_special_tokens: see `encode`.
            progress: called with each Report; by default a bar that appears after a second; False for none.
            cancel: a token that stops the reading from another thread.

        Returns:
            The record, from which any part of any head can be had exactly.

        Raises:
            TextError: see `encode`; also a text longer than the model's table of positions.
            IndexError: a layer that does not exist.
            OutOfMemory: it did not fit; what was begun has been dropped.
            Cancelled: it was stopped.
            ClosedError: after `close()`.
        """
        stop: Any = cancel
        if stop is not None and not isinstance(stop, CancelToken):
            raise TypeError(f"cancel must be a CancelToken, not {type(stop).__name__}.")
        ids = self.encode(text, add_special_tokens)
        with progress_bar(progress) as show:
            record = self._record(ids, text if isinstance(text, str) else None, layers, show, cancel)
        budget.records.add(record)
        if self.context_length is not None and len(ids) > self.context_length:
            warnings.warn(
                f"{len(ids):,} tokens are more than the {self.context_length:,} that {self.name} was trained "
                "to read; what it does with them says little about how it works.",
                stacklevel=2,
            )
        return record

    def _record(
        self,
        ids: list[int],
        text: str | None = None,
        layers: Sequence[int] | None = None,
        progress: Progress | None = None,
        cancel: CancelToken | None = None,
    ) -> AttentionRecord:
        """One recorded forward pass over checked ids, under the lock; the budget does not know of it."""
        from gptwidgets.kernel import prefill

        tokens = self._tokens(ids, text)
        too_much = (
            f"There is not enough memory to read {len(ids):,} tokens on {self.device}: "
            "take a shorter text, keep fewer layers (layers=[…]), or close other models and records."
        )
        now = self.intervention
        with self._stoppable(cancel) as stop, self.lock, devices.memory_in_words(too_much), self.under(now):
            model, attachment = self._open()  # may have been closed while this waited
            record = prefill.record(
                model,
                attachment,
                ids,
                layers=layers,
                tokens=tokens,
                name=self.name,
                progress=progress,
                cancel=stop,
            )
        record.intervention = now
        if now:
            record.notes.append(f"Recorded with {now.words()}.")
        return record

    def induction_scores(
        self,
        n: int = 64,
        *,
        repeats: int = 4,
        seed: int = 0,
        progress: Progress | None = None,
        cancel: CancelToken | None = None,
    ) -> pd.DataFrame:
        """How much each head is an induction head (Olsson et al. 2022), on random tokens that repeat.

        See `gptwidgets.kernel.induction`. Returns a DataFrame, MultiIndex (layer, head), column "induction".
        """
        from gptwidgets.kernel.induction import induction_scores

        return induction_scores(self, n, repeats=repeats, seed=seed, progress=progress, cancel=cancel)
