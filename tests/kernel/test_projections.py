from __future__ import annotations

from typing import Any

import pytest
import torch

from gptwidgets.errors import UnsupportedModelError
from gptwidgets.kernel import fallback, projections
from gptwidgets.kernel.gpt import GPT
from gptwidgets.kernel.intervention import Intervention
from gptwidgets.kernel.sampling import Sampling
from tests.kernel.test_attention import snapshot
from tests.kernel.test_fallback import OWN, make
from tests.kernel.words import characters

IDS = torch.randint(3, 97, (1, 20), generator=torch.Generator().manual_seed(1))
NAMES = {
    "Bloom": "dense",
    "Falcon": "dense",
    "GPTJ": "out_proj",
    "Mpt": "out_proj",
    "CodeGen": "out_proj",
    "GPTNeo": "out_proj",
    "OpenAIGPT": "c_proj",
    "XGLM": "out_proj",
    "GPTNeoXJapanese": "dense",
}


def logits(model: Any, ids: torch.Tensor = IDS) -> torch.Tensor:
    with torch.no_grad():
        return model(ids).logits


@pytest.mark.parametrize("name", OWN)
def test_models_with_attention_of_their_own(name: str) -> None:
    model = make(name)
    untouched = snapshot(model)
    with GPT(model, characters(), name="tiny") as gpt:
        before = logits(model)
        modules = [
            m
            for layer, attention in fallback.attention_modules(model.base_model)
            for path, m in attention.named_modules()
            if layer == 1 and path == NAMES[name]
        ]

        def off(_: Any, args: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
            heads = args[0].unflatten(-1, (4, -1)).clone()
            heads[:, :, 2] = 0
            heads[:, :, 0] *= 0.5
            return (heads.flatten(-2),)

        hook = modules[-1].register_forward_pre_hook(off)
        truth = logits(model)
        hook.remove()
        with gpt.intervene(heads_off=["L1H2"], scale={"L1H0": 0.5}):
            assert torch.equal(logits(model), truth)
            assert (truth - before).abs().max() > 1e-4
            record = gpt.record(IDS[0].tolist())
        assert torch.equal(logits(model), before)
        plain = gpt.record(IDS[0].tolist())
        assert (record["pattern", 1] == plain["pattern", 1]).all()
        assert (record["pattern", 2] - plain["pattern", 2]).abs().max() > 1e-6
        with gpt.intervene(heads_off=["L1H2"], ablation="mean"):
            assert not torch.equal(logits(model), truth)
            written = gpt.generate(IDS[0].tolist(), Sampling(temperature=0, max_new_tokens=5)).ids
            text = [*IDS[0].tolist(), *written]
            assert logits(model, torch.tensor([text]))[0, 19:-1].argmax(-1).tolist() == written
        rows = [Intervention.of(gpt, heads_off=["L1H2"], scale={"L1H0": 0.5}), Intervention()]
        with gpt.under(rows):
            both = logits(model, IDS.expand(2, -1))
        torch.testing.assert_close(both, torch.cat([truth, before]), rtol=0, atol=1e-5)
        with (
            pytest.raises(UnsupportedModelError, match="no edges can be cut"),
            gpt.intervene(cut=[(1, 1, 4, 2)]),
        ):
            pytest.fail("cut")
        with (
            pytest.raises(UnsupportedModelError, match='use ablation="mean"'),
            gpt.intervene(heads_off=["L1H2"], ablation="resample"),
        ):
            pytest.fail("resampled")
        assert not gpt.intervention
    assert snapshot(model) == untouched


def test_slices_in_another_order_than_the_heads_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def mixed(one: Any, other: Any, check: Any = projections.heads_in_order) -> bool:
        return check((one[0].roll(1, dims=1), one[1]), (other[0].roll(1, dims=1), other[1]))

    monkeypatch.setattr(projections, "heads_in_order", mixed)
    for name in OWN:
        model = make(name)
        with GPT(model) as gpt:
            before = logits(model)
            with (
                pytest.raises(UnsupportedModelError, match="was not found"),
                gpt.intervene(heads_off=["L1H2"]),
            ):
                pytest.fail(name)
            assert not gpt.intervention
            assert torch.equal(logits(model), before)


def test_two_over_one_model_change_it_once_each() -> None:
    model = make("Bloom")
    with GPT(model) as one, GPT(model) as other:
        before = logits(model)
        with one.intervene(scale={"L1H1": 3}):
            tripled = logits(model)
            with other.intervene(scale={"L1H1": 1 / 3}):
                torch.testing.assert_close(logits(model), before, rtol=0, atol=1e-5)
            assert torch.equal(logits(model), tripled)
        with other.intervene(scale={"L1H1": 3}):
            assert torch.equal(logits(model), tripled)
        assert torch.equal(logits(model), before)
        assert not torch.equal(tripled, before)
