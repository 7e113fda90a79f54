"""The browser and Python speak of the same things by the same names: js/src against gptwidgets/widgets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gptwidgets.widgets.heatmap import AttentionHeatmap
from gptwidgets.widgets.wire import VERSION

JS = Path(__file__).parents[2] / "js" / "src"


def snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda capital: f"_{capital[0].lower()}", name)


def interface(name: str) -> set[str]:
    """The fields of an interface in model.ts, as the wire spells them."""
    body = re.search(rf"export interface {name} {{(.*?)\n}}", (JS / "model.ts").read_text(), re.DOTALL)
    return {snake(field) for field in re.findall(r"^  (\w+):", body[1], re.MULTILINE)}


@pytest.fixture
def heat(weights):
    heat = AttentionHeatmap(weights).wait(20)
    yield heat
    heat.close()


def test_both_sides_know_the_same_traits(heat):
    ours = {name for name in heat.trait_names(sync=True) if not name.startswith("_")}
    theirs = {"layout", "tabbable", "tooltip"}  # ipywidgets' own
    assert interface("Written") | interface("Told") == ours - theirs


def test_only_python_writes_what_is_told(heat):
    assert interface("Told") == set(heat.trait_names(status=True))


def test_every_request_of_the_browser_is_known(heat):
    others = {"playground", "store"}
    scripts = "".join(path.read_text() for path in JS.rglob("*.ts") if not others & set(path.parts))
    asked = set(re.findall(r'\b(?:request|ask)\(\s*"([a-z_]+)"', scripts))
    assert {"tiles", "patch", "line", "hello", "missing", "stop"} <= asked
    assert asked <= set(heat._wire._handlers)


def test_both_sides_speak_the_same_version():
    assert re.search(r"PROTOCOL = (\d+)", (JS / "wire.ts").read_text())[1] == str(VERSION)
