"""One text read twice: by a model with and without a change, or by two models; token by token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gptwidgets.errors import TextError
from gptwidgets.kernel.asking import Asking
from gptwidgets.kernel.intervention import NOTHING, Intervention
from gptwidgets.kernel.textscore import Scores, score
from gptwidgets.kernel.worker import Report

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from gptwidgets.kernel.worker import CancelToken, Progress


def compare(
    gpt: Asking,
    ids: Sequence[int],
    other: Any = None,
    *,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> pd.DataFrame:
    """Reads a text twice and puts the two readings side by side; see `GPT.compare`.

    Args:
        gpt: the model.
        ids: T checked ids.
        other: an Intervention, another GPT, or None for the intervention that holds now.
        progress: called after each piece of the text.
        cancel: looked at before each piece.
    """
    import pandas as pd

    if other is not None and not isinstance(other, Intervention | Asking):
        raise TypeError(
            "compare takes an Intervention (gw.Intervention.of(gpt, heads_off=[…])) or another GPT, not "
            f"{other!r}."
        )
    second: Asking = other if isinstance(other, Asking) else gpt
    changed = other if isinstance(other, Intervention) else second.intervention
    if second is not gpt:
        _one_tokenizer(gpt, second, ids)
    untouched = gpt.intervention if second is not gpt else NOTHING

    def show(report: Report) -> None:
        if progress is not None:
            progress(Report(report.stage, done + report.done, 2 * len(ids), report.unit))

    done = 0
    with gpt.under(untouched):
        before = score(gpt, ids, progress=show, cancel=cancel)
    done = len(ids)
    with second.under(changed):
        after = score(second, ids, progress=show, cancel=cancel)
    table = pd.DataFrame(
        {
            "token": before.pieces,
            "id": before.ids,
            "logprob": before.logprobs,
            "changed": after.logprobs,
            "difference": after.logprobs - before.logprobs,
            "rank": before.ranks,
            "rank_changed": after.ranks,
        }
    )
    table.attrs.update(
        unit="nats",
        what=second.name if second is not gpt else changed.words() or "no intervention",
        log_likelihood=_total(before),
        log_likelihood_changed=_total(after),
    )
    return table


def _total(scores: Scores) -> float:
    return float(scores.totals["log_likelihood_nats"])


def _one_tokenizer(gpt: Asking, other: Asking, ids: Sequence[int]) -> None:
    """Refuses a model for which these ids are another text."""
    beyond = [i for i in ids if i >= other.vocabulary_size]
    if beyond:
        raise TextError(
            f"{other.name} has no token {beyond[0]}: {gpt.name} has another tokenizer, and only models with "
            "one tokenizer can be compared token by token."
        )
    both: list[list[Any]] = []
    for one in (gpt, other):
        with one._tokenizer_lock:
            one.vocabulary.learn(ids)
        both.append([one.vocabulary[i] for i in ids])
    unlike = np.flatnonzero([a.bytes != b.bytes for a, b in zip(*both, strict=True)])
    if len(unlike):
        at = int(unlike[0])
        raise TextError(
            f"Token {ids[at]} is {both[0][at].piece!r} in {gpt.name} and {both[1][at].piece!r} in "
            f"{other.name}: only models with one tokenizer can be compared token by token."
        )
