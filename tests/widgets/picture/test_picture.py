from __future__ import annotations

import base64
import csv as csv_
import re
import xml.etree.ElementTree as ET
from io import BytesIO, StringIO

import numpy as np
import pytest
from PIL import Image

from gptwidgets.errors import DoesNotFitError
from gptwidgets.kernel.pieces import Tokens
from gptwidgets.kernel.record import AttentionRecord
from gptwidgets.widgets.picture import View, csv, fonts, png, svg, table
from gptwidgets.widgets.picture.layout import NOTE, compose, marks
from gptwidgets.widgets.picture.scene import Line, Raster, Text

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = [
    "</script><img onerror=alert(1)>",
    "]]>&amp;\"'",
    "\x00\x01\x0b\x1b",
    "\u202eevil\ufffe",
    "\ud800",
    "=cmd|' /C calc'!A0",
    "@SUM(1)",
    "+1",
    "-1",
    '",\r\n"',
    "日本語",
    "👨\u200d👩\u200d👧",
]


def causal(T, heads=4, seed=0):
    weights = np.tril(np.random.default_rng(seed).random((1, heads, T, T)).astype(np.float32) ** 6)
    return weights / weights.sum(-1, keepdims=True)


@pytest.fixture
def record():
    return AttentionRecord.from_arrays(
        causal(6), tokens=["The", " cat", " sat", " on", " it", "."], name="tiny"
    )


@pytest.fixture
def hostile():
    return AttentionRecord.from_arrays(causal(len(HOSTILE)), tokens=HOSTILE, name="<b>&\x00")


def image(data):
    return Image.open(BytesIO(data)).convert("RGB")


def words(scene):
    return " ".join(item.text for item in scene.items if isinstance(item, Text))


def test_a_picture_carries_what_is_needed_to_read_it(record):
    said = words(compose(View(record, 0, 2, sink_hidden=True, caption="Look here.")))
    for part in (
        "tiny: layer 0, head 2",
        "6 tokens",
        "square-root",
        "first token hidden",
        "Look here.",
        "·cat",
        "key",
    ):
        assert part in said
    assert "0.25" in said
    plain = words(compose(View(record, 0, 2, scale="log", title="Mine")))
    assert "hidden" not in plain
    assert "logarithmic" in plain
    assert "Mine: layer 0, head 2" in plain
    assert NOTE.split(";")[0] not in plain
    noted = words(compose(View(record, 0, 2, picture_note=True)))
    assert "pip install anywidget" in noted
    assert "mean" in words(compose(View(record, "mean", "max")))


def test_numbers_stand_in_large_cells_only(record):
    numbers = [f"{w:.2f}" for w in record.weights(0, 0)[-1]]
    said = words(compose(View(record, 0, 0))).split()
    assert all(number in said for number in numbers if number != "0.00")
    many = AttentionRecord.from_arrays(causal(40))
    assert sum(item.size < 11.5 for item in compose(View(many, 0, 0)).items if isinstance(item, Text)) == 80


def test_long_texts_have_a_ruler_and_short_ones_tokens():
    long = compose(View(AttentionRecord.from_arrays(causal(200, heads=1)), 0, 0))
    said = words(long)
    assert "20 40 60 80" in said
    assert "199" not in said
    assert "199" in words(
        compose(View(AttentionRecord.from_arrays(causal(200, heads=1)), 0, 0, rows=(160, 200)))
    )
    assert marks(range(1000, 9000), 640) == list(range(1000, 9000, 1000))
    assert marks(range(7, 8), 500) == [7]
    assert marks(range(0), 500) == []


def test_windows_and_shared_keys_are_said():
    import torch

    from gptwidgets.kernel.mask import Band
    from gptwidgets.kernel.source import LayerQK, QKSource

    q, k = torch.randn(6, 8, 4), torch.randn(2, 8, 4)
    record = AttentionRecord(
        QKSource({5: LayerQK(q, k, scale=0.5, rule=Band(window=3))}), Tokens.from_words(list("abcdefgh"))
    )
    scene = compose(View(record, 5, 4))
    assert "sliding window of 3" in words(scene)
    assert "shares its keys with heads 3 to 5" in words(scene)
    cells = next(item.cells for item in scene.items if isinstance(item, Raster))
    assert cells[7, 4, 3] == 0
    assert cells[7, 5, 3] == 255


@pytest.mark.parametrize("dark", [False, True])
def test_masked_cells_are_absent(record, dark):
    scene = compose(View(record, 0, 0), dark=dark)
    cells = next(item for item in scene.items if isinstance(item, Raster))
    np.testing.assert_array_equal(cells.cells[..., 3] == 0, np.triu(np.ones((6, 6), bool), 1))
    pixels = np.asarray(image(png(View(record, 0, 0), width=round(scene.width), dark=dark, max_bytes=None)))
    x, y = round(cells.x + cells.width - 8), round(cells.y + 8)
    assert tuple(pixels[y, x]) == ((17, 17, 17) if dark else (255, 255, 255))
    below = pixels[round(cells.y + cells.height - 8), round(cells.x + 8)]
    np.testing.assert_array_equal(below, cells.cells[5, 0, :3])


