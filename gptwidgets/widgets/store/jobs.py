"""What takes longer: installs, measurements and loads, told as they go."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gptwidgets.errors import Cancelled, UnknownModelError
from gptwidgets.kernel.worker import CancelToken
from gptwidgets.widgets.progress import throttled
from gptwidgets.widgets.store.finding import Finding
from gptwidgets.widgets.store.plain import plain
from gptwidgets.widgets.wire import in_words

if TYPE_CHECKING:
    from gptwidgets.kernel.gpt import GPT

TOLD = ("kind", "name", "state", "stage", "done", "total", "unit", "speed", "left_s", "error", "position")
KEPT = 12  # jobs that have ended and are still shown
TOLD_EVERY = 0.1  # seconds
ENDED = frozenset({"done", "failed", "cancelled"})


class Loading:
    """A model on its way from the disk into memory; looks like one of the store's own jobs.

    Args:
        number: of this load.
        name: of the model.
        changed: called whenever it has come further, from any thread.
    """

    kind, position = "load", 0

    def __init__(self, number: int, name: str, changed: Callable[[Loading], None]) -> None:
        self.id, self.name = f"load-{number}", name
        self.state, self.stage, self.unit = "running", "loading", ""
        self.done: float = 0.0
        self.total: float | None = None
        self.speed: float | None = None
        self.left_s: float | None = None
        self.error: str | None = None
        self.token = CancelToken()
        self._changed = changed
        self._progress = throttled(self._tell)

    def cancel(self) -> None:
        """Asks it to stop."""
        self.token.cancel()

    def run(self, load: Callable[..., Any]) -> Any:
        """Loads; what goes wrong is kept as a sentence, and raised."""
        try:
            made = load(self.name, progress=self._progress, cancel=self.token)
        except BaseException as error:
            self.state = "cancelled" if isinstance(error, Cancelled) else "failed"
            self.error = in_words(error)["message"]
            raise
        else:
            self.state = "done"
            return made
        finally:
            self._changed(self)

    def _tell(self, progress: dict[str, Any]) -> None:
        self.stage, self.unit = progress["stage"], progress["unit"]
        self.done, self.total, self.left_s = progress["done"], progress["total"], progress["seconds_left"]
        self._changed(self)


class Jobs(Finding):
    """The part of the widget that starts jobs and follows them."""

    def __init__(self, store: Any, **options: Any) -> None:
        self._followed: dict[str, Any] = {}  # job's id → job, in the order in which they began
        self._moved = 0.0  # when pages last heard of progress
        self._loads = itertools.count(1)
        self._model: GPT | None = None
        super().__init__(store, **options)

    # What a user asks

    @property
    def model(self) -> GPT | None:
        """The model that was loaded last, here or in the browser, ready for the other widgets; else None."""
        return self._model

    def install(self, name: str | None = None, *, accept_licence: bool = False) -> Any:
        """Installs a model; one that was stopped goes on where it was.

        Args:
            name: of the listing; by default the one that is open.
            accept_licence: that you have read and accept its licence, where it wants this.

        Returns:
            The job, under way; `.wait()` waits for it.
        """
        return self._follow(self._store.install(self._named(name), accept_licence=accept_licence))

    def measure(self, name: str | None = None) -> Any:
        """Measures a model on this computer: its speed, its memory, its bits per byte.

        Args:
            name: of an installed listing; by default the one that is open.

        Returns:
            The job, under way; its `result` is the row of figures.
        """
        return self._follow(self._store.measure(self._named(name)))

    def remove(self, name: str | None = None) -> None:
        """Takes a model's files off this computer.

        Args:
            name: of an installed listing; by default the one that is open.
        """
        self._store.remove(self._named(name))
        self._changed()

    def load(self, name: str | None = None, **options: Any) -> GPT:
        """Loads a model as `shop.model`, and waits for it; installs it first where needed.

        Args:
            name: of the listing; by default the one that is open.
            **options: what `gw.load` takes, such as `device="cpu"`.

        Returns:
            The GPT.
        """
        name = self._named(name)
        return self._loaded(name, self._store.load(name, **options))

    def _begin_loading(self, name: str) -> Loading:
        """Loads in a thread of its own, for a page."""
        loading = Loading(next(self._loads), name, self._job_moved)
        with self._lock:
            self._followed[loading.id] = loading

        def load() -> None:
            try:
                self._loaded(name, loading.run(self._store.load))
            except BaseException as error:  # the page has its sentence
                del error

        threading.Thread(target=load, name=f"gptwidgets {loading.id}", daemon=True).start()
        self._job_moved(loading)
        return loading

    def _loaded(self, name: str, gpt: GPT) -> GPT:
        with self._lock:
            self._model = gpt
            listed = any(row["name"] == name for row in self.found.get("rows", ()))
            self._say(model_name=plain(name if listed else getattr(gpt, "name", name)))
        self._changed()  # it may have been installed on the way
        return gpt

    def _named(self, name: str | None) -> str:
        name = self.selected if name is None else name
        if not isinstance(name, str) or not name:
            raise UnknownModelError("Which model? Give its name, or open one: shop.selected = '…'.")
        return name

    # Following

    def _follow(self, job: Any) -> Any:
        """Tells the pages how a job goes, from now to its end."""
        with self._lock:
            self._followed[_key(job)] = job
        job.observe(self._job_moved)
        return job

    def _job_moved(self, job: Any) -> None:
        """Called from whichever thread moves the job."""
        ended = job.state in ENDED
        now = time.monotonic()
        with self._lock:
            if not ended and now - self._moved < TOLD_EVERY and self._known(job) == job.state:
                return
            self._moved = now
            self._tell_jobs()
        if ended and job.kind != "load":
            self._changed()

    def _known(self, job: Any) -> str | None:
        """The state of the job that the pages know of."""
        return next((told["state"] for told in self.jobs if told["id"] == _key(job)), None)

    def _tell_jobs(self) -> None:
        """Under the lock, so that no older state comes after a newer one."""
        gone = [key for key, job in self._followed.items() if job.state in ENDED][:-KEPT]
        for key in gone:
            del self._followed[key]
        self._say(
            jobs=[
                {"id": key, **{name: plain(getattr(job, name, None)) for name in TOLD}}
                for key, job in self._followed.items()
            ]
        )

    def _job(self, key: str) -> Any:
        if key not in self._followed:
            raise UnknownModelError("This job is not known any more.")
        return self._followed[key]

    def _dismiss(self, key: str) -> None:
        """Takes a job that has ended off the list."""
        with self._lock:
            if self._job(key).state in ENDED:
                del self._followed[key]
            self._tell_jobs()


def _key(job: Any) -> str:
    return str(job.id)
