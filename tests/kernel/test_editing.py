from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask

from gptwidgets.errors import TextError, UnsupportedModelError
from gptwidgets.kernel.fallback import implementation
from gptwidgets.kernel.forward import Reader
from gptwidgets.kernel.gpt import GPT
from gptwidgets.kernel.intervening import TEXT
from gptwidgets.kernel.intervention import Intervention
from tests.kernel.tiny_models import GROUPED, INTERFACE, make, tiny
from tests.kernel.words import characters

IDS = torch.randint(3, 97, (1, 20), generator=torch.Generator().manual_seed(1))
PROJECTIONS = ("o_proj", "out_proj", "dense", "c_proj")
CUT = [(1, 2, 9, 4), (1, 2, 9, 5), (1, 0, 19, 19), (2, 3, 1, 0), (2, 3, 1, 1), (0, 1, 12, 11)]


def logits(model: Any, ids: torch.Tensor = IDS, **options: Any) -> torch.Tensor:
    with torch.no_grad():
        return model(ids, **options).logits


def projection(model: Any, layer: int) -> nn.Module:
    """The linear layer that mixes a layer's heads."""
    blocks = next(m for m in model.base_model.modules() if isinstance(m, nn.ModuleList) and len(m) == 3)
    named = [(path, m) for path, m in blocks[layer].named_modules() if "att" in path]
    return next(m for path, m in named if path.endswith(PROJECTIONS))


