"""How any widget stands in a notebook: live, with something under it for the day when no kernel answers.

A saved notebook seldom has the state of its widgets, and JupyterLab shows no other part of a widget's
own output. So a second output stands under the widget's, known by its display id, which CSS hides as long
as the live widget stands over it. It can be replaced at any time, and the live view, its focus and its
scroll position never notice.

The same place holds a sentence when no front end answers. Nobody is bothered with it where nobody looks:
nbclient and nbconvert wait for what there is to show instead.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import uuid
import weakref
from typing import TYPE_CHECKING, Any

import traitlets as t

from gptwidgets.widgets.base import BaseWidget
from gptwidgets.widgets.wire import log

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

ANSWER_WITHIN = 10.0  # seconds after the cell's end, until the browser should have said hello
DISPLAYS = 4  # of one widget, under which what stands is kept fresh

_of_cell: dict[str, tuple[str, list[weakref.ref[Standing]]]] = {}  # cell → (run, what it showed)


class Standing(BaseWidget):
    """A widget that leaves something in the notebook: a subclass says what."""

    _gpt: Any

    def __init__(self, *given: Any, **options: Any) -> None:
        self._stills: list[str] = []  # display ids of what stands under the views
        self._answers = False  # whether a page has said hello
        self._warned = False
        self._superseded = False  # the same cell has run again since
        super().__init__(*given, **options)
        self._supersede()

    # What a subclass says

    def _publish_still(self, still: str, *, update: bool) -> None:
        """Puts what stands under the widget into the notebook, at this display id."""
        raise NotImplementedError

    def _finish(self) -> None:
        """Waits for what there is to show, where no page will ever ask for it."""

    def _displayed(self) -> None:
        """The widget has been put into a page."""

    def _wake(self) -> None:
        """Somebody looks again."""

    def _fall_asleep(self) -> None:
        """Nobody looks any more, and the same cell has run again since."""

    # The outputs

    def _ipython_display_(self, **_options: Any) -> None:
        bundle = self._repr_mimebundle_()
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        shell = shell_here()
        if shell is None or not hasattr(shell, "kernel"):
            publish({"text/plain": repr(self)}, {})  # a terminal
            return
        said = f"{type(self).__name__}({self._gpt.name if self._gpt is not None else ''})"
        publish({**(data or {}), "text/plain": said}, metadata)  # stays in the file
        self._stand(shell)

    def _stand(self, shell: InteractiveShell) -> None:
        """Puts under the live view, which this widget or one around it has just shown, what stays."""
        cell = self._supersede()
        self._wake()
        if not cell:  # no page that we know of: nbconvert takes what is there now
            with contextlib.suppress(Exception):  # the widget itself says what went wrong
                self._finish()
        still = uuid.uuid4().hex
        self._publish_still(still, update=False)
        self._stills = [*self._stills, still][-DISPLAYS:]
        if cell:
            self._expect_answer(shell)
            self._displayed()

    def _renew(self) -> None:
        """What stands under the widget follows."""
        for still in self._stills:
            self._publish_still(still, update=True)

    # Whether anybody answers

    def _expect_answer(self, shell: InteractiveShell) -> None:
        """Waits for a page's hello; from the cell's end on, since some kernels hear nothing before it."""
        if self._answers:
            return

        def cell_ended(*_: Any) -> None:
            shell.events.unregister("post_run_cell", cell_ended)
            after(ANSWER_WITHIN, self._nobody_answered)

        shell.events.register("post_run_cell", cell_ended)

    def _nobody_answered(self) -> None:
        if not self._answers and self.comm is not None:
            self._warned = True
            self._renew()

    def _front_end_answers(self) -> None:
        self._answers = True
        if self._warned:
            self._warned = False
            self._renew()

    # Running a cell again and again

    def _supersede(self) -> str:
        """Puts to sleep what an earlier run of this cell made, as far as no page shows it any more.

        Returns:
            The cell's id; "" where nobody tells, as in nbconvert.
        """
        kernel: Any = getattr(shell_here(), "kernel", None)
        parent: dict[str, Any] = (kernel and kernel.get_parent()) or {}
        cell, run = parent.get("metadata", {}).get("cellId", ""), parent.get("header", {}).get("msg_id", "")
        if not cell:
            return ""
        before, widgets = _of_cell.get(cell, ("", []))
        if before != run:
            for widget in (ref() for ref in widgets):
                if widget is not None and widget is not self:
                    widget._superseded = True
                    widget._sleep_unseen()
            widgets = []
        _of_cell[cell] = (run, [*(ref for ref in widgets if ref() is not self), weakref.ref(self)])
        self._superseded = False
        return cell

    @t.observe("_view_count")
    def _views_changed(self, change: Any) -> None:
        if change["new"]:
            self._wake()
        else:
            self._sleep_unseen()

    def _sleep_unseen(self) -> None:
        if self._superseded and not self._view_count:
            self._fall_asleep()


def publish(data: dict[str, Any], metadata: dict[str, Any], **options: Any) -> None:
    """Puts a bundle of mime types into the notebook."""
    from IPython.display import publish_display_data

    publish_display_data(data, metadata, **options)


def shell_here() -> InteractiveShell | None:
    """The shell that this runs in, or None outside of IPython."""
    from IPython.core.getipython import get_ipython

    return get_ipython()


def after(seconds: float, job: Callable[[], Any]) -> None:
    """Calls `job()` later, in a thread of its own."""

    def run() -> None:
        try:
            job()
        except Exception:  # nobody waits for the answer
            log.exception("A widget's delayed job failed")

    timer = threading.Timer(seconds, run)
    timer.daemon = True
    timer.start()


def missing(name: str) -> str:
    """The sentence when no front end answers.

    Args:
        name: the widget's short name, such as "heatmap".
    """
    return (
        f"The live {name} did not appear: nothing in the browser has answered within "
        f"{ANSWER_WITHIN:.0f} seconds after the cell. "
        "In JupyterLab this mostly means that the package anywidget is missing in the environment "
        f"that runs JupyterLab itself (this kernel runs in {sys.prefix}): install it there with "
        "`pip install anywidget`, then restart JupyterLab and reload the page."
    )
