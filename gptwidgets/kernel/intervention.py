"""What is changed inside a model while it runs: heads switched off or scaled, edges of attention cut."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal, Protocol, TypeAlias, get_args

import numpy as np

from gptwidgets.kernel.cells import by_name, one_of

Ablation: TypeAlias = Literal["zero", "mean", "resample"]
Head: TypeAlias = tuple[int, int]
Edge: TypeAlias = tuple[int, int, int, int]

NAMED = 6  # heads that a sentence names before it only counts them


class Heads(Protocol):
    """Who has heads: a GPT."""

    @property
    def attention_layers(self) -> tuple[int, ...]:
        """The real numbers of the layers that have heads."""
        ...

    @property
    def n_heads(self) -> int:
        """Heads a layer."""
        ...


@dataclass(frozen=True)
class Intervention:
    """What is changed inside a model. Nothing, when it is empty; made and checked by `Intervention.of`.

    Attributes:
        heads_off: heads (layer, head) whose output is replaced.
        ablation: by what: "zero"; "mean", the head's mean output over a reference text; "resample", its
            outputs at positions of that text which a fixed seed has chosen.
        cut: edges (layer, head, query, key): this query no longer sees this key. Positions count from the
            start of the text; edges beyond its end change nothing.
        scale: factors of heads' outputs, sorted: ((layer, head), factor).

    Example:
        >>> Intervention(frozenset({(18, 6)}), "mean").words()
        '1 head off (mean): L18H6'
    """

    heads_off: frozenset[Head] = frozenset()
    ablation: Ablation = "zero"
    cut: frozenset[Edge] = frozenset()
    scale: tuple[tuple[Head, float], ...] = ()

    @classmethod
    def of(
        cls,
        model: Heads,
        *,
        heads_off: Iterable[Any] = (),
        ablation: Ablation = "zero",
        cut: Iterable[Any] = (),
        scale: Mapping[Any, float] | None = None,
    ) -> Intervention:
        """Checks what somebody wants changed against a model.

        Args:
            model: the GPT.
            heads_off: heads: (layer, head) or names like "L18H6".
            ablation: "zero", "mean" or "resample".
            cut: edges: (layer, head, query, key) or ("L18H6", query, key).
            scale: a factor for each of some heads.

        Raises:
            IndexError: a layer, a head or a position that does not exist.
            TypeError: what is no head, no edge, no number.
            ValueError: another ablation, a factor that is not finite, a key behind its query.
        """
        if ablation not in get_args(Ablation):
            raise ValueError(f'ablation is "zero", "mean" or "resample", not {ablation!r}.')
        off = frozenset(_head(model, one) for one in _each("heads_off", heads_off, '[(18, 6), "L17H3"]'))
        edges = frozenset(_edge(model, one) for one in _each("cut", cut, '[(18, 6, 9, 2), ("L17H3", 9, 2)]'))
        given: Any = {} if scale is None else scale
        if not isinstance(given, Mapping):
            raise TypeError(f'scale gives heads a factor, such as {{"L18H6": 0.5}}, not {given!r}.')
        factors: dict[Head, float] = {}
        for name, factor in given.items():
            head = _head(model, name)
            if head in factors:
                raise ValueError(f"scale names {_name(head)} twice.")
            factors[head] = _factor(head, factor)
        return cls(off, ablation, edges, _canonical(factors))

    def __bool__(self) -> bool:
        """Whether it changes anything."""
        return bool(self.heads_off or self.cut or self.scale)

    def __or__(self, inner: Intervention) -> Intervention:
        """Both at once: what is off in one is off, what is cut in one is cut, factors multiply.

        Raises:
            ValueError: both switch heads off, each in another way.
        """
        if self.heads_off and inner.heads_off and self.ablation != inner.ablation:
            raise ValueError(
                f'Heads are off already with ablation="{self.ablation}": use the same for the other ones, '
                f'or leave that block before you use "{inner.ablation}".'
            )
        factors = dict(self.scale)
        for head, factor in inner.scale:
            factors[head] = factors.get(head, 1.0) * factor
        return Intervention(
            self.heads_off | inner.heads_off,
            inner.ablation if inner.heads_off else self.ablation,
            self.cut | inner.cut,
            _canonical(factors),
        )

    @property
    def positional(self) -> bool:
        """Whether what it does depends on the place in the text."""
        return bool(self.cut or (self.heads_off and self.ablation == "resample"))

    def words(self) -> str:
        """What it does, in words; "" for nothing.

        Example:
            >>> Intervention(cut=frozenset({(1, 0, 5, 2)}), scale=(((2, 1), 0.5),)).words()
            '1 edge cut; scaled: L2H1 × 0.5'
        """
        said: list[str] = []
        if self.heads_off:
            heads = [_name(head) for head in sorted(self.heads_off)]
            said.append(f"{_count(len(heads), 'head')} off ({self.ablation}): {_list(heads)}")
        if self.cut:
            said.append(f"{_count(len(self.cut), 'edge')} cut")
        if self.scale:
            said.append("scaled: " + _list([f"{_name(head)} × {factor:g}" for head, factor in self.scale]))
        return "; ".join(said)

    def to_state(self) -> dict[str, Any]:
        """As JSON can hold it: the keywords of `of`."""
        return {
            "heads_off": [_name(head) for head in sorted(self.heads_off)],
            "ablation": self.ablation,
            "cut": [list(edge) for edge in sorted(self.cut)],
            "scale": {_name(head): factor for head, factor in self.scale},
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], model: Heads | None = None) -> Intervention:
        """What `to_state` gave, checked against a model where one is given.

        Example:
            >>> made = Intervention(frozenset({(18, 6)}), "mean")
            >>> Intervention.from_state(made.to_state()) == made
            True
        """
        return cls.of(_Any() if model is None else model, **state)


NOTHING = Intervention()


class _Any:
    """A model that has every head: for what was checked before."""

    attention_layers: Any = range(2**31)
    n_heads = 2**31


def _each(name: str, given: Any, example: str) -> Iterable[Any]:
    if isinstance(given, str | Mapping) or not isinstance(given, Iterable):
        raise TypeError(f"{name} is a list such as {example}, not {given!r}.")
    return given


def _head(model: Heads, given: Any) -> Head:
    """A checked head, from a pair or a name."""
    refused = f'A head is (layer, head) or a name like "L18H6", not {given!r}.'
    if isinstance(given, str):
        try:
            layer, head = by_name(given, None)
        except TypeError:
            raise TypeError(refused) from None
    elif isinstance(given, Sequence | np.ndarray) and len(given) == 2:
        layer, head = given
    else:
        raise TypeError(refused)
    return _number(layer, model.attention_layers, "layer"), _number(head, range(model.n_heads), "head")


def _edge(model: Heads, given: Any) -> Edge:
    """A checked edge, from four numbers, or from a name and two."""
    parts: list[Any] = [] if isinstance(given, str) or not isinstance(given, Iterable) else list(given)
    if len(parts) == 3 and isinstance(parts[0], str):
        parts = [*_head(model, parts[0]), *parts[1:]]
    if len(parts) != 4:
        raise TypeError(f'An edge is (layer, head, query, key) or ("L18H6", query, key), not {given!r}.')
    layer, head = _head(model, parts[:2])
    for part in parts[2:]:
        if isinstance(part, bool | np.bool_) or not isinstance(part, int | np.integer):
            raise TypeError(f"A query and a key are tokens' numbers; this is {part!r}.")
        if part < 0:
            raise IndexError(f"Token {part} does not exist; an edge's tokens are counted from the start, 0.")
    query, key = int(parts[2]), int(parts[3])
    if key > query:
        raise ValueError(f"Token {query} does not see token {key}, which comes later: there is no such edge.")
    return layer, head, query, key


def _number(value: Any, known: Sequence[int], what: str) -> int:
    if isinstance(value, str):  # "mean" and "max" are choices elsewhere
        raise TypeError(f"A {what} is a number; this is {value!r}.")
    return int(one_of(value, known, what, "model"))


def _factor(head: Head, factor: Any) -> float:
    if isinstance(factor, bool | np.bool_) or not isinstance(factor, Real | np.floating):
        raise TypeError(f"The factor of {_name(head)} must be a number, not {factor!r}.")
    if not math.isfinite(factor):
        raise ValueError(f"The factor of {_name(head)} must be finite, not {factor}.")
    return float(factor)


def _canonical(factors: Mapping[Head, float]) -> tuple[tuple[Head, float], ...]:
    return tuple(sorted((head, factor) for head, factor in factors.items() if factor != 1.0))


def _name(head: Head) -> str:
    return f"L{head[0]}H{head[1]}"


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _list(names: Sequence[str]) -> str:
    rest = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {rest:,} more" if rest > 0 else "")
