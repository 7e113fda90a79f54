"""What a person changes inside a model, as traits: heads that are off, and edges that are cut."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import traitlets as t

from gptwidgets.errors import ClosedError
from gptwidgets.kernel.intervention import Intervention


class _Changes(t.TraitType[Any, Any]):
    """A list that only a GPT's widget can have anything in, in the order of the grid."""

    default_value = ()

    def validate(self, obj: Any, value: Any) -> list[Any]:
        """Checks each part against the model."""
        if obj._speaking:  # what stood there before
            return list(value)
        if isinstance(value, str):
            raise TypeError(f'{self.name} is a list: ["{value}"].')
        if isinstance(value, Iterable) and not value:
            return []
        gpt = obj._gpt
        if gpt is None:
            raise TypeError(
                "Only in a GPT can heads be switched off; this heatmap shows a record or an array."
            )
        if gpt.closed:
            raise ClosedError(f"{gpt.name} is closed and can no longer be changed; load it with gw.load().")
        return self.checked(gpt, value)

    def checked(self, gpt: Any, value: Any) -> list[Any]:
        raise NotImplementedError


class HeadsOff(_Changes):
    """Heads as [layer, head]; also understood as "L18H6"."""

    def checked(self, gpt: Any, value: Any) -> list[Any]:
        """All heads, each once."""
        return [list(head) for head in sorted(Intervention.of(gpt, heads_off=value).heads_off)]


class Cut(_Changes):
    """Edges as [layer, head, query, key]; also understood as ("L18H6", query, key)."""

    def checked(self, gpt: Any, value: Any) -> list[Any]:
        """All edges, each once."""
        return [list(edge) for edge in sorted(Intervention.of(gpt, cut=value).cut)]
