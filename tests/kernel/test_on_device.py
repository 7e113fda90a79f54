"""The engine on the device that `pytest --device` names (the CPU by default), against eager attention.

Where a GPU is at hand: `python -m pytest tests/kernel/test_on_device.py --device cuda`.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

import gptwidgets as gw
from gptwidgets.kernel import device as devices
from gptwidgets.kernel.gpt import GPT
from gptwidgets.kernel.intervention import Intervention
from tests.kernel.tiny_models import INTERFACE, make

IDS = list(range(5, 37))
KINDS = ["gpt2", "llama", "gemma2", "gpt_oss", "qwen3", "opt"]
TEXT = "Professor Zorbelquist opened the door. The students stood up and greeted Professor Z"
FOUR = ["L18H6", "L17H3", "L17H4", "L23H2"]
CLOSE = 2e-4  # of a weight, in float32: a GPU adds in another order


@pytest.fixture(scope="module")
def device(request):
    wanted = torch.device(request.config.getoption("--device"))
    if str(wanted.type) not in {place.type for place in devices.candidates("auto")}:
        pytest.skip(f"no {wanted} here")
    return wanted


@pytest.fixture(scope="module")
def smol(device):
    with gw.load(device=str(device), dtype="float32", progress=False) as gpt:
        yield gpt


def eager(name):
    """A tiny model's own weights on the CPU: one array [H, T, T] a layer, and its logits [T, V]."""
    model = make(name)
    model.set_attn_implementation("eager")
    with torch.no_grad():
        out = model(torch.tensor([IDS]), output_attentions=True)
    return [layer[0].numpy() for layer in out.attentions], out.logits[0].numpy()


@pytest.mark.parametrize("name", [name for name in KINDS if name in INTERFACE])
def test_weights_are_those_of_eager_attention_on_the_cpu(name, device):
    truth, _ = eager(name)
    with GPT(make(name).to(device)) as gpt:
        assert gpt.device.type == device.type
        record = gpt.record(IDS)
        for layer, weights in enumerate(truth):
            ours = np.stack([record.weights(layer, head) for head in range(gpt.n_heads)])
            assert np.abs(ours - weights).max() < CLOSE
        assert len(record.scores()) == gpt.n_layers * gpt.n_heads
        cell = record.arithmetic(1, 2, query=20, key=10)
        assert cell.weight == pytest.approx(float(record.weights(1, 2)[20, 10]), abs=1e-5)


@pytest.mark.parametrize("name", [name for name in KINDS if name in INTERFACE])
def test_heads_off_and_cuts_are_those_of_the_cpu_and_everything_comes_back(name, device):
    change = {"heads_off": ["L1H2", "L2H0"], "cut": [("L0H1", 20, 3)], "scale": {"L2H3": 0.5}}
    with GPT(make(name)) as here, GPT(make(name).to(device)) as there:
        before = there.next_logits(IDS)
        with here.intervene(**change), there.intervene(**change):
            wanted, changed = here.next_logits(IDS), there.next_logits(IDS)
        after = there.next_logits(IDS, reuse=False)
    assert np.abs(changed - wanted).max() < 1e-3
    assert np.abs(changed - before).max() > 1e-3
    assert np.abs(after - before).max() < 1e-4


@pytest.mark.model
def test_the_default_model_writes_greedily_what_generate_writes(smol):
    ids = torch.tensor([smol.encode(TEXT)], device=smol.device)
    with torch.no_grad():
        wanted = smol.model.generate(ids, do_sample=False, max_new_tokens=16)[0, ids.shape[1] :].tolist()
    stream = smol.stream(TEXT, gw.Sampling(temperature=0, max_new_tokens=16), record=True)
    assert [step.token_ids[0] for step in stream] == wanted
    grown, whole = stream.record, smol.record([*ids[0].tolist(), *wanted])
    n = grown.length
    for layer, head in ((0, 0), (18, 6), (29, 8)):
        assert np.abs(grown.weights(layer, head) - whole.weights(layer, head)[:n, :n]).max() < CLOSE


@pytest.mark.model
def test_it_forgets_the_name_without_its_induction_heads(smol):
    orb = smol.encode(TEXT + "orb")[-1]
    probability = lambda: float(torch.tensor(smol.next_logits(TEXT)).softmax(-1)[orb])  # noqa: E731
    assert probability() == pytest.approx(0.61, abs=0.03)
    with smol.intervene(heads_off=FOUR, ablation="mean"):
        assert probability() < 0.1
    assert probability() == pytest.approx(0.61, abs=0.03)


@pytest.mark.model
def test_what_is_asked_about_causes(smol):
    text = "The cat sat on the mat, and the cat"
    change = Intervention.of(smol, heads_off=["L18H6"])
    assert len(smol.compare(text, change)) == len(smol.encode(text))
    lens = smol.logit_lens(text, layers=[0, smol.n_layers])
    assert lens.ids[-1, -1, 0] == smol.next_token(text, k=1)["id"].iloc[0]
    effects = smol.head_effects(text, groups=[["L18H6"], ["L17H3", "L17H4"]])
    assert np.isfinite(effects["effect"]).all()


def test_half_precision_is_close(device):
    dtype = torch.bfloat16
    with GPT(make("llama").to(device, dtype)) as gpt:
        truth, _ = eager("llama")
        assert np.abs(gpt.record(IDS).weights(1, 1) - truth[1][1]).max() < 0.05
