"""A run on a server: its messages as steps, one token of each sequence at a time."""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from gptwidgets.errors import Cancelled, ClosedError, GPTWidgetsError
from gptwidgets.kernel.generation import Generation, Written
from gptwidgets.kernel.sampling import MAX_SEED, Sampling
from gptwidgets.kernel.step import Step, Token
from gptwidgets.kernel.worker import CancelToken
from gptwidgets.remote import asking
from gptwidgets.remote.chunks import Part, parts
from gptwidgets.remote.failures import RemoteError
from gptwidgets.remote.pump import Pump
from gptwidgets.remote.reading import read

if TYPE_CHECKING:
    from gptwidgets.remote.asking import Endpoint
    from gptwidgets.remote.engine import RemoteGPT


class RemoteStream(Iterator[Step]):
    """The steps of a run on a server. Made by `stream` of what `gw.connect` gives.

    The request is sent with the first step. A message may hold several tokens; where a server tells nothing
    of its tokens, a message's text counts as one.

    Attributes:
        prompt_ids: empty: a server reads texts, and keeps its ids.
        sampling: the settings, with the seed that was drawn where none was given.
        seeds: one a sequence. vLLM gives its sequences seed, seed + 1, …; elsewhere all n belong to the one
            seed of their request, and can be had again only together.
        reasons: why each sequence ended; None while it goes on. "end", "stop", "max_new_tokens", "context",
            "stopped" as of a GPT in this kernel. Where a server does not tell a stop text from the end of a
            text and stop texts were given, it is "stop".
        seconds_to_first: from the beginning of the run to its first token; None before.
    """

    def __init__(
        self,
        gpt: RemoteGPT,
        endpoint: Endpoint,
        prompt: Any,
        sampling: Sampling,
        *,
        n: int,
        k: int,
        cancel: CancelToken | None,
    ) -> None:
        """See `RemoteGPT.stream`; everything is checked."""
        first = sampling.seed if sampling.seed is not None else secrets.randbelow(2**31)
        self.prompt_ids: list[int] = []
        self.sampling = sampling.replace(seed=first)
        apart = endpoint.dialect.each_seed
        self.seeds = [(first + row * apart) % MAX_SEED for row in range(n)]
        self.reasons: list[str | None] = [None] * n
        self.seconds_to_first: float | None = None
        self._gpt = gpt
        self._endpoint = endpoint
        self._k = min(k, endpoint.most)
        self._asked = max(1, self._k)
        self._reply: Any = None
        self._cancel = cancel
        self._body = asking.run(endpoint, gpt.model, prompt, self.sampling, n=n, k=k, newer=gpt._client.own)
        self._pump: Pump | None = None
        self._parts: Iterator[Part] = iter(())
        self._waiting: list[deque[Token]] = [deque() for _ in range(n)]  # came, and were not yet given out
        self._ended: list[str | None] = [None] * n  # as `reasons`, but with tokens still waiting
        self._tokens: list[list[Token]] = [[] for _ in range(n)]
        self._times: list[list[float]] = [[] for _ in range(n)]
        self._counts = [0] * n
        self._index = 0
        self._since: float | None = None

    # -- as an iterator ----------------------------------------------------------------------------

    def __next__(self) -> Step:
        if self.done:
            raise StopIteration
        began = time.perf_counter()
        since = began if self._since is None else self._since
        failed: BaseException | None = None
        try:
            self._fetch()
        except BaseException as error:
            failed = error
        if failed is not None:
            self._finish("stopped")
            if self._gpt.closed and not self._index:
                raise ClosedError(f"{self._gpt.name} was closed meanwhile; {self._gpt.again}.")
            if isinstance(failed, Cancelled) or self._gpt.closed:
                raise StopIteration
            raise failed.with_traceback(None)
        tokens = tuple(waiting.popleft() if waiting else None for waiting in self._waiting)
        self._since = time.perf_counter()
        step = Step(self._index, tokens, (self._since - since) * 1e3)
        for row, token in enumerate(tokens):
            if token is not None:
                self._tokens[row].append(token)
                self._times[row].append(step.milliseconds)
        self._settle()
        if all(token is None for token in tokens):
            raise StopIteration
        if self.seconds_to_first is None:
            self.seconds_to_first = self._since - began
        self._index += 1
        return step

    def close(self) -> None:
        """Ends the run: the connection is broken, and the server stops. Closing twice does nothing."""
        self._finish("stopped")

    def _abort(self) -> None:
        """Wakes whoever waits for the next step, from another thread: the run is over."""
        if self._pump is not None:
            self._pump.close()

    @property
    def done(self) -> bool:
        """Whether every sequence has ended."""
        return all(reason is not None for reason in self.reasons)

    @property
    def generation(self) -> Generation:
        """All that was written so far."""
        written = [
            Written(tokens, "".join(token.text for token in tokens), reason or "stopped", seed, times)
            for tokens, reason, seed, times in zip(
                self._tokens, self.reasons, self.seeds, self._times, strict=True
            )
        ]
        return Generation(self.prompt_ids, written, self.sampling)

    # -- what comes --------------------------------------------------------------------------------

    def _fetch(self) -> None:
        """Reads until each sequence that goes on has a token to give."""
        if self._cancel is not None:
            self._cancel.check()
        if self._gpt.closed:
            raise Cancelled("Stopped before it was finished.")
        if self._pump is None:
            self._pump = Pump(self._open, f"{self._gpt.name} run")
            self._parts = self._flow(self._pump)
        while any(
            not waiting and ended is None for waiting, ended in zip(self._waiting, self._ended, strict=True)
        ):
            part = next(self._parts, None)
            if part is None:
                break
            self._take(part)

    def _open(self) -> Any:
        reply = self._gpt._client.open(self._endpoint.path, self._body)
        self._reply = reply
        return reply

    def _flow(self, pump: Pump) -> Iterator[Part]:
        client = self._gpt._client
        broken: GPTWidgetsError | None = None
        try:
            for message in pump.items(self._cancel):
                yield from self._parts_of(message)
        except RemoteError as error:
            if not getattr(self._reply, "broken", False):
                raise
            broken = error.with_traceback(None)
        if any(ended is None for ended in self._ended):
            if self._reply.broken:
                broken = broken or client.in_words(ConnectionResetError())
                if any(self._counts):
                    raise broken
                raise client.why(self._endpoint.path, self._body, broken)
            if not any(self._counts):
                raise client.nonsense("an answer without a token")
            # no reason: somebody else has ended it, as llama-cpp-python does for the next request
            self._ended = [ended or "stopped" for ended in self._ended]

    def _parts_of(self, message: Any) -> list[Part]:
        try:
            return parts(message)
        except ValueError as error:
            raise self._gpt._client.nonsense(str(error)) from None

    def _take(self, part: Part) -> None:
        row = part.row
        if row >= len(self._ended) or self._ended[row] is not None:
            return  # more than was asked for
        for token in read(part, self._k, self._gpt._pieces, asked=self._asked, as_sampled=self._as_sampled):
            self._waiting[row].append(token)
            self._counts[row] += 1
        if part.reason is not None:
            self._ended[row] = self._reason(part, row)

    @property
    def _as_sampled(self) -> bool:
        """Whether no rule is on, so that the probabilities are the same before and after the rules."""
        mine, off = self.sampling, Sampling()
        same = (mine.temperature, mine.top_p) == (off.temperature, off.top_p) and not asking.uses(mine)
        return same and self._endpoint.rules and self._endpoint.dialect.heeds

    def _reason(self, part: Part, row: int) -> str:
        if part.reason == "length":
            # only where tokens are told are they counted
            told = self._endpoint.most > 0
            return (
                "context" if told and self._counts[row] < self.sampling.max_new_tokens else "max_new_tokens"
            )
        if part.reason in {"abort", "cancelled"}:
            return "stopped"
        if part.stop is not None:
            return "stop"
        unsure = self._endpoint.dialect.engine != "vLLM"
        return "stop" if part.reason == "stop" and self.sampling.stop and unsure else "end"

    # -- the end -----------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Sequences whose last token was given out have ended."""
        for row, ended in enumerate(self._ended):
            if ended is not None and not self._waiting[row]:
                self.reasons[row] = ended
        if self.done:
            self._let_go()

    def _finish(self, reason: str) -> None:
        self.reasons = [old or reason for old in self.reasons]
        self._let_go()

    def _let_go(self) -> None:
        if self._pump is not None:
            self._pump.close()
        self._parts = iter(())
        self._body = {}
