from __future__ import annotations

import numpy as np
import pytest

from gptwidgets.kernel.scale import place, ticks


@pytest.mark.parametrize("scale", ["linear", "sqrt", "log"])
@pytest.mark.parametrize("signed", [False, True])
def test_a_scale_keeps_order_and_reaches_its_ends(scale, signed):
    values = np.linspace(-2 if signed else 0, 2, 81)
    at = place(values, scale, signed=signed, vmax=2)
    assert (np.diff(at) >= 0).all()
    assert (at[0], at[-1]) == (0, 1)
    if signed:
        assert at[40] == 0.5
        np.testing.assert_allclose(at, 1 - at[::-1])


def test_a_logarithmic_scale_has_four_decades():
    np.testing.assert_allclose(
        place([1, 0.1, 0.01, 1e-3, 1e-4, 1e-9, 0], "log"), [1, 0.75, 0.5, 0.25, 0, 0, 0]
    )


def test_what_is_missing_or_beyond():
    assert np.isnan(place([np.nan], "sqrt")).all()
    assert place([3.0], "linear").tolist() == [1]
    assert place([0.0], "linear", signed=True, vmax=0.0).tolist() == [0.5]
    with pytest.raises(ValueError, match="sqrt"):
        place([1], "cubic")


def test_the_numbers_beside_it():
    assert [t.label for t in ticks("sqrt")] == ["0", "0.01", "0.1", "0.25", "0.5", "1"]
    assert [t.label for t in ticks("log")] == ["≤ 0.0001", "0.001", "0.01", "0.1", "1"]
    for scale in ("linear", "sqrt", "log"):
        for tick in ticks(scale, vmax=3)[1:]:
            assert tick.at == pytest.approx(float(place(float(tick.label), scale, vmax=3)), abs=0.01)


@pytest.mark.parametrize(
    ("scale", "vmax", "labels"),
    [
        ("linear", 2, ["−2", "−1", "0", "1", "2"]),
        ("sqrt", 1, ["−1", "−0.25", "0", "0.25", "1"]),
        ("log", 1, ["−1", "−0.01", "0", "0.01", "1"]),
        ("log", 3.37, ["−3.37", "−0.025", "0", "0.025", "3.37"]),
        ("log", 0, ["−1", "−0.01", "0", "0.01", "1"]),
    ],
)
def test_beside_a_signed_scale_each_number_has_a_place_of_its_own(scale, vmax, labels):
    beside = ticks(scale, signed=True, vmax=vmax)
    assert [tick.label for tick in beside] == labels
    assert [beside[0].at, beside[2].at, beside[4].at] == [0, 0.5, 1]
    assert min(np.diff([tick.at for tick in beside])) > 0.15
    for tick in beside:
        value = float(tick.label.replace("−", "-"))
        assert tick.at == pytest.approx(float(place(value, scale, signed=True, vmax=vmax or 1)))
