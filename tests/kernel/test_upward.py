from __future__ import annotations

import threading

import pytest
import torch

from gptwidgets.errors import Cancelled, ClosedError, UnsupportedModelError
from gptwidgets.kernel import resuming
from gptwidgets.kernel.gpt import GPT
from gptwidgets.kernel.intervention import Intervention
from gptwidgets.kernel.resuming import blocks, resumable
from gptwidgets.kernel.upward import upward
from gptwidgets.kernel.worker import CancelToken
from tests.kernel.tiny_models import INTERFACE, SMALL, make, tiny

IDS = [(7 * i * i + 3) % 97 for i in range(20)]
NAMES = ["llama", "gpt2", "gemma2", "qwen3", "opt", "gpt_neox"]


def build(name):
    return tiny("bloom", "Bloom", {**SMALL, "n_layer": 3, "n_head": 4}) if name == "bloom" else make(name)


def whole(model, ids=IDS):
    with torch.no_grad():
        return model(torch.tensor([ids]), use_cache=False).logits


def clean(model):
    return not any("forward" in part.__dict__ for part in model.modules())


@pytest.mark.parametrize("name", INTERFACE)
def test_every_architecture_of_the_interface_resumes(name):
    assert resumable(make(name))


@pytest.mark.parametrize("name", [*NAMES, "bloom"])
def test_from_any_layer_upwards_the_text_comes_out_as_in_a_whole_pass(name):
    with GPT(build(name)) as gpt:
        truth = whole(gpt.model)
        with upward(gpt, IDS) as up:
            assert not up.whole
            assert [tuple(h.shape) for h in up.hidden] == [(1, 20, 32)] * 4
            torch.testing.assert_close(up.logits, truth[0, -1], atol=1e-4, rtol=1e-4)
            for layer in range(up.n_layers + 1):
                every = up.run(layer, 3, last=0)
                torch.testing.assert_close(every, truth.expand(3, -1, -1), atol=1e-4, rtol=1e-4)
                torch.testing.assert_close(up.run(layer, 2), every[:2, -1:], atol=1e-4, rtol=1e-4)
        assert clean(gpt.model)


@pytest.mark.parametrize("name", [*NAMES, "bloom"])
@pytest.mark.parametrize("layer", [0, 1, 2])
def test_a_change_below_a_layer_does_what_it_does_in_a_whole_pass(name, layer):
    moved = torch.randn(3, 20, 32, generator=torch.Generator().manual_seed(1))
    with GPT(build(name)) as gpt:
        inner = blocks(gpt.model)
        wanted = []
        for row in moved:
            hook = inner[layer].register_forward_pre_hook(
                lambda _m, args, kwargs, row=row: (
                    (args[0] + row, *args[1:]) if args else args,
                    kwargs if args else {**kwargs, "hidden_states": kwargs["hidden_states"] + row},
                ),
                with_kwargs=True,
            )
            wanted.append(whole(gpt.model))
            hook.remove()
        with upward(gpt, IDS) as up:
            made = up.run(layer, 3, last=0, change=lambda hidden: hidden + moved)
    torch.testing.assert_close(made, torch.cat(wanted), atol=1e-4, rtol=1e-4)
    assert (made - whole(build(name))).abs().max() > 0.1


def test_rows_differ_by_what_somebody_else_does_in_the_layers():
    with GPT(make("llama")) as gpt:
        project = gpt.model.model.layers[1].self_attn.o_proj
        off = torch.ones(4, 1, 32)
        for head in range(4):
            off[head, :, 8 * head : 8 * head + 8] = 0
        with upward(gpt, IDS) as up:
            hook = project.register_forward_pre_hook(lambda _m, args: (args[0] * off,))
            made = up.run(1, 4)
            hook.remove()
        for head in range(4):
            hook = project.register_forward_pre_hook(lambda _m, args, head=head: (args[0] * off[head],))
            torch.testing.assert_close(made[head], whole(gpt.model)[0, -1:], atol=1e-4, rtol=1e-4)
            hook.remove()


@pytest.mark.parametrize("name", [*NAMES, "bloom"])
def test_the_end_of_the_model_reads_any_hidden_state(name):
    with GPT(build(name)) as gpt:
        truth = whole(gpt.model)
        with upward(gpt, IDS) as up:
            torch.testing.assert_close(up.head(up.hidden[-1]), truth, atol=1e-4, rtol=1e-4)
            torch.testing.assert_close(up.head(up.hidden[-1][:, 5:9]), truth[:, 5:9], atol=1e-4, rtol=1e-4)


def test_only_the_layers_that_are_asked_for_run():
    with GPT(make("llama")) as gpt, upward(gpt, IDS) as up:
        ran = []
        for at, layer in enumerate(gpt.model.model.layers):
            layer.mlp.register_forward_hook(lambda *_, at=at: ran.append(at))
        up.run(2)
        assert ran == [2]
        up.run(3)
        assert ran == [2]


def test_a_model_whose_layers_hand_on_more_runs_whole_and_says_so(monkeypatch):
    monkeypatch.setattr(resuming, "_check", lambda _model: False)
    with GPT(make("llama")) as gpt:
        truth = whole(gpt.model)
        with upward(gpt, IDS) as up:
            assert up.whole
            torch.testing.assert_close(up.run(2, 3, last=0), truth.expand(3, -1, -1), atol=1e-5, rtol=1e-5)
            with pytest.raises(UnsupportedModelError, match="more than one hidden state"):
                up.head(torch.zeros(1, 1, 32))
            with pytest.raises(UnsupportedModelError):
                up.run(1, change=lambda hidden: hidden)


