"""What the playground's benchmark calls in its kernel, so that its cells are one line."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from IPython.display import display
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

import gptwidgets as gw
from gptwidgets.widgets.playground.tokens import TokenColumns
from tests.benchmarks.inputs import plain_model, token_ids

here: dict[str, Any] = {"passes": []}
WORDS = 150_000


def begin(folder: str, prompt: int, new: int) -> None:
    """Loads the model twice: as we do, and as transformers does. No end token lets a run stop sooner."""
    here.update(folder=Path(folder), new=new, gpt=gw.load(folder, progress=False))
    here["plain"] = plain_model(Path(folder), "sdpa")
    here["gpt"].model.generation_config.eos_token_id = None
    here["plain"].generation_config.eos_token_id = None
    text = here["gpt"].tokenizer.decode(token_ids(Path(folder), prompt))
    here["play"] = gw.Playground(here["gpt"], text, temperature=0, max_new_tokens=new)
    here["ids"] = here["gpt"].encode(text)
    _note(here["play"])


def show() -> None:
    """The playground."""
    display(here["play"])


def show_both() -> None:
    """The playground, and below it a heatmap of the same model that is not linked."""
    here["heat"] = gw.AttentionHeatmap(here["gpt"], here["play"].prompt)
    display(here["play"], here["heat"])


def link() -> None:
    """The heatmap follows what the playground writes."""
    here["link"] = gw.link(here["play"], here["heat"])


def unlink() -> None:
    """It stays as it is."""
    here["link"].unlink()


def settled() -> bool:
    """Whether the heatmap has done all that a run or a new text leaves to do."""
    heat = here["heat"]
    return heat.status == "ready" and heat._live is None


def _note(play: gw.Playground) -> None:
    """Notes when a run began and ended, how long its forward passes took, and when each token was there."""
    model = play._gpt.model
    model.register_forward_pre_hook(lambda *_: here.update(since=time.perf_counter()))
    model.register_forward_hook(lambda *_: here["passes"].append((time.perf_counter() - here["since"]) * 1e3))
    take = play._take

    def taken(step: Any, group: Any, speed: Any) -> None:
        here["steps"].append(time.time() * 1000)
        take(step, group, speed)

    play._take = taken
    play.observe(lambda change: here["times"].__setitem__(change["new"], time.perf_counter()), "status")


def forget() -> None:
    """Nothing of an earlier run is reused by the next one."""
    here["play"]._gpt.prefixes.clear()
    here.update(steps=[], passes=[], times={})


def told() -> str:
    """What was noted of the last run, as JSON.

    Returns:
        seconds: all of it. steps: when each token was there, ms by the clock on the wall. first: the place
        of the first one. forward: milliseconds of the first forward pass. same: whether generate() wrote it.
    """
    play, times = here["play"], here["times"]
    node = play.nodes[play.leaf]
    return json.dumps(
        {
            "seconds": times["ready"] - times["running"],
            "steps": here["steps"],
            "first": play.nodes.length(node) - len(here["steps"]),
            "forward": here["passes"][0],
            "same": play._latest.ids == here.get("generated"),
        }
    )


def generate() -> float:
    """Seconds of transformers' generate() for the same tokens, on the main thread."""
    start = time.perf_counter()
    made = here["plain"].generate(
        torch.tensor([here["ids"]]), max_new_tokens=here["new"], do_sample=False, pad_token_id=0
    )
    seconds = time.perf_counter() - start
    here["generated"] = made[0, len(here["ids"]) :].tolist()
    return seconds


def show_quick(length: int) -> None:
    """A playground of a model that writes many tokens between two messages."""
    here["play"] = gw.Playground(_made(4096, 32), "w1 w2", temperature=0, max_new_tokens=length, n=8)
    _note(here["play"])
    show()


def show_wide() -> None:
    """A playground of a model with a large vocabulary."""
    here["play"] = gw.Playground(_made(WORDS, 64), "w1 w2 w3 w1")
    show()


def _made(words: int, size: int) -> gw.GPT:
    """A random model of one layer that knows so many words."""
    reader = Tokenizer(models.WordLevel({f"w{i}": i for i in range(words)}, unk_token="w0"))
    reader.pre_tokenizer = pre_tokenizers.Whitespace()
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=words,
        hidden_size=size,
        intermediate_size=size,
        num_hidden_layers=1,
        num_attention_heads=4,
        max_position_embeddings=8192,
        bos_token_id=None,
        eos_token_id=None,
    )
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        model.lm_head.weight.mul_(12)  # logits as far apart as a real model's
    return gw.load(model=model, tokenizer=PreTrainedTokenizerFast(tokenizer_object=reader))


def show_long(length: int) -> None:
    """A playground with so many tokens on the screen, as if the model had written them, ready to go on."""
    gpt, rng = here["gpt"], np.random.default_rng(0)
    play = here["play"] = gw.Playground(gpt, "The manual says:", temperature=0, max_new_tokens=4000)
    root = play._root(play.prompt)
    ids = token_ids(here["folder"], length)
    scores = gpt.score(ids, progress=None)
    columns = play._vocabulary.tokens(ids).columns()
    logprobs = -np.sort(rng.exponential(2, (length, 10)).astype("<f4"), axis=1)
    columns |= {
        "logprob": scores["logprob"].fillna(-8).to_numpy("<f4"),
        "sampled": np.zeros(length, "<f4"),
        "rank": scores["rank"].fillna(0).to_numpy("<i4"),
        "entropy": scores["entropy"].fillna(1).to_numpy("<f4"),
        "alt_id": rng.integers(0, 40_000, (length, 10)).astype("<i4"),
        "alt_logprob": logprobs,
        "alt_sampled": logprobs,
    }
    tokens = TokenColumns.from_columns(columns, play._vocabulary.tokens(ids).texts)
    node = play.nodes.add(root, len(root.tokens), "written", tokens, sampling=play.sampling.to_dict(), seed=0)
    node.reason = "stopped"
    play._refresh(node, leaf=node.id)
    show()


def go_on() -> None:
    """The model writes on, until it is stopped."""
    here["play"].go_on()


def stop() -> None:
    """It writes no more."""
    here["play"].stop()
