"""`gw.link`: widgets that follow each other, by plain traits.

What two widgets call by the same name is the same in both. Between a playground and a heatmap there is more:
see `Texts`, `Colours` and `Models` in `gptwidgets.widgets.ties`. Whoever writes a widget of his own links it
in the same way: it has to have one of the traits in `SHARED`.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any, Self

import traitlets as t

from gptwidgets.errors import GPTWidgetsError
from gptwidgets.kernel.worker import Worker

SHARED = ("heads_off", "cut", "ablation", "pointed", "layer", "head", "query", "key", "direction", "gpt")
REFUSED = (t.TraitError, LookupError, TypeError, ValueError, AttributeError, GPTWidgetsError)

_later = Worker("gptwidgets links")  # does what must not be done while a widget is locked
_links: weakref.WeakKeyDictionary[Any, list[weakref.ref[_Pair]]] = weakref.WeakKeyDictionary()


def gone(widget: Any) -> bool:
    """Whether a widget was closed."""
    return getattr(widget, "comm", widget) is None


def speaking(widget: Any) -> bool:
    """Whether it is the widget itself that sets its traits just now, and nobody's wish."""
    return bool(getattr(widget, "_speaking", False))


class Tie:
    """Something that two widgets share. A subclass watches traits, and says what follows."""

    def __init__(self) -> None:
        self._watched: list[tuple[Any, Callable[[Any], None], list[str]]] = []
        self.tied = True
        self.pair: _Pair | None = None

    def begin(self) -> None:
        """Brings both into line, once they are linked."""

    def watch(self, widget: Any, names: list[str], then: Callable[[Any], None]) -> None:
        """Calls `then(change)` when one of these traits changes, and never while the widget is locked.

        Two widgets that waited for each other's locks would wait for ever: what a widget tells while it is
        locked is taken up a moment later, in a thread of its own.
        """

        def heard(change: Any) -> None:
            if not self.tied or gone(widget):
                return
            lock = getattr(widget, "_lock", None)
            own = speaking(widget)
            if lock is not None and lock._is_owned():
                _later.submit(lambda: self._do(then, {**change, "own": own}))
            else:
                self._do(then, {**change, "own": own})

        widget.observe(heard, names)
        self._watched.append((widget, heard, names))

    def later(self, job: Callable[[], None]) -> None:
        """Does something soon, in the links' own thread."""
        _later.submit(lambda: self._do(lambda _: job(), None))

    def _do(self, then: Callable[[Any], None], change: Any) -> None:
        if self.tied:
            with contextlib.suppress(*REFUSED):  # what one can and the other cannot stays with the one
                then(change)

    def end(self) -> None:
        """Lets go of both."""
        self.tied = False
        for widget, heard, names in self._watched:
            with contextlib.suppress(ValueError, AttributeError):  # they let go of it themselves
                widget.unobserve(heard, names)
        self._watched.clear()


class Same(Tie):
    """A trait that both have: who sets one sets the other, as far as it can be there."""

    def __init__(self, one: Any, other: Any, name: str) -> None:
        super().__init__()
        self.one, self.other, self.name = one, other, name
        for source, target in ((one, other), (other, one)):
            self.watch(source, [name], lambda change, s=source, t=target: self._take(s, t, own=change["own"]))

    def begin(self) -> None:
        """The first one's value holds, unless it has none."""
        first = getattr(self.one, self.name)
        empty = first is None or (isinstance(first, list | tuple | str) and not first)
        source, target = (self.other, self.one) if empty else (self.one, self.other)
        self._take(source, target, own=False)

    def _take(self, source: Any, target: Any, *, own: bool) -> None:
        if gone(source) or gone(target) or (own and self.name in {"query", "key", "layer", "head"}):
            return  # a new text's own beginning is no choice of anybody
        value = getattr(source, self.name)
        now = getattr(target, self.name)
        if now is not value and (self.name == "gpt" or _plain(now) != _plain(value)):
            setattr(target, self.name, value)


def _plain(value: Any) -> Any:
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value


