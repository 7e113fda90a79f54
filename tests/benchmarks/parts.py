"""The parts of the benchmarks, and how one of them is run."""

from __future__ import annotations

import importlib
import traceback

from tests.benchmarks.options import Options
from tests.benchmarks.targets import Figures
from tests.benchmarks.timing import Sample

PARTS = (
    "record",
    "peers",
    "browser",
    "arithmetic",
    "reruns",
    "generation",
    "effects",
    "following",
    "followpage",
    "playground",
    "search",
    "long",
)


def measure(part: str, options: Options) -> tuple[Figures, str]:
    """One part's figures, in the process that this is called in, and why they end before their end."""
    figures: Figures = {}
    try:
        for name, figure in importlib.import_module(f"tests.benchmarks.{part}").figures(options):
            shown = f"{figure.median:.4g}, n={len(figure.values)}" if isinstance(figure, Sample) else figure
            print(f"{name}: {shown}", flush=True)
            figures[name] = figure
    except Exception:
        return figures, traceback.format_exc()
    return figures, ""
