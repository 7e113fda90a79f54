"""`StoreBrowser`: find a GPT that fits the job and the machine, install it, and say how good it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import traitlets as t

from gptwidgets.store.schema import USE_CASES
from gptwidgets.verbs.store import Store
from gptwidgets.widgets.store.plain import plain
from gptwidgets.widgets.store.settings import COMPARED
from gptwidgets.widgets.store.shown import Shown
from gptwidgets.widgets.store.state import Kept
from gptwidgets.widgets.wire import in_words

METHODS = ("search", "show", "fit", "install", "load", "compare")  # by which a store is known


class StoreBrowser(Shown, Kept):
    """The store in a notebook: search, judge, install, measure, compare, review and publish GPTs.

    Args:
        store: a `gw.Store`; by default the one of this computer, which is opened.
        **options: any trait, such as `query="small chat model"`, `use_case="chat"`, `max_memory="4 GB"`,
            `sort="stars"`, `view="table"`.

    The constructor returns at once; searches and jobs run in threads of their own. Everything can be read and
    set from Python, and follows what is done in the browser.

    Raises:
        TypeError: something that is no store, or a keyword that does not exist.
        ValueError: a value that cannot be; the text says which can.

    Example:
        >>> import gptwidgets as gw
        >>> shop = gw.StoreBrowser(query="small chat model")   # doctest: +SKIP
        >>> shop.results                                       # doctest: +SKIP
        >>> shop.install("smollm2-135m-instruct").wait()       # doctest: +SKIP
        >>> gw.Playground(shop.load("smollm2-135m-instruct"))  # doctest: +SKIP
    """

    _name = "store"

    def __init__(self, store: Any = None, **options: Any) -> None:
        self._own = store is None
        if store is None:
            store = Store()
        elif not all(callable(getattr(store, name, None)) for name in METHODS):
            raise TypeError(f"A store browser shows a gw.Store, not {type(store).__name__}.")
        try:
            super().__init__(store, **options)
        except BaseException:
            if self._own:
                store.close()
            raise
        self._say(
            notes=plain(list(getattr(store, "notes", ()))),
            info={
                "user": plain(getattr(store, "user", "")),
                "use_cases": list(USE_CASES),
                "compared": COMPARED,
            },
        )
        self.search()

    @property
    def store(self) -> Any:
        """The store that is shown; after changing it from Python, `shop.search()` looks again."""
        return self._store

    def compare(self, names: Sequence[str] | None = None) -> Any:
        """Compares up to four models: speed, memory, quality, licence, stars. The page shows them, too.

        Args:
            names: of the listings; by default those that were chosen in the browser.

        Returns:
            The store's comparison: a table and a figure.
        """
        if names is not None:
            self.compared = [names] if isinstance(names, str) else list(names)
        return self._store.compare(list(self.compared))

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Takes all that the browser wrote, or nothing; says in words what cannot be."""
        told_only = set(self.trait_names(status=True))
        for name, value in sync_data.items():
            trait = self.traits(sync=True).get(name)
            if trait is None or name.startswith("_") or name in told_only:
                continue
            try:
                trait._validate(self, value)
            except (t.TraitError, LookupError, TypeError, ValueError) as error:
                words = in_words(ValueError(*error.args) if isinstance(error, t.TraitError) else error)
                self._wire.tell("refused", {"trait": name, "message": words["message"]})
        super().set_state(sync_data)

    def close(self) -> None:
        """Takes the widget off all pages; a store that it opened itself is closed, with its jobs."""
        live = self.comm is not None
        if live:
            self._say(status="closed")
        super().close()
        if live and self._own:
            self._store.close()

    def __repr__(self) -> str:
        total = self.found.get("total")
        listings = "" if total is None else f", {total:,} models"
        return f"StoreBrowser({self.query!r}, {self.status}{listings})"
