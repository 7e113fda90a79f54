"""The instruments as one, in real JupyterLab: what is written grows in the heatmap; heads off are felt."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.lab import PATIENCE, NotebookPage
from tests.e2e.playing import SETUP as PLAYING
from tests.e2e.playing import becomes, button
from tests.e2e.test_heatmap import click_head, token, until
from tests.waiting import until as waits

PROMPT, WRITTEN = "hello world", 120
SETUP = f"""{PLAYING}
lab = gw.Lab(gpt, {PROMPT!r}, temperature=0, max_new_tokens={WRITTEN})
play, heat = lab.play, lab.heat
"""
ALL = "[[layer, head] for layer in range(2) for head in range(4)]"
# How many rows the page's heatmap shows, at each of its changes.
WATCH = """() => {
  const heat = document.querySelector(".gw-lab .gw-heatmap");
  window.lengths = new Set();
  const look = () => window.lengths.add(heat.querySelectorAll('[role=listbox] [data-token]').length);
  window.watching = new MutationObserver(look);
  window.watching.observe(heat, { childList: true, subtree: true });
}"""


@pytest.fixture(scope="module")
def shown(page: NotebookPage) -> Iterator[Locator]:
    area = page.output(page.run("lab"))
    area.locator(".gw-heatmap[data-status=ready]").wait_for(timeout=PATIENCE)
    yield area
    assert page.errors == []


@pytest.fixture
def play(shown: Locator) -> Locator:
    return shown.locator(".gw-playground")


@pytest.fixture
def heat(shown: Locator) -> Locator:
    return shown.locator(".gw-heatmap")


def letter(play: Locator, at: int) -> Locator:
    """A token of the playground's text."""
    return play.get_by_role("listbox").first.locator(f'[data-at="{at}"]')


def test_what_is_written_grows_in_the_heatmap_row_by_row(page, play, heat):
    page.page.evaluate(WATCH)
    button(play, "Run").click()
    becomes(play, "running")
    length = len(PROMPT) + WRITTEN
    expect(token(heat, length - 1)).to_be_attached(timeout=PATIENCE)
    becomes(play, "ready")
    seen = page.page.evaluate("() => [...window.lengths]")
    assert max(seen) == length
    assert len([one for one in seen if len(PROMPT) < one < length]) >= 2
    until(page, "list(heat.record.tokens.ids) == play.path_ids()", expected=True)


def test_a_token_under_the_pointer_is_lit_in_both(page, play, heat):
    looked = heat.get_by_role("listbox")
    page.settle()  # the last rows of the run above are drawn
    letter(play, 14).hover()
    expect(looked.locator('[data-token="14"]')).to_have_class(re.compile("gw-row|gw-col"))
    token(heat, 12).hover()
    expect(letter(play, 12)).to_have_class(re.compile("gw-active"))
    until(page, "(play.pointed, heat.pointed)", (12, 12))


def test_a_chosen_head_colours_the_text(page, play, heat):
    click_head(heat, 1, 2)
    until(page, "play.color", "attention")
    until(page, "play.attention_of['words'][:4]", "L1H2")
    token(heat, 3).click()
    until(page, "play.token", 3)
    expect(letter(play, 3)).to_have_class(re.compile("gw-kept"))
    until(page, "any(play.attention[:4]) and not any(play.attention[4:])", expected=True)
    token(heat, 3).click()
    until(page, "play.token", None)


def test_heads_off_are_felt_by_the_next_token_and_come_back(page, play, heat):
    page.page.mouse.move(0, 0)
    expect(play.locator(".gw-side")).to_contain_text("Next token", timeout=PATIENCE)
    best = play.get_by_role("group", name="Alternatives").locator("button")
    said = "play.next_token(10)['token'].tolist()"
    plain = page.value(said)
    before = best.all_inner_texts()
    page.run(f"heat.ablation = 'zero'; heat.heads_off = {ALL}")
    expect(play.locator(".gw-under")).to_contain_text("8 heads off (zero)")
    assert page.value(said) != plain
    waits(lambda: best.all_inner_texts() != before)
    play.get_by_role("button", name="Undo all of it").click()
    until(page, "heat.heads_off", [])
    assert page.value(said) == plain
    waits(lambda: best.all_inner_texts() == before)


def test_a_cell_of_the_lens_is_a_layer_and_a_token_of_the_heatmap(page, play, heat):
    button(play, "Layers").click()
    cells = play.get_by_role("grid", name="What each layer would say")
    at = int(page.value("len(play.path_ids()) - 5"))
    cell = cells.locator("tr").last.locator("td").nth(-5)
    cell.click()
    until(page, "(play.lens_cell, play.token)", ([2, at], at))
    until(page, "(heat.layer, heat.query)", (1, at))
    expect(play.locator(".gw-lens-told")).to_contain_text(f"position {at}) the model says:")
    cell.press("ArrowUp")
    page.page.keyboard.press("Enter")
    until(page, "(play.lens_cell, heat.layer)", ([1, at], 0))
    page.run(f"heat.heads_off = {ALL}")
    expect(play.locator(".gw-lens")).to_contain_text("is another one now")
    expect(cells).to_have_count(0)
    page.run("heat.heads_off = []")
    expect(cells).to_be_visible()
    play.locator(".gw-lens").get_by_role("button", name="Close").click()
    page.run("play.token = None")


def test_a_new_view_of_the_output_is_the_same_lab_and_may_be_closed(page, shown, play, heat):
    play.locator(".gw-branches").click(button="right", position={"x": 4, "y": 4})
    page.page.get_by_role("menuitem", name="Create New View for Cell Output").click()
    view = page.page.locator(".jp-LinkedOutputView .gw-lab")
    other = view.locator(".gw-heatmap")
    expect(other).to_have_attribute("data-status", "ready")
    page.run("play.pointed = 13")
    expect(view.locator('.gw-playground [data-at="13"]').first).to_have_class(re.compile("gw-active"))
    page.page.locator(".lm-TabBar-tab", has_text="Output View").locator(".lm-TabBar-tabCloseIcon").click()
    expect(view).to_have_count(0)
    page.run("run = play.run(); run.wait()")
    until(page, "list(heat.record.tokens.ids) == play.path_ids()", expected=True)
    expect(heat).to_have_attribute("data-status", "ready")


def test_closing_the_lab_takes_it_off_the_page(page, shown):
    page.run("plain = gpt.next_token('hello')['logprob'].tolist()\nlab.close()")
    expect(shown.locator(".gw-lab")).to_have_count(0)
    assert page.value("gpt.next_token('hello')['logprob'].tolist() == plain") == "True"
