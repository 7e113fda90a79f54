"""What ties widgets of this package: a text, the colours of a head, a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gptwidgets.errors import ClosedError
from gptwidgets.kernel import tiles
from gptwidgets.widgets.linking import SHARED, Same, Tie, gone
from gptwidgets.widgets.service import CHOSEN

if TYPE_CHECKING:
    from gptwidgets.kernel.gpt import GPT

WRITES, LOOKS, STOCKS = ("leaf", "tree", "prompt"), ("query", "tokens", "info"), ("model_name", "found")
PLACED = {"pointed", "query", "key"}  # positions in a text, which must be the same in both


def ties_of(one: Any, other: Any) -> list[Tie]:
    """All that these two can share."""
    both = [name for name in SHARED if one.has_trait(name) and other.has_trait(name)]
    for writer, looker in ((one, other), (other, one)):
        if _has(writer, WRITES) and _has(looker, LOOKS):
            same = [Same(looker, writer, name) for name in both if name not in {*PLACED, "gpt"}]
            texts = Texts(writer, looker)
            places = [Places(texts, "pointed", "pointed"), Places(texts, "token", "query")]
            return [*_one_model(one, other), *same, texts, *places, Cells(texts), Colours(texts)]
        if _has(writer, STOCKS) and looker.has_trait("gpt"):
            return [Models(writer, looker)]
    return [*_one_model(one, other), *(Same(one, other, name) for name in both if name != "gpt")]


def _has(widget: Any, names: tuple[str, ...]) -> bool:
    return all(widget.has_trait(name) for name in names)


def _one_model(one: Any, other: Any) -> list[Tie]:
    """Two widgets of one model stay so; two of two models are there to be compared."""
    mine, theirs = (getattr(widget, "gpt", None) for widget in (one, other))
    return [Same(one, other, "gpt")] if mine is not None and mine is theirs else []


class Models(Tie):
    """The model that a store has loaded last becomes the other widget's."""

    def __init__(self, shop: Any, widget: Any) -> None:
        super().__init__()
        self._shop, self._widget = shop, widget
        self.watch(shop, ["model_name"], lambda _: self.later(self._take))

    def _take(self) -> None:
        gpt = self._shop.model
        if gpt is not None and not gpt.closed and not gone(self._widget) and self._widget.gpt is not gpt:
            self._widget.gpt = gpt


class Texts(Tie):
    """The text that a playground shows is the one that a heatmap shows, a branch's, too."""

    def __init__(self, play: Any, heat: Any) -> None:
        super().__init__()
        self.play, self.heat = play, heat
        self._shared: tuple[Any, int] = (None, 0)
        self._followed: Any = None  # what lets the heatmap grow with the playground's runs
        self._of: Any = None  # the model that it follows
        names = ["leaf", "status", "prompt", "messages", "chat", "gpt"]
        self.watch(play, names, lambda _: self.later(self._show))
        self.watch(heat, ["info", "gpt"], lambda _: self.later(self._show))
        self.watch(heat, ["text"], self._edited)

    def begin(self) -> None:
        """What was written holds, or else what there is to read."""
        self._follow()
        if not self.play.leaf and not self.play.source and self.heat.text:
            self.play.prompt = self.heat.text
        elif not self._is_shown():
            self._show()

    @property
    def one_model(self) -> bool:
        """Whether both are of one model, in this kernel."""
        gpt: GPT | None = getattr(self.play, "gpt", None)
        if gpt is None or gpt is not getattr(self.heat, "gpt", None) or gpt.closed:
            return False
        return "attention" in gpt.can and not gone(self.play) and not gone(self.heat)

    def _follow(self) -> None:
        """Lets the heatmap grow while the playground writes, with the model that both have now."""
        gpt = self.play.gpt if self.one_model else None
        if gpt is self._of:
            return
        if self._followed is not None:
            self._followed.stop()
        self._of, self._followed = gpt, None
        if gpt is not None:
            self._followed = self.heat.follow(self.play)

    def end(self) -> None:
        """Lets go of both; the heatmap follows no further."""
        super().end()
        if self._followed is not None:
            self._followed.stop()
            self._followed = self._of = None

    def _grows(self) -> bool:
        """Whether the heatmap is still taking in the last rows of what is shown."""
        heat, run = self.heat, self.play._latest
        live = heat._live
        shown = run is not None and bool(run.nodes) and run.nodes[0].id == self.play.leaf
        return shown and live is not None and not live.reason and heat._live_name in {"", heat._record_name}

    def _is_shown(self) -> bool:
        read = self.heat._read
        return read == self.play.source if not self.play.leaf else read == self.play.path_ids()

    def _show(self) -> None:
        """The heatmap reads what the playground shows, once it stands still."""
        play, heat = self.play, self.heat
        self._follow()
        with heat._lock:  # what it is just telling it has told
            grows = self._grows()
        if not self.one_model or play.status in {"running", "loading", "closed"} or grows:
            return
        node = play.nodes.nodes.get(play.leaf)
        if node is None:
            source = play.source
            if source and heat._read != source:
                heat._begin(source)
        elif not node.running and not self._has_ids(play.path_ids()):
            heat._begin(play.path_ids())

    def _has_ids(self, ids: list[int]) -> bool:
        """Whether the heatmap shows these ids, or is about to."""
        heat = self.heat
        if heat.status == "recording":
            return isinstance(heat._read, list) and heat._read == ids
        return heat.status == "ready" and list(heat.tokens.get("ids", ())) == ids

    def _edited(self, change: Any) -> None:
        """A text that is typed into the heatmap is the playground's prompt."""
        play, text = self.play, change["new"]
        if change["own"] or not text or not self.one_model or (not play.chat and play.prompt == text):
            return
        with play.hold_sync():
            play.leaf, play.token = "", None
            play.chat = False
            play.prompt = text

    def length(self) -> int:
        """How many tokens both texts begin with in common."""
        play, heat = self.play, self.heat
        if not self.one_model:
            return 0
        node = play._node_of(None)
        theirs = heat.tokens.get("ids") or []
        of = (heat.info.get("record"), len(theirs), node and node.id, node and play.nodes.length(node))
        if of != self._shared[0]:
            ours = play.nodes.ids(node) if node is not None else []
            if node is None and heat._read == play.source:
                same = len(theirs)  # the prompt, which the playground has not read yet
            else:
                most = min(len(ours), len(theirs))
                differ = np.flatnonzero(np.asarray(ours[:most]) != np.asarray(theirs[:most]))
                same = int(differ[0]) if len(differ) else most
            self._shared = (of, same)
        return self._shared[1]


