"""The store in a notebook that was saved: the listings that were found, under the live widget.

See `gptwidgets.widgets.standing`.
"""

from __future__ import annotations

from html import escape
from typing import Any

from gptwidgets.widgets import standing
from gptwidgets.widgets.standing import Standing
from gptwidgets.widgets.store import still
from gptwidgets.widgets.store.service import Service


class Shown(Standing, Service):
    """A store browser that leaves what it found in the notebook."""

    _gpt: Any = None  # a store is no one model's

    def _finish(self) -> None:
        self.wait()

    def _settled(self) -> None:
        self._renew()

    def _publish_still(self, still: str, *, update: bool) -> None:
        data = self._still()
        if self._warned:
            words = standing.missing(self._name)
            data["text/html"] = f"<p>{escape(words)}</p>{data.get('text/html', '')}"
            data["text/plain"] = f"{words}\n\n{data['text/plain']}"
        standing.publish(data, {}, transient={"display_id": still}, update=update)

    def _still(self) -> dict[str, str]:
        """What was found as text/plain and text/html."""
        if not self.found:
            return {"text/plain": self.error.get("message", "")}
        total = f"{self.found['total']:,}{'+' if self.found['capped'] else ''}"
        for_ = f" for “{self.found['words']}”" if self.found["words"] else ""
        return still.table(self.found["rows"], f"{total} models{for_}.")

    def _fall_asleep(self) -> None:
        self._stills = []
