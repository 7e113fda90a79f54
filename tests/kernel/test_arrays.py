from __future__ import annotations

import warnings
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from gptwidgets.kernel.arrays import ArraySource
from gptwidgets.kernel.mask import Matrix
from gptwidgets.kernel.pieces import Tokens
from gptwidgets.kernel.record import AttentionRecord

W = (
    np.tril(np.ones((4, 4), np.float32)) / np.arange(1, 5, dtype=np.float32)[:, None]
)  # each row spread evenly


@pytest.mark.parametrize(
    ("weights", "layers", "heads"),
    [
        (W, 1, 1),
        (W.tolist(), 1, 1),
        (torch.tensor(W), 1, 1),
        (torch.tensor(W, requires_grad=True), 1, 1),
        (W.astype(np.float64), 1, 1),
        (torch.tensor(W).half(), 1, 1),
        (np.stack([W] * 3), 1, 3),
        ([W, W], 1, 2),
        (np.stack([np.stack([W] * 3)] * 2), 2, 3),
        ([np.stack([W] * 3)] * 2, 2, 3),
        ((torch.tensor(W)[None, None],) * 2, 2, 1),
        (W[::-1, ::-1].copy()[::-1, ::-1], 1, 1),
        (W.astype(">f4"), 1, 1),
        (W.astype(np.longdouble), 1, 1),
        (np.broadcast_to(W, (2, 3, 4, 4)), 2, 3),
        (pd.DataFrame(W), 1, 1),
        (np.ma.masked_array(W, mask=np.triu(np.ones((4, 4), bool), 1)), 1, 1),
        (torch.tensor(W).to_sparse(), 1, 1),
        ([torch.tensor(W, requires_grad=True)] * 2, 1, 2),
    ],
)
def test_arrays_of_every_kind(weights: Any, layers: int, heads: int) -> None:
    record = AttentionRecord.from_arrays(weights, list("abcd"))
    assert (record.n_layers, record.n_heads, record.length) == (layers, heads, 4)
    assert record.causal
    np.testing.assert_allclose(record.weights(layers - 1, heads - 1), W, atol=1e-3)
    assert [token.piece for token in record.tokens] == list("abcd")


def test_layers_that_are_not_there_keep_their_place() -> None:
    record = AttentionRecord.from_arrays([None, np.stack([W, W]), None, np.stack([W, W])])
    assert record.layers == (1, 3)
    assert [token.piece for token in record.tokens] == list("0123")


def test_arrays_bring_no_warnings_of_other_libraries() -> None:
    fixed = W.copy()
    fixed.flags.writeable = False  # as pandas hands them out
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        AttentionRecord.from_arrays(fixed)


def test_masked_cells_do_not_exist() -> None:
    gone = np.zeros((4, 4), bool)
    gone[3, 1] = True
    absent = AttentionRecord.from_arrays(np.ma.masked_array(W, mask=gone)).absent(0, range(4), range(4))
    assert absent is not None
    assert absent.numpy().tolist() == gone.tolist()


@pytest.mark.parametrize("tokens", [5, None, "abcd", [1, 2, 3, 4], ["a"]])
def test_tokens_that_are_none(tokens: Any) -> None:
    if tokens is None:
        assert AttentionRecord.from_arrays(W, tokens).tokens.text == "0 1 2 3"
        return
    with pytest.raises((TypeError, ValueError), match="tokens"):
        AttentionRecord.from_arrays(W, tokens)


def test_tokens_may_be_tokens() -> None:
    tokens = Tokens([1, 2, 3, 4], [b"a", b"b", b"c", b"d"])
    assert AttentionRecord.from_arrays(W, tokens).tokens is tokens


