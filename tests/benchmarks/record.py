"""Recording, beside the plain forward pass and beside output_attentions=True."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.inputs import model_folder, plain_model, token_ids
from tests.benchmarks.options import Options
from tests.benchmarks.timing import alone, in_turns, peak_memory, rss


def figures(options: Options) -> Iterator[tuple[str, Any]]:
    folder = model_folder(options)
    for name in (512, 1024, 2048):
        length = options.size(name, name // 16)
        rounds = max(3, min(options.rounds, options.rounds * 512 // length))
        sides = ["sdpa", "ours"] + ["eager"] * (name <= 1024)
        for side, sample in alone(_speed, folder, length, rounds, sides).items():
            yield f"forward.{name}.{side}", sample
    for side in ("ours", "eager"):
        for what, value in alone(_memory, folder, length, side).items():
            yield f"memory.{name}.{side}.{what}", value


def _speed(folder: Path, length: int, rounds: int, sides: list[str]):
    """Seconds of one forward pass each way, over the same ids, in turns in this process."""
    import torch

    import gptwidgets as gw

    ids = token_ids(folder, length)
    batch = torch.tensor([ids])  # (1, T)
    plain = plain_model(folder, "sdpa")
    gpt = gw.load(folder, progress=False)
    eager = plain_model(folder, "eager") if "eager" in sides else None

    def sdpa():
        with torch.inference_mode():
            plain(batch, use_cache=False, logits_to_keep=1)

    def ours():
        gpt.record(ids, progress=False).close()

    def with_attentions():
        with torch.inference_mode():
            eager(batch, use_cache=False, logits_to_keep=1, output_attentions=True)

    ways = {"sdpa": sdpa, "ours": ours, "eager": with_attentions}
    return in_turns(rounds, **{side: ways[side] for side in sides})


def _memory(folder: Path, length: int, side: str) -> dict[str, int]:
    """Bytes: of the tensors kept, of the process's growth by keeping them, of its growth at the peak."""
    import torch

    ids = token_ids(folder, length)
    if side == "ours":
        import gptwidgets as gw

        gpt = gw.load(folder, progress=False)

        def run(some: list[int]):
            record = gpt.record(some, progress=False)
            return record, record.nbytes
    else:
        eager = plain_model(folder, "eager")

        def run(some: list[int]):
            with torch.inference_mode():
                kept = eager(
                    torch.tensor([some]), use_cache=False, logits_to_keep=1, output_attentions=True
                ).attentions
            return kept, sum(layer.nbytes for layer in kept)

    run(ids[:16])  # what is allocated once is allocated now
    before = rss()
    with peak_memory() as seen:
        kept, tensors = run(ids)
        after = rss()
    del kept
    return {"tensors": tensors, "rss": after - before, "peak": seen["peak"] - before}
