from __future__ import annotations

import pytest
import torch

from gptwidgets.errors import ClosedError, TextError
from gptwidgets.kernel.gpt import GPT
from gptwidgets.kernel.sampling import Sampling
from gptwidgets.kernel.worker import CancelToken
from tests.kernel.tiny_models import make

IDS = [5, 17, 42, 9, 77, 3, 61]


@pytest.fixture
def gpt():
    made = GPT(make("llama"), name="tiny")
    yield made
    made.close()


def steps(search):
    seen = []
    while True:
        try:
            seen.append(next(search))
        except StopIteration as end:
            return seen, end.value


@pytest.mark.parametrize("beams", [2, 3, 8, 32])
@pytest.mark.parametrize("ends", [None, [2], [2, 11, 40, 41, 42, 43, 44, 45]], ids=["endless", "one", "many"])
@pytest.mark.parametrize("name", ["llama", "gpt2", "gemma2"])
def test_the_best_text_is_that_of_transformers(name, ends, beams):
    model = make(name)
    model.generation_config.eos_token_id = model.config.eos_token_id = ends
    with GPT(model) as gpt:
        for start in (0, 10, 21):
            ids = [(i + start) % 97 for i in IDS]
            with torch.no_grad():
                wanted = model.generate(
                    torch.tensor([ids]),
                    num_beams=beams,
                    max_new_tokens=12,
                    pad_token_id=0,
                    do_sample=False,
                    return_dict_in_generate=True,
                    output_scores=True,
                )
            new = wanted.sequences[0, len(ids) :].tolist()
            _, found = steps(gpt.beam_search(ids, Sampling(beams=beams, max_new_tokens=12)))
            assert found.ids == new
            assert found.score == pytest.approx(float(wanted.sequences_scores[0]), abs=1e-4)
            assert found.reason == ("end" if ends and new[-1] in ends else "max_new_tokens")


def test_with_a_repetition_penalty_too(gpt):
    settings = {"repetition_penalty": 1.4, "max_new_tokens": 12}
    with torch.no_grad():
        wanted = gpt.model.generate(torch.tensor([IDS]), num_beams=3, pad_token_id=0, **settings)
    made = gpt.generate(IDS, Sampling(beams=3, **settings))
    assert made.ids == wanted[0, len(IDS) :].tolist()


def test_each_step_shows_who_goes_on_from_whom(gpt):
    gpt.model.generation_config.eos_token_id = None
    gpt.model.config.eos_token_id = None
    with GPT(gpt.model) as again:
        seen, found = steps(again.beam_search(IDS, Sampling(beams=3, max_new_tokens=6)))
    assert [step.index for step in seen] == list(range(6))
    running = [([], 0.0)]
    for step in seen:
        kept = [beam for beam in step.beams if beam.kept]
        assert step.beams[: len(kept)] == kept
        assert len(step.beams) == 6
        for beam in step.beams:
            ids, score = running[beam.parent]
            assert beam.ids == [*ids, beam.id]
            assert beam.piece == f"⟨id {beam.id}⟩"
            assert beam.score < score
        assert [beam.score for beam in kept] == sorted((beam.score for beam in kept), reverse=True)
        running = [(beam.ids, beam.score) for beam in kept]
    assert [beam.finished for beam in seen[-1].beams] == [True] * 3 + [False] * 3
    assert found.ids == seen[-1].beams[0].ids


def test_generate_with_beams_is_a_generation_like_any_other(gpt):
    made = gpt.generate(IDS, Sampling(beams=3, max_new_tokens=6), k=4)
    with torch.no_grad():
        raw = gpt.model(torch.tensor([IDS + made.ids])).logits[0, len(IDS) - 1 : -1].log_softmax(-1)
    for at, token in enumerate(made.sequences[0].steps):
        assert token.logprob == pytest.approx(float(raw[at, token.id]), abs=1e-4)
        assert token.alternatives.ids == raw[at].topk(4).indices.tolist()
    assert made.prompt_ids == IDS
    assert made.tokens.shape == (len(made.ids), 9)
    with pytest.raises(ValueError, match="A beam search gives one text"):
        gpt.generate(IDS, Sampling(beams=3), n=2)


def test_stop_interrupt_memory_and_close(gpt):
    token = CancelToken()
    search = gpt.beam_search(IDS, Sampling(beams=3), cancel=token)
    first = next(search)
    token.cancel()
    _, found = steps(search)
    assert (found.ids, found.reason) == (first.beams[0].ids, "stopped")

    def too_much(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    search = gpt.beam_search(IDS, Sampling(beams=3))
    first = next(search)
    hook = gpt.model.model.layers[1].register_forward_hook(too_much)
    _, found = steps(search)
    hook.remove()
    assert (found.ids, found.reason) == (first.beams[0].ids, "memory")
    search = gpt.beam_search(IDS, Sampling(beams=3))
    next(search)
    search.close()
    search = gpt.beam_search(IDS, Sampling(beams=3))
    next(search)
    gpt.close()
    with pytest.raises(ClosedError):
        next(search)


def test_a_full_context(gpt):
    made = gpt.generate([5] * 60, Sampling(beams=2))
    assert len(made.ids) <= 4
    with pytest.raises(TextError, match="shorten the prompt"):
        gpt.beam_search([5] * 64)
