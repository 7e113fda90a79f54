from __future__ import annotations

import numpy as np
import pytest

from gptwidgets.errors import Cancelled, ClosedError, DoesNotFitError
from gptwidgets.kernel import rollout as module
from gptwidgets.kernel.gpt import GPT
from gptwidgets.kernel.record import AttentionRecord
from gptwidgets.kernel.worker import CancelToken
from tests.kernel.tiny_models import make

IDS = [(7 * i * i + 3) % 97 for i in range(20)]


def by_hand(record, start=0, r=0.5):
    """The paper's formula, in float64."""
    whole = range(record.length)
    made = np.eye(record.length)
    for layer in record.layers:
        if layer < start:
            continue
        weights = record.source.block(layer, range(record.n_heads), whole, whole).double().numpy()
        mixed = r * np.eye(record.length) + (1 - r) * weights.mean(0)
        made = mixed / mixed.sum(-1, keepdims=True) @ made
    return made


@pytest.mark.parametrize("name", ["llama", "gemma2", "gpt_oss", "mistral"])
@pytest.mark.parametrize("rows", [4, 256])
def test_it_is_the_papers_formula(name, rows, monkeypatch):
    monkeypatch.setattr(module, "ROWS", rows)
    with GPT(make(name)) as gpt:
        record = gpt.record(IDS)
        for start, r in ((None, 0.5), (1, 0.5), (None, 0.0), (2, 0.9)):
            made = record.rollout(start, r)
            np.testing.assert_allclose(made.weights(2, 0), by_hand(record, start or 0, r), atol=1e-5)
            np.testing.assert_allclose(made.weights(2, 0).sum(-1), 1, atol=1e-5)


def test_it_is_a_record_to_look_at():
    with GPT(make("llama"), name="tiny") as gpt:
        record = gpt.record(IDS)
        made = record.rollout()
    assert (made.layers, made.n_heads, made.length) == ((2,), 1, 20)
    assert made.causal
    assert not made.signed
    assert made.tokens is record.tokens
    assert made.notes[0] == (
        "Attention rollout over layers 0 to 2: heads averaged, 0.5 of each state passes a layer by."
    )
    assert "layer 2 alone" in record.rollout(2).notes[0]
    record.close()
    assert made.weights(2, 0).shape == (20, 20)
    with pytest.raises(ClosedError):
        record.rollout()


def test_it_knows_what_was_changed_in_the_model():
    with GPT(make("llama")) as gpt, gpt.intervene(heads_off=["L1H2"]):
        record = gpt.record(IDS)
    assert record.rollout().intervention == record.intervention != gpt.intervention


def test_both_directions_too():
    weights = np.random.default_rng(0).dirichlet(np.ones(6), size=(2, 3, 6)).astype(np.float32)
    record = AttentionRecord.from_arrays(weights)
    np.testing.assert_allclose(record.rollout().weights(1, 0), by_hand(record), atol=1e-5)


def test_a_whole_residual_is_the_identity():
    record = AttentionRecord.from_arrays([[1.0, 0.0], [0.5, 0.5]])
    np.testing.assert_array_equal(record.rollout(residual=1).weights(0, 0), np.eye(2))


def test_what_cannot_be_is_refused_in_words(monkeypatch):
    record = AttentionRecord.from_arrays([[1.0, 0.0], [0.5, 0.5]])
    with pytest.raises(ValueError, match=r"from 0 to 1, not 1\.5"):
        record.rollout(residual=1.5)
    with pytest.raises(TypeError, match="number from 0 to 1"):
        record.rollout(residual="half")
    with pytest.raises(IndexError, match="layer 3 does not exist"):
        record.rollout(3)
    with pytest.raises(TypeError, match="one layer"):
        record.rollout("mean")
    with pytest.raises(ValueError, match="negative"):
        AttentionRecord.from_arrays([[1.0, 0.0], [-0.5, 0.5]]).rollout()
    monkeypatch.setattr(module, "LONGEST", 1)
    with pytest.raises(DoesNotFitError, match="up to 1 tokens; this one has 2"):
        record.rollout()


def test_progress_and_stop():
    record = AttentionRecord.from_arrays(np.full((3, 2, 4, 4), 0.25))
    seen, token = [], CancelToken()
    record.rollout(progress=seen.append)
    assert [(report.done, report.total, report.unit) for report in seen] == [
        (1, 3, "layers"),
        (2, 3, "layers"),
        (3, 3, "layers"),
    ]
    with pytest.raises(Cancelled):
        record.rollout(progress=lambda _: token.cancel(), cancel=token)
