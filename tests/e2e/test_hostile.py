"""Texts that would like to be more than text, and errors, in real JupyterLab."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e import playing
from tests.e2e.playing import becomes, button, rows, written

EVIL = "</script><img src=x onerror=window.pwned=1>"
SETUP = f"""{playing.SETUP}
from tests.widgets.conftest import causal
evil = {EVIL!r}
"""


def pwned(page: Page) -> bool:
    """Whether anything of a text was taken for markup: it ran, or it stands in the page as an element."""
    return page.evaluate(
        "() => window.pwned !== undefined || document.querySelector('img[src=\"x\"]') !== null"
    )


@pytest.mark.parametrize(
    "made",
    [
        "gw.AttentionHeatmap(gpt, evil, title=evil)",
        "gw.AttentionHeatmap(causal(length=3), tokens=[evil, '<b>b</b>', '&lt;i&gt;'], title=evil)",
        "gw.AttentionHeatmap(gw.AttentionRecord.from_arrays(causal(length=2), [evil, evil], name=evil))",
    ],
    ids=["text", "tokens", "name"],
)
def test_text_stays_text(page, made):
    heat = page.heatmap(page.run(f"heat = {made}; heat"))
    for place in ("listbox", "grid"):  # hovering names tokens and heads
        heat.get_by_role(place).first.hover()
    page.value("setattr(heat, 'query', 1)")
    page.value("setattr(heat, 'view', [0, 0, 1, 1])")
    heat.locator("[data-painted]").first.hover()
    page.settle()
    assert not pwned(page.page)
    expect(heat).to_contain_text("onerror=window.pwned")


def test_every_sign_is_shown_and_none_turns_the_page_around(page):
    signs = ["\0\x01\x7f", " 👨‍👩‍👧‍👦", " שלום", " \u202eend"]
    made = f"gw.AttentionHeatmap(causal(length=4), tokens={signs!r})"
    heat = page.heatmap(page.run(f"heat = {made}; heat"))
    text = heat.get_by_role("listbox")
    for shown in ("␀␁␡", "👨‍👩‍👧‍👦", "שלום", "end"):
        expect(text).to_contain_text(shown)
    assert "\u202e" not in text.inner_text()


def test_an_error_is_said_where_the_picture_would_be_and_the_next_text_works(page):
    index = page.run("heat = gw.AttentionHeatmap(gpt, 'a\\ud83d'); heat")
    heat = page.heatmap(index, status="error")
    expect(heat).to_contain_text("half a character")
    page.value("setattr(heat, 'text', 'better')")
    heat = page.heatmap(index)
    expect(heat).not_to_contain_text("half a character")


def test_a_model_closed_under_the_widget(page):
    index = page.run("closing = tiny(1); heat = gw.AttentionHeatmap(closing, 'still readable'); heat")
    heat = page.heatmap(index)
    page.value("closing.close()")
    expect(heat).to_have_attribute("data-status", "closed")
    expect(heat).to_contain_text("The model was closed")
    heat.get_by_role("grid").press("ArrowDown")
    assert page.value("heat.weights().shape") == "(14, 14)"


LINKS = EVIL + " [a](javascript:pwned=1) **b** [c](https://example.org)"


@pytest.mark.parametrize("markdown", [False, True])
def test_what_a_model_writes_stays_text(page, markdown):
    play = playing.show(
        page,
        f"play = gw.Playground(obeying({LINKS.encode()!r}, gated=False), '<img src=x onerror=pwned=1>', "
        f"title='<b>x</b>', markdown={markdown}, max_new_tokens={len(LINKS)})\nplay.run().wait()\n"
        "play.rename('<img src=x onerror=pwned=1>')",
        status="ready",
    )
    expect(play).to_contain_text(" [a](javascript:pwned=1)")
    if not markdown:
        written(play).locator("[data-at]").last.click()
        rows(play).first.hover()
    page.settle()
    assert not pwned(page.page)
    expect(play.locator("img, a[href^=javascript]")).to_have_count(0)
    expect(play.locator("b:text('x')")).to_have_count(0)
    links = play.locator("a")
    expect(links).to_have_count(int(markdown))
    if markdown:
        expect(links).to_have_attribute("href", "https://example.org/")
        expect(links).to_have_attribute("rel", re.compile("noopener"))


@pytest.mark.parametrize(("prompt", "words"), [("", "nothing to read"), ("x" * 5000, "shorten the prompt")])
def test_a_prompt_that_cannot_be_read_is_refused_in_words_and_the_next_run_works(page, prompt, words):
    play = playing.show(
        page, f"play = gw.Playground(gpt, {prompt!r}, temperature=0, max_new_tokens=5)", status="empty"
    )
    button(play, "Run").click()
    becomes(play, "error")
    expect(play.get_by_role("alert")).to_contain_text(words)
    play.get_by_role("textbox", name="Prompt").fill("now")
    play.get_by_role("textbox", name="Prompt").press("Control+Enter")
    becomes(play, "ready")
    expect(play.get_by_role("alert")).to_have_count(0)
    expect(written(play).locator("[data-at]")).to_have_count(5)


def test_a_setting_that_cannot_be_is_put_right_and_said(page):
    play = playing.show(page, "play = gw.Playground(gpt, 'ab', max_new_tokens=5)", status="empty")
    for name, typed, words in [
        ("Top-p", "0", "top_p must be above 0 and at most 1, not 0."),
        ("Temperature", "1e-9", "temperature must be 0 (greedy) or at least 1e-06, not 1e-09."),
    ]:
        field = play.get_by_label(f"{name}, exactly")
        field.fill(typed)
        field.blur()
        expect(play.locator(".gw-notes")).to_have_text(words)
        expect(field).to_have_value("1")
    assert page.value("(play.temperature, play.top_p)") == "(1.0, 1.0)"
    button(play, "Run").click()
    becomes(play, "ready")
    expect(play.locator(".gw-notes")).to_have_count(0)
