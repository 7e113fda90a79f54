"""The browser and Python speak of the same things by the same names: js/src/store and this package."""

from __future__ import annotations

import re
from pathlib import Path

from gptwidgets.widgets.store.jobs import TOLD
from gptwidgets.widgets.store.settings import SORTS
from tests.widgets.test_names import snake

JS = Path(__file__).parents[3] / "js" / "src" / "store"


def interface(file: str, name: str) -> set[str]:
    """The fields of an interface, as the wire spells them."""
    body = re.search(rf"export interface {name} {{(.*?)\n}}", (JS / file).read_text(), re.DOTALL)
    return {snake(field) for field in re.findall(r"^  (?:readonly )?(\w+)\??:", body[1], re.MULTILINE)}


def test_both_sides_know_the_same_traits(shop):
    ours = {name for name in shop.trait_names(sync=True) if not name.startswith("_")}
    theirs = {"layout", "tabbable", "tooltip"}  # ipywidgets' own
    assert interface("traits.ts", "Written") | interface("traits.ts", "Told") == ours - theirs


def test_only_python_writes_what_is_told(shop):
    assert interface("traits.ts", "Told") == set(shop.trait_names(status=True))


def test_every_trait_has_a_help(shop):
    traits = {name: trait for name, trait in shop.traits(sync=True).items() if not name.startswith("_")}
    assert [name for name, trait in traits.items() if not trait.help and name != "layout"] == []


def test_both_sides_know_the_same_parts(shop):
    assert interface("types.ts", "Job") == {"id", *TOLD}
    assert interface("types.ts", "Found") == set(shop.found)
    assert interface("types.ts", "Row") <= set(shop.found["rows"][0])
    assert interface("traits.ts", "Info") == set(shop.info)
    columns = re.findall(r'^  \["(\w+)"', (JS / "sorting.ts").read_text(), re.MULTILINE)
    assert sorted(columns) == sorted(SORTS)


def test_every_request_of_the_browser_is_known(shop):
    scripts = "".join(path.read_text() for path in JS.rglob("*.ts"))
    asked = set(re.findall(r'\b(?:request|run|loaded)(?:<\w+>)?\(\s*(?:shop,\s*)?"([a-z_]+)"', scripts))
    assert {"show", "fit", "install", "cancel", "compare", "publish", "queue", "review"} <= asked
    assert asked <= set(shop._wire._handlers)
