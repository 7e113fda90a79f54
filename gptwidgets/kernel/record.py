"""The attention record: what a text's tokens looked at, in every layer and head.

A record holds queries, keys and values, O(layers · heads · T · d), and computes when somebody looks. It never
changes; several threads may read it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gptwidgets.errors import ClosedError
from gptwidgets.kernel import arrays
from gptwidgets.kernel.cells import Cells, Which, by_name, check_size, one_of, positions, runs
from gptwidgets.kernel.deriving import Deriving
from gptwidgets.kernel.intervention import NOTHING, Intervention
from gptwidgets.kernel.mask import Rule, absent
from gptwidgets.kernel.merge import merge
from gptwidgets.kernel.pieces import Tokens
from gptwidgets.kernel.source import Source
from gptwidgets.kernel.steps import finish
from gptwidgets.kernel.tensors import Tensors

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor


class AttentionRecord(Deriving, Tensors):
    """The attention of one text, in every recorded layer and head.

    Args:
        source: where the weights come from.
        tokens: the text's tokens.
        name: the model's name, for titles.
        notes: what a reader should know ("beyond the trained context of 8,192 tokens").
        intervention: what was changed in the model when it read the text.

    Attributes:
        tokens: the text's tokens, as a sequence of `Token`.
        name: the model's name.
        notes: what a reader should know.
        intervention: what was changed in the model when it read the text; empty for nothing.
        layers: the recorded layers, by their real numbers.
        n_layers: how many those are.
        n_heads: query heads a layer.
        n_kv_heads: key heads a layer.
        length: tokens of the text.
        causal: whether no query sees a later key.
        signed: whether there are negative values (arrays and differences only).
        vmax: the largest magnitude; 1 for weights.

    Example:
        >>> record = AttentionRecord.from_arrays([[1.0, 0.0], [0.25, 0.75]], tokens=["the", "cat"])
        >>> record.weights(0, 0, rows=1)
        array([0.25, 0.75], dtype=float32)
    """

    def __init__(
        self,
        source: Source,
        tokens: Tokens,
        *,
        name: str = "",
        notes: Sequence[str] = (),
        intervention: Intervention = NOTHING,
    ) -> None:
        if len(tokens) != source.length:
            raise ValueError(f"There are {len(tokens)} tokens for {source.length} rows; give one a row.")
        self._source: Source | None = source
        self.tokens = tokens
        self.name = name
        self.notes = list(notes)
        self.intervention = intervention
        self.layers = source.layers
        self.n_layers = len(source.layers)
        self.n_heads = source.n_heads
        self.n_kv_heads = source.n_kv_heads
        self.length = source.length
        self.causal = source.causal
        self.signed = source.signed
        self.windows = {layer: source.rule(layer).window for layer in source.layers}
        self.vmax = source.vmax
        self.cache: dict[Any, Any] = {}  # what was summarised once: scores and thumbnails

    @property
    def source(self) -> Source:
        """Where the weights come from. Raises ClosedError after `close`."""
        if self._source is None:
            raise ClosedError("This record is closed and its memory given back; record the text again.")
        return self._source

    @property
    def nbytes(self) -> int:
        """Bytes that the record holds; 0 once closed."""
        return 0 if self._source is None else self._source.nbytes

    @property
    def closed(self) -> bool:
        """True once `close` was called."""
        return self._source is None

    def close(self) -> None:
        """Gives the memory back."""
        self._source, self.cache = None, {}

    # What was asked for, in words

    def find(self, layer: Which | str, head: Which | None = None) -> tuple[Which, Which]:
        """Checks a layer and a head, and reads names like "L18H6".

        Args:
            layer: a real layer number, "mean", "max", or a head's whole name.
            head: a head's number, "mean" or "max"; left out only where `layer` names it.

        Returns:
            The layer and the head.

        Raises:
            IndexError: where there is no such layer or head.
            TypeError: where it is neither a number nor a name.
        """
        layer, head = by_name(layer, head)
        whose = "model" if self.layers == tuple(range(self.n_layers)) else "record"
        return one_of(layer, self.layers, "layer", whose), one_of(head, range(self.n_heads), "head", "model")

    def chosen(self, layer: Which, head: Which) -> tuple[list[int], list[int]]:
        """The layers and the heads that a (checked) choice is made of."""
        return (
            list(self.layers) if isinstance(layer, str) else [layer],
            list(range(self.n_heads)) if isinstance(head, str) else [head],
        )

    # Weights

    def weights(
        self, layer: Which | str, head: Which | None = None, rows: Cells = None, cols: Cells = None
    ) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Attention weights, exact for the queries and keys that the model used.

        Args:
            layer: a real layer number, "mean", "max", or a head's name like "L18H6".
            head: a head's number, "mean" or "max".
            rows: queries: a number, a slice, a sequence of numbers; None for all.
            cols: keys, likewise.

        Returns:
            float32 [rows, cols], a dimension less for each plain number. Masked cells are 0.

        Raises:
            IndexError: where there is no such layer, head or token.
            DoesNotFitError: for a whole head that would take over 1 GiB.
        """
        layer, head = self.find(layer, head)
        i, one_row = positions(rows, self.length)
        j, one_col = positions(cols, self.length)
        check_size(len(i) * len(j) * 4, "These weights")
        out = np.empty((len(i), len(j)), np.float32)
        for place, run in runs(i):
            for at, cols_ in runs(j):
                out[place, at] = self.block(layer, head, run, cols_).cpu().numpy()
        return out[0 if one_row else slice(None), ...][..., 0 if one_col else slice(None)]

    def block(self, layer: Which, head: Which, rows: range, cols: range, *, no_sink: bool = False) -> Tensor:
        """A rectangle of weights, float32 [rows, cols] on the layer's device; masked cells are 0."""
        return finish(self.block_steps(layer, head, rows, cols, no_sink=no_sink))

    def block_steps(
        self, layer: Which, head: Which, rows: range, cols: range, *, no_sink: bool = False
    ) -> Generator[None, None, Tensor]:
        """`block` as a job."""
        source = self.source
        return self.merge(layer, head, lambda n, h: source.block(n, [h], rows, cols, no_sink=no_sink)[0])

    def merge(
        self, layer: Which, head: Which, compute: Callable[[int, int], Tensor]
    ) -> Generator[None, None, Tensor]:
        """Mean or largest, over the heads and layers of a choice, of what `compute` gives for each."""
        return merge(layer, head, self.chosen(layer, head), compute, self.source.device)

    def rules(self, layer: Which, head: Which | None = None) -> list[Rule]:
        """The different rules of a choice; a cell exists where one of them shows it.

        The heads of a layer differ only where an intervention had cut edges; without `head`, and for a mean
        over heads, the rule is that of the layer.
        """
        layers, heads = self.chosen(layer, head if isinstance(head, int) else 0)
        chosen = heads if isinstance(head, int) else [None]
        return list(dict.fromkeys(self.source.rule(number, one) for number in layers for one in chosen))

    def absent(
        self, layer: Which, rows: range, cols: range, *, head: Which | None = None, no_sink: bool = False
    ) -> Tensor | None:
        """Which cells do not exist (masked), bool [rows, cols]; None where all do."""
        rules = self.rules(layer, head)
        return absent(rules, rows, cols, self.source.device(self.layers[0]), no_sink=no_sink)

    # Summaries, tables, pictures, files

    def scores(self, sampled: bool | None = None) -> pd.DataFrame:
        """What kind of head each one is, in five numbers: means over the queries i >= 1.

        With w_ij the weight of query i on key j, and p_ij = w_ij / Σ_j w_ij (the same unless a sink logit
        takes a share):

            entropy    -Σ_j p_ij log2 p_ij, in bits: how broadly it looks [1, 2]
            distance    Σ_j p_ij |i - j|, in tokens: how far it looks [1, 2]
            first       w_i0: how much it rests on the first token [1, 3]
            previous    w_i,i-1: how much it looks at the token before [4]
            same        Σ w_ij over j ≠ i with the same token as i; nan where there is none [5]

        [1] Clark et al. 2019, "What Does BERT Look At?" [2] Vig and Belinkov 2019, "Analyzing the Structure
        of Attention in a Transformer Language Model". [3] Xiao et al. 2023, "Efficient Streaming Language
        Models with Attention Sinks". [4] Voita et al. 2019, "Analyzing Multi-Head Self-Attention". [5] Wang
        et al. 2022, "Interpretability in the Wild". A signed array is no distribution: its scores are nan.

        Args:
            sampled: from 64 query rows a head instead of all; None does so above 1,024 tokens.

        Returns:
            DataFrame, index (layer, head), columns entropy, distance, first, previous, same;
            `attrs["sampled"]` says which rows it stands on.

        Example:
            >>> record = AttentionRecord.from_arrays([[1.0, 0.0], [0.25, 0.75]], tokens=["the", "cat"])
            >>> record.scores().loc[(0, 0), ["distance", "first"]].tolist()
            [0.25, 0.25]
        """
        from gptwidgets.kernel.scores import table

        if sampled not in {True, False, None}:
            raise TypeError(f"sampled is True, False or None, not {sampled!r}.")
        return table(self, sampled=sampled)

    def to_pandas(self, layer: Which | str, head: Which | None = None) -> pd.DataFrame:
        """One head as a DataFrame, queries down, keys across."""
        from gptwidgets.kernel import figure

        return figure.to_pandas(self, *self.find(layer, head))

    def figure(self, layer: Which | str, head: Which | None = None) -> Any:
        """One head as a Plotly figure."""
        from gptwidgets.kernel import figure

        return figure.figure(self, *self.find(layer, head))

    def save(self, path: str | Path) -> Path:
        """Writes the record to one safetensors file, and returns its path."""
        from gptwidgets.kernel import files

        return files.save(self, path)

    @classmethod
    def load(cls, path: str | Path) -> AttentionRecord:
        """Reads a record that `save` wrote."""
        from gptwidgets.kernel import files

        return files.load(path)

    @classmethod
    def from_arrays(
        cls, weights: Any, tokens: Sequence[str] | Tokens | None = None, *, name: str = ""
    ) -> AttentionRecord:
        """A record of weights that somebody else computed.

        Args:
            weights: [T, T], [heads, T, T] or [layers, heads, T, T]: numpy, torch, nested lists, or a sequence
                of layers (which may hold None for layers that are not there). nan marks cells that do not
                exist. An upper triangle of zeros means causal; negative values make the record signed.
            tokens: a word or `Token` for each row.
            name: for titles.

        Raises:
            ValueError: for other shapes, infinite values, or a wrong number of tokens.
            TypeError: for something that is no array of numbers.
        """
        source = arrays.ArraySource(arrays.read(weights))
        return cls(source, arrays.label(tokens, source.length), name=name)

    @classmethod
    def from_cache(
        cls, cache: Mapping[Any, Any] | Sequence[Any], tokens: Sequence[str] | Tokens | None = None
    ) -> AttentionRecord:
        """A record from what another library kept.

        Args:
            cache: TransformerLens' ActivationCache, or any mapping with "blocks.N.attn.hook_pattern" of shape
                [heads, T, T] or [1, heads, T, T]; or transformers' `outputs.attentions`.
            tokens: a word for each row.
        """
        source = arrays.ArraySource(arrays.from_cache(cache))
        return cls(source, arrays.label(tokens, source.length))

    def __repr__(self) -> str:
        if self.closed:
            return "<AttentionRecord, closed>"
        return (
            f"<AttentionRecord{' ' * bool(self.name)}{self.name}: {self.length:,} tokens, "
            f"{self.n_layers} layers × {self.n_heads} heads, {self.nbytes / 1e6:,.1f} MB>"
        )
