from __future__ import annotations

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention as sdpa

from gptwidgets.kernel.chunk import chunk_attention
from gptwidgets.kernel.mask import EVERYTHING, Band, LazyMask


def tensors(
    t: int, n: int, heads: int = 6, kv: int = 2, d: int = 16, dv: int = 16
) -> tuple[torch.Tensor, ...]:
    g = torch.Generator().manual_seed(0)
    return (
        torch.randn(1, heads, t, d, generator=g),
        torch.randn(1, kv, n, d, generator=g),
        torch.randn(1, kv, n, dv, generator=g),
    )


def truth(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: LazyMask) -> torch.Tensor:
    return sdpa(q, k, v, attn_mask=mask.tensor("cpu"), scale=0.3, enable_gqa=True).transpose(1, 2)


@pytest.mark.parametrize(("t", "n"), [(7, 7), (1, 9), (5, 20), (40, 300), (600, 1200)])
@pytest.mark.parametrize("window", [None, 4, 64])
@pytest.mark.parametrize("kv", [1, 2, 6])
def test_a_chunk_over_its_past(t: int, n: int, window: int | None, kv: int) -> None:
    q, k, v = tensors(t, n, kv=kv)
    mask = LazyMask(Band(window), range(n - t, n), range(n))
    out = chunk_attention(q, k, v, mask, 0.3)
    assert out is not None
    assert out.shape == (1, t, 6, 16)
    assert (out - truth(q, k, v, mask)).abs().max() < 2e-6


def test_a_sliding_cache_that_has_forgotten_the_beginning() -> None:
    q, k, v = tensors(10, 17)
    mask = LazyMask(Band(8), range(30, 40), range(23, 40))
    out = chunk_attention(q, k, v, mask, 0.3)
    assert out is not None
    assert (out - truth(q, k, v, mask)).abs().max() < 2e-6


def test_what_it_does_not_know_it_leaves_to_a_mask() -> None:
    q, k, v = tensors(5, 20)
    assert chunk_attention(q, k, v, LazyMask(EVERYTHING, range(15, 20), range(20)), 0.3) is None
    assert chunk_attention(q, k, v, LazyMask(Band(), range(10, 15), range(20)), 0.3) is None
    q, k, v = tensors(5, 20, dv=8)  # the fused kernel wants values as wide as keys
    assert chunk_attention(q, k, v, LazyMask(Band(), range(15, 20), range(20)), 0.3) is None
