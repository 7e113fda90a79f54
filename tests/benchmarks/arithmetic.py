"""The arithmetic of a chosen cell on the screen, beside a bare tile on the same page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.browser import DRIVE, SETUP, rest
from tests.benchmarks.inputs import model_folder
from tests.benchmarks.options import Options
from tests.benchmarks.timing import Sample
from tests.e2e.lab import PATIENCE, start


def figures(options: Options) -> Iterator[tuple[str, Any]]:
    """Each in turns with the bare widget's tile; of rows of 1,024 and of 8,192 keys at most.

    The first cell is chosen from outside, the others by the key that goes from query to query.
    """
    setup = SETUP.format(root=str(Path(__file__).parents[2]), folder=str(model_folder(options)))
    with start() as lab:
        for length in (options.size(1024, 256), options.size(8192, 1024)):
            page = lab.open([setup, f"show_both({length})"], width=1400, height=1600)
            page.page.evaluate(DRIVE)
            page.run_cell(0)
            page.run_cell(1)
            page.page.wait_for_function("gwBench.oursPainted(document)", timeout=PATIENCE)
            model = page.value("heat_id()").strip("'")
            times: dict[str, list[float]] = {"bare": [], "ours": []}
            for turn in range(-1, options.rounds):  # the first warms up
                query, key = length - 3 - turn, length // 2
                bare = page.page.evaluate("gwBare.tile(256)")
                rest(page)
                ours = page.page.evaluate("all => gwBench.unfolded(...all)", [model, query, key])
                rest(page)
                if turn >= 0:
                    times["bare"].append(bare)
                    times["ours"].append(ours)
            name = "arithmetic" if length <= 1024 else "arithmetic.long"
            samples = {side: Sample(tuple(each)) for side, each in times.items()}
            for side, sample in samples.items():
                yield f"{name}.{side}", sample
            yield f"{name}.beyond", samples["ours"].median - samples["bare"].median
            lab.close(page)
