"""A record that grows row by row while a model writes.

A run reads each token over its cache anyway. While something follows, the queries, keys and values of these
passes are copied behind those before them, into buffers whose room doubles, and then the new length is told.
Nothing below it changes any more, so any thread may read there. A branch takes over the rows that it shares
with a record that is there, and those are not read again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gptwidgets.errors import ClosedError
from gptwidgets.kernel import budget, positions
from gptwidgets.kernel.mask import Matrix, mode
from gptwidgets.kernel.record import AttentionRecord
from gptwidgets.kernel.recorder import active
from gptwidgets.kernel.rowwise import Length, Pass
from gptwidgets.kernel.source import LayerQK, QKSource

if TYPE_CHECKING:
    from gptwidgets.kernel.asking import Asking
    from gptwidgets.kernel.intervention import Intervention

ROOM = 64  # tokens at least that a buffer has room for
PARTS = ("q", "k", "v")


class Growing:
    """The record of one sequence of a run, as far as the model has read it. Made by `gpt.stream`.

    Args:
        gpt: who writes.
        intervention: under which.
        before: a record whose first tokens may be the same ones; what is common is copied.

    Attributes:
        sequence: which of the run's sequences is followed; set it before the run begins.
        length: tokens whose rows are there; the newest token is read, and gets its row, a step later.
        ended: whether the run is over; where `length` is less than `written`, `complete()` reads the rest.
        reason: why it does not grow while the run goes on, as a sentence; "" where it does.

    Example:
        >>> stream = gpt.stream("Once upon a time", record=True)   # doctest: +SKIP
        >>> for step in stream:                                    # doctest: +SKIP
        ...     print(stream.record.weights("L18H6", rows=-1))
    """

    def __init__(
        self, gpt: Asking, intervention: Intervention, before: AttentionRecord | None = None
    ) -> None:
        self.sequence = 0
        self.length = 0
        self.reason = ""
        self.ended = False
        self._gpt = gpt
        self._under = intervention
        self._before = before
        self._ids: list[int] = []
        self._prompt = 0  # tokens of the prompt
        self._at: int | None = 0  # the sequence's row of the batch; None once it has ended
        self._start = 0  # the first position of the pass that comes
        self._layers: dict[int, LayerQK] = {}  # whole buffers, with room behind `length`
        self._room = 0
        self._lock = threading.Lock()
        self._record: AttentionRecord | None = None
        self._listeners: list[Callable[[], object]] = []
        self._closed = False
        self._completing = threading.Lock()

    # What can be read

    @property
    def ids(self) -> list[int]:
        """The ids of the tokens whose rows are there."""
        return self._ids[: self.length]

    @property
    def written(self) -> int:
        """Tokens of the text, those that have no row yet, too."""
        return len(self._ids)

    @property
    def record(self) -> AttentionRecord:
        """The record up to now: a view of what is there, which stays as it is while the run goes on.

        Raises:
            ClosedError: there is nothing yet, or its memory was needed elsewhere.
        """
        from gptwidgets.kernel import pieces

        with self._lock:
            if self._record is not None and self._record.length == self.length:
                return self._record
            if self._closed or self.length == 0:
                why = self.reason or "Nothing was read yet, or the record's memory was needed elsewhere."
                raise ClosedError(f"{why} Record the text with gpt.record(ids).")
            n, before = self.length, self._record
            parts = {number: _first(qk, n) for number, qk in self._layers.items()}
            old = before.source if before is not None and not before.closed else None
            source = Length(parts, old if isinstance(old, Length) else None)
            ids, tokenizer = self._ids[:n], self._gpt._tokenizer
        if tokenizer is None:
            tokens = pieces.Tokens(ids, [b""] * n, [f"⟨id {i}⟩" for i in ids])
        else:
            tokens = pieces.tokens(tokenizer, ids)
        notes = [f"Recorded with {self._under.words()}."] if self._under else []
        made = AttentionRecord(source, tokens, name=self._gpt.name, notes=notes, intervention=self._under)
        with self._lock:
            if self._closed:
                made.close()
            else:
                self._record = made
        return made

    @property
    def nbytes(self) -> int:
        """Bytes of the buffers, the room included."""
        return sum(
            part.nbytes for qk in self._layers.values() for part in (qk.q, qk.k, qk.v) if part is not None
        )

    @property
    def closed(self) -> bool:
        """Whether its memory was given back."""
        return self._closed

    def close(self) -> None:
        """Gives the memory back; the run goes on unrecorded."""
        with self._lock:
            self._closed, self._layers, record, self._record = True, {}, self._record, None
        if record is not None:
            record.close()

    def listen(self, callback: Callable[[], object]) -> None:
        """Calls `callback()` on the model's thread whenever rows have come; it must not take time."""
        self._listeners.append(callback)

    def complete(self) -> AttentionRecord:
        """Reads what has no row yet: the last token of a run, or all of it where it could not grow.

        Returns:
            The record of the whole text, in memory of its own size.

        Raises:
            ClosedError: the model is closed.
        """
        from gptwidgets.kernel.forward import Reader

        ids = list(self._ids)
        with self._completing:  # a run's end and whoever follows it may both want it
            if self.reason or self._closed:
                self._record, self.length, self._closed = self.again(), len(ids), False
            elif self.length < len(ids):
                self._at, self._start = 0, 0
                with torch.inference_mode():
                    reader = Reader(self._gpt, intervention=self._under, growing=self)
                    try:
                        reader.begin(ids)
                    finally:
                        reader.close()
            self._compact()
        record = self.record
        self._tell()
        return record

    def again(self, progress: Any = None, cancel: Any = None) -> AttentionRecord:
        """Records the text up to now once more, as the run has read it.

        Args:
            progress: see `gpt.record`.
            cancel: likewise.
        """
        gpt: Any = self._gpt
        with gpt.under(self._under):
            return gpt.record(list(self._ids), progress=progress or False, cancel=cancel)

    def end(self) -> None:
        """The run is over."""
        if not self.ended:
            self.ended = True
            self._tell()

    def _tell(self) -> None:
        for callback in self._listeners:
            callback()

    # What a stream tells

    def prompt(self, ids: Sequence[int]) -> None:
        """The run begins with these."""
        self._ids = list(ids)
        attachment = self._gpt._open()[1]
        if attachment.kind != "interface":
            self.reason = (
                f"{self._gpt.name} gives whole matrices of weights only, so its record does not grow "
                "while it writes; it is made at the end."
            )
        elif not self._closed:
            self._take_over(self._before)
        self._before = None

    def wrote(self, token: int) -> None:
        """The followed sequence has a further token."""
        self._ids.append(token)

    def from_here(self, start: int) -> None:
        """The next pass begins at this token; those before are in the cache."""
        self._start = start

    def rows(self, rows: Sequence[int]) -> None:
        """Row i of the batch is what row `rows[i]` was."""
        self._at = rows.index(self._at) if self._at in rows else None

    def branched(self) -> None:
        """The prompt was read, and each row of the batch is a sequence from here on."""
        self._at = self.sequence

    @contextmanager
    def passing(self, new: int) -> Generator[None]:
        """Keeps one pass of the model, over `new` further tokens; where that fails nothing is kept."""
        if self._at is None or self.reason or self._closed:
            yield
            return
        taken = Pass(self._at, self._start, new)
        before = active.set(taken)
        # as rules for once: of a mask that hides nothing yet one cannot see what it will hide
        lazily = None if self._layers else mode.set("lazy")
        try:
            yield
        finally:
            active.reset(before)
            if lazily is not None:
                mode.reset(lazily)
        self.reason = taken.reason
        if not self.reason:
            self._append(taken.kept, new)
            self._tell()

    # The buffers

    def _append(self, kept: dict[int, LayerQK], new: int) -> None:
        start, stop = self._start, self._start + new
        self._start = stop
        skip = self.length - start  # rows that are there already stay as they are
        if skip >= new or not kept:
            return
        with self._lock:
            if self._closed:
                return
            grown = stop > self._room
            if grown:
                self._room = max(ROOM, stop, 2 * self.length)
            if not self._layers:
                how = positions.of(self._gpt.model)
                for number, qk in kept.items():
                    qk.positions = how.get(number, "")
            for number, qk in kept.items():
                mine = self._layers.get(number)
                if mine is None or grown:
                    mine = self._layers[number] = self._roomier(qk, mine)
                for name in PARTS:
                    part: Tensor | None = getattr(qk, name)
                    if part is not None:
                        getattr(mine, name)[:, self.length : stop] = part[:, skip:] if skip else part
            self.length = stop
        if grown:
            budget.records.add(self)
        else:
            budget.records.touch(self)

    def _roomier(self, like: LayerQK, old: LayerQK | None) -> LayerQK:
        rooms: dict[str, Any] = {}
        with torch.inference_mode(mode=False):  # a tensor of inference could not be written outside of it
            for name in PARTS:
                part: Tensor | None = getattr(like, name)
                rooms[name] = (
                    None if part is None else part.new_empty(part.shape[0], self._room, part.shape[-1])
                )
                if old is not None and part is not None:
                    rooms[name][:, : self.length] = getattr(old, name)[:, : self.length]
        return replace(old or like, **rooms)

    def _take_over(self, before: AttentionRecord | None) -> None:
        """Copies the rows of the first tokens that another record has in common with this text."""
        source = None if before is None or before.closed else before.source
        if before is None or not isinstance(source, QKSource) or before.intervention != self._under:
            return
        wanted = self._ids[:-1]
        same = 0
        for mine, other in zip(wanted, before.tokens.ids, strict=False):
            if mine != other:
                break
            same += 1
        layers = self._gpt._open()[1].layers
        rigid = any(isinstance(qk.rule, Matrix) or qk.bias is not None for qk in source.qk.values())
        if same == 0 or rigid or source.layers != tuple(layers):
            return
        if any(qk.q.shape[0] != self._gpt.n_heads for qk in source.qk.values()):
            return
        self._room, self._start = max(ROOM, 2 * same), 0
        self._append({number: _first(qk, same) for number, qk in source.qk.items()}, same)

    def _compact(self) -> None:
        """Gives the room behind the last row back."""
        with self._lock:
            if not self._layers or self._room <= 1.25 * self.length:  # nothing, or recorded anew as a whole
                return
            self._room = self.length
            self._layers = {number: self._roomier(qk, qk) for number, qk in self._layers.items()}
            record, self._record = self._record, None
        del record
        budget.records.add(self)


def _first(qk: LayerQK, n: int) -> LayerQK:
    """The first n tokens of a layer, as views."""
    return replace(qk, q=qk.q[:, :n], k=qk.k[:, :n], v=None if qk.v is None else qk.v[:, :n])
