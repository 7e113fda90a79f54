"""What the pages ask of the store; nothing of it keeps the kernel's own thread longer than a moment."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from gptwidgets.kernel.worker import Worker
from gptwidgets.widgets.standing import shell_here
from gptwidgets.widgets.store.aside import aside
from gptwidgets.widgets.store.jobs import Jobs
from gptwidgets.widgets.store.plain import plain, rows
from gptwidgets.widgets.values import whole
from gptwidgets.widgets.wire import VERSION, Handler, Reply, Steps, Task

OPEN, JUDGE = 20, 10  # priorities: what was opened goes before how it would fit
LONGEST = 100_000  # characters of what a person writes
FORM = ("name", "title", "summary", "card", "licence", "revision")
UNSENT = frozenset({"config", "tensors", "manifest"})  # of a version: long, and nothing that a page shows
Request = dict[str, Any]


class Service(Jobs):
    """The requests of the page. One thread looks things up, another one changes the store."""

    def __init__(self, store: Any, **options: Any) -> None:
        self._looker = Worker("gptwidgets store look")
        self._doer = Worker("gptwidgets store change")
        super().__init__(store, **options)

    def _requests(self) -> dict[str, Handler]:
        store = self._store
        return {
            "hello": self._on_hello,
            "stop": self._on_stop,
            "search": self._on_search,
            "show": lambda request, _: Task(lambda: _aside(self._show, request), self._looker, OPEN),
            "fit": self._looks(self._fit, JUDGE),
            "compare": self._looks(lambda ask: {"rows": rows(store.compare(_names(ask)).table)}, OPEN),
            "queue": self._looks(lambda _: {"rows": rows(store.queue()), "reports": rows(store.reports())}),
            "models": self._looks(lambda _: {"names": list(self._models())}),
            "verify": self._does(lambda ask: {"rows": rows(store.verify(_name(ask)))}),
            "install": self._does(self._install),
            "measure": self._does(lambda ask: self._job_of(self.measure(_name(ask)))),
            "repair": self._does(lambda ask: self._job_of(self._follow(store.repair(_name(ask))))),
            "load": self._does(lambda ask: self._job_of(self._begin_loading(_name(ask)))),
            "cancel": self._on_cancel,
            "dismiss": self._on_dismiss,
            "remove": self._changes(lambda ask: store.remove(_name(ask))),
            "review": self._changes(self._review),
            "unreview": self._changes(lambda ask: store.unreview(_name(ask))),
            "report": self._changes(lambda ask: store.report(whole(ask["review"], "A review"), _text(ask))),
            "settle": self._changes(self._settle),
            "publish": self._changes(self._publish_form),
            "submit": self._does(lambda ask: self._job_of(self._follow(store.submit(_name(ask))))),
            "approve": self._changes(
                lambda ask: store.approve(_name(ask), _text(ask), revision=_revision(ask))
            ),
            "reject": self._changes(
                lambda ask: store.reject(_name(ask), _text(ask), revision=_revision(ask))
            ),
            "withdraw": self._changes(lambda ask: store.withdraw(_name(ask))),
        }

    # In which thread

    def _looks(self, answer: Callable[[Request], dict[str, Any]], priority: int = 0) -> Handler:
        return lambda request, _: Task(lambda: _steps(answer, request), self._looker, priority)

    def _does(self, answer: Callable[[Request], dict[str, Any]]) -> Handler:
        return lambda request, _: Task(lambda: _steps(answer, request), self._doer)

    def _changes(self, change: Callable[[Request], object]) -> Handler:
        def answer(request: Request) -> dict[str, Any]:
            made = change(request)
            self._changed()
            return made if isinstance(made, dict) else {}

        return self._does(answer)

    # At once

    def _on_hello(self, _request: Request, _buffers: Any) -> Reply:
        self._front_end_answers()
        return Reply({"version": VERSION, "seq": self._wire.seq})

    def _front_end_answers(self) -> None:
        """A page is there."""

    def _on_stop(self, _request: Request, _buffers: Any) -> Reply:
        self._wire.cancel_all()
        return Reply()

    def _on_search(self, _request: Request, _buffers: Any) -> Reply:
        self.search()
        return Reply()

    def _on_cancel(self, request: Request, _buffers: Any) -> Reply:
        self._job(str(request["job"])).cancel()
        return Reply()

    def _on_dismiss(self, request: Request, _buffers: Any) -> Reply:
        self._dismiss(str(request["job"]))
        return Reply()

    # Looking

    def _show(self, request: Request) -> dict[str, Any]:
        name = _name(request)
        shown = plain(self._store.show(name))
        row = next((row for row in self.found.get("rows", ()) if row["name"] == name), None)
        if row is None:  # another search found it; whether it is here can be asked
            row = {"installed": name in {model["name"] for model in rows(self._store.disk())}}
        versions = [{part: one[part] for part in one if part not in UNSENT} for one in shown["versions"]]
        return {"shown": {**shown, "listing": {**row, **shown["listing"]}, "versions": versions}}

    def _fit(self, request: Request) -> dict[str, Any]:
        context = request.get("context")
        options = {} if context is None else {"context": whole(context, "A context")}
        batch = whole(request.get("batch", 1), "A batch")
        return {"fit": plain(self._store.fit(_name(request), batch=batch, **options))}

    def _models(self) -> dict[str, Any]:
        """The open models that the notebook's own variables name."""
        module = sys.modules.get("gptwidgets.kernel.gpt")  # not imported: then there are none
        shell = shell_here()
        found = {} if shell is None else dict(shell.user_ns)
        named = {
            name: gpt
            for name, gpt in found.items()
            if module is not None
            and not name.startswith("_")
            and isinstance(gpt, module.GPT)
            and not gpt.closed
        }
        if self._model is not None and not any(gpt is self._model for gpt in named.values()):
            named["shop.model"] = self._model
        return named

    # Changing

    def _job_of(self, job: Any) -> dict[str, Any]:
        return {"job": str(job.id)}

    def _install(self, request: Request) -> dict[str, Any]:
        return self._job_of(self.install(_name(request), accept_licence=_flag(request, "accept")))

    def _review(self, request: Request) -> None:
        self._store.review(_name(request), whole(request["stars"], "Stars"), _text(request))

    def _settle(self, request: Request) -> None:
        self._store.settle(whole(request["report"], "A report"), remove=_flag(request, "remove"))

    def _publish_form(self, request: Request) -> dict[str, Any]:
        form = {name: _text(request, name) for name in FORM}
        if form["revision"] == "":
            del form["revision"]
        lists = {name: _texts(request, name) for name in ("use_cases", "languages")}
        if request.get("model"):
            models = self._models()
            what: Any = models.get(_text(request, "model"))
            if what is None:
                raise ValueError(f"There is no open model '{request['model']}' in the notebook any more.")
        else:
            what = _text(request, "folder").strip()
            if not what:
                raise ValueError("Say what to publish: the path of a folder, or a model of this notebook.")
        draft = self._store.publish(what, **form, **lists)
        return {"name": plain(draft.name), "revision": plain(draft.revision)}

    def close(self) -> None:
        """Takes the widget off all pages and ends its searches; jobs of the store go on."""
        if self.comm is not None:
            for worker in (self._looker, self._doer):
                worker.close(timeout=0)
        super().close()


