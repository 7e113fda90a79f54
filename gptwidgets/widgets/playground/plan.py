"""What a run is asked for, and where in the tree it begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from gptwidgets.kernel.sampling import Sampling
from gptwidgets.widgets.playground import characters
from gptwidgets.widgets.playground.tokens import TokenColumns
from gptwidgets.widgets.playground.tree import Node, Tree
from gptwidgets.widgets.playground.vocabulary import bytes_of


@dataclass(frozen=True)
class Plan:
    """What a run is asked for, as it was when it was asked.

    Attributes:
        what: a phrase for undo: "run", "continue", "branch".
        where: called on the model's thread: the node to go on from, how many tokens of its path, and the
            tokens that come first without being written.
        sampling: the rules, and a second set where two are compared.
        n: sequences for each.
        k: alternatives.
    """

    what: str
    where: Callable[[], tuple[Node, int, TokenColumns]]
    sampling: list[Sampling]
    n: int
    k: int


class Place(NamedTuple):
    """Where a run begins.

    Attributes:
        parent: the node that it goes on from.
        at: how many tokens of its path.
        given: the tokens that come first without being written.
        begun: the bytes of a character with which all these end.
    """

    parent: Node
    at: int
    given: TokenColumns
    begun: bytes


def begin(engine: Any, tree: Tree, parent: Node, at: int, given: TokenColumns) -> Place:
    """Where a run begins: a character that is only begun there becomes its own, since it may complete it.

    Args:
        engine: who writes.
        tree: all nodes.
        parent: the node that it goes on from.
        at: how many tokens of its path.
        given: the tokens that come then.
    """
    if "ids" not in engine.can:
        return Place(parent, at, given, b"")
    parts = bytes_of(engine, [*tree.ids(parent, at), *given.ids][-characters.LONGEST :])
    begun, spread = characters.unfinished(parts)
    back = max(0, spread - len(given))
    if back:
        again = tree.columns(parent, at - back, at)
        own = TokenColumns(max(again.k, given.k))
        own.extend(again)
        own.extend(given)
        at, given = at - back, own
    for token, text in characters.texts(given.texts, parts, begun, spread):
        given.texts[token] = text
    return Place(parent, at, given, begun)
