"""Reading token after token: a model's forward passes over a cache, each under the model's lock."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

import torch

from gptwidgets.errors import ClosedError
from gptwidgets.kernel import device as devices
from gptwidgets.kernel.cache import copy_prefix, new_cache, take_rows
from gptwidgets.kernel.prefill import evaluation

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from torch import Tensor

    from gptwidgets.kernel.asking import Asking
    from gptwidgets.kernel.growing import Growing
    from gptwidgets.kernel.intervention import Intervention
    from gptwidgets.kernel.worker import CancelToken

CHUNK = {"cpu": 512}  # tokens of a pass over a prompt, between two looks at Stop; elsewhere:
LARGE_CHUNK = 4096


class Reader:
    """A text (or several of one length) that a model reads piece by piece.

    All methods run under `torch.inference_mode()` of the caller. Between two of them the model is free for
    others, and clean: all state is in the cache, which is the reader's own.

    Args:
        gpt: who reads.
        cancel: looked at before each pass over a part of the prompt.
        reuse: whether to begin with what an earlier run has read already, and to leave this for a later one.
        intervention: under which it reads; by default the one that holds now.
        growing: a record that is to hold what it reads; None reads unrecorded.
    """

    def __init__(
        self,
        gpt: Asking,
        cancel: CancelToken | None = None,
        *,
        reuse: bool = True,
        intervention: Intervention | None = None,
        growing: Growing | None = None,
    ) -> None:
        self._gpt = gpt
        self._growing = growing
        self._cancel = cancel
        self._reuse = reuse
        self._under = gpt.intervention if intervention is None else intervention
        self._cache: Any = None
        self._trains: bool | None = None
        self._text: Tensor | None = None  # all of it, for the few models that keep no cache

    def begin(self, ids: Sequence[int], n: int = 1) -> Tensor:
        """Reads a prompt.

        Args:
            ids: T of them.
            n: how many sequences go on from it.

        Returns:
            The logits of the next token [n, V], n equal rows.

        Raises:
            Cancelled: it was stopped.
            ClosedError: the model was closed.
        """
        done, growing = 0, self._growing
        if self._reuse:  # of what was read before, a record must have the queries, too
            known = len(ids) if growing is None or growing.reason else growing.length + 1
            self._cache, done = self._gpt.prefixes.take(ids[:known], self._under)
        if growing is not None:
            growing.from_here(done)
        text = torch.tensor([list(ids)], device=self._gpt.device)  # [1, T]
        chunk = CHUNK.get(text.device.type, LARGE_CHUNK)
        logits = None
        for start in range(done, text.shape[1], chunk):
            if self._cancel is not None:
                self._cancel.check()
            logits = self.read(text[:, start : start + chunk])
        assert logits is not None  # noqa: S101 - a prompt has a token, and `take` leaves one to read
        if n > 1:
            self.keep_rows([0] * n)
            logits = logits.expand(n, -1)
        if growing is not None:
            growing.branched()
        return logits

    def read(self, ids: Tensor, last: int = 1) -> Tensor:
        """Reads on.

        Args:
            ids: [B, t], the next tokens of each sequence.
            last: of how many of them the logits are wanted: 1, or 0 for all.

        Returns:
            The logits after the last token [B, V]; with last=0 after each token, [B, t, V].
        """
        new = ids.shape[1]
        if self._text is not None:
            self._text = ids = torch.cat([self._text, ids], -1)
        gpt = self._gpt
        with gpt.lock:
            model: Any = gpt._open()[0]
            if self._cache is None and self._text is None:
                self._cache = new_cache(model)
            keep: dict[str, Any] = {"logits_to_keep": last} if model._supports_logits_to_keep() else {}
            if self._trains is None:  # looked at once: a model has hundreds of modules
                self._trains = any(module.training for module in model.modules())
            still = evaluation(model) if self._trains or model.training else nullcontext()
            watched = nullcontext() if self._growing is None else self._growing.passing(new)
            with still, gpt.under(self._under), watched:
                out = model(input_ids=ids, past_key_values=self._cache, use_cache=True, **keep)
        self._cache = getattr(out, "past_key_values", None)
        if self._cache is None:
            self._text = ids
        return out.logits[:, -1] if last else out.logits[:, -new:]

    def keep_rows(self, rows: list[int]) -> None:
        """Makes row i of the batch what row `rows[i]` was."""
        if self._growing is not None:
            self._growing.rows(rows)
        if self._cache is not None:
            take_rows(self._cache, rows, self._gpt.device)
        if self._text is not None:
            self._text = self._text[rows]

    def leave(self, row: int, text: Sequence[int]) -> None:
        """Keeps what was read of a sequence that has ended for a later run."""
        if self._reuse and self._cache is not None:
            length = int(self._cache.get_seq_length())
            copy = copy_prefix(self._cache, row, length)
            if copy is not None:
                self._gpt.prefixes.put(copy, [text], self._under)

    def close(self, texts: Sequence[Sequence[int]] = ()) -> None:
        """Gives the cache back.

        Args:
            texts: the ids of each row, as far as they are known; what the cache holds of them is then kept
                for a later run.
        """
        cache, self._cache, self._text = self._cache, None, None
        if self._reuse and cache is not None and texts:
            with suppress(ClosedError):
                self._gpt.prefixes.put(cache, texts, self._under)


@contextmanager
def reading(
    gpt: Asking, ids: Sequence[int], cancel: CancelToken | None = None, *, reuse: bool = True
) -> Generator[Reader]:
    """A reader for one text, which holds nothing any more when the block ends, however it ends.

    A notebook keeps the last error with its frames; what a frame still named there would take the memory
    that the next try needs.

    Args:
        gpt: who reads.
        ids: the text, for the error's sentence.
        cancel: see `Reader`.
        reuse: see `Reader`.

    Raises:
        OutOfMemory: instead of what the allocators say; what earlier runs had read is let go, too.
    """
    reader = Reader(gpt, cancel, reuse=reuse)
    said = f"There is not enough memory to read {len(ids):,} tokens on {gpt.device}: shorten the text."
    with devices.memory_in_words(said):
        try:
            with torch.inference_mode():
                yield reader
        except Exception as error:
            if devices.is_out_of_memory(error):
                gpt.prefixes.clear()
            raise
        finally:
            reader.close()
