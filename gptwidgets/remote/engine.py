"""A model that is served elsewhere, as far as it can be asked what a GPT in this kernel is asked."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from gptwidgets.errors import ClosedError, TextError
from gptwidgets.kernel.generation import Generation, finished
from gptwidgets.kernel.sampling import Sampling, _whole, checked_sampling
from gptwidgets.kernel.worker import CancelToken, Progress, Report, Worker
from gptwidgets.remote import prompts, scoring
from gptwidgets.remote.absent import Absent
from gptwidgets.remote.asking import CHAT, COMPLETIONS, Endpoint, run
from gptwidgets.remote.client import Client
from gptwidgets.remote.pump import waited
from gptwidgets.remote.reading import Pieces
from gptwidgets.remote.sentences import sentence

if TYPE_CHECKING:
    import pandas as pd

    from gptwidgets.remote.stream import RemoteStream

MOST_SEQUENCES = 256


class RemoteGPT(Absent):
    """A GPT behind an OpenAI-compatible API. Made by `gw.connect`.

    Attributes:
        name: what to call it.
        model: how the server knows it.
        url: of the API.
        keyed: what scripts have to say of the key: "key" where the server was given one, "dummy" where it
            wants none, "own" for OpenAI itself, whose client finds it by itself.
        device: where the server is.
        dtype: "", since servers do not tell.
        context_length: how many tokens it reads at once; None where the server does not tell.
        notes: sentences about what is not as with a GPT in this kernel.
        last: what the last `generate` wrote, also where it was interrupted.

    Example:
        >>> gpt = gw.connect("http://127.0.0.1:8000/v1")                    # doctest: +SKIP
        >>> gpt.generate("Once upon a time", gw.Sampling(seed=0)).text      # doctest: +SKIP
        >>> gw.Playground(gpt)                                              # doctest: +SKIP
    """

    dtype = ""
    again = "connect again with gw.connect(…)"  # what to do once it was closed
    last: Generation | None = None

    def __init__(
        self,
        client: Client,
        model: str,
        endpoints: Sequence[Endpoint],
        *,
        context_length: int | None = None,
        spell: Callable[[int], str | None],
        notes: Sequence[str] = (),
    ) -> None:
        """Takes what was found out by `gw.connect`."""
        self.name, self.model, self.device = model, model, client.host
        self.context_length = context_length
        self.notes = list(notes)
        self.url, self.keyed = client.url, client.keyed
        self._client = client
        self._endpoints = {endpoint.path: endpoint for endpoint in endpoints}
        self._pieces = Pieces(spell)
        self._model_worker = Worker(f"{self.name} at {self.device}")
        self._on_close: list[Callable[[], Callable[[], object] | None]] = []
        self._streams: weakref.WeakSet[RemoteStream] = weakref.WeakSet()
        self._closed = False

    # -- what it is ------------------------------------------------------------------------------

    @property
    def can(self) -> frozenset[str]:
        """What may be asked of it: some of "alternatives", "chat", "n", "score", "seed", "text"."""
        ends = self._endpoints.values()
        found = {
            "alternatives": any(end.most for end in ends),
            "chat": CHAT in self._endpoints,
            "n": any(end.n for end in ends),
            "score": any(end.echo for end in ends),
            "seed": any(end.seed for end in ends),
            "text": COMPLETIONS in self._endpoints,
        }
        return frozenset(what for what, there in found.items() if there)

    def cannot(self, what: str) -> str:
        """Why something is not in `can`, in a sentence; "" for what is."""
        return "" if what in self.can else sentence(what, self.name, self.device)

    @property
    def closed(self) -> bool:
        """True once `close()` was called."""
        return self._closed

    def __repr__(self) -> str:
        if self._closed:
            return f"RemoteGPT {self.name}: closed"
        gives = ", ".join(sorted(self.can)) or "text alone"
        said = "".join(f"; {note}" for note in self.notes)
        return f"RemoteGPT {self.name} at {self.device}: gives {gives}{said}"

    # -- what it writes --------------------------------------------------------------------------

    def stream(
        self,
        prompt: Any,
        sampling: Sampling | None = None,
        *,
        n: int = 1,
        k: int = 10,
        cancel: CancelToken | None = None,
        reuse: bool = True,
    ) -> RemoteStream:
        """Writes on from a prompt, token by token; see `GPT.stream`.

        Args:
            prompt: a text, or chat messages, which are answered.
            sampling: how tokens are chosen; `gw.Sampling()` by default.
            n: how many sequences.
            k: how many alternatives to tell of each token; servers have limits of their own, mostly 20 or 5.
            cancel: a token that stops the run from another thread, at once.
            reuse: servers do as they like.

        Returns:
            An iterator of Steps. Closing it ends the run. Errors of the server come with its first step.

        Raises:
            TextError: nothing to read, ids, or a kind of prompt that this server does not take.
            ValueError, TypeError: settings that cannot be.
            ClosedError: after `close()`.
        """
        from gptwidgets.remote.stream import RemoteStream

        del reuse
        endpoint, checked, settings, n = self._run(prompt, sampling, n)
        k = _whole("k", k, 0)
        stream = RemoteStream(self, endpoint, checked, settings, n=n, k=k, cancel=_token_of(cancel))
        self._streams.add(stream)
        return stream

    def generate(
        self,
        prompt: Any,
        sampling: Sampling | None = None,
        *,
        n: int = 1,
        k: int = 10,
        cancel: CancelToken | None = None,
        progress: Progress | None = None,
        reuse: bool = True,
    ) -> Generation:
        """Writes on from a prompt, and returns when it is done; see `stream`.

        Returns:
            What was written. Where Ctrl-C or an error interrupted it, `last` has it.
        """
        return finished(self, self.stream(prompt, sampling, n=n, k=k, cancel=cancel, reuse=reuse), progress)

    def request(
        self, prompt: Any, sampling: Sampling | None = None, *, n: int = 1
    ) -> tuple[str, dict[str, Any]]:
        """What the server is asked for a text: the path below `url`, and the body, in its own words.

        Args:
            prompt: see `stream`, as for the rest.
            sampling: how tokens are chosen.
            n: how many sequences.

        Returns:
            The path, and the body as JSON. Without log-probabilities, which change no text.
        """
        endpoint, checked, settings, n = self._run(prompt, sampling, n)
        bare = replace(endpoint, most=0)
        return endpoint.path, run(bare, self.model, checked, settings, n=n, k=0, newer=self._client.own)

    def next_token(self, prompt: Any, k: int = 20) -> pd.DataFrame:
        """The most probable next tokens, most probable first, before any rule.

        Args:
            prompt: a text, or chat messages.
            k: how many; at most as many as the server tells.

        Returns:
            Columns token, id (-1: not told), prob, logprob (natural logarithm).
        """
        import numpy as np
        import pandas as pd

        endpoint, _ = self._prompt(prompt)
        if not endpoint.most:
            raise TextError(sentence("alternatives", self.name, self.device))
        stream = self.stream(prompt, Sampling(max_new_tokens=1), k=_whole("k", k, 1))
        try:
            token = next((step.tokens[0] for step in stream), None)
        finally:
            stream.close()
        if token is None or not token.alternatives.ids:
            raise self._client.nonsense("a token without alternatives")
        some = token.alternatives
        return pd.DataFrame(
            {"token": some.pieces, "id": some.ids, "prob": np.exp(some.logprobs), "logprob": some.logprobs}
        )

    def score(
        self, text: Any, *, progress: Progress | None = None, cancel: CancelToken | None = None
    ) -> pd.DataFrame:
        """How probable the model finds each token of a text; see `GPT.score`.

        Args:
            text: a text.
            progress: called when it is done: servers do not say how far they are.
            cancel: a token that stops the waiting from another thread.

        Returns:
            As `GPT.score`; ranks only within the best tokens that the server tells (-1 beyond), no entropy.
        """
        if "score" not in self.can:
            raise TextError(self.cannot("score"))
        if not isinstance(text, str):
            raise TextError(sentence("ids", self.name, self.device))
        endpoint, checked = self._prompt(text)
        body = scoring.body(endpoint, self.model, checked)
        answer = waited(lambda: self._client.ask(COMPLETIONS, body), _token_of(cancel), f"{self.name} score")
        tokens = scoring.prompt_tokens(self._client, answer)
        if progress is not None:
            progress(Report("scoring", len(tokens), len(tokens), "tokens"))
        return scoring.table(tokens, text, self._pieces, endpoint.most)

    # -- ending ----------------------------------------------------------------------------------

    def on_close(self, callback: Callable[[], object]) -> None:
        """Calls `callback()` when this connection is closed. Bound methods are held weakly."""
        bound = hasattr(callback, "__self__") and not isinstance(callback, type(len))
        self._on_close.append(weakref.WeakMethod(callback) if bound else lambda: callback)  # type: ignore[arg-type]

    def close(self) -> None:
        """Stops what is running, and ends the connections. Closing twice does nothing."""
        if self._closed:
            return
        self._closed = True
        for stream in list(self._streams):
            stream._abort()
        self._model_worker.close()
        self._pieces.close()
        self._client.close()
        for reference in self._on_close:
            callback = reference()
            if callback is not None:
                callback()
        self._on_close.clear()

    def __reduce__(self) -> str:
        raise TypeError("A connection can be neither copied nor pickled: share this one, or connect again.")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- prompts ---------------------------------------------------------------------------------

    def _run(self, prompt: Any, sampling: Any, n: Any) -> tuple[Endpoint, Any, Sampling, int]:
        """The way to ask for a run, its checked prompt, settings and number of sequences."""
        settings = checked_sampling(sampling)
        if settings.beams > 1:
            raise TextError(self.cannot("beams"))
        endpoint, checked = self._prompt(prompt)
        n = _whole("n", n, 1, MOST_SEQUENCES)
        if n > 1 and not endpoint.n:
            raise TextError(sentence("n", self.name, self.device))
        return endpoint, checked, settings, n

    def _prompt(self, prompt: Any) -> tuple[Endpoint, Any]:
        """The way to ask, and a checked prompt."""
        if self._closed:
            raise ClosedError(f"{self.name} is closed; {self.again}.")
        path, checked = prompts.checked(prompt, self.cannot("ids"))
        endpoint = self._endpoints.get(path)
        if endpoint is None:
            raise TextError(sentence("chat" if path == CHAT else "text", self.name, self.device))
        return endpoint, checked


def _token_of(cancel: Any) -> CancelToken | None:
    if cancel is not None and not isinstance(cancel, CancelToken):
        raise TypeError(f"cancel must be a CancelToken, not {type(cancel).__name__}.")
    return cancel
