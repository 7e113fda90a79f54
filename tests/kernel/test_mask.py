from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import masking_utils as hf

from gptwidgets.kernel import mask as masks
from gptwidgets.kernel.mask import EVERYTHING, Band, Function, LazyMask, Matrix, Rule, absent, describe, mask

T = 23


def whole(rule: Rule) -> torch.Tensor:
    seen = rule.visible(range(T), range(T))
    return torch.ones(T, T, dtype=torch.bool) if seen is None else seen


def brute(window: int | None) -> torch.Tensor:
    i, j = torch.arange(T)[:, None], torch.arange(T)[None, :]
    return (j <= i) & (j > i - (window or T))


RULES: dict[str, Rule] = {
    "causal": Band(),
    "window": Band(5),
    "everything": EVERYTHING,
    "chunks": Function(hf.chunked_causal_mask_function(6, torch.zeros(1, dtype=torch.long))),
    "padded": Function(hf.causal_mask_function, torch.arange(T)[None] >= 4),
    "cells": Matrix(torch.rand(T, T, generator=torch.Generator().manual_seed(0)) > 0.6),
}


@pytest.mark.parametrize("window", [None, 1, 5, 40])
def test_a_band(window: int | None) -> None:
    assert torch.equal(whole(Band(window)), brute(window))


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_any_rectangle_is_cut_out_of_the_whole(rule: Rule) -> None:
    truth = whole(rule)
    for rows in (range(3), range(7, 20), range(22, 23), [2, 9, 10, 22]):
        for cols in (range(4), range(6, 23), range(20, 23)):
            seen = rule.visible(rows, cols)
            expected = truth[list(rows)][:, cols.start : cols.stop]
            assert torch.equal(torch.ones_like(expected) if seen is None else seen, expected)
        reach = rule.columns(rows, T)
        outside = [j for j in range(T) if j not in reach]
        assert not truth[list(rows)][:, outside].any()


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize("side", [1, 2, 4, 8, 32])
def test_pooled_cells_exist_where_one_of_theirs_does(rule: Rule, side: int) -> None:
    rows, cols = range(8, T), range(T)
    cells = whole(rule)[8:]
    expected = torch.stack(
        [torch.stack([part.any() for part in strip.split(side, dim=1)]) for strip in cells.split(side, dim=0)]
    )
    assert torch.equal(rule.pooled(rows, cols, side), expected)


def test_a_cell_is_absent_where_no_rule_shows_it() -> None:
    i, j = torch.arange(9)[:, None], torch.arange(9)[None, :]
    outside = (j > i) | (j <= i - 4)
    whole = range(9)
    assert torch.equal(absent([Band(2), Band(4)], whole, whole), outside)
    assert torch.equal(absent([Band(4)], whole, whole, no_sink=True), outside | (j == 0))
    assert torch.equal(absent([EVERYTHING], whole, range(2), no_sink=True), (j == 0)[:, :2].expand(9, 2))
    assert absent([Band(4), EVERYTHING], whole, whole) is None
    assert absent([Band(4)], range(6, 8), range(5, 6), no_sink=True) is None


def test_nothing_is_masked_where_everything_is_seen() -> None:
    assert Band().visible(range(10, 20), range(11)) is None
    assert Band(30).visible(range(10, 20), range(11)) is None
    assert Band(5).visible(range(10, 20), range(11)) is not None


def test_the_simplest_rule_is_found() -> None:
    assert describe(hf.causal_mask_function, None, None) == Band()
    assert describe(hf.sliding_window_causal_mask_function(7), None, 7) == Band(7)
    assert isinstance(
        describe(hf.chunked_causal_mask_function(7, torch.zeros(1, dtype=int)), None, 7), Function
    )
    assert isinstance(describe(hf.causal_mask_function, torch.ones(1, 3, dtype=bool), None), Function)


def call(**options: Any) -> Any:
    base = {"batch_size": 1, "q_length": 6, "kv_length": 6, "mask_function": hf.causal_mask_function}
    return mask(**{**base, **options})


def test_outside_of_a_recording_it_is_transformers_own() -> None:
    padding = torch.tensor([[0, 0, 1, 1, 1, 1]]).bool()
    assert call() is None  # plain causal: SDPA's is_causal
    made = call(attention_mask=padding)
    assert torch.equal(made, hf.sdpa_mask(1, 6, 6, attention_mask=padding))
    assert not hasattr(made, "gptwidgets_rule")


def test_in_a_recording_the_rule_travels_along() -> None:
    token = masks.mode.set("tensor")
    try:
        made = call(mask_function=hf.sliding_window_causal_mask_function(3), local_size=3)
        assert made.gptwidgets_rule == Band(3)
        assert call() is None
    finally:
        masks.mode.reset(token)


def test_in_chunks_the_rule_stands_for_the_matrix() -> None:
    token = masks.mode.set("lazy")
    try:
        made = call(q_length=4, kv_length=10, q_offset=6)
    finally:
        masks.mode.reset(token)
    assert isinstance(made, LazyMask)
    assert made.rule == Band()
    assert (made.rows, made.cols) == (range(6, 10), range(10))
    assert torch.equal(made.tensor("cpu")[0, 0], torch.ones(10, 10).tril().bool()[6:])


def test_a_descriptor_for_128k_tokens_is_small() -> None:
    rule = LazyMask(Band(4096), range(131_072), range(131_072)).rule
    assert rule.visible(range(131_000, 131_072), range(130_000, 130_100)) is None
