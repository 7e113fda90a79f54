"""What a reader should know of a cell, in sentences: shared keys, windows, positions, what is not there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gptwidgets.kernel.device import name_of
from gptwidgets.kernel.mask import Band
from gptwidgets.kernel.positions import SAID
from gptwidgets.kernel.source import LayerQK, QKSource
from gptwidgets.kernel.stages import NO_VALUES

if TYPE_CHECKING:
    from gptwidgets.kernel.record import AttentionRecord


def facts(
    record: AttentionRecord, layer: int, head: int, query: int, key: int, *, masked: bool
) -> Iterator[str]:
    """The sentences, the most particular first."""
    source = record.source
    if masked:
        yield _why_masked(record, layer, head, query, key)
    if not isinstance(source, QKSource):
        yield (
            "This record holds weights alone: the queries, keys and values that they were made of are not "
            "known, and the arithmetic starts at the weight."
        )
        return
    qk = source.qk[layer]
    n_heads, n_keys = qk.q.shape[0], qk.k.shape[0]
    if n_keys < n_heads:
        each = n_heads // n_keys
        group = head // each
        also = "" if qk.v is None or qk.v.shape[0] != n_keys else " and value"
        yield (
            f"Key{also} head {group} of {n_keys} (counted from 0), shared by heads {group * each} to "
            f"{(group + 1) * each - 1}: {'grouped' if n_keys > 1 else 'multi'}-query attention."
        )
    if isinstance(qk.rule, Band) and qk.rule.window is not None:
        yield (f"This layer looks back over a window of {qk.rule.window:,} tokens, the query's own included.")
    if qk.positions:
        yield SAID[qk.positions]
    yield from _pieces(qk)
    if qk.v is None:
        yield NO_VALUES


def _pieces(qk: LayerQK) -> Iterator[str]:
    """What this architecture adds to the formula."""
    if qk.softcap is not None:
        yield f"Soft cap: no logit of this layer gets beyond {qk.softcap:g}."
    if qk.bias is not None:
        yield "A bias for the distance of two tokens is added to the logits."
    if qk.sinks is not None:
        yield (
            "This head has a sink: a learned logit that takes its share of every row, so the weights of the "
            "keys add up to less than 1."
        )
    if qk.v is not None and qk.halves > 1:
        yield (
            "This model attends to two values with the same weights; both stand here side by side. It then "
            "takes the outputs of half of the heads, times a number of the layer's, from those of the others."
        )
    elif qk.v is not None and qk.v.shape[-1] != qk.q.shape[-1]:
        yield f"Queries and keys have {qk.q.shape[-1]} dimensions, values {qk.v.shape[-1]}."
    if qk.q.dtype.itemsize < 4:
        yield (
            f"The model computed in {name_of(qk.q.dtype)}; these are its queries and keys, and what is made "
            "of them here is computed anew, and more precisely."
        )


def _why_masked(record: AttentionRecord, layer: int, head: int, query: int, key: int) -> str:
    if (layer, head, query, key) in record.intervention.cut:
        return "Cut: this edge was taken away when the text was recorded; its weight went to the others."
    rule = record.source.rule(layer)
    if isinstance(rule, Band) and key > query:
        return "Masked: the key comes after the query, and a GPT does not look ahead."
    if isinstance(rule, Band) and rule.window is not None and query - key >= rule.window:
        return f"Masked: the key lies outside of the query's window of {rule.window:,} tokens."
    return "Masked: this query may not look at this key."
