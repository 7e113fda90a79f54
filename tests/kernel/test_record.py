from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

from gptwidgets.errors import ClosedError, DoesNotFitError
from gptwidgets.kernel import attention, prefill
from gptwidgets.kernel.mask import Band
from gptwidgets.kernel.pieces import Tokens
from gptwidgets.kernel.record import AttentionRecord
from gptwidgets.kernel.source import LayerQK, QKSource
from tests.kernel.test_tiles import KV, D, H, make
from tests.kernel.tiny_models import make as model_of


def test_what_a_record_tells_of_itself() -> None:
    record = make(20, 2, rule=Band(7))
    assert (record.n_layers, record.n_heads, record.n_kv_heads, record.length) == (2, H, KV, 20)
    assert record.layers == (0, 1)
    assert record.windows == {0: 7, 1: 7}
    assert record.causal
    assert not record.signed
    assert record.vmax == 1.0
    assert record.query(1).shape == (H, 20, D)
    assert record.key(1).shape == (KV, 20, D)
    assert "20 tokens, 2 layers × 4 heads" in repr(record)


def test_weights_by_number_and_by_name() -> None:
    record = make(20)
    assert np.array_equal(record.weights(1, 3), record.weights("L1H3"))
    assert np.array_equal(record.weights("l1h3"), record["pattern", 1][3].numpy())
    assert record.weights(1, 3).dtype == np.float32


def test_rows_and_columns_as_numpy_has_them() -> None:
    record = make(20)
    w = record.weights(0, 1)
    for rows in (None, 3, -1, slice(2, 9), slice(None, None, 3), [4, 5, 6, 1], np.array([2, 19]), range(3)):
        for cols in (None, 0, slice(5), [19, 0, -2]):
            i = slice(None) if rows is None else rows
            j = slice(None) if cols is None else cols
            ours = record.weights(0, 1, rows, cols)
            expected = w[i][..., j]
            assert ours.shape == expected.shape
            np.testing.assert_allclose(ours, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("layer", "head", "error", "words"),
    [
        (2, 0, IndexError, "layer 2 does not exist; this model has layers 0 to 1"),
        (-1, 0, IndexError, "layer -1 does not exist"),
        (0, 4, IndexError, "head 4 does not exist; this model has heads 0 to 3"),
        ("L5H0", None, IndexError, "layer 5 does not exist"),
        ("L0H9", None, IndexError, "head 9 does not exist"),
        ("L0H1", 2, TypeError, "names a head already"),
        (0, None, TypeError, "Which head"),
        (0.5, 1, TypeError, "A layer is a number"),
        (True, 1, TypeError, "A layer is a number"),
        (0, "median", TypeError, "A head is a number"),
        (0, [1], TypeError, "A head is a number"),
    ],
)
def test_heads_that_do_not_exist(layer: object, head: object, error: type[Exception], words: str) -> None:
    record = make(5)
    with pytest.raises(error, match=words):
        record.weights(layer, head)  # type: ignore[arg-type]


@pytest.mark.parametrize("rows", [20, -21, [0, 20]])
def test_tokens_that_do_not_exist(rows: object) -> None:
    with pytest.raises(IndexError, match="this text has tokens 0 to 19"):
        make(20).weights(0, 0, rows=rows)  # type: ignore[arg-type]


def test_layers_keep_their_real_numbers() -> None:
    qk = {n: LayerQK(torch.randn(H, 6, D), torch.randn(KV, 6, D), scale=1.0) for n in (7, 2, 11)}
    record = AttentionRecord(QKSource(qk), Tokens.from_words(list("abcdef")))
    assert record.layers == (2, 7, 11)
    assert torch.equal(record.query(7), qk[7].q)
    with pytest.raises(IndexError, match=r"this record has layers 2, 7, 11"):
        record.weights(3, 0)


def test_a_pattern_too_large_is_refused_with_its_size() -> None:
    qk = LayerQK(torch.zeros(4, 20_000, 1), torch.zeros(1, 20_000, 1), scale=1.0)
    record = AttentionRecord(QKSource({0: qk}), Tokens.from_words(["a"] * 20_000))
    with pytest.raises(DoesNotFitError, match=r"layer 0 would take 6\.0 GiB"):
        record["pattern", 0]
    with pytest.raises(DoesNotFitError, match=r"1\.5 GiB"):
        record.weights(0, 0)
    assert record.weights(0, 0, rows=19_999, cols=slice(3)).tolist() == pytest.approx([1 / 20_000] * 3)


