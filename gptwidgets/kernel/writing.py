"""What a GPT writes: streams, whole texts, and the probabilities of what comes next."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from gptwidgets.kernel.held import Held
from gptwidgets.kernel.sampling import checked_sampling
from gptwidgets.kernel.worker import CancelToken, Progress, Report

if TYPE_CHECKING:
    import pandas as pd

    from gptwidgets.kernel.generation import Generation
    from gptwidgets.kernel.prefix import Prefixes
    from gptwidgets.kernel.sampling import Sampling
    from gptwidgets.kernel.stream import Stream
    from gptwidgets.kernel.vocabulary import Vocabulary

MOST_SEQUENCES = 256


class Writing(Held):
    """The part of a GPT that writes; see `GPT`."""

    last: Generation | None = None

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Its tokens by id as people read them: `gpt.vocabulary[42].piece`."""
        from gptwidgets.kernel.vocabulary import Vocabulary

        return Vocabulary(self._tokenizer)

    @cached_property
    def prefixes(self) -> Prefixes:
        """What its runs have read already."""
        from gptwidgets.kernel.prefix import Prefixes

        made = Prefixes()
        self.on_close(made.close)
        return made

    @cached_property
    def end_ids(self) -> frozenset[int]:
        """The tokens with which it ends a text, as its generation configuration or its tokenizer says."""
        said: Any = getattr(self.model.generation_config, "eos_token_id", None)
        if said is None:
            said = getattr(self._config, "eos_token_id", None)
        if said is None:
            said = getattr(self._tokenizer, "eos_token_id", None)
        return frozenset({said} if isinstance(said, int) else said or ())

    @property
    def can(self) -> frozenset[str]:
        """What may be asked of it, in words such as "ids", "logits", "alternatives", "chat"."""
        can = {"ids", "logits", "alternatives", "score", "beams", "attention", "seed", "n"}
        return frozenset(can | ({"chat"} if getattr(self._tokenizer, "chat_template", None) else set()))

    def cannot(self, what: str) -> str:
        """Why something is not in `can`, in a sentence; "" for what is."""
        if what in self.can:
            return ""
        if what == "chat":
            return f"{self.name} has no chat template: it continues texts."
        return f"{self.name} knows nothing of “{what}”."

    def stream(
        self,
        prompt: Any,
        sampling: Sampling | None = None,
        *,
        n: int = 1,
        k: int = 10,
        cancel: CancelToken | None = None,
        reuse: bool = True,
    ) -> Stream:
        """Writes on from a prompt, token by token.

        Args:
            prompt: whatever `encode` takes; chat messages are answered.
            sampling: how tokens are chosen; `gw.Sampling()` by default.
            n: how many sequences; their seeds are seed, seed + 1, … In float32 on the CPU each is what its
                seed gives alone; elsewhere the same batch gives the same texts.
            k: how many alternatives to tell of each token.
            cancel: a token that stops the run from another thread, within one token.
            reuse: whether to begin with what earlier runs have read already.

        Returns:
            An iterator of Steps, which also knows why each sequence ended and all that was written. Closing
            it ends the run. The model is held for one forward pass at a time.

        Raises:
            TextError: see `encode`; also a prompt that leaves no room in the context.
            ValueError, TypeError: settings that cannot be.
            ClosedError: after `close()`.
        """
        from gptwidgets.kernel.stream import Stream

        settings = checked_sampling(sampling)
        if settings.beams > 1:
            raise ValueError("Beams cannot be streamed as text: use gpt.beam_search(…) or gpt.generate(…).")
        return Stream(
            self,
            self._prompt(prompt),
            settings,
            n=_count("n", n, 1, MOST_SEQUENCES),
            k=_count("k", k, 0, self.vocabulary_size),
            cancel=_token(cancel),
            reuse=bool(reuse),
        )

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
        """Writes on from a prompt, and returns when it is done.

        Args:
            prompt: see `stream`, as for all but:
            sampling: with beams > 1 the best text that a beam search finds.
            n: how many sequences.
            k: how many alternatives of each token.
            cancel: stops it; what was written until then is returned.
            progress: called with a Report after each token.
            reuse: see `stream`.

        Returns:
            What was written. Where Ctrl-C (or the notebook's stop button) interrupted it, `gpt.last` has it.

        Raises:
            See `stream`.

        Example:
            >>> gpt.generate("The capital of France is", gw.Sampling(temperature=0)).text  # doctest: +SKIP
        """
        settings = checked_sampling(sampling)
        stream = self.stream(prompt, settings, n=n, k=k, cancel=cancel, reuse=reuse)
        try:
            for step in stream:
                if progress is not None:
                    progress(Report("writing", step.index + 1, settings.max_new_tokens, "tokens"))
        finally:
            stream.close()
            self.last = stream.generation
        return self.last

    def next_logits(self, prompt: Any, *, reuse: bool = True) -> np.ndarray[Any, np.dtype[np.float32]]:
        """The logits of the token that comes next, before any rule; float32 [V].

        Example:
            >>> gpt.next_logits("Once upon a").argmax()     # doctest: +SKIP
        """
        import torch

        from gptwidgets.kernel import device as devices
        from gptwidgets.kernel.forward import Reader

        ids = self._prompt(prompt)
        reader = Reader(self, reuse=reuse)
        said = f"There is not enough memory to read {len(ids):,} tokens on {self.device}: shorten the text."
        with devices.memory_in_words(said), torch.inference_mode():
            logits = reader.begin(ids)[0].float().cpu().numpy().copy()
            reader.close([ids])
        return logits

    def next_token(self, prompt: Any, k: int = 20, *, reuse: bool = True) -> pd.DataFrame:
        """The k most probable next tokens, most probable first.

        Args:
            prompt: whatever `encode` takes; chat messages are answered.
            k: how many.
            reuse: see `stream`.

        Returns:
            Columns token (as a person reads it), id, prob, logprob (natural logarithm).

        Example:
            >>> gpt.next_token("The cat sat on the", k=3)   # doctest: +SKIP
        """
        import pandas as pd

        z = self.next_logits(prompt, reuse=reuse).astype(np.float64)
        k = min(_count("k", k, 1), len(z))
        best = np.argpartition(-z, k - 1)[:k]
        best = best[np.argsort(-z[best], kind="stable")]
        top = z.max()
        logprobs = z[best] - top - np.log(np.exp(z - top).sum())
        ids = [int(i) for i in best]
        with self._tokenizer_lock:
            self.vocabulary.learn(ids)
        pieces = [self.vocabulary[i].piece for i in ids]
        return pd.DataFrame({"token": pieces, "id": ids, "prob": np.exp(logprobs), "logprob": logprobs})

    @property
    def vocabulary_size(self) -> int:
        """V, how many tokens there are."""
        from gptwidgets.kernel.shape import vocabulary_size

        return vocabulary_size(self.model)

    def _prompt(self, prompt: Any) -> list[int]:
        from gptwidgets.kernel.encoding import encode

        with self._tokenizer_lock:
            return encode(prompt, self._tokenizer, self.vocabulary_size, name=self.name, reply=True)


def _count(name: str, value: Any, low: int, high: int | None = None) -> int:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be a whole number, not {value!r}.")
    if value < low or (high is not None and value > high):
        span = f"at least {low}" + ("" if high is None else f" and at most {high:,}")
        raise ValueError(f"{name} must be {span}, not {value}.")
    return int(value)


def _token(cancel: Any) -> CancelToken | None:
    if cancel is not None and not isinstance(cancel, CancelToken):
        raise TypeError(f"cancel must be a CancelToken, not {type(cancel).__name__}.")
    return cancel
