from __future__ import annotations

import numpy as np
import pytest

from gptwidgets.errors import ClosedError
from gptwidgets.kernel import budget
from gptwidgets.kernel.gpt import GPT
from gptwidgets.kernel.sampling import Sampling
from tests.kernel.endless import GREEDY, IDS, gpt
from tests.kernel.tiny_models import GROUPED, SMALL, make, tiny

__all__ = ["gpt"]  # a fixture

FEW = Sampling(temperature=0, max_new_tokens=12)


def same(one, other) -> None:
    """Two records of the same tokens show the same, in every layer and head."""
    assert (one.tokens.ids, one.layers, one.windows) == (other.tokens.ids, other.layers, other.windows)
    for layer in one.layers:
        for head in range(one.n_heads):
            np.testing.assert_allclose(one.weights(layer, head), other.weights(layer, head), atol=1e-5)
        np.testing.assert_allclose(one.value(layer), other.value(layer), atol=1e-5)
        assert one.source.qk[layer].positions == other.source.qk[layer].positions


def endless(name: str) -> GPT:
    more = {"diffllama": ("DiffLlama", GROUPED), "bloom": ("Bloom", {**SMALL, "n_layer": 3, "n_head": 4})}
    model = tiny(name, *more[name]) if name in more else make(name)
    model.generation_config.eos_token_id = None
    return GPT(model, name=name)


@pytest.mark.parametrize(
    "name",
    ["llama", "gpt2", "mistral", "gemma2", "gemma3", "gpt_oss", "qwen3", "opt", "gpt_neox", "diffllama"],
)
def test_what_grew_is_what_a_reading_of_the_whole_text_records(name):
    with endless(name) as model:
        stream = model.stream(IDS, FEW, record=True)
        for at, _ in enumerate(stream):
            assert stream.record.length == len(IDS) + at  # the newest token is read a step later
            if at == 5:
                early = stream.record
                before = early.weights("mean", "mean").copy()
        same(stream.record, model.record([*IDS, *stream.generation.ids]))
        np.testing.assert_array_equal(
            early.weights("mean", "mean"), before
        )  # who looks there is not disturbed


def test_a_run_writes_the_same_with_a_record_as_without(gpt):
    rules = Sampling(seed=3, max_new_tokens=30)
    recorded = gpt.stream(IDS, rules, record=True, reuse=False)
    assert [step.tokens[0].id for step in recorded] == gpt.generate(IDS, rules, reuse=False).ids


def test_a_branch_takes_over_what_it_shares_and_has_a_record_of_its_own(gpt):
    first = gpt.stream(IDS, GREEDY, record=True)
    list(first)
    whole = first.record
    was = whole.weights("mean", "mean").copy()
    ids = [*IDS, *first.generation.ids[:6], 7]
    branch = gpt.stream(ids, GREEDY, record=whole)
    next(branch)
    assert branch.record.length == len(ids)
    list(branch)
    same(branch.record, gpt.record([*ids, *branch.generation.ids]))
    np.testing.assert_array_equal(whole.weights("mean", "mean"), was)


@pytest.mark.parametrize("sequence", [0, 2])
def test_one_of_several_sequences_is_followed(gpt, sequence):
    stream = gpt.stream(IDS, Sampling(seed=0, max_new_tokens=9), n=3, record=True)
    stream.growing.sequence = sequence
    list(stream)
    same(stream.record, gpt.record([*IDS, *stream.generation.sequences[sequence].ids]))


def test_a_sequence_that_ends_before_the_others_is_completed(gpt):
    free = gpt.generate(IDS, Sampling(seed=0, max_new_tokens=20), n=4)
    gpt.model.generation_config.eos_token_id = end = free.sequences[1].ids[4]
    with GPT(gpt.model) as again:
        stream = again.stream(IDS, Sampling(seed=0, max_new_tokens=20), n=4, record=True)
        stream.growing.sequence = 1
        list(stream)
        written = stream.generation.sequences[1].ids
        assert written[-1] == end
        same(stream.record, again.record([*IDS, *written]))


def test_it_grows_under_the_interventions_of_its_run(gpt):
    with gpt.intervene(heads_off=["L0H1"], cut=[(1, 0, 9, 2)]):
        stream = gpt.stream(IDS, FEW, record=True)
    for _ in stream:
        pass
    with gpt.intervene(heads_off=["L0H1"], cut=[(1, 0, 9, 2)]):
        wanted = gpt.record([*IDS, *stream.generation.ids])
    same(stream.record, wanted)
    assert (stream.record.intervention, stream.record.notes) == (wanted.intervention, wanted.notes)
    assert stream.record.weights(1, 0)[9, 2] == 0


def test_what_was_read_under_other_interventions_is_not_taken_over(gpt):
    plain = gpt.record(IDS)
    with gpt.intervene(heads_off=["L0H1"]):
        stream = gpt.stream(IDS, FEW, record=plain)
        list(stream)
        same(stream.record, gpt.record([*IDS, *stream.generation.ids]))


def test_whole_matrices_do_not_grow_and_are_read_at_the_end():
    with endless("bloom") as model:
        stream = model.stream(IDS, FEW, record=True)
        next(stream)
        with pytest.raises(ClosedError, match="does not grow while it writes; it is made at the end"):
            _ = stream.record
        list(stream)
        wanted = model.record([*IDS, *stream.generation.ids])
        np.testing.assert_allclose(stream.record.weights(0, 0), wanted.weights(0, 0), atol=1e-5)


def test_the_budget_takes_it_back_and_the_run_goes_on(gpt, monkeypatch):
    stream = gpt.stream(IDS, GREEDY, record=True)
    next(stream)
    shown = stream.record
    monkeypatch.setattr(budget.records, "limit", 1)
    other = gpt.record(IDS)  # the newest stays
    assert shown.closed
    assert not other.closed
    with pytest.raises(ClosedError, match=r"gpt\.record"):
        _ = stream.record
    assert len(list(stream)) + 1 == len(stream.generation.ids)
    assert stream.growing.nbytes == 0


def test_a_stream_without_says_how_to_get_one(gpt):
    stream = gpt.stream(IDS, FEW)
    with pytest.raises(TypeError, match="record=True"):
        _ = stream.record
