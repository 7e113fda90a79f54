"""What switching heads off does in the default model: the figures that a lesson stands on."""

from __future__ import annotations

import os
import signal
import threading

import numpy as np
import pytest
import torch

import gptwidgets as gw
from gptwidgets.kernel import holding

pytestmark = pytest.mark.model
TEXT = "Professor Zorbelquist opened the door. The students stood up and greeted Professor Z"
FOUR = ["L18H6", "L17H3", "L17H4", "L23H2"]  # the highest of gpt.induction_scores()


@pytest.fixture(scope="module")
def smol():
    with gw.load(progress=False) as gpt:
        yield gpt


def probability(gpt, **what):
    """How probable "orb" is as the next token."""
    with gpt.intervene(**what):
        table = gpt.next_token(TEXT, k=1000).set_index("token")
    return float(table["prob"].get("orb", 0.0))


def test_without_its_induction_heads_it_forgets_the_name(smol):
    assert probability(smol) == pytest.approx(0.61, abs=0.03)
    assert probability(smol, heads_off=["L18H6"]) == pytest.approx(0.59, abs=0.03)  # one is not enough
    for ablation in ("zero", "mean", "resample"):
        assert probability(smol, heads_off=FOUR, ablation=ablation) < 0.1
    ids = smol.encode(TEXT)
    last, name = len(ids) - 1, ids.index(smol.encode(TEXT[: TEXT.index("el")])[-1])
    assert probability(smol, cut=[(head, last, name) for head in FOUR]) < 0.3  # one look each
    assert probability(smol) == pytest.approx(0.61, abs=0.03)


def test_other_heads_matter_less(smol):
    heads = [(layer, head) for layer in range(8, 30) for head in range(9) if f"L{layer}H{head}" not in FOUR]
    random = np.random.default_rng(0)
    for _ in range(3):
        some = [heads[at] for at in random.choice(len(heads), 4, replace=False)]
        assert probability(smol, heads_off=some, ablation="mean") > 0.3


def test_its_own_generate_is_under_what_stands_and_as_before_afterwards(smol):
    ids = torch.tensor([smol.encode(TEXT)])

    def written():
        with torch.no_grad():
            return smol.model.generate(ids, do_sample=False, max_new_tokens=6)[0, ids.shape[1] :].tolist()

    with torch.no_grad():
        before = smol.model(ids).logits
    plain = written()
    settings = gw.Sampling(temperature=0, max_new_tokens=6)
    cut = [("L18H6", query, 2) for query in range(10, 30)]
    with smol.intervene(heads_off=FOUR, ablation="mean", cut=cut):
        assert written() == smol.generate(TEXT, settings).ids != plain
    assert written() == smol.generate(TEXT, settings).ids == plain
    with torch.no_grad():
        assert torch.equal(smol.model(ids).logits, before)


def test_an_interrupt_in_the_middle_of_a_pass_leaves_nothing_off(smol):
    ids = torch.tensor([smol.encode(TEXT * 20)])
    with torch.no_grad():
        before = smol.model(ids[:, :30]).logits
    begun = threading.Event()
    hook = smol.model.model.layers[3].register_forward_hook(lambda *_: begun.set())

    def interrupt():
        begun.wait(30)
        os.kill(os.getpid(), signal.SIGINT)

    def read_on():
        with smol.intervene(heads_off=FOUR), torch.no_grad():
            while True:
                smol.model(ids)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        read_on()
    hook.remove()
    assert not smol.intervention
    assert holding._standing == ()
    with torch.no_grad():
        assert torch.equal(smol.model(ids[:, :30]).logits, before)
