"""What the benchmark's notebooks call in their kernel, so that their cells are one line."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from IPython.display import display

import gptwidgets as gw
from tests.benchmarks.bare import Bare, picture
from tests.benchmarks.inputs import token_ids

here: dict[str, Any] = {}


def begin(folder: str) -> None:
    """Loads the model."""
    here.update(folder=Path(folder), gpt=gw.load(folder, progress=False))


def renew(length: int) -> None:
    """A new record of which nothing was looked at; what showed the last one is closed."""
    for name in ("heat", "rec"):
        if name in here:
            here.pop(name).close()
    here["rec"] = here["gpt"].record(token_ids(here["folder"], length), progress=False)


def show_bare(side: int) -> None:
    """A bare widget that shows a picture at once."""
    if "bare" in here:
        here.pop("bare").close()
    picture(side)
    here["sent"] = time.time()
    here["bare"] = Bare(side)
    display(here["bare"])


def show_heat() -> None:
    """The heatmap of the record that `renew` made."""
    here["heat"] = heat = gw.AttentionHeatmap(here["rec"])
    heat.observe(_note_time, "first")
    if heat.first:  # it was quicker than this line
        _note_time()
    display(heat)


def _note_time(_change: Any = None) -> None:
    here["sent"] = time.time()


def sent_at() -> float:
    """When the last picture left the kernel, by the clock on the wall, in milliseconds."""
    return here["sent"] * 1000


def show_both(length: int) -> None:
    """A bare widget that waits for requests, and the heatmap of a new record."""
    renew(length)
    here["bare"] = Bare()
    display(here["bare"])
    show_heat()


def heat_id() -> str:
    """The name by which the page finds the heatmap's model."""
    return here["heat"].model_id


def heads() -> list[tuple[int, int]]:
    """All heads of the record but the one that is shown."""
    rec, heat = here["rec"], here["heat"]
    every = ((layer, head) for layer in rec.layers for head in range(rec.n_heads))
    return [each for each in every if each != (heat.layer, heat.head)]


def bare_trait(side: int) -> None:
    """Gives the bare widget a new picture to show."""
    bare = here["bare"]
    old = picture(side)  # computed once; turned by one byte it is another picture
    with bare.hold_sync():
        bare.side, bare.pixels = side, old if bare.pixels != old else old[1:] + old[:1]


def other_head(layer: int, head: int) -> None:
    """Chooses a head from Python."""
    with here["heat"].hold_sync():
        here["heat"].layer, here["heat"].head = layer, head


def seconds_to_first_message(length: int, rounds: int) -> list[float]:
    """Seconds of Python from a fresh record to the message with the first picture; the first run warms up."""
    times = []
    for _ in range(rounds + 1):
        renew(length)
        start = time.perf_counter()
        here["heat"] = gw.AttentionHeatmap(here["rec"])
        while not here["heat"].first:
            time.sleep(0.001)
        times.append(time.perf_counter() - start)
    return times[1:]
