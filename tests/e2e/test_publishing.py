"""A model of one's own in a real store, by the page alone: draft, checks, reviewer, opinions, reports."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.lab import PATIENCE, NotebookPage
from tests.e2e.test_heatmap import until

ROOT = Path(__file__).parents[2]
SETUP = f"""
import os, sys, tempfile
home = tempfile.mkdtemp(prefix="gptwidgets-")
os.environ |= {{"GPTWIDGETS_HOME": home, "HF_HOME": home + "/huggingface", "HF_HUB_OFFLINE": "1"}}
for name in ("GPTWIDGETS_STORE", "GPTWIDGETS_MODELS"):
    os.environ.pop(name, None)
sys.path.insert(0, {str(ROOT)!r})

import gptwidgets as gw
from tests.e2e.newborn import newborn

model, tokenizer = newborn()
folder = home + "/newborn"
for part in (model, tokenizer):
    part.save_pretrained(folder)
mine = gw.load(model=model, tokenizer=tokenizer)
store = gw.Store(user="ada")
shop = None


def show(**options):
    global shop
    shop = gw.StoreBrowser(store, **options)
    return shop
"""
CARD = """## Use

To see what attention looks like before anything was learnt.

## Data

None: its numbers are random.

## Limits

It writes noise.
"""


@pytest.fixture(autouse=True)
def no_errors(page: NotebookPage):
    page.errors.clear()
    yield
    assert page.errors == []


@pytest.fixture(scope="module")
def shop(page: NotebookPage) -> Locator:
    index = page.run("show()")
    root = page.output(index).locator(".gw-store").first
    expect(root).to_have_attribute("data-status", "ready", timeout=PATIENCE)
    return root


def fill(shop: Locator, title: str) -> None:
    """The form, but for where the model comes from."""
    shop.get_by_role("textbox", name="Title").fill(title)
    shop.get_by_role("textbox", name="Summary").fill("A GPT that has learnt nothing.")
    shop.get_by_role("textbox", name="Card in Markdown").fill(CARD)
    shop.get_by_role("group", name="What it is for").get_by_role("button", name="teaching").last.click()


def tab(shop: Locator, name: str) -> None:
    shop.locator(".gw-tabs label", has_text=name).click()


def submit(shop: Locator) -> None:
    tab(shop, "Versions")
    shop.get_by_role("button", name="Submit").click()
    expect(shop.locator("[data-check]").first).to_be_visible(timeout=PATIENCE)
    expect(shop.locator('[data-passed="false"]')).to_have_count(0)


def test_a_folder_is_published_sent_back_with_words_submitted_again_and_let_in(page, shop):
    shop.get_by_role("button", name="Publish").click()
    fill(shop, "Newborn")
    shop.get_by_role("textbox", name="Folder").fill("/no/such/folder")
    shop.get_by_role("button", name="Make the draft").click()
    expect(shop.locator(".gw-panel [role=alert]")).to_contain_text("/no/such/folder")
    shop.get_by_role("textbox", name="Folder").fill(eval(page.value("folder")))
    shop.get_by_role("button", name="Make the draft").click()
    expect(shop.locator(".gw-detail h3")).to_have_text("Newborn")
    expect(shop.locator(".gw-detail .gw-head")).to_contain_text("a draft that only you see")
    expect(shop.locator(".gw-part")).to_contain_text("Its numbers are random", ignore_case=True)
    expect(shop.locator(".gw-part .gw-terms")).to_contain_text("Apache-2.0: Use it")
    submit(shop)

    shop.get_by_role("button", name="Queue").click()
    waiting = shop.get_by_role("group", name="Newborn")
    expect(waiting).to_contain_text("newborn")
    expect(waiting.get_by_role("button", name="Reject")).to_be_disabled()
    waiting.get_by_role("textbox").fill("Say <b>more</b> of its limits.")
    waiting.get_by_role("button", name="Reject").click()
    expect(shop.locator(".gw-panel")).to_contain_text("Nothing waits")
    until(page, "store.versions('newborn')['status'].tolist()", ["rejected"])

    page.value("exec(\"shop.selected = 'newborn'\")")
    shop.get_by_role("button", name="Back", exact=False).first.click()
    tab(shop, "Versions")
    expect(shop.locator(".gw-version").first).to_contain_text(
        "The reviewer says: Say <b>more</b> of its limits."
    )
    submit(shop)
    shop.get_by_role("button", name="Queue").click()
    waiting.get_by_role("textbox").fill("Small and honest.")
    waiting.get_by_role("button", name="Approve").click()
    expect(shop.locator(".gw-panel")).to_contain_text("Nothing waits")
    until(page, "store.show('newborn')['listing']['status']", "published")


def test_it_is_found_installed_and_reviewed_and_what_others_say_is_reported(page, shop):
    shop.get_by_role("button", name="Back", exact=False).first.click()
    shop.get_by_role("searchbox").fill("newborn")
    row = shop.locator('[role=row][data-name="newborn"]')
    expect(row).to_contain_text("teaching")
    expect(row.locator(".gw-fit")).to_have_attribute("data-fits", "yes", timeout=PATIENCE)
    row.click()
    detail = shop.locator(".gw-detail")
    detail.get_by_role("button", name="Install").click()
    expect(row.locator(".gw-here")).to_have_text("installed", timeout=PATIENCE)
    detail.get_by_role("button", name="Load").click()
    expect(detail.locator(".gw-loaded")).to_have_text("Loaded: shop.model", timeout=PATIENCE)
    until(page, "shop.model.n_layers", 2)
    detail.get_by_role("button", name="Verify").click()
    expect(detail.get_by_role("status").first).to_contain_text("are what they were")

    page.value("gw.Store(user='mallory').review('newborn', 1, 'Fools, <i>all</i> of you.') and None")
    tab(shop, "Reviews")
    shop.get_by_role("button", name="Write a review").click()
    shop.get_by_role("group", name="Stars").get_by_role("radio").nth(3).focus()
    page.page.keyboard.press("4")
    shop.get_by_role("textbox", name="Review in words").fill("Honest noise.")
    shop.get_by_role("button", name="Save").click()
    expect(shop.locator(".gw-own")).to_contain_text("Honest noise.")
    insult = shop.locator(".gw-opinion:not(.gw-own)")
    expect(insult).to_contain_text("Fools, <i>all</i> of you.")
    insult.get_by_role("button", name="Report").click()
    insult.get_by_role("textbox").fill("It insults.")
    insult.get_by_role("button", name="Report").click()
    expect(insult).to_contain_text("Reported")

    shop.get_by_role("button", name="Queue").click()
    report = shop.get_by_role("group", name="Report")
    expect(report).to_contain_text("A review was reported by ada, of newborn")
    expect(report).to_contain_text("It insults.")
    expect(report.locator("blockquote")).to_contain_text("Fools, <i>all</i> of you.")
    report.get_by_role("button", name="Remove the review").click()
    expect(shop.locator(".gw-panel")).to_contain_text("Nothing waits")
    until(page, "store.reviews('newborn')['person'].tolist()", ["ada"])


def test_a_model_of_the_notebook_becomes_a_new_version_by_the_keys(page, shop):
    shop.get_by_role("button", name="Publish").press("Enter")
    shop.get_by_role("radio", name="A model of this notebook").press("Space")
    shop.get_by_label("Model", exact=True).select_option("mine")
    fill(shop, "Newborn")
    shop.get_by_role("button", name="Make the draft").press("Enter")
    expect(shop.locator(".gw-detail h3")).to_be_focused()
    until(page, "store.versions('newborn')['status'].tolist()", ["draft", "published"])
    submit(shop)
    until(page, "len(store.queue())", 1)
    until(page, "store.show('newborn')['listing']['revision']", "v1")
    shop.get_by_role("button", name="Queue").press("Enter")
    shop.get_by_role("button", name="Approve").press("Enter")
    until(page, "store.show('newborn')['listing']['revision']", "v2")
