"""What was set and what was written, as JSON: to share a playground, or to find it again tomorrow."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, Self

from gptwidgets.widgets.playground.service import Service
from gptwidgets.widgets.playground.settings import LOOKS, RULES, _trait
from gptwidgets.widgets.playground.story import read, whole_story
from gptwidgets.widgets.saved import VERSION, all_or_nothing, checked_state

SET = (*LOOKS, "prompt", "messages", "chat", *map(_trait, RULES), "n", "alternatives", "other")
WRITTEN = ("tree", "story", "story_columns", "leaf")


class Kept(Service):
    """`state()` and `restore()`."""

    def state(self) -> dict[str, Any]:
        """Everything that was set and written, as plain JSON values.

        Returns:
            A dict for `restore()`, here or in another notebook; `json.dumps` takes it as it is.

        Example:
            >>> other.restore(play.state())  # doctest: +SKIP
        """
        story, columns = whole_story(self.nodes, self._vocabulary)
        tree = [{**node.entry(), "given": node.given, "source": node.source} for node in self.nodes]
        written = {"tree": tree, "story": base64.b64encode(story).decode(), "story_columns": columns}
        named = {name: getattr(self, name) for name in SET}
        state = {"gptwidgets": VERSION, "model": self._gpt.name, **named, **written, "leaf": self.leaf}
        return json.loads(json.dumps(state))  # a copy that shares nothing

    def restore(self, state: Mapping[str, Any] | str) -> Self:
        """Shows what `state()` described, in place of what was written here.

        Args:
            state: what `state()` returned, or its JSON text. Parts may be missing.

        Returns:
            The widget itself.

        Raises:
            TypeError: it is no such state, or has a part that does not exist.
            ValueError: a value that cannot be, or JSON that cannot be read.
        """
        state = checked_state(state, "playground", ("model", *SET, *WRITTEN))
        with all_or_nothing(self, SET):
            nodes, pieces = _written(state)
            if nodes and state.get("model", self._gpt.name) != self._gpt.name:
                raise ValueError(
                    f"This was written by {state['model']}, whose tokens {self._gpt.name} does not share: "
                    "load that model."
                )
            for name in SET:
                if name in state:
                    setattr(self, name, state[name])
        if nodes:
            self.halt()
            self.nodes.replace(nodes)
            self._draft = self._seen_next = None
            for id_, piece in pieces.items():
                self._vocabulary.keep(id_, piece)
            leaf = state.get("leaf", "")
            self._refresh(leaf=leaf if leaf in self.nodes.nodes else "", token=None)
        return self


def _written(state: Mapping[str, Any]) -> tuple[list[Any], dict[int, str]]:
    """The nodes and pieces of a state, checked."""
    if not state.get("tree"):
        return [], {}
    try:
        story = base64.b64decode(state["story"], validate=True)
        return read(state["tree"], story, state["story_columns"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"What this state says was written cannot be read: {error}") from None
