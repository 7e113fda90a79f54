"""The picture and its numbers, from Python: PNG, SVG, CSV, Plotly, arrays, DataFrames."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

from gptwidgets.kernel import captions
from gptwidgets.widgets.staging import WORDS, Staging
from gptwidgets.widgets.wire import Reply, Steps, Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pandas as pd
    import plotly.graph_objects as go

    from gptwidgets.kernel.record import AttentionRecord
    from gptwidgets.widgets.picture import View

NOT_FOR_FILES = re.compile(r"[^A-Za-z0-9.]+")
PICTURE_MOST = 200_000  # bytes of a picture that is saved in the notebook
MIME = {"png": "image/png", "svg": "image/svg+xml", "csv": "text/csv"}


class Exports(Staging):
    """What is on the screen as numbers and as files."""

    def weights(self, rows: Any = None, cols: Any = None) -> np.ndarray:
        """The chosen head's attention weights.

        Args:
            rows: queries: a slice or a list of positions; None for all.
            cols: keys, likewise.

        Returns:
            float32 [rows, cols], exact; the first token's weight included, whatever the picture hides.
        """
        return self.record.weights(self.layer, self.head, rows, cols)

    def to_pandas(self) -> pd.DataFrame:
        """The chosen head as a table, one row a query, one column a key."""
        return self.record.to_pandas(self.layer, self.head)

    def figure(self) -> go.Figure:
        """What is on the screen as a Plotly figure: the chosen head, the part in view, scale and sink.

        Raises:
            DoesNotFitError: more than 2,048 × 2,048 cells are in view.
        """
        from gptwidgets.kernel import figure

        view = self._picture(self.record)
        return figure.figure(
            view.record,
            view.layer,
            view.head,
            rows=view.rows,
            cols=view.cols,
            scale=view.scale,
            sink_hidden=view.sink_hidden,
        )

    def png(self, *, width: int | None = None, dark: bool = False, max_bytes: int | None = None) -> bytes:
        """The picture as PNG: axes, legend and caption included.

        Args:
            width: in pixels; type and lines grow with it.
            dark: on a dark ground.
            max_bytes: makes it smaller until it fits; None leaves it as it is.

        Example:
            >>> Path("head.png").write_bytes(heat.png())  # doctest: +SKIP
        """
        from gptwidgets.widgets import picture

        return picture.png(self._picture(self.record), width=width, dark=dark, max_bytes=max_bytes)

    def svg(self, *, dark: bool = False) -> str:
        """The picture as SVG: axes, legend and caption included, with real text, fit for a paper.

        Args:
            dark: on a dark ground.
        """
        from gptwidgets.widgets import picture

        return picture.svg(self._picture(self.record), dark=dark)

    def csv(self) -> str:
        """The weights in view as CSV text, tokens along both sides."""
        from gptwidgets.widgets import picture

        return picture.csv(self._picture(self.record))

    def _python_picture(self, record: AttentionRecord) -> bytes:
        from gptwidgets.widgets import picture

        return picture.png(self._picture(record, note=True), max_bytes=PICTURE_MOST)

    def _picture(self, record: AttentionRecord, *, note: bool = False) -> View:
        """What is on the screen, as the renderer understands it."""
        from gptwidgets.widgets.picture import View

        row, col, rows, cols = self.view or (0, 0, record.length, record.length)
        whole = range(record.length)
        kind = self._kind() or captions.merged(self.layer, self.head)
        return View(
            record=self._staged(record),
            layer=self.layer,
            head=self.head,
            rows=whole[max(0, int(row)) : max(0, round(row + rows))],
            cols=whole[max(0, int(col)) : max(0, round(col + cols))],
            scale=self.scale,  # type: ignore[arg-type]
            sink_hidden=self.hide_sink,
            title=self.title,
            caption=f"{WORDS[self._stage_shown()]} {captions.caption(kind, causal=record.causal)}".strip(),
            picture_note=note,
            colormap=self.colormap,
        )

    def _on_export(self, request: dict[str, Any], _buffers: Sequence[memoryview]) -> Task:
        """The browser asks for a file."""
        kind = str(request["format"])
        if kind not in MIME:
            raise ValueError(f"A picture is exported as png, svg or csv, not as {kind}.")

        def steps(record: AttentionRecord) -> Steps:
            from gptwidgets.widgets import picture

            yield None
            ground = {} if kind == "csv" else {"dark": request.get("dark") is True}
            made = getattr(picture, kind)(self._picture(record), **ground)
            data = made if isinstance(made, bytes) else made.encode("utf-8", "replace")
            name = file_name(record.name, self.layer, self.head, kind)
            return Reply({"name": name, "mime": MIME[kind]}, [data])

        return self._reading(steps, 5)


def file_name(model: str, layer: Any, head: Any, ending: str) -> str:
    """A file's name, the one that the browser gives its own pictures.

    Example:
        >>> file_name("HuggingFaceTB/SmolLM2-135M-Instruct", 13, "mean", "svg")
        'smollm2-135m-instruct_L13Hmean.svg'
    """
    last = unicodedata.normalize("NFKD", re.split(r"[\\/]", model)[-1])
    stem = NOT_FOR_FILES.sub("-", last).strip("-.").lower()[:60]
    return f"{stem or 'attention'}_L{layer}H{head}.{ending}"
