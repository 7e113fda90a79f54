"""What a GPT says of its heads' own share: what each adds straight to a word, and how much it writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gptwidgets.kernel.asking import token_of
from gptwidgets.kernel.writing import Writing

if TYPE_CHECKING:
    import pandas as pd

    from gptwidgets.kernel.record import AttentionRecord
    from gptwidgets.kernel.worker import CancelToken, Progress


class Attributing(Writing):
    """The part of a GPT that takes its output apart; see `GPT`."""

    def direct_logits(
        self,
        text: Any,
        target: str | int,
        versus: str | int | None = None,
        *,
        cancel: CancelToken | None = None,
    ) -> pd.DataFrame:
        """What each head adds straight to the logit of a word: direct logit attribution.

            direct(l, h) = norm*(z_lh W_O[h]) · (u_target - u_versus)

        of the last token, with z_lh [dv] the head's output there, W_O[h] [dv, D] its slice of the output
        projection, u [D] a row of the output embedding, and norm* the final norm with the scale that it has
        in this text (Elhage et al. 2021; Wang et al. 2022).

        Args:
            text: whatever `encode` takes.
            target: a word of one token (with or without a space before it, whichever is likelier there) or
                a token's id.
            versus: another, whose logit is taken off: the difference is log(P(target) / P(versus)). None for
                the logit alone, which has no zero of its own: something that all words get is in it, too.
            cancel: a token that stops it from another thread.

        Returns:
            DataFrame, index (layer, head), column "direct" (logits). In `.attrs`: logit (the whole), total
            (of all heads), embedding, mlp (whatever the layers add besides), bias, which add up to it; unit
            ("logits before the soft cap" where the model has one), of, versus, intervention. It counts the
            direct path only; see `gptwidgets.kernel.attribution`.

        Raises:
            TextError: see `encode`; also words of several tokens.
            TypeError: neither words nor ids.
            UnsupportedModelError: the parts do not sum up to the logit, as in layers that do more than add.
            OutOfMemory, Cancelled, ClosedError: as the words say.

        Example:
            >>> text = "When Mary and John went to the store, John gave a drink to"
            >>> gpt.direct_logits(text, "Mary", "John").nlargest(5, "direct")   # doctest: +SKIP
        """
        from gptwidgets.kernel.attribution import direct_logits

        ids, stop = self._prompt(text, reply=False), token_of(cancel)
        return direct_logits(self, ids, target, versus, cancel=stop)

    def value_norms(
        self,
        record: AttentionRecord,
        *,
        progress: Progress | None = None,
        cancel: CancelToken | None = None,
    ) -> pd.DataFrame:
        """How much each head writes into the residual stream, and how much of it is the first token's.

            n_ij = ‖α_ij v_j W_O[h]‖,    norm = mean over queries i ≥ 1 of Σ_j n_ij

        (Kobayashi et al. 2020, "Attention is Not Only a Weight".)

        Args:
            record: a text that this model has read: `gpt.record(…)`.
            progress: called with a Report in each layer.
            cancel: a token that stops it from another thread.

        Returns:
            DataFrame, index (layer, head), columns "norm" and "first" (the share of key 0: beside the score
            "first", the share of the weights, it shows how little heads that rest there take from it). Above
            1,024 tokens from 64 rows; `attrs["sampled"]` says so. A head that is off counts as if it were on.

        Raises:
            TypeError: a record without values.
            ValueError: a record of another model.
            UnsupportedModelError: the model's output projection was not found.
            Cancelled, ClosedError: as the words say.

        Example:
            >>> gpt.value_norms(gpt.record("The cat sat on the mat")).nlargest(3, "norm")   # doctest: +SKIP
        """
        from gptwidgets.kernel.valuenorms import value_norms

        return value_norms(self, record, progress=progress, cancel=token_of(cancel))

    def value_weighted(self, record: AttentionRecord) -> AttentionRecord:
        """What each key adds to what a head writes, cell by cell: ‖α_ij v_j W_O[h]‖, as a record.

        Where `record.stage("value-weighted")` is the length of the weighted value itself, this is its length
        after the output projection, which is what the other layers see (Kobayashi et al. 2020).

        Args:
            record: a text that this model has read.

        Returns:
            A signed record; `.weights()`, `.figure()` and the heatmap take it like any other. It reads from
            the first one: keep that, too.

        Raises:
            TypeError, ValueError, UnsupportedModelError: as for `value_norms`.

        Example:
            >>> gpt.value_weighted(record).weights("L18H6", rows=-1)    # doctest: +SKIP
        """
        from gptwidgets.kernel.valuenorms import value_weighted

        return value_weighted(self, record)
