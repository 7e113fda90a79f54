"""Writing while a heatmap follows, beside writing alone: what the kernel itself has to do for it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.inputs import model_folder, token_ids
from tests.benchmarks.options import Options
from tests.benchmarks.timing import Sample, alone
from tests.waiting import until


def figures(options: Options) -> Iterator[tuple[str, Any]]:
    written = alone(_write, model_folder(options), options.size(64, 8), options.rounds)
    for name, sample in written.items():
        yield f"follow.{name}", sample


def _write(folder: Path, new: int, rounds: int) -> dict[str, Sample]:
    """Seconds for `new` tokens after 64, in turns; what a followed run leaves to do ends first."""
    import gptwidgets as gw

    ids = token_ids(folder, 64)
    gpt = gw.load(folder, progress=False)
    gpt.model.generation_config.eos_token_id = None
    heat = gw.AttentionHeatmap(gpt)
    greedy = gw.Sampling(temperature=0, max_new_tokens=new)
    times: dict[str, list[float]] = {"followed": [], "alone": []}
    for turn in range(-1, rounds):  # the first warms up
        for name in ("followed", "alone") if turn % 2 else ("alone", "followed"):
            stream = gpt.stream(ids, greedy, reuse=False)
            if name == "followed":
                heat.follow(stream)
            began = time.perf_counter()
            for _ in stream:
                pass
            if turn >= 0:
                times[name].append(time.perf_counter() - began)
            until(lambda: heat._live is None, 60)
    return {name: Sample(tuple(values)) for name, values in times.items()}
