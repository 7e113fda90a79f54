"""Groups of heads that are changed together, one row of a table each, and the batches that they run in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gptwidgets.kernel.intervention import Head, Intervention

if TYPE_CHECKING:
    from gptwidgets.kernel.asking import Asking
    from gptwidgets.kernel.upward import Upward

NAMED = ("heads", "kv", "layers")
OWN = '[["L18H6", "L17H3"]] or {"induction": ["L18H6", "L17H3"]}'


def grouped(gpt: Asking, groups: Any) -> tuple[Any, list[frozenset[Head]]]:
    """The index of a table, and the heads of each of its rows.

    Args:
        gpt: whose heads.
        groups: "heads" or None, each head alone; "kv", those that share keys and values; "layers", all of a
            layer; or lists of heads, or a dict of them by name.

    Raises:
        TypeError, ValueError: something else.
        IndexError: heads that there are not.

    Example:
        >>> grouped(gpt, {"induction": ["L18H6", "L17H3"]})     # doctest: +SKIP
        (Index(['induction'], dtype='object', name='group'), [frozenset({(18, 6), (17, 3)})])
    """
    import pandas as pd

    layers, H, Hkv = gpt.attention_layers, gpt.n_heads, gpt.n_kv_heads
    if isinstance(groups, str) and groups == "layers":
        heads = [frozenset((layer, head) for head in range(H)) for layer in layers]
        return pd.Index(layers, name="layer"), heads
    if groups is None or (isinstance(groups, str) and groups in NAMED):
        n, name = (Hkv, "kv_head") if groups == "kv" else (H, "head")
        each = H // n
        index = pd.MultiIndex.from_product([layers, range(n)], names=["layer", name])
        return index, [
            frozenset((int(layer), head) for head in range(one * each, (one + 1) * each))
            for layer, one in index
        ]
    if isinstance(groups, str) or not isinstance(groups, Iterable):
        wrong = ValueError if isinstance(groups, str) else TypeError
        raise wrong(
            'groups is "heads", "kv" (those that share keys and values), "layers", or lists of heads such as '
            f"{OWN}, not {groups!r}."
        )
    named: Mapping[Any, Any] = groups if isinstance(groups, Mapping) else dict(enumerate(groups))
    made = [Intervention.of(gpt, heads_off=heads).heads_off for heads in named.values()]
    return pd.Index(list(named), name="group"), made


def batches(
    members: Sequence[frozenset[Head]], up: Upward, most: int | None = None
) -> Iterable[tuple[int, list[int]]]:
    """Groups that begin in one layer, as many at a time as a pass takes.

    Args:
        members: the heads of each group.
        up: what runs them.
        most: rows of a pass; None for as many as it takes.

    Yields:
        The first layer that changes, and the groups' numbers.
    """
    firsts: dict[int, list[int]] = {}
    for at, heads in enumerate(members):
        firsts.setdefault(min((layer for layer, _ in heads), default=up.n_layers), []).append(at)
    for first, all_ in sorted(firsts.items()):
        step = up.at_once(len(all_))
        step = step if most is None else max(1, min(step, most))
        for start in range(0, len(all_), step):
            yield first, all_[start : start + step]
