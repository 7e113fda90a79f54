from __future__ import annotations

import gc
import threading
import weakref

import pytest
import torch

from gptwidgets.errors import ClosedError, TextError
from gptwidgets.kernel import holding
from gptwidgets.kernel.gpt import GPT
from gptwidgets.kernel.intervention import NOTHING, Intervention
from tests.kernel.test_attention import snapshot
from tests.kernel.tiny_models import make
from tests.kernel.words import characters

IDS = torch.randint(3, 97, (1, 20), generator=torch.Generator().manual_seed(1))
OFF = ["L0H1", "L1H2", "L2H0"]


def logits(model):
    with torch.no_grad():
        return model(IDS).logits


@pytest.fixture
def gpt():
    with GPT(make("llama"), characters(), name="tiny") as made:
        before = logits(made.model)
        model = made.model
        yield made
        assert torch.equal(logits(model), before)  # whatever the test did
        assert holding._standing == ()


def test_blocks_add_up_and_each_is_taken_back(gpt):
    plain = logits(gpt.model)
    with gpt.intervene(heads_off=["L0H1"]) as outer:
        one = logits(gpt.model)
        assert gpt.intervention == outer == Intervention.of(gpt, heads_off=["L0H1"])
        with gpt.intervene(heads_off=["L1H2"], scale={"L2H0": 2}) as both:
            assert both == Intervention.of(gpt, heads_off=["L0H1", "L1H2"], scale={"L2H0": 2})
            assert gpt.intervention == both
            two = logits(gpt.model)
        assert torch.equal(logits(gpt.model), one)
        with (
            pytest.raises(ValueError, match="off already"),
            gpt.intervene(heads_off=["L1H2"], ablation="mean"),
        ):
            pytest.fail("two ablations at once")
        assert torch.equal(logits(gpt.model), one)
    assert gpt.intervention is NOTHING
    assert not torch.equal(one, plain)
    assert not torch.equal(one, two)


def test_blocks_that_end_in_another_order(gpt):
    first, second = gpt.intervene(heads_off=["L0H1"]), gpt.intervene(heads_off=["L1H2"])
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert gpt.intervention == Intervention.of(gpt, heads_off=["L1H2"])
    first.__exit__(None, None, None)  # twice
    assert gpt.intervention == Intervention.of(gpt, heads_off=["L1H2"])
    second.__exit__(None, None, None)
    second.__exit__(None, None, None)
    assert not gpt.intervention
    with second:  # and again
        assert gpt.intervention
    assert not gpt.intervention


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, GeneratorExit, SystemExit])
def test_however_a_block_ends_it_is_over(gpt, error):
    with pytest.raises(error), gpt.intervene(heads_off=OFF):
        raise error
    assert not gpt.intervention


def test_an_error_in_the_middle_of_a_pass(gpt):
    def fail(*_):
        raise KeyboardInterrupt

    hook = gpt.model.model.layers[1].mlp.register_forward_hook(fail)
    for ask in (lambda: gpt.next_token([5, 6]), lambda: gpt.record([5, 6]), lambda: gpt.score([5, 6])):
        with pytest.raises(KeyboardInterrupt), gpt.intervene(heads_off=OFF):
            ask()
        assert not gpt.intervention
    hook.remove()


def test_an_interrupt_while_leaving_or_entering(gpt):
    class Impatient:
        """A lock of a model that runs, and a person who does not wait for it."""

        def acquire(self):
            raise KeyboardInterrupt

        def __enter__(self):
            raise KeyboardInterrupt

        def __exit__(self, *_):
            pass

    lock, block = gpt.lock, gpt.intervene(heads_off=OFF)
    block.__enter__()
    gpt.lock = Impatient()
    with pytest.raises(KeyboardInterrupt):
        block.__exit__(None, None, None)
    assert not gpt.intervention
    with pytest.raises(KeyboardInterrupt):
        block.__enter__()
    gpt.lock = lock
    assert not gpt.intervention


def test_a_generator_that_is_closed_and_one_that_is_forgotten(gpt):
    def steps():
        with gpt.intervene(heads_off=OFF):
            yield logits(gpt.model)
            yield logits(gpt.model)

    running = steps()
    changed = next(running)
    assert gpt.intervention
    running.close()
    assert not gpt.intervention
    running = steps()
    assert torch.equal(next(running), changed)
    del running
    gc.collect()
    assert not gpt.intervention


