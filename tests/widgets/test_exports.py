from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from PIL import Image

from gptwidgets.widgets.exports import file_name
from gptwidgets.widgets.heatmap import AttentionHeatmap
from gptwidgets.widgets.picture import png
from tests.widgets.conftest import FakePage

WORDS = [f"w{i}" for i in range(10)]


@pytest.fixture
def heat(weights):
    return AttentionHeatmap(weights, tokens=WORDS, layer=1, head=2, hide_sink=False).wait(20)


def test_the_numbers_of_the_chosen_head(heat, weights):
    np.testing.assert_allclose(heat.weights(), weights[1, 2], atol=1e-6)
    np.testing.assert_allclose(
        heat.weights(rows=[3, 5], cols=slice(0, 2)), weights[1, 2][[3, 5], :2], atol=1e-6
    )
    heat.choose("mean", 0)
    np.testing.assert_allclose(heat.weights(), weights[:, 0].mean(0), atol=1e-6)
    assert heat.to_pandas().shape == (10, 10)


def test_a_picture_from_python(heat):
    picture = heat.png(width=900)
    assert Image.open(io.BytesIO(picture)).width == 900
    assert heat.png(width=900, dark=True) != picture
    assert len(heat.png(max_bytes=20_000)) <= 20_000
    assert "</svg>" in heat.svg()


def test_what_is_in_view_is_what_is_exported(heat, weights):
    heat.view = [4, 2, 3, 2]
    table = list(csv.reader(io.StringIO(heat.csv())))
    assert len(table) == 1 + 3
    assert float(table[1][-1]) == pytest.approx(weights[1, 2, 4, 3], abs=1e-5)
    assert heat.figure().data[0].z.shape == (3, 2)


@pytest.mark.parametrize("view", [[-5, -5, 30, 30], [8, 8, 5, 5], [0.4, 0.4, 0.2, 0.2]])
def test_a_view_over_the_edge_is_cut(heat, view):
    heat.view = view
    assert heat.png(width=300)
    assert heat.csv()


@pytest.mark.parametrize(
    ("kind", "mime"), [("png", "image/png"), ("svg", "image/svg+xml"), ("csv", "text/csv")]
)
def test_the_browser_can_ask_for_files(heat, kind, mime):
    content, (data,) = FakePage(heat).ask("export", format=kind)
    assert (content["name"], content["mime"]) == (f"attention_L1H2.{kind}", mime)
    assert len(data) > 100


def test_the_picture_in_the_notebook_is_small_and_says_what_it_is(heat):
    picture = heat._python_picture(heat.record)
    assert picture[:4] == b"\x89PNG"
    assert len(picture) <= 200_000
    plain = Image.open(io.BytesIO(png(heat._picture(heat.record))))
    assert Image.open(io.BytesIO(picture)).height > plain.height  # there is a line more, which says so


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_a_dark_page_gets_a_dark_picture(heat, kind):
    page = FakePage(heat)
    _, (dark,) = page.ask("export", format=kind, dark=True)
    _, (light,) = page.ask("export", format=kind)
    assert dark != light
    assert light == (heat.png() if kind == "png" else heat.svg().encode())


@pytest.mark.parametrize(
    ("model", "name"),
    [("../../etc/passwd", "passwd"), ("", "attention"), ("模型", "attention"), ("a<b>:c|d?", "a-b-c-d")],
)
def test_files_are_named_as_the_browser_names_its_own(model, name):
    assert file_name(model, 0, 0, "svg") == f"{name}_L0H0.svg"
