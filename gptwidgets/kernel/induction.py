"""Which heads are induction heads, measured on random tokens that repeat.

Olsson et al. 2022, "In-context Learning and Induction Heads": a model reads [BOS] + r + r, where r are random
tokens. Nothing but the repetition can be known about them, so a head that finds the earlier occurrence of
the present token and looks at what came after it does so by induction. Its score is the mean weight there:

    score(layer, head) = mean over i in the second half of  weights[i, i - n + 1],   n = length of r

0 for a head that never does, 1 for one that does nothing else. The user's own text plays no part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from gptwidgets.errors import TextError
from gptwidgets.kernel.shape import vocabulary_size

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from gptwidgets.kernel.gpt import GPT
    from gptwidgets.kernel.worker import CancelToken, Progress


def induction_scores(
    gpt: GPT,
    n: Any = 64,
    *,
    repeats: Any = 4,
    seed: int = 0,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> pd.DataFrame:
    """How much each head is an induction head.

    Args:
        gpt: the model.
        n: random tokens in one half.
        repeats: texts to average over, each with tokens of its own.
        seed: of the random tokens; the same seed gives the same scores.
        progress: called with a Report in every layer.
        cancel: stops it from another thread.

    Returns:
        DataFrame, MultiIndex (layer, head), column "induction" in 0 … 1; attrs n, repeats, seed.

    Raises:
        TextError: 2n + 1 tokens do not fit the model's context.
        ValueError: n or repeats is less than it takes.

    Example:
        >>> top = gpt.induction_scores().nlargest(4, "induction").index         # doctest: +SKIP
    """
    from gptwidgets.kernel.scores import diagonal

    for value, least, what in ((n, 2, "n"), (repeats, 1, "repeats"), (seed, None, "seed")):
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{what} must be a whole number, not {value!r}.")
        if least is not None and value < least:
            raise ValueError(f"{what} must be at least {least}, not {value}.")
    texts, prefix = random_repeats(gpt, n, repeats, seed)
    total: Any = 0.0
    layers: tuple[int, ...] = ()
    now = gpt.intervention  # all texts are read under the same
    for ids in texts:
        with gpt.under(now):
            record = gpt._record(ids, progress=progress, cancel=cancel)
        # the first query of the second half stands at prefix + n
        total = total + diagonal(record, offset=n - 1, start=prefix + n)  # (layers, heads)
        layers = tuple(record.layers)
        record.close()
    table = _table(layers, total / repeats)
    table.attrs.update(n=n, repeats=repeats, seed=seed)
    return table


def random_repeats(gpt: GPT, n: int, repeats: int, seed: int) -> tuple[list[list[int]], int]:
    """Texts [BOS] + r + r of random ordinary tokens, all different within one r.

    Returns:
        `repeats` lists of ids, and how many ids stand before the first r: 1, or 0 for a model without a BOS.
    """
    vocabulary = vocabulary_size(gpt.model)
    special: set[int] = set()
    start: Any = getattr(gpt.config, "bos_token_id", None)
    if gpt._tokenizer is not None:
        tokenizer = gpt.tokenizer
        special = {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}
        vocabulary = min(vocabulary, len(tokenizer))
        start = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else start
    begin = [start] if isinstance(start, int) and start < vocabulary else []
    ordinary = torch.tensor([i for i in range(vocabulary) if i not in special and i not in begin])
    length = len(begin) + 2 * n
    if gpt.context_length is not None and length > gpt.context_length:
        raise TextError(
            f"{length:,} random tokens are more than the {gpt.context_length:,} that {gpt.name} reads; "
            f"take n={(gpt.context_length - len(begin)) // 2} at most."
        )
    if n > len(ordinary):
        raise ValueError(
            f"{gpt.name} has {len(ordinary)} ordinary tokens, so n can be {len(ordinary)} at most."
        )
    random = torch.Generator().manual_seed(seed)
    draws = [torch.randperm(len(ordinary), generator=random)[:n] for _ in range(repeats)]
    halves = [ordinary[draw].tolist() for draw in draws]
    return [begin + half + half for half in halves], len(begin)


def _table(layers: tuple[int, ...], scores: np.ndarray[Any, Any]) -> pd.DataFrame:
    """One row a head."""
    import pandas as pd

    heads = range(scores.shape[1])
    index = pd.MultiIndex.from_product([layers, heads], names=["layer", "head"])
    return pd.DataFrame({"induction": scores.ravel()}, index=index)
