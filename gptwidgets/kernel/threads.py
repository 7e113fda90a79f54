"""Giving back the threads that torch computes with, so that the next thread to compute gets them whole.

GNU's OpenMP (libgomp, inside torch on Linux) starts a pool of threads for every thread that computes. Between
two operations a pool waits awake, which takes a microsecond to end. But once all pools together have more
threads than the machine has processors, they go to sleep at once (libgomp's `gomp_throttled_spin_count_var`),
and each of a model's many small operations begins with waking them. So a model that was loaded on the main
thread writes more slowly in a worker, although nobody else computes. `release()` ends the calling thread's
own pool; its next operation starts a new one.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from pathlib import Path
from typing import Any

_SOFT = 1  # omp_pause_soft: settings are kept


def release() -> bool:
    """Ends the pool that the calling thread has; costs less than a microsecond where it has none.

    Returns:
        Whether this OpenMP can do so (and torch was loaded at all).

    Example:
        >>> release() in (True, False)
        True
    """
    if "torch" not in sys.modules:
        return False
    pause = _pause()
    return pause is not None and pause(_SOFT) == 0


@cache
def _pause() -> Any:
    """Libgomp's `omp_pause_resource_all` (OpenMP 5.0); None with any other OpenMP, which needs no help."""
    try:
        loaded = Path("/proc/self/maps").read_text()
        path = next(word for word in loaded.split() if "libgomp" in word)
        return ctypes.CDLL(path).omp_pause_resource_all
    except (OSError, StopIteration, AttributeError):
        return None
