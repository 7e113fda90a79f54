"""Records that are made from records: a rollout over the layers, a difference of two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from gptwidgets.kernel.progress import progress_bar

if TYPE_CHECKING:
    from gptwidgets.kernel.record import AttentionRecord
    from gptwidgets.kernel.worker import CancelToken, Progress


class Deriving:
    """The part of a record that makes others of it; see `AttentionRecord`."""

    def rollout(
        self: Any,
        start: int | None = None,
        residual: float = 0.5,
        *,
        progress: Progress | Literal[False] | None = None,
        cancel: CancelToken | None = None,
    ) -> AttentionRecord:
        """What a token's state is made of, through all layers: attention rollout (Abnar and Zuidema 2020).

        With W_l,h the weights and r the residual, each row divided by its sum:

            A_l = r · I + (1 - r) · mean_h W_l,h,    R = A_last · … · A_start

        Args:
            start: the first layer that counts; the first recorded one by default. Layers that were not
                recorded are passed by.
            residual: the share r of a state that passes a layer by, 0 to 1.
            progress: called with each Report; by default a bar that appears after a second; False for none.
            cancel: a token that stops it from another thread.

        Returns:
            A record with one layer (the last) and one head: R_ij is the share of token j in the state of
            token i, in [0, 1], its rows sum to 1. A share of attention, and no effect.

        Raises:
            DoesNotFitError: for more than 2,048 tokens.
            IndexError: there is no such layer.
            ValueError: for a signed record, or another residual.
            Cancelled: it was stopped.

        Example:
            >>> from gptwidgets.kernel.record import AttentionRecord
            >>> AttentionRecord.from_arrays([[1.0, 0.0], [0.5, 0.5]]).rollout().weights(0, 0, rows=1)
            array([0.25, 0.75], dtype=float32)
        """
        from gptwidgets.kernel.asking import token_of
        from gptwidgets.kernel.rollout import rollout

        with progress_bar(progress) as show:
            return rollout(self, start, residual, progress=show, cancel=token_of(cancel))

    def difference(self: Any, other: AttentionRecord) -> AttentionRecord:
        """This record minus another one, cell by cell, as a signed record.

        Of two texts of equally many tokens, of two models with one tokenizer and equally many heads, or of
        one text with and without an intervention.

        Args:
            other: what is subtracted. Both stay as they are and must be kept open while this one is used.

        Returns:
            A signed record of the layers that both have, w - w' in each cell; tokens that differ are written
            `this|other`. It takes no memory of its own and cannot be saved; save the two.

        Raises:
            ValueError: the texts are of different lengths or tokenizers, the models of different shapes.
            TypeError: `other` is no record.

        Example:
            >>> from gptwidgets.kernel.record import AttentionRecord
            >>> one = AttentionRecord.from_arrays([[1.0, 0.0], [0.5, 0.5]])
            >>> two = AttentionRecord.from_arrays([[1.0, 0.0], [0.25, 0.75]])
            >>> one.difference(two).weights(0, 0, rows=1)
            array([ 0.25, -0.25], dtype=float32)
        """
        from gptwidgets.kernel.difference import difference

        return difference(self, other)
