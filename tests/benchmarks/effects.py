"""What each head does, beside as many single forward passes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.inputs import model_folder, plain_model, token_ids
from tests.benchmarks.options import Options
from tests.benchmarks.timing import Sample, alone, in_turns


def figures(options: Options) -> Iterator[tuple[str, Any]]:
    rounds = max(2, options.rounds // 3)
    made = alone(_effects, model_folder(options), options.size(64, 16), rounds, options.size(0, 3))
    for name, sample in made.items():
        yield f"effects.{name}", sample


def _effects(folder: Path, length: int, rounds: int, layers: int) -> dict[str, Sample]:
    """Seconds for the effects of all heads (of the first `layers`, if not 0), in turns in this process.

    The passes compute what is needed and no more: no cache, and logits after the last token only. The calls
    are what somebody writes who has only the model: `model(ids)`, the logits of every token included.
    """
    import torch

    import gptwidgets as gw

    ids = token_ids(folder, length + 1)
    ids, target = ids[:-1], ids[-1]
    batch = torch.tensor([ids])
    plain, gpt = plain_model(folder, "sdpa"), gw.load(folder, progress=False)
    heads = [(layer, head) for layer in gpt.attention_layers for head in range(gpt.n_heads)]
    heads = [one for one in heads if not layers or one[0] < layers]
    effects: dict[str, Any] = {}

    def ours():
        effects["ours"] = gpt.head_effects(ids, target, [[head] for head in heads], progress=False)

    def ours_text():
        gpt.head_effects(ids, None, [[head] for head in heads], progress=False)

    def passes():
        with torch.inference_mode():
            for _ in heads:
                plain(batch, use_cache=False, logits_to_keep=1)

    def calls():
        with torch.inference_mode():
            for _ in heads:
                plain(batch)

    times = in_turns(rounds, warm=0, ours=ours, passes=passes, text=ours_text, calls=calls)
    for at in (0, len(heads) // 2, len(heads) - 1):  # times of other numbers would say nothing
        with gpt.intervene(heads_off=[heads[at]]), torch.inference_mode():
            wanted = gpt.model(batch, use_cache=False).logits[0, -1].log_softmax(-1)[target]
        if abs(float(wanted) - effects["ours"]["logprob"].iloc[at]) > 1e-4:
            raise AssertionError("A head's effect is not what a pass of its own gives.")
    return times