def test_png_sizes(record):
    assert image(png(View(record, 0, 0), width=500)).width == 500
    noted = compose(View(record, 0, 0, picture_note=True))
    assert noted.width == 900
    assert image(png(View(record, 0, 0, picture_note=True))).width == 1800
    with pytest.raises(ValueError, match="64"):
        png(View(record, 0, 0), width=3)


@pytest.mark.parametrize("most", [200_000, 20_000, 3_000])
def test_png_stays_small(most):
    noise = AttentionRecord.from_arrays(np.random.default_rng(0).normal(size=(600, 600)))
    data = png(View(noise, 0, 0, picture_note=True), max_bytes=most)
    assert len(data) <= most
    assert image(data).width > 50


def test_png_without_a_limit():
    noise = AttentionRecord.from_arrays(np.random.default_rng(0).normal(size=(600, 600)))
    assert len(png(View(noise, 0, 0), max_bytes=None)) > 200_000


def test_what_no_font_has_is_spelt_out(monkeypatch):
    fonts.available.cache_clear()
    fonts.runs.cache_clear()
    monkeypatch.setattr(fonts, "COMMON", ())
    try:
        assert fonts.available() == ("",)
        assert fonts.runs("a日") == (("", "aU+65E5"),)
        assert fonts.runs("⏎\u2400") == (("", "\\n^@"),)
        assert fonts.lacking("日本") == 2
        euro = "€".encode()
        tokens = Tokens([7, 8, 9], ["日本".encode(), b"cat", euro[:2]])
        said = words(compose(View(AttentionRecord.from_arrays(causal(3), tokens=tokens), 0, 0)))
        assert "id 7" in said
        assert "cat" in said
        live = words(compose(View(AttentionRecord.from_arrays(causal(3), tokens=tokens), 0, 0), live=True))
        assert "日本" in live
    finally:
        fonts.available.cache_clear()
        fonts.runs.cache_clear()
        fonts.has.cache_clear()


def test_a_split_character_stands_at_its_first_token():
    euro = "é".encode()
    tokens = Tokens([1, 2, 3], [b" " + euro[:1], euro[1:], b"x"])
    scene = compose(View(AttentionRecord.from_arrays(causal(3), tokens=tokens), 0, 0), live=True)
    labels = [item.text for item in scene.items if isinstance(item, Text) and item.anchor == "end"]
    assert labels[1:] == ["·é ⟨C3⟩", "⟨A9⟩", "x"]


def test_type_that_fits():
    assert fonts.fit("short", 12, 500) == "short"
    cut = fonts.fit("internationalisation", 12, 60)
    assert cut.endswith("…")
    assert fonts.width(cut, 12) <= 60
    lines = fonts.wrap("one two three four five six", 12, 60)
    assert " ".join(lines) == "one two three four five six"
    assert all(fonts.width(line, 12) <= 60 for line in lines)
    assert fonts.width("日本", 10, live=True) <= 21


def test_a_long_name_is_cut_but_not_the_head(record):
    record.name = "a very long name of a model " * 9
    heading = compose(View(record, 0, 3)).items[0]
    assert heading.text.endswith("…: layer 0, head 3")
    assert fonts.width(heading.text, heading.size) <= 860


def test_svg_is_well_formed_and_holds_the_cells(record):
    text = svg(View(record, 0, 1, caption="Look here."))
    root = ET.fromstring(text)
    assert root.tag == f"{SVG}svg"
    texts = ["".join(node.itertext()) for node in root.iter(f"{SVG}text")]
    assert {"The", "·cat", "Look here."} <= set(texts)
    assert "layer 0, head 1" in root.findtext(f"{SVG}title")
    assert "looks most at" in root.findtext(f"{SVG}desc")
    cells = root.find(f"{SVG}image")
    data = base64.b64decode(cells.attrib["href"].removeprefix("data:image/png;base64,"))
    pixels = Image.open(BytesIO(data))
    assert pixels.mode == "RGBA"
    assert pixels.width == pixels.height >= 512
    assert pixels.getpixel((pixels.width - 3, 3))[3] == 0
    assert 'fill="#111111"' in svg(View(record, 0, 1), dark=True).split("<line")[0]


def test_hostile_tokens_stay_text(hostile):
    text = svg(View(hostile, 0, 0, title="<script>&\x07", caption="]]> \ud800 <img>"))
    root = ET.fromstring(text.encode("utf-8"))
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff\u202e]", text)
    assert {node.tag.removeprefix(SVG) for node in root.iter()} <= {
        "svg", "title", "desc", "rect", "text", "line", "image",
    }  # fmt: skip
    whole = "".join(root.itertext())
    assert "<script>&␇" in whole
    assert "</script><img·onerror=alert(1)>" in whole
    assert image(png(View(hostile, 0, 0)))


