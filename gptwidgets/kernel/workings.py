"""Does the arithmetic of one cell: one row of one head, in float64 on the CPU."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from gptwidgets.kernel.arithmetic import Arithmetic
from gptwidgets.kernel.cells import positions, runs
from gptwidgets.kernel.facts import facts
from gptwidgets.kernel.readable import visible
from gptwidgets.kernel.source import LayerQK, QKSource

if TYPE_CHECKING:
    from torch import Tensor

    from gptwidgets.kernel.record import AttentionRecord

Doubles: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]
Places: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]


class Cell(NamedTuple):
    """Which cell, and what its query sees: `keys` [n], among which the key stands `at`, if it is seen."""

    layer: int
    head: int
    query: int
    key: int
    keys: Places
    at: int | None


def arithmetic(record: AttentionRecord, layer: Any, head: Any, *, query: int, key: int) -> Arithmetic:
    """See `AttentionRecord.arithmetic`."""
    layer, head = record.find(layer, head)
    if isinstance(layer, str) or isinstance(head, str):
        raise TypeError(
            "Arithmetic is of one head: give a layer's and a head's number, or a name like L18H6."
        )
    i, j = (_one(what, given, record.length) for what, given in (("query", query), ("key", key)))
    keys = _seen(record, layer, head, i)
    found = np.flatnonzero(keys == j)
    cell = Cell(layer, head, i, j, keys, int(found[0]) if len(found) else None)
    masked = cell.at is None
    source = record.source
    if isinstance(source, QKSource):
        numbers = _scores(source.qk[layer], cell)
        numbers |= _output(source.qk[layer], cell, numbers)
    else:
        numbers = _weights_alone(record, cell)
    kept: dict[str, Any] = {
        name: x.astype(np.float32) if isinstance(x, np.ndarray) else x for name, x in numbers.items()
    }
    return Arithmetic(
        layer=layer,
        head=head,
        query=i,
        key=j,
        tokens=(visible(record.tokens[i].piece), visible(record.tokens[j].piece)),
        masked=masked,
        mask=-math.inf if masked else 0.0,
        keys=keys.astype(np.int32),
        at=cell.at,
        facts=tuple(facts(record, layer, head, i, j, masked=masked)),
        **kept,
    )


def _scores(qk: LayerQK, cell: Cell) -> dict[str, Any]:
    """All up to the weights, by the names of `Arithmetic`; arrays are float64 here."""
    group = cell.head * qk.k.shape[0] // qk.q.shape[0]
    q, k = _array(qk.q[cell.head, cell.query]), _array(qk.k[group, cell.key])
    scale, cap = float(qk.scale), None if qk.softcap is None else float(qk.softcap)
    dot, dots = float(np.sum(q * k)), _array(_take(qk.k[group], cell.keys)) @ q  # [n]
    biases = bias = None
    if qk.bias is not None:
        of_row = qk.bias[cell.head if qk.bias.shape[0] > 1 else 0, cell.query]
        biases, bias = _array(_take(of_row, cell.keys)), float(of_row[cell.key])
    capped = float(_bent(dot * scale, cap))
    logits = _bent(dots * scale, cap) if biases is None else _bent(dots * scale, cap) + biases
    return {
        "q": q, "k": k, "products": q * k, "dot": dot, "scale": scale, "scaled": dot * scale,
        "softcap": cap, "capped": capped, "bias": bias,
        "logit": -math.inf if cell.at is None else capped + (bias or 0.0),
        "dots": dots, "biases": biases, "row": logits,
        **_softmax(logits, None if qk.sinks is None else float(qk.sinks[cell.head].float()), cell.at),
    }  # fmt: skip


def _softmax(logits: Doubles, sink: float | None, at: int | None) -> dict[str, Any]:
    top = float(logits.max(initial=-math.inf if sink is None else sink))
    top = top if math.isfinite(top) else 0.0  # a query that sees nothing
    exps = np.exp(logits - top)
    sink_term = None if sink is None else math.exp(sink - top)
    total = float(exps.sum()) + (sink_term or 0.0)
    weights = exps / total if total else exps
    return {
        "sink": sink, "top": top, "exps": exps, "sink_term": sink_term, "total": total,
        "lse": top + math.log(total) if total else -math.inf,
        "weight": 0.0 if at is None else float(weights[at]), "weights": weights,
    }  # fmt: skip


def _output(qk: LayerQK, cell: Cell, found: dict[str, Any]) -> dict[str, Any]:
    if qk.v is None:
        return {}
    of_head = qk.v[cell.head * qk.v.shape[0] // qk.q.shape[0]]  # (T, dv)
    v = _array(of_head[cell.key])
    output: Doubles = found["weights"] @ _array(_take(of_head, cell.keys))
    weighted = found["weight"] * v
    return {"v": v, "weighted_v": weighted, "others": output - weighted, "output": output}


def _weights_alone(record: AttentionRecord, cell: Cell) -> dict[str, Any]:
    weights = record.weights(cell.layer, cell.head, rows=cell.query)[cell.keys]
    return {"weight": 0.0 if cell.at is None else float(weights[cell.at]), "weights": weights}


def _one(what: str, given: Any, length: int) -> int:
    places, one = positions(given, length)
    if not one:
        raise TypeError(f"{what} is one token's number, not {given!r}.")
    return places[0]


def _seen(record: AttentionRecord, layer: int, head: int, query: int) -> Places:
    """The keys that a query may look at, [n]."""
    rule = record.source.rule(layer, head)
    cols = rule.columns([query], record.length)
    seen = rule.visible([query], cols)
    keys = np.arange(cols.start, cols.stop)
    return keys if seen is None else keys[seen[0].cpu().numpy()]


def _take(x: Tensor, keys: Places) -> Tensor:
    """Those of a tensor's rows; of neighbours without a copy."""
    found = runs(keys.tolist())
    if len(found) == 1:
        return x[found[0][1].start : found[0][1].stop]
    return x[keys.tolist()]


def _bent(t: Any, cap: float | None) -> Any:
    return t if cap is None else cap * np.tanh(t / cap)


def _array(x: Tensor) -> Doubles:
    return x.detach().cpu().double().numpy()
