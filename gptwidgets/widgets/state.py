"""What one looks at, as JSON: to share a view, or to find it again tomorrow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from gptwidgets.widgets.recording import PLACES, Recording
from gptwidgets.widgets.saved import VERSION, all_or_nothing, checked_state

CHANGES = ("heads_off", "ablation", "compare", "switching")
LOOKS = (
    *("title", "height", "presentation", "scale", "colormap", "sort", "color", "descending"),
    *("filter", "aggregates", "step"),
    *CHANGES,
)


class Shared(Recording):
    """`state()` and `restore()`."""

    def state(self) -> dict[str, Any]:
        """Everything that a person has chosen, as plain JSON values.

        Returns:
            A dict for `restore()`, here or in another notebook; `json.dumps` takes it as it is.

        Example:
            >>> other.restore(heat.state())  # doctest: +SKIP
        """
        named = {name: getattr(self, name) for name in LOOKS + PLACES}
        named["view"], named["filter"] = list(named["view"]), list(named["filter"])
        read = {} if isinstance(self._read, str | None) else {"read": plain(self._read)}
        return {"gptwidgets": VERSION, "text": self.text, **read, **named}

    def restore(self, state: Mapping[str, Any] | str) -> Self:
        """Shows what `state()` described. Where the text is another one, it is recorded first.

        Args:
            state: what `state()` returned, or its JSON text. Parts may be missing.

        Returns:
            The widget itself.

        Raises:
            TypeError: it is no such state, or has a part that does not exist.
            ValueError: a value that cannot be, or JSON that cannot be read.
            IndexError: a layer, head or token that this record does not have.
        """
        state = checked_state(state, "heatmap", ("text", "read", *LOOKS, *PLACES))
        with all_or_nothing(self, LOOKS + PLACES):
            self._restore(state)
        return self

    def _restore(self, state: Mapping[str, Any]) -> None:
        places = {name: state[name] for name in PLACES if name in state}
        for name in {"hide_sink", "direction", "view"} & places.keys():  # can be judged without the record
            getattr(type(self), name)._validate(self, places[name])
        for name in LOOKS:
            if name in state:
                setattr(self, name, state[name])
        text = state.get("text", self.text)
        getattr(type(self), "text")._validate(self, text)  # noqa: B009 - the trait, not its value
        now = self.text if self._read is None else plain(self._read)
        read = state.get("read", text if "text" in state else now)
        if not isinstance(read, str | list):
            raise TypeError(f"What was read is a text, ids or messages, not {read!r}.")
        with self._lock:
            if self._gpt is not None and read and read != now:
                self._pending = places
                self._begin(read)
            elif self.status == "recording":
                self._pending = places
            else:
                self._set_places(places)

    def _set_places(self, places: Mapping[str, Any]) -> None:
        """Sets layer and head together, then what lies within."""
        rest = dict(places)
        if rest.keys() & {"layer", "head"}:
            self.choose(rest.pop("layer", None), rest.pop("head", None))
        for name, value in rest.items():
            setattr(self, name, value)


def plain(read: Any) -> Any:
    """What was read as plain JSON values: a text, a list of ids, or a list of chat messages."""
    if isinstance(read, str):
        return read
    read = read.tolist() if hasattr(read, "tolist") else read
    if not isinstance(read, Sequence):
        return read
    return [dict(one) if isinstance(one, Mapping) else one for one in map(_number, read)]


def _number(one: Any) -> Any:
    return one.item() if hasattr(one, "item") else one
