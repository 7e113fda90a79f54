"""32,768 tokens on the CPU: recorded, then looked at."""

from __future__ import annotations

import random
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.inputs import model_folder, token_ids
from tests.benchmarks.options import Options
from tests.benchmarks.timing import Sample, alone, peak_memory


def figures(options: Options) -> Iterator[tuple[str, Any]]:
    folder, length = model_folder(options), options.size(32_768, 1500)
    for name, figure in alone(_explore, folder, length, options.rounds).items():
        yield f"long.{name}", figure


def _explore(folder: Path, length: int, rounds: int) -> dict[str, Any]:
    import gptwidgets as gw

    ids = token_ids(folder, length)
    gpt = gw.load(folder, progress=False)
    found: dict[str, Any] = {}
    with peak_memory() as seen:
        print(f"recording {length} tokens; at 32,768 this takes many minutes", flush=True)
        start = time.perf_counter()
        record = gpt.record(ids, progress=False)
        found["record"] = time.perf_counter() - start
        found["nbytes"] = record.nbytes

        start = time.perf_counter()
        heat = gw.AttentionHeatmap(record)
        while not heat.first:
            time.sleep(0.005)
        found["first"] = time.perf_counter() - start
        while heat.status != "ready":
            time.sleep(0.005)
        found["ready"] = time.perf_counter() - start
        heat.close()

        dice = random.Random(0)
        looked = [_look(record, dice) for _ in range(rounds)]
    found["peak"] = seen["peak"]
    return found | {name: Sample(tuple(times[name] for times in looked)) for name in looked[0]}


def _look(record: Any, dice: random.Random) -> dict[str, float]:
    """Seconds of each way to look at a head: first where nothing was looked at yet, then beside it."""
    from gptwidgets.kernel import tiles

    layer, head = dice.choice(record.layers), dice.randrange(record.n_heads)
    last = -(-record.length // tiles.TILE) - 1
    row = dice.randrange(last // 2, last)
    coarse = tiles.levels(record.length) - 1
    looks = {
        "tile_new": lambda: tiles.tile(record, layer, head, 0, row, 0, sink_hidden=True),
        "tile_next": lambda: tiles.tile(record, layer, head, 0, row, 1, sink_hidden=True),
        "patch": lambda: tiles.patch(record, layer, head, row * tiles.TILE, 0, sink_hidden=True),
        "line": lambda: tiles.line(record, layer, head, query=row * tiles.TILE + 5, sink_hidden=True),
        "tile_coarse": lambda: tiles.tile(record, layer, head, coarse, 0, 0, sink_hidden=True),
    }
    times = {}
    for name, look in looks.items():
        start = time.perf_counter()
        _drain(look())
        times[name] = time.perf_counter() - start
    return times


def _drain(work: Any) -> None:
    """Runs a job of steps to its end, as the reader's thread does."""
    if isinstance(work, Generator):
        for _ in work:
            pass
