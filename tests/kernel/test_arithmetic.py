"""Every number of a cell, against the formula in float64 and against what the model's own parts say."""

from __future__ import annotations

import json
import math
import re
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import torch

from gptwidgets.kernel.arithmetic import Arithmetic
from gptwidgets.kernel.gpt import GPT
from gptwidgets.kernel.mask import Function
from gptwidgets.kernel.pieces import Tokens
from gptwidgets.kernel.record import AttentionRecord
from gptwidgets.kernel.source import LayerQK, QKSource
from tests.kernel.tiny_models import GROUPED, INTERFACE, make, tiny

T = 24
CELLS = [(0, 1, 20, 17), (1, 3, 23, 0), (2, 0, 12, 12), (1, 2, 5, 9), (0, 2, 23, 3), (0, 0, 0, 0)]


def ids() -> list[int]:
    return torch.randint(3, 97, (T,), generator=torch.Generator().manual_seed(1)).tolist()


def record_of(name: str) -> AttentionRecord:
    with GPT(make(name)) as gpt:
        return gpt.record(ids(), progress=False)


def close(found: Any, right: Any) -> None:
    np.testing.assert_allclose(found, right, rtol=1e-5, atol=1e-5)


def check(record: AttentionRecord, layer: int, head: int, i: int, j: int) -> Arithmetic:
    """Every number by its formula, from what `query`, `key` and `value` give."""
    a = record.arithmetic(layer, head, query=i, key=j)
    assert isinstance(record.source, QKSource)
    qk = record.source.qk[layer]
    q = record.query(layer)[head].double().numpy()
    k, v = (
        x[head * x.shape[0] // record.n_heads].double().numpy()
        for x in (record.key(layer), record.value(layer))
    )
    close(a.q, q[i])
    close(a.k, k[j])
    close(a.products, q[i] * k[j])
    close(a.dot, q[i] @ k[j])
    close(a.scaled, q[i] @ k[j] * qk.scale)
    t = k @ q[i] * qk.scale  # [T]
    if qk.softcap is not None:
        t = qk.softcap * np.tanh(t / qk.softcap)
    close(a.capped, t[j])
    t = t if qk.bias is None else t + qk.bias[head % qk.bias.shape[0], i].double().numpy()
    hidden = record.absent(layer, range(i, i + 1), range(T))
    seen = np.ones(T, bool) if hidden is None else ~hidden[0].numpy()
    keys = np.flatnonzero(seen)
    assert a.keys.tolist() == keys.tolist()
    assert a.masked == (not seen[j])
    assert a.logit == (-math.inf if a.masked else pytest.approx(t[j], rel=1e-5, abs=1e-5))
    close(a.dots, (k @ q[i])[keys])
    close(a.row, t[keys])
    sink = 0.0 if qk.sinks is None else math.exp(qk.sinks[head])
    total = np.exp(t[keys]).sum() + sink
    close(a.lse, math.log(total))
    assert a.top is not None
    close(a.total, total / math.exp(a.top))
    w = np.where(seen, np.exp(t), 0) / total
    close(a.weight, w[j])
    close(a.weights, w[keys])
    close(a.weights, record.weights(layer, head, rows=i)[keys])
    close(a.v, v[j])
    close(a.weighted_v, w[j] * v[j])
    close(a.others, w @ v - w[j] * v[j])
    close(a.output, w @ v)
    close(a.output, record.z(layer, rows=i)[head])
    return a


@pytest.mark.parametrize("name", INTERFACE)
def test_every_number_equals_its_formula(name: str) -> None:
    record = record_of(name)
    for layer, head, i, j in CELLS:
        consistent(check(record, layer, head, i, j))


def consistent(a: Arithmetic) -> None:
    """What stands in the formulas comes out as they say, and each number says rightly which one it is."""
    for name, value in a.stages.items():
        assert value is not None
        formula = a.formula(name)
        tree = ET.fromstring(formula.filled)
        for number in tree.iter():
            of = number.get("data-of")
            if of is None:
                continue
            assert of in a.stages
            at = number.get("data-at")
            true = getattr(a, of) if at is None else getattr(a, of)[int(at)]
            assert read(number.text or "") == pytest.approx(true, rel=1e-3)
        sides = formula.filled_text.split(" = ")
        if len(sides) == 3 and "…" not in sides[1] and "∞" not in formula.filled_text:
            assert calculate(sides[1]) == pytest.approx(read(sides[2]), rel=0.01, abs=0.01)


def read(said: str) -> float:
    said = said.strip("()").replace("−", "-").replace("∞", "inf")
    raised = said.translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-"))
    return float(raised.replace("×10", "e"))


def calculate(text: str) -> float:
    text = re.sub(r"−?[\d.]+×10[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+", lambda number: repr(read(number[0])), text)
    text = text.replace("−", "-").replace("·", "*")
    text = re.sub(r"√([\d.]+)", r"sqrt(\1)", text).replace("ln(", "log(")
    return eval(text, {"__builtins__": {}}, vars(math))


def facts_of(name: str, layer: int = 0, query: int = 20, key: int = 17) -> str:
    return " ".join(record_of(name).arithmetic(layer, 1, query=query, key=key).facts)


def test_each_architecture_is_told_with_its_own_pieces() -> None:
    llama = facts_of("llama")
    assert "Key and value head 0 of 2 (counted from 0), shared by heads 0 to 1: grouped-query" in llama
    assert "(RoPE)" in llama
    assert "key head" not in facts_of("gpt2").lower()
    assert "a learned vector for each position" in facts_of("gpt2")
    assert "window of 7 tokens" in facts_of("mistral")
    assert "outside of the query's window of 7 tokens" in facts_of("mistral", key=3)
    assert "no logit of this layer gets beyond 0.5" in facts_of("gemma2")
    assert "window" not in facts_of("gemma2", layer=1)
    assert "This head has a sink" in facts_of("gpt_oss")
    assert "(NoPE)" in facts_of("smollm3", layer=1)
    assert "Queries and keys have 16 dimensions, values 12." in facts_of("deepseek_v3")
    assert "The key comes after the query" in facts_of("llama", query=3, key=4).replace("the key", "The key")


def test_diffllama_says_that_two_values_stand_side_by_side() -> None:
    with GPT(tiny("diffllama", "DiffLlama", {**GROUPED, "attention_dropout": 0.0})) as gpt:
        a = check(gpt.record(ids(), progress=False), 0, 1, 20, 17)
    assert a.v is not None
    assert len(a.v) == 16
    assert "two values with the same weights" in " ".join(a.facts)


def test_steps_are_those_of_the_architecture_and_in_order() -> None:
    plain = list(record_of("llama").arithmetic("L1H2", query=-1, key=3).stages)
    assert " ".join(plain) == (
        "q k products dot scale scaled mask logit dots row top exps total lse weight weights "
        "v weighted_v others output"
    )
    assert list(record_of("gemma2").arithmetic("L1H2", query=-1, key=3).stages)[6:8] == ["softcap", "capped"]
    with_sink = list(record_of("gpt_oss").arithmetic("L1H2", query=-1, key=3).stages)
    assert set(with_sink) - set(plain) == {"sink", "sink_term"}


def random_record(**options: Any) -> AttentionRecord:
    g = torch.Generator().manual_seed(1)
    q, k, v = (torch.randn(h, T, 8, generator=g) for h in (4, 2, 2))
    given: dict[str, Any] = {"scale": 0.3, "v": v, **options}
    layer = LayerQK(q, k, **given)
    return AttentionRecord(QKSource({0: layer}), Tokens.from_words(["<b>&"] * T))


def test_a_bias_by_distance() -> None:
    bias = torch.randn(4, T, T, generator=torch.Generator().manual_seed(2))
    a = check(random_record(bias=bias), 0, 3, 20, 7)
    assert a.bias == pytest.approx(float(bias[3, 20, 7]))
    consistent(a)
    one = check(random_record(bias=bias[:1]), 0, 3, 20, 7)
    assert "+ (" in one.formula("logit").filled_text or "+ 0" in one.formula("logit").filled_text


def test_keys_with_gaps_and_a_query_that_sees_nothing() -> None:
    padding = torch.arange(T)[None] % 5 != 0
    record = random_record(rule=Function(lambda _b, _h, i, j: j <= i, padding))
    a = check(record, 0, 1, 13, 7)
    assert a.keys.tolist() == [1, 2, 3, 4, 6, 7, 8, 9, 11, 12, 13]
    assert a.to_wire()[0]["keys"] == [[1, 5], [6, 10], [11, 14]]
    consistent(a)
    nothing = record.arithmetic(0, 1, query=0, key=0)
    assert nothing.masked
    assert (nothing.weight, nothing.lse, nothing.total) == (0.0, -math.inf, 0.0)
    assert (nothing.output == 0).all()
    assert len(nothing.formulas) == len(nothing.to_frame()) == len(nothing.stages)
    json.dumps(nothing.to_wire()[0], allow_nan=False)


def test_without_values_it_ends_at_the_weights_and_without_queries_it_starts_there() -> None:
    a = random_record(v=None).arithmetic(0, 1, query=9, key=3)
    assert list(a.stages)[-1] == "weights"
    assert a.output is None
    assert "holds no values" in " ".join(a.facts)
    arrays = AttentionRecord.from_arrays([[1.0, 0.0], [0.25, 0.75]]).arithmetic(0, 0, query=1, key=0)
    assert list(arrays.stages) == ["weight", "weights"]
    assert arrays.weight == 0.25
    assert arrays.weights.tolist() == [0.25, 0.75]
    assert "the arithmetic starts at the weight" in " ".join(arrays.facts)
    assert arrays.to_frame().loc["weight", "with numbers"] == "w[i, j] = 0.25"
    above = AttentionRecord.from_arrays([[1.0, 0.0], [0.25, 0.75]]).arithmetic(0, 0, query=0, key=1)
    assert (above.masked, above.weight) == (True, 0.0)


def test_bfloat16_is_told() -> None:
    record = random_record()
    assert isinstance(record.source, QKSource)
    layer = record.source.qk[0]
    assert layer.v is not None
    layer.q, layer.k, layer.v = (x.bfloat16() for x in (layer.q, layer.k, layer.v))
    assert "The model computed in bfloat16" in " ".join(check(record, 0, 1, 20, 7).facts)


def test_what_there_is_not_is_refused_in_words() -> None:
    record = random_record()
    with pytest.raises(TypeError, match="Arithmetic is of one head"):
        record.arithmetic("mean", 0, query=1, key=0)
    with pytest.raises(IndexError, match="token 24 does not exist"):
        record.arithmetic(0, 0, query=24, key=0)
    with pytest.raises(TypeError, match="key is one token's number"):
        record.arithmetic(0, 0, query=1, key=slice(2))  # type: ignore[arg-type]
    a = record.arithmetic(0, 0, query=9, key=3)
    with pytest.raises(KeyError, match="no step 'softcap' in this cell; there are q, k, products"):
        a.formula("softcap")
    with pytest.raises(IndexError, match="products has 8 numbers; there is no number 8"):
        a.formula("products", 8)
    with pytest.raises(IndexError, match="dot is one number"):
        a.formula("dot", 0)


def test_what_a_page_gets() -> None:
    a = random_record(softcap=2.0, sinks=torch.ones(4)).arithmetic(0, 1, query=9, key=3)
    told, buffers = a.to_wire()
    text = json.dumps(told, allow_nan=False)
    assert "<b>" not in "".join(step["filled"] + step["formula"] for step in told["steps"])
    assert told["tokens"] == ["<b>&", "<b>&"]
    assert told["parts"] == ["vectors", "raw", "scaled", "masked", "softmax", "value-weighted", "output"]
    assert len(text) < 30_000
    by_name = {step["name"]: step for step in told["steps"]}
    assert list(by_name) == list(a.stages)
    for name, step in by_name.items():
        assert set(step["from"]) <= set(by_name)
        value = a.stages[name]
        if step["kind"] == "number":
            assert step["value"] == value
            continue
        assert buffers[step["buffer"]].dtype == np.float32
        assert (buffers[step["buffer"]] == value).all()
        # filled in by a page as it is told to, the formula says what Python says
        tree = ET.fromstring(step["filled"])
        numbers = [n for n in tree.iter() if n.get("data-at") == "*"]
        made_of = {n.get("data-of") for n in tree.iter()} - {None, name}
        assert made_of <= set(step["from"])
        place = 3
        right = ET.fromstring(a.formula(name, place).filled)
        wanted = [n.get("data-of") for n in right.iter() if n.get("data-at") == str(place)]
        assert [n.get("data-of") for n in numbers] == wanted
