"""A record's tensors under the names that researchers know: patterns, queries and keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gptwidgets.errors import UnknownNameError
from gptwidgets.kernel.cells import Which, check_size
from gptwidgets.kernel.source import QKSource, Source

if TYPE_CHECKING:
    from torch import Tensor


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

    def _qk(self, layer: int) -> Any:
        source = self.source
        if not isinstance(source, QKSource):
            raise TypeError("This record was made from arrays of weights; it has no queries and keys.")
        number, _ = self.find(layer, 0)
        if isinstance(number, str):
            raise TypeError(f"Queries and keys belong to one layer, not to the {number} over layers.")
        return source.qk[number]
