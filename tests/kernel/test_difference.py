from __future__ import annotations

import numpy as np
import pytest

from gptwidgets.errors import ClosedError
from gptwidgets.kernel import difference as module
from gptwidgets.kernel.files import FileError
from gptwidgets.kernel.gpt import GPT
from gptwidgets.kernel.pieces import Tokens
from gptwidgets.kernel.record import AttentionRecord
from tests.kernel.tiny_models import make

IDS = [(7 * i * i + 3) % 97 for i in range(20)]
OTHER = [*IDS[:9], 5, *IDS[10:]]


def random_record(seed, layers=2, tokens=None, **keywords):
    weights = np.random.default_rng(seed).dirichlet(np.ones(6), size=(layers, 3, 6)).astype(np.float32)
    return AttentionRecord.from_arrays(np.tril(weights), tokens=tokens, **keywords)


@pytest.mark.parametrize("pair", [("llama", "llama"), ("gemma2", "gemma2"), ("llama", "mistral")])
def test_each_cell_is_the_one_minus_the_other(pair):
    with GPT(make(pair[0])) as first, GPT(make(pair[1])) as second:
        one, other = first.record(IDS), second.record(OTHER)
        made = one.difference(other)
        assert (made.layers, made.n_heads, made.signed, made.causal) == ((0, 1, 2), 4, True, True)
        worst = 0.0
        for layer in made.layers:
            for head in range(4):
                wanted = one.weights(layer, head) - other.weights(layer, head)
                np.testing.assert_allclose(made.weights(layer, head), wanted, atol=1e-6)
                np.testing.assert_allclose(
                    made.weights(layer, head, rows=[3, 17]), wanted[[3, 17]], atol=1e-6
                )
                worst = max(worst, float(np.abs(wanted).max()))
        assert made.vmax == pytest.approx(worst, abs=1e-6)
        assert np.isnan(made.scores()["entropy"]).all()


def test_with_and_without_an_intervention():
    with GPT(make("llama"), name="tiny") as gpt:
        plain = gpt.record(IDS)
        with gpt.intervene(heads_off=["L0H2"], cut=[(1, 1, 9, 4)]):
            made = gpt.record(IDS).difference(plain)
    assert made.notes[0] == (
        "The weights of tiny with 1 head off (zero): L0H2; 1 edge cut minus those of tiny with nothing "
        "changed."
    )
    assert not made.weights(0, 3).any()
    assert made.weights(1, 1, rows=9, cols=4) == -plain.weights(1, 1, rows=9, cols=4) != 0


def test_the_same_twice_is_nothing():
    record = random_record(0)
    made = record.difference(record)
    assert not made.weights(0, 0).any()
    assert made.vmax == 0
    assert made.nbytes == 0


def test_a_window_and_none_show_what_either_sees():
    with GPT(make("mistral")) as short, GPT(make("llama")) as long:
        made = short.record(IDS).difference(long.record(IDS))
        rows = made.source.rows(0, [0, 1], range(12, 20))
        assert rows.cols == range(20)
        np.testing.assert_allclose(rows.weights[1], made.weights(0, 1, rows=slice(12, 20)), atol=1e-6)
        assert made.absent(0, range(20), range(20)).sum() == 190
        assert made.weights(0, 0, rows=19, cols=2) < 0  # only the longer one looks there


def test_rules_of_any_kind_are_joined():
    cells = np.full((1, 1, 4, 4), 0.25, np.float32)
    some, others = cells.copy(), cells.copy()
    some[..., 0, 1] = np.nan
    some[..., 2, 3] = np.nan
    others[..., 0, 1] = np.nan
    made = AttentionRecord.from_arrays(some).difference(AttentionRecord.from_arrays(others))
    assert made.absent(0, range(4), range(4)).nonzero().tolist() == [[0, 1]]
    assert made.weights(0, 0, rows=2, cols=3) == -0.25
    assert not made.causal


