"""The model and the text that every part uses."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from tests.benchmarks.options import Options


def model_folder(options: Options) -> Path:
    """The transformers folder of the model that is measured: the default one, or the one asked for."""
    if options.model is not None:
        return Path(options.model)
    from gptwidgets import verbs

    return verbs.fetch_default(progress=False)


def plain_model(folder: Path, attention: str):
    """The model as transformers itself loads it; attention is "sdpa" or "eager"."""
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation=attention, local_files_only=True
    ).eval()


def token_ids(folder: Path, length: int) -> list[int]:
    """The first `length` tokens of an English text that every Python brings along: its own manual."""
    ids = _all_token_ids(folder)
    if length > len(ids):
        raise ValueError(f"The text has {len(ids)} tokens, not {length}.")
    return ids[:length]


@cache
def _all_token_ids(folder: Path) -> list[int]:
    from pydoc_data.topics import topics

    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    text = "\n\n".join(" ".join(topic.split()) for topic in topics.values())
    return tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
