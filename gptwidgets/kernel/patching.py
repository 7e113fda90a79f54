"""Activation patching: which heads carry what makes one text different from another.

A model reads a clean text and a corrupted one, equally long. Then it reads the corrupted one again, and at
every token one head gives what it gave in the clean text. How much of the metric comes back says how much of
the difference goes through this head:

    restored = (metric(patched) - metric(corrupted)) / (metric(clean) - metric(corrupted))

0: as the corrupted text, 1: as the clean one (Meng et al. 2022, "Locating and Editing Factual Associations in
GPT"; for heads Wang et al. 2022, "Interpretability in the Wild"). What is replaced is the head's output
before the output projection, weights times values.

A head with 1 is enough for the difference, one with 0 need not be idle: another may do the same work. Below
zero, a head speaks for the other answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gptwidgets.errors import TextError, UnsupportedModelError
from gptwidgets.kernel import holding
from gptwidgets.kernel.groups import batches, grouped
from gptwidgets.kernel.intervention import Head, Intervention
from gptwidgets.kernel.outputs import Outputs
from gptwidgets.kernel.prefill import evaluation
from gptwidgets.kernel.upward import Upward, upward
from gptwidgets.kernel.worker import Report

if TYPE_CHECKING:
    import pandas as pd

    from gptwidgets.kernel.asking import Asking
    from gptwidgets.kernel.worker import CancelToken, Progress

Metric = Callable[[Any, Tensor], Any]
LEAST = 1e-4  # a difference of the metric between the two texts, below which nothing can be a share of it


def patch(
    gpt: Asking,
    clean: Sequence[int],
    corrupted: Sequence[int],
    metric: Metric,
    *,
    groups: Any = "heads",
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> pd.DataFrame:
    """Patches each group of heads; see `GPT.patch`.

    Args:
        gpt: the model.
        clean: T checked ids.
        corrupted: T checked ids.
        metric: from (gpt, logits [B, V]) to B numbers.
        groups: "heads", "kv", "layers", or groups of one's own.
        progress: called with a Report after each batch.
        cancel: looked at in every layer.
    """
    import pandas as pd

    _alike(gpt, clean, corrupted)
    index, members = grouped(gpt, groups)
    if not members:
        raise ValueError('groups is empty; name some heads, or take "heads", "kv" or "layers".')
    now = gpt.intervention
    gpt._sites.prepare(gpt)
    with upward(gpt, corrupted, cancel) as up:
        before = _values(gpt, metric, up.logits[None])[0]
        outputs, logits = _outputs(gpt, clean, now, up)
        target = _values(gpt, metric, logits)[0]
        if abs(target - before) < LEAST:
            raise ValueError(
                f"The metric ({_name(metric)}) is {target:.4g} for the clean text and {before:.4g} for the "
                "corrupted one: there is no difference that a head could restore. Take other words or texts."
            )
        values: dict[int, float] = {}
        for first, batch in batches(members, up):
            edits = Outputs(gpt, now, _patched(outputs, [members[at] for at in batch], gpt.n_heads))
            with holding.within(edits):
                made = up.run(first, len(batch))[:, -1]
            values.update(zip(batch, _values(gpt, metric, made), strict=True))
            if progress is not None:
                progress(Report("patching", len(values), len(members), "groups"))
    raw = [values[at] for at in range(len(members))]
    table = pd.DataFrame(
        {"restored": [(value - before) / (target - before) for value in raw], "metric": raw}, index=index
    )
    table.attrs.update(clean=target, corrupted=before, metric=_name(metric), intervention=now.words())
    return table


def _outputs(
    gpt: Asking, ids: Sequence[int], now: Intervention, up: Upward
) -> tuple[dict[int, Tensor], Tensor]:
    """What each head gives at each token, [1, T, H, dv] by layer; and the last token's logits [1, V]."""
    found: dict[int, Tensor] = {}

    def keep(layer: int, out: Tensor) -> Tensor:
        up.check()
        if layer in found:
            raise UnsupportedModelError(
                f"{gpt.name} attends several times in layer {layer}: its heads have no one output to patch."
            )
        found[layer] = out
        return out

    with gpt.lock, holding.within(Outputs(gpt, now, keep)):
        model: Any = gpt._open()[0]
        last: dict[str, Any] = {"logits_to_keep": 1} if model._supports_logits_to_keep() else {}
        text = torch.tensor([list(ids)], device=gpt.device)
        with evaluation(model):
            return found, model(input_ids=text, use_cache=False, **last).logits[:, -1].float()


def _patched(
    outputs: Mapping[int, Tensor], rows: Sequence[frozenset[Head]], n_heads: int
) -> Callable[[int, Tensor], Tensor]:
    """Puts what was kept in the place of the heads of each row."""
    masks: dict[int, Tensor] = {}
    for at, heads in enumerate(rows):
        for layer, head in heads:
            empty = torch.zeros(len(rows), 1, n_heads, 1, dtype=torch.bool)
            masks.setdefault(layer, empty)[at, 0, head] = True

    def change(layer: int, out: Tensor) -> Tensor:
        mask = masks.get(layer)
        return out if mask is None else torch.where(mask.to(out.device), outputs[layer], out)

    return change


def _alike(gpt: Asking, clean: Sequence[int], corrupted: Sequence[int]) -> None:
    """Refuses texts that cannot be put token upon token."""
    if len(clean) != len(corrupted):
        with gpt._tokenizer_lock:
            gpt.vocabulary.learn([*clean, *corrupted])
        spelled = ["|".join(gpt.vocabulary[i].piece for i in ids[:40]) for ids in (clean, corrupted)]
        raise TextError(
            "Patching puts a head's output at each token in the place of that at the same token, so both "
            f"texts need equally many. Clean has {len(clean):,} tokens: {spelled[0]}; corrupted has "
            f"{len(corrupted):,}: {spelled[1]}."
        )
    if list(clean) == list(corrupted):
        raise TextError("The clean and the corrupted text are the same; change a word of one of them.")


def _values(gpt: Asking, metric: Metric, logits: Tensor) -> list[float]:
    """The metric of each row, checked."""
    made = metric(gpt, logits.float())
    numbers = torch.as_tensor(made).detach().float().cpu()
    if tuple(numbers.shape) != (logits.shape[0],):
        raise ValueError(
            f"The metric gives one number for each row of logits [B, V]; for [{logits.shape[0]}, "
            f"{logits.shape[1]}] it gave the shape {list(numbers.shape)}."
        )
    if not bool(numbers.isfinite().all()):
        raise ValueError("The metric is not finite for these logits.")
    return numbers.tolist()


def _name(metric: Metric) -> str:
    return str(getattr(metric, "__name__", metric))
