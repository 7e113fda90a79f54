"""A cell's arithmetic as a page gets it: a dictionary for JSON, and buffers of float32.

    {
      "layer": 18, "head": 6, "name": "L18H6", "query": 12, "key": 3,
      "tokens": [query, key],                 model text: to be shown as text, never as markup
      "masked": false,
      "keys": [[0, 13]],                      the keys that the query sees, as runs [start, stop)
      "at": 3,                                where among them the key stands; null where masked
      "facts": [sentence, …],                 to be shown as text
      "parts": ["vectors", "raw", …],         the parts that there are, left to right
      "steps": [step, …]                      in order
    }

A step:

    {
      "name": "scaled", "title": "Scaled", "part": "scaled", "says": sentence,
      "kind": "number" | "dimensions" | "keys",
      "value": 0.42,                          of a number; null where it is not finite
      "text": "0.42",                         the same for reading, also "−∞"
      "buffer": 0,                            of many numbers: which buffer holds them
      "from": ["dot", "scale"],               the steps whose numbers went in
      "formula": "<math>…", "formulaText",    in letters
      "filled": "<math>…", "filledText"       with numbers
    }

Which numbers a number was made of: in `filled` every `<mn>` that is one of the cell's numbers says which, by
`data-of` (a step's name) and, of many, `data-at` (its place). Of many numbers (`kind` "dimensions" or "keys")
`filled` is written once, for any of them: where `data-at` is "*", the page writes the number at the place
that is pointed to, from the buffer of the step that `data-of` names, into the empty `<mn>`, and the place
into `data-at`; in `filledText` it stands as {name}. Numbers below zero stand in brackets, but for the result,
which is the last `<mn>`; they have four significant digits and a true minus sign (`mathml.say`).

Of a step of kind "keys", number `at` is the chosen key's. Of kind "dimensions", number c goes with number c
of the others: q, k and products have d of them; v, weighted_v, others and output dv. A sum (dot, total,
others) and a largest (top) are made of all the numbers of the steps in `from`, of which `filled` shows a few.

The MathML is made of our own names and numbers alone; no text of the model is in it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gptwidgets.kernel.cells import runs
from gptwidgets.kernel.formulas import Step, filling
from gptwidgets.kernel.mathml import number, row, say, slot

if TYPE_CHECKING:
    from gptwidgets.kernel.arithmetic import Arithmetic, Floats


def wire(cell: Arithmetic) -> tuple[dict[str, Any], list[Floats]]:
    """The dictionary and the buffers."""
    buffers: list[Floats] = []
    steps = [_step(cell, step, buffers) for step in cell.steps]
    told = {
        "layer": cell.layer,
        "head": cell.head,
        "name": cell.name,
        "query": cell.query,
        "key": cell.key,
        "tokens": list(cell.tokens),
        "masked": cell.masked,
        "keys": [[run.start, run.stop] for _, run in runs(cell.keys.tolist())],
        "at": cell.at,
        "facts": list(cell.facts),
        "parts": list(dict.fromkeys(step.part for step in cell.steps)),
        "steps": steps,
    }
    return told, buffers


def _step(cell: Arithmetic, step: Step, buffers: list[Floats]) -> dict[str, Any]:
    value = getattr(cell, step.name)
    told: dict[str, Any] = {
        "name": step.name,
        "title": step.title,
        "part": step.part,
        "says": step.says,
        "kind": step.kind,
        "from": list(step.made_of),
    }
    if step.kind == "number":
        told |= {"value": value if math.isfinite(value) else None, "text": say(value)}
        result = number(value, step.name, bare=True)
    else:
        told["buffer"] = len(buffers)
        buffers.append(np.ascontiguousarray(value, np.float32))
        result = slot(step.name)
    general = step.symbol if step.general is None else row(step.symbol, "=", step.general)
    filled = row(step.symbol, "=", result)
    if step.filled is not None:
        filled = row(step.symbol, "=", step.filled(filling(cell, None)), "=", result)
    told |= {"formula": general.whole(), "formulaText": general.text}
    return told | {"filled": filled.whole(), "filledText": filled.text}
