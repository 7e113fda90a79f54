from __future__ import annotations

import json
import re
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

from gptwidgets.kernel.sampling import Sampling, checked_sampling


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("temperature", -0.1, "temperature must be at least 0 and at most 100, not -0.1"),
        ("temperature", float("nan"), "temperature must be at least 0 and at most 100, not nan"),
        ("temperature", float("inf"), "at most 100, not inf"),
        ("temperature", 101, "at most 100, not 101"),
        ("temperature", 1e-40, "temperature must be 0 (greedy) or at least 1e-06, not 1e-40"),
        ("temperature", 5e-324, "0 (greedy) or at least 1e-06"),
        ("top_k", -1, "top_k must be at least 0, not -1"),
        ("top_p", 0, "top_p must be above 0 and at most 1, not 0"),
        ("top_p", 1.5, "top_p must be above 0 and at most 1, not 1.5"),
        ("top_p", float("nan"), "top_p must be above 0"),
        ("min_p", -0.1, "min_p must be at least 0 and at most 1, not -0.1"),
        ("min_p", 1.01, "min_p must be at least 0 and at most 1, not 1.01"),
        ("repetition_penalty", 0, "repetition_penalty must be at least 0.001 and at most 1000, not 0"),
        ("repetition_penalty", 1e-308, "at least 0.001 and at most 1000, not 1e-308"),
        ("repetition_penalty", float("inf"), "at least 0.001 and at most 1000, not inf"),
        ("max_new_tokens", 0, "max_new_tokens must be at least 1, not 0"),
        ("stop", "", "stop holds an empty text"),
        ("stop", ["a", ""], "stop holds an empty text"),
        ("stop", "\ud800", "half a character"),
        ("seed", -1, "seed must be at least 0 and below 2⁶³, not -1"),
        ("seed", 2**63, "seed must be at least 0 and below 2⁶³"),
        ("beams", 0, "beams must be at least 1 and at most 32, not 0"),
        ("beams", 33, "beams must be at least 1 and at most 32, not 33"),
    ],
)
def test_what_is_out_of_range_is_refused(name, value, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        Sampling(**{name: value})


NOT_NUMBERS = [True, "1", None, [1], {}, 1 + 0j, b"1", np.array([1.0]), np.True_]


@pytest.mark.parametrize("name", ["temperature", "top_p", "min_p", "repetition_penalty"])
@pytest.mark.parametrize("value", NOT_NUMBERS, ids=repr)
def test_what_is_no_number_is_refused(name, value):
    with pytest.raises(TypeError, match=f"{name} must be a number"):
        Sampling(**{name: value})


@pytest.mark.parametrize("name", ["top_k", "max_new_tokens", "seed", "beams"])
@pytest.mark.parametrize("value", [*NOT_NUMBERS, 1.0, np.float32(1), Fraction(3, 2)], ids=repr)
def test_what_is_no_whole_number_is_refused(name, value):
    if name == "seed" and value is None:
        assert Sampling(seed=None).seed is None
        return
    with pytest.raises(TypeError, match=f"{name} must be a whole number"):
        Sampling(**{name: value})


@pytest.mark.parametrize("value", [None, 3, b"x", {"a"}, [1], ("a", None)], ids=repr)
def test_what_is_no_text_to_stop_at_is_refused(value):
    with pytest.raises(TypeError, match="stop is a text, or a list of texts"):
        Sampling(stop=value)


def test_unknown_names_are_refused_with_the_nearest_one():
    with pytest.raises(TypeError, match="did you mean temperature"):
        Sampling().replace(temprature=1)
    with pytest.raises(TypeError, match="did you mean max_new_tokens"):
        Sampling.from_dict({"max_tokens": 3})
    with pytest.raises(TypeError, match="there are temperature, top_k"):
        Sampling.from_dict({"xyz": 3})
    with pytest.raises(TypeError):
        Sampling(0.5)
    with pytest.raises(TypeError, match="Settings are a dict"):
        Sampling.from_dict([1])


def test_beam_search_leaves_nothing_to_chance():
    assert Sampling(beams=4).beams == 4
    assert Sampling(beams=4, temperature=0).greedy
    with pytest.raises(ValueError, match="Beam search leaves nothing to chance"):
        Sampling(beams=2, temperature=0.7)


def test_numpys_numbers_become_pythons():
    made = Sampling(
        temperature=np.float32(0.5), top_k=np.int64(5), seed=np.uint8(7), max_new_tokens=np.int32(3), top_p=1
    )
    assert made == Sampling(temperature=0.5, top_k=5, seed=7, max_new_tokens=3)
    assert [type(value) for value in (made.temperature, made.top_k, made.seed, made.top_p)] == [
        float, int, int, float,
    ]  # fmt: skip


def test_one_text_or_several_to_stop_at():
    assert Sampling(stop="\n").stop == ("\n",)
    assert Sampling(stop=["a", "b", "a"]).stop == ("a", "b")


def test_there_and_back_by_json():
    made = Sampling(temperature=0.3, stop=("x", "é"), seed=5)
    assert Sampling.from_dict(json.loads(json.dumps(made.to_dict()))) == made
    assert made.replace(seed=6) == Sampling(temperature=0.3, stop=("x", "é"), seed=6)
    assert hash(made) == hash(made.replace())


def test_what_functions_take():
    assert checked_sampling(None) == Sampling()
    assert checked_sampling({"top_k": 3}) == Sampling(top_k=3)
    with pytest.raises(TypeError, match=r"sampling is a gw.Sampling\(…\), not int"):
        checked_sampling(3)


def test_it_loads_without_torch():
    code = "import sys, gptwidgets as g; g.Sampling(); print('torch' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["False", "False"]
