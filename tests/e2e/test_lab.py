"""The ground that the widgets' tests stand on: a tiny widget paints in the real applications."""

from __future__ import annotations

import pytest

from tests.e2e.lab import Lab

TINY = '''
import anywidget, traitlets

class Tiny(anywidget.AnyWidget):
    _esm = """
    export default { render({ model, el }) {
      const button = document.createElement("button");
      button.className = "tiny";
      const draw = () => { button.textContent = `count ${model.get("count")}`; };
      button.onclick = () => { model.set("count", model.get("count") + 1); model.save_changes(); };
      model.on("change:count", draw);
      draw();
      el.append(button);
    } };
    """
    count = traitlets.Int(0).tag(sync=True)

tiny = Tiny()
tiny
'''


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_a_widget_paints_and_talks_to_its_kernel(lab: Lab, app):
    page = lab.open([TINY], app=app)
    page.run_all()
    button = page.output(0).locator(".tiny")
    button.click()
    page.output(0).get_by_text("count 1").wait_for()
    assert page.value("tiny.count") == "1"
    page.run("tiny.count = 41")
    page.output(0).get_by_text("count 41").wait_for()
    assert page.errors == []


def test_a_cell_that_raises_is_told(lab: Lab):
    page = lab.open(["1 / 0", "x = 2"])
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        page.run_cell(0)
    page.run_cell(0, may_fail=True)
    page.run_cell(1)
    assert page.value("x") == "2"


def test_a_picture_has_the_width_and_theme_asked_for(lab: Lab, tmp_path):
    from PIL import Image

    page = lab.open([TINY])
    page.run_all()
    wide, narrow, sums = 1400, 700, []
    for width, theme in [(wide, "light"), (narrow, "dark")]:
        path = page.screenshot(tmp_path / f"{theme}.png", output=0, width=width, theme=theme)
        picture = Image.open(path).convert("L")
        assert abs(picture.width - width) < 120  # the prompt stands beside the output
        sums.append(picture.getpixel((picture.width - 2, 2)))
    assert sums[0] > 200
    assert sums[1] < 80
