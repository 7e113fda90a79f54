"""What stays while another text is read, or when it cannot be: the picture before, and the way back to it."""

from __future__ import annotations

from typing import Any, Self

from gptwidgets.errors import ClosedError, TextError
from gptwidgets.widgets.reading import Reading
from gptwidgets.widgets.run import Run, in_full

CLOSED = "This heatmap was closed; make a new one."
STILL = "The text before, and its record, are still there: heat.back() returns to them."


class Returning(Reading):
    """The part of a widget that keeps the last picture."""

    def __init__(self, **options: Any) -> None:
        self._run: Run | None = None
        self._read: Any = None  # what was last to be recorded: text, messages or ids
        self._pending: dict[str, Any] = {}  # to be set once the next record is there
        super().__init__(**options)

    def back(self) -> Self:
        """Returns to the text before, after another one was stopped or could not be read.

        Its picture and its record are still there; nothing is read anew.

        Returns:
            The widget itself.

        Raises:
            TextError: nothing was recorded before.
            ClosedError: after `close()`.

        Example:
            >>> heat.text = "a text that is too long " * 9999  # doctest: +SKIP
            >>> heat.wait()                                    # doctest: +SKIP
            >>> heat.back().weights()[-1]                      # doctest: +SKIP
        """
        if self.comm is None:
            raise ClosedError(CLOSED)
        with self._lock:
            if self.status in {"ready", "closed"}:  # nothing has come after the picture
                return self
            text = self._pictured()
            if not text:
                raise TextError("There is no text before this one to return to; set heat.text to a new one.")
            self._cancel_run()
            self._run = run = Run(self._shown)
            self._pending = {}
            self._say(status="ready", progress={}, error={}, **text)
        self._shown_again(run)
        return self

    def _shown_again(self, run: Run) -> None:
        """The picture of the text before is on the screen again."""
        run.done.set()

    def _cancel_run(self) -> None:
        if self._run is not None:
            self._run.token.cancel()

    def _point_back(self, error: BaseException) -> None:
        """Says with what went wrong that nothing is lost, where that is so."""
        gpt = self._gpt
        if gpt is not None and not gpt.closed and self._record is not None and self._shown is not None:
            error.add_note(STILL)

    def _gpt_closed(self) -> None:
        """The model was closed under the widget: the last picture stays, and says so."""
        self._cancel_run()
        error = in_full(ClosedError("The model was closed."))
        info = {**self.info, "model": False} if self.info else {}
        self._say(status="closed", progress={}, error=error, info=info, **self._pictured())

    def _pictured(self) -> dict[str, str]:
        """The picture's own text, to stand over it again where no other can be read any more."""
        if self._record is None or self._shown is None:
            return {}
        self._read = self._shown
        return {"text": self._shown if isinstance(self._shown, str) else self._record.tokens.text}
