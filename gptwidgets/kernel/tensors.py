"""A record's numbers under the names that researchers know: patterns, queries, keys, values, outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from gptwidgets.errors import UnknownNameError
from gptwidgets.kernel.cells import Cells, Which, check_size, positions
from gptwidgets.kernel.source import LayerQK, QKSource, Source
from gptwidgets.kernel.stages import NO_VALUES, staged

if TYPE_CHECKING:
    from torch import Tensor

    from gptwidgets.kernel.arithmetic import Arithmetic
    from gptwidgets.kernel.mask import Rule

ROWS = 128  # query rows that an output is computed of at a time


class Tensors:
    """The part of a record that gives whole tensors out; see `AttentionRecord`."""

    n_heads: int
    length: int

    @property
    def source(self) -> Source:
        """Where the weights come from."""
        raise NotImplementedError

    def find(self, layer: Which | str, head: Which | None = None) -> tuple[Which, Which]:
        """Checks a layer and a head."""
        raise NotImplementedError

    def rules(self, layer: Which, head: Which | None = None) -> list[Rule]:
        """The different rules of a layer."""
        raise NotImplementedError

    def __getitem__(self, key: tuple[str, int]) -> Tensor:
        """All heads of a layer under the name that researchers know: `record["pattern", 18]`.

        Returns:
            float32 [head, query, key] on the layer's device.

        Raises:
            DoesNotFitError: where that would be over 1 GiB, with its size.
            UnknownNameError: a KeyError, for another name than "pattern".
        """
        given: Any = key
        if not isinstance(given, tuple) or len(key) != 2 or key[0] != "pattern":
            raise UnknownNameError(f'{key!r} is not in a record; ask for record["pattern", layer].')
        layer, _ = self.find(key[1], 0)
        if isinstance(layer, str):
            raise UnknownNameError(f"A pattern belongs to one layer, not to the {layer} over layers.")
        check_size(self.n_heads * self.length**2 * 4, f"The pattern of layer {layer}")
        whole = range(self.length)
        return self.source.block(layer, range(self.n_heads), whole, whole)

    def query(self, layer: int) -> Tensor:
        """A layer's queries after position encoding, [H, T, d], in the model's dtype and on its device."""
        return self._qk(layer).q

    def key(self, layer: int) -> Tensor:
        """A layer's keys after position encoding, [KV heads, T, d], not repeated for the query heads."""
        return self._qk(layer).k

    def value(self, layer: int) -> Tensor:
        """A layer's values, [KV heads, T, dv], in the model's dtype and on its device.

        Where a model attends with the same weights to two values (diffllama), they stand side by side.

        Raises:
            TypeError: the record was made from arrays of weights, or before values were kept.
        """
        v = self._qk(layer).v
        if v is None:
            raise TypeError(NO_VALUES)
        return v

    def z(self, layer: int, rows: Cells = None) -> Tensor:
        """What each head of a layer gives out before the output projection: the weights times the values.

        Args:
            layer: a real layer number.
            rows: queries: a number, a slice, a sequence of numbers; None for all. One costs one row.

        Returns:
            float32 [H, rows, dv] on the layer's device, [H, dv] for one plain number.

        Raises:
            TypeError: see `value`.
            DoesNotFitError: for an answer of over 1 GiB.

        Example:
            >>> record.z(18, rows=-1)[6]  # what L18H6 gives the last token  # doctest: +SKIP
        """
        v = self.value(layer)
        places, one = positions(rows, self.length)
        check_size(self.n_heads * len(places) * v.shape[-1] * 4, f"The outputs of layer {layer}")
        out = torch.zeros(self.n_heads, len(places), v.shape[-1], device=v.device)
        each = self.n_heads // v.shape[0]
        order = sorted(range(len(places)), key=places.__getitem__)  # a source takes rows in their order
        for start in range(0, len(order), ROWS):
            at = order[start : start + ROWS]
            for group in range(v.shape[0]):
                heads = range(group * each, (group + 1) * each)
                found = self.source.rows(layer, heads, [places[i] for i in at])  # weights [each, r, c]
                values = v[group, found.cols.start : found.cols.stop].float()  # (c, dv)
                out[heads.start : heads.stop, at] = found.weights @ values
        return out[:, 0] if one else out

    def stage(
        self,
        layer: Which | str,
        head: Which | None = None,
        stage: str = "softmax",
        rows: Cells = None,
        cols: Cells = None,
    ) -> np.ndarray[Any, np.dtype[np.float32]]:
        """A head's numbers at one stage on their way to its output.

            "raw"             q_i · k_j, also where a query may not look
            "scaled"          q_i · k_j · scale, likewise
            "masked"          what the softmax is taken of: with soft cap and bias, -inf where masked
            "softmax"         the weights w_ij
            "value-weighted"  ‖w_ij · v_j‖ (Kobayashi et al. 2020, "Attention is Not Only a Weight")

        Args:
            layer: a real layer number, "mean", "max", or a head's name like "L18H6".
            head: a head's number, "mean" or "max".
            stage: one of these five.
            rows: queries, as in `weights`.
            cols: keys, likewise.

        Returns:
            float32 [rows, cols], a dimension less for each plain number.

        Raises:
            UnknownNameError: no such stage.
            TypeError: the record holds no queries and keys, or no values.
            DoesNotFitError: for an answer of over 1 GiB.

        Example:
            >>> record.stage("L18H6", stage="masked", rows=slice(5))  # doctest: +SKIP
        """
        layer, head = self.find(layer, head)
        shown = staged(self, stage, layer, head)  # type: ignore[arg-type]
        numbers = shown.weights(layer, head, rows, cols)
        if stage != "masked":
            return numbers
        return np.where(self._absent(layer, head, rows, cols), np.float32(-np.inf), numbers)

    def arithmetic(
        self, layer: Which | str, head: Which | None = None, *, query: int, key: int
    ) -> Arithmetic:
        """Everything between the vectors of two tokens and a head's output, number by number.

        Args:
            layer: a real layer number, or a head's name like "L18H6".
            head: a head's number.
            query: the token that looks; below zero from the end.
            key: the token that is looked at.

        Returns:
            See `gptwidgets.kernel.arithmetic.Arithmetic`.

        Raises:
            IndexError: where there is no such layer, head or token.
            TypeError: for "mean" and "max", which are made of many heads.

        Example:
            >>> record.arithmetic("L18H6", query=-1, key=3).to_frame()  # doctest: +SKIP
        """
        from gptwidgets.kernel.workings import arithmetic

        return arithmetic(self, layer, head, query=query, key=key)  # type: ignore[arg-type]

    def _absent(
        self, layer: Which, head: Which, rows: Cells, cols: Cells
    ) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which cells are masked, shaped as `weights` shapes them."""
        i, one_row = positions(rows, self.length)
        j, one_col = positions(cols, self.length)
        hidden = np.ones((len(i), len(j)), np.bool_)
        order = np.argsort(np.asarray(i))  # a rule takes rows in their order
        whole = range(min(j), max(j) + 1) if len(j) else range(0)
        for rule in self.rules(layer, head):
            seen = rule.visible([i[n] for n in order], whole) if hidden.size else None
            if seen is None:
                hidden[:] = False
            else:
                hidden[order] &= ~seen.cpu().numpy()[:, np.asarray(j) - whole.start]
        return hidden[0 if one_row else slice(None), ...][..., 0 if one_col else slice(None)]

    def _qk(self, layer: int) -> LayerQK:
        source = self.source
        if not isinstance(source, QKSource):
            raise TypeError("This record was made from arrays of weights; it has no queries, keys or values.")
        number, _ = self.find(layer, 0)
        if isinstance(number, str):
            raise TypeError(f"Queries, keys and values belong to one layer, not to the {number} over layers.")
        return source.qk[number]
