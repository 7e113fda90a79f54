"""How probable a model finds a given text: log P(w_1:T) = Σ_t log P(w_t | w_<t).

The first token has nothing before it, so it has no probability; whatever follows is conditioned on it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from gptwidgets.kernel.choosing import BITS
from gptwidgets.kernel.forward import reading
from gptwidgets.kernel.worker import Report

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from torch import Tensor

    from gptwidgets.kernel.asking import Asking
    from gptwidgets.kernel.worker import CancelToken, Progress

NUMBERS = 1 << 24  # logits that exist at a time: 67 MB in float32


@dataclass(frozen=True)
class Scores:
    """What a model says of each of a text's T tokens, as columns.

    Attributes:
        ids: T token ids, int32.
        logprobs: natural logarithms of their probabilities, float32; nan for the first token.
        ranks: how many tokens were more probable, int32; -1 for the first.
        entropies: of the distribution at each place, in bits, float32; nan for the first.
        alternatives: [T, k] ids of the most probable tokens of each place, int32; -1 for the first.
        alternative_logprobs: [T, k] float32; nan for the first.
        pieces: T strings as a person reads them.
        bytes: how many bytes of text each token is; 0 for special tokens.
    """

    ids: np.ndarray[Any, np.dtype[np.int32]]
    logprobs: np.ndarray[Any, np.dtype[np.float32]]
    ranks: np.ndarray[Any, np.dtype[np.int32]]
    entropies: np.ndarray[Any, np.dtype[np.float32]]
    alternatives: np.ndarray[Any, np.dtype[np.int32]]
    alternative_logprobs: np.ndarray[Any, np.dtype[np.float32]]
    pieces: list[str]
    bytes: list[int]

    @property
    def totals(self) -> dict[str, float]:
        """The text as a whole, without its first token.

        Returns:
            log_likelihood_nats (Σ log P), perplexity_per_token (exp of -Σ log P / tokens), bits_per_byte
            (-Σ log₂ P / bytes), tokens and bytes; nan where there is nothing to divide by.
        """
        tokens, size = len(self.ids) - 1, sum(self.bytes[1:])
        total = float(self.logprobs[1:].sum(dtype=np.float64))
        try:
            perplexity = math.exp(-total / tokens) if tokens else math.nan
        except OverflowError:
            perplexity = math.inf
        return {
            "log_likelihood_nats": total if tokens else math.nan,
            "perplexity_per_token": perplexity,
            "bits_per_byte": -total * BITS / size if size else math.nan,
            "tokens": tokens,
            "bytes": size,
        }

    def table(self) -> pd.DataFrame:
        """Columns token, id, logprob (nats), rank, entropy (bits), one row a token; `totals` in `.attrs`."""
        import pandas as pd

        made = pd.DataFrame(
            {
                "token": self.pieces,
                "id": self.ids,
                "logprob": self.logprobs,
                "rank": self.ranks,
                "entropy": self.entropies,
            }
        )
        made.attrs.update(self.totals)
        return made


def score(
    gpt: Asking,
    ids: Sequence[int],
    *,
    k: int = 0,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> Scores:
    """Reads a text and looks up each of its tokens in the distribution before it.

    Long texts go through in pieces over a cache, so that never more than `NUMBERS` logits exist.

    Args:
        gpt: who reads.
        ids: T ids.
        k: how many alternatives of each place.
        progress: called after each piece.
        cancel: looked at before each piece.

    Returns:
        The scores.

    Raises:
        OutOfMemory, Cancelled, ClosedError: as the words say.
    """
    T, V = len(ids), gpt.vocabulary_size
    k = min(k, V)
    text = torch.tensor([list(ids)])  # [1, T]
    piece = max(1, min(512, NUMBERS // V))
    whole = np.full((T, 1 + k), -1, np.int32)  # rank, alternatives
    parts = np.full((T, 2 + k), np.nan, np.float32)  # logprob, entropy, their logprobs
    with reading(gpt, ids, cancel) as reader:
        for start in range(0, T, piece):
            if cancel is not None:
                cancel.check()
            wanted = text[0, start + 1 : start + 1 + piece]
            at = slice(start + 1, start + 1 + len(wanted))
            read = text[:, start : start + piece].to(gpt.device)
            # the logits get no name here, where an error would keep them
            whole[at], parts[at] = _look_up(reader.read(read, last=0)[0], wanted, k)
            if progress is not None:
                progress(Report("scoring", min(start + piece, T), T, "tokens"))
        reader.close([list(ids)])
    with gpt._tokenizer_lock:
        gpt.vocabulary.learn([*ids, *whole[1:, 1:].ravel().tolist()])
    entries = [gpt.vocabulary[i] for i in ids]
    return Scores(
        np.array(ids, np.int32),
        parts[:, 0],
        whole[:, 0],
        parts[:, 1],
        whole[:, 1:],
        parts[:, 2:],
        [entry.piece for entry in entries],
        [0 if entry.special else len(entry.bytes) for entry in entries],
    )


def _look_up(logits: Tensor, ids: Tensor, k: int) -> tuple[Any, Any]:
    """Of t places: (rank, k ids) and (logprob, entropy, k logprobs) as arrays [t, 1 + k] and [t, 2 + k].

    Args:
        logits: [t, V], or one more for what comes after the text.
        ids: the t tokens that stand there.
        k: how many alternatives.
    """
    raw = logits[: len(ids)].float().log_softmax(-1)  # [t, V]
    mine = raw.gather(-1, ids.to(raw.device)[:, None])
    top, best = raw.topk(k)
    rank = (raw > mine).sum(-1, keepdim=True)
    entropy = -(raw.exp() * raw.clamp_min(-1e30)).sum(-1, keepdim=True) * BITS
    whole = torch.cat([rank, best], -1).int()
    return whole.cpu().numpy(), torch.cat([mine, entropy, top], -1).cpu().numpy()
