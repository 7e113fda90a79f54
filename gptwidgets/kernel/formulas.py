"""The steps of one cell's arithmetic in order, each with its formula: in letters, and with its numbers.

A step's numbers are one number, one for each dimension (index c), or one for each key that the query sees
(index l; the chosen key is j). The formula of many numbers is written once, for any of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from gptwidgets.kernel.mathml import (
    Math,
    fraction,
    function,
    letter,
    number,
    over,
    power,
    root,
    row,
    slot,
    words,
)

if TYPE_CHECKING:
    from gptwidgets.kernel.arithmetic import Arithmetic

Kind = Literal["number", "dimensions", "keys"]


class Numbers(Protocol):
    """Where a formula's numbers come from: `n("q")`, or a certain one of many, `n("weights", 3)`."""

    def __call__(self, name: str, at: int | None = None) -> Math:
        """The number as a piece of a formula."""
        ...


class Step(NamedTuple):
    """One step.

    Attributes:
        name: the field of `Arithmetic`.
        title: for reading.
        part: which stage of the map it belongs to, see stages.py; "vectors" before and "output" after.
        kind: one number, or one for each dimension, or one for each visible key.
        says: what it is, in a sentence.
        symbol: its letter.
        made_of: the names of the steps whose numbers go in.
        general: the right side in letters; None for what the model gave.
        filled: the right side with numbers.
    """

    name: str
    title: str
    part: str
    kind: Kind
    says: str
    symbol: Math
    made_of: tuple[str, ...] = ()
    general: Math | None = None
    filled: Callable[[Numbers], Math] | None = None


_Q, _K, _V, _O = (letter(x, i, "c") for x, i in (("q", "i"), ("k", "j"), ("v", "j"), ("z", "i")))
_P, _T, _CAP = letter("p", "c"), letter("t"), letter("u")
_DOT, _DL = (row(letter("q", "i"), "·", letter("k", to)) for to in ("j", "l"))
_S, _SL, _B, _M = letter("s", "i", "j"), letter("s", "i", "l"), letter("b", "i", "j"), letter("m", "i", "j")
_E, _TOP, _SUM, _SINK = letter("e", "l"), letter("max"), letter("Σ"), letter("s", "sink")
_W, _WL, _A, _R = letter("w", "i", "j"), letter("w", "i", "l"), letter("a", "c"), letter("r", "c")
_SCALE, _LIMIT = letter("scale"), letter("cap")
_ONE, _EXP = number(1), letter("e")


def steps(a: Arithmetic) -> list[Step]:
    """The steps that there are for this cell, in their order."""
    found: list[Step] = []
    if a.q is not None:
        found += [*_scores(a), *_softmax(a)]
    else:
        found += _weights_alone()
    if a.v is not None:
        found += _values()
    return found


def _scores(a: Arithmetic) -> list[Step]:
    d = 0 if a.q is None else len(a.q)
    by_size = a.scale is not None and d > 0 and math.isclose(a.scale, d**-0.5, rel_tol=1e-6)
    size = fraction(_ONE, root(letter("d")))
    found = [
        Step("q", "Query", "vectors", "dimensions", "What the token that looks asks for.", _Q),
        Step("k", "Key", "vectors", "dimensions", "What the token that is looked at offers.", _K),
        Step(
            "products", "Products", "raw", "dimensions", "Query times key, dimension by dimension.",
            _P, ("q", "k"), row(_Q, "·", _K), lambda n: row(n("q"), "·", n("k")),
        ),
        Step(
            "dot", "Dot product", "raw", "number", "The sum of the products.",
            _DOT, ("products",), over("∑", "c", _P), lambda n: _few("products", range(d), n),
        ),
        Step(
            "scale", "Scale", "scaled", "number",
            "One over the root of the number of dimensions." if by_size else "What this model multiplies by.",
            _SCALE, (), size if by_size else None,
            (lambda _: fraction(_ONE, root(number(d)))) if by_size else None,
        ),
        Step(
            "scaled", "Scaled", "scaled", "number", "The dot product times the scale.",
            _T, ("dot", "scale"), row(_DOT, "·", _SCALE), lambda n: row(n("dot"), "·", n("scale")),
        ),
    ]  # fmt: skip
    if a.softcap is not None:
        found += [
            Step("softcap", "Soft cap", "masked", "number", "No logit gets beyond it.", _LIMIT),
            Step(
                "capped", "Capped", "masked", "number", "Large numbers are bent down to the cap.",
                _CAP, ("scaled", "softcap"),
                row(_LIMIT, "·", function("tanh", fraction(_T, _LIMIT))),
                lambda n: row(n("softcap"), "·", function("tanh", fraction(n("scaled"), n("softcap")))),
            ),
        ]  # fmt: skip
    if a.bias is not None:
        says = "A number for the distance of the two tokens, from the model."
        found.append(Step("bias", "Bias", "masked", "number", says, _B))
    return [*found, *_mask(a)]