class Places(Tie):
    """A token of the playground's text is the heatmap's, where both texts are the same up to it."""

    def __init__(self, texts: Texts, ours: str, theirs: str) -> None:
        super().__init__()
        ends = ((texts.play, ours), (texts.heat, theirs))
        for (source, name), (target, to) in (ends, ends[::-1]):
            self.watch(source, [name], lambda change, t=target, n=to: self._take(texts, change, t, n))

    def _take(self, texts: Texts, change: Any, target: Any, name: str) -> None:
        at = change["new"]
        if change["own"] or gone(target) or getattr(target, name) == at:
            return
        if at is None or at < texts.length():
            setattr(target, name, at)


class Cells(Tie):
    """A cell of the playground's logit lens is the layer that ran last, and the token, in the heatmap.

    And back: the layer and the token that are chosen in the heatmap are the lens's cell.
    """

    def __init__(self, texts: Texts) -> None:
        super().__init__()
        self._texts = texts
        if texts.play.has_trait("lens_cell"):
            self.watch(texts.play, ["lens_cell"], self._take)
            self.watch(texts.heat, ["layer", "query"], self._give)

    def _give(self, change: Any) -> None:
        """Only what was chosen moves: the embedding's row stays one while another token is."""
        play, heat, of = self._texts.play, self._texts.heat, change["name"]
        if change["own"] or gone(play) or not isinstance(heat.layer, int):
            return
        row, at = play.lens_cell or (heat.layer + 1, heat.query)
        row, at = (heat.layer + 1, at) if of == "layer" else (row, heat.query)
        if at is not None and at < self._texts.length() and play.lens_cell != [row, at]:
            play.lens_cell = [row, at]

    def _take(self, change: Any) -> None:
        cell, heat = change["new"], self._texts.heat
        if change["own"] or cell is None or gone(heat) or cell[1] >= self._texts.length():
            return
        heat.query = cell[1]
        if cell[0]:  # the embedding is no layer
            heat.layer = cell[0] - 1


class Colours(Tie):
    """What the chosen head looks at, as the colours of the playground's text.

    From the token under the pointer, or else from the one that is kept, or else from the last one, which
    is where the next token comes from.
    """

    def __init__(self, texts: Texts) -> None:
        super().__init__()
        self._texts, self._asked = texts, 0
        heat, play = texts.heat, texts.play
        self.watch(heat, ["layer", "head"], self._chosen)
        self.watch(heat, ["query", "pointed", "hide_sink", "info"], lambda _: self._colour())
        self.watch(play, ["leaf", "color"], lambda _: self._colour())

    def begin(self) -> None:
        """Makes the colours, without choosing them."""
        self._colour()

    def _chosen(self, change: Any) -> None:
        play = self._texts.play
        if not change["own"] and self._texts.one_model and play.color != "attention":
            play.color = "attention"  # somebody chose a head, and wants to see it
        self._colour()

    def _colour(self) -> None:
        play, heat = self._texts.play, self._texts.heat
        shared = self._texts.length()
        if shared == 0:
            return
        self._asked += 1
        asked, leaf = self._asked, play.leaf
        at = next((one for one in (heat.pointed, heat.query) if one is not None and one < shared), shared - 1)
        layer, head, hide = heat.layer, heat.head, heat.hide_sink

        def job(record: Any) -> Any:
            if asked != self._asked or at >= record.length:
                return
            weights = yield from tiles.line_steps(record, layer, head, query=at, sink_hidden=hide)
            if asked == self._asked and self.tied and not gone(play):
                name = f"L{layer}H{head}" if isinstance(layer, int) and isinstance(head, int) else "The heads"
                words = f"{name}: what “{record.tokens.pieces[at].strip()}” looks at"
                play.show_attention(np.asarray(weights), words, leaf)

        try:
            heat._later(job, CHOSEN)
        except ClosedError:
            return

    def end(self) -> None:
        """Takes the colours away."""
        super().end()
        play = self._texts.play
        if not gone(play):
            if play.color == "attention":
                play.color = "probability"
            play.show_attention(None)
