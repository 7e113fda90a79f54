"""The browser and Python speak of the same things by the same names: js/src/playground and this package."""

from __future__ import annotations

import re
from pathlib import Path

from tests.widgets.test_names import snake

JS = Path(__file__).parents[3] / "js" / "src" / "playground"


def interface(name: str) -> set[str]:
    """The fields of an interface in traits.ts, as the wire spells them."""
    body = re.search(rf"export interface {name} {{(.*?)\n}}", (JS / "traits.ts").read_text(), re.DOTALL)
    return {snake(field) for field in re.findall(r"^  (?:readonly )?(\w+)\??:", body[1], re.MULTILINE)}


def test_both_sides_know_the_same_traits(play):
    ours = {name for name in play.trait_names(sync=True) if not name.startswith("_")}
    theirs = {"layout", "tabbable", "tooltip"}  # ipywidgets' own
    assert interface("Written") | interface("Told") == ours - theirs


def test_only_python_writes_what_is_told(play):
    assert interface("Told") == set(play.trait_names(status=True))


def test_both_sides_know_the_same_figures_and_entries(play):
    play.run().wait(20)
    play.run().wait(20)
    assert set(play.figures) <= interface("Figures")
    assert interface("Entry") <= set(play.tree[0])
    assert interface("Rules") == set(play.tree[-1]["sampling"])
    assert interface("Info") == set(play.info)
    assert all(set(preset) <= interface("Preset") for preset in play.presets)


def test_every_request_of_the_browser_is_known(play):
    scripts = "".join(path.read_text() for path in JS.rglob("*.ts"))
    asked = set(re.findall(r'\b(?:request|ask)\(\s*"([a-z_]+)"', scripts))
    assert {"run", "stop", "next", "story"} <= asked
    assert asked <= set(play._wire._handlers)
