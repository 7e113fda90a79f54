from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from gptwidgets.widgets.palette import MAPS, Palette

COLOR_TS = Path(__file__).parents[2] / "js" / "src" / "color.ts"


@pytest.mark.parametrize("name", ["viridis", "cividis", "magma"])
def test_brighter_means_more(name):
    palette = Palette(name, "linear")
    light = palette.colours(np.linspace(0, 1, 256)) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(light) > -1).all()
    assert light[-1] - light[0] > 150


def test_ends_and_middle():
    assert Palette("viridis", "linear").colours([0, 1]).tolist() == [[0x44, 0x01, 0x54], [0xFD, 0xE7, 0x25]]
    assert Palette("grey", "linear", dark=True).colours([1.0]).tolist() == [[255, 255, 255]]
    assert (
        Palette("auto", "linear").colours([0.3]).tolist()
        == Palette("viridis", "linear").colours([0.3]).tolist()
    )
    assert (
        Palette("viridis", "sqrt").colours([0.25]).tolist()
        == Palette("viridis", "linear").colours([0.5]).tolist()
    )


def test_signed_values_meet_in_the_middle():
    palette = Palette("viridis", "linear", signed=True, vmax=2)
    blue, white, orange = palette.colours([-2, 0, 2]).astype(int)
    assert blue[2] > blue[0]
    assert orange[0] > orange[2]
    assert white.min() > 240
    assert Palette(signed=True, dark=True).colours([0.0]).max() < 40


def test_ink_can_be_read_on_every_colour():
    for name in ("viridis", "cividis", "magma", "grey"):
        for value in np.linspace(0, 1, 21):
            palette = Palette(name, "linear")
            light = palette.colours([value])[0].mean()
            assert palette.ink(value) == ("#111111" if light > 160 else palette.ink(value))
            assert palette.ink(value) == ("#ffffff" if light < 90 else palette.ink(value))


def test_shapes_and_nan():
    assert Palette().colours(np.full((2, 3), np.nan)).shape == (2, 3, 3)
    with pytest.raises(ValueError, match="magma"):
        Palette("jet").colours([0])
    with pytest.raises(ValueError, match="colormap"):
        Palette("grey on black").colours([0])


def test_the_browser_has_the_same_maps():
    source = COLOR_TS.read_text(encoding="utf-8")
    hexes = set(re.findall(r'"([0-9a-f]{12,})"', source))
    assert hexes == set(MAPS.values())


@pytest.mark.parametrize("name", ["magma", "grey"])
def test_on_a_dark_ground_a_weight_of_nothing_is_no_missing_cell(name):
    nothing = Palette(name, dark=True).colours([0.0])[0].astype(int)
    assert np.abs(nothing - 0x11).max() > 30
    assert Palette(name).colours([0.0])[0].tolist() == Palette(name).points[0].tolist()
