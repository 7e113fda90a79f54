"""Honest times: warm-up, turns, medians; and memory, of this process and of others."""

from __future__ import annotations

import gc
import multiprocessing
import os
import platform
import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil


@dataclass(frozen=True)
class Sample:
    """Several measurements of one thing, in one unit."""

    values: tuple[float, ...]

    @property
    def median(self):
        return statistics.median(self.values)

    @property
    def low(self):
        return min(self.values)

    @property
    def high(self):
        return max(self.values)

    def percentile(self, share):
        """The smallest value that `share` of all values do not exceed, share in (0, 1]."""
        ordered = sorted(self.values)
        return ordered[max(0, -(-len(ordered) * share // 1).__int__() - 1)]


def in_turns(rounds: int, *, warm: int = 1, **what: Callable[[], object]) -> dict[str, Sample]:
    """Seconds of each of `what`, run in turns: A B, B A, A B … so that neither always comes second."""
    for _ in range(warm):
        for run in what.values():
            run()
    times: dict[str, list[float]] = {name: [] for name in what}
    for turn in range(rounds):
        for name in list(what) if turn % 2 == 0 else reversed(what):
            gc.collect()
            start = time.perf_counter()
            what[name]()
            times[name].append(time.perf_counter() - start)
    return {name: Sample(tuple(values)) for name, values in times.items()}


def rss(process: psutil.Process | None = None) -> int:
    """Bytes of memory that a process (this one by default) and its children hold."""
    process = process or psutil.Process()
    total = 0
    for each in [process, *process.children(recursive=True)]:
        try:
            total += each.memory_info().rss
        except psutil.Error:  # it has ended meanwhile
            continue
    return total


@contextmanager
def peak_memory(process: psutil.Process | None = None, *, limit: float | None = None, stop=None):
    """Watches a process's memory; yields a dict whose "peak" grows. Above `limit` calls `stop` once."""
    seen = {"peak": rss(process), "stopped": False}
    done = threading.Event()

    def watch():
        while not done.wait(0.05):
            try:
                seen["peak"] = max(seen["peak"], rss(process))
            except psutil.Error:
                return
            if limit is not None and seen["peak"] > limit and not seen["stopped"]:
                seen["stopped"] = True
                stop()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


def alone(run: Callable[..., Any], *args: Any) -> Any:
    """Calls `run(*args)` in a fresh process and returns its result; all its memory is then given back."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(run, *args).result()


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    import torch
    import transformers

    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "torch_threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "load_before": round(psutil.getloadavg()[0], 2),
    }
