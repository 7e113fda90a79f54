"""The weights in view as CSV."""

from __future__ import annotations

import csv as csv_
from io import StringIO

import numpy as np

from gptwidgets.errors import DoesNotFitError
from gptwidgets.kernel.figure import cells
from gptwidgets.kernel.readable import visible
from gptwidgets.widgets.picture.view import View

CELLS = 2048 * 2048  # some 40 MB of text
STRIP = 256


def csv(view: View) -> str:
    """Write the weights in view as CSV, one line a query, one column a key.

    Rows and columns are named by position and token, "8 ·it": so each name is its own, and none begins with
    a sign (=, +, -, @) that a spreadsheet would run as a formula. Masked cells are empty.

    Args:
        view: what to write; exact, however coarsely it is drawn.

    Returns:
        The text, its first cell saying which head this is.

    Raises:
        DoesNotFitError: for more than 2048 × 2048 cells.
    """
    record, rows, cols = view.record, view.queries, view.keys
    if len(rows) * len(cols) > CELLS:
        raise DoesNotFitError(
            f"{len(rows):,} × {len(cols):,} numbers are too many for one CSV file; zoom in to at most "
            "2,048 × 2,048, or save the record: record.save(path)."
        )
    layer, head = record.find(view.layer, view.head)
    out = StringIO()
    writer = csv_.writer(out, lineterminator="\r\n")  # RFC 4180
    corner = f"layer {layer} head {head}{', first token hidden' if view.sink_hidden else ''}: query \\ key"
    writer.writerow([corner, *(_name(view, j) for j in cols)])
    for start in range(rows.start, rows.stop, STRIP):
        strip = range(start, min(start + STRIP, rows.stop))
        values = cells(record, layer, head, strip, cols, sink_hidden=view.sink_hidden)
        for i, line in zip(strip, values, strict=True):
            writer.writerow([_name(view, i), *("" if np.isnan(value) else f"{value:.7g}" for value in line)])
    return out.getvalue()


def _name(view: View, position: int) -> str:
    return f"{position} {visible(view.record.tokens.pieces[position])}"