@pytest.mark.parametrize(
    ("weights", "error", "words"),
    [
        (np.zeros((3, 4)), ValueError, "equally many"),
        (np.zeros(4), ValueError, r"\[T, T\]"),
        (np.zeros((2, 2, 2, 2, 2)), ValueError, r"\[T, T\]"),
        (np.zeros((0, 0)), ValueError, "equally many"),
        (np.full((2, 2), np.inf), ValueError, "infinite"),
        ([[1, 2], [3]], TypeError, "array of numbers"),
        ("abc", TypeError, "array of numbers"),
        (np.array(["0.25"]), TypeError, "array of numbers"),
        (torch.ones(2, 2, device="meta"), TypeError, "array of numbers"),
        (None, TypeError, "array of numbers"),
        ([["a", "b"], ["c", "d"]], TypeError, "array of numbers"),
        (np.ones((2, 2), bool), TypeError, "real numbers"),
        (np.ones((2, 2), complex), TypeError, "real numbers"),
        ({"a": 1}, TypeError, "from_cache"),
        ([None, None], ValueError, "no layers"),
        (torch.ones(2, 3, 4, 4)[:, :, None], ValueError, r"\[T, T\]"),
        ([torch.ones(2, 3, 4, 4)], ValueError, "batch of 2"),
    ],
    ids=str,
)
def test_arrays_that_are_none(weights: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        AttentionRecord.from_arrays(weights)


def test_a_causal_array_has_no_cells_above_the_diagonal() -> None:
    absent = AttentionRecord.from_arrays(W).absent(0, range(4), range(4))
    assert absent is not None
    assert torch.equal(absent, ~torch.ones(4, 4).tril().bool())
    both_ways = AttentionRecord.from_arrays(np.full((4, 4), 0.25))
    assert not both_ways.causal
    assert both_ways.absent(0, range(4), range(4)) is None


def test_nan_above_the_diagonal_is_causal_too() -> None:
    w = np.where(np.tri(4, dtype=bool), W, np.nan)
    record = AttentionRecord.from_arrays(w)
    assert record.causal
    np.testing.assert_allclose(record.weights(0, 0), W)


def test_records_from_arrays_have_no_queries() -> None:
    with pytest.raises(TypeError, match="no queries"):
        AttentionRecord.from_arrays(W).query(0)


@pytest.mark.parametrize("batch", [False, True])
def test_a_transformer_lens_cache(batch: bool) -> None:
    w = torch.tensor(np.stack([W, W.T @ W]))
    cache = {
        "hook_embed": torch.zeros(1, 4, 8),
        "blocks.0.attn.hook_pattern": w[None] if batch else w,
        "blocks.0.attn.hook_q": torch.zeros(1, 4, 2, 8),
        "blocks.11.attn.hook_pattern": w[None] if batch else w,
    }
    record = AttentionRecord.from_cache(cache, list("abcd"))
    assert record.layers == (0, 11)
    np.testing.assert_allclose(record.weights(11, 1), w[1].numpy(), atol=1e-6)


def test_a_cache_that_is_no_dict() -> None:
    class ActivationCache:
        def __init__(self, kept: dict[str, torch.Tensor]) -> None:
            self.kept = kept

        def keys(self) -> Any:
            return self.kept.keys()

        def __getitem__(self, key: str) -> torch.Tensor:
            return self.kept[key]

    cache = ActivationCache({"blocks.2.attn.hook_pattern": torch.tensor(W)[None, None]})
    assert AttentionRecord.from_cache(cache).layers == (2,)  # type: ignore[arg-type]


def test_transformers_attentions() -> None:
    attentions = (
        torch.tensor(W)[None, None].repeat(1, 3, 1, 1),
        None,
        torch.tensor(W)[None, None].repeat(1, 3, 1, 1),
    )
    for given in (attentions, SimpleNamespace(attentions=attentions)):
        record = AttentionRecord.from_cache(given, list("abcd"))  # type: ignore[arg-type]
        assert record.layers == (0, 2)
        assert record.n_heads == 3


@pytest.mark.parametrize(
    ("cache", "error", "words"),
    [
        ({}, ValueError, "hook_pattern"),
        ({"blocks.0.attn.hook_q": torch.zeros(1)}, ValueError, "hook_pattern"),
        (5, TypeError, "hook_pattern"),
        ({"blocks.0.attn.hook_pattern": torch.ones(2, 3, 4, 4)}, ValueError, "batch of 2"),
    ],
    ids=str,
)
def test_caches_without_patterns(cache: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        AttentionRecord.from_cache(cache)


def test_arrays_are_what_was_given() -> None:
    w = torch.rand(2, 5, 5).tril()
    w /= w.sum(-1, keepdim=True)
    source = ArraySource({0: w})
    assert source.causal
    assert not source.signed
    assert torch.equal(source.block(0, [1], range(2, 5), range(1, 4))[0], w[1, 2:5, 1:4])
    hidden = source.block(0, [0, 1], range(5), range(5), no_sink=True)
    assert torch.allclose(hidden[:, 1:, 1:].sum(-1), torch.ones(2, 4))
    assert hidden[..., 0].abs().max() == 0


def test_nan_marks_cells_that_do_not_exist() -> None:
    w = torch.rand(2, 4, 4)
    w[:, 1, 2] = torch.nan
    source = ArraySource({0: w})
    assert isinstance(source.rule(0), Matrix)
    assert source.block(0, [0], range(4), range(4))[0, 1, 2] == 0
    seen = source.rule(0).visible(range(4), range(4))
    assert seen is not None
    assert (~seen).nonzero().tolist() == [[1, 2]]
    w[1, 0, 0] = torch.nan
    with pytest.raises(ValueError, match="differ between the heads"):
        ArraySource({0: w})


def test_negative_values_make_it_signed() -> None:
    source = ArraySource({0: torch.tensor([[[0.5, -2.0], [1.0, 0.0]]])})
    assert source.signed
    assert source.vmax == 2.0
    assert not source.causal
    assert source.block(0, [0], range(2), range(2), no_sink=True).tolist() == [[[0, -2], [0, 0]]]


def test_stacked_attentions_lose_their_batch_of_one():
    layers = [torch.eye(3).repeat(1, 2, 1, 1) for _ in range(4)]  # as transformers gives them
    found = AttentionRecord.from_arrays(torch.stack(layers))
    assert (found.n_layers, found.n_heads, found.length) == (4, 2, 3)
    with pytest.raises(ValueError, match=r"these are \[4, 2, 2, 3, 3\]"):
        AttentionRecord.from_arrays(torch.stack(layers).repeat(1, 2, 1, 1, 1))


def test_a_number_is_no_array():
    with pytest.raises(TypeError, match="not 5"):
        AttentionRecord.from_arrays(5)