def test_a_layer_that_remembers_is_found_out():
    model = make("llama")
    layer, plain = model.model.layers[1], model.model.layers[2].forward
    seen = []
    layer.register_forward_hook(lambda *_: seen.append(1))
    # the third layer adds how often the second one ran: from there upwards it does not run
    model.model.layers[2].forward = lambda *args, **kwargs: plain(*args, **kwargs) + float(len(seen))
    assert not resumable(model)


def test_stop_errors_and_other_threads_leave_the_model_clean():
    with GPT(make("llama")) as gpt:
        truth, token = whole(gpt.model), CancelToken()
        with upward(gpt, IDS, token) as up:
            token.cancel()
            with pytest.raises(Cancelled):
                up.run(1)
            assert clean(gpt.model)
        others = []

        def look(*_):
            if threading.current_thread() is threading.main_thread():
                other = threading.Thread(target=lambda: others.append(whole(gpt.model)))
                other.start()
                other.join()
                raise KeyError

        with upward(gpt, IDS) as up:
            hook = gpt.model.model.layers[2].register_forward_pre_hook(look)
            with pytest.raises(KeyError):
                up.run(2)
        hook.remove()
        assert clean(gpt.model)
        assert torch.equal(others[0], truth)
        assert torch.equal(whole(gpt.model), truth)


def test_two_gpts_over_one_model_take_turns():
    model = make("llama")
    truth = whole(model)
    with GPT(model) as first, GPT(model) as second:
        made = []

        def work(gpt):
            with upward(gpt, IDS) as up:
                made.extend(up.run(layer, last=0) for layer in (0, 1, 2, 3) for _ in range(5))

        threads = [threading.Thread(target=work, args=(gpt,)) for gpt in (first, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(made) == 40
    for one in made:
        torch.testing.assert_close(one, truth, atol=1e-4, rtol=1e-4)
    assert clean(model)


def test_a_closed_model_says_so():
    with GPT(make("llama")) as gpt, upward(gpt, IDS) as up:
        gpt.close()
        with pytest.raises((Cancelled, ClosedError)):
            up.run(1)


def test_what_a_layer_had_for_its_forward_is_put_back():
    model = make("llama")
    first = model.model.layers[0]
    first.forward = first.forward
    mine = first.__dict__["forward"]
    with GPT(model) as gpt, upward(gpt, IDS) as up:
        up.run(1)
    assert first.__dict__["forward"] is mine


@pytest.mark.parametrize("name", [*NAMES, "bloom"])
def test_one_intervention_a_row_from_its_layer_upwards(name):
    with GPT(build(name)) as gpt:
        rows = [Intervention.of(gpt, heads_off=[(1, head)]) for head in range(4)]
        with upward(gpt, IDS) as up, gpt.under(rows):
            made = up.run(1, 4, last=0)
        for row, its in zip(rows, made, strict=True):
            with gpt.intervene(heads_off=row.heads_off):
                wanted = whole(gpt.model)[0]
            torch.testing.assert_close(its, wanted, atol=1e-4, rtol=1e-4)
        assert (made - whole(gpt.model)).abs().amax((1, 2)).min() > 0.01


def test_all_of_it_is_under_what_held_at_the_beginning():
    with GPT(make("llama")) as gpt:
        with gpt.intervene(heads_off=["L0H1"]):
            wanted = whole(gpt.model)
            block = upward(gpt, IDS)
            up = block.__enter__()
        torch.testing.assert_close(up.run(1, last=0), wanted, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(up.run(0, last=0), wanted, atol=1e-4, rtol=1e-4)
        block.__exit__(None, None, None)
        assert resumable(gpt.model)


@pytest.mark.parametrize("name", sorted(set(INTERFACE) - {"opt"}))  # which hands its MLP a flat batch
def test_for_the_last_token_alone_the_last_layer_is_narrow(name):
    with GPT(make(name)) as gpt:
        assert resuming.narrowable(gpt.model)
        truth, seen = whole(gpt.model), []
        with upward(gpt, IDS) as up:
            for part in resuming._tail(blocks(gpt.model)[-1]):
                plain = part.forward
                part.forward = lambda x, plain=plain: (seen.append(x.shape[-2]), plain(x))[1]
            made = up.run(1, 3)
            for part in resuming._tail(blocks(gpt.model)[-1]):
                del part.forward
            torch.testing.assert_close(made, truth[:, -1:].expand(3, -1, -1), atol=1e-4, rtol=1e-4)
            assert set(seen) == {1}
        assert clean(gpt.model)


def test_a_layer_that_mixes_tokens_after_attention_runs_whole():
    model = make("llama")
    mlp = model.model.layers[2].mlp
    plain = mlp.forward
    mlp.forward = lambda x: plain(x.cumsum(1))
    assert resumable(model)
    assert not resuming.narrowable(model)
    with GPT(model) as gpt:
        truth = whole(model)
        with upward(gpt, IDS) as up:
            torch.testing.assert_close(up.run(1)[0], truth[0, -1:], atol=1e-4, rtol=1e-4)
