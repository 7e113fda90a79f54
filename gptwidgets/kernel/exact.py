"""Attention by its formula, for what no fused kernel computes: soft caps, sinks, edges that were cut."""

from __future__ import annotations

import torch
from torch import Tensor, nn

ROWS = 256  # query rows taken at a time


def exact_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    *,
    scale: float,
    softcap: float | None = None,
    sinks: Tensor | None = None,
    bias: Tensor | None = None,
    dropout: float = 0.0,
    weights: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Attention by its formula, some rows at a time, softmax in float32.

    Args:
        query: (B, H, Tq, d), after position encoding.
        key: (B, Hkv, Tk, d), heads not repeated.
        value: (B, Hkv, Tk, dv).
        mask: (1 or B, 1 or H, Tq, Tk): bool, True where a query may look; or numbers to be added.
        scale: of the dot products.
        softcap: logits become softcap · tanh(logits / softcap).
        sinks: (H,), one logit a head that takes its share and has no value.
        bias: (1 or B, H, Tq, Tk), added to the logits.
        dropout: of the weights.
        weights: whether they are wanted.

    Returns:
        The output (B, Tq, H, dv), and the weights (B, H, Tq, Tk) or None.
    """
    B, H, Tq, _ = query.shape
    k, v = (x.repeat_interleave(H // x.shape[1], dim=1) for x in (key, value))  # (B, H, Tk, ·)
    out = query.new_empty(B, Tq, H, v.shape[-1])
    kept: list[Tensor] = []
    for start in range(0, Tq, ROWS):
        rows = slice(start, start + ROWS)
        s = (query[:, :, rows] @ k.mT * scale).float()  # (B, H, r, Tk)
        if softcap is not None:
            s = softcap * torch.tanh(s / softcap)
        if bias is not None:
            s = s + bias[:, :, rows, : s.shape[-1]]
        if mask is not None:
            m = mask[:, :, rows, : s.shape[-1]]
            # the lowest number, not -inf: a fully masked row (padding) must not become NaN
            s = s.masked_fill(~m, torch.finfo(s.dtype).min) if m.dtype == torch.bool else s + m
        if sinks is not None:  # one logit more, which takes its share and has no value
            s = torch.cat([s, sinks.float().view(1, H, 1, 1).expand(B, H, s.shape[2], 1)], dim=-1)
        w = s.softmax(-1).to(query.dtype)
        w = w[..., :-1] if sinks is not None else w
        out[:, rows] = (nn.functional.dropout(w, dropout) @ v).transpose(1, 2)
        if weights:
            kept.append(w)
    return out, torch.cat(kept, dim=2) if weights else None
