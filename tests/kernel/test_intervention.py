from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import gptwidgets as gw
from gptwidgets.kernel.intervention import NOTHING, Intervention


class Model:
    attention_layers = (0, 1, 2, 5)
    n_heads = 4


def of(**what):
    return Intervention.of(Model(), **what)


def test_heads_are_named_in_every_way():
    index = pd.MultiIndex.from_tuples([(5, 1), (0, 2)], names=["layer", "head"])
    for given in (["L5H1", "l0h2"], [(5, 1), (0, 2)], index, np.array([[5, 1], [0, 2]]), ((5, 1), "L0H2")):
        assert of(heads_off=given).heads_off == {(5, 1), (0, 2)}
    assert of(scale={"L1H3": 2, (0, 0): np.float32(0.5)}).scale == (((0, 0), 0.5), ((1, 3), 2.0))
    edges = of(cut=[("L5H1", 9, 2), (0, 0, 3, 3), np.array([1, 2, 4, 0])]).cut
    assert edges == {(5, 1, 9, 2), (0, 0, 3, 3), (1, 2, 4, 0)}


@pytest.mark.parametrize(
    ("what", "error", "says"),
    [
        ({"heads_off": [(3, 0)]}, IndexError, "layer 3 does not exist; this model has layers 0, 1, 2, 5"),
        ({"heads_off": ["L1H4"]}, IndexError, "head 4 does not exist; this model has heads 0 to 3"),
        ({"heads_off": [(1, -1)]}, IndexError, "head -1 does not exist"),
        ({"heads_off": [1]}, TypeError, "A head is"),
        ({"heads_off": (1, 2)}, TypeError, "A head is"),
        ({"heads_off": ["mean"]}, TypeError, "A head is"),
        ({"heads_off": [("mean", 0)]}, TypeError, "A layer is a number"),
        ({"heads_off": [(True, 0)]}, TypeError, "True"),
        ({"heads_off": "L1H1"}, TypeError, "is a list such as"),
        ({"heads_off": 3}, TypeError, "is a list such as"),
        ({"ablation": "none"}, ValueError, '"zero", "mean" or "resample"'),
        ({"cut": [(1, 1, 3)]}, TypeError, "An edge is"),
        ({"cut": ["L1H1"]}, TypeError, "An edge is"),
        ({"cut": [("L1H1", 2.0, 1)]}, TypeError, "tokens' numbers"),
        ({"cut": [("L1H1", -1, -2)]}, IndexError, "counted from the start"),
        ({"cut": [("L1H1", 2, 3)]}, ValueError, "does not see token 3"),
        ({"cut": [("L1H9", 2, 1)]}, IndexError, "head 9 does not exist"),
        ({"scale": [("L1H1", 2)]}, TypeError, "gives heads a factor"),
        ({"scale": {"L1H1": float("nan")}}, ValueError, "must be finite"),
        ({"scale": {"L1H1": "2"}}, TypeError, "must be a number"),
        ({"scale": {"L1H1": 2, (1, 1): 3}}, ValueError, "twice"),
        ({"ablate": "zero"}, TypeError, "ablate"),
    ],
)
def test_what_there_is_not_is_refused_in_words(what, error, says):
    with pytest.raises(error, match=says):
        of(**what)


def test_it_is_a_value():
    one = of(heads_off=["L1H1", "L1H1"], ablation="mean", cut=[("L0H0", 5, 2)], scale={"L2H2": 3, "L0H1": 1})
    assert one == of(heads_off=[(1, 1)], ablation="mean", cut=[(0, 0, 5, 2)], scale={(2, 2): 3.0})
    assert len({one, of(heads_off=[(1, 1)])}) == 2
    assert bool(one)
    assert not NOTHING
    assert not of(ablation="mean", scale={"L1H1": 1})
    assert Intervention.from_state(json.loads(json.dumps(one.to_state()))) == one
    assert Intervention.from_state(one.to_state(), Model()) == one
    with pytest.raises(IndexError):
        Intervention.from_state({"heads_off": ["L7H0"]}, Model())
    assert gw.Intervention is Intervention


def test_two_at_once():
    outside = of(heads_off=["L1H1"], ablation="mean", scale={"L0H0": 2, "L2H0": 3})
    inside = of(cut=[("L0H0", 3, 1)], scale={"L0H0": 0.5, "L2H0": 2})
    assert outside | inside == of(
        heads_off=["L1H1"], ablation="mean", cut=[("L0H0", 3, 1)], scale={"L2H0": 6}
    )
    assert NOTHING | outside == outside | NOTHING == outside
    with pytest.raises(ValueError, match='off already with ablation="mean"'):
        _ = outside | of(heads_off=["L2H2"])


def test_it_says_what_it_does():
    assert NOTHING.words() == ""
    many = of(heads_off=[(layer, head) for layer in (0, 1) for head in range(4)], ablation="mean")
    assert many.words() == "8 heads off (mean): L0H0, L0H1, L0H2, L0H3, L1H0, L1H1 and 2 more"
    assert of(cut=[("L0H0", 3, 1), ("L0H0", 3, 0)]).words() == "2 edges cut"
    assert (
        of(heads_off=["L1H1"], scale={"L0H0": 2.5}).words() == "1 head off (zero): L1H1; scaled: L0H0 × 2.5"
    )