class _Pair:
    """Two widgets, and all that they share."""

    def __init__(self, one: Any, other: Any) -> None:
        from gptwidgets.widgets.ties import ties_of

        self.widgets = (one, other)
        self.ties: list[Tie] = ties_of(one, other)
        self.users = 0
        for tie in self.ties:
            tie.pair = self  # lives as long as they do

    def begin(self) -> None:
        for tie in self.ties:
            with contextlib.suppress(*REFUSED):
                tie.begin()

    def end(self) -> None:
        for tie in self.ties:
            tie.end()
        for widget in self.widgets:
            known = _links.get(widget, [])
            known[:] = [ref for ref in known if ref() not in {self, None}]


class Link:
    """What `gw.link` returns: the widgets follow each other until `unlink()`.

    Attributes:
        widgets: that are linked.

    Example:
        >>> with gw.link(play, heat):        # doctest: +SKIP
        ...     play.run().wait()
    """

    def __init__(self, widgets: tuple[Any, ...], pairs: list[_Pair]) -> None:
        self.widgets = widgets
        self._pairs = pairs

    @property
    def linked(self) -> bool:
        """Whether they still follow each other."""
        return bool(self._pairs)

    def unlink(self) -> None:
        """Ends it; each widget keeps what it shows. Doing so twice does nothing."""
        pairs, self._pairs = self._pairs, []
        for pair in pairs:
            pair.users -= 1
            if pair.users == 0:
                pair.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.unlink()

    def __repr__(self) -> str:
        names = ", ".join(type(widget).__name__ for widget in self.widgets)
        return f"Link({names}{'' if self.linked else '; unlinked'})"


def link(*widgets: Any) -> Link:
    """Lets widgets follow each other: a playground, heatmaps, a store, and widgets of one's own.

    Between a playground and a heatmap of one model: the text that is shown, a branch's, too; the token
    under the pointer; the token that is kept; heads that are off and edges that are cut, which the
    playground's runs and next tokens then feel; a head that is chosen colours the playground's text. A
    store's model, once it is loaded, is taken by all. Other widgets share the traits that they call by the
    same name, of `heads_off`, `cut`, `ablation`, `pointed`, `layer`, `head`, `query`, `key`, `direction`.

    Args:
        *widgets: two or more; each pair is linked. Pairs that are linked already stay one link.

    Returns:
        A handle, which ends it with `unlink()`, or as a context manager.

    Raises:
        TypeError: fewer than two widgets, the same one twice, or two that have nothing in common.

    Example:
        >>> play, heat = gw.Playground(gpt), gw.AttentionHeatmap(gpt)      # doctest: +SKIP
        >>> both = gw.link(play, heat)                                     # doctest: +SKIP
        >>> both.unlink()                                                  # doctest: +SKIP
    """
    if len(widgets) < 2:
        raise TypeError("gw.link takes two or more widgets: gw.link(play, heat).")
    for widget in widgets:
        if not isinstance(widget, t.HasTraits):
            raise TypeError(f"gw.link takes widgets, which have traits, and not {type(widget).__name__}.")
        if gone(widget):
            raise TypeError(f"This {type(widget).__name__} was closed; make a new one to link it.")
    if len({id(widget) for widget in widgets}) < len(widgets):
        raise TypeError("A widget cannot be linked to itself.")
    pairs: list[_Pair] = []
    fresh: list[_Pair] = []
    for one, other in combinations(widgets, 2):
        pair = next(_known(one, other), None)
        if pair is None:
            pair = _Pair(one, other)
            if not pair.ties and len(widgets) == 2:
                raise TypeError(
                    f"{type(one).__name__} and {type(other).__name__} have nothing in common to be linked "
                    f"by: no trait of {', '.join(SHARED[:-1])}."
                )
            fresh.append(pair)
        pairs.append(pair)
    for pair in fresh:
        for widget in pair.widgets:
            _links.setdefault(widget, []).append(weakref.ref(pair))
        pair.begin()
    for pair in pairs:
        pair.users += 1
    return Link(widgets, pairs)


def _known(one: Any, other: Any) -> Iterator[_Pair]:
    for ref in _links.get(one, []):
        pair = ref()
        if pair is not None and any(widget is other for widget in pair.widgets):
            yield pair
