from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from gptwidgets.kernel.mathml import (
    fraction,
    function,
    letter,
    number,
    over,
    power,
    root,
    row,
    say,
    slot,
    words,
)


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (0.0, "0"), (-0.0, "0"), (1, "1"), (0.5, "0.5"), (-1.23456, "−1.235"), (123456.7, "123457"),
        (1e-4, "0.0001"), (1.5e-5, "1.5×10⁻⁵"), (-2e30, "−2×10³⁰"), (float("inf"), "∞"),
        (float("-inf"), "−∞"), (float("nan"), "not a number"), (9.99999, "10"), (1000.0, "1000"),
    ],
)  # fmt: skip
def test_numbers_as_people_read_them(x: float, said: str) -> None:
    assert say(x) == said


def test_a_formula_is_well_formed_and_says_the_same_twice() -> None:
    e = row(
        letter("w", "i", "j"), "=",
        fraction(power(letter("e"), row(number(-2, "x"), "−", slot("top"))), over("∑", "l", letter("e"))),
        "+", root(number(2)), "·", function("tanh", words("…")),
    )  # fmt: skip
    assert e.text == "w[i, j] = (exp((−2) − {top})) / (∑_l e) + √2 · tanh(…)"
    tree = ET.fromstring(e.whole())
    numbers = [(n.get("data-of"), n.get("data-at"), n.text) for n in tree.iter() if n.tag.endswith("}mn")]
    assert numbers == [("x", None, "(−2)"), ("top", "*", None), (None, None, "2")]


def test_text_is_escaped() -> None:
    tree = ET.fromstring(row(words("<b>&"), "<", letter('"', "<")).whole())
    assert "".join(tree.itertext()) == '<b>&<"<'
