"""What one looks for and at, as JSON: to share it, or to find it again tomorrow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from gptwidgets.widgets.saved import VERSION, all_or_nothing, checked_state
from gptwidgets.widgets.store.finding import LOOKED_FOR
from gptwidgets.widgets.store.service import Service

SET = (*LOOKED_FOR, "selected", "compared", "view", "title", "height", "presentation")


class Kept(Service):
    """`state()` and `restore()`."""

    def state(self) -> dict[str, Any]:
        """Everything that a person has chosen, as plain JSON values.

        Returns:
            A dict for `restore()`, here or in another notebook; `json.dumps` takes it as it is.

        Example:
            >>> other.restore(shop.state())  # doctest: +SKIP
        """
        chosen = {name: getattr(self, name) for name in SET}
        return {"gptwidgets": VERSION, **chosen, "compared": list(self.compared)}

    def restore(self, state: Mapping[str, Any] | str) -> Self:
        """Looks for what `state()` described.

        Args:
            state: what `state()` returned, or its JSON text. Parts may be missing.

        Returns:
            The widget itself.

        Raises:
            TypeError: it is no such state, or has a part that does not exist.
            ValueError: a value that cannot be, or JSON that cannot be read.
        """
        state = checked_state(state, "store browser", SET)
        with self.hold_sync(), all_or_nothing(self, SET):
            for name in SET:
                if name in state:
                    setattr(self, name, state[name])
        return self