def _steps(answer: Callable[[Request], dict[str, Any]], request: Request) -> Steps:
    yield None  # where it was cancelled meanwhile, it never begins
    return Reply(answer(request))


def _aside(answer: Callable[[Request], dict[str, Any]], request: Request) -> Steps:
    """A model of the Hub is asked for there, which may hang: what is opened next does not wait for it."""
    yield None
    return Reply((yield from aside(lambda: answer(request))))


def _name(request: Request) -> str:
    return _text(request, "name")


def _text(request: Request, name: str = "words") -> str:
    text = request[name]
    if not isinstance(text, str):
        raise TypeError(f"'{name}' is a text, not {text!r}.")
    if len(text) > LONGEST:
        raise ValueError(f"'{name}' has {len(text):,} characters; at most {LONGEST:,} are kept.")
    return text


def _revision(request: Request) -> str | None:
    """The version that a reviewer has looked at; what took its place is not decided unseen."""
    return None if request.get("revision") is None else _text(request, "revision")


def _flag(request: Request, name: str) -> bool:
    flag = request.get(name, False)
    if not isinstance(flag, bool):
        raise TypeError(f"'{name}' is true or false, not {flag!r}.")
    return flag


def _names(request: Request) -> list[str]:
    return _texts(request, "names")


def _texts(request: Request, name: str) -> list[str]:
    texts = request[name]
    if not isinstance(texts, list) or not all(isinstance(one, str) for one in texts):
        raise TypeError(f"'{name}' is a list of texts, not {texts!r}.")
    return texts
