"""`Lab`: the instruments in one layout, linked: a GPT that writes, and what its heads look at meanwhile."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets

from gptwidgets.errors import ClosedError, GPTWidgetsError
from gptwidgets.kernel.gpt import GPT
from gptwidgets.widgets import linking
from gptwidgets.widgets import standing as standing_
from gptwidgets.widgets.heatmap import AttentionHeatmap
from gptwidgets.widgets.playground.playground import Playground
from gptwidgets.widgets.store.browser import StoreBrowser

STORE = 400  # pixels


class Lab(ipywidgets.VBox):
    """A playground above, a heatmap below, linked; and the store where it is asked for.

    Args:
        source: a GPT (`gw.load()`), or a text, for which the default model is loaded.
        text: what to begin with: a text, or chat messages.
        heights: of the playground's text and of the heatmap's pictures in pixels; by default both fit into
            the window, on a projector of 1280 × 720, too. They can be pulled at their lower right corners.
        **options: any trait of the playground or of the heatmap, such as `temperature=0` or `scale="log"`;
            those that both have, such as `presentation`, go to both.

    Attributes:
        play: the `Playground`.
        heat: the `AttentionHeatmap`.
        link: what links them; `lab.link.unlink()` lets each go its own way.

    Raises:
        TypeError: neither a GPT nor a text, or a keyword that neither widget has.
        ClosedError: the GPT is closed.

    Example:
        >>> import gptwidgets as gw
        >>> lab = gw.Lab("Professor Zorbelquist opened the door.")      # doctest: +SKIP
        >>> lab.play.run().wait().text                                  # doctest: +SKIP
        >>> lab.heat.switch_off(4, by="induction")                      # doctest: +SKIP
        >>> lab.play.run().wait().text                                  # doctest: +SKIP
    """

    def __init__(
        self,
        source: Any,
        text: str | Sequence[Mapping[str, str]] | None = None,
        *,
        heights: tuple[int, int] | None = None,
        **options: Any,
    ) -> None:
        if isinstance(source, str):
            if text is not None:
                raise TypeError("Lab takes a GPT first and the text second: Lab(gw.load(), text).")
            text = source
        elif not isinstance(source, GPT):
            raise TypeError(
                f"A Lab needs a GPT, gw.Lab(gw.load(), text), or only a text, not {type(source).__name__}."
            )
        ours, theirs = _shared_out(options)
        self._opened: list[Any] = []  # what is ours to close
        self._shop: StoreBrowser | None = None
        try:
            gpt = source if isinstance(source, GPT) else self._own(_default())
            if heights is not None:
                ours["height"], theirs["height"] = heights
            self.play: Playground = self._own(Playground(gpt, text, **ours))
            self.heat: AttentionHeatmap = self._own(AttentionHeatmap(gpt, **theirs))
        except BaseException:
            self._close_all()
            raise
        self.heat._leave_out_model_notes()  # the playground says them above
        self.link = linking.link(self.play, self.heat)
        super().__init__([self.play, self.heat])
        self.add_class("gw-lab")
        if heights is None:
            self.add_class("gw-lab-fits")
        self.play.observe(self._exchanged, ["gpt"])

    @property
    def gpt(self) -> GPT:
        """The model of both; another one can be set, and then reads the text."""
        return self.play.gpt

    @gpt.setter
    def gpt(self, gpt: GPT) -> None:
        self._live()
        self.heat.gpt = gpt  # refused here where it has no attention
        self.play.gpt = gpt

    @property
    def shop(self) -> StoreBrowser | None:
        """The store that is open in this lab, or None."""
        return self._shop

    def store(self, store: Any = None, **options: Any) -> StoreBrowser:
        """Opens the store above the instruments; a model that is loaded in it is the lab's from then on.

        Args:
            store: a `gw.Store`; by default the one of this computer.
            **options: any trait of a `gw.StoreBrowser`, such as `query="small chat model"`.

        Returns:
            The store browser; one that is open already. `lab.shop.close()` closes it.
        """
        self._live()
        if self._shop is None or self._shop.comm is None:
            self._shop = shop = StoreBrowser(store, **{"height": STORE, "installed": True, **options})
            linking.link(shop, self.play)
            linking.link(shop, self.heat)
            self.children = [shop, self.play, self.heat]
        return self._shop

    def close(self) -> None:
        """Takes the lab off all pages and closes what it opened, a model that it loaded included."""
        if self.comm is None:
            return
        self.link.unlink()
        super().close()
        self._close_all()

    def _live(self) -> None:
        if self.comm is None:
            raise ClosedError("This lab was closed; make a new one.")

    def _own(self, made: Any) -> Any:
        self._opened.append(made)
        return made

    def _close_all(self) -> None:
        shop, self._shop = self._shop, None
        loaded = None if shop is None else shop.model
        if loaded is not None and loaded is self.gpt and loaded not in self._opened:
            self._opened.insert(0, loaded)  # it has only just come
        for made in [*([] if shop is None else [shop]), *reversed(self._opened)]:
            with contextlib.suppress(GPTWidgetsError):
                made.close()
        self._opened.clear()

    def _exchanged(self, change: Any) -> None:
        """Another model has come: one that this lab loaded, here or in its store, is not needed any more."""
        before, now = change["old"], change["new"]
        if self.heat.gpt is not now:
            with contextlib.suppress(GPTWidgetsError, TypeError):
                self.heat.gpt = now
        if self._shop is not None and now is self._shop.model and now not in self._opened:
            self._own(now)
        if before in self._opened and before is not now:
            self._opened.remove(before)
            before.close()

    def _ipython_display_(self, **_options: Any) -> None:
        bundle = self._repr_mimebundle_()
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        shell = standing_.shell_here()
        if shell is None or not hasattr(shell, "kernel"):
            standing_.publish({"text/plain": repr(self)}, {})  # a terminal
            return
        standing_.publish({**(data or {}), "text/plain": repr(self)}, metadata)
        for part in (self.play, self.heat):
            part._stand(shell)

    def _display_(self) -> Any:
        """What marimo shows: it knows our widgets, and no box around them."""
        from marimo import vstack  # pyright: ignore[reportMissingImports]

        return vstack([*self.children])

    def __repr__(self) -> str:
        return f"Lab({self.play.gpt.name})"


def _default() -> GPT:
    from gptwidgets.verbs import load

    return load()


def _shared_out(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of the playground, and those of the heatmap."""
    known = [
        {name for name in kind.class_trait_names(sync=True) if not name.startswith("_")}
        - set(kind.class_trait_names(status=True))
        for kind in (Playground, AttentionHeatmap)
    ]
    known[0].add("sampling")
    for name in options:
        if name not in known[0] | known[1] or name == "height":
            near = difflib.get_close_matches(name, known[0] | known[1], n=1, cutoff=0.5)
            hint = "; heights=(…, …) are those of its parts." if name == "height" else "."
            raise TypeError(
                f"Lab has no option '{name}'"
                + (f"; did you mean '{near[0]}'?" if near and name != "height" else hint)
            )
    ours, theirs = ({name: options[name] for name in options if name in one} for one in known)
    return ours, theirs
