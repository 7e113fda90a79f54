"""Writing, beside transformers' own generate() on the same weights; branching, beside starting again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.inputs import model_folder, plain_model, token_ids
from tests.benchmarks.options import Options
from tests.benchmarks.timing import Sample, alone, in_turns


def figures(options: Options) -> Iterator[tuple[str, Any]]:
    folder, rounds, new = model_folder(options), options.rounds, options.size(64, 8)
    written = alone(_write, folder, new, rounds)
    for name, sample in written.items():
        yield f"write.{name}", sample
    yield "token.ours", Sample(tuple(seconds * 1e3 / new for seconds in written["1.ours"].values))
    yield "token.weights", alone(_weights, folder, rounds)
    for name, sample in alone(_write_eight, folder, new, max(3, rounds // 2)).items():
        yield f"write.8.{name}", sample
    for name, sample in alone(_branch, folder, options.size(500, 50), max(3, rounds // 2)).items():
        yield f"branch.{name}", sample
    for name, sample in alone(_score, folder, options.size(512, 64), max(3, rounds // 2)).items():
        yield f"score.{name}", sample


def _write(folder: Path, new: int, rounds: int) -> dict[str, Sample]:
    """Seconds for `new` tokens after 64, in turns in this process.

    Nothing of an earlier turn is reused, and no end token lets one of them stop sooner.
    """
    import torch

    import gptwidgets as gw
    from gptwidgets.kernel.worker import Worker

    ids = token_ids(folder, 64)
    batch = torch.tensor([ids])
    plain, gpt = plain_model(folder, "sdpa"), gw.load(folder, progress=False)
    plain.generation_config.eos_token_id = gpt.model.generation_config.eos_token_id = None
    greedy = gw.Sampling(temperature=0, max_new_tokens=new)
    chance = gw.Sampling(top_p=0.9, seed=0, max_new_tokens=new)
    worker = Worker("benchmark")
    texts: dict[str, list[int]] = {}

    def generate(name: str, **settings: Any):
        torch.manual_seed(0)
        made = plain.generate(batch, max_new_tokens=new, pad_token_id=0, **settings)
        texts[name] = made[0, len(ids) :].tolist()

    def ours(name: str, sampling: gw.Sampling):
        texts[name] = gpt.generate(ids, sampling, k=10, reuse=False).ids

    times = in_turns(
        rounds,
        **{
            "1.ours": lambda: ours("1.ours", greedy),
            "1.generate": lambda: generate("1.generate", do_sample=False),
            "1.worker": lambda: worker.submit(lambda: ours("1.worker", greedy)).result(),
            "top_p.ours": lambda: ours("top_p.ours", chance),
            "top_p.generate": lambda: generate("top_p.generate", do_sample=True, top_k=0, top_p=0.9),
        },
    )
    if texts["1.ours"] != texts["1.generate"] or texts["top_p.ours"] != texts["top_p.generate"]:
        raise AssertionError("The texts differ, so their times say nothing.")
    return times


def _write_eight(folder: Path, new: int, rounds: int) -> dict[str, Sample]:
    """Seconds for eight sequences of `new` tokens each."""
    import torch

    import gptwidgets as gw

    ids = token_ids(folder, 64)
    batch = torch.tensor([ids])
    plain, gpt = plain_model(folder, "sdpa"), gw.load(folder, progress=False)
    plain.generation_config.eos_token_id = gpt.model.generation_config.eos_token_id = None
    chance = gw.Sampling(seed=0, max_new_tokens=new)

    def generate():
        plain.generate(
            batch, max_new_tokens=new, num_return_sequences=8, do_sample=True, top_k=0, pad_token_id=0
        )

    return in_turns(rounds, ours=lambda: gpt.generate(ids, chance, n=8, k=10, reuse=False), generate=generate)


def _branch(folder: Path, length: int, rounds: int) -> dict[str, Sample]:
    """Seconds to the first new token of a branch at the end of a long run."""
    import gptwidgets as gw

    gpt = gw.load(folder, progress=False)
    one = gw.Sampling(temperature=0, max_new_tokens=1)
    ids = token_ids(folder, length)
    branch = [*token_ids(folder, length)[:-1], 100]

    def branching(*, reuse: bool):
        next(gpt.stream(branch, one, reuse=reuse))

    gpt.generate(ids, gw.Sampling(temperature=0, max_new_tokens=2))
    kept = gpt.prefixes._entries[-1:]

    def ours():
        gpt.prefixes._entries[:] = kept  # only the long run, not an earlier turn's branch
        branching(reuse=True)

    return in_turns(rounds, ours=ours, anew=lambda: branching(reuse=False))


def _score(folder: Path, length: int, rounds: int) -> dict[str, Sample]:
    """Seconds to score a text, beside a forward pass that makes its logits and nothing of them."""
    import torch

    import gptwidgets as gw

    ids = token_ids(folder, length)
    plain = plain_model(folder, "sdpa")
    gpt = gw.load(folder, progress=False)

    def forward():
        with torch.inference_mode():
            plain(torch.tensor([ids]), use_cache=False)

    return in_turns(rounds, ours=lambda: gpt.score(ids, progress=None), forward=forward)


def _weights(folder: Path, rounds: int) -> Sample:
    """Milliseconds to read every weight once from memory, which each token has to do."""
    model = plain_model(folder, "sdpa")
    tensors = [parameter.detach() for parameter in model.parameters()]
    times = in_turns(rounds, read=lambda: [tensor.sum() for tensor in tensors])["read"]
    return Sample(tuple(seconds * 1e3 for seconds in times.values))
