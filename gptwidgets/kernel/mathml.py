"""Formulas as MathML and, beside it, as plain text: each piece is made once, in both.

A number knows where it comes from: `<mn data-of="scaled">0.42</mn>` is the number that is called "scaled",
and `<mn data-of="q" data-at="7">` the eighth of those called "q". A `slot` is such a number still to be
filled in: whoever shows the formula writes the number and its place into it. All text is escaped.
"""

from __future__ import annotations

import math as _math
from html import escape
from typing import NamedTuple

DIGITS = 4  # significant ones, of a number in a formula
_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


class Math(NamedTuple):
    """A piece of a formula.

    Attributes:
        mathml: what goes into `<math>`.
        text: the same as people type it.
    """

    mathml: str
    text: str

    def whole(self) -> str:
        """The formula as a MathML element of its own.

        Example:
            >>> number(0.5).whole()
            '<math xmlns="http://www.w3.org/1998/Math/MathML"><mn>0.5</mn></math>'
        """
        return f'<math xmlns="http://www.w3.org/1998/Math/MathML">{self.mathml}</math>'


def say(x: float, digits: int = DIGITS) -> str:
    """A number for reading, with as many significant digits.

    Example:
        >>> say(-1.234567), say(0.0000123), say(12345.6), say(-float("inf"))
        ('−1.235', '1.23×10⁻⁵', '12346', '−∞')
    """
    x = float(x)
    if not _math.isfinite(x):
        return "not a number" if _math.isnan(x) else "∞" if x > 0 else "−∞"
    if x == 0:
        return "0"
    power = _math.floor(_math.log10(abs(x)))
    if -4 <= power < 7:
        short = f"{x:.{max(0, digits - 1 - power)}f}"
        short = short.rstrip("0").rstrip(".") if "." in short else short
    else:
        mantissa, exponent = f"{x:.{digits - 1}e}".split("e")
        short = f"{mantissa.rstrip('0').rstrip('.')}×10{str(int(exponent)).translate(_RAISED)}"
    return short.replace("-", "−")


def number(x: float, of: str = "", at: int | None = None, *, bare: bool = False) -> Math:
    """A number; `of` and `at` say which it is. One below zero stands in brackets, unless it is `bare`."""
    said = say(x)
    said = f"({said})" if said[0] == "−" and not bare else said
    return Math(f"<mn{_origin(of, at)}>{escape(said)}</mn>", said)


def slot(of: str) -> Math:
    """A number to be filled in later: `<mn data-of="q" data-at="*">`; in plain text {q}."""
    return Math(f"<mn{_origin(of, '*')}></mn>", f"{{{of}}}")


def letter(symbol: str, *below: str) -> Math:
    """A symbol with its indices: `letter("w", "i", "j")` is w with i, j below."""
    if not below:
        return Math(f"<mi>{escape(symbol)}</mi>", symbol)
    marks = "<mo>,</mo>".join(f"<mi>{escape(b)}</mi>" for b in below)
    return Math(
        f"<msub><mi>{escape(symbol)}</mi><mrow>{marks}</mrow></msub>", f"{symbol}[{', '.join(below)}]"
    )


def words(text: str) -> Math:
    """Words within a formula."""
    return Math(f"<mtext>{escape(text)}</mtext>", text)


def row(*parts: Math | str) -> Math:
    """Pieces side by side; a string is an operator."""
    mathml, text = "", ""
    for part in parts:
        if isinstance(part, Math):
            mathml, text = mathml + part.mathml, text + part.text
        else:
            mathml += f"<mo>{escape(part)}</mo>"
            text += part if part in "()|" else f" {part} "
    return Math(f"<mrow>{mathml}</mrow>", text)


def fraction(above: Math, below: Math) -> Math:
    """A fraction."""
    return Math(f"<mfrac>{above.mathml}{below.mathml}</mfrac>", f"{_one(above)} / {_one(below)}")


def root(of: Math) -> Math:
    """A square root."""
    return Math(f"<msqrt>{of.mathml}</msqrt>", f"√{_one(of)}")


def power(base: Math, exponent: Math) -> Math:
    """A power; e to something is written exp(…) in plain text."""
    text = f"exp({exponent.text})" if base.text == "e" else f"{_one(base)}^{_one(exponent)}"
    return Math(f"<msup>{base.mathml}<mrow>{exponent.mathml}</mrow></msup>", text)


def function(name: str, of: Math) -> Math:
    """A function by its name, of something in brackets."""
    return Math(f"<mrow><mi>{escape(name)}</mi><mo>(</mo>{of.mathml}<mo>)</mo></mrow>", f"{name}({of.text})")


def over(sign: str, index: str, of: Math) -> Math:
    """A sum, or a largest, over an index: `over("∑", "j", …)`."""
    kind = "mo" if sign == "∑" else "mi"
    mathml = (
        f"<mrow><munder><{kind}>{escape(sign)}</{kind}><mi>{escape(index)}</mi></munder>{of.mathml}</mrow>"
    )
    return Math(mathml, f"{sign}_{index} {of.text}")


def _one(part: Math) -> str:
    """As a part of something larger, in plain text: in brackets where it has parts itself."""
    return f"({part.text})" if " " in part.text else part.text


def _origin(of: str, at: int | str | None) -> str:
    where = "" if at is None else f' data-at="{at}"'
    return f' data-of="{escape(of)}"{where}' if of else ""
