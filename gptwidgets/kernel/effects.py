"""What switching heads off does to what a model says: one number a head, and what to hold it against.

    effect = log P(with the heads off) - log P(untouched)

of a target token after the text, or of the whole text (each token but the first, added up), in nats. Below
zero the heads spoke for it. This is ablation (Michel et al. 2019, "Are Sixteen Heads Really Better than
One?"; Olsson et al. 2022, "In-context Learning and Induction Heads").

A head in layer l changes nothing below l: one untouched pass is kept, and from each layer upwards all of its
heads run as rows of one batch, each row with another head off.

An effect says that the text's probability went through this head in this model, and not what the head is
for: early heads, which many others read, have the largest ones, and a head without effect may have been
stood in for by another (McGrath et al. 2023, "The Hydra Effect"). So it is shown beside a control.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gptwidgets.errors import TextError
from gptwidgets.kernel.asking import count
from gptwidgets.kernel.encoding import encode
from gptwidgets.kernel.groups import batches, grouped
from gptwidgets.kernel.intervening import TEXT
from gptwidgets.kernel.intervention import Ablation, Intervention
from gptwidgets.kernel.metrics import likelier_token
from gptwidgets.kernel.textscore import NUMBERS
from gptwidgets.kernel.upward import upward
from gptwidgets.kernel.worker import Report

if TYPE_CHECKING:
    import pandas as pd

    from gptwidgets.kernel.asking import Asking
    from gptwidgets.kernel.worker import CancelToken, Progress


def head_effects(
    gpt: Asking,
    ids: Sequence[int],
    target: str | int | None = None,
    groups: Any = None,
    *,
    ablation: Ablation = "zero",
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> pd.DataFrame:
    """Switches each group of heads off and reads what is left; see `GPT.head_effects`.

    Args:
        gpt: the model.
        ids: T checked ids.
        target: a token after the text; None for the text itself.
        groups: of heads that are off together; None for each head alone.
        ablation: what stands for their outputs.
        progress: called with a Report after each batch.
        cancel: looked at in every layer.
    """
    import pandas as pd

    if target is None and len(ids) < 2:
        raise TextError("The first token has no probability: give a text of two tokens, or a target.")
    index, members = grouped(gpt, groups)
    now = gpt.intervention
    changes = [now | Intervention.of(gpt, heads_off=heads, ablation=ablation) for heads in members]
    if changes:
        gpt._edits((changes[0],))  # what it must read from the model, first; and refuses what cannot be
    with upward(gpt, ids, cancel) as up:
        wanted = None if target is None else likelier_token(gpt, target, up.logits)
        logits = up.logits[None, None] if wanted is not None else up.run(up.n_layers, last=0)
        untouched = _logprobs(logits, ids, wanted)[0]
        del logits
        found: dict[int, float] = {}
        most = None if wanted is not None else NUMBERS // (gpt.vocabulary_size * up.length)
        for first, batch in batches(members, up, most):
            with gpt.under([changes[at] for at in batch]):
                made = up.run(first, len(batch), last=0 if wanted is None else 1)
            found.update(zip(batch, _logprobs(made, ids, wanted), strict=True))
            del made  # the next batch's logits need its place
            if progress is not None:
                progress(Report("switching off", len(found), len(members), "groups"))
    logprobs = [found[at] for at in range(len(members))]
    table = pd.DataFrame({"logprob": logprobs, "effect": [x - untouched for x in logprobs]}, index=index)
    if wanted is None:
        said = "the text"
    else:
        with gpt._tokenizer_lock:
            gpt.vocabulary.learn([wanted])
        said = gpt.vocabulary[wanted].piece
    table.attrs.update(untouched=untouched, unit="nats", of=said, ablation=ablation, intervention=now.words())
    return table


def effect_control(
    gpt: Asking,
    ids: Sequence[int],
    heads: Iterable[Any],
    target: str | int | None = None,
    *,
    n: int = 3,
    seed: int = 0,
    ablation: Ablation = "zero",
    unrelated: Sequence[int] | None = None,
    cancel: CancelToken | None = None,
) -> pd.DataFrame:
    """An effect, and what to hold it against; see `GPT.effect_control`.

    Args:
        gpt: the model.
        ids: T checked ids.
        heads: that are off together.
        target: a token after the text; None for the text itself.
        n: how many draws of other heads.
        seed: of the draws.
        ablation: what stands for their outputs.
        unrelated: at least two checked ids; None for the text that the package ships, as long as this one.
        cancel: looked at in every layer.
    """
    import pandas as pd

    chosen = sorted(Intervention.of(gpt, heads_off=heads).heads_off)
    if not chosen:
        raise ValueError('heads is empty; name some, such as ["L18H6", "L17H3"].')
    n = count("n", n, 0)
    others = [(layer, head) for layer in gpt.attention_layers for head in range(gpt.n_heads)]
    others = sorted(set(others) - set(chosen))
    if n and len(others) < len(chosen):
        raise ValueError(
            f"There are {len(others):,} other heads, fewer than the {len(chosen):,} that are off: choose at "
            "most half of them, or n=0."
        )
    draw = random.Random(count("seed", seed, 0))  # noqa: S311 - a draw that can be repeated, no secret
    rows = {"these heads": chosen}
    rows |= {f"as many other heads, {at + 1}": sorted(draw.sample(others, len(chosen))) for at in range(n)}
    here = head_effects(gpt, ids, target, rows, ablation=ablation, cancel=cancel)
    made = here.assign(untouched=here.attrs["untouched"])
    text = _unrelated(gpt, len(ids) + (target is not None)) if unrelated is None else list(unrelated)
    after = None if target is None else text[-1]  # there its own last token is what is to be said
    there = head_effects(
        gpt, text if after is None else text[:-1], after, {"the same heads, unrelated text": chosen},
        ablation=ablation, cancel=cancel,
    )  # fmt: skip
    made = pd.concat([made, there.assign(untouched=there.attrs["untouched"])])
    said = [", ".join(f"L{layer}H{head}" for layer, head in group) for group in [*rows.values(), chosen]]
    made.insert(0, "heads", said)
    made.attrs = {**here.attrs, "seed": seed}
    return made.reindex(columns=["heads", "untouched", "logprob", "effect"])


def _logprobs(logits: Tensor, ids: Sequence[int], target: int | None) -> list[float]:
    """Of each row of [B, T or 1, V]: of the target after it, or of the text."""
    if target is not None:
        last = logits[:, -1].float()
        return (last[:, target] - last.logsumexp(-1)).tolist()
    said = torch.tensor(list(ids[1:]), device=logits.device)[:, None]
    found: list[float] = []
    for row in logits:  # one at a time: float32 logits of a long text are large
        raw = row[:-1].float()
        mine = raw.gather(-1, said)[:, 0] - raw.logsumexp(-1)
        found.append(float(mine.double().sum()))
    return found


def _unrelated(gpt: Asking, length: int) -> list[int]:
    """So many tokens of the text that the package ships."""
    if gpt._tokenizer is None:
        raise TextError(f"{gpt.name} was given without a tokenizer: give ids of a text as unrelated=[…].")
    with gpt._tokenizer_lock:
        ids = encode(TEXT.read_text("ascii"), gpt._tokenizer, gpt.vocabulary_size)
    return ids[:length]
