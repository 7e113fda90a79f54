"""What a GPT is asked about itself: what its layers would say, what carries what, what a change does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from gptwidgets.kernel.asking import token_of
from gptwidgets.kernel.attributing import Attributing
from gptwidgets.kernel.progress import progress_bar

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from gptwidgets.kernel.intervention import Ablation, Intervention
    from gptwidgets.kernel.lens import Lens
    from gptwidgets.kernel.patching import Metric
    from gptwidgets.kernel.pieces import Tokens
    from gptwidgets.kernel.worker import CancelToken, Progress
    from gptwidgets.kernel.writing import Writing


class Investigating(Attributing):
    """The part of a GPT that looks for causes; see `GPT`."""

    def logit_lens(
        self,
        text: Any,
        *,
        k: int = 5,
        layers: Iterable[int] | None = None,
        start: int = 0,
        progress: Progress | Literal[False] | None = None,
        cancel: CancelToken | None = None,
    ) -> Lens:
        """What the model would say if it stopped after each of its layers (nostalgebraist 2020).

        Args:
            text: whatever `encode` takes.
            k: how many of the most probable tokens of each place.
            layers: after how many layers to look: 0 (the embedding alone) to `n_layers` (the output); all by
                default.
            start: the first token to look at, below zero from the end; those before it are only read.
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
            return logit_lens(self, ids, tokens, k=k, layers=layers, start=start, progress=show, cancel=stop)

    def patch(
        self,
        clean: Any,
        corrupted: Any,
        metric: Metric,
        *,
        groups: Any = "heads",
        progress: Progress | Literal[False] | None = None,
        cancel: CancelToken | None = None,
    ) -> pd.DataFrame:
        """Which heads carry what makes a clean text different from a corrupted one: activation patching.

        The corrupted text is read again for each group of heads, and at every token these heads give what
        they gave in the clean text (Meng et al. 2022; for heads Wang et al. 2022):

            restored = (metric(patched) - metric(corrupted)) / (metric(clean) - metric(corrupted))

        Args:
            clean: whatever `encode` takes; chat messages are answered.
            corrupted: the same with another word, of equally many tokens.
            metric: from (gpt, logits [B, V] of the next token) to B numbers, such as `gw.logit_diff(…)`.
            groups: "heads"; "kv", those that share keys and values together; "layers", all of a layer; or
                groups of your own, a list of lists of heads or a dict of them by name.
            progress: called with each Report; by default a bar that appears after a second; False for none.
            cancel: a token that stops it from another thread.

        Returns:
            DataFrame, index (layer, head), (layer, kv_head), layer or group; columns "restored" (0: as the
            corrupted text, 1: as the clean one) and "metric" (in its own unit). In `.attrs`: clean and
            corrupted (the metric of the two), metric and intervention (in words). See
            `gptwidgets.kernel.patching` for what a number says and does not.

        Raises:
            TextError: texts of different lengths, or the same text; a metric's word of several tokens.
            ValueError: the metric is the same for both texts; groups that there are not.
            IndexError: heads that there are not.
            OutOfMemory, Cancelled, ClosedError: as the words say.

        Example:
            >>> clean = "When Mary and John went to the store, John gave a drink to"
            >>> corrupted = "When Mary and John went to the store, Mary gave a drink to"
            >>> gpt.patch(clean, corrupted, gw.logit_diff("Mary", "John"))      # doctest: +SKIP
        """
        from gptwidgets.kernel.patching import patch

        one, other, stop = self._prompt(clean), self._prompt(corrupted), token_of(cancel)
        with progress_bar(progress) as show:
            return patch(self, one, other, metric, groups=groups, progress=show, cancel=stop)

    def compare(
        self,
        text: Any,
        other: Intervention | Writing | None = None,
        *,
        progress: Progress | Literal[False] | None = None,
        cancel: CancelToken | None = None,
    ) -> pd.DataFrame:
        """What a change does to the probability of each token of a text.

        Args:
            text: whatever `encode` takes.
            other: an intervention; by default the one that holds now. It is compared with the untouched
                model. Or another GPT with the same tokenizer; then each is as it is now.
            progress: called with each Report; by default a bar that appears after a second; False for none.
            cancel: a token that stops it from another thread.

        Returns:
            Columns token, id, logprob (nats), changed (likewise, under the change), difference (changed minus
            logprob), rank and rank_changed (0 is the most probable), one row a token. The first has nothing
            before it: nan. In `.attrs`: what (the change in words), unit, log_likelihood and
            log_likelihood_changed (sums, in nats).

        Raises:
            TextError: see `encode`; also two models whose tokens differ in this text.
            OutOfMemory, Cancelled, ClosedError: as the words say.

        Example:
            >>> with gpt.intervene(heads_off=["L18H6"]):                        # doctest: +SKIP
            ...     gpt.compare("Colourless green ideas")["difference"].sum()
        """
        from gptwidgets.kernel.comparing import compare

        ids, stop = self._prompt(text, reply=False), token_of(cancel)
        with progress_bar(progress) as show:
            return compare(self, ids, other, progress=show, cancel=stop)

    def head_effects(
        self,
        text: Any,
        target: str | int | None = None,
        groups: Any = None,
        *,
        ablation: Ablation = "zero",
        progress: Progress | Literal[False] | None = None,
        cancel: CancelToken | None = None,
    ) -> pd.DataFrame:
        """What switching off each head does to the probability of a token, or of the text.

        Nothing below a head's layer is computed again, and the heads of a layer are rows of one batch; each
        number is what a pass under `gpt.intervene` gives.

        Args:
            text: whatever `encode` takes.
            target: what is to be said after the text: a word of one token (with or without a space before
                it, whichever is likelier there) or a token's id. None: the text itself, each token but the
                first.
            groups: heads that are off together: a list of lists of heads, or a dict of them by name, or
                "kv" or "layers" as for `patch`; by default each head alone.
            ablation: what stands for their outputs, "zero", "mean" or "resample"; see `intervene`.
            progress: called with each Report; by default a bar that appears after a second; False for none.
            cancel: a token that stops it from another thread.

        Returns:
            DataFrame, index (layer, head) or group; columns "logprob" (nats, with these heads off) and
            "effect" (the same minus untouched; below zero the heads spoke for it). In `.attrs`: untouched,
            unit, of (the target, or "the text"), ablation, intervention (what was changed already). The
            largest effects are often early heads that much else depends on: see `effect_control`.

        Raises:
            IndexError, TypeError, ValueError: heads that there are not.
            TextError: see `encode`; also a target of several tokens, and a text of one token without target.
            OutOfMemory, Cancelled, ClosedError: as the words say.

        Example:
            >>> gpt.head_effects("The capital of France is", "Paris").nsmallest(5, "effect")  # doctest: +SKIP
        """
        from gptwidgets.kernel.effects import head_effects

        ids, stop = self._prompt(text, reply=False), token_of(cancel)
        with progress_bar(progress) as show:
            return head_effects(self, ids, target, groups, ablation=ablation, progress=show, cancel=stop)

    def effect_control(
        self,
        text: Any,
        heads: Iterable[Any],
        target: str | int | None = None,
        *,
        n: int = 3,
        seed: int = 0,
        ablation: Ablation = "zero",
        unrelated: Any = None,
        cancel: CancelToken | None = None,
    ) -> pd.DataFrame:
        """An effect beside its controls: as many other heads, and the same heads on an unrelated text.

        Args:
            text: whatever `encode` takes.
            heads: switched off together: (layer, head), or names like "L18H6".
            target: as for `head_effects`. On the unrelated text it is that text's own last token.
            n: how many times as many other heads are drawn, from all layers.
            seed: of the draws; the same seed draws the same heads.
            ablation: as for `head_effects`.
            unrelated: another text, of two tokens or more; by default one that the package ships, of equally
                many tokens.
            cancel: a token that stops it from another thread.

        Returns:
            DataFrame, index group: "these heads", "as many other heads, 1" …, "the same heads, unrelated
            text"; columns heads (their names), untouched and logprob (nats), effect (their difference).

        Raises:
            ValueError: no heads, or more than half of them all.
            IndexError, TypeError, TextError, OutOfMemory, Cancelled, ClosedError: as for `head_effects`.

        Example:
            >>> gpt.effect_control("… greeted Professor Z", ["L18H6", "L17H3"], "orb")        # doctest: +SKIP
        """
        from gptwidgets.kernel.effects import effect_control

        ids = self._prompt(text, reply=False)
        other = None if unrelated is None else self._prompt(unrelated, reply=False)
        stop = token_of(cancel)
        return effect_control(
            self, ids, heads, target, n=n, seed=seed, ablation=ablation, unrelated=other, cancel=stop
        )

    def _tokens(self, ids: list[int], text: str | None = None) -> Tokens:
        """Ids as people read them; as they are where there is no tokenizer."""
        from gptwidgets.kernel import pieces

        if self._tokenizer is None:
            return pieces.Tokens(ids, [b""] * len(ids), [f"⟨id {i}⟩" for i in ids])
        with self._tokenizer_lock:
            return pieces.tokens(self._tokenizer, ids, text=text)
