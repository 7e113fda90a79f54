"""A run: a model writes, one token of each sequence at a time.

The loop is our own, over the model's forward pass and a cache, and not transformers' `custom_generate`. So
the model's lock is held for one forward pass at a time and never across a pause of the reader; the cache is
ours to keep, to cut and to share between branches; nothing of the model's `generation_config` (a temperature,
a penalty) slips in unseen; and a step costs less. That it writes what `model.generate()` writes is tested on
all the architectures that the tests know, and on the default model.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import torch

from gptwidgets.errors import Cancelled, ClosedError
from gptwidgets.kernel import device as devices
from gptwidgets.kernel.choosing import Choice, Chooser
from gptwidgets.kernel.forgetting import forget_frames
from gptwidgets.kernel.forward import Reader
from gptwidgets.kernel.generation import Generation, Written
from gptwidgets.kernel.growing import Growing
from gptwidgets.kernel.sampling import MAX_SEED, Sampling
from gptwidgets.kernel.step import Alternatives, Step, Token
from gptwidgets.kernel.worker import CancelToken
from gptwidgets.kernel.writer import Writer

if TYPE_CHECKING:
    from gptwidgets.kernel.record import AttentionRecord
    from gptwidgets.kernel.writing import Writing


class Stream(Iterator[Step]):
    """The steps of a run, made when they are asked for. Made by `gpt.stream`.

    Attributes:
        prompt_ids: what the model was given.
        sampling: the settings, with the seed that was drawn where none was given.
        seeds: one a sequence: seed, seed + 1, …
        reasons: why each sequence ended; None while it goes on. "end": the model's own end token; "stop": a
            stop text; "max_new_tokens"; "context": no more fits in; "stopped": on request; "memory".
        intervention: under which all of it is written, whatever is switched off or on meanwhile.
        seconds_to_first: from the beginning of the run to its first token; None before.
        growing: the record that grows with it, where one was asked for.

    Example:
        >>> for step in gpt.stream("Once upon a time", gw.Sampling(seed=0)):    # doctest: +SKIP
        ...     print(step.tokens[0].text, end="")
    """

    def __init__(
        self,
        gpt: Writing,
        prompt_ids: list[int],
        sampling: Sampling,
        *,
        n: int = 1,
        k: int = 10,
        cancel: CancelToken | None = None,
        reuse: bool = True,
        record: bool | AttentionRecord = False,
    ) -> None:
        """See `gpt.stream`; `prompt_ids` are checked, and leave room in the context."""
        first = sampling.seed if sampling.seed is not None else secrets.randbelow(2**31)
        self.prompt_ids = prompt_ids
        self.sampling = sampling.replace(seed=first)
        self.seeds = [(first + row) % MAX_SEED for row in range(n)]
        self.reasons: list[str | None] = [None] * n
        self.seconds_to_first: float | None = None
        self._gpt = gpt
        self._cancel = cancel
        self._k = k
        self._reuse = reuse
        self.intervention = gpt.intervention
        self.growing: Growing | None = None
        self._vocabulary = gpt.vocabulary
        self._ends = gpt.end_ids
        self._limit = gpt.context_length
        self._writers = [Writer(sampling.stop) for _ in range(n)]
        self._tokens: list[list[Token]] = [[] for _ in range(n)]
        self._times: list[float] = []
        self._index = 0
        self._rows = list(range(n))  # the sequences that go on; row i of the batch is sequence _rows[i]
        self._batch = self._rows  # the sequences that are in the cache, the last ones to end included
        self._reader: Reader | None = None
        self._chooser: Chooser | None = None
        self._ids: Any = None  # [rows, T] on the device, where the rules read the text
        self._next: Any = None  # [rows, 1], what is read in the next step
        self._since: float | None = None
        if record is not False:
            self.keep_record(None if record is True else record)

    # -- as an iterator ----------------------------------------------------------------------------

    def __next__(self) -> Step:
        if not self._rows:
            if self.growing is not None and self._times:
                self._complete(self.growing)
            raise StopIteration
        if self._cancel is not None and self._cancel.cancelled:
            self._finish("stopped")
            raise StopIteration
        began = time.perf_counter()
        since = began if self._since is None else self._since
        try:
            choices = self._advance()
        except BaseException as error:
            self._failed(error)
            raise StopIteration from None
        tokens = self._write(choices)
        self._since = time.perf_counter()
        if self.seconds_to_first is None:
            self.seconds_to_first = self._since - began
        step = Step(self._index, tokens, (self._since - since) * 1e3)
        self._times.append(step.milliseconds)
        self._index += 1
        if not self._rows:
            self._let_go(keep=True)
        return step

    def close(self) -> None:
        """Ends the run; what was written is kept, the memory given back. Closing twice does nothing."""
        self._finish("stopped")

    @property
    def record(self) -> AttentionRecord:
        """What the attention heads have looked at so far, with `record=True`; at the end of the whole text.

        Raises:
            TypeError: the stream was made without.
            ClosedError: nothing was read yet, or its memory was needed elsewhere.
        """
        if self.growing is None:
            raise TypeError("This stream keeps no record: make it with gpt.stream(…, record=True).")
        return self.growing.record

    def keep_record(self, before: AttentionRecord | None = None) -> Growing:
        """Lets a record grow with the run, as `record=True` does.

        Args:
            before: a record whose first tokens may be the same ones; what is common is taken over.

        Raises:
            ValueError: the run has begun, and what was read is gone.
        """
        if self.growing is None:
            if self._reader is not None or self._times:
                raise ValueError("This run has begun: begin it with gpt.stream(…, record=True).")
            self.growing = Growing(self._gpt, self.intervention, before)
        return self.growing

    @property
    def done(self) -> bool:
        """Whether every sequence has ended."""
        return not self._rows

    @property
    def generation(self) -> Generation:
        """All that was written so far."""
        written: list[Written] = []
        for row, tokens in enumerate(self._tokens):
            text = "".join(token.text for token in tokens) + self._writers[row].left
            reason = self.reasons[row] or "stopped"
            written.append(Written(tokens, text, reason, self.seeds[row], self._times[: len(tokens)]))
        return Generation(self.prompt_ids, written, self.sampling)

    # -- one step ----------------------------------------------------------------------------------

    @torch.inference_mode()
    def _advance(self) -> list[Choice]:
        """One forward pass, the first one over the prompt, and what it chooses."""
        if self._reader is None or self._chooser is None:
            if self.growing is not None:
                self.growing.prompt(self.prompt_ids)
            self._reader = Reader(
                self._gpt,
                self._cancel,
                reuse=self._reuse,
                intervention=self.intervention,
                growing=self.growing,
            )
            logits = self._reader.begin(self.prompt_ids, len(self._rows))
            self._chooser = Chooser(self.sampling, self.seeds, self._k, logits.device)
            if self._chooser.reads_ids:
                self._ids = torch.tensor([self.prompt_ids], device=logits.device).expand(len(self._rows), -1)
        else:
            logits = self._reader.read(self._next)
        chosen, choices = self._chooser.choose(logits, self._ids, self._rows)
        self._next = chosen
        if self._ids is not None:
            self._ids = torch.cat([self._ids, chosen], -1)
        return choices

    def _write(self, choices: list[Choice]) -> tuple[Token | None, ...]:
        """The tokens as they are read; ends the sequences that end with them."""
        tokens: list[Token | None] = [None] * len(self.reasons)
        with self._gpt._tokenizer_lock:
            self._vocabulary.learn(i for choice in choices for i in (choice.id, *choice.alternatives))
        for row, choice in zip(self._rows, choices, strict=True):
            writer = self._writers[row]
            data, piece, special = self._vocabulary[choice.id]
            text = writer.add(data, silent=special)
            self.reasons[row] = self._reason(choice.id, writer)
            if self.reasons[row] is not None:
                text += writer.end()
            token = Token(
                choice.id, data, piece, text, choice.logprob, choice.sampled_logprob, choice.rank,
                choice.entropy,
                Alternatives(
                    choice.alternatives, [self._vocabulary[i].piece for i in choice.alternatives],
                    choice.logprobs, choice.sampled_logprobs,
                ),
            )  # fmt: skip
            self._tokens[row].append(token)
            tokens[row] = token
            if self.growing is not None and row == self.growing.sequence:
                self.growing.wrote(token.id)
        self._drop_ended()
        return tuple(tokens)

    def _reason(self, chosen: int, writer: Writer) -> str | None:
        if chosen in self._ends:
            return "end"
        if writer.stopped:
            return "stop"
        if self._index + 1 >= self.sampling.max_new_tokens:
            return "max_new_tokens"
        if self._limit is not None and len(self.prompt_ids) + self._index + 1 >= self._limit:
            return "context"
        return None

    def _drop_ended(self) -> None:
        """Leaves the sequences that have ended out of the next forward passes."""
        keep = [at for at, row in enumerate(self._rows) if self.reasons[row] is None]
        if len(keep) == len(self._rows):
            return
        before, self._rows = self._rows, [self._rows[at] for at in keep]
        if keep and self._reader is not None:
            self._batch = self._rows
            with torch.inference_mode():
                for at, row in enumerate(before):
                    if self.reasons[row] is not None:
                        self._reader.leave(at, self._text(row))
                self._reader.keep_rows(keep)
                self._next = self._next[keep]
                self._ids = None if self._ids is None else self._ids[keep]

    # -- the end -----------------------------------------------------------------------------------

    def _failed(self, error: BaseException) -> None:
        """Ends the run after an error; returns where the end is the answer, raises where it is not."""
        if devices.is_out_of_memory(error):
            forget_frames(error)  # its frames hold tensors
            self._finish("memory", keep=False)
            self._gpt.prefixes.clear()
            devices.release()
        elif isinstance(error, Cancelled):  # between two parts of the prompt
            self._finish("stopped")
        else:  # in the middle of a forward pass: the layers' caches may differ in length
            self._finish("stopped", keep=False)
            if not (isinstance(error, ClosedError) and self._index):
                raise error

    def _finish(self, reason: str, *, keep: bool = True) -> None:
        for row in self._rows:
            self.reasons[row] = reason
        self._rows = []
        self._let_go(keep=keep)

    def _let_go(self, *, keep: bool) -> None:
        if self.growing is not None:
            self.growing.end()
        if self._reader is not None:
            self._reader.close([self._text(row) for row in self._batch] if keep else ())
        self._reader = self._chooser = self._ids = self._next = None

    def _complete(self, growing: Growing) -> None:
        """The last token is in the text, and no step has read it: once more, for its row."""
        with suppress(ClosedError):
            growing.complete()

    def _text(self, row: int) -> list[int]:
        return [*self.prompt_ids, *(token.id for token in self._tokens[row])]
