"""The store as a person uses it, in real JupyterLab: by mouse, by keyboard, and from Python."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.lab import PATIENCE, NotebookPage
from tests.e2e.test_heatmap import until

ROOT = Path(__file__).parents[2]
SETUP = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from gptwidgets.widgets.store.browser import StoreBrowser
from tests.widgets.store.fake import FakeStore


def show(**options):
    global store, shop
    store = FakeStore(gated=True)
    shop = StoreBrowser(store, **options)
    return shop
"""


@pytest.fixture(autouse=True)
def no_errors(page: NotebookPage):
    page.errors.clear()
    yield
    assert page.errors == []


def browser(page: NotebookPage, options: str = "") -> Locator:
    """Run a cell that shows a store; return it once it has found something."""
    index = page.run(f"show({options})")
    root = page.output(index).locator(".gw-store").first
    root.wait_for(timeout=PATIENCE)
    expect(root).to_have_attribute("data-status", "ready", timeout=PATIENCE)
    return root


def row(shop: Locator, name: str) -> Locator:
    return shop.locator(f'[role=row][data-name="{name}"]')


def test_a_model_is_found_opened_installed_and_loaded(page):
    shop = browser(page)
    expect(shop.locator(".gw-count")).to_contain_text("26 models")
    shop.get_by_role("searchbox").press_sequentially("smal chat")
    expect(shop.locator("[role=row][data-name]").first).to_be_visible()
    shop.get_by_role("searchbox").fill("pythia")
    expect(shop.locator("[role=row][data-name]")).to_have_count(3)
    until(page, "shop.query", "pythia")
    row(shop, "pythia-70m").click()
    detail = shop.locator(".gw-detail")
    expect(detail.locator(".gw-markdown strong").first).to_have_text("teaching")
    until(page, "shop.selected", "pythia-70m")

    detail.get_by_role("button", name="Install").click()
    until(page, "len(store.jobs)", 1)
    page.value("store.jobs[0].step(0.25)")
    expect(detail.get_by_role("progressbar")).to_have_attribute("value", "0.25")
    expect(detail.locator(".gw-figures")).to_contain_text("43 MB of 170 MB · 25 % · 24 MB/s")
    expect(row(shop, "pythia-70m")).to_contain_text("25 %")
    detail.get_by_role("button", name="Stop").click()
    detail.get_by_role("button", name="Resume the install").click()
    until(page, "len(store.jobs)", 2)
    page.value("store.jobs[1].end()")
    expect(row(shop, "pythia-70m")).to_contain_text("installed")

    detail.get_by_role("button", name="Load").click()
    expect(detail.locator(".gw-loaded")).to_have_text("Loaded: shop.model")
    until(page, "shop.model.name", "pythia-70m")


def test_everything_is_done_by_the_keys(page):
    shop = browser(page)
    shop.locator("[role=row][data-name]").first.focus()
    page.page.keyboard.press("ArrowRight")
    page.page.keyboard.press("c")
    page.page.keyboard.press("Enter")
    until(page, "(shop.selected, shop.compared)", ("qwen2.5-1.5b-instruct", ["qwen2.5-1.5b-instruct"]))
    expect(shop.locator(".gw-detail h3")).to_be_focused()
    page.page.keyboard.press("Escape")
    expect(row(shop, "qwen2.5-1.5b-instruct")).to_be_focused()
    expect(shop.locator(".gw-detail")).to_have_count(0)
    page.page.keyboard.press("/")
    page.page.keyboard.type("stories")
    expect(shop.locator("[role=row][data-name]")).to_have_count(1)
    page.page.keyboard.press("Enter")
    expect(row(shop, "tinystories-33m")).to_be_focused()


def test_a_review_is_given_by_keys_and_hostile_words_stay_words(page):
    shop = browser(page, "selected='gpt2'")
    shop.locator(".gw-tabs label", has_text="Reviews").click()
    expect(shop.locator(".gw-opinion").last).to_contain_text("<img src=x onerror=alert(1)> I like it.")
    shop.get_by_role("button", name="Write a review").click()
    shop.get_by_role("group", name="Stars").get_by_role("radio").nth(3).focus()
    page.page.keyboard.press("5")
    shop.get_by_role("textbox", name="Review in words").fill("Small <b>and</b> clear.")
    shop.get_by_role("button", name="Save").click()
    expect(shop.locator(".gw-own")).to_contain_text("Small <b>and</b> clear.")
    until(page, "store.reviews_['gpt2'][0]['stars']", 5)


def test_how_it_fits_follows_the_chosen_context(page):
    shop = browser(page, "selected='smollm2-135m'")
    shop.locator(".gw-tabs label", has_text="Fit").click()
    fits = shop.locator(".gw-fits")
    expect(fits).to_contain_text("Cache of keys and values")
    before = fits.inner_text()
    shop.get_by_role("slider").fill("6")
    expect(shop.get_by_label("Context in tokens, exactly")).to_have_value("8192")
    expect(fits).not_to_have_text(before)
    expect(fits.get_by_role("status")).to_contain_text("it needs about")


def test_a_form_makes_a_draft_and_a_reviewer_lets_it_in(page):
    shop = browser(page)
    shop.get_by_role("button", name="Publish").click()
    make = shop.get_by_role("button", name="Make the draft")
    expect(make).to_be_disabled()
    form = {"Folder": "models/mine", "Title": "My Tiny GPT", "Summary": "Tells of trains."}
    for label, text in form.items():
        shop.get_by_role("textbox", name=label).fill(text)
    expect(shop.get_by_role("textbox", name="Name")).to_have_value("my-tiny-gpt")
    make.click()
    expect(shop.locator(".gw-detail h3")).to_have_text("My Tiny GPT")
    shop.locator(".gw-tabs label", has_text="Versions").click()
    shop.get_by_role("button", name="Submit").click()
    until(page, "[job.kind for job in store.jobs][-1:]", ["check"])
    page.value("store.jobs[-1].end()")
    until(page, "store.rows['my-tiny-gpt']['status']", "submitted")
    shop.get_by_role("button", name="Queue").click()
    shop.get_by_role("button", name="Approve").click()
    expect(shop.locator(".gw-panel")).to_contain_text("Nothing waits")
    until(page, "store.rows['my-tiny-gpt']['status']", "published")


def test_on_a_narrow_page_the_details_stand_in_place_of_the_list(page):
    shop = browser(page)
    index = page.code_cells()[-1]
    width = page.page.viewport_size["width"]
    try:
        page.resize(700, index=index)
        row(shop, "qwen2.5-7b-instruct").click()
        expect(shop.locator(".gw-detail")).to_be_visible()
        expect(shop.locator(".gw-list")).not_to_be_visible()
        shop.get_by_role("button", name="Back to the list").click()
        expect(shop.locator(".gw-list")).to_be_visible()
        expect(row(shop, "qwen2.5-7b-instruct")).to_be_focused()
    finally:
        page.page.set_viewport_size({"width": width, "height": 1000})


def test_python_and_the_page_show_the_same(page):
    shop = browser(page)
    page.value("exec(\"shop.query = 'bloom'; shop.view = 'table'\")")
    expect(shop.get_by_role("searchbox")).to_have_value("bloom")
    expect(shop.locator("tr[data-name]")).to_have_count(1)
    page.value("exec(\"shop.compare(['gpt2', 'distilgpt2'])\")")
    shop.get_by_role("button", name="Compare 2").click()
    expect(shop.get_by_role("columnheader")).to_have_count(2)
    expect(shop.locator(".gw-versus [data-best]").first).to_be_visible()
