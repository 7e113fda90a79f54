"""What a GPT is asked: what comes next, and how probable a text is."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from gptwidgets.errors import TextError
from gptwidgets.kernel.intervening import Intervening
from gptwidgets.kernel.worker import CancelToken, Progress

if TYPE_CHECKING:
    import pandas as pd

    from gptwidgets.kernel.prefix import Prefixes
    from gptwidgets.kernel.textscore import Scores
    from gptwidgets.kernel.vocabulary import Vocabulary


class Asking(Intervening):
    """The part of a GPT that reads and tells probabilities; see `GPT`."""

    @property
    def can(self) -> frozenset[str]:
        """What may be asked of it, in words such as "ids", "logits", "alternatives", "chat"."""
        if not self.causal:
            return frozenset({"ids", "attention", "interventions", "fill"})
        can = {"text", "ids", "logits", "alternatives", "score", "beams", "attention", "interventions"}
        can |= {"seed", "n"}
        return frozenset(can | ({"chat"} if getattr(self._tokenizer, "chat_template", None) else set()))

    def cannot(self, what: str) -> str:
        """Why something is not in `can`, in a sentence; "" for what is."""
        if what in self.can:
            return ""
        if not self.causal:
            return (
                f"{self.name} reads both ways and does not write; it fills gaps (gpt.fill_mask), and what it "
                "looks at can be seen (gw.AttentionHeatmap)."
            )
        if what == "chat":
            return f"{self.name} has no chat template: it continues texts."
        return f"{self.name} knows nothing of “{what}”."

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
        k = min(count("k", k, 1), len(z))
        best = np.argpartition(-z, k - 1)[:k]
        best = best[np.argsort(-z[best], kind="stable")]
        top = z.max()
        logprobs = z[best] - top - np.log(np.exp(z - top).sum())
        ids = [int(i) for i in best]
        with self._tokenizer_lock:
            self.vocabulary.learn(ids)
        pieces = [self.vocabulary[i].piece for i in ids]
        return pd.DataFrame({"token": pieces, "id": ids, "prob": np.exp(logprobs), "logprob": logprobs})

    def next_logits(self, prompt: Any, *, reuse: bool = True) -> np.ndarray[Any, np.dtype[np.float32]]:
        """The logits of the token that comes next, before any rule; float32 [V].

        Example:
            >>> gpt.next_logits("Once upon a").argmax()     # doctest: +SKIP
        """
        from gptwidgets.kernel.forward import reading

        ids = self._prompt(prompt)
        with reading(self, ids, reuse=reuse) as reader:
            logits = reader.begin(ids)[0].float().cpu().numpy().copy()
            reader.close([ids])
        return logits

    def fill_mask(self, text: Any, k: int = 5) -> pd.DataFrame:
        """What an encoder such as BERT puts into the gaps of a text.

        Args:
            text: a string with the tokenizer's mask token ("[MASK]" for BERT) in each gap; or ids.
            k: how many tokens for each gap.

        Returns:
            DataFrame, MultiIndex (position, rank), columns token, id, prob, logprob (nats).

        Raises:
            TextError: no gap; or a GPT, which writes on and fills nothing.

        Example:
            >>> bert.fill_mask("Paris is the capital of [MASK].")       # doctest: +SKIP
        """
        from gptwidgets.kernel.filling import fill

        return fill(self, text, count("k", k, 1, self.vocabulary_size))

    def score(
        self, text: Any, *, progress: Progress | None = None, cancel: CancelToken | None = None
    ) -> pd.DataFrame:
        """How probable the model finds each token of a text.

        Args:
            text: whatever `encode` takes.
            progress: called with Reports.
            cancel: a token that stops it from another thread.

        Returns:
            Columns token, id, logprob (nats), rank (0 is the most probable), entropy (bits), one row a token.
            The first has nothing before it: nan. In `.attrs`: log_likelihood_nats, perplexity_per_token,
            bits_per_byte, and the tokens and bytes that they count.

        Raises:
            TextError, OutOfMemory, Cancelled, ClosedError: as the words say.

        Example:
            >>> gpt.score("Colourless green ideas").attrs["bits_per_byte"]      # doctest: +SKIP
        """
        return self.scores(text, progress=progress, cancel=cancel).table()

    def scores(
        self, text: Any, *, k: int = 0, progress: Progress | None = None, cancel: CancelToken | None = None
    ) -> Scores:
        """As `score`, in columns, with the k most probable tokens of each place."""
        from gptwidgets.kernel import textscore

        ids = self._prompt(text, reply=False)
        k = count("k", k, 0, self.vocabulary_size)
        return textscore.score(self, ids, k=k, progress=progress, cancel=token_of(cancel))

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Its tokens by id as people read them: `gpt.vocabulary[42].piece`."""
        from gptwidgets.kernel.vocabulary import Vocabulary

        return Vocabulary(self._tokenizer)

    @property
    def vocabulary_size(self) -> int:
        """V, how many tokens there are."""
        from gptwidgets.kernel.shape import vocabulary_size

        return vocabulary_size(self.model)

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

    def _prompt(self, prompt: Any, *, room: bool = False, reply: bool = True) -> list[int]:
        """Checked ids; with `room` such that at least one token more fits into the context."""
        from gptwidgets.kernel.encoding import encode

        if not self.causal:
            raise TextError(self.cannot("text"))
        with self._tokenizer_lock:
            ids = encode(prompt, self._tokenizer, self.vocabulary_size, name=self.name, reply=reply)
        limit = self.context_length
        if room and limit is not None and len(ids) >= limit:
            raise TextError(
                f"The prompt has {len(ids):,} tokens, and {self.name} reads at most {limit:,} "
                "with what it writes: shorten the prompt."
            )
        return ids


def count(name: str, value: Any, low: int, high: int | None = None) -> int:
    """A whole number between `low` and `high`, or an error that says so."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be a whole number, not {value!r}.")
    if value < low or (high is not None and value > high):
        span = f"at least {low}" + ("" if high is None else f" and at most {high:,}")
        raise ValueError(f"{name} must be {span}, not {value}.")
    return int(value)


def token_of(cancel: Any) -> CancelToken | None:
    """A checked `cancel` argument."""
    if cancel is not None and not isinstance(cancel, CancelToken):
        raise TypeError(f"cancel must be a CancelToken, not {type(cancel).__name__}.")
    return cancel
