"""The arithmetic of one cell: from a query and a key to what the head gives out, number by number.

    s_ij = scale · q_i · k_j   (then soft cap, bias and mask)
    w_ij = exp(s_ij) / Σ_l exp(s_il)
    z_i  = Σ_l w_il · v_l

(Vaswani et al. 2017, "Attention Is All You Need"), from the queries, keys and values that the model used,
with the pieces that its architecture adds. The work itself is in workings.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from gptwidgets.kernel.formulas import Step, filling, steps
from gptwidgets.kernel.mathml import Math, number, row, say, slot

if TYPE_CHECKING:
    import pandas as pd
Floats: TypeAlias = np.ndarray[Any, np.dtype[np.float32]]


class Formula(NamedTuple):
    """A step's formula, as MathML elements and as plain text.

    Attributes:
        mathml: in letters.
        text: in letters.
        filled: with the numbers that went in and what came out. A `<mn>` with `data-of` (and `data-at`, where
            there are many of that name) says which number it is.
        filled_text: the same.
    """

    mathml: str
    text: str
    filled: str
    filled_text: str


@dataclass(frozen=True, eq=False, repr=False)
class Arithmetic:
    """Every number of one cell. Arrays are float32, single numbers Python's own; None where there is none.

    Attributes:
        layer: the layer.
        head: the head.
        query: the token that looks.
        key: the token that is looked at.
        q: its query [d]. None, with all up to `lse`, where the record holds weights alone.
        k: its key [d].
        products: q · k by dimension [d].
        dot: their sum.
        scale: of the dot products.
        scaled: dot · scale.
        softcap: where the model has one.
        capped: softcap · tanh(scaled / softcap); without a soft cap the same as `scaled`.
        bias: added to the logit, where the model has one.
        masked: whether the query may not look at the key.
        mask: 0, or minus infinity where masked.
        logit: what the softmax is taken of.
        keys: the keys that the query sees, [n].
        at: where among them this key stands; None where it is masked.
        dots: the query's dot product with each of them [n].
        biases: added to each logit [n].
        row: their logits [n].
        sink: a logit that takes a share of the row and is no key, where the head has one.
        top: the largest logit of the row.
        exps: e to each logit less `top` [n].
        sink_term: e to the sink less `top`.
        total: the sum of `exps` and `sink_term`.
        lse: top + ln(total).
        weight: of this key.
        weights: of all keys that the query sees [n].
        v: the key's value [dv]. None, with all that follow, where the record holds no values.
        weighted_v: weight · v.
        others: the same of all other keys, added up [dv].
        output: what the head gives this query [dv].
        tokens: query and key as the text has them.
        facts: what a reader should know of this cell: shared keys, windows, positions.
        steps: what was done, in order; their names are the fields above.

    Example:
        >>> cell = record.arithmetic("L18H6", query=-1, key=3)  # doctest: +SKIP
        >>> print(cell.formula("weight").filled_text)           # doctest: +SKIP
        w[i, j] = 0.61 / 2.04 = 0.299
    """

    layer: int
    head: int
    query: int
    key: int
    tokens: tuple[str, str]
    masked: bool
    mask: float
    keys: np.ndarray[Any, np.dtype[np.int32]]
    at: int | None
    weight: float
    weights: Floats
    q: Floats | None = None
    k: Floats | None = None
    products: Floats | None = None
    dot: float | None = None
    scale: float | None = None
    scaled: float | None = None
    softcap: float | None = None
    capped: float | None = None
    bias: float | None = None
    logit: float | None = None
    dots: Floats | None = None
    biases: Floats | None = None
    row: Floats | None = None
    sink: float | None = None
    top: float | None = None
    exps: Floats | None = None
    sink_term: float | None = None
    total: float | None = None
    lse: float | None = None
    v: Floats | None = None
    weighted_v: Floats | None = None
    others: Floats | None = None
    output: Floats | None = None
    facts: tuple[str, ...] = ()
    steps: tuple[Step, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        """Finds out which steps there are."""
        object.__setattr__(self, "steps", tuple(steps(self)))

    @property
    def name(self) -> str:
        """The head's, "L18H6"."""
        return f"L{self.layer}H{self.head}"

    @property
    def stages(self) -> dict[str, float | Floats]:
        """The numbers of each step, in order."""
        return {step.name: getattr(self, step.name) for step in self.steps}

    @property
    def formulas(self) -> dict[str, Formula]:
        """The formula of each step, in order; of many numbers that of the first, or of the chosen key."""
        return {step.name: self.formula(step.name) for step in self.steps}

    def formula(self, name: str, at: int | None = None) -> Formula:
        """How a number was made.

        Args:
            name: a step's.
            at: which of its numbers, where there are many: a dimension, or a place among `keys`. Left out,
                the first dimension or the chosen key.

        Raises:
            KeyError: there is no such step in this cell.
            IndexError: it has not so many numbers.
        """
        step = next((step for step in self.steps if step.name == name), None)
        if step is None:
            known = ", ".join(step.name for step in self.steps)
            raise KeyError(f"There is no step {name!r} in this cell; there are {known}.")
        value = getattr(self, name)
        if step.kind == "number":
            if at is not None:
                raise IndexError(f"{name} is one number; leave at= out.")
            return self._formula(step, None, number(value, name, bare=True))
        if at is None and len(value) == 0:  # a query that sees nothing
            return self._formula(step, None, slot(name))
        place = at if at is not None else (self.at or 0) if step.kind == "keys" else 0
        if not -len(value) <= place < len(value):
            raise IndexError(f"{name} has {len(value)} numbers; there is no number {place}.")
        place %= len(value)
        return self._formula(step, place, number(float(value[place]), name, place, bare=True))

    def _formula(self, step: Step, at: int | None, value: Math) -> Formula:
        general = step.symbol if step.general is None else row(step.symbol, "=", step.general)
        filled = row(step.symbol, "=", value)
        if step.filled is not None:
            filled = row(step.symbol, "=", step.filled(filling(self, at)), "=", value)
        return Formula(general.whole(), general.text, filled.whole(), filled.text)

    def to_frame(self) -> pd.DataFrame:
        """The steps as a table; columns title, part, value, formula, with numbers, made of."""
        import pandas as pd

        rows = {
            step.name: {
                "title": step.title,
                "part": step.part,
                "value": getattr(self, step.name),
                "formula": formula.text,
                "with numbers": formula.filled_text,
                "made of": ", ".join(step.made_of),
            }
            for step, formula in zip(self.steps, self.formulas.values(), strict=True)
        }
        table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("step")
        table.attrs = {"head": self.name, "query": self.query, "key": self.key, "facts": self.facts}
        return table

    def to_wire(self) -> tuple[dict[str, Any], list[Floats]]:
        """The cell for a page; see `gptwidgets.kernel.wired`."""
        from gptwidgets.kernel.wired import wire

        return wire(self)

    def __repr__(self) -> str:
        looking, at = self.tokens
        what = "masked" if self.masked else f"weight {say(self.weight)}"
        return f"<Arithmetic {self.name}: {looking!r} ({self.query}) on {at!r} ({self.key}), {what}>"
