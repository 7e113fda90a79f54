from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

from gptwidgets.errors import Cancelled, ClosedError, TextError, UnsupportedModelError
from gptwidgets.kernel.gpt import GPT
from gptwidgets.kernel.worker import CancelToken
from tests.kernel import test_fallback
from tests.kernel.tiny_models import INTERFACE, make
from tests.kernel.words import characters

IDS = [(7 * i * i + 3) % 97 for i in range(20)]
TARGET, VERSUS = 11, 5
PARTS = ("total", "embedding", "mlp", "bias")


def build(name):
    """With biases, which are zero in a new model."""
    model = make(name) if name in INTERFACE else test_fallback.make(name)
    torch.manual_seed(1)
    with torch.no_grad():
        for path, parameter in model.named_parameters():
            if path.endswith("bias"):
                parameter.normal_(0, 0.2)
    return model


def logits(model):
    with torch.no_grad():
        return model(torch.tensor([IDS]), use_cache=False).logits[0, -1]


def clean(model):
    return not any("forward" in part.__dict__ for part in model.modules())


@pytest.fixture(scope="module")
def gpt():
    with GPT(make("llama"), characters(), name="tiny") as made:
        yield made


@pytest.mark.parametrize("name", [*INTERFACE, *test_fallback.OWN])
def test_in_every_architecture_the_parts_are_the_logit(name):
    model = build(name)
    with GPT(model) as gpt:
        true = logits(model)
        cap = getattr(model.config, "final_logit_softcapping", None)
        if cap:
            true = cap * torch.atanh(true / cap)
        one, both = gpt.direct_logits(IDS, TARGET), gpt.direct_logits(IDS, TARGET, VERSUS)
        assert torch.isfinite(true).all()
        for table, wanted in ((one, true[TARGET]), (both, true[TARGET] - true[VERSUS])):
            said = table.attrs
            assert said["logit"] == pytest.approx(float(wanted), abs=1e-3)
            assert sum(said[part] for part in PARTS) == pytest.approx(float(wanted), abs=1e-3)
            assert table["direct"].sum() == pytest.approx(said["total"], abs=1e-9)
            assert said["unit"] == ("logits before the soft cap" if cap else "logits")
        assert list(one.index) == [(n, h) for n in gpt.attention_layers for h in range(4)]
        assert one["direct"].abs().max() > 0.001
        assert clean(model)
        assert torch.equal(logits(model), true) or cap


def by_hand(model, projections, post=None):
    """z_lh W_O[h] through norms with their scale kept, dotted with the output embedding, from hooks."""
    seen, hooks = {}, []
    for at, part in enumerate(projections):
        hooks.append(
            part.register_forward_pre_hook(lambda _m, args, at=at: seen.update({at: args[0][0, -1]}))
        )
        if post:
            hooks.append(
                post[at].register_forward_pre_hook(
                    lambda _m, args, at=at: seen.update({-1 - at: args[0][0, -1]})
                )
            )
    final = model.model.norm
    hooks.append(final.register_forward_pre_hook(lambda _m, args: seen.update(end=args[0][0, -1])))
    logits(model)
    for hook in hooks:
        hook.remove()

    def frozen(norm, x, of):
        return x * norm.weight / (of.square().mean() + norm.variance_epsilon).sqrt()

    made = {}
    with torch.no_grad():
        for at, part in enumerate(projections):
            z = seen[at].view(4, -1)
            width = z.shape[1]
            for head in range(4):
                added = part.weight[:, head * width : (head + 1) * width] @ z[head]
                if post:
                    added = frozen(post[at], added, seen[-1 - at])
                made[at, head] = float(frozen(final, added, seen["end"]) @ model.lm_head.weight[TARGET])
    return made


@pytest.mark.parametrize("name", ["llama", "qwen3", "olmo2"])
def test_a_head_adds_what_the_formula_says(name):
    model = make(name)
    layers = model.model.layers
    post = [layer.post_attention_layernorm for layer in layers] if name == "olmo2" else None
    wanted = by_hand(model, [layer.self_attn.o_proj for layer in layers], post)
    with GPT(model) as gpt:
        table = gpt.direct_logits(IDS, TARGET)["direct"]
    np.testing.assert_allclose(table.to_numpy(), [wanted[at] for at in table.index], atol=1e-4)