def test_tokens_that_differ_are_both_written():
    one = random_record(0, tokens=["The", " cat", " sat", " on", " the", " mat"], name="tiny")
    two = random_record(1, tokens=["The", " dog", " sat", " on", " the", " mat"], name="tiny")
    made = one.difference(two)
    assert made.tokens.pieces == ("The", " cat| dog", " sat", " on", " the", " mat")
    assert made.name == "tiny"
    assert made.notes[0] == "The weights of the first text minus those of the second one."
    assert "The texts differ in 1 of 6 tokens: 1." in made.notes
    assert one.difference(one).tokens is one.tokens


def test_only_common_layers_and_the_notes_say_so():
    one, two = random_record(0, layers=3, name="a"), random_record(1, layers=2, name="b")
    made = one.difference(two)
    assert made.layers == (0, 1)
    assert made.name == "a − b"
    assert "Only one of the two has layers 2." in made.notes


def test_the_first_token_can_be_hidden():
    one, two = random_record(0), random_record(1)
    block = one.difference(two).block(0, 0, range(6), range(6), no_sink=True)
    assert not block[:, 0].any()
    np.testing.assert_allclose(block[:, 1:], (one.weights(0, 0) - two.weights(0, 0))[:, 1:], atol=1e-6)


def test_of_many_cells_the_largest_is_only_bounded(monkeypatch):
    monkeypatch.setattr(module, "CELLS", 10)
    one, two = random_record(0), random_record(1)
    made = one.difference(two)
    assert made.vmax == max(one.vmax, two.vmax)
    assert made.difference(one).vmax == made.vmax + one.vmax


def test_pictures_and_tiles_of_it():
    from gptwidgets.kernel import scores
    from gptwidgets.kernel.steps import finish

    made = random_record(0).difference(random_record(1))
    summary = finish(scores.summarise(made, 0, sampled=False))
    picture = summary.thumbs[0][1]
    shown = (picture.astype(float) - 128) / 127
    wanted = np.sign(shown) * shown**4 * made.vmax
    lower = np.tril_indices(6)
    np.testing.assert_allclose(wanted[lower], made.weights(0, 1)[lower], atol=0.02)
    assert made.figure(0, 1).data[0].colorscale[0][1] == "rgb(5,48,97)"


def test_what_cannot_be_is_refused_in_words(tmp_path):
    one = random_record(0, tokens=["The", " cat", " sat", " on", " the", " mat"])
    short = AttentionRecord.from_arrays(np.eye(3), tokens=["The", " dog", " sat"])
    with pytest.raises(
        ValueError, match="these have 6 and 3 tokens: they differ from token 1 on, ' cat' and ' dog'"
    ):
        one.difference(short)
    with pytest.raises(ValueError, match="one is the beginning of the other"):
        one.difference(AttentionRecord.from_arrays(np.eye(2), tokens=["The", " cat"]))
    with pytest.raises(ValueError, match="3 heads a layer and the other 1"):
        one.difference(AttentionRecord.from_arrays(np.eye(6)))
    with pytest.raises(TypeError, match="another record"):
        one.difference(np.eye(6))
    with GPT(make("llama")) as gpt:
        low, high = gpt.record(IDS, layers=[0]), gpt.record(IDS, layers=[2])
    with pytest.raises(ValueError, match="no layer in common: 0 and 2"):
        low.difference(high)
    first = AttentionRecord.from_arrays(np.eye(1), tokens=Tokens([4], [b"a"]))
    with pytest.raises(ValueError, match="different tokenizers"):
        first.difference(AttentionRecord.from_arrays(np.eye(1), tokens=Tokens([4], [b"b"])))
    with pytest.raises(ValueError, match="different tokenizers"):
        first.difference(AttentionRecord.from_arrays(np.eye(1), tokens=Tokens([5], [b"a"])))
    made = one.difference(one)
    with pytest.raises(FileError, match="cannot be saved"):
        made.save(tmp_path / "x")
    one.close()
    with pytest.raises(ClosedError):
        made.weights(0, 0)
