"""What a model does on this machine: speed, memory, and how well it foretells a text.

Speed is greedy writing of a fixed number of tokens after a fixed prompt, the median of three runs after one
to warm up. Memory is the most that the process (on a GPU: torch) held until then. Bits per byte is how many
bits the model needs for a byte of the reference text: its tokens' -log₂ P over their bytes of UTF-8, so that
models with different vocabularies compare. The text is read in windows of 1,024 tokens that overlap by half,
whichever longer context a model has: each token is foretold from 512 before it at least, but for those at the
beginning. (A model with a shorter context has windows as long as that.) The very first token has nothing
before it and does not count. All that happens in a process of its own.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gptwidgets.store.children import run_child
from gptwidgets.store.folders import NOBODY, Watch

SECONDS = 30.0  # enough for a small model to read all of the text


@dataclass(frozen=True)
class Measurement:
    """What was measured.

    Attributes:
        device: in words: "CPU, 2 threads", "NVIDIA H200 (cuda:0)".
        dtype: the arithmetic.
        torch: its version.
        transformers: its version.
        tokens_per_second: written after the first token, one sequence at a time.
        first_token_s: seconds from the call to the first token.
        peak_bytes: the most memory that the process (on a GPU: torch there) held, loading included.
        bits_per_byte: on the reference text; fewer are better. None where it comes to no number.
        tokens: how many were written in a run; a slow model is given fewer.
        bytes: on how many of the text `bits_per_byte` was measured; a slow model reads less than all.
        at: when, in UTC.
    """

    device: str
    dtype: str
    torch: str
    transformers: str
    tokens_per_second: float
    first_token_s: float
    peak_bytes: int
    bits_per_byte: float | None
    tokens: int
    bytes: int
    at: datetime


def checked(seconds: object) -> float:
    """The seconds, if they are a number above 0; raises ValueError where not."""
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 < seconds < math.inf:
        raise ValueError(
            f"seconds is how long a part may take: a number above 0, such as 30, not {seconds!r}."
        )
    return float(seconds)


def measure(
    folder: str | os.PathLike[str],
    *,
    name: str = "this model",
    device: str = "auto",
    dtype: str = "auto",
    seconds: float = SECONDS,
    watch: Watch = NOBODY,
) -> Measurement:
    """Measures a model; well under a minute for a small one.

    Args:
        folder: config, safetensors and tokenizer.
        name: what to call it.
        device: "auto", or one by name.
        dtype: "auto", or one by name.
        seconds: that reading the text may take, and writing half of them; what was done until then counts.
        watch: told of its progress ("loading", "first token", "generating", "reading the text"), and asked
            ten times a second whether to stop.

    Returns:
        The figures.

    Raises:
        ValueError: no seconds.
        UnknownModelError, UnsafeModelError, UnsupportedModelError, DoesNotFitError, OutOfMemory, StoreError:
            each says what to do.

    Example:
        >>> measure("my-model").tokens_per_second                               # doctest: +SKIP
        21.4
    """
    arguments = {
        "folder": str(Path(folder).expanduser()),
        "name": name,
        "device": device,
        "dtype": dtype,
        "seconds": checked(seconds),
    }
    found = run_child(
        "gptwidgets.verbs.measure_child",
        arguments,
        watch,
        what=f"the measurement of {name}",
        killed="most likely because memory ran out: close other notebooks and measure it again",
    )
    return Measurement(**found, at=datetime.now(UTC))