def test_parallel_blocks_and_the_last_layer_count_once():
    """In the last layer of a parallel block nothing reads a head but the final norm: scaling shows it."""
    model = build("gpt_neox")
    end, seen = model.gpt_neox.final_layer_norm, {}
    with GPT(model) as gpt:
        table = gpt.direct_logits(IDS, TARGET)
        ends = []
        for scale in (1.0, 0.0):
            hook = end.register_forward_pre_hook(lambda _m, args: seen.update(end=args[0][0, -1]))
            with gpt.intervene(scale={"L2H1": scale}):
                logits(model)
            hook.remove()
            ends.append(seen["end"])
    added = ends[0] - ends[1]
    with torch.no_grad():
        scale = (ends[0].var(unbiased=False) + end.eps).sqrt()
        direct = ((added - added.mean()) / scale * end.weight) @ model.get_output_embeddings().weight[TARGET]
    assert table.loc[(2, 1), "direct"] == pytest.approx(float(direct), abs=1e-4)


def test_it_is_of_what_holds_now(gpt):
    before = gpt.direct_logits(IDS, TARGET)
    with gpt.intervene(heads_off=["L0H1"]):
        true = logits(gpt.model)
        table = gpt.direct_logits(IDS, TARGET)
    assert table.loc[(0, 1), "direct"] == 0
    assert table.attrs["logit"] == pytest.approx(float(true[TARGET]), abs=1e-3)
    assert "L0H1" in table.attrs["intervention"]
    assert abs(table.attrs["logit"] - before.attrs["logit"]) > 1e-3


def test_words(gpt):
    words = [gpt.vocabulary[one].piece for one in (TARGET, VERSUS)]
    table = gpt.direct_logits(IDS, *words)
    assert (table.attrs["of"], table.attrs["versus"]) == tuple(words)
    np.testing.assert_allclose(table["direct"], gpt.direct_logits(IDS, TARGET, VERSUS)["direct"])


def test_parameters_get_no_gradients_and_threads_do_not_meet(gpt):
    truth, others = logits(gpt.model), []

    def look(*_):
        if threading.current_thread() is threading.main_thread() and not others:
            other = threading.Thread(target=lambda: others.append(logits(gpt.model)))
            other.start()
            other.join()

    hook = gpt.model.model.layers[2].register_forward_pre_hook(look)
    gpt.direct_logits(IDS, TARGET)
    hook.remove()
    assert torch.equal(others[0], truth)
    assert all(parameter.grad is None for parameter in gpt.model.parameters())
    with torch.inference_mode():
        gpt.direct_logits(IDS, TARGET)


def test_layers_that_do_more_than_add_are_refused():
    model = make("llama")
    layer = model.model.layers[1]
    plain = layer.forward
    layer.forward = lambda *args, **kwargs: plain(*args, **kwargs) * (1 + args[0].mean(-1, keepdim=True))
    with GPT(model) as gpt, pytest.raises(UnsupportedModelError, match="does not sum up to its logit"):
        gpt.direct_logits(IDS, TARGET)


def test_what_cannot_be_is_refused_in_words(gpt):
    with pytest.raises(TextError, match="are one token"):
        gpt.direct_logits(IDS, TARGET, TARGET)
    with pytest.raises(TextError, match="2 tokens in tiny"):
        gpt.direct_logits(IDS, "ab")
    with pytest.raises(TextError, match="Token 97"):
        gpt.direct_logits(IDS, 97)
    with pytest.raises(TypeError, match="word of one token"):
        gpt.direct_logits(IDS, 1.5)
    with pytest.raises(TypeError, match="unexpected keyword"):
        gpt.direct_logits(IDS, TARGET, against=1)
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        gpt.direct_logits(IDS, TARGET, cancel=token)
    assert clean(gpt.model)
    with GPT(make("llama")) as other:
        other.close()
        with pytest.raises(ClosedError):
            other.direct_logits(IDS, TARGET)
