"""How a playground stands in a notebook: live, and as text for the day when no kernel answers.

As the heatmap has its picture (see `gptwidgets.widgets.display`), a second output stands under the widget's,
known by its display id, which CSS hides as long as the live widget stands over it.
"""

from __future__ import annotations

import contextlib
import uuid
from html import escape
from typing import Any, cast

import traitlets as t

from gptwidgets.errors import GPTWidgetsError
from gptwidgets.widgets import display
from gptwidgets.widgets.playground import still
from gptwidgets.widgets.playground.service import Service

PLAIN = 20_000  # characters of text/plain


class Shown(Service):
    """A playground that leaves its last text in the notebook."""

    def __init__(self, gpt: Any, **options: Any) -> None:
        self._stills: list[str] = []  # display ids of the texts under the views
        self._answers = False  # whether a page has said hello
        self._warned = False
        self._superseded = False  # the same cell has run again since
        super().__init__(gpt, **options)
        self._supersede()

    def _ipython_display_(self, **_options: Any) -> None:
        bundle = self._repr_mimebundle_()
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        shell = display.shell_here()
        if shell is None or not hasattr(shell, "kernel"):
            display.publish({"text/plain": repr(self)}, {})  # a terminal
            return
        display.publish({**(data or {}), "text/plain": f"Playground({self._gpt.name})"}, metadata)
        cell = self._supersede()
        if not cell and self._latest is not None:  # nbconvert takes what is there now
            with contextlib.suppress(GPTWidgetsError, ValueError, TypeError):  # said in the widget
                self._latest.wait()
        name = uuid.uuid4().hex
        self._publish_still(name, update=False)
        self._stills = [*self._stills, name][-display.DISPLAYS :]
        if cell:
            display.Displayed._expect_answer(cast("Any", self), shell)

    def _settled(self) -> None:
        """The text in the notebook follows."""
        for name in self._stills:
            self._publish_still(name, update=True)

    def _publish_still(self, name: str, *, update: bool) -> None:
        data = self._still()
        if self._warned:
            words = display.missing().replace("heatmap", "playground")
            data["text/html"] = f"<p>{escape(words)}</p>{data.get('text/html', '')}"
            data["text/plain"] = f"{words}\n\n{data['text/plain']}"
        display.publish(data, {}, transient={"display_id": name}, update=update)

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

    # Whether anybody answers

    def _front_end_answers(self) -> None:
        self._answers = True
        if self._warned:
            self._warned = False
            self._settled()

    def _nobody_answered(self) -> None:
        if not self._answers and self.comm is not None:
            self._warned = True
            self._settled()

    # Running a cell again and again

    def _supersede(self) -> str:
        """Stops what an earlier run of this cell made, as far as no page shows it; returns the cell's id."""
        return display.Displayed._supersede(cast("Any", self))

    @t.observe("_view_count")
    def _views_changed(self, change: Any) -> None:
        if not change["new"]:
            self._sleep_unseen()

    def _sleep_unseen(self) -> None:
        if self._superseded and not self._view_count:
            self.halt()  # the cell's new run waits for the model
            self._stills = []
