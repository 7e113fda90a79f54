"""The process that measures a model; `measuring.py` starts it and says what is measured."""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from gptwidgets import errors
from gptwidgets.store import reference
from gptwidgets.store.children import serve
from gptwidgets.store.folders import Watch

if TYPE_CHECKING:
    import torch

    from gptwidgets.kernel.gpt import GPT
    from gptwidgets.kernel.worker import Report

PROMPT = 64  # tokens
WRITTEN = 64  # tokens of a run
RUNS = 3
LEAST = 8  # tokens that are written however slow it is
WINDOW = 1024  # tokens that are read at once; those in the first half of a window were foretold before


def _work(arguments: dict[str, Any], watch: Watch) -> dict[str, Any]:
    import torch
    import transformers

    from gptwidgets.kernel import device as devices
    from gptwidgets.kernel.folder import load_folder

    logging.disable(logging.WARNING)
    watch.tell("loading", 0, None, "")
    gpt = load_folder(
        Path(arguments["folder"]),
        name=arguments["name"],
        device=arguments["device"],
        dtype=arguments["dtype"],
        progress=lambda report: watch.tell(report.stage, report.done, report.total, report.unit),
    )
    threads = torch.get_num_threads()
    words = f"CPU, {threads} thread{'s' * (threads > 1)}"
    ids = gpt.encode(reference.text())
    seconds = arguments["seconds"]
    written = _writing(gpt, ids, watch, seconds / 2)
    peak = _peak(gpt.device)  # before the text is read, whose logits are our own affair
    return {
        **written,
        **_reading(gpt, ids, written["first_token_s"] / min(PROMPT, len(ids)), watch, seconds),
        "peak_bytes": peak,
        "device": words if gpt.device.type == "cpu" else devices.describe(gpt.device),
        "dtype": devices.name_of(gpt.dtype),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }


def _writing(gpt: GPT, ids: Sequence[int], watch: Watch, most: float) -> dict[str, Any]:
    """Seconds to the first token, and tokens a second after it; what was written in `most` seconds counts."""
    vars(gpt)["end_ids"] = frozenset[int]()  # so that each model writes as many
    room = gpt.context_length or PROMPT + WRITTEN
    prompt = list(ids[: min(PROMPT, max(1, room // 2))])
    wanted = max(2, min(WRITTEN, room - len(prompt)))
    watch.tell("first token", 0, RUNS, "runs")
    _run(gpt, prompt, 2)  # what is done once is not the model's speed
    firsts: list[float] = []
    while len(firsts) < RUNS and sum(firsts) < most:
        firsts.append(_run(gpt, prompt, 1)[0])
        watch.tell("first token", len(firsts), RUNS, "runs")
    end = time.monotonic() + most
    runs: list[list[float]] = []
    while len(runs) < RUNS and time.monotonic() < end:
        before = len(runs) * wanted

        def tell(n: int, before: int = before) -> None:
            watch.tell("generating", before + n, RUNS * wanted, "tokens")

        runs.append(_run(gpt, prompt, wanted, end, tell))
    longest = max(map(len, runs))  # a run that was cut short says less than a whole one
    rates = [(longest - 1) / sum(run[1:]) for run in runs if len(run) == longest]
    return {"first_token_s": median(firsts), "tokens_per_second": median(rates), "tokens": longest}


def _run(
    gpt: GPT,
    prompt: list[int],
    n: int,
    end: float = math.inf,
    tell: Callable[[int], None] = lambda _: None,
) -> list[float]:
    """Writes n tokens greedily, or fewer where time runs out; returns the seconds of each."""
    from gptwidgets.kernel.sampling import Sampling

    seconds: list[float] = []
    since = time.perf_counter()
    stream = gpt.stream(prompt, Sampling(temperature=0, max_new_tokens=n), k=1, reuse=False)
    for _ in stream:
        now = time.perf_counter()
        seconds.append(now - since)
        since = now
        tell(len(seconds))
        if len(seconds) >= LEAST and time.monotonic() > end:
            break
    stream.close()
    if stream.reasons[0] == "memory":
        raise MemoryError
    return seconds


def _reading(gpt: GPT, ids: Sequence[int], seconds: float, watch: Watch, most: float) -> dict[str, Any]:
    """Bits per byte of the reference text, in windows that overlap by half.

    Args:
        gpt: who reads.
        ids: the text's.
        seconds: that a token takes to be read, about; for a slow model, which reads less of it.
        watch: told of the bytes.
        most: seconds that all of it may take.
    """
    from gptwidgets.kernel.textscore import score

    text = len(reference.text().encode())
    end = time.monotonic() + most
    width = max(2, min(WINDOW, gpt.context_length or WINDOW))
    first = max(2, min(width, max(PROMPT, int(most / max(seconds, 1e-9)))))
    nats, size, begin, read = 0.0, 0, 0, 0
    stop = min(first, len(ids))

    def tell(report: Report) -> None:
        share = max(read, begin + report.done) / len(ids)
        watch.tell("reading the text", int(text * share), text, "bytes")

    watch.tell("reading the text", 0, text, "bytes")
    while True:
        began = time.monotonic()
        found = score(gpt, ids[begin:stop], progress=tell)
        new = max(1, read - begin)  # the very first has nothing before it
        nats -= float(found.logprobs[new:].sum(dtype="float64"))
        size += sum(found.bytes[new:])
        read = stop
        now = time.monotonic()
        if read == len(ids) or first < width or now + (now - began) > end:
            break
        begin = read - width // 2
        stop = min(begin + width, len(ids))
    bits = nats / math.log(2) / size if size else math.nan
    return {"bits_per_byte": bits if math.isfinite(bits) else None, "bytes": size}


def _peak(device: torch.device) -> int:
    """The most memory that there was: of the process, or of torch on a GPU."""
    import psutil
    import torch

    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if device.type == "mps":
        return torch.mps.driver_allocated_memory()
    try:
        status = Path("/proc/self/status").read_text("utf-8")
        return int(status.split("VmHWM:")[1].split()[0]) * 1024
    except (OSError, IndexError):
        pass
    found: Any = psutil.Process().memory_info()
    if hasattr(found, "peak_wset"):  # Windows
        return int(found.peak_wset)
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS counts it in bytes


def _in_words(error: Exception, arguments: dict[str, Any]) -> errors.GPTWidgetsError:
    from gptwidgets.kernel.device import is_out_of_memory

    name = arguments["name"]
    if is_out_of_memory(error):
        return errors.OutOfMemory(f"Memory ran out while {name} was measured: close other notebooks.")
    return errors.StoreError(f"{name} could not be measured: {error}")


if __name__ == "__main__":
    sys.exit(serve(_work, _in_words))
