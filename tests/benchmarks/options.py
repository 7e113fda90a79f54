"""What a run of the benchmarks is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """The folder outside the clone where the peers' environment and the results are kept."""
    folder = platformdirs.user_cache_path("gptwidgets") / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@dataclass(frozen=True)
class Options:
    """The same for all parts; small enough to be sent to another process."""

    model: str | None = None  # a transformers folder; None: gptwidgets' default model
    quick: bool = False
    full: bool = False
    rounds: int = 9
    patience: float = 180.0  # seconds that a peer may take to paint
    memory: float = 12e9  # bytes that a peer may take

    def size(self, real: int, small: int) -> int:
        """A length in tokens, or a number of runs: the real one, or a small one for --quick."""
        return small if self.quick else real