def test_direct_calls_from_any_thread_are_under_what_stands(gpt):
    found = {}

    def call(name):
        with gpt.lock:
            found[name] = logits(gpt.model)

    def run(name):
        thread = threading.Thread(target=call, args=(name,))
        thread.start()
        thread.join()

    run("before")
    with gpt.intervene(heads_off=OFF):
        run("within")
        here = logits(gpt.model)
        with gpt.under(NOTHING):  # this thread's own; another one sees what stands
            assert torch.equal(logits(gpt.model), found["before"])
            run("beside")
    run("after")
    assert torch.equal(found["within"], here)
    assert torch.equal(found["beside"], here)
    assert torch.equal(found["before"], found["after"])
    assert not torch.equal(found["before"], here)


def test_blocks_of_two_threads_at_once(gpt):
    barrier = threading.Barrier(2)
    seen = []

    def block(name):
        with gpt.intervene(heads_off=[name]):
            barrier.wait(10)
            seen.append(gpt.intervention)
            barrier.wait(10)

    threads = [threading.Thread(target=block, args=(name,)) for name in ("L0H0", "L1H1")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [Intervention.of(gpt, heads_off=["L0H0", "L1H1"])] * 2
    assert not gpt.intervention


def test_another_model_is_not_concerned(gpt):
    with GPT(make("gpt2")) as other, gpt.intervene(heads_off=OFF):
        with torch.no_grad():
            there = other.model(IDS).logits
        assert not other.intervention
        with gpt.under(NOTHING), torch.no_grad():
            assert torch.equal(other.model(IDS).logits, there)
        with other.intervene(heads_off=["L0H0"]):
            with torch.no_grad():
                assert not torch.equal(other.model(IDS).logits, there)
            assert gpt.intervention == Intervention.of(gpt, heads_off=OFF)


def test_two_over_one_model(gpt):
    plain = logits(gpt.model)
    with gpt.intervene(heads_off=OFF):
        with GPT(gpt.model, name="the same again") as again:  # is checked as if nothing were off
            assert again.attention_layers == (0, 1, 2)
            assert not again.intervention
            ids = IDS[0].tolist()
            whole = torch.from_numpy(again.next_logits(ids))  # its own question, under its own
            torch.testing.assert_close(whole, plain[0, -1], rtol=0, atol=1e-5)
            assert not torch.equal(torch.from_numpy(gpt.next_logits(ids)), whole)
        assert not torch.equal(logits(gpt.model), plain)


def test_closing_within_a_block():
    model = make("llama")
    before, untouched = logits(model), snapshot(model)
    gpt = GPT(model)
    with gpt.intervene(heads_off=OFF):
        gpt.close()
        assert torch.equal(logits(model), before)
        assert not gpt.intervention
        with pytest.raises(ClosedError):
            gpt.intervene(heads_off=OFF)
        with GPT(model) as exchanged:  # taken over by another one meanwhile
            assert not exchanged.intervention
            torch.testing.assert_close(logits(model), before, rtol=0, atol=1e-5)
    assert torch.equal(logits(model), before)
    assert snapshot(model) == untouched
    block = GPT(model).intervene(heads_off=OFF)
    block._gpt.close()
    with pytest.raises(ClosedError), block:
        pytest.fail("entered on a closed model")
    assert holding._standing == ()


def test_nothing_is_held_afterwards():
    gpt = GPT(make("llama"), characters())
    with gpt.intervene(heads_off=OFF, ablation="mean", cut=[("L1H1", 5, 2)]):
        gpt.next_token("hello")
    model, here = weakref.ref(gpt.model), weakref.ref(gpt)
    gpt.close()
    gc.collect()
    assert model() is None
    del gpt
    gc.collect()
    assert here() is None
    forgotten = GPT(make("llama"))  # that nobody closes
    forgotten.intervene(heads_off=OFF).__enter__()
    model = weakref.ref(forgotten.model)
    del forgotten
    gc.collect()
    assert model() is None
    assert holding._standing == ()


def test_without_a_tokenizer_there_is_no_reference_text():
    with GPT(make("llama"), name="tiny") as gpt:
        with (
            pytest.raises(TextError, match='use ablation="zero"'),
            gpt.intervene(heads_off=OFF, ablation="mean"),
        ):
            pytest.fail("there is nothing to take a mean of")
        assert not gpt.intervention
        with gpt.intervene(heads_off=OFF):
            assert gpt.intervention


def test_the_mean_is_taken_once_and_under_nothing(gpt):
    with gpt.intervene(heads_off=["L0H0"]), gpt.intervene(scale={"L1H1": 3}):
        inside = gpt._reference
    del gpt.__dict__["_reference"]
    outside = gpt._reference
    for layer, mean in outside.means.items():
        assert torch.equal(mean, inside.means[layer])
    assert gpt._reference is outside
