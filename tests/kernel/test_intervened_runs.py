from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

from gptwidgets.kernel.gpt import GPT
from gptwidgets.kernel.intervention import Intervention
from gptwidgets.kernel.sampling import Sampling
from tests.kernel.test_prefix import GREEDY, IDS, endless, read_by
from tests.kernel.tiny_models import make

OFF = ["L0H1", "L1H2", "L2H0"]
CUT = [("L1H2", query, 3) for query in range(5, 30)]


def direct(gpt, ids):
    """The logits after a text by a whole pass of the model."""
    with torch.no_grad():
        return gpt.model(torch.tensor([ids]), use_cache=False).logits[0, -1].numpy()


@pytest.mark.parametrize("name", ["llama", "mistral", "gemma2", "gpt2"])
@pytest.mark.parametrize("what", [{"heads_off": OFF}, {"cut": CUT}, {"scale": {"L1H1": -2}}])
def test_all_questions_within_a_block_are_under_it(name, what):
    with endless(name) as gpt:
        plain = gpt.next_logits(IDS)
        with gpt.intervene(**what):
            wanted = direct(gpt, IDS)
            assert abs(wanted - plain).max() > 1e-3
            np.testing.assert_allclose(gpt.next_logits(IDS), wanted, atol=1e-4)
            written = gpt.generate(IDS, GREEDY)
            text = [*IDS, *written.ids]
            for at in range(len(IDS), len(text)):
                assert direct(gpt, text[:at]).argmax() == text[at]
            scores = gpt.score(text)["logprob"].to_numpy()[len(IDS) :]
            np.testing.assert_allclose(scores, written.tokens["logprob"], atol=1e-3)
            several = gpt.generate(IDS, GREEDY, n=3)
            assert [row.ids for row in several.sequences] == [written.ids] * 3
            beam = gpt.generate(IDS, Sampling(beams=1, temperature=0, max_new_tokens=20))
            assert beam.ids == written.ids
        np.testing.assert_allclose(gpt.next_logits(IDS), plain, atol=1e-5)


def test_what_was_read_under_another_intervention_is_another_text():
    with endless() as gpt:
        plain = gpt.generate(IDS, GREEDY).ids
        longer = [*IDS, *plain[:10], 50]
        with gpt.intervene(heads_off=OFF):
            assert read_by(gpt, lambda: gpt.next_token(longer)) == [len(longer)]
            assert read_by(gpt, lambda: gpt.next_token([*longer, 9])) == [1]
            off = gpt.next_logits(longer)
            with gpt.intervene(cut=CUT):
                assert read_by(gpt, lambda: gpt.next_token(longer)) == [len(longer)]
        assert read_by(gpt, lambda: gpt.next_token(longer)) == [1]
        np.testing.assert_allclose(gpt.next_logits(longer), direct(gpt, longer), atol=1e-5)
        with gpt.intervene(heads_off=reversed(OFF)):  # the same again
            np.testing.assert_allclose(gpt.next_logits(longer), off, atol=1e-5)
            np.testing.assert_allclose(off, direct(gpt, longer), atol=1e-5)


def test_a_stream_stays_with_what_held_when_it_was_asked_for():
    with endless() as gpt:
        plain = gpt.generate(IDS, GREEDY).ids
        stream = gpt.stream(IDS, GREEDY)
        with gpt.intervene(heads_off=OFF):  # before its first step
            off = gpt.generate(IDS, GREEDY).ids
            first = [next(stream).tokens[0].id for _ in range(5)]
            inside = gpt.stream(IDS, GREEDY)
            assert next(inside).tokens[0].id == off[0]
        rest = [step.tokens[0].id for step in stream]
        assert [*first, *rest] == plain != off
        assert [off[0], *(step.tokens[0].id for step in inside)] == off
        assert inside.intervention == Intervention.of(gpt, heads_off=OFF)


def test_beams_stay_with_what_held_when_they_were_asked_for():
    settings = Sampling(beams=3, max_new_tokens=8)
    with endless() as gpt:
        plain = [step.beams for step in gpt.beam_search(IDS, settings)]
        later = gpt.beam_search(IDS, settings)
        with gpt.intervene(heads_off=OFF):
            assert [step.beams for step in later] == plain
            off = gpt.beam_search(IDS, settings)
        assert [step.beams for step in off] != plain
        with gpt.intervene(heads_off=OFF):
            found = gpt.generate(IDS, settings)
            again = gpt.scores([*IDS, *found.ids]).logprobs[len(IDS) :]
            np.testing.assert_allclose(found.tokens["logprob"], again, atol=1e-4)


def test_a_job_in_another_thread_is_under_what_it_was_given():
    with endless() as gpt:
        plain = gpt.next_logits(IDS, reuse=False)
        made, found = Intervention.of(gpt, heads_off=OFF), {}
        ready, go = threading.Event(), threading.Event()

        def job():
            ready.set()
            go.wait(10)
            with gpt.under(made):
                found["off"] = gpt.next_logits(IDS, reuse=False)
            with gpt.under(Intervention()):
                found["plain"] = gpt.next_logits(IDS, reuse=False)

        thread = threading.Thread(target=job)
        thread.start()
        ready.wait(10)
        with gpt.intervene(scale={"L0H0": 5}):
            go.set()
            thread.join()
        assert np.array_equal(found["plain"], plain)
        with gpt.intervene(heads_off=OFF):
            assert np.array_equal(found["off"], gpt.next_logits(IDS, reuse=False))


def test_a_recording_is_of_what_the_model_then_did():
    with GPT(make("llama"), name="tiny") as gpt:
        plain = gpt.record(IDS)
        with gpt.intervene(heads_off=["L0H1"]):
            off = gpt.record(IDS)
        assert np.array_equal(off.weights(0, 1), plain.weights(0, 1))  # what it looks at is as before
        assert abs(off.weights(1, 0) - plain.weights(1, 0)).max() > 1e-3  # what comes after it is not
        assert np.array_equal(gpt.record(IDS).weights(1, 0), plain.weights(1, 0))


def test_edges_beyond_the_end_of_a_text_change_nothing():
    with endless() as gpt:
        plain = gpt.next_logits(IDS)
        with gpt.intervene(cut=[("L1H2", 10_000, 3), ("L0H0", len(IDS), 0)]):
            np.testing.assert_allclose(gpt.next_logits(IDS), plain, atol=1e-5)
            assert abs(gpt.next_logits([*IDS, 5]) - direct(gpt, [*IDS, 5])).max() < 1e-4
