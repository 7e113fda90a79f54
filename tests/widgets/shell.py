"""A shell with a kernel, and the outputs of its cells."""

from __future__ import annotations

from types import SimpleNamespace

from tests.waiting import until


class Notebook:
    """What a widget finds where it is displayed.

    Attributes:
        metadata: of the cell that runs; nbclient and nbconvert send none.
        run: which run of the cell it is.
        outputs: display id (None: it has none) and data of each output.
        callbacks: what waits for the cell's end.
    """

    def __init__(self, cell: str = "cell-1"):
        self.metadata = {"cellId": cell}
        self.run = 1
        self.outputs: list[tuple[str | None, dict]] = []
        self.callbacks: list = []
        self.kernel = SimpleNamespace(
            get_parent=lambda: {"metadata": self.metadata, "header": {"msg_id": str(self.run)}}
        )
        self.events = SimpleNamespace(
            register=lambda _, callback: self.callbacks.append(callback),
            unregister=lambda _, callback: self.callbacks.remove(callback),
        )

    def publish(self, data, metadata, *, transient=None, update=False):
        name = (transient or {}).get("display_id")
        if update:
            at = [known for known, _ in self.outputs].index(name)
            self.outputs[at] = (name, data)
        else:
            self.outputs.append((name, data))

    def show(self, widget):
        """Displays it as the last line of the cell, which ends."""
        widget._ipython_display_()
        for callback in list(self.callbacks):
            callback(None)

    @property
    def still(self) -> dict:
        """What stands under the widget that was shown last."""
        return self.outputs[-1][1]

    def until(self, there):
        until(there, said=lambda: self.outputs)
