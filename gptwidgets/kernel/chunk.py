"""Attention of one chunk of a long text: its queries over the whole past, without a T × T mask.

On the CPU the past, which every query of the chunk sees whole, and the chunk itself, which is causal, go
through the fused kernel apart, and are joined by their log-sum-exps:

    softmax over A ∪ B = (e^lse_A · out_A + e^lse_B · out_B) / (e^lse_A + e^lse_B)

(the identity behind Dao et al. 2022, "FlashAttention", and Liu et al. 2023, "Ring Attention").
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.attention.bias import causal_lower_right
from torch.nn.functional import scaled_dot_product_attention as sdpa

from gptwidgets.kernel.mask import Band, LazyMask

_flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default
WINDOW_ROWS = 512  # query rows taken together in a sliding window


def chunk_attention(query: Tensor, key: Tensor, value: Tensor, mask: LazyMask, scale: float) -> Tensor | None:
    """Attention of a chunk's queries.

    Args:
        query: (B, H, t, d).
        key: (B, Hkv, n, d): the past's keys and the chunk's own t.
        value: (B, Hkv, n, dv).
        mask: who sees whom.
        scale: of the dot products.

    Returns:
        The output (B, t, H, dv), or None where no shorter way is known than a mask.
    """
    rule, t, n = mask.rule, len(mask.rows), len(mask.cols)
    if type(rule) is not Band or mask.rows.stop != mask.cols.stop or key.shape[2] != n or query.shape[2] != t:
        return None
    if rule.window is not None and n > rule.window:
        return _windowed(query, key, value, mask, scale)
    if t in {1, n}:
        k, v = _repeat(query, key, value)
        return sdpa(query, k, v, is_causal=t > 1, scale=scale).transpose(1, 2)
    if query.device.type == "cuda":
        bias = causal_lower_right(t, n)
        return sdpa(query, key, value, attn_mask=bias, scale=scale, enable_gqa=True).transpose(1, 2)
    if query.device.type == "cpu" and key.shape[-1] == value.shape[-1]:
        return _past_and_present(query, key, value, scale)
    return None


def _past_and_present(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    B, H, t, d = query.shape
    Hkv, past = key.shape[1], key.shape[2] - t
    # every query sees the whole past: the heads that share keys stand as further rows under one another
    folded = query.reshape(B, Hkv, H // Hkv * t, d)
    a, lse_a = _flash(folded, key[:, :, :past], value[:, :, :past], scale=scale)
    a, lse_a = a.reshape(B, H, t, d), lse_a.reshape(B, H, t)
    k, v = _repeat(query, key[:, :, past:], value[:, :, past:])
    b, lse_b = _flash(query, k, v, 0.0, True, scale=scale)
    share = torch.sigmoid(lse_a - lse_b.reshape(B, H, t))[..., None].to(
        a.dtype
    )  # e^lse_A / (e^lse_A + e^lse_B)
    return torch.lerp(b, a, share).transpose(1, 2)


def _windowed(query: Tensor, key: Tensor, value: Tensor, mask: LazyMask, scale: float) -> Tensor:
    """A strip of rows sees only the keys of its window: O(t · window)."""
    first, length = mask.cols.start, mask.cols.stop
    out: list[Tensor] = []
    for start in range(0, len(mask.rows), WINDOW_ROWS):
        rows = mask.rows[start : start + WINDOW_ROWS]
        cols = mask.rule.columns(rows, length)
        here = slice(cols.start - first, cols.stop - first)
        q = query[:, :, start : start + len(rows)]
        k, v = _repeat(q, key[:, :, here], value[:, :, here])
        out.append(sdpa(q, k, v, attn_mask=mask.rule.visible(rows, cols, q.device), scale=scale))
    return torch.cat(out, dim=2).transpose(1, 2)


def _repeat(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    groups = query.shape[1] // key.shape[1]
    return key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
