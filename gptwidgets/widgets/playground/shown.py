"""The playground in a notebook that was saved: its last text, under the live widget.

See `gptwidgets.widgets.standing`.
"""

from __future__ import annotations

from html import escape

from gptwidgets.widgets import standing
from gptwidgets.widgets.playground import still
from gptwidgets.widgets.playground.service import Service
from gptwidgets.widgets.standing import Standing

PLAIN = 20_000  # characters of text/plain


class Shown(Standing, Service):
    """A playground that leaves its last text in the notebook."""

    def _finish(self) -> None:
        if self._latest is not None:
            self._latest.wait()

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
        """What is shown as text/plain and text/html."""
        node = self._node_of(None)
        if node is None:
            return {"text/plain": self.error.get("message", "")}
        tokens = self.nodes.columns(node, 0, self.nodes.length(node))
        given = self.nodes.segments(node)[0][2] if self.nodes.segments(node) else 0
        caption = [f"{self._gpt.name}: {len(tokens):,} tokens."]
        if self.error:
            caption.append(self.error["message"])
        caption.append("Run the cell to make it live.")
        plain = tokens.text if len(tokens.text) <= PLAIN else "…" + tokens.text[-PLAIN:]
        return {
            "text/plain": plain.encode("utf-8", "replace").decode(),
            "text/html": still.html(tokens, given, self.color, caption),
        }

    def _fall_asleep(self) -> None:
        self.halt()  # the cell's new run waits for the model
        self._stills = []
