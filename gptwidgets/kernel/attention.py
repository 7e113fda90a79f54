"""The one place that touches transformers' attention.

`attach` gives a model an attention function of ours, registered with transformers' AttentionInterface and
AttentionMaskInterface. It hands over to transformers' SDPA, so the model runs at full speed; while a
recording is active on the thread, it also keeps each layer's queries and keys, after position encoding, and
its values. Any weight can be computed from them later:

    weights[i, j] = softmax_j( scale · q_i · k_j  (+ soft cap, + sink, + mask) )

(Vaswani et al. 2017, "Attention Is All You Need"; soft cap: Gemma 2, 2024; sink logits: Xiao et al. 2023 and
gpt-oss, 2025.) Soft caps and sinks are beyond SDPA; those models run on the formula itself, by rows.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Literal

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from gptwidgets.errors import UnsupportedModelError
from gptwidgets.kernel import mask as masks
from gptwidgets.kernel.chunk import chunk_attention
from gptwidgets.kernel.cutting import Call
from gptwidgets.kernel.exact import exact_attention
from gptwidgets.kernel.fallback import implementation
from gptwidgets.kernel.holding import edit_of
from gptwidgets.kernel.mask import EVERYTHING, Band, LazyMask, Matrix, Rule
from gptwidgets.kernel.recorder import active

NAME = "gptwidgets"


def attention(
    module: nn.Module,
    query: Tensor,  # (B, H, Tq, d), after position encoding
    key: Tensor,  # (B, Hkv, Tk, d), heads not repeated
    value: Tensor,  # (B, Hkv, Tk, dv)
    attention_mask: Tensor | LazyMask | None,
    *,
    dropout: float = 0.0,
    scaling: float | None = None,
    softcap: float | None = None,
    s_aux: Tensor | None = None,  # (H,), one sink logit a head
    position_bias: Tensor | None = None,  # (1 or B, H, Tq, Tk), added to the logits
    indices: Tensor | None = None,  # (B, Tq, n), the only keys each query may look at
    **kwargs: Any,
) -> tuple[Tensor, Tensor | None]:
    """Attention for transformers: SDPA, and what SDPA has not, and the recording.

    Returns:
        The output (B, Tq, H, dv), and the weights (B, H, Tq, Tk) where `output_attentions` asks for them.
    """
    if kwargs.get("block_indices") is not None:
        raise UnsupportedModelError("This model chooses keys by blocks; that cannot be recorded yet.")
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    causal = kwargs.get("is_causal")
    causal = bool(getattr(module, "is_causal", True) if causal is None else causal)
    recorder, edit = active.get(), edit_of(module)
    place = attention_mask if isinstance(attention_mask, LazyMask) else None
    if indices is not None:
        attention_mask = _only(indices, attention_mask, key)
    if recorder is not None:
        recorder.take(
            module,
            query,
            key,
            value,
            scale=scale,
            rule=rule_of(attention_mask, module, kwargs.get("is_causal")),
            softcap=softcap,
            sinks=None if s_aux is None else s_aux.detach().clone(),
            bias=None if position_bias is None else position_bias[0].detach(),
            cuts={} if edit is None else edit.cuts.cells(),
        )
    call = Call(
        query,
        key,
        value,
        attention_mask,
        scale,
        softcap,
        sinks=s_aux,
        bias=position_bias,
        causal=causal,
        window=kwargs.get("sliding_window"),
        place=place,
    )
    out, weights = _attend(module, call, dropout=dropout, scaling=scaling, **kwargs)
    return (out, weights) if edit is None else edit.apply(call, out, weights)


def _attend(
    module: nn.Module, call: Call, *, dropout: float, scaling: float | None, **kwargs: Any
) -> tuple[Tensor, Tensor | None]:
    """Attention as the model has it, on the shortest way that computes it."""
    query, key, value, mask = call.query, call.key, call.value, call.mask
    plain = call.softcap is None and call.sinks is None
    wanted = bool(kwargs.get("output_attentions"))
    if isinstance(mask, LazyMask):
        if plain and not wanted and call.bias is None and dropout == 0.0:
            out = chunk_attention(query, key, value, mask, call.scale)
            if out is not None:
                return out, None
        mask = mask.tensor(query.device)
    if plain and not wanted:
        return sdpa_attention_forward(
            module,
            query,
            key,
            value,
            mask,
            dropout=dropout,
            scaling=scaling,
            position_bias=call.bias,
            **kwargs,
        )
    if mask is None and call.causal:
        mask = _causal(query, key)
    return exact_attention(
        query,
        key,
        value,
        mask,
        scale=call.scale,
        softcap=call.softcap,
        sinks=call.sinks,
        bias=call.bias,
        dropout=dropout,
        weights=wanted,
    )


def rule_of(mask: Tensor | LazyMask | None, module: nn.Module, is_causal: bool | None = None) -> Rule:
    """Who sees whom in this call, from whatever the model passed as its mask."""
    if isinstance(mask, LazyMask):
        return mask.rule
    if mask is None:
        causal = getattr(module, "is_causal", True) if is_causal is None else is_causal
        return Band() if causal else EVERYTHING
    known: Rule | None = getattr(mask, "gptwidgets_rule", None)
    if known is not None:
        return known
    seen = mask if mask.dtype == torch.bool else mask > torch.finfo(mask.dtype).min / 2
    if seen.shape[1] > 1:
        raise UnsupportedModelError("This model masks each head in its own way; that cannot be shown yet.")
    return Matrix(seen[0, 0])


def _only(indices: Tensor, mask: Tensor | LazyMask | None, key: Tensor) -> Tensor:
    """The mask, narrowed to the keys that a sparse model (DeepSeek V3.2) has chosen for each query."""
    B, Tq, _ = indices.shape
    chosen = torch.zeros(B, Tq, key.shape[2], dtype=torch.bool, device=key.device)
    chosen = chosen.scatter_(-1, indices.long(), value=True)[:, None]  # (B, 1, Tq, Tk)
    if isinstance(mask, LazyMask):
        mask = mask.tensor(key.device)
    if mask is None:
        return chosen & _causal(indices[:, None], key) if Tq > 1 else chosen
    return (
        mask & chosen if mask.dtype == torch.bool else mask.masked_fill(~chosen, torch.finfo(mask.dtype).min)
    )


def _causal(query: Tensor, key: Tensor) -> Tensor:
    """The mask that SDPA means by `is_causal`; a single query sees everything."""
    Tq, Tk = query.shape[2], key.shape[2]
    if Tq == 1:
        return torch.ones(1, 1, 1, Tk, dtype=torch.bool, device=key.device)
    return torch.ones(Tq, Tk, dtype=torch.bool, device=key.device).tril()[None, None]


class Attachment:
    """A model that runs on our attention function, and the way back.

    Attributes:
        kind: "interface" (queries and keys are recorded) or "hooks" (whole matrices of weights are).
        layers: the real numbers of the layers that have softmax attention.
        chunked: whether long texts may be recorded in chunks.
        causal: whether no token looks at a later one.
        flat: a layer's work on a token apart from attention, in keys that the token could look at meanwhile.
        notes: what a reader should know about this model's records.
    """

    def __init__(self) -> None:
        self.kind: Literal["interface", "hooks"] = "interface"
        self.layers: tuple[int, ...] = ()
        self.chunked = True
        self.causal = True
        self.flat = 1.0
        self.notes: list[str] = []
        self._switch = ExitStack()

    def switch(self, model: nn.Module) -> None:
        """Gives the model our attention function; several attachments to one model share that."""
        with _lock:
            count, stack = _attached.get(model, (0, ExitStack()))
            if count == 0:
                stack.enter_context(implementation(model, NAME))
            _attached[model] = count + 1, stack
        self._switch.callback(_release, weakref.ref(model))

    def on_detach(self, callback: Callable[[], object]) -> None:
        """Calls this when the model is put back as it was found."""
        self._switch.callback(callback)

    def detach(self) -> None:
        """Leaves the model exactly as it was found."""
        self._switch.close()


def attach(model: Any) -> Attachment:
    """Lets a transformers model run on our attention function, and checks on 32 tokens that it is exact.

    Args:
        model: a transformers model with softmax attention.

    Returns:
        The attachment; its `detach` leaves the model as it was found.

    Raises:
        UnsupportedModelError: for a model without softmax attention, or whose weights cannot be had.
    """
    from gptwidgets.kernel.selfcheck import check

    attachment = Attachment()
    try:
        check(model, attachment)
        if attachment.kind == "interface":
            attachment.switch(model)
    except BaseException:
        attachment.detach()
        raise
    return attachment


_lock = threading.Lock()
_attached: weakref.WeakKeyDictionary[nn.Module, tuple[int, ExitStack]] = weakref.WeakKeyDictionary()


def _release(reference: weakref.ref[nn.Module]) -> None:
    model = reference()
    if model is None:
        return
    with _lock:
        count, stack = _attached.pop(model)
        if count > 1:
            _attached[model] = count - 1, stack
        else:
            stack.close()


AttentionInterface.register(NAME, attention)
AttentionMaskInterface.register(NAME, masks.mask)