def change(model: Any, layer: int, change_heads: Any) -> Any:
    """Changes a layer's heads before they are mixed, by a hook of torch's own. Shape (B, T, 4, dv)."""

    def before(_: nn.Module, args: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        heads = args[0].unflatten(-1, (4, -1)).clone()
        change_heads(heads)
        return (heads.flatten(-2),)

    return projection(model, layer).register_forward_pre_hook(before)


@pytest.mark.parametrize("name", INTERFACE)
def test_off_and_scaled_equal_a_change_before_the_projection_to_the_bit(name: str) -> None:
    model = make(name)

    def off(heads: torch.Tensor) -> None:
        heads[:, :, [0, 2]] = 0

    def scaled(heads: torch.Tensor) -> None:
        heads[:, :, 3] *= 0.3

    with GPT(model) as gpt:
        before = logits(model)
        hooks = [change(model, 1, off), change(model, 2, scaled)]
        truth = logits(model)
        for hook in hooks:
            hook.remove()
        with gpt.intervene(heads_off=[(1, 0), "L1H2"], scale={"L2H3": 0.3}):
            assert torch.equal(logits(model), truth)
        assert torch.equal(logits(model), before)
        assert (truth - before).abs().max() > 1e-3


def plainly(
    module: Any, query: Any, key: Any, value: Any, mask: Any, scaling: Any = None, **rest: Any
) -> Any:
    """Attention with cut edges as one would write it down, for a whole text."""
    H, d = query.shape[1], query.shape[-1]
    key, value = (x.repeat_interleave(H // x.shape[1], dim=1) for x in (key, value))
    s = query @ key.mT * (d**-0.5 if scaling is None else scaling)
    if rest.get("softcap"):
        s = rest["softcap"] * torch.tanh(s / rest["softcap"])
    T = s.shape[-1]
    hidden = torch.ones(T, T).triu(1).bool() if mask is None else mask < -1
    s = s.masked_fill(hidden, -torch.inf)
    for layer, head, i, j in CUT:
        if layer == module.layer_idx:
            s[:, head, i, j] = -torch.inf
    if rest.get("s_aux") is not None:
        s = torch.cat([s, rest["s_aux"].view(1, -1, 1, 1).expand(1, H, T, 1)], -1)
    w = s.softmax(-1).nan_to_num(0.0)[..., :T]
    return (w @ value).transpose(1, 2).contiguous(), w


AttentionInterface.register("plainly", plainly)
AttentionMaskInterface.register("plainly", eager_mask)


@pytest.mark.parametrize("name", INTERFACE)
def test_cut_edges_are_those_of_the_formula(name: str) -> None:
    model = make(name)
    with GPT(model) as gpt:
        with implementation(model, "plainly"):
            truth = logits(model)
        before = logits(model)
        with gpt.intervene(cut=CUT):
            whole = logits(model)
            reader = Reader(gpt, reuse=False)  # over a cache, which forgets behind a window
            parts = [reader.read(part, last=0) for part in IDS.split([7, 1, 1, 4, 1, 6], dim=1)]
        assert torch.equal(logits(model), before)
    size = float((truth - before).abs().max())
    assert size > 1e-3
    torch.testing.assert_close(whole, truth, rtol=0, atol=2e-4)
    torch.testing.assert_close(torch.cat(parts, 1), truth, rtol=0, atol=2e-4)


def test_what_lies_before_a_cut_is_the_same_to_the_bit() -> None:
    model = make("llama")
    with GPT(model) as gpt:
        before = logits(model)
        with gpt.intervene(cut=[(0, 1, 12, 3)]):
            after = logits(model)
    assert torch.equal(after[:, :12], before[:, :12])
    assert not torch.equal(after[:, 12], before[:, 12])


def test_a_query_that_sees_nothing_any_more_gives_zero() -> None:
    for name in ("llama", "gpt_oss", "gemma2"):
        model = make(name)
        with GPT(model) as gpt:
            all_of_it = [(1, head, 5, key) for head in range(4) for key in range(6)]

            def off(heads: torch.Tensor) -> None:
                heads[:, 5] = 0

            hook = change(model, 1, off)
            truth = logits(model)
            hook.remove()
            with gpt.intervene(cut=all_of_it):
                torch.testing.assert_close(logits(model), truth, rtol=0, atol=1e-5)


def test_cuts_count_from_the_start_in_several_sequences_and_refuse_a_padded_batch() -> None:
    model = make("mistral")  # a window of 7
    with GPT(model) as gpt:
        other = IDS.flip(1)
        both = torch.cat([IDS, other])
        with gpt.intervene(cut=CUT):
            alone = [logits(model), logits(model, other)]
            torch.testing.assert_close(logits(model, both), torch.cat(alone), rtol=0, atol=1e-5)
            whole = torch.ones_like(both)
            assert logits(model, both, attention_mask=whole).shape == (2, 20, 97)
            padded = whole.clone()
            padded[1, :3] = 0
            with pytest.raises(TextError, match="this batch is padded"):
                logits(model, both, attention_mask=padded)
            with pytest.raises(TextError, match="this batch is padded"):
                logits(model, other, attention_mask=padded[1:])
            to_the_right = whole[:1].clone()
            to_the_right[:, -2:] = 0
            right = logits(model, attention_mask=to_the_right)[:, :18]
            torch.testing.assert_close(right, alone[0][:, :18], rtol=0, atol=1e-5)


def test_each_row_of_a_batch_may_have_its_own() -> None:
    model = make("gemma2")
    with GPT(model, characters()) as gpt:
        rows = [
            Intervention.of(gpt, heads_off=["L0H1"]),
            Intervention(),
            Intervention.of(gpt, heads_off=["L1H2", "L0H3"], ablation="mean"),
            Intervention.of(gpt, cut=CUT, scale={"L2H0": 2}),
            Intervention.of(gpt, heads_off=["L0H1"], ablation="resample"),
        ]
        with gpt.under(rows):
            together = logits(model, IDS.expand(5, -1))
            with pytest.raises(ValueError, match=r"5 interventions, one a row, for a batch of 3 rows"):
                logits(model, IDS.expand(3, -1))
        for row, one in zip(together, rows, strict=True):
            with gpt.under(one):
                torch.testing.assert_close(row, logits(model)[0], rtol=0, atol=2e-5)


def test_mean_and_resample_are_a_heads_own_outputs_on_the_reference_text() -> None:
    model = make("llama")
    with GPT(model, characters()) as gpt:
        seen: list[torch.Tensor] = []
        with gpt.intervene(heads_off=["L1H2"], ablation="mean"):
            hook = change(model, 1, lambda heads: seen.append(heads.clone()))
            off = logits(model)
            hook.remove()
        reference = gpt._reference
        assert torch.equal(seen[0][0, :, 2], reference.means[1][2].expand(20, -1))
        seen.clear()
        with gpt.under(Intervention()):  # the text itself, read again: under nothing
            hook = change(model, 1, lambda heads: seen.append(heads.clone()))
            text = gpt.encode(TEXT.read_text())[:64]
            logits(model, torch.tensor([text]))
            hook.remove()
        torch.testing.assert_close(seen[0][0].mean(0), reference.means[1])
        places = {tuple(round(float(x), 4) for x in row) for row in seen[0][0, :, 2]}
        drawn = {tuple(round(float(x), 4) for x in row) for row in reference.draws[1][:, 2]}
        assert drawn <= places
        with gpt.intervene(heads_off=["L1H2"], ablation="resample"):
            drawn_whole = logits(model)
            reader = Reader(gpt, reuse=False)
            parts = torch.cat([reader.read(part, last=0) for part in IDS.split([5, 1, 14], dim=1)], 1)
        torch.testing.assert_close(parts, drawn_whole, rtol=0, atol=2e-5)  # by place, not by pass
        assert (off - drawn_whole).abs().max() > 1e-3


def test_gradients_flow_also_after_a_run_without_any() -> None:
    model = make("llama")
    with GPT(model, characters()) as gpt, gpt.intervene(heads_off=["L1H2"], ablation="mean", cut=CUT):
        gpt.next_token(IDS[0].tolist())
        model(IDS).logits.sum().backward()
        values = next(p for name, p in model.named_parameters() if "layers.1" in name and "v_proj" in name)
        assert values.grad is not None
        assert values.grad.abs().sum() > 0


def test_weights_that_the_model_returns_are_without_the_cut_edges() -> None:
    model = make("llama")
    with GPT(model) as gpt, gpt.intervene(cut=CUT), torch.no_grad():
        weights = model(IDS, output_attentions=True).attentions
        for layer, head, query, key in CUT:
            assert weights[layer][0, head, query, key] == 0
        assert torch.allclose(weights[1].sum(-1), torch.ones(1, 4, 20))


def test_in_bfloat16_it_is_the_same_to_the_bit_before_and_after() -> None:
    model = make("gemma2").bfloat16()
    with GPT(model, characters()) as gpt:
        before = logits(model)
        for what in (
            {"heads_off": ["L1H1"]},
            {"heads_off": ["L1H1"], "ablation": "mean"},
            {"heads_off": ["L1H1"], "ablation": "resample"},
            {"cut": [(1, 1, 9, 2)]},
            {"scale": {"L1H1": 3}},
        ):
            with gpt.intervene(**what):
                changed = logits(model)
            assert changed.dtype == torch.bfloat16
            assert changed.isfinite().all()
            assert not torch.equal(changed, before)
            assert torch.equal(logits(model), before)


def test_heads_that_attend_twice_have_no_mean() -> None:
    model = tiny("diffllama", "DiffLlama", GROUPED)
    with GPT(model, characters()) as gpt:
        before = logits(model)
        with gpt.intervene(heads_off=["L1H1"]):
            assert not torch.equal(logits(model), before)
        with pytest.raises(UnsupportedModelError, match="attends several times"):
            gpt.intervene(heads_off=["L1H1"], ablation="mean").__enter__()
        assert not gpt.intervention
        assert torch.equal(logits(model), before)
