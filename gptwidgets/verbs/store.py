"""`Store`: the place where GPTs are found, judged, installed, published and reviewed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Self

from gptwidgets.store import installs
from gptwidgets.store.beyond import Beyond
from gptwidgets.store.database import Database
from gptwidgets.store.jobs import Queue
from gptwidgets.store.machine import machine
from gptwidgets.verbs.judging import Judging
from gptwidgets.verbs.keeping import Keeping
from gptwidgets.verbs.looking import Looking
from gptwidgets.verbs.seeking import Seeking


class Store(Looking, Keeping, Judging):
    """A store of GPTs: a file of SQLite in the user's data folder, or PostgreSQL for a class or a team.

    Args:
        url: of the database, such as "postgresql://user@host/database"; None for GPTWIDGETS_STORE, else the
            user's own.
        user: who writes; None for GPTWIDGETS_USER, else the one who is logged in.
        folders: places of this machine to look for models and GGUF files in, besides those of gptwidgets and
            Hugging Face's cache.

    Attributes:
        database: where everything is kept.
        jobs: what is under way: installs, measurements, checks.

    Raises:
        StoreError: it cannot be reached, or a newer gptwidgets has written it.

    Example:
        >>> import gptwidgets as gw
        >>> store = gw.Store()                                                          # doctest: +SKIP
        >>> store.search("small chat model", max_memory="1 GB")                         # doctest: +SKIP
        >>> store.install("smollm2-135m-instruct").wait()                               # doctest: +SKIP
        >>> store.review("smollm2-135m-instruct", 4, "Small, and quick to look through.")   # doctest: +SKIP
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        user: str | None = None,
        folders: Iterable[str | os.PathLike[str]] = (),
    ) -> None:
        self.database = Database.open(url, user=user)
        self.jobs = Queue()
        self._seeking = Seeking(self.database, Beyond(folders))
        installs.sync(self.database)

    @property
    def user(self) -> str:
        """Who writes."""
        return self.database.user

    @property
    def machine(self) -> str:
        """Which machine installs and measurements are of."""
        return machine()

    @property
    def notes(self) -> tuple[str, ...]:
        """What you should know about how it was opened, a sentence each."""
        return self.database.notes

    def close(self) -> None:
        """Stops its jobs and gives the database back."""
        self.jobs.close()
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Store({self.database.where}, user={self.user!r})"