def _mask(a: Arithmetic) -> list[Step]:
    before, symbol = ("scaled", _T) if a.softcap is None else ("capped", _CAP)
    bias = a.bias is not None
    made_of = (before, *(("bias",) if bias else ()), "mask")
    general = row(symbol, *(("+", _B) if bias else ()), "+", _M)

    def logit(n: Numbers) -> Math:
        return row(n(before), *(("+", n("bias")) if bias else ()), "+", n("mask"))

    def of_key(n: Numbers) -> Math:
        t = row(n("dots"), "·", n("scale"))
        if a.softcap is not None:
            t = row(n("softcap"), "·", function("tanh", fraction(t, n("softcap"))))
        return row(t, "+", n("biases")) if bias else t

    t = row(_DL, "·", _SCALE)
    if a.softcap is not None:
        t = row(_LIMIT, "·", function("tanh", fraction(t, _LIMIT)))
    whole = row(t, "+", letter("b", "i", "l")) if bias else t
    hidden = "This query may not look at this key: minus infinity, which the softmax turns into 0."
    return [
        Step("mask", "Mask", "masked", "number", hidden if a.masked else "This query may look.", _M),
        Step("logit", "Logit", "masked", "number", "What the softmax is taken of.",
             _S, made_of, general, logit),
        Step("dots", "Dot products of the row", "raw", "keys", "The query with each key that it sees.",
             _DL, ("q",), over("∑", "c", row(letter("q", "i", "c"), "·", letter("k", "l", "c")))),
        *([Step("biases", "Biases of the row", "masked", "keys", "A number for each distance.",
                letter("b", "i", "l"))] if bias else []),
        Step("row", "Logits of the row", "masked", "keys", "The same for every key that the query sees.",
             _SL, ("dots", "scale", *(("softcap",) if a.softcap is not None else ()),
                   *(("biases",) if bias else ())), whole, of_key),
    ]  # fmt: skip


def _softmax(a: Arithmetic) -> list[Step]:
    n_keys, at = len(a.keys), a.at
    sink = a.sink is not None
    more = ("sink_term",) if sink else ()
    largest = over("max", "l", row(_SL, ",", _SINK) if sink else _SL)
    sink_e = power(_EXP, row(_SINK, "−", _TOP))

    def total(n: Numbers) -> Math:
        terms = _few("exps", range(n_keys), n)
        return row(terms, "+", n("sink_term")) if sink else terms

    def weight(n: Numbers) -> Math:
        return fraction(number(0) if at is None else n("exps", at), n("total"))

    return [
        *([Step("sink", "Sink", "softmax", "number",
                "A logit of the head's own that takes a share of every row and is no key.", _SINK)]
          if sink else []),
        Step("top", "Largest logit", "softmax", "number",
             "Taken off first: it changes no weight, and keeps the exponentials within what can be computed.",
             _TOP, ("row", *(("sink",) if sink else ())),
             largest),
        Step("exps", "Exponentials", "softmax", "keys", "e to each logit less the largest.",
             _E, ("row", "top"), power(_EXP, row(_SL, "−", _TOP)),
             lambda n: power(_EXP, row(n("row"), "−", n("top")))),
        *([Step("sink_term", "The sink's exponential", "softmax", "number", "It counts in the sum.",
                letter("e", "sink"), ("sink", "top"), sink_e,
                lambda n: power(_EXP, row(n("sink"), "−", n("top"))))] if sink else []),
        Step("total", "Sum", "softmax", "number",
             "Of the exponentials of all keys that the query sees" + (", and of the sink." if sink else "."),
             _SUM, ("exps", *more), row(over("∑", "l", _E), "+", letter("e", "sink")) if sink
             else over("∑", "l", _E), total),
        Step("lse", "Log of the sum", "softmax", "number",
             "With the largest logit put back; a weight is e to its logit less this.",
             letter("lse"), ("top", "total"), row(_TOP, "+", function("ln", _SUM)),
             lambda n: row(n("top"), "+", function("ln", n("total")))),
        Step("weight", "Weight", "softmax", "number", "The key's share of the sum.",
             _W, (*(() if at is None else ("exps",)), "total"), fraction(letter("e", "j"), _SUM), weight),
        Step("weights", "Weights of the row", "softmax", "keys", "Every key's share.",
             _WL, ("exps", "total"), fraction(_E, _SUM), lambda n: fraction(n("exps"), n("total"))),
    ]  # fmt: skip


def _weights_alone() -> list[Step]:
    return [
        Step("weight", "Weight", "softmax", "number", "As it was recorded.", _W),
        Step("weights", "Weights of the row", "softmax", "keys", "As they were recorded.", _WL),
    ]


def _values() -> list[Step]:
    return [
        Step("v", "Value", "value-weighted", "dimensions",
             "What the token that is looked at hands over.", _V),
        Step("weighted_v", "Weight × value", "value-weighted", "dimensions", "What this key adds.",
             _A, ("weight", "v"), row(_W, "·", _V), lambda n: row(n("weight"), "·", n("v"))),
        Step("others", "The other keys'", "output", "dimensions",
             "The same of all the other keys that the query sees, added up.",
             _R, ("weights",), over("∑", "l≠j", row(_WL, "·", letter("v", "l", "c")))),
        Step("output", "The head's output", "output", "dimensions",
             "What the head gives this query, before the output projection.",
             _O, ("weighted_v", "others"), row(_A, "+", _R),
             lambda n: row(n("weighted_v"), "+", n("others"))),
    ]  # fmt: skip


def _few(name: str, places: Sequence[int], n: Numbers) -> Math:
    """A sum of many: the first two terms, and the last."""
    if not places:
        return number(0)
    if len(places) <= 4:
        return _plus([n(name, at) for at in places])
    return _plus([n(name, places[0]), n(name, places[1]), words("…"), n(name, places[-1])])


def _plus(terms: list[Math]) -> Math:
    return row(terms[0], *(part for term in terms[1:] for part in ("+", term)))


def filling(a: Arithmetic, at: int | None) -> Numbers:
    """The cell's own numbers. Of those of which there are many, the one at this place, or None: a slot."""
    here = at

    def number_of(name: str, at: int | None = None) -> Math:
        value = getattr(a, name)
        if isinstance(value, float):
            return number(value, name)
        place = here if at is None else at
        return slot(name) if place is None else number(float(value[place]), name, place)

    return number_of
