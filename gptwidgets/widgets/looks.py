"""What a person chooses, in the browser or in Python: the text, the head, the token, how it is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import traitlets as t

from gptwidgets.widgets.base import BaseWidget, told
from gptwidgets.widgets.pointing import Pointed
from gptwidgets.widgets.values import HEAD, Filter, Place, Position, Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gptwidgets.kernel.gpt import GPT
    from gptwidgets.kernel.record import AttentionRecord


def sendable(text: str, _widget: object) -> str:
    """A text as the wire can carry it: half a surrogate pair becomes a question mark."""
    return text.encode("utf-8", "replace").decode()


class Looks(BaseWidget):
    """The traits that the browser and Python both write, with their checks."""

    SCORES = (
        *("entropy", "distance", "first", "previous", "same"),  # of the weights
        *("induction", "effect", "direct", "value", "own"),  # of the model, once they were measured
    )

    text = t.Unicode("", help="What the GPT reads. Setting it records anew; the latest text wins.").tag(
        sync=True, to_json=sendable
    )
    title = t.Unicode("", help="A heading over the picture; empty for none.").tag(sync=True, to_json=sendable)
    height = t.Int(560, min=200, max=4000, help="Height in pixels.").tag(sync=True)
    presentation = t.Bool(False, help="Large type, for the last row of a class.").tag(sync=True)
    editable = t.Bool(True, help="Whether the text can be edited in the browser (needs a GPT).").tag(
        sync=True
    )

    layer = Place(0, help='Chosen layer: its number, "mean" or "max"; or a head such as "L18H6".').tag(
        sync=True
    )
    head = Place(0, help='Chosen head: its number, "mean" or "max"; or a head such as "L18H6".').tag(
        sync=True
    )
    query = Position(help="The locked query token's position, or None.").tag(sync=True)
    key = Position(help="The locked key token's position, or None.").tag(sync=True)
    pointed = Pointed(help="The position of the token under the pointer, or None.").tag(sync=True)
    direction = t.Enum(
        ["from", "to"], "from", help='"from": what the chosen token looks at; "to": who looks at it.'
    ).tag(sync=True)
    view = Window(help="Part in view: [first row, first column, rows, columns] in tokens; [] for all.").tag(
        sync=True
    )
    scale = t.Enum(["linear", "sqrt", "log"], "sqrt", help="How weights become colours.").tag(sync=True)
    colormap = t.Enum(
        ["auto", "viridis", "cividis", "magma", "grey"], "auto", help="Colours; auto follows light and dark."
    ).tag(sync=True)
    hide_sink = t.Bool(
        True, help="Leave the first token out and renormalise the rest; on by default for causal attention."
    ).tag(sync=True)
    sort = t.Enum(
        ["", *SCORES], "", help="Score by which the grid is sorted; empty for the model's own order."
    ).tag(sync=True)
    color = t.Enum(
        ["", *SCORES], "", help="Score whose value tints the grid's cells; empty for their pictures."
    ).tag(sync=True)
    descending = t.Bool(True, help="Largest score first.").tag(sync=True)
    filter = Filter(help="Heads shown: [score, smallest, largest] (None: no limit); [] for all.").tag(
        sync=True
    )
    aggregates = t.Bool(
        False, help="Mean and maximum over heads and layers as further heads of the grid."
    ).tag(sync=True)

    info = told(t.Dict(help="Shape and origin of the record: length, layers, heads, windows, name, device."))

    notes = told(t.List(help="Sentences to know: approximations, where the weights come from."))
    status = told(
        t.Enum(
            ["empty", "loading", "recording", "ready", "error", "closed"],
            "empty",
            help="What is going on now.",
        )
    )

    # Set by the widget before __init__
    _gpt: GPT | None
    _record: AttentionRecord | None
    _head_chosen: bool  # somebody chose a head, so that we do not
    _sink_chosen: bool

    def choose(self, layer: int | str | None, head: int | str | None = None) -> Self:
        """Chooses a head.

        Args:
            layer: layer number, "mean" or "max"; or a whole name such as "L18H6".
            head: head number, "mean" or "max"; None leaves it as it is.

        Returns:
            The widget itself.

        Raises:
            IndexError: the record has no such layer or head.
        """
        named = HEAD.fullmatch(layer) if isinstance(layer, str) and head is None else None
        if named:
            layer, head = int(named[1]), int(named[2])
        both = (("layer", Looks.layer, layer), ("head", Looks.head, head))
        wanted = {name: trait.validate(self, place) for name, trait, place in both if place is not None}
        with self._lock, self.hold_sync(), self.hold_trait_notifications():
            for name, place in wanted.items():
                setattr(self, name, place)
        self._head_chosen = True
        return self

    def check_place(self, name: str, number: int) -> int:
        """Checks a layer's or a head's number against the record, or the model where there is none yet."""
        record, gpt = self._record, self._gpt
        if record is not None:
            there: Sequence[int] = record.layers if name == "layer" else range(record.n_heads)
        elif gpt is not None:
            there = range(gpt.n_layers if name == "layer" else gpt.n_heads)
        else:
            return number
        if number in there:
            return number
        some = list(there) != list(range(len(there)))  # a record of chosen layers
        has = ", ".join(map(str, there)) if some else f"{there[0]} to {there[-1]}"
        owner = "record" if some else "model"
        raise IndexError(f"{name} {number} does not exist; this {owner} has {name}s {has}")

    def check_position(self, position: int) -> int:
        """Checks a token's position; negative ones count from the end."""
        fixed = self._gpt is None and self._record is not None
        length = self._record.length if fixed and self._record else self.info.get("length")
        if length is None or (not fixed and self.status in {"loading", "recording"}):
            return position  # of the text that is being read: checked when it is there
        if not -length <= position < length:
            raise IndexError(f"token {position} does not exist; this text has tokens 0 to {length - 1}")
        return position % length
