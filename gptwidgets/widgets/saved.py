"""A widget's state as it comes back: read from JSON, checked, and set as a whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any

import traitlets as t

VERSION = 1


def checked_state(state: Mapping[str, Any] | str, what: str, names: Iterable[str]) -> Mapping[str, Any]:
    """What was given to `restore()`, as a dict of parts that exist.

    Args:
        state: what `state()` returned, or its JSON text.
        what: how to call the widget.
        names: the parts that there are.

    Raises:
        TypeError: it is no such state, or has a part that does not exist.
        ValueError: JSON that cannot be read.

    Example:
        >>> checked_state('{"gptwidgets": 1, "height": 400}', "heatmap", ["height"])["height"]
        400
    """
    if isinstance(state, str):
        try:
            state = json.loads(state)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"This is not the JSON of what state() returned: {error}.") from None
    if not isinstance(state, Mapping) or state.get("gptwidgets", VERSION) != VERSION:
        raise TypeError("restore() takes what state() returned.")
    unknown = set(state) - {"gptwidgets", *names}
    if unknown:
        raise TypeError(f"A {what}'s state has no '{next(iter(unknown))}'.")
    return state


@contextmanager
def all_or_nothing(widget: t.HasTraits, names: Iterable[str]) -> Generator[None]:
    """Puts these traits back as they were where the block fails; a value that cannot be is a ValueError."""
    before = {name: getattr(widget, name) for name in names}
    try:
        yield
    except Exception as error:
        for name, value in before.items():
            if getattr(widget, name) != value:
                setattr(widget, name, value)
        raise (ValueError(str(error)) if isinstance(error, t.TraitError) else error) from None
