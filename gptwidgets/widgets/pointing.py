"""The token that a hand points at, as a trait: so that other widgets can light the same one."""

from __future__ import annotations

from typing import Any

import traitlets as t

from gptwidgets.widgets.values import whole


class Pointed(t.TraitType[Any, Any]):
    """A token's position, or None.

    It follows the hand, which is on its way while texts change: a page that has no such token lights none,
    and nobody is told of an error.
    """

    allow_none = True
    default_value = None

    def validate(self, _obj: Any, value: Any) -> int | None:
        """Checks for a whole number from 0 on."""
        if value is None:
            return None
        number = whole(value, f"{self.name}")
        if number < 0:
            raise ValueError(f"{self.name} is a token's position from 0 on, not {number}.")
        return number