def test_csv_is_exact_and_every_name_its_own(record):
    rows = list(csv_.reader(StringIO(csv(View(record, 0, 1)))))
    assert rows[0][0].startswith("layer 0 head 1")
    assert rows[0][1:] == ["0 The", "1 ·cat", "2 ·sat", "3 ·on", "4 ·it", "5 ."]
    assert [row[0] for row in rows[1:]] == rows[0][1:]
    numbers = np.array([[float(cell or "nan") for cell in row[1:]] for row in rows[1:]], np.float32)
    np.testing.assert_array_equal(np.isnan(numbers), np.triu(np.ones((6, 6), bool), 1))
    np.testing.assert_allclose(np.nan_to_num(numbers), record.weights(0, 1), rtol=1e-6)


def test_csv_of_what_is_in_view(record):
    rows = list(csv_.reader(StringIO(csv(View(record, 0, 1, rows=(4, 6), cols=(0, 3), sink_hidden=True)))))
    assert "first token hidden" in rows[0][0]
    assert [row[0] for row in rows[1:]] == ["4 ·it", "5 ."]
    assert rows[1][1] == ""
    weights = record.weights(0, 1)
    assert float(rows[2][3]) == pytest.approx(weights[5, 2] / (1 - weights[5, 0]), rel=1e-5)


def test_no_cell_of_a_csv_is_a_formula(hostile):
    for row in csv_.reader(StringIO(csv(View(hostile, 0, 0)))):
        for cell in row:
            assert not cell.startswith(("=", "+", "@", "\t", "\r"))
            assert "\n" not in cell
            if cell.startswith("-"):
                float(cell)
    csv(View(hostile, 0, 0)).encode()


def test_too_much_for_csv(record, monkeypatch):
    monkeypatch.setattr(table, "CELLS", 20)
    with pytest.raises(DoesNotFitError, match="zoom in"):
        csv(View(record, 0, 0))
    assert csv(View(record, 0, 0, rows=(0, 3)))


@pytest.mark.parametrize("T", [1, 2, 3])
def test_tiny_texts(T):
    view = View(AttentionRecord.from_arrays(causal(T)), 0, 0, sink_hidden=True, picture_note=True)
    assert image(png(view)).width == 1800
    ET.fromstring(svg(view))


def test_nothing_in_view(record):
    view = View(record, 0, 0, rows=(2, 2))
    assert image(png(view))
    ET.fromstring(svg(view))
    assert len(csv(view).splitlines()) == 1


def test_signed_values():
    record = AttentionRecord.from_arrays(np.array([[0.0, -2.0], [1.0, 0.5]]), tokens=["a", "b"])
    scene = compose(View(record, 0, 0))
    said = words(scene)
    assert "−2" in said
    assert "value" in said
    cells = next(item.cells for item in scene.items if isinstance(item, Raster))
    assert cells[0, 1, 2] > cells[0, 1, 0]
    assert cells[1, 0, 0] > cells[1, 0, 2]


def test_a_head_that_does_not_exist(record):
    for draw in (png, svg, csv):
        with pytest.raises(IndexError, match="heads 0 to 3"):
            draw(View(record, 0, 9))


def test_the_hidden_column_is_hatched_and_not_taken_for_masked(record):
    def hatched(**options):
        scene = compose(View(record, 0, 0, **options))
        return [
            item for item in scene.items if isinstance(item, Line) and item.x1 < item.x2 and item.y1 > item.y2
        ]

    assert not hatched()
    assert not hatched(sink_hidden=True, cols=(1, 6))
    scene = compose(View(record, 0, 0, sink_hidden=True))
    box = next(item for item in scene.items if isinstance(item, Raster))
    lines = hatched(sink_hidden=True)
    assert len(lines) > 20
    for line in lines:
        assert box.x <= line.x1 < line.x2 <= box.x + box.width / 6 + 1e-6
        assert box.y - 1e-6 <= line.y2 < line.y1 <= box.y + box.height + 1e-6


def test_a_split_character_that_no_font_has_is_spelt_like_a_whole_one(monkeypatch):
    monkeypatch.setattr(fonts, "has", lambda _name, char: char.isascii())
    fonts.runs.cache_clear()
    cat = "猫".encode()
    tokens = Tokens([1, 2, 3], [cat[:1], cat[1:], b"a"])
    try:
        said = [
            item.whole
            for item in compose(View(AttentionRecord.from_arrays(causal(3), tokens), 0, 0)).items
            if isinstance(item, Text) and item.whole
        ]
    finally:
        fonts.runs.cache_clear()
    assert said[0] == "猫 ⟨E7⟩"
    assert fonts.lacking("猫") <= 1


def test_a_signed_array_is_not_renormalised():
    signed = AttentionRecord.from_arrays(np.random.default_rng(0).normal(size=(1, 1, 6, 6)))
    said = words(compose(View(signed, 0, 0, sink_hidden=True)))
    assert "first token hidden" in said
    assert "renormalised" not in said
