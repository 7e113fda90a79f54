"""Filling gaps, which is what an encoder such as BERT has learned: Devlin et al. 2019, section 3.1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from gptwidgets.errors import TextError
from gptwidgets.kernel.encoding import encode
from gptwidgets.kernel.prefill import evaluation

if TYPE_CHECKING:
    import pandas as pd

    from gptwidgets.kernel.asking import Asking


def fill(gpt: Asking, text: Any, k: int) -> pd.DataFrame:
    """The k most probable tokens for each gap; see `GPT.fill_mask`."""
    import pandas as pd

    if gpt.causal:
        raise TextError(
            f"{gpt.name} is a GPT: it writes on (gpt.generate) and fills no gaps, as encoders do."
        )
    mask: Any = None if gpt._tokenizer is None else gpt._tokenizer.mask_token_id
    if mask is None:
        raise TextError(
            f"{gpt.name} has no tokenizer with a mask token, so there is nothing to mark a gap with."
        )
    with gpt._tokenizer_lock:
        ids = encode(text, gpt._tokenizer, gpt.vocabulary_size, name=gpt.name)
    gaps = [place for place, token in enumerate(ids) if token == mask]
    if not gaps:
        raise TextError(f"There is no gap to fill: write {gpt.tokenizer.mask_token} where a word is missing.")
    now = gpt.intervention
    with gpt.lock, gpt.under(now), torch.no_grad(), evaluation(gpt.model):
        out: Any = gpt.model(input_ids=torch.tensor([ids], device=gpt.device))
        logits = getattr(out, "logits", None)  # [1, T, V]
    if logits is None or logits.shape[:-1] != (1, len(ids)) or logits.shape[-1] < gpt.vocabulary_size:
        raise TextError(
            f"{gpt.name} has no head that fills gaps; load it with gw.load(), or as a ForMaskedLM."
        )
    logprobs, tokens = logits[0, gaps].float().log_softmax(-1).topk(k)  # [gaps, k]
    rows = list(zip(tokens.flatten().tolist(), logprobs.flatten().tolist(), strict=True))
    with gpt._tokenizer_lock:
        gpt.vocabulary.learn([token for token, _ in rows])
    index = pd.MultiIndex.from_product([gaps, range(k)], names=["position", "rank"])
    table = pd.DataFrame(rows, index=index, columns=pd.Index(["id", "logprob"]))
    table.insert(0, "token", [gpt.vocabulary[token].piece for token, _ in rows])
    table.insert(2, "prob", logprobs.exp().flatten().cpu().numpy())
    return table
