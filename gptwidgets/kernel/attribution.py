"""Direct logit attribution: what each head adds straight to the logit of a word.

    direct(l, h) = norm*( z_lh W_O[h] ) · (u_target - u_versus)

z_lh [dv] is the head's output at the last token, W_O[h] [dv, D] its slice of the output projection, u a row
of the output embedding, and norm* the final norm (and what else lies on the way) with the scale that it has
in this text, which makes it linear. (Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits";
for one word against another Wang et al. 2022, "Interpretability in the Wild".)

All heads, the embedding, the MLPs and the biases add up to the logit; that is checked each time.

It counts the direct path only: a head that helps others, as a previous-token head helps induction heads, adds
next to nothing itself. What switching a head off does (`head_effects`) goes along all paths; the two differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from gptwidgets.errors import TextError, UnsupportedModelError
from gptwidgets.kernel import device as devices
from gptwidgets.kernel import holding
from gptwidgets.kernel.metrics import likelier_token
from gptwidgets.kernel.outputs import Outputs
from gptwidgets.kernel.prefill import _beyond, evaluation
from gptwidgets.kernel.resuming import blocks
from gptwidgets.kernel.steering import steered
from gptwidgets.kernel.straight import Tape, active

if TYPE_CHECKING:
    import pandas as pd

    from gptwidgets.kernel.asking import Asking
    from gptwidgets.kernel.worker import CancelToken

LOGITS = "logits"
UNCAPPED = "logits before the soft cap"


def direct_logits(
    gpt: Asking,
    ids: Sequence[int],
    target: str | int,
    versus: str | int | None = None,
    *,
    cancel: CancelToken | None = None,
) -> pd.DataFrame:
    """What each head adds to a logit; see `GPT.direct_logits`.

    Args:
        gpt: the model.
        ids: T checked ids.
        target: a token after the text.
        versus: another, whose logit is taken off; None for none.
        cancel: looked at in every layer.
    """
    import pandas as pd

    _beyond(gpt.model, len(ids))
    said = f"There is not enough memory to read {len(ids):,} tokens on {gpt.device}: shorten the text."
    with devices.memory_in_words(said), gpt._stoppable(cancel) as stop, gpt.lock:
        model: Any = gpt._open()[0]
        layers = blocks(model)
        if layers is None:
            raise UnsupportedModelError(
                f"{gpt.name} has no one list of layers that each add to one stream, so nothing in it goes "
                "straight to a logit."
            )
        gpt._sites.prepare(gpt)

        def take(layer: int, out: Tensor) -> Tensor:
            stop.check()
            return tape.take(layer, out)

        with torch.inference_mode(mode=False), torch.enable_grad(), evaluation(model):
            tape = Tape(model, layers)
            text = torch.tensor([list(ids)], device=gpt.device)
            keep: dict[str, Any] = {"logits_to_keep": 1} if model._supports_logits_to_keep() else {}
            token = active.set(tape)
            try:
                with (
                    holding.within(Outputs(gpt, gpt.intervention, take)),
                    steered(model, tape.modules, tape.instead),
                ):
                    logits = model(input_ids=text, use_cache=False, **keep).logits
            finally:
                active.reset(token)
            capped = getattr(model.config.get_text_config(), "final_logit_softcapping", None)
            if capped:
                assert tape.head is not None  # noqa: S101 - the logits are made of it
                logits = tape.head
            chosen = _tokens(gpt, logits[0, -1].detach().float(), target, versus)
            signs = torch.tensor([1.0, -1.0][: len(chosen)], dtype=logits.dtype, device=logits.device)
            total = (logits[0, -1, chosen] * signs).sum()
            heads, parts = _shares(tape, total)
    logit, index = (
        float(total.detach()),
        [(layer, head) for layer in heads for head in range(len(heads[layer]))],
    )
    direct = [share for layer in heads for share in heads[layer]]
    parts["total"] = sum(direct)
    _check(gpt, logit, parts, rounding=1e-3 if logits.dtype == torch.float32 else 0.05)
    table = pd.DataFrame(
        {"direct": direct}, index=pd.MultiIndex.from_tuples(index, names=["layer", "head"]), dtype=float
    )
    with gpt._tokenizer_lock:
        gpt.vocabulary.learn(chosen)
    names = [gpt.vocabulary[one].piece for one in chosen]
    table.attrs.update(
        logit=logit,
        **parts,
        unit=UNCAPPED if capped else LOGITS,
        of=names[0],
        versus=names[1] if len(names) > 1 else None,
        intervention=gpt.intervention.words(),
    )
    return table


def _tokens(gpt: Asking, logits: Tensor, target: Any, versus: Any) -> list[int]:
    """The ids that are meant."""
    chosen = [likelier_token(gpt, one, logits) for one in (target, versus) if one is not None]
    if len(chosen) == 2 and chosen[0] == chosen[1]:
        raise TextError(f"{target!r} and {versus!r} are one token; a difference needs two.")
    return chosen


def _shares(tape: Tape, total: Tensor) -> tuple[dict[int, list[float]], dict[str, float]]:
    """By layer its heads' summands; and those of all else, by part."""
    layers = sorted(tape.heads)
    tensors = [tape.heads[layer] for layer in layers] + [term.tensor for term in tape.terms]
    grads = cast("tuple[Tensor | None, ...]", torch.autograd.grad(total, tensors, allow_unused=True))
    heads: dict[int, list[float]] = {}
    for layer, grad in zip(layers, grads, strict=False):
        out = tape.heads[layer].detach()
        both = torch.zeros_like(out) if grad is None else grad * out
        heads[layer] = both.double().sum((0, 1, 3)).tolist()
    parts: dict[str, float] = {"embedding": 0.0, "mlp": 0.0, "bias": 0.0}
    for term, grad in zip(tape.terms, grads[len(layers) :], strict=True):
        if grad is not None:
            parts[term.part] += term.sign * float((grad.double() * term.value.detach()).sum())
    return heads, parts


def _check(gpt: Asking, logit: float, parts: dict[str, float], *, rounding: float) -> None:
    """Whether the parts are the whole."""
    size = max(1.0, abs(logit), *map(abs, parts.values()))
    whole = sum(parts.values())
    if not abs(whole - logit) <= rounding * size:
        raise UnsupportedModelError(
            f"What the parts of {gpt.name} add does not sum up to its logit ({whole:.4g} instead of "
            f"{logit:.4g}): its layers do more than add to one stream, so nothing goes straight to it."
        )