def test_only_patterns_are_in_it() -> None:
    with pytest.raises(KeyError, match="pattern") as error:
        make(4)["values", 0]
    assert str(error.value) == "('values', 0) is not in a record; ask for record[\"pattern\", layer]."
    with pytest.raises(KeyError, match="one layer"):
        make(4)["pattern", "mean"]  # type: ignore[index]


def test_the_scores_say_how_they_are_computed() -> None:
    said = AttentionRecord.scores.__doc__ or ""
    for part in ("-Σ_j p_ij log2 p_ij", "Σ_j p_ij |i - j|", "w_i0", "w_i,i-1", "Clark et al. 2019"):
        assert part in said


def test_absent_cells() -> None:
    record = make(9, 2, rule=Band(4))
    i, j = np.indices((9, 9))
    outside = (j > i) | (j <= i - 4)
    absent = record.absent(0, range(9), range(9))
    assert absent is not None
    assert np.array_equal(absent.numpy(), outside)
    hidden = record.absent("mean", range(9), range(9), no_sink=True)
    assert hidden is not None
    assert np.array_equal(hidden.numpy(), outside | (j == 0))
    assert record.absent(0, range(6, 8), range(5, 6)) is None


def test_over_layers_of_different_windows_a_cell_exists_where_one_shows_it() -> None:
    g = torch.Generator().manual_seed(0)
    q, k = torch.randn(H, 9, D, generator=g), torch.randn(KV, 9, D, generator=g)
    source = QKSource({0: LayerQK(q, k, 1.0, Band(2)), 1: LayerQK(q, k, 1.0, Band())})
    record = AttentionRecord(source, Tokens.from_words(list("abcdefghi")))
    assert record.windows == {0: 2, 1: None}
    absent = record.absent("max", range(9), range(9))
    assert absent is not None
    assert torch.equal(absent, ~torch.ones(9, 9).tril().bool())
    mean = (record.weights(0, 1) + record.weights(1, 1)) / 2
    np.testing.assert_allclose(record.weights("mean", 1), mean, atol=1e-6)


def test_a_closed_record_says_so() -> None:
    record = make(10)
    record.close()
    record.close()
    assert record.closed
    assert record.nbytes == 0
    assert repr(record) == "<AttentionRecord, closed>"
    for look in (
        lambda: record.weights(0, 0),
        lambda: record["pattern", 0],
        record.scores,
        lambda: record.query(0),
    ):
        with pytest.raises(ClosedError, match="closed"):
            look()


def test_tokens_must_fit() -> None:
    with pytest.raises(ValueError, match="3 tokens for 4 rows"):
        AttentionRecord.from_arrays(np.eye(4), list("abc"))


def test_several_threads_may_read() -> None:
    model = model_of("gemma2")
    attached = attention.attach(model)
    text = torch.randint(3, 97, (60,), generator=torch.Generator().manual_seed(0)).tolist()
    truth = prefill.record(model, attached, text)
    record = prefill.record(model, attached, text)
    attached.detach()
    expected = {(n, h): truth.weights(n, h) for n in range(3) for h in range(4)}
    wrong: list[object] = []

    def read(seed: int) -> None:
        order = np.random.default_rng(seed).permutation(list(expected))
        for n, h in order:
            try:
                if not np.allclose(record.weights(int(n), int(h)), expected[n, h], atol=1e-6):
                    wrong.append((n, h))
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_what_belongs_to_one_layer() -> None:
    record = make(20, 2)
    with pytest.raises(TypeError, match="belong to one layer, not to the mean"):
        record.query("mean")  # type: ignore[arg-type]
    with pytest.raises(KeyError, match="pattern"):
        record[0]  # type: ignore[index]
    with pytest.raises(TypeError, match="sampled is True, False or None"):
        record.scores("no")  # type: ignore[arg-type]
